//! What is remembered of one subject: a record with its clocks, a person, or an intake.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::effect::TaskFields;
use crate::{CaseId, Effect, EffectId, Instant, PersonId, Record, RecordId, RecordRef, RuleKey, StepName};

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
}

impl Case {
    /// A case of which nothing is known yet.
    pub fn new(id: &CaseId) -> Case {
        match id {
            CaseId::Record(_) => Case::Record(Box::default()),
            CaseId::Person { .. } => Case::Person(PersonCase::default()),
            CaseId::Intake { .. } => Case::Intake(IntakeCase::default()),
        }
    }

    /// The record case, when it is one.
    pub fn as_record(&self) -> Option<&RecordCase> {
        match self {
            Case::Record(case) => Some(case),
            Case::Person(_) | Case::Intake(_) => None,
        }
    }

    /// The persons whose changes are events to this case.
    pub fn persons(&self) -> BTreeSet<&PersonId> {
        match self {
            Case::Record(case) => case.persons(),
            Case::Person(_) | Case::Intake(_) => BTreeSet::new(),
        }
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
}

impl RecordCase {
    /// The persons whose changes matter: the owner and everyone a step may go to next.
    pub fn persons(&self) -> BTreeSet<&PersonId> {
        let owner = self.record.as_ref().and_then(|record| record.owner.as_ref());
        owner
            .into_iter()
            .chain(
                self.clocks
                    .values()
                    .flat_map(|clock| clock.tasks.values().filter_map(|task| task.wrote.owner.as_ref())),
            )
            .collect()
    }
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
    /// The zone in which day deadlines are counted: the owner's at the episode's start.
    pub zone: Tz,
    /// The first instant at which the rule is violated.
    pub deadline: Instant,
    /// Steps that were fired, superseded or dropped, by name; a step not here is still to come.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepName, StepState>,
    /// Effects that wait for the recipient's daily limit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub asked: BTreeMap<EffectId, Effect>,
    /// Tasks that this clock made, by the effect that made them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<EffectId, TaskMemo>,
    /// Since when `when` is false, for the reopen window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Instant>,
    /// The violation, counted once an episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
    /// Held by the storm guard.
    #[serde(default)]
    pub held: bool,
    /// Violations are not counted against anybody: the clock came by a backlog or a spread storm.
    #[serde(default)]
    pub without_blame: bool,
    /// The fingerprint of the rule that planned it; another one plans it anew.
    #[serde(default)]
    pub rule_version: u64,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepState {
    /// When it was decided.
    pub at: Instant,
    /// The round it was decided in.
    pub round: u32,
    /// What became of it.
    pub fate: StepFate,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepFate {
    /// Its effects were decided.
    Fired,
    /// A later step, a silence or a re-plan took its place.
    Superseded,
    /// It lay in the past when it was planned.
    Dropped,
}

/// What is remembered of a task that a clock made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMemo {
    /// The step it reminds of.
    pub step: StepName,
    /// Its id in the CRM, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What we last decided to write into it.
    pub wrote: TaskFields,
    /// Whether we still look after it: false once completed, superseded, or taken over by a person.
    pub open: bool,
    /// How many updates were decided, so that each has its own effect id.
    #[serde(default)]
    pub updates: u32,
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
    /// The overflow task of that date, once decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskMemo>,
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
    /// Entries of the last ten minutes.
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
    /// Every record held.
    pub held: BTreeSet<RecordRef>,
}
