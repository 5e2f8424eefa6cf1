//! Approvals: what runs, what waits for whom, and what was decided.

use super::{instant, long_text, text, whole};
use crate::org::kind::Kind;
use crate::org::schema::Field;

const STATUSES: &[&str] =
    &["Approved", "Fault", "Held", "NoResponse", "Pending", "Reassigned", "Rejected", "Removed", "Started"];

fn instance_reference() -> Field {
    Field::reference("ProcessInstanceId", "ProcessInstance", &[Kind::ProcessInstance]).indexed()
}

fn user(name: &str, relationship: &str) -> Field {
    Field::reference(name, relationship, &[Kind::User])
}

fn target() -> Field {
    Field::reference("TargetObjectId", "TargetObject", &[Kind::Opportunity]).indexed()
}

pub(super) fn definition() -> Vec<Field> {
    let fields = [
        text("Name", "Name", 80),
        text("DeveloperName", "Process Name", 80),
        text("Description", "Description", 255),
        text("TableEnumOrId", "Custom Object Definition ID", 40),
        text("Type", "Type", 40),
        text("State", "State", 40),
        text("LockType", "Lock Type", 40),
    ];
    fields.map(Field::read_only).into()
}

pub(super) fn instance() -> Vec<Field> {
    let fields = [
        Field::reference("ProcessDefinitionId", "ProcessDefinition", &[Kind::ProcessDefinition]),
        target(),
        Field::picklist("Status", "Status", STATUSES, false),
        instant("CompletedDate", "Completed Date"),
        user("LastActorId", "LastActor"),
        user("SubmittedById", "SubmittedBy"),
    ];
    fields.map(Field::read_only).into()
}

pub(super) fn work_item() -> Vec<Field> {
    let fields = [instance_reference(), user("OriginalActorId", "OriginalActor"), user("ActorId", "Actor").indexed()];
    fields.map(Field::read_only).into()
}

pub(super) fn step() -> Vec<Field> {
    let fields = [
        instance_reference(),
        Field::picklist("StepStatus", "Step Status", STATUSES, false),
        user("OriginalActorId", "OriginalActor"),
        user("ActorId", "Actor"),
        long_text("Comments", "Comments").with_length(4000),
        text("StepNodeId", "Step Node", 18),
    ];
    fields.map(Field::read_only).into()
}

/// Steps and work items together, as they are reached from their instance.
pub(super) fn history() -> Vec<Field> {
    let fields = [
        instance_reference(),
        target(),
        Field::picklist("StepStatus", "Step Status", STATUSES, false),
        user("OriginalActorId", "OriginalActor"),
        user("ActorId", "Actor"),
        long_text("Comments", "Comments").with_length(4000),
        whole("RemindersSent", "Reminders Sent"),
    ];
    fields.map(Field::read_only).into()
}
