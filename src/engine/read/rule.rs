//! Reading of `[rule.NAME]`: one deadline rule.

use std::ops::Range;
use std::sync::Arc;

use chrono::NaiveTime;
use dealclock_model::fault::Fault;
use dealclock_model::time::{Span, Unit};
use dealclock_model::{ConnectionId, FieldName, Object, RuleKey};

use super::checked::Ground;
use super::links::Grant;
use super::section::{Placed, Section};
use super::{Kept, Reading, extension, fingerprint, known, remind, violation, wanted};
use crate::condition::{Condition, Layout};
use crate::rules::{Absence, Backlog, Breach, Missed, Mode, Remind, Reopen, Rule};

const KEYS: [&str; 20] = [
    "title",
    "object",
    "connections",
    "when",
    "start",
    "until",
    "deadline",
    "deadline_time",
    "calendar",
    "silenced_while",
    "reopen",
    "reopen_window",
    "backlog",
    "missed",
    "absence",
    "enabled",
    "mode",
    "remind",
    "violation",
    "extension",
];
/// The keys that must be there, with examples.
const REQUIRED: [(&str, &str); 4] = [
    ("object", "object = \"opportunity\""),
    ("when", "when = 'amount >= 50000 && stage == \"Open\"'"),
    ("until", "until = \"proposal_sent_at != null\""),
    ("deadline", "deadline = \"5d\""),
];
const REOPEN: [(&str, Reopen); 2] = [("restart", Reopen::Restart), ("resume", Reopen::Resume)];
const BACKLOG: [(&str, Backlog); 3] =
    [("from_now", Backlog::FromNow), ("as_if", Backlog::AsIf), ("ignore", Backlog::Ignore)];
const MISSED: [(&str, Missed); 2] = [("last", Missed::Last), ("none", Missed::None)];
const ABSENCE: [(&str, Absence); 3] =
    [("ignore", Absence::Ignore), ("extend", Absence::Extend), ("delegate", Absence::Delegate)];
const MODE: [(&str, Mode); 2] = [("live", Mode::Live), ("shadow", Mode::Shadow)];

/// Reads one rule; `None` when it has a fault. A disabled rule is checked like any other.
pub(super) fn read(key: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Kept> {
    let before = reading.faults.len();
    section.allow(&KEYS, &mut reading.faults);
    let enabled = section.flag("enabled", &mut reading.faults).unwrap_or(true);
    let parts = Parts::read(section, enabled, reading);
    parts.check(section, reading);
    if reading.faults.len() > before {
        return None;
    }
    let granted = parts.extension.as_ref().map(|read| (read.granted_as.clone(), read.approval.clone()));
    let mut rule = parts.into_rule(key)?;
    let calendar = rule.calendar.as_ref().and_then(|name| reading.calendars.get(name));
    rule.version = fingerprint::of_rule(&rule, calendar);
    if !enabled {
        return Some(Kept::Disabled);
    }
    if let (Some(extension), Some((span, asks_at))) = (&rule.extension, granted) {
        reading.grants.push(Grant {
            path: section.path.clone(),
            source: Arc::clone(section.source),
            span,
            granted_as: extension.granted_as.clone(),
            requested_by: Some(extension.requested_by.clone()),
            approval: extension.approval.clone(),
            asks_at: Some(asks_at),
            connections: rule.connections.clone(),
        });
    }
    Some(Kept::Enabled(Box::new(rule)))
}

/// What the keys of a rule say, each for itself; `None` where a key is absent or has a fault.
struct Parts<'a> {
    title: Option<Placed<&'a str>>,
    object: Option<Object>,
    connections: Option<Vec<ConnectionId>>,
    when: Option<Condition>,
    until: Option<Condition>,
    silenced_while: Option<Condition>,
    start: Option<FieldName>,
    deadline: Option<Placed<Span>>,
    deadline_time: Option<Placed<NaiveTime>>,
    calendar: Option<Placed<&'a str>>,
    reopen_window: Option<Placed<Span>>,
    remind: Vec<(Remind, Placed<Span>)>,
    violation: Breach,
    extension: Option<extension::Read>,
    settings: Settings,
}

impl<'a> Parts<'a> {
    fn read(section: &Section<'a>, enabled: bool, reading: &mut Reading<'_>) -> Parts<'a> {
        // Taken apart so that each can be lent out on its own.
        let Reading { catalogs, faults, calendars, digests, approvals, layout, .. } = reading;
        let mut unused = Layout::default();
        let layout = if enabled { layout } else { &mut unused };

