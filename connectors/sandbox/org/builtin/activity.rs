//! Tasks and their statuses.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm>

use super::{date, flag, instant, long_text, owner, text, whole};
use crate::org::kind::Kind;
use crate::org::schema::{Field, FieldType};

pub(super) fn task() -> Vec<Field> {
    let statuses = &["Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred"];
    let priority = Field::picklist("Priority", "Priority", &["Normal", "High", "Low"], true);
    vec![
        Field::reference("WhoId", "Who", &[Kind::Contact]),
        Field::reference("WhatId", "What", &[Kind::Account, Kind::Opportunity]).indexed(),
        Field::new("Subject", "Subject", FieldType::ComboBox),
        date("ActivityDate", "Due Date Only"),
        Field::picklist("Status", "Status", statuses, true).required(),
        priority.required(),
        flag("IsHighPriority", "High Priority").calculated(),
        owner(),
        long_text("Description", "Description"),
        Field::picklist("Type", "Type", &["Call", "Email", "Meeting", "Other"], false),
        flag("IsClosed", "Closed").calculated(),
        flag("IsArchived", "Archived").read_only(),
        Field::reference("AccountId", "Account", &[Kind::Account]).calculated(),
        instant("CompletedDateTime", "Completed Date/Time").read_only(),
        flag("IsReminderSet", "Reminder Set"),
        instant("ReminderDateTime", "Reminder Date/Time"),
        Field::picklist("TaskSubtype", "Task Subtype", &["Task", "Email", "Call", "ListEmail", "LinkedIn"], true)
            .create_only(),
        flag("IsRecurrence", "Create Recurring Series of Tasks").read_only(),
    ]
}

pub(super) fn task_status() -> Vec<Field> {
    let fields = [
        text("MasterLabel", "Master Label", 255),
        text("ApiName", "API Name", 255),
        whole("SortOrder", "Order"),
        flag("IsDefault", "Default"),
        flag("IsClosed", "Closed"),
    ];
    fields.map(Field::read_only).into()
}
