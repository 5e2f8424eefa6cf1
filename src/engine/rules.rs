//! What a rule file holds once it is read, checked and compiled.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use dealclock_model::effect::Channel;
use dealclock_model::time::WorkingHours;
use dealclock_model::{ConnectionId, FieldName, Object, RuleKey, Span, StepName};

use crate::condition::{Condition, Layout};
use crate::template::Template;

/// Everything that a set of rule files defines.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    /// The rules.
    pub rules: Rules,
    /// The calendars that rules name.
    pub calendars: Calendars,
}

/// Every rule by its key, with the fields that their conditions read.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The rules.
    pub by_key: BTreeMap<RuleKey, Rule>,
    /// The fields that any condition reads, each with its slot.
    pub layout: Layout,
}

impl Rules {
    /// The rules about this kind of record on this connection, in the order of their keys.
    pub fn about<'a>(&'a self, object: Object, connection: &'a ConnectionId) -> impl Iterator<Item = &'a Rule> {
        self.by_key.values().filter(move |rule| rule.object == object && rule.is_on(connection))
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
    /// A fingerprint of everything above that changes what is planned; another one plans running clocks anew.
    pub version: u64,
}

impl Rule {
    /// Whether the rule runs on a connection.
    pub fn is_on(&self, connection: &ConnectionId) -> bool {
        self.connections.as_ref().is_none_or(|list| list.contains(connection))
    }
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
