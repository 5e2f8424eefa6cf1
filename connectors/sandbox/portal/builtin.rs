//! What every account begins with: the CRM's own properties and its sales pipeline.

use super::kind::Kind;
use super::pipelines::{Pipeline, Stage};
use super::schema::{Calculation, Choice, Group, Property, Reference, Schema, ValueType};

/// The properties that must be set when a record is made.
pub(crate) fn required_properties(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Deal => &["dealname", "dealstage"],
        Kind::Task | Kind::Note => &["hs_timestamp"],
        Kind::Contact | Kind::Company | Kind::User => &[],
    }
}

/// What an answer shows when nobody asks for properties.
pub(crate) fn default_properties(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Deal => &["amount", "closedate", "dealname", "dealstage", "pipeline"],
        Kind::Contact => &["email", "firstname", "lastname"],
        Kind::Company => &["domain", "name"],
        Kind::Task | Kind::Note | Kind::User => &[],
    }
}

/// What every answer shows, asked for or not.
pub(crate) fn constant_properties(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Deal | Kind::Company => &["createdate", "hs_lastmodifieddate", "hs_object_id"],
        Kind::Contact => &["createdate", "lastmodifieddate", "hs_object_id"],
        Kind::Task | Kind::Note | Kind::User => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
    }
}

/// The properties of one type of record in a fresh account.
pub(crate) fn schema(kind: Kind, currencies: &[String]) -> Schema {
    let mut schema = Schema::default();
    schema.groups.push(group(kind));
    let mut add = |property: Property| {
        schema.add(property).expect("a fresh account has far fewer properties than ids");
    };
    add(calculated(kind, "hs_object_id", "Record ID", ValueType::Number, Calculation::ObjectId));
    add(calculated(kind, created_name(kind), "Create date", ValueType::DateTime, Calculation::Created));
    add(calculated(kind, updated_name(kind), "Last modified date", ValueType::DateTime, Calculation::Updated));
    add(calculated(kind, "hs_object_source", "Record source", ValueType::String, Calculation::SourceName));
    add(calculated(kind, "hs_object_source_id", "Record source ID", ValueType::String, Calculation::SourceId));
    add(calculated(kind, "hs_merged_object_ids", "Merged record IDs", ValueType::String, Calculation::MergedIds));
    match kind {
        Kind::Deal => deal_properties(currencies).into_iter().for_each(&mut add),
        Kind::Task => task_properties().into_iter().for_each(&mut add),
        Kind::Note => {
            add(plain(kind, "hs_timestamp", "Activity date", ValueType::DateTime, "date"));
            add(plain(kind, "hs_note_body", "Note body", ValueType::String, "html"));
            add(plain(kind, "hs_attachment_ids", "Attached file IDs", ValueType::String, "text"));
            add(owner(kind));
        }
        Kind::Contact => {
            add(Property { unique: true, ..plain(kind, "email", "Email", ValueType::String, "text") });
            add(plain(kind, "firstname", "First name", ValueType::String, "text"));
            add(plain(kind, "lastname", "Last name", ValueType::String, "text"));
            add(owner(kind));
        }
        Kind::Company => {
            add(plain(kind, "name", "Company name", ValueType::String, "text"));
            add(plain(kind, "domain", "Company domain name", ValueType::String, "text"));
            add(owner(kind));
        }
        Kind::User => {
            add(plain(kind, "hs_email", "Email", ValueType::String, "text"));
            add(plain(kind, "hs_internal_user_id", "User ID", ValueType::Number, "number"));
            add(plain(kind, "hs_given_name", "First name", ValueType::String, "text"));
            add(plain(kind, "hs_family_name", "Last name", ValueType::String, "text"));
            add(plain(kind, "hs_job_title", "Job title", ValueType::String, "text"));
            add(plain(kind, "hs_standard_time_zone", "Time zone", ValueType::String, "text"));
            add(plain(kind, "hs_working_hours", "Working hours", ValueType::String, "text"));
        }
    }
    schema
}

