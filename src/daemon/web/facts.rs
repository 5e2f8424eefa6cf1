//! What a page shows whoever decides: who asks, for what and why, what it is about, and until when.

use dealclock_engine::Rule;
use dealclock_engine::rules::{Absence, Approval, Extension};
use dealclock_engine::template::{last_in_time, money, shown};
use dealclock_engine::time::{Reckoning, Workdays};
use dealclock_model::case::Clock;
use dealclock_model::record::field;
use dealclock_model::{FieldName, Instant, Record, Unit, Value};

use super::page::View;

/// A name, and what stands behind it.
pub(super) type Fact = (String, String);

impl View<'_> {
    /// What whoever decides should know, in the order in which they would ask.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut tell = |name: &str, value: String| facts.push((name.to_owned(), value));
        let request = self.case.and_then(|case| case.requests.get(&self.question.rule));
        let rule = self.ruleset.rules.by_key.get(&self.question.rule);
        let clock = self.case.and_then(|case| case.clocks.get(&self.question.rule));
        let open = request.filter(|request| request.is_open());
        if let Some(requester) = request.and_then(|request| request.requester.as_ref()) {
            tell("Asked by", self.name(requester));
        }
        if let Some(rule) = rule {
            tell("Rule", rule.title.clone());
        }
        if let Some(Value::Number(amount)) = self.record().map(|record| record.get(field::AMOUNT)) {
            tell("Amount", money(*amount));
        }
        for (name, value) in self.grounds() {
            tell(&name, value);
        }
        if let Some(reason) = self.reason(rule) {
            tell("Reason", reason);
        }
        if let Some(wanted) = request.and_then(|request| request.wanted_until) {
            tell("Wanted until", wanted.to_string());
        }
        if let Some(clock) = clock {
            tell("Deadline now", to_be_done_by(clock.deadline, clock));
        }
        if let (Some(rule), Some(clock), Some(_)) = (rule, clock, open)
            && let Some(deadline) = deadline_if_approved(rule, clock, self.now)
        {
            tell("If approved", to_be_done_by(deadline, clock));
        }
        if open.is_some() {
            tell("To be decided by", self.moment(self.question.expires));
        }
        facts
    }

    /// The values by which the approval asks, and those that would make it ask again.
    fn grounds(&self) -> Vec<Fact> {
        let (Some(approval), Some(record)) = (self.approval(), self.record()) else { return Vec::new() };
        let zone = self.people.zone_of(Some(&self.question.person));
        let read = grounds_of(approval).into_iter().filter(|name| !is_said_elsewhere(name, approval));
        let value = |name: &FieldName| match record.get(name.as_str()) {
            Value::Null => "(empty)".to_owned(),
            value => shown(value, zone),
        };
        read.map(|name| (label(name), value(name))).collect()
    }

    /// Why it is asked, where the approval or the rule wants to know.
    fn reason(&self, rule: Option<&Rule>) -> Option<String> {
        let fields = self.approval().and_then(|approval| approval.reason.as_ref());
        let fields = fields.or_else(|| rule.and_then(|rule| rule.violation.reason.as_ref()))?;
        let record: &Record = self.record()?;
        let said = [&fields.picklist, &fields.text].into_iter().flatten();
        let said: Vec<_> = said.filter_map(|field| text(record.get(field.as_str()))).collect();
        Some(if said.is_empty() { "none given yet".to_owned() } else { said.join("\n") })
    }
}

/// The fields that the approval's own condition reads, and those whose change asks again; each once.
fn grounds_of(approval: &Approval) -> Vec<&FieldName> {
    let asking = approval.asking.iter().flat_map(|asking| &asking.when.fields);
    let mut names: Vec<&FieldName> = Vec::new();
    for name in asking.chain(approval.reopens_when.iter().map(|material| &material.field)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The amount has its own line, the owner is no field of the record, and the box is what is asked for.
fn is_said_elsewhere(name: &FieldName, approval: &Approval) -> bool {
    let granted = approval.asking.as_ref().and_then(|asking| asking.granted_as.as_ref());
    name.as_str() == field::AMOUNT || name.as_str().starts_with("owner.") || granted == Some(name)
}

/// A field's name as words.
fn label(name: &FieldName) -> String {
    let words = name.as_str().replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn to_be_done_by(deadline: Instant, clock: &Clock) -> String {
    format!("to be done by {}", last_in_time(deadline, clock.zone))
}

/// The deadline that a grant gives now, where nothing but plain days are counted.
fn deadline_if_approved(rule: &Rule, clock: &Clock, now: Instant) -> Option<Instant> {
    let Extension { grants, grace, .. } = rule.extension.as_ref()?;
    let is_plain = [rule.deadline, *grants, *grace].iter().all(|span| span.unit == Unit::Days);
    if !is_plain || rule.absence == Absence::Extend {
        return None;
    }
    let reckoning = Reckoning { zone: clock.zone, office: Workdays::default(), days: Workdays::default() };
    let end = |from, span| reckoning.deadline(from, span, rule.deadline_time);
    Some(end(clock.zero, *grants).max(end(now, *grace)))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Time(_) | Value::Date(_) => None,
    }
}
