//! A field's value and its type, as rules see them.

use std::fmt;
use std::sync::Arc;

use chrono::{NaiveDate, SecondsFormat};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Instant;

/// A field's value after normalisation. Money and every other number is a decimal, never a float.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// The field is empty in the CRM.
    #[default]
    #[serde(rename = "null")]
    Null,
    /// A checkbox. An unset checkbox is `false`.
    #[serde(rename = "b")]
    Bool(bool),
    /// A number, exactly as the CRM wrote it.
    #[serde(rename = "n")]
    Number(Decimal),
    /// Text, or the value of a picklist.
    #[serde(rename = "s")]
    Text(Arc<str>),
    /// An instant.
    #[serde(rename = "t")]
    Time(Instant),
    /// A plain date without a zone; it is never shifted.
    #[serde(rename = "d")]
    Date(NaiveDate),
}

impl Value {
    /// A text value.
    pub fn text(text: impl AsRef<str>) -> Value {
        Value::Text(Arc::from(text.as_ref()))
    }

    /// Whether the field is empty.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The type of a non-empty value.
    pub fn value_type(&self) -> Option<ValueType> {
        match self {
            Value::Null => None,
            Value::Bool(_) => Some(ValueType::Bool),
            Value::Number(_) => Some(ValueType::Number),
            Value::Text(_) => Some(ValueType::Text),
            Value::Time(_) => Some(ValueType::Time),
            Value::Date(_) => Some(ValueType::Date),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("empty"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "{value}"),
            Value::Text(value) => f.write_str(value),
            Value::Time(value) => f.write_str(&value.to_rfc3339_opts(SecondsFormat::Secs, true)),
            Value::Date(value) => write!(f, "{value}"),
        }
    }
}

/// The type of a field in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// A checkbox.
    Bool,
    /// A decimal number.
    Number,
    /// Text; picklists are text with options in the catalogue.
    Text,
    /// An instant.
    Time,
    /// A plain date.
    Date,
}

impl ValueType {
    /// The name as written in a mapping: `type = "number"`.
    pub fn as_str(self) -> &'static str {
        match self {
            ValueType::Bool => "bool",
            ValueType::Number => "number",
            ValueType::Text => "text",
            ValueType::Time => "time",
            ValueType::Date => "date",
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
