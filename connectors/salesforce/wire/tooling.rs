//! What the Tooling API says of fields and rules.

use serde::Deserialize;

/// A page of a Tooling query.
#[derive(Debug, Deserialize)]
pub struct Found<T> {
    /// What was found.
    #[serde(default = "Vec::new")]
    pub records: Vec<T>,
}

/// A custom field, as a query finds it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CustomField {
    /// Its id.
    pub id: String,
    /// Its name without the `__c` at the end.
    pub developer_name: String,
    /// The object that it stands on.
    pub table_enum_or_id: String,
    /// The package that it belongs to.
    pub namespace_prefix: Option<String>,
}

/// A validation rule, as a query finds it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ValidationRule {
    /// Its id.
    pub id: String,
}

/// A single record of the Tooling API with its definition.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Defined<T> {
    /// The definition.
    pub metadata: T,
}

/// The [definition of a field](https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/customfield.htm).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldDefinition {
    /// The type, such as `Checkbox`.
    #[serde(rename = "type")]
    pub field_type: Option<String>,
    /// Most characters.
    pub length: Option<u32>,
    /// Whether two records may not share a value.
    pub unique: Option<bool>,
    /// Whether records can be named by it.
    pub external_id: Option<bool>,
    /// The formula that computes it, where one does.
    pub formula: Option<String>,
    /// The values of a picklist.
    pub value_set: Option<ValueSet>,
}

/// The values of a picklist.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ValueSet {
    /// The set that it shares with other fields, where it does.
    pub value_set_name: Option<String>,
    /// Its own values.
    pub value_set_definition: Option<ValueSetDefinition>,
}

/// The values of one picklist.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ValueSetDefinition {
    /// In order.
    pub value: Vec<PicklistChoice>,
}

/// A value of a picklist.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PicklistChoice {
    /// The value on the wire; the Tooling API has written it under either name.
    #[serde(alias = "valueName")]
    pub full_name: String,
    /// Whether it may still be chosen; absent means yes.
    pub is_active: Option<bool>,
}

/// The [definition of a validation rule](https://developer.salesforce.com/docs/atlas.en-us.api_meta.meta/api_meta/meta_validationformulas.htm).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuleDefinition {
    /// Whether it is enforced.
    pub active: bool,
    /// What must not be.
    pub error_condition_formula: String,
}
