//! Days away from a person's calendar file: its all-day events.

use std::str::FromStr;

use chrono::Days;
use dealclock_model::time::DateRange;
use icalendar::{Calendar, CalendarComponent, Component, DatePerhapsTime};

/// Reads the all-day events. An event with hours is an appointment and not an absence.
///
/// Recurring events count once; a person who is away every Friday has working hours for that.
pub(super) fn read(text: &str) -> Result<Vec<DateRange>, String> {
    let calendar = Calendar::from_str(text).map_err(|_| "is not an iCalendar file".to_owned())?;
    if calendar.components.is_empty() && !text.contains("BEGIN:VCALENDAR") {
        return Err("is not an iCalendar file".to_owned());
    }
    Ok(calendar.components.iter().filter_map(days).collect())
}

fn days(component: &CalendarComponent) -> Option<DateRange> {
    let CalendarComponent::Event(event) = component else { return None };
    let Some(DatePerhapsTime::Date(from)) = event.get_start() else { return None };
    // DTEND of an all-day event is the first day after it: https://datatracker.ietf.org/doc/html/rfc5545#section-3.6.1
    let last = match event.get_end() {
        Some(DatePerhapsTime::Date(end)) => end.checked_sub_days(Days::new(1))?,
        Some(DatePerhapsTime::DateTime(_)) | None => from,
    };
    Some(DateRange { from, to: last.max(from) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(events: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
    }

    #[test]
    fn all_day_events_are_absences_and_meetings_are_not() {
        let text = calendar(
            "BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20260701\r\nDTEND;VALUE=DATE:20260715\r\nEND:VEVENT\r\n\
             BEGIN:VEVENT\r\nUID:2\r\nDTSTART:20260720T090000Z\r\nDTEND:20260720T100000Z\r\nEND:VEVENT\r\n\
             BEGIN:VEVENT\r\nUID:3\r\nDTSTART;VALUE=DATE:20261224\r\nEND:VEVENT\r\n",
        );
        let days = read(&text).unwrap();
        let shown: Vec<String> = days.iter().map(|range| format!("{}..{}", range.from, range.to)).collect();
        assert_eq!(shown, ["2026-07-01..2026-07-14", "2026-12-24..2026-12-24"]);
    }

    #[test]
    fn any_text_is_read_or_refused() {
        for text in ["", "hello", "BEGIN:VCALENDAR", "<html>"] {
            assert!(read(text).is_err(), "{text:?}");
        }
        let odd = calendar("BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:2026\r\nEND:VEVENT\r\n");
        assert_eq!(read(&odd), Ok(Vec::new()));
    }
}
