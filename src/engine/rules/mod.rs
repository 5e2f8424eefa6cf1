//! What a rule file holds once it is read, checked and compiled.

mod approval;
mod digest;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveTime};
use dealclock_model::effect::Channel;
use dealclock_model::time::WorkingHours;
use dealclock_model::{ApprovalKey, ConnectionId, DigestKey, FieldName, Object, ReportKey, RuleKey, Span, StepName};

use crate::condition::{Condition, Layout};
use crate::template::Template;

pub use approval::{
    AfterRefusal, Approval, ApprovalStep, Asking, DecisionField, Direction, Escalation, Extension, Material, Native,
    Required, Timeout,
};
pub use digest::{Digest, Report, ReportKind};

/// Everything that a set of rule files defines.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    /// The rules.
    pub rules: Rules,
    /// The calendars that rules name.
    pub calendars: Calendars,
    /// Reports by key.
    pub reports: BTreeMap<ReportKey, Report>,
}

/// Every rule by its key, with the fields that their conditions read.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The rules.
    pub by_key: BTreeMap<RuleKey, Rule>,
    /// The fields that any condition reads, each with its slot.
    pub layout: Layout,
    /// Approvals by key.
    pub approvals: BTreeMap<ApprovalKey, Approval>,
    /// Digests by key.
    pub digests: BTreeMap<DigestKey, Digest>,
    /// Rules that an administrator stopped: their clocks do nothing until they are started again.
    pub stopped: BTreeSet<RuleKey>,
}

impl Rules {
    /// The rules about this kind of record on this connection, in the order of their keys.
    pub fn about<'a>(&'a self, object: Object, connection: &'a ConnectionId) -> impl Iterator<Item = &'a Rule> {
        self.by_key.values().filter(move |rule| rule.object == object && rule.is_on(connection))
    }

    /// The approvals about this kind of record on this connection that ask by their own condition.
    pub fn asking<'a>(
        &'a self,
        object: Object,
        connection: &'a ConnectionId,
    ) -> impl Iterator<Item = (&'a Asking, &'a Approval)> {
        let approvals = self.approvals.values().filter_map(|approval| Some((approval.asking.as_ref()?, approval)));
        approvals.filter(move |(asking, approval)| asking.object == object && approval.is_on(connection))
    }
}

/// One deadline rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its key in the file.
    pub key: RuleKey,
    /// What people call it.
    pub title: String,
    /// The kind of record it is about.
    pub object: Object,
    /// The connections it runs on; `None` for all.
    pub connections: Option<Vec<ConnectionId>>,
    /// Who it applies to.
    pub when: Condition,
    /// The time field from which the clock counts; `None` for the moment `when` became true.
    pub start: Option<FieldName>,
    /// The work is done.
    pub until: Condition,
    /// How long the work may take.
    pub deadline: Span,
    /// For day deadlines: the local time of day at which the last day ends, instead of midnight.
    pub deadline_time: Option<NaiveTime>,
    /// The calendar by which business spans are counted.
    pub calendar: Option<String>,
    /// While true, nothing fires.
    pub silenced_while: Option<Condition>,
    /// The reminders, in order of their nominal times as far as spans of different units can be ordered.
    pub remind: Vec<Remind>,
    /// What happens when `when` is true again.
    pub reopen: Reopen,
    /// With [`Reopen::Restart`]: within this span the same episode goes on. Default `1d`.
    pub reopen_window: Span,
    /// What the first evaluation on a connection does.
    pub backlog: Backlog,
    /// What is sent of the steps that fell due while the daemon was down.
    pub missed: Missed,
    /// What an owner's absence does.
    pub absence: Absence,
    /// What a violation does beside being counted.
    pub violation: Breach,
    /// The way out, where the rule has one.
    pub extension: Option<Extension>,
    /// Whether the rule writes, or only decides and journals.
    pub mode: Mode,
    /// A fingerprint of everything above that changes what is planned; another one plans running clocks anew.
    pub version: u64,
}

