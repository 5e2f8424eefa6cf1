//! The life of tasks that we made: handed over, moved, closed; each field only while it holds what we wrote last.

use chrono::{Duration, NaiveDate};
use dealclock_model::case::{Clock, ClockState, PendingUpdate, Sending, StepFate, StepState, TaskMemo};
use dealclock_model::effect::{Channel, Subject, TaskFields, TaskStatus, TaskUpdate};
use dealclock_model::{CaseId, Effect, EffectId, Entry, Instant, PersonId, RuleKey, StepName, What, Write};

use super::Draft;
use super::clock::note;
use super::matter::Matter;
use super::plan::is_current;
use super::recipient::{Standing, name, standing};
use crate::rules::Slot;
use crate::time::{local_date, resolve};

/// What a new task holds, as far as it may change later.
pub(super) fn new_fields(owner: PersonId, due: (NaiveDate, Instant)) -> TaskFields {
    TaskFields { status: Some(TaskStatus::Open), owner: Some(owner), due: Some(due), body: None }
}

/// Remembers a task whose creation was decided.
pub(super) fn new_memo(sending: Sending, fields: TaskFields) -> TaskMemo {
    TaskMemo { sending, id: None, wrote: fields.clone(), want: fields, open: true, pending: None, updates: 0 }
}

/// Wants every open task of a clock completed.
pub(super) fn close_all(clock: &mut Clock) {
    for task in clock.tasks.values_mut() {
        task.want.status = Some(TaskStatus::Done);
    }
}

/// Lets a later reminder take the place of the earlier ones of its slot: their tasks are wanted completed, and what is not
/// written yet is taken back.
pub(super) fn close_earlier(clock: &mut Clock, later: &Sending, out: &mut Draft) {
    let round = clock.extended.as_ref().map_or(0, |extended| extended.round);
    // The same step of an earlier round is an earlier reminder too.
    let earlier = |effect: &EffectId, sending: &Sending| {
        sending.slot == later.slot && (sending.step != later.step || effect.round() < round)
    };
    for (_, task) in clock.tasks.iter_mut().filter(|(effect, task)| earlier(effect, &task.sending)) {
        task.want.status = Some(TaskStatus::Done);
    }
    let mut taken = Vec::new();
    let unsettled = clock.unsettled.iter_mut();
    for (effect, reminder) in unsettled.filter(|(effect, reminder)| earlier(effect, &reminder.sending)) {
        if !reminder.superseded {
            reminder.superseded = true;
            out.superseded.push(*effect);
            taken.push(reminder.sending.clone());
        }
    }
    for sending in taken {
        supersede(clock, &sending);
    }
}

/// Takes back the reminders that were asked for or decided and are not known to be written.
///
/// One that is under way settles nevertheless: its task is then closed, or kept when the clock runs again.
pub(super) fn take_back(clock: &mut Clock, out: &mut Draft) {
    for reminder in std::mem::take(&mut clock.asked).into_values() {
        supersede(clock, &reminder.sending);
    }
    let mut taken = Vec::new();
    for (effect, reminder) in clock.unsettled.iter_mut().filter(|(_, reminder)| !reminder.superseded) {
        reminder.superseded = true;
        out.superseded.push(*effect);
        taken.push(reminder.sending.clone());
        if let Some(task) = clock.tasks.get_mut(effect) {
            task.want.status = Some(TaskStatus::Done);
        }
    }
    for sending in taken {
        supersede(clock, &sending);
    }
}

fn supersede(clock: &mut Clock, sending: &Sending) {
    if let Some(state) = clock.steps.iter_mut().find(|state| state.sending == *sending) {
        state.fate = StepFate::Superseded;
    }
}

/// Keeps what an earlier episode still has to look after.
pub(super) fn carry_over(previous: Clock, clock: &mut Clock) {
    let recent = |effect: &EffectId| effect.episode().saturating_add(1) >= clock.episode;
    clock.tasks = previous.tasks.into_iter().filter(|(effect, task)| task.open && recent(effect)).collect();
    clock.unsettled = previous.unsettled.into_iter().filter(|(effect, _)| recent(effect)).collect();
}

