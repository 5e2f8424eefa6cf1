//! Fields that a company adds, as the metadata of the API describes them.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/customfield.htm>

use serde::Deserialize;
use serde_json::{Value, json};

use super::cell::Cell;
use super::errors::Failure;
use super::kind::Kind;
use super::schema::{Choice, Field, FieldType};

/// A field as it is described.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(rename = "type")]
    of: String,
    #[serde(default)]
    label: String,
    length: Option<usize>,
    precision: Option<u32>,
    scale: Option<u32>,
    visible_lines: Option<u32>,
    default_value: Option<Value>,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    unique: bool,
    #[serde(default)]
    case_sensitive: bool,
    #[serde(default)]
    required: bool,
    value_set: Option<ValueSet>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValueSet {
    #[serde(default)]
    restricted: bool,
    value_set_definition: Option<ValueSetDefinition>,
}

#[derive(Debug, Deserialize)]
struct ValueSetDefinition {
    value: Vec<ListedValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedValue {
    #[serde(alias = "valueName")]
    full_name: String,
    label: Option<String>,
    #[serde(default)]
    default: bool,
    is_active: Option<bool>,
}

/// The types of field that can be added, by their names in the metadata.
const TYPES: &[(&str, FieldType)] = &[
    ("Checkbox", FieldType::Bool),
    ("Currency", FieldType::Currency),
    ("Date", FieldType::Date),
    ("DateTime", FieldType::Instant),
    ("Email", FieldType::Email),
    ("LongTextArea", FieldType::TextArea),
    ("Number", FieldType::Number),
    ("Percent", FieldType::Percent),
    ("Phone", FieldType::Phone),
    ("Picklist", FieldType::Picklist),
    ("Text", FieldType::Text),
];

/// The object and the field of a full name; fields of tasks are defined on activities.
pub(super) fn place(full_name: &str) -> Result<(Kind, &str), Failure> {
    let unknown = || Failure::invalid("INVALID_CROSS_REFERENCE_KEY", "In field: FullName - no such entity");
    let (object, name) = full_name.split_once('.').ok_or_else(unknown)?;
    let kind = match object {
        "Activity" => Kind::Task,
        "Task" | "Event" => {
            return Err(integrity("Custom fields of tasks and events are defined on Activity".to_owned()));
        }
        other => Kind::parse(other).filter(|kind| kind.is_writable()).ok_or_else(unknown)?,
    };
    Ok((kind, name))
}

/// What fields of a type are defined on.
pub(super) fn object_name(kind: Kind) -> &'static str {
    if kind == Kind::Task { "Activity" } else { kind.name() }
}

impl Metadata {
    /// The field that is described, if the description is whole.
    pub(super) fn into_field(self, name: &str) -> Result<Field, Failure> {
        let stem = name.strip_suffix("__c").unwrap_or_default();
        let is_name = stem.starts_with(|c: char| c.is_ascii_alphabetic())
            && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !stem.contains("__")
            && !stem.ends_with('_')
            && stem.len() <= 40;
        if !is_name {
            return Err(Failure::invalid(
                "INVALID_FIELD",
                format!("Invalid fullName, must end in a custom suffix (e.g. __c): {name}"),
            ));
        }
        if self.label.is_empty() {
            return Err(must("label", &self.of));
        }
        let of = TYPES.iter().find(|(known, _)| *known == self.of).map(|(_, of)| *of);
        let of = of.ok_or_else(|| integrity(format!("Fields of type {} cannot be added here", self.of)))?;
        self.check(of)?;
        let mut field = Field::new(name, &self.label, of);
        field.length = self.length.unwrap_or(field.length);
        field.external_id = self.external_id;
        field.unique = self.unique;
        field.case_sensitive = self.case_sensitive;
        field.indexed = self.unique || self.external_id;
        field.nillable = field.nillable && !self.required;
        field.needs_permission = !self.required;
        if of == FieldType::Bool {
            field.default = Cell::Bool(is_true(self.default_value.as_ref()));
        }
        if let Some(set) = self.value_set {
            field.restricted = set.restricted;
            let values = set.value_set_definition.map(|definition| definition.value).unwrap_or_default();
            field.choices = values.into_iter().map(choice).collect();
        }
        Ok(field)
    }

