//! The machine of one request: who is asked, what they say, and what comes of it.
//!
//! It serves a rule's way out, where the request is kept under the rule's key and moves the rule's clock, and an approval
//! that asks by its own condition, where it is kept under `approval/<key>`. It never touches a clock: whoever calls it
//! compares [`Request::state`] before and after, moves the clock, and then lets it [`announce`](Hearing::announce) what
//! came of the request.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::{
    DigestKey, EffectId, FieldName, Instant, Outcome, PersonId, Record, RecordRef, Request, RequestState, RuleKey,
    Ruling, StepName, Way,
};

use super::{Desk, Draft};
use crate::rules::{Approval, Asking, Extension, ReasonFields, Rule};

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

    /// Opens a request at the CRM's time of the asking: the known one anew (round + 1) when it is of the same episode, else
    /// a new one.
    ///
    /// A request that every step passes over is granted at once: look at its state afterwards.
    pub(super) fn open(&self, known: Option<Request>, episode: u32, at: Instant, out: &mut Draft) -> Request {
        let mut request = known.unwrap_or_else(|| self.blank(episode, at));
        request.opened_at = at;
        let _ = out;
        request
    }

    /// A grant that was not asked for here: one from before we came (`native` is `None`), or the CRM's own approval process
    /// granted what nobody had asked us for. Nobody is asked; `announce` afterwards where the checkbox is to be ticked.
    pub(super) fn adopt(
        &self,
        known: Option<Request>,
        episode: u32,
        at: Instant,
        native: Option<&NativeSeen>,
        why: &str,
        out: &mut Draft,
    ) -> Request {
        let _ = (native, why, out);
        known.unwrap_or_else(|| self.blank(episode, at))
    }

    /// The requester took it back before a decision.
    pub(super) fn withdraw(&self, request: &mut Request, at: Instant, out: &mut Draft) {
        let _ = (request, at, out);
    }

    /// The work is done, or the rule does not apply any more: an open request closes. On one that is closed it does nothing.
    pub(super) fn close_not_needed(&self, request: &mut Request, at: Instant, why: &str, out: &mut Draft) {
        let _ = (request, at, why, out);
    }

    /// The requester gave a grant back: the granted checkbox is cleared. Nothing has to be announced.
    pub(super) fn take_back(&self, request: &mut Request, at: Instant, out: &mut Draft) {
        let _ = (request, at, out);
    }

    /// Asked again after the decision, which asks for nothing: the owner is told once.
    pub(super) fn tell_decided(&self, request: &mut Request, out: &mut Draft) {
        let _ = (request, out);
    }

    /// Reminds, escalates and times out what has fallen due.
    pub(super) fn come_due(&self, request: &mut Request, as_of: Instant, out: &mut Draft) {
        let _ = (request, as_of, out);
    }

    /// Somebody says something by a link or at a desk.
    pub(super) fn hear_ruling(&self, request: &mut Request, said: Said<'_>, out: &mut Draft) {
        let _ = (request, said.episode, said.round, said.step, said.by, said.ruling, said.way, said.comment, out);
    }

    /// The CRM shows its own approval process and our tasks.
    pub(super) fn hear_look(&self, request: &mut Request, native: &[NativeSeen], tasks: &[TaskSeen], out: &mut Draft) {
        let _ = (request, native, tasks, out);
    }

    /// The record changed: a decision field may decide, a material change may reopen.
    pub(super) fn follow_record(&self, request: &mut Request, before: Option<&Record>, at: Instant, out: &mut Draft) {
        let _ = (request, before, at, out);
    }

    /// People changed: an approver who left is replaced.
    pub(super) fn follow_people(&self, request: &mut Request, out: &mut Draft) {
        let _ = (request, out);
    }

    /// The approval was edited: an open request goes on under it.
    pub(super) fn follow_approval(&self, request: &mut Request, out: &mut Draft) {
        let _ = (request, out);
    }

    /// An approval that asks by its own condition looks at the record as it is since `at`; `first` on a first evaluation.
    pub(super) fn follow_condition(
        &self,
        known: Option<Request>,
        at: Instant,
        first: bool,
        out: &mut Draft,
    ) -> Option<Request> {
        let _ = (at, first, out);
        known
    }

    /// Tells what came of a request that was just decided, once the clock has moved: sets the fields, tells the requester
    /// the new deadline, closes the approvers' tasks.
    pub(super) fn announce(&self, request: &mut Request, due: Option<(Instant, Tz)>, out: &mut Draft) {
        let _ = (request, due, out);
    }

    /// The clock is met or void: tasks that tell of the decision are done as well.
    pub(super) fn close_told(&self, request: &mut Request) {
        let _ = request;
    }

    /// An effect has an outcome; whether it was one of the request's.
    pub(super) fn settle(&self, request: &mut Request, effect: EffectId, outcome: &Outcome, out: &mut Draft) -> bool {
        let _ = (request, effect, outcome, out);
        false
    }

    /// When the request next does something by itself.
    pub(super) fn next_at(&self, request: &Request) -> Option<Instant> {
        let _ = request;
        None
    }

    /// A request about which nothing is known yet.
    fn blank(&self, episode: u32, at: Instant) -> Request {
        Request {
            approval: self.approval.key.clone(),
            episode,
            round: 0,
            state: RequestState::Open,
            opened_at: at,
            closed_at: None,
            open_before_secs: 0,
            requester: self.record.owner.clone(),
            wanted_until: None,
            step: 0,
            steps: Vec::new(),
            decision: None,
            basis: BTreeMap::new(),
            tasks: BTreeMap::new(),
            pending: BTreeMap::new(),
            native: None,
            told_decided: false,
            approval_version: self.approval.version,
        }
    }

    /// The checkbox that only the approval ticks.
    pub(super) fn granted_as(&self) -> Option<&'a FieldName> {
        match self.cause {
            Cause::Extension(extension) => Some(&extension.granted_as),
            Cause::Condition(asking) => asking.granted_as.as_ref(),
        }
    }
}

/// The rule or approval is no more: an open request closes, its tasks are completed.
pub(super) fn abandon(desk: Desk<'_>, id: &RecordRef, key: &RuleKey, request: &mut Request, out: &mut Draft) {
    let _ = (desk, id, key, request, out);
}

/// Decides the updates of a request's tasks and forgets those that are done; the last word of every sitting.
pub(super) fn tend(desk: Desk<'_>, id: &RecordRef, key: &RuleKey, request: &mut Request, out: &mut Draft) {
    let _ = (desk, id, key, request, out);
}

/// An outcome of an effect of a request whose rule is no more; whether it was one.
pub(super) fn settle_abandoned(
    desk: Desk<'_>,
    id: &RecordRef,
    key: &RuleKey,
    request: &mut Request,
    effect: EffectId,
    outcome: &Outcome,
    out: &mut Draft,
) -> bool {
    let _ = (desk, id, key, request, effect, outcome, out);
    false
}
