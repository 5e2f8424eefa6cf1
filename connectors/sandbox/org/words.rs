//! HubSpot's words, in which scripts of edits are written, and Salesforce's for the same things.

use std::borrow::Cow;

use serde_json::Value;

use super::kind::Kind;
use super::schema::{Field, FieldType};

/// The name of the field that holds what a script calls by `name`; a name of this CRM's own stays as it is.
///
/// `None` where the CRM has no such thing.
pub(super) fn api_name(kind: Kind, name: &str) -> Option<Cow<'_, str>> {
    let known = match (kind, name) {
        // One list of stages serves all opportunities.
        (Kind::Opportunity, "pipeline") => return None,
        (Kind::Opportunity, "dealname") => "Name",
        (Kind::Opportunity, "dealstage") => "StageName",
        (Kind::Opportunity, "amount") => "Amount",
        (Kind::Opportunity, "closedate") => "CloseDate",
        (Kind::Opportunity, "description") => "Description",
        (Kind::Task, "hs_task_subject") => "Subject",
        (Kind::Task, "hs_task_body") => "Description",
        (Kind::Task, "hs_task_status") => "Status",
        (Kind::Task, "hs_task_priority") => "Priority",
        (Kind::Task, "hs_timestamp") => "ActivityDate",
        (Kind::Task, "dealclock_outcome") => "Dealclock_Outcome__c",
        (Kind::Opportunity | Kind::Task, "hubspot_owner_id") => "OwnerId",
        _ if name.starts_with(|first: char| first.is_ascii_uppercase()) => return Some(name.into()),
        _ => return Some(custom_name(name).into()),
    };
    Some(known.into())
}

/// A value in the CRM's form.
pub(super) fn api_value(field: &Field, text: &str) -> Value {
    match field.of {
        FieldType::Bool => Value::Bool(text == "true"),
        _ if text.is_empty() => Value::Null,
        // A plain date knows no time of day.
        FieldType::Date => text.get(..10).unwrap_or(text).into(),
        FieldType::Picklist | FieldType::ComboBox => choice(text).into(),
        FieldType::Id
        | FieldType::Text
        | FieldType::TextArea
        | FieldType::Currency
        | FieldType::Number
        | FieldType::Percent
        | FieldType::Int
        | FieldType::Instant
        | FieldType::Time
        | FieldType::Reference
        | FieldType::Email
        | FieldType::Phone => text.into(),
    }
}

/// `dealclock_request_approved` as an administrator would name it here: `Request_Approved__c`.
fn custom_name(name: &str) -> String {
    let own = name.strip_prefix("dealclock_").unwrap_or(name);
    let words = own.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    format!("{}__c", words.collect::<Vec<_>>().join("_"))
}

/// A status or a priority by this CRM's name.
fn choice(text: &str) -> &str {
    match text {
        "NOT_STARTED" => "Not Started",
        "IN_PROGRESS" => "In Progress",
        "WAITING" => "Waiting on someone else",
        "DEFERRED" => "Deferred",
        "COMPLETED" => "Completed",
        "HIGH" => "High",
        "MEDIUM" | "NONE" => "Normal",
        "LOW" => "Low",
        own => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_either_crm_lead_to_a_field() {
        let check =
            |kind, name, expected: Option<&str>| assert_eq!(api_name(kind, name).as_deref(), expected, "{name}");
        check(Kind::Opportunity, "dealname", Some("Name"));
        check(Kind::Opportunity, "hubspot_owner_id", Some("OwnerId"));
        check(Kind::Opportunity, "dealclock_complex", Some("Complex__c"));
        check(Kind::Opportunity, "dealclock_request_approved", Some("Request_Approved__c"));
        check(Kind::Opportunity, "NextStep", Some("NextStep"));
        check(Kind::Opportunity, "Complex__c", Some("Complex__c"));
        check(Kind::Opportunity, "pipeline", None);
        check(Kind::Task, "hs_timestamp", Some("ActivityDate"));
    }

    #[test]
    fn a_date_loses_its_time_and_an_empty_text_clears() {
        let check =
            |of, text, expected: Value| assert_eq!(api_value(&Field::new("F", "F", of), text), expected, "{text}");
        check(FieldType::Date, "2026-03-04T09:00:00.000Z", "2026-03-04".into());
        check(FieldType::Date, "", Value::Null);
        check(FieldType::Bool, "", false.into());
        check(FieldType::Bool, "true", true.into());
        check(FieldType::Picklist, "COMPLETED", "Completed".into());
        check(FieldType::Currency, "50000.50", "50000.50".into());
    }
}
