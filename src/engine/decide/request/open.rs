//! A request begins, begins anew, and ends without a decision.

use std::collections::BTreeMap;

use dealclock_model::digest::Reason;
use dealclock_model::effect::{Channel, Submission, TaskStatus};
use dealclock_model::request::{Decision, NativeSeen};
use dealclock_model::{
    EffectId, FieldName, Happened, Instant, Request, RequestState, Ruling, StepName, Value, Way, What, Write,
};

use super::{Cause, Hearing, RECORD, SUBMIT, Word};
use crate::condition::Row;
use crate::decide::recipient::name;
use crate::decide::{Draft, shadow};

/// For so many rounds tasks are remembered that were taken back before they were known to be written.
const ROUNDS_KEPT: u32 = 3;

impl<'a> Hearing<'a> {
    /// Opens a request at the CRM's time of the asking: the known one anew (round + 1) when it is of the same episode, else
    /// a new one.
    ///
    /// A request that every step passes over is granted at once: look at its state afterwards.
    pub(in crate::decide) fn open(
        &self,
        known: Option<Request>,
        episode: u32,
        at: Instant,
        out: &mut Draft,
    ) -> Request {
        let mut request = self.blank(episode, at);
        match known {
            Some(mut known) if known.episode == episode => {
                close_tasks(&mut known, |_| true);
                request.round = known.round.saturating_add(1);
                request.open_before_secs = known.open_before_secs;
                // One that was under way when it was taken back may still appear, and is then closed.
                let recent = |effect: &EffectId| effect.round().saturating_add(ROUNDS_KEPT) >= request.round;
                request.tasks =
                    known.tasks.into_iter().filter(|(effect, task)| task.id.is_some() || recent(effect)).collect();
                request.pending = known.pending;
                request.mails = known.mails;
            }
            Some(known) => {
                request.tasks = known.tasks.into_iter().filter(|(_, task)| task.open).collect();
            }
            None => {}
        }
        let again = if request.round > 0 { " again" } else { "" };
        let by = request.requester.as_ref().map_or("nobody", |person| name(self.desk.people, person)).to_owned();
        self.say(&request, None, What::Requested, format!("{by} asks{again}: {}", self.approval.title), out);
        self.note(&request, at, Happened::Requested { round: request.round }, out);
        if request.round > 0 || request.episode > 1 {
            // What an earlier decision granted does not stand for this one.
            self.set_granted(&mut request, "granted/clear", false, out);
        }
        self.empty_decision(&mut request, out);
        self.begin_step(&mut request, 0, None, out);
        if request.is_open() {
            self.hand_in(&mut request, out);
        }
        request
    }

    /// A grant that was not asked for here: one from before we came (`native` is `None`), or the CRM's own approval process
    /// granted what nobody had asked us for. Nobody is asked; `announce` afterwards where the checkbox is to be ticked.
    pub(in crate::decide) fn adopt(
        &self,
        known: Option<Request>,
        episode: u32,
        at: Instant,
        native: Option<&NativeSeen>,
        why: &str,
        out: &mut Draft,
    ) -> Request {
        let mut request = match known {
            Some(known) if known.episode == episode && known.is_open() => known,
            Some(known) if known.episode == episode => {
                let (round, open_before_secs) = (known.round.saturating_add(1), known.open_before_secs);
                let Request { tasks, mails, pending, .. } = known;
                Request { round, open_before_secs, tasks, mails, pending, ..self.blank(episode, at) }
            }
            Some(known) => {
                let tasks = known.tasks.into_iter().filter(|(_, task)| task.open).collect();
                Request { tasks, ..self.blank(episode, at) }
            }
            None => self.blank(episode, at),
        };
        match native {
            Some(run) => {
                if request.steps.is_empty() {
                    self.note(&request, at, Happened::Requested { round: request.round }, out);
                }
                let word = Word { by: run.by.as_ref(), way: Way::Native, comment: run.comment.as_deref() };
                self.conclude(&mut request, Ruling::Approve, word, out);
            }
            None => {
                request.state = RequestState::Granted;
                request.closed_at = Some(at);
                request.basis = self.basis();
                self.say(&request, None, What::Granted, why.to_owned(), out);
            }
        }
        request
    }

