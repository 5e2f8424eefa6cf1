//! Validation rules: what a company does not let its records be, whoever writes them.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/tooling_api_objects_validationrule.htm>

use serde::{Deserialize, Serialize};

use super::Org;
use super::errors::Failure;
use super::formula::Formula;
use super::id::Id;
use super::kind::Kind;
use super::row::Row;

/// The first characters of the ids of rules.
pub(super) const PREFIX: &str = "03d";

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) definition: Definition,
    condition: Formula,
}

/// A rule as it is defined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Definition {
    pub(crate) active: bool,
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// What must not be.
    pub(crate) error_condition_formula: String,
    #[serde(default)]
    pub(crate) error_display_field: Option<String>,
    pub(crate) error_message: String,
}

impl Org {
    /// Adds a rule.
    pub(super) fn add_rule(&mut self, kind: Kind, name: &str, definition: Definition) -> Result<Id, Failure> {
        if self.rules.iter().any(|rule| rule.kind == kind && rule.name.eq_ignore_ascii_case(name)) {
            let message = format!("There is already a validation rule named {name} on {}.", kind.name());
            return Err(Failure::invalid("DUPLICATE_DEVELOPER_NAME", message));
        }
        let schema = &self.table(kind).schema;
        let integrity = |message: String| Failure::invalid("FIELD_INTEGRITY_EXCEPTION", message);
        let condition = Formula::parse(&definition.error_condition_formula, schema).map_err(integrity)?;
        if let Some(field) = definition.error_display_field.as_deref().filter(|name| schema.find(name).is_none()) {
            return Err(integrity(format!("Invalid error display field: {field}")));
        }
        let number = u64::try_from(self.rules.len()).unwrap_or(u64::MAX).saturating_add(1);
        let id = Id::new(PREFIX, self.instance, number);
        self.rules.push(Rule { id, kind, name: name.to_owned(), definition, condition });
        Ok(id)
    }

    /// Refuses a record that a rule does not let be.
    pub(super) fn check_rules(&self, kind: Kind, before: Option<&Row>, row: &Row) -> Result<(), Failure> {
        let broken = self
            .rules
            .iter()
            .find(|rule| rule.kind == kind && rule.definition.active && rule.condition.holds(before, row));
        match broken {
            None => Ok(()),
            Some(rule) => {
                let message = rule.definition.error_message.clone();
                let failure = Failure::invalid("FIELD_CUSTOM_VALIDATION_EXCEPTION", message);
                Err(failure.with_fields(rule.definition.error_display_field.clone()))
            }
        }
    }
}
