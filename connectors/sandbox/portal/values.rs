//! Whether a value fits its property, and the form in which it is stored.

use rust_decimal::Decimal;
use serde_json::Value;

use super::Portal;
use super::instant::{iso, iso_date, parse_date, parse_instant};
use super::kind::Kind;
use super::record::Record;
use super::schema::{Property, PropertyId, Reference, ValueType};
use crate::refusal::InvalidValue;

/// More does not fit into a property.
/// <https://knowledge.hubspot.com/properties/property-field-types-in-hubspot>
const LONGEST_TEXT: usize = 65_536;

/// Reads a value as callers send it: a string, or the numbers, booleans and nulls that the live API accepts too.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null => Some(String::new()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

impl Portal {
    /// Checks one value for a property of a record that exists (or is being made, with `None`).
    pub(crate) fn check_value(
        &self,
        kind: Kind,
        record: Option<&Record>,
        id: PropertyId,
        text: &str,
    ) -> Result<Option<String>, InvalidValue> {
        let property = self.schema(kind).property(id);
        if text.is_empty() {
            return Ok(None);
        }
        if text.chars().count() > LONGEST_TEXT {
            return Err(invalid(property, "PROPERTY_VALUE_TOO_LONG", format!("{} was too long", property.name)));
        }
        let stored = match property.value_type {
            ValueType::String if property.name == "hs_task_reminders" => reminders(property, text)?,
            ValueType::String => text.to_owned(),
            ValueType::Number => number(property, text)?,
            ValueType::Date => date(property, text)?,
            ValueType::DateTime => instant(property, text)?,
            ValueType::Bool => one_of(property, ["true", "false"].into_iter(), &text.to_ascii_lowercase())?,
            ValueType::Enumeration if property.is_multiple() => {
                let before = record.and_then(|record| record.value(id)).map_or("", |value| &**value);
                self.many(property, before, text)?
            }
            ValueType::Enumeration => self.single(property, text)?,
        };
        Ok(Some(stored))
    }

    /// Several values: `a;b` sets them, `;c` adds to those that are there.
    /// <https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide>
    fn many(&self, property: &Property, before: &str, text: &str) -> Result<String, InvalidValue> {
        let mut values: Vec<String> = match text.strip_prefix(';') {
            Some(_) => before.split(';').filter(|value| !value.is_empty()).map(str::to_owned).collect(),
            None => Vec::new(),
        };
        for value in text.split(';').filter(|value| !value.is_empty()) {
            let value = self.single(property, value)?;
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values.join(";"))
    }

    fn single(&self, property: &Property, text: &str) -> Result<String, InvalidValue> {
        match property.reference {
            Some(Reference::Owner) => self.owner_reference(property, text),
            Some(Reference::Pipeline) => {
                one_of(property, self.pipelines.iter().map(|pipeline| pipeline.id.as_str()), text)
            }
            Some(Reference::Stage) => {
                let stages = self.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
                one_of(property, stages.map(|stage| stage.id.as_str()), text)
            }
            None => one_of(property, property.choices.iter().map(|choice| choice.value.as_str()), text),
        }
    }

    /// The id of an owner, archived or not; the id of a user is none.
    fn owner_reference(&self, property: &Property, text: &str) -> Result<String, InvalidValue> {
        let owner = text.parse::<u64>().ok().and_then(|id| self.owners.get(&id));
        match owner {
            Some(owner) => Ok(owner.id.to_string()),
            None => Err(invalid(property, "INVALID_OWNER_ID", format!("Owner with id {text} does not exist"))),
        }
    }
}

/// A property that cannot be written because there is none of that name.
pub(crate) fn unknown_property(name: &str) -> InvalidValue {
    InvalidValue {
        property: name.to_owned(),
        code: "PROPERTY_DOESNT_EXIST",
        message: format!("Property \"{name}\" does not exist"),
    }
}

/// A property that cannot be written because only the CRM sets it.
pub(crate) fn read_only_property(name: &str) -> InvalidValue {
    InvalidValue {
        property: name.to_owned(),
        code: "READ_ONLY_VALUE",
        message: format!("\"{name}\" is a read only property; its value cannot be set."),
    }
}

/// A value that cannot be written because another record holds it already.
pub(crate) fn conflicting_value(property: &Property, text: &str, holder: &Record) -> InvalidValue {
    let message = format!("The value {text} of {} is held by {} already.", property.name, holder.id);
    invalid(property, "CONFLICTING_UNIQUE_VALUE", message)
}

fn invalid(property: &Property, code: &'static str, message: String) -> InvalidValue {
    InvalidValue { property: property.name.clone(), code, message }
}

fn one_of<'a>(
    property: &Property,
    mut admitted: impl Iterator<Item = &'a str> + Clone,
    text: &str,
) -> Result<String, InvalidValue> {
    let all = admitted.clone();
    match admitted.find(|value| *value == text) {
        Some(value) => Ok(value.to_owned()),
        None => {
            let all: Vec<_> = all.collect();
            let message = format!("{text} was not one of the allowed options: [{}]", all.join(", "));
            Err(invalid(property, "INVALID_OPTION", message))
        }
    }
}

fn number(property: &Property, text: &str) -> Result<String, InvalidValue> {
    let parsed = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
    match parsed {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(invalid(property, "INVALID_INTEGER", format!("{} was not a valid number", property.name))),
    }
}

fn instant(property: &Property, text: &str) -> Result<String, InvalidValue> {
    match parse_instant(text) {
        Some(millis) => Ok(iso(millis)),
        None => Err(invalid(property, "INVALID_LONG", format!("{text} was not a valid long."))),
    }
}

fn date(property: &Property, text: &str) -> Result<String, InvalidValue> {
    match parse_date(text) {
        Some(millis) => Ok(iso_date(millis)),
        None => Err(invalid(property, "INVALID_DATE", format!("{text} is not a date at midnight in UTC"))),
    }
}

/// Reminders of a task are milliseconds only, several of them parted by semicolons.
fn reminders(property: &Property, text: &str) -> Result<String, InvalidValue> {
    match text.split(';').all(|part| part.parse::<i64>().is_ok()) {
        true => Ok(text.to_owned()),
        false => Err(invalid(property, "INVALID_LONG", format!("{text} was not a valid long."))),
    }
}
