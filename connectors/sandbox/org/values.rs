//! Whether a value fits its field, and the form in which it is stored.

use serde_json::Value;

use super::Org;
use super::cell::Cell;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::schema::{Field, FieldType};
use super::stamp::{parse_date, parse_instant, parse_time, whole_second};

impl Org {
    /// Reads a value that a caller writes into a field.
    pub(crate) fn check_value(&self, field: &Field, value: &Value) -> Result<Cell, Failure> {
        let cell = match (field.of, value) {
            (_, Value::Null) if field.of == FieldType::Bool => {
                return Err(wrong_type(field, "boolean", "null"));
            }
            (_, Value::Null) => Cell::Null,
            (FieldType::Bool, Value::Bool(flag)) => Cell::Bool(*flag),
            (FieldType::Bool, Value::String(text)) if text == "true" || text == "false" => Cell::Bool(text == "true"),
            (FieldType::Bool, other) => return Err(wrong_type(field, "boolean", &other.to_string())),
            (FieldType::Currency | FieldType::Number | FieldType::Percent, value) => number(field, value)?,
            (FieldType::Int, value) => match number(field, value)? {
                Cell::Number(number) if number.fract() != 0.0 => {
                    return Err(wrong_type(field, "int", &value.to_string()));
                }
                whole => whole,
            },
            (FieldType::Date, Value::String(text)) => {
                // A whole instant is taken too; its date is kept.
                let date = parse_date(text).or_else(|| parse_date(text.get(..10)?).filter(|_| text.contains('T')));
                Cell::Date(date.ok_or_else(|| wrong_type(field, "date", text))?)
            }
            (FieldType::Instant, Value::String(text)) => {
                let at = parse_instant(text).ok_or_else(|| wrong_type(field, "datetime", text))?;
                Cell::Instant(whole_second(at))
            }
            (FieldType::Time, Value::String(text)) => {
                Cell::Time(parse_time(text).ok_or_else(|| wrong_type(field, "time", text))?)
            }
            (FieldType::Id | FieldType::Reference, Value::String(text)) => self.reference(field, text)?,
            (FieldType::Picklist, Value::String(text)) if !text.is_empty() => self.choice(field, text)?,
            (
                FieldType::Text
                | FieldType::TextArea
                | FieldType::Picklist
                | FieldType::ComboBox
                | FieldType::Email
                | FieldType::Phone,
                Value::String(text),
            ) => self.words(field, text)?,
            (_, other) => return Err(wrong_type(field, field.of.name(), &other.to_string())),
        };
        Ok(cell)
    }

    fn reference(&self, field: &Field, text: &str) -> Result<Cell, Failure> {
        if text.is_empty() {
            return Ok(Cell::Null);
        }
        let malformed = |what: &str| {
            Failure::invalid("MALFORMED_ID", format!("{}: {what}: {text}", field.label))
                .with_fields([field.name.as_str()])
        };
        let id = Id::parse(text).ok_or_else(|| malformed("id value of incorrect type"))?;
        let kind = Kind::of_prefix(id.prefix()).filter(|kind| field.targets.is_empty() || field.targets.contains(kind));
        let kind = kind.ok_or_else(|| malformed("id value of incorrect type"))?;
        match self.table(kind).get(id) {
            Some(row) if !row.is_deleted() => Ok(Cell::Id(id)),
            Some(_) => {
                Err(Failure::invalid("ENTITY_IS_DELETED", "entity is deleted").with_fields([field.name.as_str()]))
            }
            None => Err(Failure::bad_reference().with_fields([field.name.as_str()])),
        }
    }

    fn choice(&self, field: &Field, text: &str) -> Result<Cell, Failure> {
        let admitted = field.choices.iter().any(|choice| choice.active && choice.value == text);
        if field.restricted && !admitted {
            let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
            return Err(
                Failure::invalid("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).with_fields([field.name.as_str()])
            );
        }
        Ok(Cell::text(text))
    }

    fn words(&self, field: &Field, text: &str) -> Result<Cell, Failure> {
        // The CRM trims what people and programs write, and empty text is no text.
        let text = text.trim();
        if text.is_empty() {
            return Ok(Cell::Null);
        }
        if text.chars().count() > field.length {
            let shown: String = text.chars().take(255).collect();
            let message = format!("{}: data value too large: {shown} (max length={})", field.label, field.length);
            return Err(Failure::invalid("STRING_TOO_LONG", message).with_fields([field.name.as_str()]));
        }
        if field.of == FieldType::Email && !is_email(text) {
            let message = format!("{}: invalid email address: {text}", field.label);
            return Err(Failure::invalid("INVALID_EMAIL_ADDRESS", message).with_fields([field.name.as_str()]));
        }
        Ok(Cell::text(text))
    }
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| {
        !name.is_empty() && host.contains('.') && !host.ends_with('.') && !text.contains(' ')
    })
}

fn number(field: &Field, value: &Value) -> Result<Cell, Failure> {
    let read = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text.is_empty() => return Ok(Cell::Null),
        Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number = read.ok_or_else(|| wrong_type(field, field.of.name(), &value.to_string()))?;
    if number.abs() >= 1e18 {
        let message = format!("{}: value outside of valid range on numeric field: {value}", field.label);
        return Err(Failure::invalid("NUMBER_OUTSIDE_VALID_RANGE", message).with_fields([field.name.as_str()]));
    }
    Ok(Cell::Number(number))
}

fn wrong_type(field: &Field, wanted: &str, got: &str) -> Failure {
    let got: String = got.chars().take(80).collect();
    let message = format!(
        "Cannot deserialize instance of {wanted} from VALUE_STRING value {got} or request may be missing a required \
         field at [line:1, column:1]"
    );
    Failure::unreadable(message).with_fields([field.name.as_str()])
}