impl Matter<'_> {
    /// The due date of a task, and the send time on it, in its owner's zone: the last day that is in time.
    pub(super) fn due_of(&self, clock: &Clock, owner: &PersonId) -> (NaiveDate, Instant) {
        let people = self.desk.people;
        let zone = people.zone_of(Some(owner));
        let date = local_date(clock.deadline - Duration::seconds(1), zone);
        (date, resolve(date, people.profile.send_time, zone).min(clock.deadline))
    }

    /// Moves the due dates of open tasks to a clock's new deadline.
    pub(super) fn move_due_dates(&self, clock: &mut Clock) {
        let dues: Vec<_> = clock
            .tasks
            .iter()
            .filter(|(_, task)| task.open && task.want.due.is_some())
            .filter_map(|(effect, task)| Some((*effect, self.due_of(clock, task.want.owner.as_ref()?))))
            .collect();
        for (effect, due) in dues {
            if let Some(task) = clock.tasks.get_mut(&effect) {
                task.want.due = Some(due);
            }
        }
    }

    /// Hands open tasks over to whoever has their slot now: all after a change of owner, else only from the inactive.
    ///
    /// A mail to the previous owner that is not sent yet is taken back; the handed-over task tells the new one.
    pub(super) fn hand_over(&self, clock: &mut Clock, owner_changed: bool, out: &mut Draft) {
        let people = self.desk.people;
        let mut entries = Vec::new();
        for task in clock.tasks.values_mut().filter(|task| task.open) {
            let Some(slot) = slot_of(&task.sending) else { continue };
            let Some(holder) = task.want.owner.clone() else { continue };
            if task.want.status == Some(TaskStatus::Done)
                || (!owner_changed && standing(people, &holder) != Standing::Inactive)
            {
                continue;
            }
            let Some(next) = self.recipient(slot).map(|found| found.person).filter(|next| *next != holder) else {
                continue;
            };
            let why = format!("the open task goes from {} to {}", name(people, &holder), name(people, &next));
            task.want.owner = Some(next);
            entries.push((task.sending.step.clone(), why));
        }
        for (step, why) in entries {
            out.journal.push(self.step_entry(clock, &step, What::HandedOver, why));
        }
        if owner_changed {
            for (effect, reminder) in &mut clock.unsettled {
                let is_mail = !clock.tasks.contains_key(effect);
                let still = slot_of(&reminder.sending).and_then(|slot| self.recipient(slot));
                if is_mail && !reminder.superseded && still.is_none_or(|still| still.person != reminder.to) {
                    reminder.superseded = true;
                    out.superseded.push(*effect);
                }
            }
        }
    }
}

/// The slot that a sending went to; `None` for what is not about a rule's step.
pub(super) fn slot_of(sending: &Sending) -> Option<Slot> {
    [Slot::Owner, Slot::Manager, Slot::ManagersManager].into_iter().find(|slot| slot.as_str() == sending.slot.as_str())
}

/// Where the updates of a task come from: what their ids are made of.
pub(super) struct Origin<'a> {
    pub(super) case: CaseId,
    pub(super) rule: &'a RuleKey,
    pub(super) subject: Subject<'a>,
    pub(super) now: Instant,
}

/// Decides the update that brings a task to what it should hold; one at a time, once its id is known.
pub(super) fn reconcile(origin: &Origin<'_>, creation: EffectId, task: &mut TaskMemo) -> Option<Effect> {
    let id = task.id.clone().filter(|_| task.open && task.pending.is_none())?;
    let set = difference(&task.wrote, &task.want);
    let what = match &set {
        TaskFields { status: Some(_), .. } => "close",
        TaskFields { owner: Some(_), .. } => "owner",
        TaskFields { due: Some(_), .. } => "due",
        TaskFields { body: Some(_), .. } => "body",
        TaskFields { status: None, owner: None, due: None, body: None } => return None,
    };
    task.updates = task.updates.saturating_add(1);
    let step = match what {
        "close" => StepName::from(format!("{}/close", task.sending.step)),
        _ => StepName::from(format!("{}/{what}-{}", task.sending.step, task.updates)),
    };
    let effect = EffectId::new(
        origin.case.connection(),
        origin.rule,
        origin.subject,
        creation.episode(),
        creation.round(),
        &step,
        task.sending.slot.as_str(),
        Channel::Task,
    );
    task.pending = Some(PendingUpdate { effect, set: set.clone() });
    let expect = only(&task.wrote, &set);
    Some(Effect {
        id: effect,
        case: origin.case.clone(),
        rule: origin.rule.clone(),
        step,
        decided_at: origin.now,
        write: Write::UpdateTask(TaskUpdate { task: id, expect, set }),
    })
}

