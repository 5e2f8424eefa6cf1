//! The CRM's own types of record with their fields.

mod activity;
mod people;
mod process;
mod sales;
mod setup;

use super::kind::Kind;
use super::schema::{Field, FieldId, FieldType, Schema, system};

/// The fields that every type has and that setup objects lack.
const NEVER_DELETED: &[FieldId] = &[system::IS_DELETED];
/// Rows that are written once have nobody who changed them last.
const WRITTEN_ONCE: &[FieldId] = &[system::MODIFIED_DATE, system::MODIFIED_BY];

/// The type as it is in a fresh org.
pub(crate) fn schema(kind: Kind) -> Schema {
    let (fields, lacks): (Vec<Field>, &[FieldId]) = match kind {
        Kind::Account => (sales::account(), &[]),
        Kind::BusinessHours => (setup::business_hours(), NEVER_DELETED),
        Kind::Contact => (sales::contact(), &[]),
        Kind::CustomNotificationType => (setup::notification_type(), &[]),
        Kind::FieldPermissions => (setup::field_permissions(), NEVER_DELETED),
        Kind::Holiday => (setup::holiday(), NEVER_DELETED),
        Kind::ObjectPermissions => (setup::object_permissions(), NEVER_DELETED),
        Kind::Opportunity => (sales::opportunity(), &[]),
        Kind::OpportunityFieldHistory => {
            (sales::field_history(), &[system::MODIFIED_DATE, system::MODIFIED_BY, system::STAMP])
        }
        Kind::OpportunityHistory => (sales::history(), WRITTEN_ONCE),
        Kind::OpportunityStage => (sales::stage(), NEVER_DELETED),
        Kind::Organization => (setup::organization(), NEVER_DELETED),
        Kind::PermissionSet => (setup::permission_set(), NEVER_DELETED),
        Kind::PermissionSetAssignment => (
            setup::assignment(),
            &[system::IS_DELETED, system::CREATED_DATE, system::CREATED_BY, system::MODIFIED_DATE, system::MODIFIED_BY],
        ),
        Kind::ProcessDefinition => (process::definition(), NEVER_DELETED),
        Kind::ProcessInstance => (process::instance(), &[]),
        Kind::ProcessInstanceHistory => (process::history(), WRITTEN_ONCE),
        Kind::ProcessInstanceStep => {
            (process::step(), &[system::IS_DELETED, system::MODIFIED_DATE, system::MODIFIED_BY])
        }
        Kind::ProcessInstanceWorkitem => (process::work_item(), WRITTEN_ONCE),
        Kind::Profile => (people::profile(), NEVER_DELETED),
        Kind::RecordType => (setup::record_type(), NEVER_DELETED),
        Kind::Task => (activity::task(), &[]),
        Kind::TaskStatus => (activity::task_status(), NEVER_DELETED),
        Kind::User => (people::user(), NEVER_DELETED),
    };
    Schema::new(kind, fields, lacks)
}

/// The children that queries reach from a type: the name of the relationship, their type, and the field that leads up.
pub(crate) fn children(kind: Kind) -> &'static [(&'static str, Kind, &'static str)] {
    match kind {
        Kind::Account => &[
            ("Contacts", Kind::Contact, "AccountId"),
            ("Opportunities", Kind::Opportunity, "AccountId"),
            ("Tasks", Kind::Task, "WhatId"),
        ],
        Kind::Opportunity => &[
            ("Histories", Kind::OpportunityFieldHistory, "OpportunityId"),
            ("OpportunityHistories", Kind::OpportunityHistory, "OpportunityId"),
            ("ProcessInstances", Kind::ProcessInstance, "TargetObjectId"),
            ("Tasks", Kind::Task, "WhatId"),
        ],
        Kind::PermissionSet => &[
            ("Assignments", Kind::PermissionSetAssignment, "PermissionSetId"),
            ("FieldPerms", Kind::FieldPermissions, "ParentId"),
            ("ObjectPerms", Kind::ObjectPermissions, "ParentId"),
        ],
        Kind::ProcessInstance => &[
            ("Steps", Kind::ProcessInstanceStep, "ProcessInstanceId"),
            ("StepsAndWorkitems", Kind::ProcessInstanceHistory, "ProcessInstanceId"),
            ("Workitems", Kind::ProcessInstanceWorkitem, "ProcessInstanceId"),
        ],
        Kind::User => &[("PermissionSetAssignments", Kind::PermissionSetAssignment, "AssigneeId")],
        Kind::BusinessHours
        | Kind::Contact
        | Kind::CustomNotificationType
        | Kind::FieldPermissions
        | Kind::Holiday
        | Kind::ObjectPermissions
        | Kind::OpportunityFieldHistory
        | Kind::OpportunityHistory
        | Kind::OpportunityStage
        | Kind::Organization
        | Kind::PermissionSetAssignment
        | Kind::ProcessDefinition
        | Kind::ProcessInstanceHistory
        | Kind::ProcessInstanceStep
        | Kind::ProcessInstanceWorkitem
        | Kind::Profile
        | Kind::RecordType
        | Kind::Task
        | Kind::TaskStatus => &[],
    }
}

fn text(name: &str, label: &str, length: usize) -> Field {
    Field::new(name, label, FieldType::Text).with_length(length)
}

fn long_text(name: &str, label: &str) -> Field {
    Field::new(name, label, FieldType::TextArea)
}

fn flag(name: &str, label: &str) -> Field {
    Field::new(name, label, FieldType::Bool)
}

fn whole(name: &str, label: &str) -> Field {
    Field::new(name, label, FieldType::Int)
}

fn date(name: &str, label: &str) -> Field {
    Field::new(name, label, FieldType::Date)
}

fn instant(name: &str, label: &str) -> Field {
    Field::new(name, label, FieldType::Instant)
}

/// Whoever makes the record owns it, unless they name somebody else.
fn owner() -> Field {
    Field::reference("OwnerId", "Owner", &[Kind::User]).required()
}