/// The pipeline that every account begins with.
pub(crate) fn sales_pipeline() -> Pipeline {
    let stages = [
        ("appointmentscheduled", "Appointment Scheduled", 20, false),
        ("qualifiedtobuy", "Qualified To Buy", 40, false),
        ("presentationscheduled", "Presentation Scheduled", 60, false),
        ("decisionmakerboughtin", "Decision Maker Bought-In", 80, false),
        ("contractsent", "Contract Sent", 90, false),
        ("closedwon", "Closed Won", 100, true),
        ("closedlost", "Closed Lost", 0, true),
    ];
    let stages = stages.map(|(id, label, percent, closed)| Stage {
        id: id.to_owned(),
        label: label.to_owned(),
        percent,
        closed,
        updated: 0,
    });
    Pipeline {
        id: "default".to_owned(),
        label: "Sales Pipeline".to_owned(),
        stages: stages.into(),
        created: 0,
        updated: 0,
    }
}

/// The two properties that tell when a deal came into a stage and when it left.
///
/// Characters that a property name does not admit are replaced, so that a name cannot be derived from a stage id.
pub(crate) fn stage_properties(pipeline: &Pipeline, stage: &Stage) -> [Property; 2] {
    let admitted = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let suffix: String = stage.id.chars().map(admitted).collect();
    let make = |verb: &str, calculation| {
        let name = format!("hs_v2_date_{verb}_{suffix}");
        let label = format!("Date {verb} \"{} ({})\"", stage.label, pipeline.label);
        calculated(Kind::Deal, &name, &label, ValueType::DateTime, calculation)
    };
    [
        make("entered", Calculation::StageEntered(stage.id.clone())),
        make("exited", Calculation::StageExited(stage.id.clone())),
    ]
}

fn deal_properties(currencies: &[String]) -> Vec<Property> {
    let kind = Kind::Deal;
    let currencies: Vec<_> = currencies.iter().map(String::as_str).collect();
    vec![
        plain(kind, "dealname", "Deal Name", ValueType::String, "text"),
        plain(kind, "amount", "Amount", ValueType::Number, "number"),
        plain(kind, "closedate", "Close Date", ValueType::DateTime, "date"),
        reference(kind, "dealstage", "Deal Stage", "radio", Reference::Stage),
        reference(kind, "pipeline", "Pipeline", "select", Reference::Pipeline),
        owner(kind),
        reference(kind, "hs_all_collaborator_owner_ids", "Deal Collaborator", "checkbox", Reference::Owner),
        choice(kind, "deal_currency_code", "Currency", &currencies),
        choice(kind, "dealtype", "Deal Type", &["newbusiness", "existingbusiness"]),
        choice(kind, "hs_priority", "Priority", &["low", "medium", "high"]),
        plain(kind, "description", "Deal Description", ValueType::String, "textarea"),
        plain(kind, "hs_next_step", "Next step", ValueType::String, "textarea"),
        plain(kind, "closed_lost_reason", "Closed Lost Reason", ValueType::String, "textarea"),
        plain(kind, "closed_won_reason", "Closed Won Reason", ValueType::String, "textarea"),
        plain(kind, "hs_pinned_engagement_id", "Pinned engagement ID", ValueType::Number, "number"),
        Property {
            read_only: true,
            ..plain(kind, "notes_last_updated", "Last Activity Date", ValueType::DateTime, "date")
        },
        calculated(kind, "hs_is_closed", "Is Deal Closed?", ValueType::Bool, Calculation::IsClosed),
        calculated(kind, "hs_is_closed_won", "Is Closed Won", ValueType::Bool, Calculation::IsClosedWon),
        calculated(
            kind,
            "hs_deal_stage_probability",
            "Deal probability",
            ValueType::Number,
            Calculation::StageProbability,
        ),
        calculated(
            kind,
            "amount_in_home_currency",
            "Amount in company currency",
            ValueType::Number,
            Calculation::HomeAmount,
        ),
        calculated(
            kind,
            "hs_v2_date_entered_current_stage",
            "Date entered current stage",
            ValueType::DateTime,
            Calculation::CurrentStageEntered,
        ),
    ]
}

