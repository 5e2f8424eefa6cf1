//! What a clock has still to do, and when it wants to be woken for it.

use std::collections::BTreeMap;

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_model::case::{Clock, ClockState, Planned, StepFate, StepState};
use dealclock_model::{EffectId, Instant, PersonId, StepName, What};

use super::Draft;
use super::matter::{Matter, sending};
use crate::rules::{Remind, Slot};
use crate::time::{Allowed, Workdays, local_date, resolve};

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
        let nominal = match clock.planned.get(&remind.name) {
            Some(Planned::On(date)) => resolve(*date, send_time, zone),
            Some(Planned::At(instant)) => *instant,
            None => self.reckoning(clock.zone).nominal(clock.zero, remind.at, send_time, zone),
        };
        let since = clock.extended.as_ref().map_or(clock.zero, |extended| extended.at.max(clock.zero));
        self.allowed(recipient.as_ref(), zone).move_to(nominal, since, clock.deadline)
    }

    /// Plans the reminders of a round that a decision began: those later than now come again at their old distance to the
    /// deadline, also those that were sent; where none is left, the rule's last one comes at half the remaining time.
    pub(super) fn plan_round(&self, clock: &mut Clock, out: &mut Draft) {
        let now = self.now();
        clock.planned = self.distances(clock);
        let mut again = Vec::new();
        for (place, remind) in self.rule.remind.iter().enumerate() {
            for slot in remind.to.iter().copied() {
                let coming = Coming { at: self.send_at(clock, remind, slot), place, remind, slot };
                if coming.at > now {
                    again.push(sending(&remind.name, slot));
                } else if clock_fate(clock, remind, slot).is_none() {
                    self.resolve_step(clock, &coming, StepFate::Dropped, "would lie in the past", out);
                }
            }
        }
        if let Some(last) = self.rule.remind.last().filter(|_| again.is_empty()) {
            clock
                .planned
                .insert(last.name.clone(), Planned::At(now + (clock.deadline - now).max(Duration::zero()) / 2));
            again.extend(last.to.iter().map(|slot| sending(&last.name, *slot)));
        }
        clock.steps.retain(|state| !again.contains(&state.sending));
    }

    /// Plans the reminders of a later round anew after the rule or the deadline changed: sent ones stay sent. One at half the
    /// remaining time has no distance to the deadline, and keeps its time.
    pub(super) fn replan_round(&self, clock: &mut Clock) {
        if clock.extended.is_none() {
            return;
        }
        let plain = self.deadline(clock.zero, clock.zone);
        let old = std::mem::take(&mut clock.planned);
        clock.planned = self.distances(clock);
        if let Some(extended) = &mut clock.extended {
            extended.before = plain;
        }
        let Some(last) = self.rule.remind.last() else { return };
        let to_come = last.to.iter().any(|slot| clock_fate(clock, last, *slot).is_none());
        let passed = last.to.iter().all(|slot| self.send_at(clock, last, *slot) <= self.now());
        if let Some(kept @ Planned::At(instant)) = old.get(&last.name)
            && to_come
            && passed
            && (self.now()..clock.deadline).contains(instant)
        {
            clock.planned.insert(last.name.clone(), *kept);
        }
    }

    /// Where each reminder lies when it keeps its distance to the deadline: dates for days, the rest in its own unit.
    fn distances(&self, clock: &Clock) -> BTreeMap<StepName, Planned> {
        let reckoning = self.reckoning(clock.zone);
        let plain = self.deadline(clock.zero, clock.zone);
        let last_date = |deadline: Instant| local_date(deadline - Duration::seconds(1), clock.zone);
        let place = |remind: &Remind| {
            let unit = remind.at.unit;
            match (reckoning.days_of(unit), reckoning.date(clock.zero, remind.at)) {
                (Some(days), Some(date)) => {
                    let distance = days.count_between(date, last_date(plain));
                    Planned::On(days.nth_before(last_date(clock.deadline), distance))
                }
                (Some(_) | None, _) => {
                    let nominal = reckoning.deadline(clock.zero, remind.at, None);
                    let distance = reckoning.counted(nominal, plain, unit);
                    Planned::At(reckoning.before(clock.deadline, distance, unit))
                }
            }
        };
        self.rule.remind.iter().map(|remind| (remind.name.clone(), place(remind))).collect()
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
        if self.is_stopped() {
            return None;
        }
        match (clock.state, clock.held) {
            (ClockState::Running, Some(until)) => Some(until),
            (ClockState::Running, None) => {
                let step = self.coming_steps(clock).first().map(|coming| coming.at);
                Some(step.map_or(clock.deadline, |step| step.min(clock.deadline)))
            }
            (ClockState::Silenced, Some(until)) => Some(until),
            (ClockState::Silenced | ClockState::Violated, _) => clock.waits_until.filter(|until| self.now() < *until),
            (ClockState::Met | ClockState::MetLate | ClockState::Void, _) => None,
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

/// Whether an effect belongs to the reminders that a clock has now: to its episode, and to no round before the last decision
/// about its request.
pub(super) fn is_current(clock: &Clock, effect: EffectId) -> bool {
    effect.episode() == clock.episode && effect.round() >= clock.extended.as_ref().map_or(0, |extended| extended.round)
}

/// What became of a step for a slot, if anything did.
pub(super) fn clock_fate(clock: &Clock, remind: &Remind, slot: Slot) -> Option<StepFate> {
    let is = |state: &&StepState| state.sending.step == remind.name && state.sending.slot.as_str() == slot.as_str();
    clock.steps.iter().find(is).map(|state| state.fate)
}
