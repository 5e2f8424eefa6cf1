//! What is remembered of one subject: a record with its clocks, a person, or an intake.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::digest::{DigestCase, Posted, Reason, ReportCase};
use crate::effect::TaskFields;
use crate::event::StormAnswer;
use crate::fact::Spell;
use crate::request::Request;
use crate::{CaseId, EffectId, Instant, PersonId, Record, RecordId, RecordRef, RuleKey, SlotName, StepName};

/// What is remembered of one subject between events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// A record and the clocks that run for it.
    Record(Box<RecordCase>),
    /// A person and what reaches them in a day.
    Person(PersonCase),
    /// One rule on one connection.
    Intake(IntakeCase),
    /// One reader of one digest.
    Digest(Box<DigestCase>),
    /// One report on one connection.
    Report(ReportCase),
}

impl Case {
    /// A case of which nothing is known yet.
    pub fn new(id: &CaseId) -> Case {
        match id {
            CaseId::Record(_) => Case::Record(Box::default()),
            CaseId::Person { .. } => Case::Person(PersonCase::default()),
            CaseId::Intake { .. } => Case::Intake(IntakeCase::default()),
            CaseId::Digest { .. } => Case::Digest(Box::default()),
            CaseId::Report { .. } => Case::Report(ReportCase::default()),
        }
    }

    /// The record case, when it is one.
    pub fn as_record(&self) -> Option<&RecordCase> {
        match self {
            Case::Record(case) => Some(case),
            Case::Person(_) | Case::Intake(_) | Case::Digest(_) | Case::Report(_) => None,
        }
    }

    /// The persons whose changes are events to this case.
    pub fn persons(&self) -> BTreeSet<&PersonId> {
        match self {
            Case::Record(case) => case.persons(),
            Case::Person(_) | Case::Intake(_) | Case::Digest(_) | Case::Report(_) => BTreeSet::new(),
        }
    }

    /// Whether the CRM is asked regularly what became of the case's requests.
    pub fn is_watched(&self) -> bool {
        self.as_record().is_some_and(RecordCase::is_watched)
    }
}

/// A record with its clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordCase {
    /// The state we know last; kept after deletion, so that a restore can be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// The stamp of that state; later facts with an older stamp are stale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamp: Option<Instant>,
    /// The moment up to which the record's data is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Instant>,
    /// Set while the record does not exist in the CRM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Gone>,
    /// One clock for each rule that ever started for the record, its latest episode.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clocks: BTreeMap<RuleKey, Clock>,
    /// The rules that were evaluated for this record at least once; another is a first evaluation.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<RuleKey>,
    /// Steps that records merged into this one had sent, until a clock of their rule takes note of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absorbed: BTreeMap<RuleKey, BTreeSet<Sending>>,
    /// Keys of an earlier store, with the ids of their tasks, until a clock of their rule takes note of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recovered: BTreeMap<EffectId, String>,
    /// Requests, by the rule whose clock asked, or `approval/<key>`; of each the latest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<RuleKey, Request>,
    /// Granted checkboxes that are ticked without a grant, by the rule or approval whose they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tampering: BTreeMap<RuleKey, Tampering>,
    /// The reason fields in the latest episode of each rule or approval that has any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<RuleKey, ReasonAsk>,
    /// What the readers of digests were told about the record, as it was told last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Posted>,
    /// The spell that lasts: since when owner, openness and Complex are as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spell: Option<Spell>,
}

impl RecordCase {
    /// The persons whose changes matter: the owner, everyone who holds a task that we look after, and whoever is to decide.
    pub fn persons(&self) -> BTreeSet<&PersonId> {
        let owner = self.record.as_ref().and_then(|record| record.owner.as_ref());
        let holders = self.clocks.values().flat_map(|clock| clock.tasks.values());
        let asked = self.requests.values().flat_map(|request| request.tasks.values());
        let open =
            self.requests.values().filter(|request| request.is_open()).filter_map(|request| request.steps.last());
        let approvers = open.flat_map(|step| step.approvers.iter().map(|approver| &approver.person));
        let answering = self.reasons.values().flat_map(|reason| reason.tasks.values());
        let tasks =
            holders.chain(asked).chain(answering).filter(|task| task.open).filter_map(|task| task.want.owner.as_ref());
        owner.into_iter().chain(tasks).chain(approvers).collect()
    }

    /// Whether the CRM is asked regularly what became of the record's requests.
    pub fn is_watched(&self) -> bool {
        self.gone.is_none()
            && (self.requests.values().any(Request::is_open)
                || self.tampering.values().any(|tampering| tampering.state == TamperingState::Suspected))
    }
}

/// A granted checkbox that is ticked while no grant is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tampering {
    /// How often that happened on the record.
    pub count: u32,
    /// Since when it is ticked this time, by the CRM's time.
    pub since: Instant,
    /// What is being done about it.
    pub state: TamperingState,
}

