//! Holidays from an iCalendar file: the dates of its all-day events.

use chrono::{Days, NaiveDate};
use icalendar::parser::{Component, read_calendar, unfold};

/// Most days of one event; more is a slip of the hand.
const MAX_DAYS: usize = 366;

/// Most components within each other; a calendar needs three, and the parser recurses once for each.
const MAX_DEPTH: usize = 8;

/// The dates of all all-day events. Events with a time of day, and cancelled ones, are no holidays.
pub(super) fn read(text: &str) -> Result<Vec<NaiveDate>, String> {
    if depth(text) > MAX_DEPTH {
        return Err("its components are too deeply nested".to_owned());
    }
    let unfolded = unfold(text);
    // The parser's own message quotes the file at length.
    let calendar = read_calendar(&unfolded).map_err(|_| "it is not an iCalendar file".to_owned())?;
    let events = calendar.components.iter().filter(|component| component.name == "VEVENT");
    let mut dates = Vec::new();
    for event in events {
        dates.extend(days_of(event)?);
    }
    Ok(dates)
}

/// How many components begin before the first of them ends, at most.
fn depth(text: &str) -> usize {
    let starts_with =
        |line: &str, word: &str| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let depths = text.lines().map(str::trim_start).scan(0usize, |depth, line| {
        if starts_with(line, "BEGIN:") {
            *depth += 1;
        } else if starts_with(line, "END:") {
            *depth = depth.saturating_sub(1);
        }
        Some(*depth)
    });
    depths.max().unwrap_or(0)
}

fn days_of(event: &Component<'_>) -> Result<Vec<NaiveDate>, String> {
    let cancelled =
        event.find_prop("STATUS").is_some_and(|status| status.val.as_str().eq_ignore_ascii_case("cancelled"));
    let Some(first) = date(event, "DTSTART").filter(|_| !cancelled) else { return Ok(Vec::new()) };
    if ["RRULE", "RDATE"].into_iter().any(|name| event.find_prop(name).is_some()) {
        return Err(format!("the event of {first} repeats; export the calendar with every date, or list its dates"));
    }
    // The end is the first day that is no longer part of the event.
    let end = date(event, "DTEND").or_else(|| first.succ_opt()).unwrap_or(first);
    let days: Vec<_> =
        first.iter_days().take_while(|day| *day < end.max(first + Days::new(1))).take(MAX_DAYS + 1).collect();
    if days.len() > MAX_DAYS {
        return Err(format!("the event of {first} is longer than a year"));
    }
    Ok(days)
}

/// A plain date; `None` for an instant.
fn date(event: &Component<'_>, name: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(event.find_prop(name)?.val.as_str(), "%Y%m%d").ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(events: &[&str], expected: Result<&[&str], &str>) {
        let events: String = events.iter().map(|event| format!("BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n")).collect();
        let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n");
        let dates = read(&text).map(|dates| dates.iter().map(ToString::to_string).collect::<Vec<_>>());
        let expected = expected.map(|dates| dates.iter().map(ToString::to_string).collect()).map_err(str::to_owned);
        assert_eq!(dates, expected, "{events}");
    }

    #[test]
    fn all_day_events_are_holidays() {
        check(
            &[
                "SUMMARY:Christmas\\, and a very long name that is folded\r\n  onto a second line\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227",
                "DTSTART;VALUE=DATE:20270101",
                "DTSTART;VALUE=DATE:20270501\r\nDTEND;VALUE=DATE:20270501",
            ],
            Ok(&["2026-12-25", "2026-12-26", "2027-01-01", "2027-05-01"]),
        );
    }

    #[test]
    fn events_with_a_time_and_cancelled_ones_are_not() {
        check(
            &[
                "DTSTART;TZID=Europe/Berlin:20261224T140000",
                "DTSTART:20261224T140000Z",
                "STATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20261225",
                "SUMMARY:no date",
            ],
            Ok(&[]),
        );
    }

    #[test]
    fn what_cannot_be_listed_is_refused() {
        check(
            &["DTSTART;VALUE=DATE:20261225\r\nRRULE:FREQ=YEARLY"],
            Err("the event of 2026-12-25 repeats; export the calendar with every date, or list its dates"),
        );
        check(
            &["DTSTART;VALUE=DATE:20260101\r\nDTEND;VALUE=DATE:99991231"],
            Err("the event of 2026-01-01 is longer than a year"),
        );
        assert!(read("<html>").is_err());
        assert!(read(&"BEGIN:VEVENT\r\n".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_calendar_file_is_read_or_refused_without_panic(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "DTSTART", "DTEND", ";VALUE=DATE", ":20261225",
                ":99991231", ":00010101", "\r\n", "\n", "\r\n ", ":", ";", "=", "\"", "ü", "RRULE:FREQ=YEARLY", " ",
            ]), 0..30),
        ) {
            let _ = read(&pieces.concat());
        }
    }
}
