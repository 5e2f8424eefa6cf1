//! Instants, dates and times as the CRM reads and writes them.

use chrono::{DateTime, NaiveDate, NaiveTime, Timelike};

use crate::portal::instant::{Millis, to_datetime};

/// Writes an instant as the CRM does: with milliseconds, and without a colon in the offset.
pub(crate) fn write_instant(millis: Millis) -> String {
    let at = to_datetime(millis);
    let (date, time) = (at.date_naive(), at.time());
    let millis = at.timestamp_subsec_millis();
    format!("{date}T{:02}:{:02}:{:02}.{millis:03}+0000", time.hour(), time.minute(), time.second())
}

/// Writes an instant as in a header.
pub(crate) fn write_http_date(millis: Millis) -> String {
    to_datetime(millis).format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads an instant out of a header.
pub(crate) fn parse_http_date(text: &str) -> Option<Millis> {
    DateTime::parse_from_rfc2822(text).ok().map(|at| at.timestamp_millis())
}

/// Reads an instant with its offset: `Z`, `+01:00` or `+0100`, with or without a fraction.
pub(crate) fn parse_instant(text: &str) -> Option<Millis> {
    let parsed = DateTime::parse_from_rfc3339(text);
    let parsed = parsed.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    parsed.ok().map(|at| at.timestamp_millis())
}

/// Reads a date.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    // Chrono reads `2026-1-5` too, which the CRM does not.
    (text.len() == 10).then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// Writes milliseconds since midnight as a time.
pub(crate) fn write_time(millis: u32) -> String {
    let time = NaiveTime::from_num_seconds_from_midnight_opt(millis / 1000, millis % 1000 * 1_000_000);
    time.unwrap_or(NaiveTime::MIN).format("%H:%M:%S%.3fZ").to_string()
}

/// Reads a time as milliseconds since midnight.
pub(crate) fn parse_time(text: &str) -> Option<u32> {
    let time = NaiveTime::parse_from_str(text.strip_suffix('Z').unwrap_or(text), "%H:%M:%S%.f").ok()?;
    Some(time.num_seconds_from_midnight() * 1000 + time.nanosecond() / 1_000_000)
}

/// The second that an instant lies in; the CRM keeps no more of it.
pub(crate) fn whole_second(millis: Millis) -> Millis {
    millis - millis.rem_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_every_form_and_written_in_one() {
        for text in [
            "2026-01-05T09:12:44Z",
            "2026-01-05T09:12:44.000Z",
            "2026-01-05T10:12:44+01:00",
            "2026-01-05T10:12:44.000+0100",
        ] {
            assert_eq!(
                parse_instant(text).map(write_instant).as_deref(),
                Some("2026-01-05T09:12:44.000+0000"),
                "{text}"
            );
        }
        assert_eq!(parse_instant("2026-01-05"), None);
    }

    #[test]
    fn headers_keep_the_second() {
        let at = parse_instant("2026-01-05T09:12:44Z").unwrap();
        assert_eq!(write_http_date(at), "Mon, 05 Jan 2026 09:12:44 GMT");
        assert_eq!(parse_http_date(&write_http_date(at)), Some(at));
    }

    #[test]
    fn times_of_day_are_written_as_they_are_read() {
        assert_eq!(parse_time("09:00:00.000Z").map(write_time).as_deref(), Some("09:00:00.000Z"));
        assert_eq!(parse_time("17:30:00").map(write_time).as_deref(), Some("17:30:00.000Z"));
        assert_eq!(parse_time("25:00:00"), None);
    }
}
