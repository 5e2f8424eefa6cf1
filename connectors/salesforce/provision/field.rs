//! Fields: how each kind of need is defined, and whether one that exists fits.

use std::collections::HashMap;
use std::sync::Arc;

use dealclock_connector::{Need, PlanState, Priority, Result};
use dealclock_model::ValueType;
use serde_json::{Value, json};

use crate::Salesforce;
use crate::api::{KEY, OPPORTUNITY, OUTCOME, TASK};
use crate::client::Steps;
use crate::schema::{Schema, value_type};
use crate::soql;
use crate::wire::tooling::{CustomField, FieldDefinition, PicklistChoice};

/// What the field in which tasks are decided is called among the needs.
const DECISION: &str = "dealclock_outcome";

/// What the names of fields that an org makes for itself end with.
const SUFFIX: &str = "__c";

/// Most characters of a key.
const KEY_LENGTH: u32 = 64;

/// Why a field cannot be made under a name.
pub(super) const NOT_OURS: &str = "Salesforce has no field of that name, and those that can be made end with `__c`; \
    put `__c` behind the name in the mapping, or name a standard field there";

/// The object that a field stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Opportunities.
    Opportunity,
    /// Tasks, whose fields are defined on activities and shared with events.
    Activity,
}

impl Place {
    /// Where a need is to stand.
    pub(super) fn of(need: &Need) -> Place {
        if need.on_tasks { Place::Activity } else { Place::Opportunity }
    }

    /// The object that the field is defined on.
    fn object(self) -> &'static str {
        match self {
            Place::Opportunity => OPPORTUNITY,
            Place::Activity => "Activity",
        }
    }

    /// The object that permissions speak of.
    pub(super) fn permitted_object(self) -> &'static str {
        match self {
            Place::Opportunity => OPPORTUNITY,
            Place::Activity => TASK,
        }
    }
}

/// The API name; fields on tasks have names of their own on every CRM.
pub(super) fn api_name(need: &Need) -> &str {
    match (Place::of(need), need.name.as_str()) {
        (Place::Opportunity, name) => name,
        (Place::Activity, DECISION) => OUTCOME,
        (Place::Activity, _) => KEY,
    }
}

/// Whether it is the field in which approvers decide.
pub(super) fn is_decision(need: &Need) -> bool {
    Place::of(need) == Place::Activity && need.name == DECISION
}

/// Whether the field is one that an org makes for itself.
pub(super) fn is_custom(need: &Need) -> bool {
    api_name(need).ends_with(SUFFIX)
}

/// Whether the field is a checkbox.
pub(super) fn is_checkbox(need: &Need) -> bool {
    need.value_type == ValueType::Bool
}

/// One line for a person.
pub(super) fn title(need: &Need) -> String {
    let unique = if need.unique { ", unique external id" } else { "" };
    format!("field \"{}\" on {} ({}{unique})", need.label, Place::of(need).object(), FieldType::of(need).name())
}

/// What the Tooling API makes the field from; `None` where only a standard field could have its name, or a package's.
///
/// [CustomField](https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/tooling_api_objects_customfield.htm)
pub(super) fn definition(need: &Need) -> Option<Value> {
    let name = api_name(need);
    if name.strip_suffix(SUFFIX)?.contains("__") {
        return None;
    }
    let made = FieldType::of(need);
    let mut metadata = json!({ "type": made.name(), "label": need.label, "description": need.description });
    let own = match made {
        FieldType::Checkbox => json!({ "defaultValue": "false" }),
        FieldType::Number => json!({ "precision": 18, "scale": 2 }),
        FieldType::Picklist => {
            json!({ "valueSet": { "restricted": true, "valueSetDefinition": { "sorted": false, "value": choices(need) } } })
        }
        FieldType::LongText => json!({ "length": 32_768, "visibleLines": 4 }),
        FieldType::Key => json!({ "length": KEY_LENGTH, "externalId": true, "unique": true, "caseSensitive": true }),
        FieldType::Text => json!({ "length": 255 }),
        FieldType::Time | FieldType::Date => json!({}),
    };
    for (key, value) in own.as_object().into_iter().flatten() {
        metadata[key] = value.clone();
    }
    Some(json!({ "FullName": format!("{}.{name}", Place::of(need).object()), "Metadata": metadata }))
}