/// What is being done about a checkbox that is ticked without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TamperingState {
    /// The CRM's own approval process is asked first.
    Suspected,
    /// It is being set back.
    Reverting {
        /// The effect that sets it back.
        effect: EffectId,
    },
    /// It was set back, or turned out to be granted.
    Settled,
}

/// Why a record is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    /// Deleted; it may come back.
    Deleted,
    /// Merged into the named survivor.
    Merged(RecordId),
}

/// The state of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Steps fire and the deadline counts.
    Running,
    /// Nothing fires and no violation happens.
    Silenced,
    /// The work was done in time.
    Met,
    /// The deadline passed without the work being done.
    Violated,
    /// The work was done after the violation.
    MetLate,
    /// Ended without a result.
    Void,
}

impl ClockState {
    /// Whether the clock can still fire.
    pub fn is_live(self) -> bool {
        matches!(self, ClockState::Running | ClockState::Silenced)
    }

    /// The state as people and scenarios write it.
    pub fn as_str(self) -> &'static str {
        match self {
            ClockState::Running => "running",
            ClockState::Silenced => "silenced",
            ClockState::Met => "met",
            ClockState::Violated => "violated",
            ClockState::MetLate => "met_late",
            ClockState::Void => "void",
        }
    }
}

/// One running or finished instance of a rule for a record: its latest episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Counts from 1.
    pub episode: u32,
    /// Counts re-plannings from 0.
    pub round: u32,
    /// The state.
    pub state: ClockState,
    /// The instant the clock counts from.
    pub zero: Instant,
    /// Since when the rule applies without a break, by the CRM's time where it came by a change.
    pub since: Instant,
    /// The zone in which days are counted: the owner's at the episode's start.
    pub zone: Tz,
    /// The first instant at which the rule is violated.
    pub deadline: Instant,
    /// What became of steps, one entry for each recipient slot; a step not here is still to come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepState>,
    /// Reminders that wait for the recipient's daily limit, by the effect that was asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: BTreeMap<EffectId, Reminder>,
    /// Reminders that were decided and whose outcome is not known yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unsettled: BTreeMap<EffectId, Reminder>,
    /// Tasks that this clock made, by the effect that made them; an earlier episode's as long as we look after them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<EffectId, TaskMemo>,
    /// Whom a reminder of the episode reached, and when first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reached: BTreeMap<PersonId, Instant>,
    /// Since when the clock is silent, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_at: Option<Instant>,
    /// Set while the rule does not apply any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// The violation, counted once an episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
    /// Held by the storm guard, at the longest until this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Instant>,
    /// Until then the storm guard may still hold a clock that has just started, and nobody is asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Instant>,
    /// It began while its rule ran in shadow, and the rule is not live since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_trial: bool,
    /// The backlog policy or the answer to a storm was to leave this episode alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// Violations are not counted against anybody: the clock came by a backlog or a spread storm.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_blame: bool,
    /// The fingerprint of the rule that planned it; another one plans it anew.
    #[serde(default)]
    pub rule_version: u64,
    /// How a decision about a request moved the deadline, as long as that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended: Option<Extended>,
    /// When the reminders of a later round are nominally due; empty while the rule's own plan holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub planned: BTreeMap<StepName, Planned>,
    /// Seconds for which requests of the episode stood open, counted as the deadline counts: wall-clock time on the days
    /// that count, or working hours.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub waited_secs: i64,
    /// Who owned the record before the present owner, since the episode began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_before: Option<PersonId>,
}

fn is_zero(count: &i64) -> bool {
    *count == 0
}

/// When a reminder of a later round is due, before quiet and working hours are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planned {
    /// On a local date of the clock's zone, at the send time of whoever gets it.
    On(NaiveDate),
    /// At an instant.
    At(Instant),
}

/// How a decision about a request moved a clock's deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extended {
    /// The deadline before the decision, to go back to when a grant is taken back.
    pub before: Instant,
    /// When it was decided.
    pub at: Instant,
    /// Whether more time was granted; else the time for which the request was open was given back.
    pub granted: bool,
    /// Seconds that were given back, counted as the deadline counts; none after a grant that was taken back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub given_back_secs: i64,
    /// The round that began with it: what an earlier one sent does not stand for the present one's reminders.
    #[serde(default)]
    pub round: u32,
}

/// The reason fields of a record in one episode of a rule or approval: what stood there, and whether it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonAsk {
    /// The episode of the clock, or of the request of an approval that asks by its own condition.
    pub episode: u32,
    /// What stood in the fields when the episode began; that is no answer.
    #[serde(default, skip_serializing_if = "Reason::is_empty")]
    pub before: Reason,
    /// What it is asked about, once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<ReasonAbout>,
    /// How often it was asked about that.
    #[serde(default)]
    pub asked: u32,
    /// When it is asked again; `None` once that was done, a reason was given, or none is needed any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_at: Option<Instant>,
    /// When a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_at: Option<Instant>,
    /// The tasks that ask, by the effect that made them, until they are completed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<EffectId, TaskMemo>,
}

