//! What is said about a request, in whatever way: the first word that counts decides, a later one changes nothing.

use dealclock_model::effect::{Channel, Subject, TaskStatus};
use dealclock_model::request::{NativeSeen, StepProgress, TaskSeen};
use dealclock_model::{
    EffectId, FieldName, Instant, PersonId, Record, Request, RequestState, Ruling, StepName, Value, Way, What,
};

use super::steps::is_about;
use super::{Cause, Hearing, RECORD, SUBMIT, Said, Word};
use crate::decide::Draft;
use crate::rules::Direction;

impl Hearing<'_> {
    /// Somebody says something by a link or at a desk.
    pub(in crate::decide) fn hear_ruling(&self, request: &mut Request, said: Said<'_>, out: &mut Draft) {
        match self.place_of(request, &said) {
            Ok(place) => {
                let word = Word { by: Some(said.by), way: said.way, comment: said.comment };
                self.vote(request, place, said.ruling, word, out);
            }
            // Whoever was asked and had said nothing was told by mail when it was decided.
            Err(why) => self.say(request, Some(said.step), What::TooLate, why, out),
        }
    }

    /// The place of the approver who speaks, while their word counts; else why it does not.
    fn place_of(&self, request: &Request, said: &Said<'_>) -> Result<usize, String> {
        let who = self.name(said.by);
        if !request.is_open() {
            return Err(format!("{who} decided when it was {} already", self.ended(request)));
        }
        if (request.episode, request.round) != (said.episode, said.round) {
            return Err(format!("{who} answered an earlier question; it was asked anew since"));
        }
        let step = request.steps.last().filter(|step| step.name == *said.step);
        let Some(step) = step else { return Err(format!("{who} answered for a step that is not being decided")) };
        match place(step, said.by) {
            Some(place) if step.approvers[place].ruling.is_none() => Ok(place),
            Some(_) => Err(format!("{who} has decided already")),
            None => Err(format!("{who} is not asked to decide this")),
        }
    }

    fn ended(&self, request: &Request) -> String {
        let by = request.decision.as_ref().and_then(|decision| decision.by.as_ref());
        let by = by.map(|person| format!(" by {}", self.name(person))).unwrap_or_default();
        match request.state {
            RequestState::Open => "open".to_owned(),
            RequestState::Granted => format!("granted{by}"),
            RequestState::Refused => format!("refused{by}"),
            RequestState::TimedOut => "timed out".to_owned(),
            RequestState::Withdrawn => "taken back".to_owned(),
            RequestState::NotNeeded => "not needed any more".to_owned(),
            RequestState::TakenBack => "granted and taken back".to_owned(),
        }
    }

    /// The CRM shows its own approval process and our tasks.
    pub(in crate::decide) fn hear_look(
        &self,
        request: &mut Request,
        native: &[NativeSeen],
        tasks: &[TaskSeen],
        out: &mut Draft,
    ) {
        self.hear_native(request, native, out);
        for seen in tasks.iter().filter(|seen| seen.done) {
            self.hear_task(request, seen, out);
        }
    }

    fn hear_native(&self, request: &mut Request, native: &[NativeSeen], out: &mut Draft) {
        if !request.is_open() || self.approval.native.is_none() {
            return;
        }
        let submitted = self.effect(request, &StepName::from(SUBMIT), RECORD, Channel::Record);
        let ours = |run: &&NativeSeen| {
            run.effect == Some(submitted)
                || request.native.as_ref() == Some(&run.id)
                || (run.submitted_at >= request.opened_at && !self.is_of_another(run))
        };
        let decided = native.iter().filter(ours).find_map(|run| Some((run.ruling?, run)));
        if let Some((ruling, run)) = decided {
            let word = Word { by: run.by.as_ref(), way: Way::Native, comment: run.comment.as_deref() };
            self.conclude(request, ruling, word, out);
        }
    }

    /// Whether a run was handed in for another request on the record.
    pub(in crate::decide) fn is_of_another(&self, run: &NativeSeen) -> bool {
        let own = EffectId::clock_part(&self.id.connection, &self.key, Subject::Record(self.id));
        run.effect.is_some_and(|effect| !effect.is_of(own))
    }

    /// A person completed a task that asks.
    fn hear_task(&self, request: &mut Request, seen: &TaskSeen, out: &mut Draft) {
        let (episode, round) = (request.episode, request.round);
        let mut tasks = request.tasks.iter_mut();
        let of_task = tasks.find(|(_, task)| task.open && task.id.as_ref() == Some(&seen.task));
        let Some((effect, task)) = of_task else { return };
        // It is a person's from now on, or was closed by ourselves.
        task.open = false;
        let (sending, closing) = (task.sending.clone(), task.want.status == Some(TaskStatus::Done));
        let current = (effect.episode(), effect.round()) == (episode, round);
        if closing && seen.outcome.is_none() {
            return;
        }
        if !current {
            let why = "the task asked an earlier question; it was asked anew since".to_owned();
            self.say(request, Some(&sending.step), What::TooLate, why, out);
            return;
        }
        let Some(step) = request.steps.last().filter(|step| is_about(sending.step.as_str(), step.name.as_str())) else {
            return;
        };
        if !request.is_open() {
            return;
        }
        let by_owner = seen.owner.as_ref().and_then(|owner| place(step, owner));
        let by_slot = step.approvers.iter().position(|approver| approver.slot == sending.slot);
        let Some(place) = by_owner.or(by_slot).filter(|place| step.approvers[*place].ruling.is_none()) else { return };
        let by = seen.owner.clone().filter(|_| by_owner.is_some()).unwrap_or(step.approvers[place].person.clone());
        match seen.outcome {
            Some(ruling) => {
                let word = Word { by: Some(&by), way: Way::Task, comment: None };
                self.vote(request, place, ruling, word, out);
            }
            None => {
                let name = step.name.clone();
                let why = format!("{} completed the task without an outcome, which decides nothing", self.name(&by));
                self.say(request, Some(&name), What::LeftAlone, why, out);
                self.ask_again(request, place, out);
            }
        }
    }

    /// The record changed: a decision field may decide, a material change may reopen.
    pub(in crate::decide) fn follow_record(
        &self,
        request: &mut Request,
        before: Option<&Record>,
        at: Instant,
        out: &mut Draft,
    ) {
        if request.is_open() {
            request.wanted_until = self.wanted_until();
            self.hear_field(request, before, out);
        } else if self.is_material(request) {
            let known = request.clone();
            self.say(
                request,
                None,
                What::Replanned,
                "what was decided about has changed: it is asked again".to_owned(),
                out,
            );
            *request = self.open(Some(known), request.episode, at, out);
        }
    }

    fn hear_field(&self, request: &mut Request, before: Option<&Record>, out: &mut Draft) {
        let (Some(plan), Some(before)) = (&self.approval.decision, before) else { return };
        let is = self.record.get(plan.field.as_str());
        let Value::Text(word) = is else { return };
        if before.get(plan.field.as_str()) == is {
            return;
        }
        let ruling = match &**word {
            word if word == plan.granted => Ruling::Approve,
            word if word == plan.refused => Ruling::Reject,
            _ => return,
        };
        self.decide_step(request, ruling, Word::of_nobody(Way::Field), out);
    }

    /// Whether a change since the decision asks again: of a decision that still matters.
    fn is_material(&self, request: &Request) -> bool {
        let matters = match (request.state, self.cause) {
            (RequestState::Granted, _) => true,
            (RequestState::Refused | RequestState::TimedOut, Cause::Condition(_)) => !request.lapsed,
            (RequestState::Refused | RequestState::TimedOut, Cause::Extension(extension)) => {
                self.record.get(extension.requested_by.as_str()) == &Value::Bool(true)
            }
            (RequestState::Open | RequestState::Withdrawn | RequestState::NotNeeded | RequestState::TakenBack, _) => {
                false
            }
        };
        matters
            && self.approval.reopens_when.iter().any(|material| {
                let old = request.basis.get(&material.field).unwrap_or(&Value::Null);
                moved(old, self.current(&material.field), material.direction)
            })
    }

    fn current(&self, field: &FieldName) -> &Value {
        self.record.get(field.as_str())
    }
}

/// Whether a value moved in a direction; what has no order only changes.
fn moved(old: &Value, new: &Value, direction: Direction) -> bool {
    let order = match (old, new) {
        (Value::Number(old), Value::Number(new)) => Some(new.cmp(old)),
        (Value::Date(old), Value::Date(new)) => Some(new.cmp(old)),
        (Value::Time(old), Value::Time(new)) => Some(new.cmp(old)),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::Time(_) | Value::Date(_), _) => None,
    };
    match direction {
        Direction::Up => order.is_some_and(std::cmp::Ordering::is_gt),
        Direction::Down => order.is_some_and(std::cmp::Ordering::is_lt),
        Direction::Any => old != new,
    }
}

/// The place of somebody who is asked, or for whom somebody acts.
fn place(step: &StepProgress, person: &PersonId) -> Option<usize> {
    let own = step.approvers.iter().position(|approver| approver.person == *person);
    own.or_else(|| step.approvers.iter().position(|approver| approver.acts_for.as_ref() == Some(person)))
}