fn choices(need: &Need) -> Vec<Value> {
    let choice = |(value, label): &(String, String)| json!({ "fullName": value, "label": label, "default": false });
    need.options.iter().map(choice).collect()
}

/// The type that a needed field is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldType {
    Checkbox,
    Number,
    Picklist,
    LongText,
    /// Text that no two records share.
    Key,
    Text,
    Time,
    Date,
}

impl FieldType {
    fn of(need: &Need) -> FieldType {
        match need.value_type {
            ValueType::Bool => FieldType::Checkbox,
            ValueType::Number => FieldType::Number,
            ValueType::Text if !need.options.is_empty() => FieldType::Picklist,
            ValueType::Text if need.long_text => FieldType::LongText,
            ValueType::Text if need.unique => FieldType::Key,
            ValueType::Text => FieldType::Text,
            ValueType::Time => FieldType::Time,
            ValueType::Date => FieldType::Date,
        }
    }

    /// The name in the metadata.
    fn name(self) -> &'static str {
        match self {
            FieldType::Checkbox => "Checkbox",
            FieldType::Number => "Number",
            FieldType::Picklist => "Picklist",
            FieldType::LongText => "LongTextArea",
            FieldType::Key | FieldType::Text => "Text",
            FieldType::Time => "DateTime",
            FieldType::Date => "Date",
        }
    }

    /// Whether an existing field of a type, by its name in the metadata, serves as well.
    fn is_served_by(self, existing: &str) -> bool {
        match self {
            FieldType::Number => matches!(existing, "Number" | "Currency" | "Percent"),
            FieldType::Text => matches!(existing, "Text" | "TextArea" | "LongTextArea" | "Picklist"),
            FieldType::LongText => matches!(existing, "LongTextArea" | "TextArea" | "Html"),
            FieldType::Checkbox | FieldType::Picklist | FieldType::Key | FieldType::Time | FieldType::Date => {
                existing == self.name()
            }
        }
    }
}

/// The fields that the org has of those that are needed.
pub(super) struct Fields {
    custom: HashMap<(Place, String), FieldDefinition>,
    /// The definition of opportunities, where standard fields are needed.
    standard: Option<Arc<Schema>>,
}

impl Fields {
    /// What the org has of a needed field.
    pub(super) fn compare(&self, need: &Need) -> PlanState {
        let name = api_name(need);
        if let Some(found) = self.custom.get(&(Place::of(need), name.to_ascii_lowercase())) {
            return compare(need, found);
        }
        let standard = self.standard.as_ref().and_then(|schema| schema.opportunity.field(name));
        if let Some(standard) = standard.filter(|_| !is_custom(need)) {
            return match value_type(standard) {
                Some(found) if found == need.value_type && standard.updateable => PlanState::Present,
                Some(_) | None => PlanState::Differs(format!(
                    "the standard field is of the type {} where {} is needed, or cannot be written",
                    standard.field_type,
                    FieldType::of(need).name()
                )),
            };
        }
        match definition(need) {
            Some(_) => PlanState::Missing,
            None if is_custom(need) => {
                PlanState::Differs("it belongs to a package, and only the package can bring it".to_owned())
            }
            None => PlanState::Differs(NOT_OURS.to_owned()),
        }
    }
}