        for (key, example) in REQUIRED {
            section.require(key, example, faults);
        }
        let connections = known::connections(section, catalogs.keys(), faults);
        let object = section.choice("object", &Object::ALL.map(|object| (object.as_str(), object)), faults);
        let ground = Ground::new(object.unwrap_or(Object::Opportunity), connections.as_deref(), catalogs);
        let deadline = read_deadline(section, faults);
        let span = deadline.as_ref().map(|deadline| deadline.value);
        Parts {
            title: section.text("title", "title = \"Proposal within 5 days\"", faults),
            when: ground.condition(section, "when", layout, faults),
            until: ground.condition(section, "until", layout, faults),
            silenced_while: ground.condition(section, "silenced_while", layout, faults),
            start: ground.field(section, "start", &wanted::TIME, faults).map(|field| field.value),
            deadline_time: section.time("deadline_time", faults),
            calendar: known::calendar(section, calendars.names(), faults),
            reopen_window: section.duration("reopen_window", "reopen_window = \"1d\"", faults),
            remind: remind::read(section, span, &ground, faults),
            violation: violation::read(section, &ground, digests.names(), layout, faults),
            extension: extension::read(section, span, &ground, approvals.names(), faults),
            settings: Settings::read(section, faults),
            object,
            connections,
            deadline,
        }
    }

    /// Checks what the keys say together.
    fn check(&self, section: &Section<'_>, reading: &mut Reading<'_>) {
        let Reading { faults, calendars, .. } = reading;
        let extension = self.extension.iter().flat_map(|extension| &extension.spans);
        let spans = (self.deadline.iter().chain(&self.reopen_window))
            .chain(self.remind.iter().map(|(_, at)| at))
            .chain(extension);
        known::require_calendar(section, "rule", spans, calendars.names(), faults);
        if let (Some(deadline), Some(time)) = (&self.deadline, &self.deadline_time) {
            check_deadline_time(section, deadline.value, time.span.clone(), faults);
        }
    }

    /// The rule, without its fingerprint.
    fn into_rule(self, key: &str) -> Option<Rule> {
        Some(Rule {
            key: RuleKey::from(key),
            title: self.title.map_or(key, |title| title.value).to_owned(),
            object: self.object?,
            connections: self.connections,
            when: self.when?,
            start: self.start,
            until: self.until?,
            deadline: self.deadline?.value,
            deadline_time: self.deadline_time.map(|time| time.value),
            calendar: self.calendar.map(|calendar| calendar.value.to_owned()),
            silenced_while: self.silenced_while,
            remind: self.remind.into_iter().map(|(remind, _)| remind).collect(),
            reopen: self.settings.reopen,
            reopen_window: self.reopen_window.map_or(Span::days(1), |window| window.value),
            backlog: self.settings.backlog,
            missed: self.settings.missed,
            absence: self.settings.absence,
            violation: self.violation,
            extension: self.extension.map(|read| read.extension),
            mode: self.settings.mode,
            version: 0,
        })
    }
}

/// The keys that choose among a few words.
struct Settings {
    reopen: Reopen,
    backlog: Backlog,
    missed: Missed,
    absence: Absence,
    mode: Mode,
}

impl Settings {
    fn read(section: &Section<'_>, faults: &mut Vec<Fault>) -> Settings {
        Settings {
            reopen: section.choice("reopen", &REOPEN, faults).unwrap_or_default(),
            backlog: section.choice("backlog", &BACKLOG, faults).unwrap_or_default(),
            missed: section.choice("missed", &MISSED, faults).unwrap_or_default(),
            absence: section.choice("absence", &ABSENCE, faults).unwrap_or_default(),
            mode: section.choice("mode", &MODE, faults).unwrap_or_default(),
        }
    }
}

fn read_deadline(section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Placed<Span>> {
    let deadline = section.duration("deadline", "deadline = \"5d\"", faults)?;
    if deadline.value.count == 0 {
        let fault = section.fault(deadline.span, "a deadline that leaves no time");
        faults.push(fault.help("write at least one: `deadline = \"1d\"`"));
        return None;
    }
    Some(deadline)
}

/// A time of day ends a last day; hours end when they end.
fn check_deadline_time(section: &Section<'_>, deadline: Span, place: Range<usize>, faults: &mut Vec<Fault>) {
    match deadline.unit {
        Unit::Days | Unit::BusinessDays => {}
        Unit::Hours | Unit::BusinessHours | Unit::Minutes => {
            let message = format!("`deadline_time` beside a deadline of `{deadline}`");
            let help = "a time of day ends a deadline in days: `5d` or `5bd`";
            faults.push(section.fault(place, message).help(help));
        }
    }
}
