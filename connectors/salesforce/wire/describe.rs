//! An object's definition, as far as we use it.

use serde::Deserialize;

/// An object: what we may do with it, and its fields. Fields that the integration user may not see are absent.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Describe {
    /// Whether it may be queried.
    pub queryable: bool,
    /// Whether records may be made.
    pub createable: bool,
    /// Whether records may be changed.
    pub updateable: bool,
    /// Its fields.
    pub fields: Vec<Field>,
}

impl Describe {
    /// A field; names are the same in any case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// A field.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    /// The API name.
    pub name: String,
    /// The label.
    pub label: String,
    /// The type, such as `picklist` or `datetime`.
    #[serde(rename = "type")]
    pub field_type: String,
    /// Most characters; 0 where that means nothing.
    pub length: u32,
    /// Whether a new record may bear it.
    pub createable: bool,
    /// Whether it may be changed.
    pub updateable: bool,
    /// Whether it is an external id.
    pub external_id: bool,
    /// Whether two records may not share a value.
    pub unique: bool,
    /// Whether it is a formula.
    pub calculated: bool,
    /// Whether only the listed values are taken.
    pub restricted_picklist: bool,
    /// The values of a picklist.
    pub picklist_values: Vec<PicklistValue>,
}

/// A value of a picklist.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PicklistValue {
    /// The value on the wire.
    pub value: String,
    /// What people read.
    pub label: Option<String>,
    /// Whether it may still be chosen.
    pub active: bool,
    /// Whether new records begin with it.
    pub default_value: bool,
}
