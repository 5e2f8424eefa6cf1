//! The machine of one request: who is asked, what they say, and what comes of it.
//!
//! It serves a rule's way out, where the request is kept under the rule's key and moves the rule's clock, and an approval
//! that asks by its own condition, where it is kept under `approval/<key>`. It never touches a clock: whoever calls it
//! compares [`Request::state`] before and after, moves the clock, and then lets it [`announce`](Hearing::announce) what
//! came of the request.

mod announce;
mod ask;
mod due;
mod hear;
mod open;
mod shared;
mod steps;
mod succession;
mod tend;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod room;
#[cfg(test)]
mod tests;

use chrono_tz::Tz;
use dealclock_model::{
    DigestKey, FieldName, Instant, PersonId, Record, RecordRef, RuleKey, Ruling, SlotName, StepName, Way,
};

use super::Desk;
use crate::rules::{Approval, Asking, Extension, ReasonFields, Rule, Who};

pub(super) use shared::Beside;
pub(super) use tend::{abandon, settle_abandoned, tend};

/// The slot of writes to the record itself.
const RECORD: &str = "record";
/// The step that hands the record in at the CRM's own approval process.
const SUBMIT: &str = "submit";
/// What the steps begin with that tick and clear the checkbox that only the approval ticks.
pub(super) const GRANTED: &str = "granted/";
/// What the steps begin with that clear the checkbox that asked.
const ASKED: &str = "asked/";
/// The step that empties the decision field.
const DECISION: &str = "decision/clear";
/// The step that tells the owner what came of the request.
const TOLD: &str = "told";
/// The step that tells the owner that it was decided before.
const DECIDED: &str = "decided";

/// One request of a record, with everything that its decisions look at.
#[derive(Clone)]
pub(super) struct Hearing<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) id: &'a RecordRef,
    pub(super) record: &'a Record,
    /// The key under which the record's case keeps the request.
    pub(super) key: RuleKey,
    /// What people call the rule or approval.
    pub(super) title: &'a str,
    pub(super) approval: &'a Approval,
    /// What asks.
    pub(super) cause: Cause<'a>,
    /// The fields by which the requester says why.
    pub(super) reason: Option<&'a ReasonFields>,
    /// The digest that hears of the request.
    pub(super) digest: Option<&'a DigestKey>,
    /// The deadline of the rule's clock, with its zone, for those who decide to read.
    pub(super) deadline: Option<(Instant, Tz)>,
}

/// What asks for an approval.
#[derive(Clone, Copy)]
pub(super) enum Cause<'a> {
    /// The way out of a rule.
    Extension(&'a Extension),
    /// The approval's own condition.
    Condition(&'a Asking),
}

/// What a person said by a signed link or at a desk, as [`Event::Ruled`](dealclock_model::Event::Ruled) tells it.
#[derive(Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) episode: u32,
    pub(super) round: u32,
    pub(super) step: &'a StepName,
    pub(super) by: &'a PersonId,
    pub(super) ruling: Ruling,
    pub(super) way: Way,
    pub(super) comment: Option<&'a str>,
}

/// Whose word it is, in which way it came, and what was said beside.
#[derive(Clone, Copy)]
struct Word<'a> {
    /// `None` where nobody is known.
    by: Option<&'a PersonId>,
    way: Way,
    comment: Option<&'a str>,
}

impl Word<'_> {
    /// A word of nobody who is known.
    fn of_nobody(way: Way) -> Word<'static> {
        Word { by: None, way, comment: None }
    }
}

impl<'a> Hearing<'a> {
    /// The hearing of a rule's way out; `None` when the rule has none, or its approval is not defined.
    pub(super) fn of_rule(
        desk: Desk<'a>,
        id: &'a RecordRef,
        record: &'a Record,
        rule: &'a Rule,
    ) -> Option<Hearing<'a>> {
        let extension = rule.extension.as_ref()?;
        let approval = desk.rules.approvals.get(&extension.approval)?;
        Some(Hearing {
            desk,
            id,
            record,
            key: rule.key.clone(),
            title: &rule.title,
            approval,
            cause: Cause::Extension(extension),
            reason: approval.reason.as_ref().or(rule.violation.reason.as_ref()),
            digest: approval.digest.as_ref().or(rule.violation.digest.as_ref()),
            deadline: None,
        })
    }

    /// The hearing of an approval that asks by its own condition; `None` when it asks by none.
    pub(super) fn of_approval(
        desk: Desk<'a>,
        id: &'a RecordRef,
        record: &'a Record,
        approval: &'a Approval,
    ) -> Option<Hearing<'a>> {
        let asking = approval.asking.as_ref()?;
        Some(Hearing {
            desk,
            id,
            record,
            key: approval.request_key(),
            title: &approval.title,
            approval,
            cause: Cause::Condition(asking),
            reason: approval.reason.as_ref(),
            digest: approval.digest.as_ref(),
            deadline: None,
        })
    }

    /// The hearing of whatever keeps its request under a key: a rule or an approval. `None` when neither is defined any
    /// more for the record: then the request is to be [abandoned](abandon).
    pub(super) fn of_key(desk: Desk<'a>, id: &'a RecordRef, record: &'a Record, key: &RuleKey) -> Option<Hearing<'a>> {
        let rule = desk.rules.by_key.get(key).filter(|rule| rule.object == id.object && rule.is_on(&id.connection));
        match rule {
            Some(rule) => Hearing::of_rule(desk, id, record, rule),
            None => {
                let mut asking = desk.rules.asking(id.object, &id.connection);
                let (_, approval) = asking.find(|(_, approval)| approval.request_key() == *key)?;
                Hearing::of_approval(desk, id, record, approval)
            }
        }
    }

    /// The same hearing, knowing the deadline of the rule's clock.
    #[must_use]
    pub(super) fn with_deadline(self, deadline: Instant, zone: Tz) -> Hearing<'a> {
        Hearing { deadline: Some((deadline, zone)), ..self }
    }

    /// The checkbox that only the approval ticks.
    pub(super) fn granted_as(&self) -> Option<&'a FieldName> {
        match self.cause {
            Cause::Extension(extension) => Some(&extension.granted_as),
            Cause::Condition(asking) => asking.granted_as.as_ref(),
        }
    }
}

/// Whether a slot is one that somebody of `who` is asked under: a role has a slot for each of its holders.
fn is_of(slot: &SlotName, who: &Who) -> bool {
    let name = who.name();
    slot.as_str().strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('#'))
}
