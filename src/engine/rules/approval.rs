//! The way out of a rule, and approvals with their steps.

use dealclock_model::effect::Channel;
use dealclock_model::request::Ruling;
use dealclock_model::{ApprovalKey, ConnectionId, DigestKey, FieldName, Object, RuleKey, Span, StepName};

use super::{ReasonFields, Who};
use crate::condition::Condition;

/// The way out of a rule: the rep asks for more time.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The checkbox that the rep ticks.
    pub requested_by: FieldName,
    /// The checkbox that only the approval ticks.
    pub granted_as: FieldName,
    /// The date field that the rep may fill; the approver reads it.
    pub wanted_until: Option<FieldName>,
    /// The new deadline, counted from the clock's zero.
    pub grants: Span,
    /// The least time that a decision leaves.
    pub grace: Span,
    /// What a refusal does to `requested_by`.
    pub refused: AfterRefusal,
    /// The approval that decides.
    pub approval: ApprovalKey,
}

/// What a refusal does to the checkbox that asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AfterRefusal {
    /// It is cleared.
    #[default]
    Clear,
    /// It is left as it is.
    Leave,
}

/// An approval: who decides a request, step by step.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Its key in the file.
    pub key: ApprovalKey,
    /// What people call it.
    pub title: String,
    /// The connections it runs on; `None` for all.
    pub connections: Option<Vec<ConnectionId>>,
    /// The condition by which it asks by itself; `None` for one that only rules use.
    pub asking: Option<Asking>,
    /// The steps in order; at least one.
    pub steps: Vec<ApprovalStep>,
    /// How approvers are asked and the requester is told. Default: task and e-mail.
    pub via: Vec<Channel>,
    /// The text field of the record in which somebody may decide.
    pub decision: Option<DecisionField>,
    /// The CRM's own approval process, where it decides.
    pub native: Option<Native>,
    /// The fields by which the requester says why; of the rule, where a rule asks and this is absent.
    pub reason: Option<ReasonFields>,
    /// Which changes after a decision ask again.
    pub reopens_when: Vec<Material>,
    /// The digest that hears of requests that wait and of tampering; of the rule, where a rule asks and this is absent.
    pub digest: Option<DigestKey>,
    /// The calendar by which business spans are counted.
    pub calendar: Option<String>,
    /// A fingerprint of everything above that changes what is planned.
    pub version: u64,
}

impl Approval {
    /// Whether the approval runs on a connection.
    pub fn is_on(&self, connection: &ConnectionId) -> bool {
        self.connections.as_ref().is_none_or(|list| list.contains(connection))
    }

    /// The key under which a record's case keeps the request of an approval that asks by its own condition; no rule can
    /// have it.
    pub fn request_key(&self) -> RuleKey {
        RuleKey::from(format!("approval/{}", self.key))
    }
}

/// How an approval asks by itself.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The kind of record it is about.
    pub object: Object,
    /// When this becomes true, a request is opened; when it ceases to be, the request is not needed any more.
    pub when: Condition,
    /// The checkbox that only the approval ticks, where there is one.
    pub granted_as: Option<FieldName>,
}

/// One step of an approval.
#[derive(Clone, Debug)]
pub struct ApprovalStep {
    /// Its name, unique in the approval; by default `step-1`, `step-2`.
    pub name: StepName,
    /// Who is asked.
    pub approvers: Vec<Who>,
    /// Of several approvers.
    pub need: Required,
    /// The step is passed over where this does not hold.
    pub when: Option<Condition>,
    /// When approvers are reminded, counted from the beginning of the step.
    pub remind: Vec<Span>,
    /// Who else is asked when it takes too long.
    pub escalate: Option<Escalation>,
    /// What happens when nobody decides. Default: after `5d`, refuse.
    pub timeout: Timeout,
}

/// Whose word a step needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Required {
    /// One approval or refusal decides.
    #[default]
    Any,
    /// Every approver has to approve; one refusal decides.
    All,
}

/// A step that takes too long goes further up: those asked then may decide it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// After so long since the step began.
    pub after: Span,
    /// Who is asked as well.
    pub to: Who,
}

/// A step that nobody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// After so long since the step began.
    pub after: Span,
    /// What counts then.
    pub outcome: Ruling,
}

/// A field of the record in which somebody decides: `decision = { field = "manager_decision", granted = "Approved",
/// refused = "Rejected" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionField {
    /// The field.
    pub field: FieldName,
    /// The value that grants.
    pub granted: String,
    /// The value that refuses.
    pub refused: String,
}

/// The CRM's own approval process: `native = true`, or `native = "Process name"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Native {
    /// The process by name or id; the CRM chooses by its own criteria when absent.
    pub process: Option<String>,
}

/// A change after a decision that asks again: `reopens_when = ["amount up"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// The field.
    pub field: FieldName,
    /// In which direction.
    pub direction: Direction,
}

/// The direction of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A number or date that rose.
    Up,
    /// A number or date that fell.
    Down,
    /// Any change.
    Any,
}
