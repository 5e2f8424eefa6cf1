//! A value of JSON into a value of a type, and back.

use chrono::{DateTime, NaiveDate, SecondsFormat};
pub use dealclock_connector::value::NotReadable;
use dealclock_connector::value::number as number_of;
use dealclock_model::{Value, ValueType};
use rust_decimal::Decimal;
use serde_json::Value as Json;

/// Reads a value of a type. `null` and the empty text are empty; an empty checkbox is false.
pub fn value(json: &Json, value_type: ValueType) -> Result<Value, NotReadable> {
    if json.is_null() || json.as_str() == Some("") {
        return Ok(if value_type == ValueType::Bool { Value::Bool(false) } else { Value::Null });
    }
    let read = match value_type {
        ValueType::Bool => json.as_bool().or_else(|| json.as_str()?.parse().ok()).map(Value::Bool),
        ValueType::Number => number(json).map(Value::Number),
        ValueType::Text => json.as_str().map(Value::text),
        ValueType::Time => {
            json.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok().map(|at| Value::Time(at.to_utc())))
        }
        ValueType::Date => {
            json.as_str().and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).map(Value::Date)
        }
    };
    read.ok_or(NotReadable(value_type))
}

/// A value as JSON. Numbers are written as text: no cent is lost to a float on the other side.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(value) => Json::String(value.to_string()),
        Value::Text(value) => Json::String(value.to_string()),
        Value::Time(value) => Json::String(value.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        Value::Date(value) => Json::String(value.to_string()),
    }
}

fn number(json: &Json) -> Option<Decimal> {
    match json {
        Json::Number(number) => number_of(&number.to_string()),
        Json::String(text) => number_of(text),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_read_by_the_type_that_is_wanted() {
        let check = |value_type, from: Json, expected: Option<Json>| {
            assert_eq!(value(&from, value_type).ok().map(|value| json(&value)), expected, "{from} as {value_type}");
        };
        check(ValueType::Bool, json!(null), Some(json!(false)));
        check(ValueType::Bool, json!(true), Some(json!(true)));
        check(ValueType::Bool, json!("true"), Some(json!(true)));
        check(ValueType::Bool, json!("yes"), None);
        check(ValueType::Number, json!("60000.10"), Some(json!("60000.10")));
        check(ValueType::Number, json!(60000.5), Some(json!("60000.5")));
        check(ValueType::Number, json!("1e3"), Some(json!("1000")));
        check(ValueType::Number, json!("twelve"), None);
        check(ValueType::Number, json!([1]), None);
        check(ValueType::Text, json!(""), Some(json!(null)));
        check(ValueType::Text, json!("Größe"), Some(json!("Größe")));
        check(ValueType::Text, json!(5), None);
        check(ValueType::Time, json!("2026-03-02T09:00:00+01:00"), Some(json!("2026-03-02T08:00:00Z")));
        check(ValueType::Time, json!("2026-03-02"), None);
        check(ValueType::Date, json!("2026-03-02"), Some(json!("2026-03-02")));
        check(ValueType::Date, json!("02.03.2026"), None);
    }
}
