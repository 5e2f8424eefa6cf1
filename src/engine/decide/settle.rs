//! What became of a record's effects: receipts, refusals, and what a person had changed.

use dealclock_model::case::{Clock, RecordCase, Reminder, StepFate, StepState};
use dealclock_model::effect::Subject;
use dealclock_model::{CaseId, EffectId, Instant, Outcome, RecordRef, RuleKey, What};

use super::Draft;
use super::clock::note;
use super::plan::is_current;
use super::tasks::{self, Origin, task_entry};

/// Takes note of an effect's outcome; whether it was one of a clock.
pub(super) fn settle(
    id: &RecordRef,
    case: &mut RecordCase,
    effect: EffectId,
    outcome: &Outcome,
    now: Instant,
    out: &mut Draft,
) -> bool {
    for (rule, clock) in &mut case.clocks {
        if let Some(reminder) = clock.unsettled.remove(&effect) {
            let origin = origin(id, rule, now);
            settle_reminder(&origin, clock, effect, reminder, outcome, out);
            return true;
        }
        let mut tasks = clock.tasks.values_mut();
        let updated = tasks.find(|task| task.pending.as_ref().is_some_and(|pending| pending.effect == effect));
        if let Some(task) = updated {
            let origin = origin(id, rule, now);
            let (what, why, written) = update_outcome(outcome);
            out.journal.push(task_entry(&origin, effect, &task.sending.step, what, why));
            tasks::settle_update(task, written);
            return true;
        }
    }
    false
}

/// Where updates of a record's tasks come from.
pub(super) fn origin<'a>(id: &'a RecordRef, rule: &'a RuleKey, now: Instant) -> Origin<'a> {
    Origin { case: CaseId::Record(id.clone()), rule, subject: Subject::Record(id), now }
}

/// What an update's outcome means: whether its fields are still ours, with the words for the journal.
pub(super) fn update_outcome(outcome: &Outcome) -> (What, String, bool) {
    match outcome {
        Outcome::Applied(receipt) if receipt.kept.is_empty() => {
            (What::Applied, "the task was updated".to_owned(), true)
        }
        Outcome::Applied(receipt) => {
            (What::LeftAlone, format!("a person had changed the task: {}", receipt.kept.join("; ")), false)
        }
        Outcome::Refused { reason } => (What::Refused, reason.clone(), false),
    }
}

fn settle_reminder(
    origin: &Origin<'_>,
    clock: &mut Clock,
    effect: EffectId,
    reminder: Reminder,
    outcome: &Outcome,
    out: &mut Draft,
) {
    let step = &reminder.sending.step;
    match outcome {
        Outcome::Applied(receipt) => {
            let late = if reminder.superseded { "; it was already under way when it was taken back" } else { "" };
            let found = if receipt.found { "was there already" } else { "was written" };
            out.journal.push(task_entry(origin, effect, step, What::Applied, format!("the reminder {found}{late}")));
            if effect.episode() == clock.episode {
                clock.reached.entry(reminder.to.clone()).or_insert(origin.now);
            }
            if !receipt.kept.is_empty() {
                let why = format!("a person had changed the task: {}", receipt.kept.join("; "));
                out.journal.push(task_entry(origin, effect, step, What::LeftAlone, why));
                clock.tasks.remove(&effect);
            } else if clock.tasks.contains_key(&effect) {
                tasks::settle_creation(clock, effect, receipt.id.clone(), origin.now);
                return;
            }
            if reminder.superseded && is_current(clock, effect) {
                note(clock, StepState { sending: reminder.sending, at: origin.now, fate: StepFate::Fired });
            }
        }
        Outcome::Refused { reason } => {
            out.journal.push(task_entry(origin, effect, step, What::Refused, reason.clone()));
            clock.tasks.remove(&effect);
        }
    }
}
