//! A cell into a value of a type, and a value into what is written.

use chrono::{DateTime, NaiveDate, SecondsFormat};
use chrono_tz::Tz;
pub use dealclock_connector::value::NotReadable;
use dealclock_connector::value::{begin_of, boolean, number};
use dealclock_model::{Instant, Value, ValueType};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value as Json;

use crate::wire::Cell;

/// Reads a cell as a value of the type; `Err` when it is none.
///
/// An unset checkbox is false; everything else that is empty is [`Value::Null`]. The zone is the org's: a date that is
/// wanted as an instant begins there, and an instant that is wanted as a date is read there.
pub fn value(cell: Option<&Cell<'_>>, value_type: ValueType, zone: Tz) -> Result<Value, NotReadable> {
    let unreadable = Err(NotReadable(value_type));
    match cell {
        None | Some(Cell::Empty) => Ok(empty(value_type)),
        Some(Cell::Text(text)) => value_of_text(text, value_type, zone),
        Some(Cell::Flag(flag)) => match value_type {
            ValueType::Bool => Ok(Value::Bool(*flag)),
            ValueType::Text => Ok(Value::text(flag.to_string())),
            ValueType::Number | ValueType::Time | ValueType::Date => unreadable,
        },
        Some(Cell::Number(number)) => match value_type {
            ValueType::Number => Ok(Value::Number(*number)),
            ValueType::Text => Ok(Value::text(number.to_string())),
            ValueType::Bool | ValueType::Time | ValueType::Date => unreadable,
        },
        Some(Cell::Row(_) | Cell::List(_)) => unreadable,
    }
}

/// Reads text as a value of the type: history tells every value as text.
pub fn value_of_text(text: &str, value_type: ValueType, zone: Tz) -> Result<Value, NotReadable> {
    if text.is_empty() {
        return Ok(empty(value_type));
    }
    let read = match value_type {
        ValueType::Bool => boolean(text).map(Value::Bool),
        ValueType::Number => number(text).map(Value::Number),
        ValueType::Text => Some(Value::text(text)),
        ValueType::Time => instant(text).or_else(|| begin_of(date(text)?, zone)).map(Value::Time),
        ValueType::Date => {
            date(text).or_else(|| Some(instant(text)?.with_timezone(&zone).date_naive())).map(Value::Date)
        }
    };
    read.ok_or(NotReadable(value_type))
}

/// Reads an instant. Salesforce writes `2026-01-05T09:12:44.000+0000`, without the colon that ISO 8601's profile for the
/// web wants.
pub fn instant(text: &str) -> Option<Instant> {
    let strict = DateTime::parse_from_rfc3339(text);
    strict.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")).ok().map(|at| at.to_utc())
}

/// Reads a plain date.
pub fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()
}

/// What is written for a value. A number goes as a number: Salesforce takes no text for one.
pub fn written(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Number(number) => match number.to_i64().filter(|whole| Decimal::from(*whole) == *number) {
            Some(whole) => whole.into(),
            None => number.to_f64().map_or(Json::Null, Json::from),
        },
        Value::Text(text) => Json::String(text.to_string()),
        Value::Time(at) => Json::String(iso(*at)),
        Value::Date(date) => Json::String(date.to_string()),
    }
}

/// An instant as it is written.
pub fn iso(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An instant as headers write it; whole seconds, rounded down.
pub fn http_date(at: Instant) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn empty(value_type: ValueType) -> Value {
    if value_type == ValueType::Bool { Value::Bool(false) } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cell: &str, value_type: ValueType, expected: &str) {
        let cell: Cell<'_> = serde_json::from_str(cell).unwrap();
        let got = match value(Some(&cell), value_type, chrono_tz::America::New_York) {
            Ok(value) => value.to_string(),
            Err(NotReadable(value_type)) => format!("no {value_type}"),
        };
        assert_eq!(got, expected, "{cell:?} as {value_type}");
    }

    #[test]
    fn cells_become_values_of_their_type_or_none() {
        for (cell, value_type, expected) in [
            ("true", ValueType::Bool, "true"),
            ("null", ValueType::Bool, "false"),
            ("\"yes\"", ValueType::Bool, "no bool"),
            ("7", ValueType::Bool, "no bool"),
            ("50000.10", ValueType::Number, "50000.1"),
            ("99999999999999.9", ValueType::Number, "99999999999999.9"),
            ("1e300", ValueType::Number, "no number"),
            ("null", ValueType::Number, "empty"),
            ("\"Open\"", ValueType::Text, "Open"),
            ("\"\"", ValueType::Text, "empty"),
            ("12", ValueType::Text, "12"),
            ("{\"Name\":\"x\"}", ValueType::Text, "no text"),
        ] {
            check(cell, value_type, expected);
        }
    }

    #[test]
    fn instants_come_without_a_colon_and_plain_dates_are_not_shifted() {
        for (cell, value_type, expected) in [
            ("\"2026-01-05T09:12:44.000+0000\"", ValueType::Time, "2026-01-05T09:12:44Z"),
            ("\"2026-01-05T09:12:44.000+0200\"", ValueType::Time, "2026-01-05T07:12:44Z"),
            ("\"2026-01-05T09:12:44Z\"", ValueType::Time, "2026-01-05T09:12:44Z"),
            ("\"2026-03-12\"", ValueType::Time, "2026-03-12T04:00:00Z"),
            ("\"soon\"", ValueType::Time, "no time"),
            ("\"2026-03-12\"", ValueType::Date, "2026-03-12"),
            ("\"2026-03-12T01:00:00.000+0000\"", ValueType::Date, "2026-03-11"),
            ("\"2026-02-30\"", ValueType::Date, "no date"),
        ] {
            check(cell, value_type, expected);
        }
    }

    #[test]
    fn a_value_is_written_so_that_it_reads_the_same() {
        let zone = chrono_tz::Europe::Berlin;
        for (value, value_type, json) in [
            (Value::Bool(true), ValueType::Bool, "true"),
            (Value::Number("60000.25".parse().unwrap()), ValueType::Number, "60000.25"),
            (Value::Number("60000".parse().unwrap()), ValueType::Number, "60000"),
            (Value::text("Größe \"x\""), ValueType::Text, r#""Größe \"x\"""#),
            (Value::Time("2026-01-05T09:12:44Z".parse().unwrap()), ValueType::Time, "\"2026-01-05T09:12:44.000Z\""),
            (Value::Date("2026-01-05".parse().unwrap()), ValueType::Date, "\"2026-01-05\""),
            (Value::Null, ValueType::Text, "null"),
        ] {
            let written = written(&value).to_string();
            assert_eq!(written, json);
            let cell: Cell<'_> = serde_json::from_str(&written).unwrap();
            assert_eq!(super::value(Some(&cell), value_type, zone), Ok(value));
        }
    }

    #[test]
    fn a_header_date_is_whole_seconds_rounded_down() {
        let at = "2026-01-05T09:12:44.900Z".parse().unwrap();
        assert_eq!(http_date(at), "Mon, 05 Jan 2026 09:12:44 GMT");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_value_or_is_not(text in "\\PC{0,40}") {
            for value_type in [ValueType::Bool, ValueType::Number, ValueType::Text, ValueType::Time, ValueType::Date] {
                let _ = value_of_text(&text, value_type, chrono_tz::Europe::Berlin);
            }
        }
    }
}
