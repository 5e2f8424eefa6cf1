//! The validation rule that one checkbox is only ticked together with another.
//!
//! A dependency of fields cannot do it: only picklists can depend, and the API does not enforce that either.

use dealclock_connector::{Need, PlanState, Result};
use serde_json::{Value, json};

use crate::Salesforce;
use crate::api::OPPORTUNITY;
use crate::client::Steps;
use crate::soql;
use crate::wire::tooling::{RuleDefinition, ValidationRule};

/// The rule's name.
pub(super) const NAME: &str = "Approved_Needs_Complex";

/// One line for a person.
pub(super) fn title(need: &Need, requires: &str) -> String {
    format!("validation rule on {OPPORTUNITY}: {} only together with {requires}", need.name)
}

/// What must not be. Only the ticking is looked at, so that the other checkbox can be cleared later.
fn formula(need: &Need, requires: &str) -> String {
    let name = &need.name;
    format!("AND({name}, NOT({requires}), OR(ISNEW(), ISCHANGED({name})))")
}

/// What the Tooling API makes the rule from.
pub(super) fn definition(need: &Need, requires: &str) -> Value {
    json!({
        "FullName": format!("{OPPORTUNITY}.{NAME}"),
        "Metadata": {
            "active": true,
            "description": "More time is granted for complex deals only. Made by Dealclock.",
            "errorConditionFormula": formula(need, requires),
            "errorDisplayField": need.name,
            "errorMessage": "Approval applies to complex deals only.",
        },
    })
}

/// Whether a rule of this name does what is needed.
pub(super) fn compare(need: &Need, requires: &str, found: Option<&RuleDefinition>) -> PlanState {
    let plain = |formula: &str| -> String {
        formula.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
    };
    match found {
        None => PlanState::Missing,
        Some(found) if plain(&found.error_condition_formula) != plain(&formula(need, requires)) => {
            PlanState::Differs(format!("its formula is another one than {}", formula(need, requires)))
        }
        Some(found) if !found.active => PlanState::Differs("it is not active".to_owned()),
        Some(_) => PlanState::Present,
    }
}

impl Salesforce {
    /// The rule, where there is one of this name.
    pub(super) async fn rule(&self, steps: Option<&Steps<'_>>) -> Result<Option<RuleDefinition>> {
        let query = format!(
            "SELECT Id FROM ValidationRule WHERE EntityDefinition.QualifiedApiName = {} AND ValidationName = {}",
            soql::text(OPPORTUNITY),
            soql::text(NAME)
        );
        match self.find_tooling::<ValidationRule>(steps, &query).await?.first() {
            Some(rule) => self.definition(steps, "ValidationRule", &rule.id).await.map(Some),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::field::tests::need;
    use super::*;
    use dealclock_model::ValueType;

    #[test]
    fn a_rule_fits_whatever_its_blanks_and_differs_by_its_meaning() {
        let granted = need("Granted__c", ValueType::Bool);
        let check = |active, formula: &str, fits| {
            let found = RuleDefinition { active, error_condition_formula: formula.to_owned() };
            let state = compare(&granted, "Complex__c", Some(&found));
            assert_eq!(state == PlanState::Present, fits, "{state:?}");
        };
        check(true, "AND( granted__c,\n NOT(Complex__c), OR(ISNEW(), ISCHANGED(Granted__c)) )", true);
        check(false, "AND(Granted__c, NOT(Complex__c), OR(ISNEW(), ISCHANGED(Granted__c)))", false);
        check(true, "AND(Granted__c, NOT(Complex__c))", false);
        assert_eq!(compare(&granted, "Complex__c", None), PlanState::Missing);
    }
}
