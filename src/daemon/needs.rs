//! The CRM fields that the running example needs, under the names that the mapping gives them.

use dealclock_connector::{FieldSource, Mapping, Need};
use dealclock_model::record::field;
use dealclock_model::{FieldName, Object, ValueType};

/// The field on tasks that holds an effect's id; the CRM refuses a second task with the same one.
pub const TASK_KEY: &str = "dealclock_key";

/// The field on tasks in which an approver says what they decide.
pub const TASK_OUTCOME: &str = "dealclock_outcome";

/// What an approver may say there, as `(value, label)`.
const OUTCOMES: [(&str, &str); 2] = [("approved", "Approved"), ("refused", "Refused")];

/// What a manager may decide in a field of the record, as `(value, label)`.
const DECISIONS: [(&str, &str); 2] = [("Approved", "Approved"), ("Rejected", "Rejected")];

/// Well-known names of fields that are the company's own all the same: its price list knows the discount.
const NEVER_MADE: [&str; 1] = ["discount_percent"];

/// Why a proposal is late, as `(value, label)`; the last one wants words.
const REASONS: [(&str, &str); 6] = [
    ("price", "Price"),
    ("legal", "Legal"),
    ("technical", "Technical"),
    ("customer", "Customer"),
    ("resources", "Resources"),
    ("other", "Other"),
];

/// What must exist for the mapping to work, and the well-known names that it leaves out.
///
/// Fields under other names are the company's own and never made: a slip of the hand would become a field.
pub fn needs(mapping: &Mapping) -> (Vec<Need>, Vec<&'static str>) {
    let mapped = mapping.fields.get(&Object::Opportunity);
    let source = |name: &str| mapped.and_then(|fields| fields.get(&FieldName::from(name)));
    let complex = match source("complex") {
        Some(FieldSource::Field { name, .. }) => Some(name.as_str()),
        Some(FieldSource::StageEntered { .. }) | None => None,
    };
    let mut needs = vec![task_key(), task_outcome()];
    let mut unmapped = Vec::new();
    for (name, _) in field::WELL_KNOWN.iter().filter(|(name, _)| !NEVER_MADE.contains(name)) {
        match source(name) {
            Some(FieldSource::Field { name: crm_name, value_type }) => {
                needs.push(need(name, crm_name, *value_type, complex));
            }
            Some(FieldSource::StageEntered { .. }) => {}
            None => unmapped.push(*name),
        }
    }
    (needs, unmapped)
}

fn task_key() -> Need {
    Need {
        on_tasks: true,
        name: TASK_KEY.to_owned(),
        label: "Dealclock key".to_owned(),
        description: "Keeps a reminder from appearing twice. Written by Dealclock only.".to_owned(),
        value_type: ValueType::Text,
        options: Vec::new(),
        long_text: false,
        unique: true,
        read_only_for_reps: true,
        requires: None,
    }
}

fn task_outcome() -> Need {
    Need {
        on_tasks: true,
        name: TASK_OUTCOME.to_owned(),
        label: "Decision".to_owned(),
        description: "What you decide, when the task asks for a decision. Choose it before you complete the task."
            .to_owned(),
        value_type: ValueType::Text,
        options: owned(&OUTCOMES),
        long_text: false,
        unique: false,
        read_only_for_reps: false,
        requires: None,
    }
}

fn owned(options: &[(&str, &str)]) -> Vec<(String, String)> {
    options.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect()
}

fn need(name: &str, crm_name: &str, value_type: ValueType, complex: Option<&str>) -> Need {
    let (label, description) = match name {
        "complex" => ("Complex", "Tick when the proposal needs more time; silences its reminders."),
        "request_approved" => ("Request approved", "Ticked by Dealclock when a request for more time is granted."),
        "delay_reason" => ("Delay reason", "Why the proposal could not be prepared in time."),
        "delay_reason_text" => ("Delay reason in words", "The reason in the owner's own words."),
        "wanted_until" => ("Wanted until", "The date by which the owner asks to be allowed to finish."),
        "proposal_sent_at" => ("Proposal sent at", "When the proposal went out; ends the reminders."),
        "manager_decision" => ("Manager's decision", "Decides an open request: set by the manager who is asked."),
        "discount_approved" => ("Discount approved", "Ticked by Dealclock when a discount is granted."),
        other => (other, "Used by Dealclock's rules."),
    };
    let options: &[(&str, &str)] = match name {
        "delay_reason" => &REASONS,
        "manager_decision" => &DECISIONS,
        _ => &[],
    };
    Need {
        on_tasks: false,
        name: crm_name.to_owned(),
        label: label.to_owned(),
        description: description.to_owned(),
        value_type,
        options: owned(options),
        long_text: name == "delay_reason_text",
        unique: false,
        read_only_for_reps: ["request_approved", "discount_approved"].contains(&name),
        requires: if name == "request_approved" { complex.map(str::to_owned) } else { None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(fields: &[(&str, FieldSource)]) -> Mapping {
        let fields = fields.iter().map(|(name, source)| (FieldName::from(name), source.clone())).collect();
        Mapping { fields: [(Object::Opportunity, fields)].into(), ..Mapping::default() }
    }

    #[test]
    fn a_stage_stands_for_the_proposal_date() {
        let entered = FieldSource::StageEntered { stage: "Proposal sent".into() };
        let (needs, unmapped) = needs(&mapping(&[("proposal_sent_at", entered)]));
        assert_eq!(needs.iter().map(|need| need.name.as_str()).collect::<Vec<_>>(), [TASK_KEY, TASK_OUTCOME]);
        assert!(!unmapped.contains(&"proposal_sent_at") && unmapped.contains(&"complex"));
    }

    #[test]
    fn fields_are_made_under_the_names_of_the_mapping_and_own_fields_never() {
        let field = |name: &str, value_type| FieldSource::Field { name: name.into(), value_type };
        let (needs, _) = needs(&mapping(&[
            ("complex", field("acme_complex", ValueType::Bool)),
            ("delay_reason", field("why", ValueType::Text)),
            ("region", field("sales_region", ValueType::Text)),
            ("discount_percent", field("rebate", ValueType::Number)),
        ]));
        let names: Vec<_> = needs.iter().map(|need| need.name.as_str()).collect();
        assert_eq!(names, [TASK_KEY, TASK_OUTCOME, "acme_complex", "why"]);
        assert_eq!(needs[3].options.len(), REASONS.len());
        assert!(needs[0].unique && needs[0].on_tasks);
        assert!(!needs[1].unique && needs[1].on_tasks);
    }

    #[test]
    fn only_dealclock_grants_a_request_and_only_on_complex_deals() {
        let field = |name: &str| FieldSource::Field { name: name.into(), value_type: ValueType::Bool };
        let (needs, _) = needs(&mapping(&[("request_approved", field("granted")), ("complex", field("hard"))]));
        let facts = |need: &Need| (need.name.clone(), need.read_only_for_reps, need.requires.clone());
        let facts: Vec<_> = needs[2..].iter().map(facts).collect();
        assert_eq!(facts, [("hard".into(), false, None), ("granted".into(), true, Some("hard".into()))]);
    }
}