    /// The requester took it back before a decision.
    pub(in crate::decide) fn withdraw(&self, request: &mut Request, at: Instant, out: &mut Draft) {
        if request.is_open() {
            self.close(request, RequestState::Withdrawn, at, out);
            self.say(request, None, What::RequestWithdrawn, "taken back before anybody decided".to_owned(), out);
        }
    }

    /// The work is done, or the rule does not apply any more: an open request closes. On one that is closed it does nothing.
    pub(in crate::decide) fn close_not_needed(&self, request: &mut Request, at: Instant, why: &str, out: &mut Draft) {
        if request.is_open() {
            self.close(request, RequestState::NotNeeded, at, out);
            self.say(request, None, What::NotNeeded, format!("not needed any more: {why}"), out);
        }
    }

    /// The requester gave a grant back: the granted checkbox is cleared. Nothing has to be announced.
    pub(in crate::decide) fn take_back(&self, request: &mut Request, at: Instant, out: &mut Draft) {
        if request.state != RequestState::Granted {
            return;
        }
        request.state = RequestState::TakenBack;
        request.closed_at = Some(at);
        close_tasks(request, |_| true);
        self.say(request, None, What::TakenBack, "the grant was taken back by whoever had asked".to_owned(), out);
        self.set_granted(request, "granted/back", false, out);
        self.note_closed(request, at, out);
    }

    /// An approval that asks by its own condition looks at the record as it is since `at`; `first` on a first evaluation.
    pub(in crate::decide) fn follow_condition(
        &self,
        known: Option<Request>,
        at: Instant,
        first: bool,
        out: &mut Draft,
    ) -> Option<Request> {
        let Cause::Condition(asking) = self.cause else { return known };
        if self.record.parked.is_some() {
            return known;
        }
        let holds = asking.when.eval(&self.row()).holds() && !self.record.is_closed();
        match known {
            None if holds && first && self.is_granted_in_crm() => {
                let why = "it was ticked before the approval first looked at the record, and counts as granted";
                Some(self.adopt(None, 1, at, None, why, out))
            }
            None if holds => Some(self.open(None, 1, at, out)),
            None => None,
            Some(mut request) if request.is_open() => {
                if !holds {
                    let why = format!("`{}` does not hold any more", asking.when.text);
                    self.close_not_needed(&mut request, at, &why, out);
                    request.lapsed = true;
                }
                Some(request)
            }
            Some(mut request) => {
                if holds && request.lapsed {
                    let episode = request.episode.saturating_add(1);
                    return Some(self.open(Some(request), episode, at, out));
                }
                request.lapsed = !holds;
                Some(request)
            }
        }
    }

    /// Closes an open request without a decision.
    fn close(&self, request: &mut Request, state: RequestState, at: Instant, out: &mut Draft) {
        request.state = state;
        request.closed_at = Some(at);
        let open = (at - request.opened_at).num_seconds().max(0);
        request.open_before_secs = request.open_before_secs.saturating_add(open);
        if let Some(step) = request.steps.last_mut() {
            step.until.get_or_insert(at);
        }
        self.tell_over(request, None, out);
        self.note_closed(request, at, out);
    }

