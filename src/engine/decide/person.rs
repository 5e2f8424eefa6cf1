//! A person's day: so many reminders one by one, the rest in one task that lists them.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;
use dealclock_model::case::{Overflow, PersonCase, Sending, TaskMemo};
use dealclock_model::effect::{Channel, NewTask, Subject, TaskFields, TaskStatus};
use dealclock_model::{
    Case, CaseId, ConnectionId, Effect, EffectId, Event, Instant, Outcome, PersonId, RecordRef, RuleKey, SlotName,
    StepName, What, Write,
};

use super::settle::update_outcome;
use super::tasks::{Origin, new_memo, reconcile, settle_update, task_entry};
use super::{Decision, Desk, Draft};
use crate::time::local::later;
use crate::time::{local_date, resolve};

/// What overflow tasks follow from instead of a rule.
const OVERFLOW: &str = "overflow";
/// How long reminders over the limit are collected before their task is written or brought up to date.
const COLLECT: Duration = Duration::minutes(5);
/// More lines than this nobody reads in one task; the rest is counted.
const MOST_LINES: usize = 500;

/// Decides what follows from an event of a person.
pub(super) fn decide(
    desk: Desk<'_>,
    connection: &ConnectionId,
    person: &PersonId,
    case: &PersonCase,
    event: &Event,
) -> Decision {
    let zone = desk.people.zone_of(Some(person));
    let id = CaseId::Person { connection: connection.clone(), person: person.clone() };
    let rule = RuleKey::from(OVERFLOW);
    let mut diary = Diary { desk, id, rule, person, zone, case: case.clone(), out: Draft::default() };
    diary.turn_page();
    match event {
        Event::Ask { record, effect, line, .. } => diary.answer(record, *effect, line),
        Event::Settled { effect, outcome } => diary.settle(*effect, outcome),
        Event::Due { .. } => diary.write_if_due(),
        Event::Changed { .. }
        | Event::RulesChanged
        | Event::PersonChanged
        | Event::Recovered { .. }
        | Event::Entered { .. }
        | Event::Admitted { .. }
        | Event::Overflowed { .. }
        | Event::Listed { .. }
        | Event::Absorbed { .. }
        | Event::Hold { .. }
        | Event::Release { .. }
        | Event::Answered { .. }
        | Event::Ruled { .. }
        | Event::Looked { .. }
        | Event::Noted(_)
        | Event::Made(_) => {}
    }
    diary.conclude()
}

/// One person's case under decision.
struct Diary<'a> {
    desk: Desk<'a>,
    id: CaseId,
    rule: RuleKey,
    person: &'a PersonId,
    zone: Tz,
    case: PersonCase,
    out: Draft,
}

