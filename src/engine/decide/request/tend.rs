//! The effects of a request: their identity, their outcomes, and the tasks that are looked after.

use dealclock_model::case::TaskMemo;
use dealclock_model::effect::{Channel, Subject, TaskStatus, Write};
use dealclock_model::{
    CaseId, Effect, EffectId, Entry, Fact, Happened, Instant, Outcome, RecordRef, Request, RequestState, RuleKey,
    StepName, What,
};

use super::{Hearing, SUBMIT};
use crate::decide::settle::{origin, update_outcome};
use crate::decide::tasks::{reconcile, settle_update};
use crate::decide::{Desk, Draft};

impl Hearing<'_> {
    pub(super) fn effect(&self, request: &Request, step: &StepName, slot: &str, channel: Channel) -> EffectId {
        let subject = Subject::Record(self.id);
        let (episode, round) = (request.episode, request.round);
        EffectId::new(&self.id.connection, &self.key, subject, episode, round, step, slot, channel)
    }

    pub(super) fn write(&self, id: EffectId, step: StepName, write: Write, out: &mut Draft) {
        out.effects.push(Effect {
            id,
            case: CaseId::Record(self.id.clone()),
            rule: self.key.clone(),
            step,
            decided_at: self.desk.now,
            write,
        });
    }

    pub(super) fn say(&self, request: &Request, step: Option<&StepName>, what: What, why: String, out: &mut Draft) {
        let (at, rule) = (self.desk.now, Some(self.key.clone()));
        let step = step.cloned();
        out.journal.push(Entry { at, rule, episode: request.episode, step, effect: None, what, why });
    }

    pub(super) fn note(&self, request: &Request, at: Instant, what: Happened, out: &mut Draft) {
        let owner = self.record.owner.clone().or(request.requester.clone());
        out.facts.push(Fact {
            at,
            owner,
            rule: Some(self.key.clone()),
            episode: request.episode,
            in_shadow: false,
            what,
        });
    }

    /// Lets a later task take the place of earlier ones: they are wanted completed, and what is not written yet is taken back.
    pub(super) fn give_up(&self, request: &mut Request, earlier: &[EffectId], out: &mut Draft) {
        for effect in earlier {
            let Some(task) = request.tasks.get_mut(effect) else { continue };
            task.want.status = Some(TaskStatus::Done);
            if task.id.is_none() {
                out.superseded.push(*effect);
            }
        }
    }

    /// An effect has an outcome; whether it was one of the request's.
    pub(in crate::decide) fn settle(
        &self,
        request: &mut Request,
        effect: EffectId,
        outcome: &Outcome,
        out: &mut Draft,
    ) -> bool {
        settle_abandoned(self.desk, &self.key, request, effect, outcome, out)
    }
}

/// The rule or approval is no more: an open request closes, its tasks are completed.
pub(in crate::decide) fn abandon(desk: Desk<'_>, key: &RuleKey, request: &mut Request, out: &mut Draft) {
    for task in request.tasks.values_mut() {
        task.want.status = Some(TaskStatus::Done);
    }
    if !request.is_open() {
        return;
    }
    request.state = RequestState::NotNeeded;
    request.closed_at = Some(desk.now);
    let why = "not needed any more: the rule or approval was removed or disabled".to_owned();
    out.journal.push(Entry {
        at: desk.now,
        rule: Some(key.clone()),
        episode: request.episode,
        step: None,
        effect: None,
        what: What::NotNeeded,
        why,
    });
    out.facts.push(Fact {
        at: desk.now,
        owner: request.requester.clone(),
        rule: Some(key.clone()),
        episode: request.episode,
        in_shadow: false,
        what: Happened::RequestClosed {
            state: request.state,
            way: None,
            by: None,
            waited_secs: (desk.now - request.opened_at).num_seconds().max(0),
            steps: u32::try_from(request.steps.len()).unwrap_or(u32::MAX),
        },
    });
    let unwritten = request.tasks.iter().filter(|(_, task)| task.id.is_none() && task.open).map(|(effect, _)| *effect);
    out.superseded.extend(unwritten);
    out.superseded.extend(request.mails.keys().copied());
}

/// Decides the updates of a request's tasks and forgets those that are done; the last word of every sitting.
pub(in crate::decide) fn tend(desk: Desk<'_>, id: &RecordRef, key: &RuleKey, request: &mut Request, out: &mut Draft) {
    for (creation, task) in &mut request.tasks {
        out.effects.extend(reconcile(&origin(id, key, desk.now), *creation, task));
    }
    if !request.is_open() {
        request.tasks.retain(|_, task| task.open || task.pending.is_some());
    }
}

/// An outcome of an effect of a request whose rule may be no more; whether it was one.
pub(in crate::decide) fn settle_abandoned(
    desk: Desk<'_>,
    key: &RuleKey,
    request: &mut Request,
    effect: EffectId,
    outcome: &Outcome,
    out: &mut Draft,
) -> bool {
    let mut say = |step: StepName, what, why| {
        let (at, rule) = (desk.now, Some(key.clone()));
        out.journal.push(Entry {
            at,
            rule,
            episode: effect.episode(),
            step: Some(step),
            effect: Some(effect),
            what,
            why,
        });
    };
    if let Some(step) = request.pending.remove(&effect) {
        let (what, why) = of_record(request, &step, outcome);
        say(step, what, why);
        return true;
    }
    if let Some(step) = request.mails.remove(&effect) {
        let (what, why) = match outcome {
            Outcome::Applied(_) => (What::Applied, "the message was sent".to_owned()),
            Outcome::Refused { reason } => (What::Refused, reason.clone()),
        };
        say(step, what, why);
        return true;
    }
    if let Some(task) = request.tasks.get_mut(&effect) {
        let (step, (what, why)) = (task.sending.step.clone(), of_creation(task, outcome));
        say(step, what, why);
        return true;
    }
    let mut tasks = request.tasks.values_mut();
    let updated = tasks.find(|task| task.pending.as_ref().is_some_and(|pending| pending.effect == effect));
    let Some(task) = updated else { return false };
    let (what, why, written) = update_outcome(outcome);
    let step = task.sending.step.clone();
    settle_update(task, written);
    say(step, what, why);
    true
}

fn of_record(request: &mut Request, step: &StepName, outcome: &Outcome) -> (What, String) {
    match outcome {
        Outcome::Applied(receipt) if step.as_str() == SUBMIT => {
            request.native = receipt.id.clone();
            (What::Applied, "the record was handed in at the CRM's own approval process".to_owned())
        }
        Outcome::Applied(receipt) if receipt.kept.is_empty() => (What::Applied, "the field was set".to_owned()),
        Outcome::Applied(receipt) => {
            (What::LeftAlone, format!("a person had changed the record: {}", receipt.kept.join("; ")))
        }
        Outcome::Refused { reason } => (What::Refused, reason.clone()),
    }
}

fn of_creation(task: &mut TaskMemo, outcome: &Outcome) -> (What, String) {
    match outcome {
        Outcome::Applied(receipt) => {
            task.id = receipt.id.clone();
            task.open = receipt.id.is_some() && receipt.kept.is_empty();
            let found = if receipt.found { "was there already" } else { "was written" };
            (What::Applied, format!("the task {found}"))
        }
        Outcome::Refused { reason } => {
            task.open = false;
            (What::Refused, reason.clone())
        }
    }
}