/// What a reason is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonAbout {
    /// The violation.
    Violation,
    /// A request that came without one.
    Request,
}

/// When and why a rule ceased to apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When, by the CRM's time.
    pub at: Instant,
    /// Why.
    pub by: EndedBy,
}

/// Why a rule ceased to apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// Its condition became false.
    Condition,
    /// The record was closed.
    Closed,
    /// The record was deleted.
    Deleted,
    /// The record was merged into another.
    Merged,
    /// The rule was removed or disabled.
    Rule,
}

/// A step of a rule for one of its recipient slots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sending {
    /// The step.
    pub step: StepName,
    /// The recipient slot.
    pub slot: SlotName,
}

/// What became of a step for one recipient slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// The step and the slot.
    #[serde(flatten)]
    pub sending: Sending,
    /// When it was decided.
    pub at: Instant,
    /// What became of it.
    pub fate: StepFate,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepFate {
    /// It waits for the recipient's daily limit.
    Asked,
    /// Its effects were decided.
    Fired,
    /// It stands in the recipient's overflow task.
    Overflowed,
    /// A record merged into this one had sent it.
    Absorbed,
    /// A later step, a silence or the end of the clock took its place.
    Superseded,
    /// It lay in the past when it was planned, or nobody could receive it.
    Dropped,
}

impl StepFate {
    /// Whether a person saw the step, or will.
    pub fn is_sent(self) -> bool {
        match self {
            StepFate::Fired | StepFate::Overflowed | StepFate::Absorbed => true,
            StepFate::Asked | StepFate::Superseded | StepFate::Dropped => false,
        }
    }
}

/// One reminder on its way to one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// The step and the slot.
    #[serde(flatten)]
    pub sending: Sending,
    /// Who gets it.
    pub to: PersonId,
    /// Taken back; should it be written nevertheless, it was already under way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub superseded: bool,
}

/// What is remembered of a task that we made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMemo {
    /// The step it reminds of, and the slot it went to.
    #[serde(flatten)]
    pub sending: Sending,
    /// Its id in the CRM, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What we wrote last; a field that is absent here is a person's and left alone.
    pub wrote: TaskFields,
    /// What it should hold.
    pub want: TaskFields,
    /// Whether we still look after it: false once completed or taken over by a person.
    pub open: bool,
    /// The update on its way; the next waits for its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingUpdate>,
    /// How many updates were decided, so that each has its own effect id.
    #[serde(default)]
    pub updates: u32,
}

/// A task update on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpdate {
    /// Its effect.
    pub effect: EffectId,
    /// The fields that it sets.
    pub set: TaskFields,
}

/// A rule's violation in an episode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The deadline that passed.
    pub at: Instant,
    /// The owner at the deadline.
    pub owner: Option<PersonId>,
    /// Whether a reminder of the episode had reached that owner in time, or the rule has none.
    pub enforceable: bool,
    /// Who owned the record before, where it was handed over too late for a reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_owner: Option<PersonId>,
    /// Taken back because the work had been done in time.
    #[serde(default)]
    pub withdrawn: bool,
}

/// A person's day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonCase {
    /// The local date that the lists below are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<NaiveDate>,
    /// Reminders admitted on that date.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub admitted: BTreeSet<EffectId>,
    /// Reminders over the limit, with their lines, in order of arrival.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overflow: Vec<Overflow>,
    /// How many more there are than the task can list.
    #[serde(default)]
    pub unlisted: u32,
    /// The overflow task of that date, once decided, with the effect that makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Box<(EffectId, TaskMemo)>>,
    /// When the overflow task is to be written or brought up to date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_at: Option<Instant>,
}

/// One reminder over a person's daily limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overflow {
    /// The effect that was asked for.
    pub effect: EffectId,
    /// The record it is about.
    pub record: RecordRef,
    /// One line for the task.
    pub line: String,
}

/// One rule on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeCase {
    /// The latest entries, as many as a storm needs to be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<(Instant, RecordRef)>,
    /// The storm, while one is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<Storm>,
}

/// Records held because too many entered a rule at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    /// When it began.
    pub since: Instant,
    /// Every record held that waits to be let go.
    pub held: BTreeSet<RecordRef>,
    /// How many more are held than can be listed; they let themselves go when nobody answers.
    #[serde(default)]
    pub unlisted: u32,
    /// The answer, while its releases are being posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<StormAnswer>,
    /// How many were let go already, so that a spread goes on where it stopped.
    #[serde(default)]
    pub released: u32,
}