    /// The request as it is when nothing has happened to it.
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
            wanted_until: self.wanted_until(),
            step: 0,
            steps: Vec::new(),
            decision: None,
            basis: Default::default(),
            tasks: Default::default(),
            mails: Default::default(),
            pending: Default::default(),
            native: None,
            told_decided: false,
            lapsed: false,
            on_trial: shadow::is_on_trial(self.desk, &self.key),
            approval_version: self.approval.version,
        }
    }

    /// Hands the record in at the CRM's own approval process, where that decides.
    fn hand_in(&self, request: &mut Request, out: &mut Draft) {
        let Some(native) = &self.approval.native else { return };
        let asked = request.steps.last().map(|step| step.approvers.iter().map(|approver| approver.person.clone()));
        let submission = Submission {
            record: self.id.clone(),
            submitter: request.requester.clone(),
            approvers: asked.map(Iterator::collect).unwrap_or_default(),
            process: native.process.clone(),
            comment: self.asking_line(request),
        };
        let step = StepName::from(SUBMIT);
        let effect = self.effect(request, &step, RECORD, Channel::Record);
        request.pending.insert(effect, step.clone());
        self.write(effect, step, Write::SubmitApproval(submission), out);
    }

    /// Decides the whole request.
    pub(super) fn conclude(
        &self,
        request: &mut Request,
        ruling: Ruling,
        Word { by, way, comment }: Word<'_>,
        out: &mut Draft,
    ) {
        let now = self.desk.now;
        request.state = match (ruling, way) {
            (Ruling::Approve, _) => RequestState::Granted,
            (Ruling::Reject, Way::Timeout) => RequestState::TimedOut,
            (Ruling::Reject, Way::Native | Way::Field | Way::Task | Way::Link | Way::Desk) => RequestState::Refused,
        };
        request.decision =
            Some(Decision { ruling, by: by.cloned(), way, at: now, comment: comment.map(str::to_owned) });
        request.closed_at = Some(now);
        let open = (now - request.opened_at).num_seconds().max(0);
        request.open_before_secs = request.open_before_secs.saturating_add(open);
        request.basis = self.basis();
        if let Some(step) = request.steps.last_mut() {
            step.until.get_or_insert(now);
        }
        let who = by.map_or("", |person| name(self.desk.people, person));
        let by_whom = if who.is_empty() { String::new() } else { format!(" by {who}") };
        let (what, why) = match (ruling, way) {
            (Ruling::Approve, Way::Timeout) => {
                (What::TimedOut, "nobody decided in time: it counts as granted".to_owned())
            }
            (Ruling::Reject, Way::Timeout) => {
                (What::TimedOut, "nobody decided in time: it counts as refused".to_owned())
            }
            (Ruling::Approve, Way::Desk) if by.is_none() => {
                (What::Granted, "granted by nobody: every step was passed over".to_owned())
            }
            (Ruling::Approve, way) => (What::Granted, format!("granted{by_whom} ({})", way.as_str())),
            (Ruling::Reject, way) => (What::Declined, format!("refused{by_whom} ({})", way.as_str())),
        };
        self.say(request, None, what, why, out);
        self.tell_over(request, by, out);
        self.note_closed(request, now, out);
    }

    fn note_closed(&self, request: &Request, at: Instant, out: &mut Draft) {
        let steps = u32::try_from(request.steps.len()).unwrap_or(u32::MAX);
        // Nobody waited any more between a grant and its being taken back.
        let until = request.decision.as_ref().map_or(at, |decision| decision.at.min(at));
        let what = Happened::RequestClosed {
            state: request.state,
            way: request.decision.as_ref().map(|decision| decision.way),
            by: request.decision.as_ref().and_then(|decision| decision.by.clone()),
            waited_secs: (until - request.opened_at).num_seconds().max(0),
            steps,
        };
        self.note(request, at, what, out);
    }

    /// What the fields hold whose change asks again.
    fn basis(&self) -> BTreeMap<FieldName, Value> {
        let material = self.approval.reopens_when.iter();
        material.map(|material| (material.field.clone(), self.record.get(material.field.as_str()).clone())).collect()
    }

    pub(super) fn row(&self) -> Row<'a> {
        let owner = self.record.owner.as_ref().and_then(|owner| self.desk.people.get(owner));
        self.desk.rules.layout.row(self.record, owner)
    }

    /// Whether the checkbox that only the approval ticks is ticked.
    pub(super) fn is_granted_in_crm(&self) -> bool {
        self.granted_as().is_some_and(|field| self.record.get(field.as_str()) == &Value::Bool(true))
    }

    /// The date by which the requester wants to be done.
    pub(super) fn wanted_until(&self) -> Option<chrono::NaiveDate> {
        let Cause::Extension(extension) = self.cause else { return None };
        match self.record.get(extension.wanted_until.as_ref()?.as_str()) {
            Value::Date(date) => Some(*date),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Time(_) => None,
        }
    }

    /// The reason as it stands on the record.
    pub(super) fn reason_given(&self) -> Reason {
        let text = |field: &Option<FieldName>| match self.record.get(field.as_ref()?.as_str()) {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Time(_) | Value::Date(_) => None,
        };
        self.reason.map_or_else(Reason::default, |fields| Reason {
            picklist: text(&fields.picklist),
            text: text(&fields.text),
        })
    }
}

/// Wants the open tasks of a request completed whose step is one of those.
pub(super) fn close_tasks(request: &mut Request, mut of: impl FnMut(&str) -> bool) {
    for task in request.tasks.values_mut().filter(|task| of(task.sending.step.as_str())) {
        task.want.status = Some(TaskStatus::Done);
    }
}
