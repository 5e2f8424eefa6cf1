//! Requests: an approval that somebody asked for, with its steps, its votes and its decision.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::case::TaskMemo;
use crate::{ApprovalKey, EffectId, FieldName, Instant, PersonId, SlotName, StepName, Value};

/// A request for more time, a discount, or whatever else an approval is about; one for each rule or approval and record.
///
/// It is kept in the record's case under the rule whose clock asked, or under `approval/<key>` for an approval that asks
/// by its own condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The approval that decides it.
    pub approval: ApprovalKey,
    /// The episode of the clock that asked; counts from 1 where the approval asks by its own condition.
    pub episode: u32,
    /// Counts reopenings within the episode, from 0.
    pub round: u32,
    /// How it stands.
    pub state: RequestState,
    /// When it was opened for the last time, by the CRM's time of the change.
    pub opened_at: Instant,
    /// When it was decided or closed, while it is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Instant>,
    /// Seconds for which it was open before `opened_at`, in earlier rounds of the episode.
    #[serde(default)]
    pub open_before_secs: i64,
    /// Who asked: the owner of the record at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<PersonId>,
    /// The date by which the requester wants to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_until: Option<NaiveDate>,
    /// The step that is being decided: a place in the list of the approval's steps.
    #[serde(default)]
    pub step: u32,
    /// The steps that were begun in this round, in order, the present one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepProgress>,
    /// The decision, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// What the fields of `reopens_when` held when it was decided.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub basis: BTreeMap<FieldName, Value>,
    /// Tasks that ask approvers or tell the requester, by the effect that made them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<EffectId, TaskMemo>,
    /// Messages that are no tasks, until their outcome is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mails: BTreeMap<EffectId, StepName>,
    /// Effects that hand the record in at the CRM's own approval process, or that change fields of it, until they settle.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<EffectId, StepName>,
    /// The CRM's id of the run of its own approval process, where one was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<String>,
    /// The requester was told that ticking again after the decision asks for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_decided: bool,
    /// For an approval that asks by its own condition: the condition ceased to hold since the request was closed, so that
    /// the next time is a new episode.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lapsed: bool,
    /// It was opened while its rule ran in shadow: nobody was asked in truth.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_trial: bool,
    /// The fingerprint of the approval that planned it.
    #[serde(default)]
    pub approval_version: u64,
}

impl Request {
    /// Whether somebody has still to decide.
    pub fn is_open(&self) -> bool {
        self.state == RequestState::Open
    }
}

/// How a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Somebody has still to decide.
    Open,
    /// Granted.
    Granted,
    /// Refused by a person.
    Refused,
    /// Nobody decided in time.
    TimedOut,
    /// The requester took it back before a decision.
    Withdrawn,
    /// The work was done, or the rule ceased to apply, before a decision.
    NotNeeded,
    /// It was granted, and the requester took it back afterwards.
    TakenBack,
}

impl RequestState {
    /// The state as people and scenarios write it.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestState::Open => "open",
            RequestState::Granted => "granted",
            RequestState::Refused => "refused",
            RequestState::TimedOut => "timed_out",
            RequestState::Withdrawn => "withdrawn",
            RequestState::NotNeeded => "not_needed",
            RequestState::TakenBack => "taken_back",
        }
    }
}

/// One step of an approval on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepProgress {
    /// The step's name, unique in its approval.
    pub name: StepName,
    /// Since when its approvers are asked.
    pub since: Instant,
    /// When it was passed or decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
    /// Whoever is asked.
    pub approvers: Vec<Approver>,
    /// How many reminders of the step were sent.
    #[serde(default)]
    pub reminded: u32,
    /// Whether it was escalated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalated: bool,
}

/// One person who is asked to decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approver {
    /// The role by which the person was found.
    pub slot: SlotName,
    /// The person who is asked.
    pub person: PersonId,
    /// For whom the person acts, when it is a delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acts_for: Option<PersonId>,
    /// What the person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
}

/// What an approver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Granted.
    Approve,
    /// Refused.
    Reject,
}

/// How a request was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub ruling: Ruling,
    /// Who decided last, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// The way in which it was decided.
    pub way: Way,
    /// When.
    pub at: Instant,
    /// What was said beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A way in which a request is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The CRM's own approval process.
    Native,
    /// A field on the record.
    Field,
    /// The approval task, completed with an outcome.
    Task,
    /// A signed link from an e-mail.
    Link,
    /// The dashboard, or the command line.
    Desk,
    /// Nobody decided in time.
    Timeout,
}

impl Way {
    /// The way as people and scenarios write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Native => "native",
            Way::Field => "field",
            Way::Task => "task",
            Way::Link => "link",
            Way::Desk => "desk",
            Way::Timeout => "timeout",
        }
    }
}

/// A run of the CRM's own approval process, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeSeen {
    /// The CRM's id of the run.
    pub id: String,
    /// The effect that handed the record in, where it was one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<EffectId>,
    /// What was decided; `None` while it is pending, or when it was recalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// Who decided last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PersonId>,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// When the record was handed in.
    pub submitted_at: Instant,
    /// When it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Instant>,
}

/// A task of ours, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSeen {
    /// The task's id in the CRM.
    pub task: String,
    /// Whether it is completed.
    pub done: bool,
    /// What its outcome field says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Ruling>,
    /// Whose task it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// The CRM's time of that state.
    pub at: Instant,
}