fn task_properties() -> Vec<Property> {
    let kind = Kind::Task;
    let statuses = ["NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"];
    vec![
        plain(kind, "hs_timestamp", "Due date", ValueType::DateTime, "date"),
        plain(kind, "hs_task_subject", "Task Title", ValueType::String, "text"),
        plain(kind, "hs_task_body", "Task Notes", ValueType::String, "html"),
        choice(kind, "hs_task_status", "Task Status", &statuses),
        choice(kind, "hs_task_priority", "Priority", &["NONE", "LOW", "MEDIUM", "HIGH"]),
        choice(kind, "hs_task_type", "Task Type", &["TODO", "CALL", "EMAIL", "LINKED_IN"]),
        plain(kind, "hs_task_reminders", "Reminders", ValueType::String, "text"),
        owner(kind),
        calculated(kind, "hs_task_is_completed", "Is Completed", ValueType::Number, Calculation::TaskIsCompleted),
        calculated(kind, "hs_task_is_overdue", "Is Overdue", ValueType::Bool, Calculation::TaskIsOverdue),
        calculated(kind, "hs_task_completion_date", "Completed at", ValueType::DateTime, Calculation::TaskCompletedAt),
        calculated(kind, "hs_obj_coords", "Object coordinates", ValueType::String, Calculation::Coordinates),
    ]
}

fn created_name(kind: Kind) -> &'static str {
    constant_properties(kind)[0]
}

fn updated_name(kind: Kind) -> &'static str {
    constant_properties(kind)[1]
}

fn group(kind: Kind) -> Group {
    let (name, label) = match kind {
        Kind::Contact => ("contactinformation", "Contact information"),
        Kind::Company => ("companyinformation", "Company information"),
        Kind::Deal => ("dealinformation", "Deal Information"),
        Kind::Task => ("task", "Task Information"),
        Kind::Note => ("note", "Note Information"),
        Kind::User => ("userinformation", "User Information"),
    };
    Group { name: name.to_owned(), label: label.to_owned(), display_order: 0 }
}

fn plain(kind: Kind, name: &str, label: &str, value_type: ValueType, field_type: &str) -> Property {
    Property {
        name: name.to_owned(),
        label: label.to_owned(),
        description: String::new(),
        group: group(kind).name,
        value_type,
        field_type: field_type.to_owned(),
        choices: Vec::new(),
        unique: false,
        hidden: false,
        form_field: false,
        read_only: false,
        display_order: -1,
        built_in: true,
        calculation: None,
        reference: None,
        created: 0,
        updated: 0,
        archived: None,
    }
}

fn calculated(kind: Kind, name: &str, label: &str, value_type: ValueType, calculation: Calculation) -> Property {
    let field_type = match value_type {
        ValueType::String => "text",
        ValueType::Number => "number",
        ValueType::Date | ValueType::DateTime => "date",
        ValueType::Bool => "booleancheckbox",
        ValueType::Enumeration => "select",
    };
    let choices = match value_type {
        ValueType::Bool => yes_and_no(),
        ValueType::String | ValueType::Number | ValueType::Date | ValueType::DateTime | ValueType::Enumeration => {
            Vec::new()
        }
    };
    Property { choices, calculation: Some(calculation), ..plain(kind, name, label, value_type, field_type) }
}

/// The two values of a checkbox.
pub(crate) fn yes_and_no() -> Vec<Choice> {
    [("Yes", "true", 0), ("No", "false", 1)]
        .map(|(label, value, display_order)| Choice {
            label: label.to_owned(),
            value: value.to_owned(),
            display_order,
            hidden: false,
        })
        .into()
}

fn choice(kind: Kind, name: &str, label: &str, values: &[&str]) -> Property {
    let choices = values.iter().zip(0..).map(|(value, display_order)| Choice {
        label: (*value).to_owned(),
        value: (*value).to_owned(),
        display_order,
        hidden: false,
    });
    Property { choices: choices.collect(), ..plain(kind, name, label, ValueType::Enumeration, "select") }
}

fn reference(kind: Kind, name: &str, label: &str, field_type: &str, to: Reference) -> Property {
    Property { reference: Some(to), ..plain(kind, name, label, ValueType::Enumeration, field_type) }
}

fn owner(kind: Kind) -> Property {
    reference(kind, "hubspot_owner_id", "Owner", "select", Reference::Owner)
}