fn compare(need: &Need, found: &FieldDefinition) -> PlanState {
    let differs = |why: &str| PlanState::Differs(why.to_owned());
    let existing = found.field_type.as_deref().unwrap_or_default();
    if found.formula.as_deref().is_some_and(|formula| !formula.is_empty()) {
        return differs("a formula computes it, so it cannot be written");
    }
    let wanted = FieldType::of(need);
    if !wanted.is_served_by(existing) {
        return PlanState::Differs(format!("it is of the type {existing} where {} is needed", wanted.name()));
    }
    if need.unique && !(found.unique == Some(true) && found.external_id == Some(true)) {
        return differs("it must be a unique external id, else a reminder could appear twice");
    }
    if need.unique && found.length.is_some_and(|length| length < KEY_LENGTH) {
        return PlanState::Differs(format!("it is too short for a key of {KEY_LENGTH} characters"));
    }
    if wanted == FieldType::Picklist { compare_values(need, found) } else { PlanState::Present }
}

fn compare_values(need: &Need, found: &FieldDefinition) -> PlanState {
    let set = found.value_set.clone().unwrap_or_default();
    if let Some(shared) = set.value_set_name {
        return PlanState::Differs(format!("its values are those of the global value set {shared}; see to them there"));
    }
    let known = set.value_set_definition.unwrap_or_default().value;
    let has = |value: &str| known.iter().any(|choice| is_choice(choice, value));
    let missing: Vec<&str> = need.options.iter().map(|(value, _)| value.as_str()).filter(|value| !has(value)).collect();
    match missing[..] {
        [] => PlanState::Present,
        _ => PlanState::Differs(format!("it lacks the values {}", missing.join(", "))),
    }
}

fn is_choice(choice: &PicklistChoice, value: &str) -> bool {
    choice.full_name == value && choice.is_active != Some(false)
}

impl Salesforce {
    /// Reads what the org has of the needed fields. Definitions of objects do not tell it: a field that nobody may see
    /// yet is in none of them.
    pub(super) async fn fields(&self, steps: Option<&Steps<'_>>, needs: &[Need]) -> Result<Fields> {
        let stems: Vec<&str> = needs.iter().filter_map(stem).collect();
        let mut custom = HashMap::new();
        if !stems.is_empty() {
            let query = format!(
                "SELECT Id, DeveloperName, TableEnumOrId, NamespacePrefix FROM CustomField \
                 WHERE TableEnumOrId IN ('Opportunity', 'Activity') AND DeveloperName IN {}",
                soql::list(stems)
            );
            for found in self.find_tooling::<CustomField>(steps, &query).await? {
                let Some(need) = needs.iter().find(|need| is_found(need, &found)) else { continue };
                let definition = self.definition(steps, "CustomField", &found.id).await?;
                custom.insert((Place::of(need), api_name(need).to_ascii_lowercase()), definition);
            }
        }
        let is_standard = |need: &Need| Place::of(need) == Place::Opportunity && !is_custom(need);
        let standard = if needs.iter().any(is_standard) { Some(self.schema(Priority::Write).await?) } else { None };
        Ok(Fields { custom, standard })
    }
}

/// The name without package and ending.
fn stem(need: &Need) -> Option<&str> {
    let name = api_name(need).strip_suffix(SUFFIX)?;
    Some(name.split_once("__").map_or(name, |(_, name)| name))
}

