//! A property's text into a value of a type.

use chrono::{DateTime, NaiveDate, NaiveTime};
use chrono_tz::Tz;
pub use dealclock_connector::value::NotReadable;
use dealclock_connector::value::{begin_of, boolean, number};
use dealclock_model::{Instant, Value, ValueType};

/// Reads a property's text as a value of the type; `Err` when it is none.
///
/// An unset checkbox is false; everything else that is empty is [`Value::Null`]. The zone is the account's: a date that
/// is wanted as an instant begins there, and an instant that is wanted as a date is read there.
pub fn value(text: Option<&str>, value_type: ValueType, zone: Tz) -> Result<Value, NotReadable> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(if value_type == ValueType::Bool { Value::Bool(false) } else { Value::Null });
    };
    let read = match value_type {
        ValueType::Bool => boolean(text).map(Value::Bool),
        ValueType::Number => number(text).map(Value::Number),
        ValueType::Text => Some(Value::text(text)),
        ValueType::Time => instant(text).or_else(|| begin_of(date(text)?, zone)).map(Value::Time),
        ValueType::Date => date(text).or_else(|| date_of(text, zone)).map(Value::Date),
    };
    read.ok_or(NotReadable(value_type))
}

/// Reads an instant: ISO 8601 with or without a fraction, or milliseconds since 1970.
pub fn instant(text: &str) -> Option<Instant> {
    match text.parse::<i64>() {
        Ok(millis) => DateTime::from_timestamp_millis(millis),
        Err(_) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()),
    }
}

fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// The date of an instant. HubSpot writes a plain date also as the milliseconds of its midnight in UTC, which no zone
/// may shift.
fn date_of(text: &str, zone: Tz) -> Option<NaiveDate> {
    let at = instant(text)?;
    let is_plain_date = text.parse::<i64>().is_ok() && at.time() == NaiveTime::MIN;
    Some(if is_plain_date { at.date_naive() } else { at.with_timezone(&zone).date_naive() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value_type: ValueType, text: &str, expected: &str) {
        let zone = chrono_tz::America::New_York;
        let got = match value(Some(text), value_type, zone) {
            Ok(value) => value.to_string(),
            Err(NotReadable(value_type)) => format!("no {value_type}"),
        };
        assert_eq!(got, expected, "{text} as {value_type}");
    }

    #[test]
    fn checkboxes_come_in_many_spellings() {
        for (text, expected) in
            [("true", "true"), ("1", "true"), ("false", "false"), ("0", "false"), ("", "false"), ("yes", "no bool")]
        {
            check(ValueType::Bool, text, expected);
        }
        assert_eq!(value(None, ValueType::Bool, Tz::UTC), Ok(Value::Bool(false)));
    }

    #[test]
    fn numbers_are_exact_or_rounded_and_never_floats() {
        for (text, expected) in [
            ("50000.10", "50000.10"),
            ("-7", "-7"),
            ("1E5", "100000"),
            ("0.40000000000000002220446049250313080847263336181640625", "0.4000000000000000222044604925"),
            ("", "empty"),
            ("NaN", "no number"),
            ("1,5", "no number"),
            ("99999999999999999999999999999999", "no number"),
        ] {
            check(ValueType::Number, text, expected);
        }
    }

    #[test]
    fn instants_come_as_iso_or_milliseconds_and_dates_begin_in_the_accounts_zone() {
        for (text, expected) in [
            ("2026-03-12T07:34:03.846Z", "2026-03-12T07:34:03Z"),
            ("2026-03-12T07:34:59Z", "2026-03-12T07:34:59Z"),
            ("2026-03-12T07:34:59+02:00", "2026-03-12T05:34:59Z"),
            ("1767225600000", "2026-01-01T00:00:00Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
            ("2026-03-12", "2026-03-12T04:00:00Z"),
            ("99999999999999999", "no time"),
            ("soon", "no time"),
        ] {
            check(ValueType::Time, text, expected);
        }
    }

    #[test]
    fn plain_dates_are_not_shifted_and_instants_are_read_in_the_accounts_zone() {
        for (text, expected) in [
            ("2026-03-12", "2026-03-12"),
            ("1767225600000", "2026-01-01"),
            ("2026-03-12T01:00:00Z", "2026-03-11"),
            ("2026-03-12T04:00:00.000Z", "2026-03-12"),
            ("2026-02-30", "no date"),
        ] {
            check(ValueType::Date, text, expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_value_or_is_not(text in "\\PC{0,40}") {
            for value_type in [ValueType::Bool, ValueType::Number, ValueType::Text, ValueType::Time, ValueType::Date] {
                let _ = value(Some(&text), value_type, chrono_tz::Europe::Berlin);
            }
        }
    }
}
