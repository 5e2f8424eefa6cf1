//! A step on its way: it falls due, asks for room in the recipient's day, and becomes effects.

use dealclock_model::case::{Clock, ClockState, Reminder, StepFate, StepState};
use dealclock_model::effect::{Channel, Email, NewTask, Notification};
use dealclock_model::{Effect, EffectId, Event, Instant, PersonId, What, Write};

use super::clock::note;
use super::matter::{Matter, sending};
use super::plan::{Coming, is_current};
use super::recipient::name;
use super::tasks::slot_of;
use super::{Draft, tasks};
use crate::rules::{Missed, Mode, Remind, Slot};

impl<'a> Matter<'a> {
    /// Decides what a clock does now that its time has come, as far as the record is known to be as of `as_of`.
    ///
    /// When `waited`, reminders go on older data. A violation never does.
    pub(super) fn come_due(&self, clock: &mut Clock, as_of: Instant, waited: bool, out: &mut Draft) {
        let now = self.now();
        if self.is_stopped() {
            return;
        }
        if let Some(until) = clock.held {
            if until <= now {
                self.release_unanswered(clock, out);
            }
            return;
        }
        if clock.state != ClockState::Running {
            return;
        }
        if now >= clock.deadline {
            if as_of >= clock.deadline {
                let owner = self.record.owner.clone();
                self.violate(clock, owner.as_ref(), out);
            }
            return;
        }
        let mut due = self.coming_steps(clock);
        due.retain(|coming| coming.at <= now && (coming.at <= as_of || waited));
        for slot in [Slot::Owner, Slot::Manager, Slot::ManagersManager] {
            let mut of_slot: Vec<_> = due.iter().filter(|coming| coming.slot == slot).collect();
            let Some(last) = of_slot.pop() else { continue };
            for earlier in of_slot {
                let why = format!("`{}` takes its place", last.remind.name);
                self.resolve_step(clock, earlier, StepFate::Superseded, &why, out);
            }
            if self.rule.missed == Missed::None && self.is_missed(last.at) {
                self.resolve_step(clock, last, StepFate::Dropped, "was missed, and missed steps are not sent", out);
            } else {
                self.supersede_before(clock, last, out);
                self.ask(clock, last.remind, last.slot, out);
            }
        }
    }

    /// Gives up the steps before one that is sent: a step never comes before an earlier one is done or superseded.
    fn supersede_before(&self, clock: &mut Clock, sent: &Coming<'_>, out: &mut Draft) {
        for coming in self.coming_steps(clock) {
            if coming.slot == sent.slot && coming.place < sent.place {
                let why = format!("`{}` takes its place", sent.remind.name);
                self.resolve_step(clock, &coming, StepFate::Superseded, &why, out);
            }
        }
    }

    /// Asks the recipient's case for room in their day.
    pub(super) fn ask(&self, clock: &mut Clock, remind: &Remind, slot: Slot, out: &mut Draft) {
        let sending = sending(&remind.name, slot);
        let (recipient, lead) = (self.recipient(slot), lead(remind));
        let (Some(recipient), Some(lead)) = (recipient, lead) else {
            let why = "nobody can receive it: no active owner, manager or fallback recipient";
            out.journal.push(self.step_entry(clock, &remind.name, What::Superseded, why));
            note(clock, StepState { sending, at: self.now(), fate: StepFate::Dropped });
            return;
        };
        if self.has_step_already(clock, remind, &recipient.person) {
            let why = "the same person gets this step already";
            out.journal.push(self.step_entry(clock, &remind.name, What::Superseded, why));
            note(clock, StepState { sending, at: self.now(), fate: StepFate::Superseded });
            return;
        }
        if let Some(instead) = recipient.instead {
            let why = format!("goes to {}: {instead}", name(self.desk.people, &recipient.person));
            out.journal.push(self.step_entry(clock, &remind.name, What::Rerouted, why));
        }
        let effect = self.effect_id(clock, &remind.name, slot.as_str(), lead);
        let zone = self.desk.people.zone_of(Some(&recipient.person));
        let subject = remind.subject.render(&self.scene(clock, zone));
        // What nobody gets takes no room in anybody's day.
        if self.rule.mode == Mode::Shadow {
            self.write(clock, remind, slot, &recipient.person, out);
            return;
        }
        let question = Event::Ask {
            record: self.id.clone(),
            rule: self.rule.key.clone(),
            step: remind.name.clone(),
            effect,
            line: self.list_line(clock, &subject),
        };
        out.posts.push((self.person_case(&recipient.person), question));
        note(clock, StepState { sending: sending.clone(), at: self.now(), fate: StepFate::Asked });
        clock.asked.insert(effect, Reminder { sending, to: recipient.person, superseded: false });
    }

    fn has_step_already(&self, clock: &Clock, remind: &Remind, person: &PersonId) -> bool {
        let mut reminders = clock.asked.values().chain(clock.unsettled.values());
        reminders.any(|known| known.sending.step == remind.name && known.to == *person && !known.superseded)
            || clock.tasks.iter().any(|(effect, task)| {
                is_current(clock, *effect)
                    && task.open
                    && task.sending.step == remind.name
                    && task.wrote.owner.as_ref() == Some(person)
            })
    }

    /// The recipient's case has room: writes the reminder, unless it is not right any more.
    pub(super) fn admitted(&self, clock: &mut Clock, effect: EffectId, out: &mut Draft) {
        let Some(reminder) = clock.asked.remove(&effect) else { return };
        match self.still_right(clock, &reminder) {
            Ok((remind, slot)) => match self.recipient(slot).filter(|now| now.person != reminder.to) {
                Some(_) => self.ask(clock, remind, slot, out),
                None => self.write(clock, remind, slot, &reminder.to, out),
            },
            Err(why) => {
                let step = reminder.sending.step.clone();
                out.journal.push(self.step_entry(clock, &step, What::Superseded, why));
                note(clock, StepState { sending: reminder.sending, at: self.now(), fate: StepFate::Superseded });
            }
        }
    }