impl Diary<'_> {
    fn origin(&self) -> Origin<'_> {
        Origin { case: self.id.clone(), rule: &self.rule, subject: Subject::Person(self.person), now: self.desk.now }
    }

    /// Begins a new local date; a list that was still being collected for the old one is written first.
    fn turn_page(&mut self) {
        let today = local_date(self.desk.now, self.zone);
        match self.case.day {
            Some(day) if day == today => {}
            Some(day) => {
                if self.case.write_at.is_some() {
                    self.write(day);
                }
                self.case = PersonCase { day: Some(today), ..PersonCase::default() };
            }
            None => self.case.day = Some(today),
        }
    }

    fn day(&self) -> NaiveDate {
        self.case.day.unwrap_or_else(|| local_date(self.desk.now, self.zone))
    }

    /// Answers whether one more reminder fits into the day; asked again, it gives the same answer.
    fn answer(&mut self, record: &RecordRef, effect: EffectId, line: &str) {
        let room = self.case.admitted.len() < self.desk.people.profile.max_per_person_per_day as usize;
        let listed = self.case.overflow.iter().any(|known| known.effect == effect);
        let answer = if self.case.admitted.contains(&effect) || (room && !listed) {
            self.case.admitted.insert(effect);
            Event::Admitted { effect }
        } else {
            if !listed {
                self.list(record, effect, line);
            }
            Event::Overflowed { effect, into: self.list_id(self.day()) }
        };
        self.out.posts.push((CaseId::Record(record.clone()), answer));
    }

    fn list(&mut self, record: &RecordRef, effect: EffectId, line: &str) {
        if self.case.overflow.len() < MOST_LINES {
            self.case.overflow.push(Overflow { effect, record: record.clone(), line: line.to_owned() });
        } else {
            self.case.unlisted = self.case.unlisted.saturating_add(1);
        }
        self.case.write_at.get_or_insert(later(self.desk.now, COLLECT));
    }

    fn list_step(day: NaiveDate) -> StepName {
        StepName::from(format!("{OVERFLOW}-{day}"))
    }

    fn list_id(&self, day: NaiveDate) -> EffectId {
        let (connection, subject) = (self.id.connection(), Subject::Person(self.person));
        EffectId::new(connection, &self.rule, subject, 1, 0, &Self::list_step(day), "owner", Channel::Task)
    }

    fn write_if_due(&mut self) {
        if self.case.write_at.is_some_and(|at| at <= self.desk.now) {
            self.write(self.day());
        }
    }

    /// Decides the day's list: a new task, or a new body of the one that there is.
    fn write(&mut self, day: NaiveDate) {
        self.case.write_at = None;
        let body = self.body();
        if let Some((_, task)) = self.case.task.as_deref_mut() {
            task.want.body = Some(body);
            return;
        }
        let id = self.list_id(day);
        let due_at = resolve(day, self.desk.people.profile.send_time, self.zone);
        let fields = TaskFields {
            status: Some(TaskStatus::Open),
            owner: Some(self.person.clone()),
            due: Some((day, due_at)),
            body: Some(body.clone()),
        };
        let step = Self::list_step(day);
        let sending = Sending { step: step.clone(), slot: SlotName::from("owner") };
        let why = format!("{} reminders over the day's limit stand in one task", self.count());
        self.out.journal.push(task_entry(&self.origin(), id, &step, What::Fired, why));
        self.case.task = Some(Box::new((id, new_memo(sending, fields))));
        self.out.effects.push(Effect {
            id,
            case: self.id.clone(),
            rule: self.rule.clone(),
            step,
            decided_at: self.desk.now,
            write: Write::CreateTask(NewTask {
                record: None,
                owner: self.person.clone(),
                subject: format!("Further reminders of {day}"),
                body,
                due_date: day,
                due_at,
                asks: false,
            }),
        });
    }

    fn count(&self) -> usize {
        self.case.overflow.len() + self.case.unlisted as usize
    }

    fn body(&self) -> String {
        let mut paragraphs = vec![format!("{} reminders did not fit one by one into this day:", self.count())];
        paragraphs.extend(self.case.overflow.iter().map(|listed| listed.line.clone()));
        if self.case.unlisted > 0 {
            paragraphs.push(format!("... and {} more.", self.case.unlisted));
        }
        paragraphs.join("\n\n")
    }

    fn settle(&mut self, effect: EffectId, outcome: &Outcome) {
        let Some(mut known) = self.case.task.take() else { return };
        let (creation, task) = &mut *known;
        let pending = task.pending.as_ref().is_some_and(|pending| pending.effect == effect);
        if *creation == effect {
            self.settle_list(effect, task, outcome);
        } else if pending {
            let (what, why, written) = update_outcome(outcome);
            self.out.journal.push(task_entry(&self.origin(), effect, &task.sending.step, what, why));
            settle_update(task, written);
            if written {
                self.tell_listed();
            }
        }
        self.case.task = Some(known);
    }

    fn settle_list(&mut self, effect: EffectId, task: &mut TaskMemo, outcome: &Outcome) {
        let step = task.sending.step.clone();
        let (what, why) = match outcome {
            Outcome::Applied(receipt) => {
                task.id = receipt.id.clone();
                task.open = receipt.id.is_some() && receipt.kept.is_empty();
                self.tell_listed();
                (What::Applied, "the list was written".to_owned())
            }
            Outcome::Refused { reason } => {
                task.open = false;
                (What::Refused, reason.clone())
            }
        };
        self.out.journal.push(task_entry(&self.origin(), effect, &step, what, why));
    }

    /// Tells the records on the list that their reminders reached the person.
    fn tell_listed(&mut self) {
        let mut by_record: BTreeMap<&RecordRef, Vec<EffectId>> = BTreeMap::new();
        for listed in &self.case.overflow {
            by_record.entry(&listed.record).or_default().push(listed.effect);
        }
        let posts = by_record.into_iter().map(|(record, effects)| {
            (CaseId::Record(record.clone()), Event::Listed { effects, to: self.person.clone() })
        });
        self.out.posts.extend(posts);
    }

    fn conclude(mut self) -> Decision {
        let origin = Origin {
            case: self.id.clone(),
            rule: &self.rule,
            subject: Subject::Person(self.person),
            now: self.desk.now,
        };
        if let Some((creation, task)) = self.case.task.as_deref_mut() {
            self.out.effects.extend(reconcile(&origin, *creation, task));
        }
        let wake_at: Option<Instant> = self.case.write_at;
        self.out.conclude(Case::Person(self.case), wake_at, self.desk.now)
    }
}
