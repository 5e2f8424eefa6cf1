//! A change of a deal's fields into properties, as far as they still hold what was expected.

use chrono::SecondsFormat;
use dealclock_connector::value::begin_of;
use dealclock_connector::{Error, ErrorKind};
use dealclock_model::effect::RecordUpdate;
use dealclock_model::record::field;
use dealclock_model::{FieldName, Value, ValueType};
use serde_json::{Map, Value as Json};

use super::value::value;
use crate::api::deal;
use crate::schema::{Reading, Schema, history_property};
use crate::wire;

/// What a change writes, and what it leaves alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordPlan {
    /// Properties to write; empty when nothing is left to do.
    pub properties: Map<String, Json>,
    /// What a person had changed, in words.
    pub kept: Vec<String>,
}

/// The property that a canonical field is written to; `None` for fields that stand on none of their own.
pub fn property_of<'a>(reading: &'a Reading, name: &FieldName) -> Option<(&'a str, ValueType)> {
    match name.as_str() {
        // They are read off others.
        field::IS_CLOSED | field::IS_WON => None,
        // In the home currency it is calculated; the deal's own amount is what people write.
        field::AMOUNT => Some((deal::AMOUNT, ValueType::Number)),
        _ => history_property(reading, name),
    }
}

/// Compares a deal with what was last seen: each field is written only while it still holds that.
///
/// A field that already holds what is to be written counts as written.
pub fn plan_record(
    current: &wire::Object,
    update: &RecordUpdate,
    schema: &Schema,
    reading: &Reading,
) -> Result<RecordPlan, Error> {
    let mut plan = RecordPlan::default();
    for (name, wanted) in &update.set {
        let Some((property, value_type)) = property_of(reading, name) else {
            return Err(Error::rejected(format!("update deals: `{name}` stands on no property")));
        };
        let wanted = at_hubspot(schema, current, name, wanted);
        let expected = update.expect.get(name).map(|value| at_hubspot(schema, current, name, value));
        match value(current.get(property), value_type, schema.zone) {
            Ok(present) if present == wanted => {}
            Ok(present) if is_expected(expected.as_ref(), &present) => {
                writable(schema, property)?;
                plan.properties.insert(property.to_owned(), Json::String(written(&wanted, schema, property)));
            }
            // What cannot be read is not what was seen either.
            Ok(_) | Err(_) => plan.kept.push(format!("{name} was changed")),
        }
    }
    Ok(plan)
}

/// A field of which nothing was seen is empty; an unset checkbox is false.
fn is_expected(expected: Option<&Value>, present: &Value) -> bool {
    match expected {
        Some(Value::Null) | None => present.is_null() || *present == Value::Bool(false),
        Some(expected) => expected == present,
    }
}

fn writable(schema: &Schema, property: &str) -> Result<(), Error> {
    let found = schema.properties.get(property);
    if found.is_some_and(|found| found.calculated || found.modification_metadata.read_only_value) {
        let message = format!("update deals: HubSpot does not let the property `{property}` be written");
        return Err(Error::new(ErrorKind::Rejected, message));
    }
    Ok(())
}

/// A value as HubSpot has it: stages and pipelines go by their ids.
fn at_hubspot(schema: &Schema, current: &wire::Object, name: &FieldName, value: &Value) -> Value {
    match (name.as_str(), value) {
        (field::STAGE, Value::Text(stage)) => {
            Value::text(schema.stage_called(stage, current.get(deal::PIPELINE)).unwrap_or(stage))
        }
        (field::PIPELINE, Value::Text(pipeline)) => Value::text(schema.pipeline_called(pipeline).unwrap_or(pipeline)),
        (_, value) => value.clone(),
    }
}

/// A value as it is sent. A date on a property that holds instants begins in the account's zone, and the other way
/// round an instant is written as the date that it is there.
fn written(value: &Value, schema: &Schema, property: &str) -> String {
    let property_type = schema.properties.get(property).map_or("", |found| found.value_type.text());
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Time(at) if property_type == "date" => at.with_timezone(&schema.zone).date_naive().to_string(),
        Value::Time(at) => at.to_rfc3339_opts(SecondsFormat::Millis, true),
        Value::Date(date) => match begin_of(*date, schema.zone).filter(|_| property_type == "datetime") {
            Some(at) => at.to_rfc3339_opts(SecondsFormat::Millis, true),
            None => date.to_string(),
        },
    }
}