    /// The recipient's day is full: the reminder stands in their overflow task, unless it is not right any more.
    pub(super) fn overflowed(&self, clock: &mut Clock, effect: EffectId, into: EffectId, out: &mut Draft) {
        let Some(reminder) = clock.asked.remove(&effect) else { return };
        let step = reminder.sending.step.clone();
        let why = format!(
            "{} has no room left today; it stands in one task with others",
            name(self.desk.people, &reminder.to)
        );
        let mut entry = self.step_entry(clock, &step, What::Overflowed, why);
        entry.effect = Some(into);
        out.journal.push(entry);
        note(clock, StepState { sending: reminder.sending, at: self.now(), fate: StepFate::Overflowed });
    }

    /// Whether a reminder that was asked for is still right, with its step in the rule as it is now.
    fn still_right(&self, clock: &Clock, reminder: &Reminder) -> Result<(&'a Remind, Slot), &'static str> {
        if clock.state != ClockState::Running || clock.held.is_some() {
            return Err("the clock does not run any more");
        }
        if self.now() >= clock.deadline {
            return Err("the deadline has passed");
        }
        let place = self.rule.remind.iter().position(|remind| remind.name == reminder.sending.step);
        let slot = slot_of(&reminder.sending);
        let (Some(place), Some(slot)) = (place, slot) else { return Err("the rule has no such step any more") };
        let mut later = self.rule.remind.iter().skip(place + 1);
        let overtaken = later.any(|remind| {
            let sending = sending(&remind.name, slot);
            clock.steps.iter().any(|state| state.sending == sending && state.fate.is_sent())
        });
        match self.rule.remind.get(place) {
            Some(remind) if !overtaken => Ok((remind, slot)),
            Some(_) | None => Err("a later step was sent"),
        }
    }

    /// Decides the effects of a step for one recipient.
    fn write(&self, clock: &mut Clock, remind: &Remind, slot: Slot, to: &PersonId, out: &mut Draft) {
        let sending = sending(&remind.name, slot);
        let zone = self.desk.people.zone_of(Some(to));
        let scene = self.scene(clock, zone);
        let subject = remind.subject.render(&scene);
        let body = match &remind.body {
            Some(body) => body.render(&scene),
            None => self.standard_body(clock, &subject),
        };
        tasks::close_earlier(clock, &sending, out);
        for channel in &remind.via {
            let id = self.effect_id(clock, &remind.name, slot.as_str(), *channel);
            let write = match channel {
                Channel::Task => {
                    let due = self.due_of(clock, to);
                    clock.tasks.insert(id, tasks::new_memo(sending.clone(), tasks::new_fields(to.clone(), due)));
                    Write::CreateTask(NewTask {
                        record: Some(self.id.clone()),
                        owner: to.clone(),
                        subject: subject.clone(),
                        body: body.clone(),
                        due_date: due.0,
                        due_at: due.1,
                        asks: false,
                    })
                }
                Channel::Notification => Write::Notify(Notification {
                    to: to.clone(),
                    title: subject.clone(),
                    body: body.clone(),
                    record: Some(self.id.clone()),
                }),
                Channel::CrmEmail => Write::SendCrmEmail(self.mail(to, &subject, &body)),
                // Rule files know no such channel for reminders.
                Channel::Record => continue,
                Channel::Email => Write::SendEmail(self.mail(to, &subject, &body)),
            };
            clock.unsettled.insert(id, Reminder { sending: sending.clone(), to: to.clone(), superseded: false });
            let why = format!("{} to {}", channel.as_str(), name(self.desk.people, to));
            let mut entry = self.step_entry(clock, &remind.name, What::Fired, why);
            entry.effect = Some(id);
            out.journal.push(entry);
            out.effects.push(Effect {
                id,
                case: self.case(),
                rule: self.rule.key.clone(),
                step: remind.name.clone(),
                decided_at: self.now(),
                write,
            });
        }
        note(clock, StepState { sending, at: self.now(), fate: StepFate::Fired });
    }

    /// A mail about the record.
    fn mail(&self, to: &PersonId, subject: &str, body: &str) -> Email {
        Email {
            to: to.clone(),
            subject: subject.to_owned(),
            body: body.to_owned(),
            link: self.record.url.clone(),
            question: None,
        }
    }

    /// Nobody answered a storm for so long that a clock lets itself go: from now, without blame.
    fn release_unanswered(&self, clock: &mut Clock, out: &mut Draft) {
        self.release_from(clock, self.now(), "nobody answered the storm", out);
    }

    /// Lets a held clock go from a new zero, without blame.
    pub(super) fn release_from(&self, clock: &mut Clock, zero: Instant, why: &str, out: &mut Draft) {
        clock.held = None;
        clock.zero = zero;
        clock.since = zero;
        clock.deadline = self.deadline(zero, clock.zone);
        clock.without_blame = true;
        out.journal.push(self.entry(
            clock,
            What::Released,
            format!("{why}; it counts from a new start, without blame"),
        ));
    }
}

/// The channel whose effect stands for a whole reminder when its recipient's day is asked.
fn lead(remind: &Remind) -> Option<Channel> {
    remind.via.iter().find(|channel| **channel == Channel::Task).or(remind.via.first()).copied()
}