    /// What each type cannot do without.
    fn check(&self, of: FieldType) -> Result<(), Failure> {
        let lacks = |missing: bool, what: &str| if missing { Err(must(what, &self.of)) } else { Ok(()) };
        match of {
            FieldType::Bool => lacks(self.default_value.is_none(), "defaultValue")?,
            FieldType::Text => lacks(self.length.is_none_or(|length| length == 0 || length > 255), "length")?,
            FieldType::TextArea => {
                lacks(self.length.is_none_or(|length| !(256..=131_072).contains(&length)), "length")?;
                lacks(self.visible_lines.is_none(), "visibleLines")?;
            }
            FieldType::Number | FieldType::Currency | FieldType::Percent => {
                lacks(self.precision.is_none(), "precision")?;
                lacks(self.scale.is_none(), "scale")?;
            }
            FieldType::Picklist => lacks(self.value_set.is_none(), "valueSet")?,
            FieldType::Id
            | FieldType::ComboBox
            | FieldType::Int
            | FieldType::Date
            | FieldType::Instant
            | FieldType::Time
            | FieldType::Reference
            | FieldType::Email
            | FieldType::Phone => {}
        }
        let can_be_key = matches!(of, FieldType::Text | FieldType::Number | FieldType::Email);
        if (self.unique || self.external_id) && !can_be_key {
            return Err(integrity(format!(
                "Can not specify 'unique' or 'externalId' for a CustomField of type {}",
                self.of
            )));
        }
        Ok(())
    }
}

/// The description of a field that is there.
pub(super) fn describe(field: &Field) -> Value {
    let of = TYPES.iter().find(|(_, of)| *of == field.of).map_or("Text", |(name, _)| *name);
    let mut metadata =
        json!({ "type": of, "label": field.label, "required": !field.nillable && field.of != FieldType::Bool });
    let value = |choice: &Choice| json!({ "valueName": choice.value, "label": choice.label, "default": choice.default, "isActive": choice.active });
    let own = match field.of {
        FieldType::Bool => json!({ "defaultValue": field.default.to_text() }),
        FieldType::Picklist => {
            let values: Vec<Value> = field.choices.iter().map(value).collect();
            json!({ "valueSet": {
                "restricted": field.restricted,
                "valueSetDefinition": { "sorted": false, "value": values },
                "valueSetName": null,
            }})
        }
        FieldType::Text => json!({
            "length": field.length,
            "unique": field.unique,
            "externalId": field.external_id,
            "caseSensitive": field.case_sensitive,
        }),
        FieldType::TextArea => json!({ "length": field.length, "visibleLines": 4 }),
        FieldType::Number | FieldType::Currency | FieldType::Percent => json!({ "precision": 18, "scale": 2 }),
        FieldType::Id
        | FieldType::ComboBox
        | FieldType::Int
        | FieldType::Date
        | FieldType::Instant
        | FieldType::Time
        | FieldType::Reference
        | FieldType::Email
        | FieldType::Phone => json!({}),
    };
    for (key, value) in own.as_object().into_iter().flatten() {
        metadata[key] = value.clone();
    }
    metadata
}

fn choice(listed: ListedValue) -> Choice {
    Choice {
        label: listed.label.unwrap_or_else(|| listed.full_name.clone()),
        value: listed.full_name,
        active: listed.is_active != Some(false),
        default: listed.default,
    }
}

fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => false,
    }
}

fn must(what: &str, of: &str) -> Failure {
    integrity(format!("Must specify '{what}' for a CustomField of type {of}"))
}

fn integrity(message: String) -> Failure {
    Failure::invalid("FIELD_INTEGRITY_EXCEPTION", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, metadata: Value) -> Result<Field, Failure> {
        serde_json::from_value::<Metadata>(metadata).unwrap().into_field(name)
    }

    #[test]
    fn a_description_that_is_not_whole_is_refused() {
        let check = |name: &str, metadata: Value, why: &str| {
            let failure = field(name, metadata).unwrap_err();
            assert!(failure.message.contains(why), "{}", failure.message);
        };
        check("Complex", json!({ "type": "Checkbox", "label": "C", "defaultValue": "false" }), "custom suffix");
        check("a__b__c", json!({ "type": "Date", "label": "C" }), "custom suffix");
        check("C__c", json!({ "type": "Checkbox", "label": "C" }), "'defaultValue'");
        check("C__c", json!({ "type": "Date" }), "'label'");
        check("C__c", json!({ "type": "Text", "label": "C" }), "'length'");
        check("C__c", json!({ "type": "LongTextArea", "label": "C", "length": 255, "visibleLines": 3 }), "'length'");
        check("C__c", json!({ "type": "Number", "label": "C", "precision": 18 }), "'scale'");
        check("C__c", json!({ "type": "Picklist", "label": "C" }), "'valueSet'");
        check("C__c", json!({ "type": "Date", "label": "C", "unique": true }), "'unique'");
        check("C__c", json!({ "type": "Hologram", "label": "C" }), "cannot be added");
    }

    #[test]
    fn what_is_described_is_described_again() {
        let values = json!([{ "valueName": "a", "label": "A", "default": false, "isActive": true }]);
        for metadata in [
            json!({ "type": "Checkbox", "label": "C", "defaultValue": "false", "required": false }),
            json!({ "type": "Text", "label": "C", "length": 64, "unique": true, "externalId": true, "caseSensitive": true, "required": false }),
            json!({ "type": "Picklist", "label": "C", "required": false, "valueSet": { "restricted": true,
                "valueSetDefinition": { "sorted": false, "value": values }, "valueSetName": null } }),
        ] {
            assert_eq!(describe(&field("C__c", metadata.clone()).unwrap()), metadata);
        }
    }
}