fn is_found(need: &Need, found: &CustomField) -> bool {
    let package = found.namespace_prefix.as_deref().filter(|prefix| !prefix.is_empty());
    let package = package.map_or(String::new(), |prefix| format!("{prefix}__"));
    let name = format!("{package}{}{SUFFIX}", found.developer_name);
    found.table_enum_or_id == Place::of(need).object() && name.eq_ignore_ascii_case(api_name(need))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::provision) fn need(name: &str, value_type: ValueType) -> Need {
        Need {
            on_tasks: false,
            name: name.to_owned(),
            label: name.trim_end_matches(SUFFIX).replace('_', " "),
            description: "What it is for.".to_owned(),
            value_type,
            options: Vec::new(),
            long_text: false,
            unique: false,
            read_only_for_reps: false,
            requires: None,
        }
    }

    fn key() -> Need {
        Need { on_tasks: true, unique: true, ..need("dealclock_key", ValueType::Text) }
    }

    fn reason() -> Need {
        let options = ["price", "other"].map(|value| (value.to_owned(), value.to_uppercase()));
        Need { options: options.into(), ..need("Reason__c", ValueType::Text) }
    }

    #[test]
    fn each_type_is_defined_as_salesforce_wants_it() {
        let words = Need { long_text: true, ..need("Reason_Text__c", ValueType::Text) };
        let needs = [
            need("Complex__c", ValueType::Bool),
            reason(),
            words,
            need("Wanted_Until__c", ValueType::Date),
            need("Sent_At__c", ValueType::Time),
            need("Discount__c", ValueType::Number),
            need("Note__c", ValueType::Text),
            key(),
        ];
        let made: Vec<_> = needs.iter().map(|need| (title(need), definition(need))).collect();
        insta::assert_json_snapshot!("definitions", made);
    }

    #[test]
    fn names_that_only_salesforce_or_a_package_could_use_are_not_made() {
        for name in ["delay_reason", "Description", "acme__Complex__c"] {
            assert_eq!(definition(&need(name, ValueType::Bool)), None, "{name}");
        }
    }

    #[test]
    fn what_exists_fits_or_says_why_not() {
        let check = |need: &Need, found: Value, reason: &str| {
            let found: FieldDefinition = serde_json::from_value(found).unwrap();
            match compare(need, &found) {
                PlanState::Present => assert_eq!(reason, "", "{found:?}"),
                PlanState::Differs(why) => assert!(!reason.is_empty() && why.contains(reason), "{why}"),
                PlanState::Missing => panic!("{found:?} is there"),
            }
        };
        let values =
            |values: &[Value]| json!({ "type": "Picklist", "valueSet": { "valueSetDefinition": { "value": values } } });
        let complex = need("Complex__c", ValueType::Bool);
        check(&complex, json!({ "type": "Checkbox" }), "");
        check(&complex, json!({ "type": "Checkbox", "formula": "TRUE" }), "formula");
        check(&complex, json!({ "type": "Text", "length": 255 }), "it is of the type Text");
        check(&need("N__c", ValueType::Number), json!({ "type": "Currency" }), "");
        check(
            &reason(),
            values(&[json!({ "fullName": "price" }), json!({ "valueName": "other", "isActive": null })]),
            "",
        );
        check(&reason(), values(&[json!({ "fullName": "price" })]), "lacks the values other");
        check(
            &reason(),
            values(&[json!({ "fullName": "price" }), json!({ "fullName": "other", "isActive": false })]),
            "other",
        );
        check(
            &reason(),
            json!({ "type": "Picklist", "valueSet": { "valueSetName": "Reasons" } }),
            "global value set Reasons",
        );
        let text = |length, unique, external| json!({ "type": "Text", "length": length, "unique": unique, "externalId": external });
        check(&key(), text(64, true, true), "");
        check(&key(), text(64, true, false), "unique external id");
        check(&key(), text(64, false, true), "unique external id");
        check(&key(), text(40, true, true), "too short");
    }

    #[test]
    fn a_field_is_found_with_its_package_and_on_its_object() {
        let found = |object: &str, package: Option<&str>| CustomField {
            id: "00N".to_owned(),
            developer_name: "Complex".to_owned(),
            table_enum_or_id: object.to_owned(),
            namespace_prefix: package.map(str::to_owned),
        };
        let own = need("complex__c", ValueType::Bool);
        assert!(is_found(&own, &found("Opportunity", None)));
        assert!(!is_found(&own, &found("Activity", None)));
        assert!(!is_found(&own, &found("Opportunity", Some("acme"))));
        assert!(is_found(&need("acme__Complex__c", ValueType::Bool), &found("Opportunity", Some("acme"))));
        assert_eq!(stem(&need("acme__Complex__c", ValueType::Bool)), Some("Complex"));
    }
}