/// What is to be written: a completion alone, since nothing else of a completed task matters.
fn difference(wrote: &TaskFields, want: &TaskFields) -> TaskFields {
    fn changed<T: PartialEq + Clone>(wrote: &Option<T>, want: &Option<T>) -> Option<T> {
        want.clone().filter(|_| wrote.is_some() && wrote != want)
    }
    let status = changed(&wrote.status, &want.status);
    if status.is_some() {
        return TaskFields { status, ..TaskFields::default() };
    }
    TaskFields {
        status,
        owner: changed(&wrote.owner, &want.owner),
        due: changed(&wrote.due, &want.due),
        body: changed(&wrote.body, &want.body),
    }
}

/// The fields of `of` that are set in `set`.
fn only(of: &TaskFields, set: &TaskFields) -> TaskFields {
    TaskFields {
        status: set.status.and(of.status),
        owner: set.owner.as_ref().and(of.owner.clone()),
        due: set.due.and(of.due),
        body: set.body.as_ref().and(of.body.clone()),
    }
}

/// Takes note of an update's outcome: fields that it wrote are ours as before, fields that it could not are a person's.
pub(super) fn settle_update(task: &mut TaskMemo, written: bool) {
    let Some(PendingUpdate { set, .. }) = task.pending.take() else { return };
    let completed = set.status.is_some();
    let wrote = &mut task.wrote;
    if written {
        wrote.status = set.status.or(wrote.status);
        wrote.owner = set.owner.or(wrote.owner.take());
        wrote.due = set.due.or(wrote.due);
        wrote.body = set.body.or(wrote.body.take());
    } else {
        wrote.owner = wrote.owner.take().filter(|_| set.owner.is_none());
        wrote.due = wrote.due.filter(|_| set.due.is_none());
        wrote.body = wrote.body.take().filter(|_| set.body.is_none());
    }
    task.open = !completed;
}

/// Takes note of a task's id. One that was taken back and written nevertheless is kept while its clock is live and
/// nothing later took its place, and closed otherwise.
pub(super) fn settle_creation(clock: &mut Clock, creation: EffectId, id: Option<String>, at: Instant) {
    let alive = clock.state.is_live() || clock.state == ClockState::Violated;
    let current = is_current(clock, creation);
    let Some(task) = clock.tasks.get(&creation) else { return };
    let (sending, unwanted) = (task.sending.clone(), task.want.status == Some(TaskStatus::Done));
    let place = clock.steps.iter().position(|state| state.sending == sending);
    let superseded = place.is_some_and(|place| {
        let later = clock.steps.iter().skip(place + 1);
        clock.steps[place].fate == StepFate::Superseded
            && !later.into_iter().any(|state| state.sending.slot == sending.slot && state.fate.is_sent())
    });
    if let Some(task) = clock.tasks.get_mut(&creation) {
        task.open = id.is_some();
        task.id = id;
        if unwanted && superseded && alive && current {
            task.want.status = Some(TaskStatus::Open);
        }
    }
    if superseded && current {
        note(clock, StepState { sending, at, fate: StepFate::Fired });
    }
}

/// A journal entry about a task.
pub(super) fn task_entry(origin: &Origin<'_>, effect: EffectId, step: &StepName, what: What, why: String) -> Entry {
    Entry {
        at: origin.now,
        rule: Some(origin.rule.clone()),
        episode: effect.episode(),
        step: Some(step.clone()),
        effect: Some(effect),
        what,
        why,
    }
}