impl Rule {
    /// Whether the rule runs on a connection.
    pub fn is_on(&self, connection: &ConnectionId) -> bool {
        self.connections.as_ref().is_none_or(|list| list.contains(connection))
    }
}

/// Whether a rule writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It does.
    #[default]
    Live,
    /// Everything is decided and journalled, nothing written, and no digest told.
    Shadow,
}

/// What a violation does beside being counted and journalled.
#[derive(Clone, Debug, Default)]
pub struct Breach {
    /// The digest that it joins.
    pub digest: Option<DigestKey>,
    /// Which violations reach the digest's readers at once as well.
    pub urgent: Option<Condition>,
    /// The fields in which the owner says why; asked for when they are empty.
    pub reason: Option<ReasonFields>,
}

/// The fields of a record that hold a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonFields {
    /// The picklist.
    pub picklist: Option<FieldName>,
    /// The rep's own words.
    pub text: Option<FieldName>,
    /// The value of the picklist that is no reason without words. Default `other`, in whatever case.
    pub wants_words: String,
}

/// One reminder of a rule.
#[derive(Clone, Debug)]
pub struct Remind {
    /// Its name, unique in the rule; by default its `at`.
    pub name: StepName,
    /// When, counted from the clock's zero.
    pub at: Span,
    /// Who gets it.
    pub to: Vec<Slot>,
    /// How it reaches them.
    pub via: Vec<Channel>,
    /// The line that people see.
    pub subject: Template,
    /// The text; a standard one says what, why, by when, and what to do if it cannot be done.
    pub body: Option<Template>,
}

/// A recipient by role, so that the same step goes to whoever has the role when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The record's owner.
    Owner,
    /// The owner's manager.
    Manager,
    /// The manager's manager.
    ManagersManager,
}

impl Slot {
    /// The slot as written in `to`, and as it enters effect ids.
    pub fn as_str(self) -> &'static str {
        match self {
            Slot::Owner => "owner",
            Slot::Manager => "owner.manager",
            Slot::ManagersManager => "owner.manager.manager",
        }
    }
}

/// Somebody who is asked, told or sent something, by role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// By their place to the record's owner.
    Slot(Slot),
    /// Whoever holds a role of the connection: `role:sales-director`.
    Role(String),
}

impl Who {
    /// As written in rule files; the slot of effects.
    pub fn name(&self) -> String {
        match self {
            Who::Slot(slot) => slot.as_str().to_owned(),
            Who::Role(role) => format!("role:{role}"),
        }
    }
}

/// What happens when `when` becomes true again after an episode ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reopen {
    /// A new episode, except within the reopen window.
    #[default]
    Restart,
    /// The same episode always goes on; the time away counted.
    Resume,
}

/// What the first evaluation of a rule on a connection does with records it already applies to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backlog {
    /// Clocks start when first seen.
    #[default]
    FromNow,
    /// Clocks start at their true start; missed steps are dropped, and nobody is blamed for what lay before.
    AsIf,
    /// Records that the rule already applied to get no clock for this episode.
    Ignore,
}

/// What is sent of several steps that fell due while nothing could fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// The last that is still useful.
    #[default]
    Last,
    /// None.
    None,
}

/// What an owner's absence does to a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absence {
    /// Nothing.
    #[default]
    Ignore,
    /// Days away count as days off.
    Extend,
    /// Steps go to the named deputy.
    Delegate,
}

/// Calendars by name.
#[derive(Clone, Debug, Default)]
pub struct Calendars {
    /// The calendars.
    pub by_name: BTreeMap<String, Calendar>,
}

/// Working days, working hours and holidays of an office, counted in the zone of whoever they are applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    /// Working hours by weekday; a weekday without hours is not a working day.
    pub hours: WorkingHours,
    /// Days off, sorted.
    pub holidays: Vec<NaiveDate>,
}
