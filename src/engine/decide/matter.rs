//! One rule on one record: what every decision about a clock looks at.

use dealclock_model::effect::{Channel, Subject};
use dealclock_model::{
    CaseId, EffectId, Entry, Instant, Person, PersonId, Record, RecordRef, SlotName, StepName, Value, What,
};

use super::Desk;
use crate::rules::{Absence, Calendar, Rule, Slot};
use crate::template::Scene;
use crate::time::{Reckoning, Workdays, clamp, first_instant_of};
use chrono_tz::Tz;
use dealclock_model::case::{Clock, Sending};

/// One rule on one record as it is at some moment.
#[derive(Clone, Copy)]
pub(super) struct Matter<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) id: &'a RecordRef,
    pub(super) rule: &'a Rule,
    pub(super) record: &'a Record,
}

impl<'a> Matter<'a> {
    pub(super) fn now(&self) -> Instant {
        self.desk.now
    }

    pub(super) fn owner(&self) -> Option<&'a Person> {
        self.record.owner.as_ref().and_then(|owner| self.desk.people.get(owner))
    }

    /// The case's own id, for effects.
    pub(super) fn case(&self) -> CaseId {
        CaseId::Record(self.id.clone())
    }

    /// A person's case.
    pub(super) fn person_case(&self, person: &PersonId) -> CaseId {
        CaseId::Person { connection: self.id.connection.clone(), person: person.clone() }
    }

    pub(super) fn calendar(&self) -> Option<&'a Calendar> {
        self.rule.calendar.as_ref().and_then(|name| self.desk.calendars.by_name.get(name))
    }

    /// How the rule counts in a clock's zone, with the present owner's absences where the rule lets them count.
    pub(super) fn reckoning(&self, zone: Tz) -> Reckoning<'a> {
        let absences = match self.rule.absence {
            Absence::Extend => self.owner().map_or(&[][..], |owner| &owner.absences),
            Absence::Ignore | Absence::Delegate => &[],
        };
        let office = match self.calendar() {
            Some(calendar) => Workdays { absences, ..Workdays::of(calendar, &self.desk.people.profile) },
            None => Workdays { absences, ..Workdays::default() },
        };
        Reckoning { zone, office, days: Workdays { absences, ..Workdays::default() } }
    }

    /// The deadline of a clock that counts from an instant.
    pub(super) fn deadline(&self, zero: Instant, zone: Tz) -> Instant {
        self.reckoning(zone).deadline(zero, self.rule.deadline, self.rule.deadline_time)
    }

    /// The instant that the field named by `start` holds, else the one at which `when` became true.
    pub(super) fn zero(&self, entered: Instant, zone: Tz) -> Instant {
        let value = self.rule.start.as_ref().map(|field| self.record.get(field.as_str()));
        clamp(match value {
            Some(Value::Time(instant)) => *instant,
            Some(Value::Date(date)) => first_instant_of(*date, zone),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_)) | None => entered,
        })
    }

    pub(super) fn effect_id(&self, clock: &Clock, step: &StepName, slot: &str, channel: Channel) -> EffectId {
        EffectId::new(
            &self.id.connection,
            &self.rule.key,
            Subject::Record(self.id),
            clock.episode,
            clock.round,
            step,
            slot,
            channel,
        )
    }

    /// What templates may speak of, for one reader.
    pub(super) fn scene(&self, clock: &Clock, zone: Tz) -> Scene<'a> {
        Scene { record: self.record, owner: self.owner(), title: &self.rule.title, due: clock.deadline, zone }
    }

    /// A journal entry about the rule on the record.
    pub(super) fn entry(&self, clock: &Clock, what: What, why: impl Into<String>) -> Entry {
        Entry {
            at: self.now(),
            rule: Some(self.rule.key.clone()),
            episode: clock.episode,
            step: None,
            effect: None,
            what,
            why: why.into(),
        }
    }

    /// A journal entry about one step.
    pub(super) fn step_entry(&self, clock: &Clock, step: &StepName, what: What, why: impl Into<String>) -> Entry {
        Entry { step: Some(step.clone()), ..self.entry(clock, what, why) }
    }
}

/// A step for a slot, as cases remember it.
pub(super) fn sending(step: &StepName, slot: Slot) -> Sending {
    Sending { step: step.clone(), slot: SlotName::from(slot.as_str()) }
}
