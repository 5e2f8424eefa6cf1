//! Instants as the CRM stores and writes them: whole milliseconds since 1970.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// Milliseconds since 1970 in UTC.
pub(crate) type Millis = i64;

/// A day in milliseconds.
pub(crate) const DAY: Millis = 86_400_000;

/// The instant as a date and time; out of range becomes the nearest end.
pub(crate) fn to_datetime(millis: Millis) -> DateTime<Utc> {
    let nearest = if millis < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp_millis(millis).unwrap_or(nearest)
}

/// Writes an instant as the CRM does: with milliseconds only where there are some.
pub(crate) fn iso(millis: Millis) -> String {
    let format = if millis.rem_euclid(1000) == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    to_datetime(millis).to_rfc3339_opts(format, true)
}

/// Reads an instant: ISO 8601 or milliseconds since 1970.
pub(crate) fn parse_instant(text: &str) -> Option<Millis> {
    if let Ok(millis) = text.parse::<Millis>() {
        return DateTime::<Utc>::from_timestamp_millis(millis).map(|_| millis);
    }
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis()).or_else(|| parse_date(text))
}

/// Reads a date: `YYYY-MM-DD` or the milliseconds of a midnight in UTC.
pub(crate) fn parse_date(text: &str) -> Option<Millis> {
    if let Ok(millis) = text.parse::<Millis>() {
        return (millis % DAY == 0).then_some(millis);
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// Writes a date as the CRM does.
pub(crate) fn iso_date(millis: Millis) -> String {
    to_datetime(millis).format("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_written_only_where_there_are_some() {
        assert_eq!(iso(1_773_300_843_846), "2026-03-12T07:34:03.846Z");
        assert_eq!(iso(1_773_300_843_000), "2026-03-12T07:34:03Z");
    }

    #[test]
    fn instants_are_read_in_both_forms() {
        assert_eq!(parse_instant("2026-03-12T07:34:03.846Z"), Some(1_773_300_843_846));
        assert_eq!(parse_instant("2026-03-12T08:34:03+01:00"), Some(1_773_300_843_000));
        assert_eq!(parse_instant("1773300843846"), Some(1_773_300_843_846));
        assert_eq!(parse_instant("soon"), None);
        assert_eq!(parse_instant("99999999999999999"), None);
    }

    #[test]
    fn a_date_in_milliseconds_is_a_midnight() {
        assert_eq!(parse_date("2026-03-12"), Some(1_773_273_600_000));
        assert_eq!(parse_date("1773273600000"), Some(1_773_273_600_000));
        assert_eq!(parse_date("1773273600001"), None);
    }
}
