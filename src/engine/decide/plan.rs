//! What a clock has still to do, and when it wants to be woken for it.

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_model::case::{Clock, ClockState, StepFate, StepState};
use dealclock_model::{Instant, PersonId, What};

use super::Draft;
use super::matter::{Matter, sending};
use crate::rules::{Remind, Slot};
use crate::time::{Allowed, Workdays};

/// A step later than this counts as missed: sent while the daemon was down, it would come as a surprise.
pub(super) const LATE: Duration = Duration::hours(1);

/// A step that is still to come for one slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming<'a> {
    /// When it is to be sent.
    pub(super) at: Instant,
    /// Its place in the rule.
    pub(super) place: usize,
    /// The step.
    pub(super) remind: &'a Remind,
    /// The slot.
    pub(super) slot: Slot,
}

impl<'a> Matter<'a> {
    /// The steps that are still to come, in the order of their times.
    pub(super) fn coming_steps(&self, clock: &Clock) -> Vec<Coming<'a>> {
        let steps = self.rule.remind.iter().enumerate();
        let sendings = steps.flat_map(|(place, remind)| remind.to.iter().map(move |slot| (place, remind, *slot)));
        let open = sendings.filter(|(_, remind, slot)| clock_fate(clock, remind, *slot).is_none());
        let mut coming: Vec<_> = open
            .map(|(place, remind, slot)| Coming { at: self.send_at(clock, remind, slot), place, remind, slot })
            .collect();
        coming.sort_by_key(|coming| (coming.at, coming.place));
        coming
    }

    /// When a step is sent to a slot: dates are the clock's, the time of day is the recipient's.
    pub(super) fn send_at(&self, clock: &Clock, remind: &Remind, slot: Slot) -> Instant {
        let recipient = self.recipient(slot).map(|recipient| recipient.person);
        let zone = self.desk.people.zone_of(recipient.as_ref());
        let send_time = self.desk.people.profile.send_time;
        let nominal = self.reckoning(clock.zone).nominal(clock.zero, remind.at, send_time, zone);
        self.allowed(recipient.as_ref(), zone).move_to(nominal, clock.zero, clock.deadline)
    }

    /// When a reminder may reach a person: their own hours where known, else the rule's calendar, outside quiet hours.
    fn allowed(&self, person: Option<&PersonId>, zone: Tz) -> Allowed<'a> {
        let own = person.and_then(|person| self.desk.people.get(person)).and_then(|person| person.hours.as_ref());
        let profile = &self.desk.people.profile;
        let office = self.calendar().map(|calendar| Workdays::of(calendar, profile)).unwrap_or_default();
        let working = Workdays { hours: own.or(office.hours), ..office };
        Allowed { zone, working, quiet: self.desk.people.profile.quiet_hours }
    }

    /// When the clock next does something by itself.
    pub(super) fn next_at(&self, clock: &Clock) -> Option<Instant> {
        match (clock.state, clock.held) {
            (ClockState::Running, Some(until)) => Some(until),
            (ClockState::Running, None) => {
                let step = self.coming_steps(clock).first().map(|coming| coming.at);
                Some(step.map_or(clock.deadline, |step| step.min(clock.deadline)))
            }
            (ClockState::Silenced, held) => held,
            (ClockState::Met | ClockState::Violated | ClockState::MetLate | ClockState::Void, _) => None,
        }
    }

    /// Whether a step is so late that it counts as missed.
    pub(super) fn is_missed(&self, at: Instant) -> bool {
        self.now() - at > LATE
    }

    /// Gives up the steps that lie in a spell in which nothing could fire.
    pub(super) fn give_up(&self, clock: &mut Clock, from: Option<Instant>, to: Instant, why: &str, out: &mut Draft) {
        for coming in self.coming_steps(clock) {
            if coming.at < to && from.is_none_or(|from| from <= coming.at) {
                self.resolve_step(clock, &coming, StepFate::Dropped, why, out);
            }
        }
    }

    /// Notes that a step will not be sent.
    pub(super) fn resolve_step(
        &self,
        clock: &mut Clock,
        coming: &Coming<'_>,
        fate: StepFate,
        why: &str,
        out: &mut Draft,
    ) {
        let sending = sending(&coming.remind.name, coming.slot);
        out.journal.push(self.step_entry(clock, &coming.remind.name, What::Superseded, why));
        clock.steps.push(StepState { sending, at: self.now(), fate });
    }
}

/// What became of a step for a slot, if anything did.
pub(super) fn clock_fate(clock: &Clock, remind: &Remind, slot: Slot) -> Option<StepFate> {
    let is = |state: &&StepState| state.sending.step == remind.name && state.sending.slot.as_str() == slot.as_str();
    clock.steps.iter().find(is).map(|state| state.fate)
}
