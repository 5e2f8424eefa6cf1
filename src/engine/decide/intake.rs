//! The storm guard of one rule on one connection: when too many records enter at once, their clocks are held.

use std::collections::BTreeSet;

use chrono::{Duration, NaiveTime, Weekday};
use dealclock_model::case::{IntakeCase, Storm};
use dealclock_model::event::{Release, StormAnswer};
use dealclock_model::time::WorkingHours;
use dealclock_model::{Case, CaseId, ConnectionId, Entry, Event, Instant, RecordRef, RuleKey, What};

use super::{Decision, Desk, Draft};
use crate::time::local::later;
use crate::time::{Workdays, local_date, resolve};

/// Entries within this span are one rush.
const WINDOW: Duration = Duration::minutes(10);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::hours(24);
/// A held clock that is not heard of lets itself go this long after the intake should have.
const SLACK: Duration = Duration::hours(1);
/// More held records than this are not listed, so that a case stays small; they let themselves go.
const MOST_LISTED: usize = 8_000;
/// Posts in one decision, so that a batch stays small; the intake posts the rest of the work to itself.
const MOST_POSTS: usize = 200;

/// Decides what follows from an event of an intake.
pub(super) fn decide(
    desk: Desk<'_>,
    connection: &ConnectionId,
    rule: &RuleKey,
    case: &IntakeCase,
    event: &Event,
) -> Decision {
    let mut gate = Gate { desk, connection, rule, case: case.clone(), out: Draft::default() };
    match event {
        Event::Entered { record, at } => gate.enter(record, *at),
        Event::Answered { answer } => gate.answer(*answer),
        Event::Due { .. } => gate.give_up_waiting(),
        Event::Changed { .. }
        | Event::Settled { .. }
        | Event::RulesChanged
        | Event::PersonChanged
        | Event::Recovered { .. }
        | Event::Ask { .. }
        | Event::Admitted { .. }
        | Event::Overflowed { .. }
        | Event::Listed { .. }
        | Event::Absorbed { .. }
        | Event::Hold { .. }
        | Event::Release { .. }
        | Event::Ruled { .. }
        | Event::Looked { .. }
        | Event::Noted(_)
        | Event::Made(_) => {}
    }
    let wake_at = gate.case.storm.as_ref().map(|storm| later(storm.since, PATIENCE));
    gate.out.conclude(Case::Intake(gate.case), wake_at, desk.now)
}

/// One intake's case under decision.
struct Gate<'a> {
    desk: Desk<'a>,
    connection: &'a ConnectionId,
    rule: &'a RuleKey,
    case: IntakeCase,
    out: Draft,
}

impl Gate<'_> {
    /// A record enters; it is held while more than the allowed number entered within ten minutes.
    fn enter(&mut self, record: &RecordRef, at: Instant) {
        let most = self.desk.people.profile.storm_above as usize;
        let recent = &mut self.case.recent;
        recent.retain(|(known, entered)| entered != record && *known > at - WINDOW);
        recent.push((at, record.clone()));
        let surplus = recent.len().saturating_sub(most.saturating_add(1));
        recent.drain(..surplus);
        if recent.len() <= most {
            return;
        }
        let entered: Vec<RecordRef> = match self.case.storm {
            Some(_) => vec![record.clone()],
            None => self.begin_storm(at),
        };
        for record in entered {
            self.hold(record);
        }
    }

    fn begin_storm(&mut self, at: Instant) -> Vec<RecordRef> {
        self.case.storm = Some(Storm { since: at, held: BTreeSet::new(), unlisted: 0, answer: None, released: 0 });
        let why = format!(
            "more than {} records entered within 10 minutes; they are held until somebody answers",
            self.desk.people.profile.storm_above
        );
        self.say(What::Held, why);
        self.case.recent.iter().map(|(_, record)| record.clone()).collect()
    }

    fn hold(&mut self, record: RecordRef) {
        let Some(storm) = &mut self.case.storm else { return };
        let until = later(storm.since, PATIENCE + SLACK);
        self.out.posts.push((CaseId::Record(record.clone()), Event::Hold { rule: self.rule.clone(), until }));
        if storm.held.len() < MOST_LISTED {
            storm.held.insert(record);
        } else {
            storm.unlisted = storm.unlisted.saturating_add(1);
        }
    }

    /// Lets held clocks go as somebody answered; with many records it goes on by a post to itself.
    fn answer(&mut self, answer: StormAnswer) {
        let Some(mut storm) = self.case.storm.take() else { return };
        let answer = *storm.answer.get_or_insert(answer);
        if storm.released == 0 {
            let why = match answer {
                StormAnswer::Start => "held clocks run from their own starts",
                StormAnswer::Spread => "held clocks are spread over working days, without blame",
                StormAnswer::Ignore => "held clocks are void",
            };
            self.say(What::Released, why.to_owned());
        }
        let batch: Vec<RecordRef> = storm.held.iter().take(MOST_POSTS).cloned().collect();
        for record in batch {
            storm.held.remove(&record);
            let how = match answer {
                StormAnswer::Start => Release::Start,
                StormAnswer::Spread => Release::From(self.turn(storm.released)),
                StormAnswer::Ignore => Release::Ignore,
            };
            storm.released = storm.released.saturating_add(1);
            self.out.posts.push((CaseId::Record(record), Event::Release { rule: self.rule.clone(), how }));
        }
        if storm.held.is_empty() {
            self.case.recent.clear();
        } else {
            let own = CaseId::Intake { connection: self.connection.clone(), rule: self.rule.clone() };
            self.out.posts.push((own, Event::Answered { answer }));
            self.case.storm = Some(storm);
        }
    }

    fn give_up_waiting(&mut self) {
        let waiting = self.case.storm.as_ref().filter(|storm| storm.answer.is_none());
        if waiting.is_some_and(|storm| later(storm.since, PATIENCE) <= self.desk.now) {
            self.answer(StormAnswer::Spread);
        }
    }

    /// When the clock of the record with this place in the queue starts: as many a working day as make no storm.
    fn turn(&self, place: u32) -> Instant {
        let profile = &self.desk.people.profile;
        let rule = self.desk.rules.by_key.get(self.rule);
        let calendar =
            rule.and_then(|rule| rule.calendar.as_ref()).and_then(|name| self.desk.calendars.by_name.get(name));
        let week = weekdays();
        let days = match calendar {
            Some(calendar) => Workdays::of(calendar, profile),
            None => Workdays { hours: Some(&week), crm_holidays: &profile.holidays, ..Workdays::default() },
        };
        let today = local_date(self.desk.now, profile.zone);
        let date = days.nth_after(today, 1 + place / profile.storm_above.max(1));
        resolve(date, profile.send_time, profile.zone)
    }

    fn say(&mut self, what: What, why: String) {
        let rule = Some(self.rule.clone());
        self.out.journal.push(Entry { at: self.desk.now, rule, episode: 0, step: None, effect: None, what, why });
    }
}

/// Monday to Friday.
fn weekdays() -> WorkingHours {
    let week = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    WorkingHours { ranges: week.map(|day| (day, NaiveTime::MIN, NaiveTime::MIN)).to_vec() }
}
