//! One reader of one digest: what there is to tell, when it is told, and what was told.
//!
//! Notices come from records in any order and more than once: the latest of each key counts. Messages go out only when
//! the timer comes, one for each local date, whatever restarts in between.

mod section;
mod send;
mod text;

#[cfg(test)]
mod tests;

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_model::digest::{DigestCase, Notice, NoticeState, Told};
use dealclock_model::effect::{Subject, TaskStatus};
use dealclock_model::{Case, CaseId, ConnectionId, DigestKey, Entry, Event, Instant, PersonId, RuleKey, What};

use super::plan::LATE;
use super::recipient::{Standing, name, stand_in, standing};
use super::tasks::{self, Origin};
use super::{Decision, Desk, Draft};
use crate::rules::{Digest, Mode};
use crate::time::local::{add_days, later};
use crate::time::{Allowed, Workdays, first_instant_of, local_date};

/// Urgent notices that come within this time are one message.
const GROUPED: Duration = Duration::seconds(60);
/// More notices than this are counted and not kept: nobody reads them one by one.
const MOST_NOTICES: usize = 2_000;

/// Decides what follows from an event of a digest's reader.
pub(super) fn decide(
    desk: Desk<'_>,
    connection: &ConnectionId,
    digest: &DigestKey,
    person: &PersonId,
    case: &DigestCase,
    event: &Event,
) -> Decision {
    let mut reader = Reader {
        desk,
        id: CaseId::Digest { connection: connection.clone(), digest: digest.clone(), person: person.clone() },
        rule: RuleKey::from(format!("digest/{digest}")),
        digest: desk.rules.digests.get(digest),
        person,
        zone: desk.people.zone_of(Some(person)),
        case: case.clone(),
        out: Draft::default(),
    };
    match event {
        Event::Noted(notice) => reader.hear(notice),
        Event::Settled { effect, outcome } => reader.settle(*effect, outcome),
        Event::Due { .. } => reader.come_due(),
        Event::PersonChanged => reader.plan_anew(),
        Event::RulesChanged
        | Event::Changed { .. }
        | Event::Recovered { .. }
        | Event::Entered { .. }
        | Event::Ask { .. }
        | Event::Admitted { .. }
        | Event::Overflowed { .. }
        | Event::Listed { .. }
        | Event::Absorbed { .. }
        | Event::Hold { .. }
        | Event::Release { .. }
        | Event::Answered { .. }
        | Event::Ruled { .. }
        | Event::Looked { .. }
        | Event::Made(_) => {}
    }
    reader.conclude()
}

/// One reader's case under decision.
struct Reader<'a> {
    desk: Desk<'a>,
    id: CaseId,
    /// What the digest's effects follow from instead of a rule.
    rule: RuleKey,
    /// `None` once it was removed from the rules.
    digest: Option<&'a Digest>,
    person: &'a PersonId,
    zone: Tz,
    case: DigestCase,
    out: Draft,
}

impl Reader<'_> {
    /// Takes a notice in: of one key the latest counts, and one that is told twice changes nothing.
    fn hear(&mut self, notice: &Notice) {
        if let Some(stand_in) = self.stand_in() {
            self.pass_on(&stand_in, notice.clone());
            return;
        }
        match self.case.notices.binary_search_by(|told| told.notice.key.cmp(&notice.key)) {
            Ok(place) => {
                let known = &mut self.case.notices[place].notice;
                let urgent = known.urgent || notice.urgent;
                if (known.at, known.state) < (notice.at, notice.state) {
                    known.clone_from(notice);
                }
                known.urgent = urgent;
            }
            Err(_) if self.case.notices.len() >= MOST_NOTICES => {
                if notice.state == NoticeState::Open {
                    let count = self.case.unlisted.entry(notice.key.rule.clone()).or_default();
                    *count = count.saturating_add(1);
                }
            }
            Err(place) => {
                let told = Told {
                    notice: notice.clone(),
                    told: None,
                    in_digest: None,
                    told_before: None,
                    sent_urgently: false,
                };
                self.case.notices.insert(place, told);
            }
        }
    }

    /// Whoever reads instead of somebody who is not active; `None` for an active reader, or where nobody stands in.
    fn stand_in(&self) -> Option<PersonId> {
        let people = self.desk.people;
        if standing(people, self.person) != Standing::Inactive {
            return None;
        }
        stand_in(people, self.person, "is inactive").map(|found| found.person).filter(|found| found != self.person)
    }

    fn pass_on(&mut self, to: &PersonId, notice: Notice) {
        if let CaseId::Digest { connection, digest, .. } = &self.id {
            let (connection, digest) = (connection.clone(), digest.clone());
            let reader = CaseId::Digest { connection, digest, person: to.clone() };
            self.out.posts.push((reader, Event::Noted(Box::new(notice))));
        }
    }

    /// The reader left: whatever is open or was not told yet is told to whoever stands in.
    fn hand_over(&mut self, to: &PersonId) {
        for told in std::mem::take(&mut self.case.notices) {
            if told.notice.state == NoticeState::Open || section::of(&told).is_some() {
                self.pass_on(to, told.notice);
            }
        }
        self.case.unlisted.clear();
        self.close_tasks();
        let people = self.desk.people;
        let why = format!("goes to {}: {} is inactive", name(people, to), name(people, self.person));
        self.note(What::Rerouted, why);
    }

    fn come_due(&mut self) {
        let now = self.desk.now;
        let Some(digest) = self.digest else { return };
        if let Some(stand_in) = self.stand_in() {
            if !self.case.notices.is_empty() {
                self.hand_over(&stand_in);
            }
            return;
        }
        if self.case.urgent_at.is_some_and(|at| at <= now) {
            self.send_urgent(digest);
        }
        let Some(next) = self.case.next.filter(|next| *next <= now) else { return };
        // A catch-up after an outage does not wake anybody.
        let quiet_end = self.quiet_end(now).filter(|end| now - next > LATE && *end > now);
        match quiet_end {
            Some(end) => self.case.next = Some(end),
            None => {
                self.case.next = None;
                // A reader who moves west has the date of their last digest a second time.
                if self.case.last.is_none_or(|last| last < local_date(now, self.zone)) {
                    self.send_digest(digest);
                }
            }
        }
    }

    /// The first instant from `at` on that is not within the reader's quiet hours.
    fn quiet_end(&self, at: Instant) -> Option<Instant> {
        let quiet = self.desk.people.profile.quiet_hours;
        Allowed { zone: self.zone, working: Workdays::default(), quiet }.next(at)
    }

    /// The next time by the plan whose local date has no digest yet.
    fn next_by_plan(&self, digest: &Digest) -> Option<Instant> {
        let now = self.desk.now;
        let next = digest.every.next_after(now, self.zone)?;
        match self.case.last {
            Some(last) if local_date(next, self.zone) <= last => {
                let midnight = first_instant_of(add_days(last, 1), self.zone);
                digest.every.next_after(later(midnight, Duration::seconds(-1)).max(now), self.zone)
            }
            Some(_) | None => Some(next),
        }
    }

    /// Forgets when the next is due, unless it is overdue.
    fn plan_anew(&mut self) {
        self.case.next = self.case.next.filter(|next| *next <= self.desk.now);
    }

    /// Drops everything once the digest was removed from the rules.
    fn drop_all(&mut self) {
        let count = self.case.notices.len();
        if count > 0 {
            let why = format!("the digest was removed from the rules; {count} notices are dropped");
            self.note(What::Superseded, why);
        }
        self.case.notices.clear();
        self.case.unlisted.clear();
        self.close_tasks();
    }

    /// Plans what comes next, from what there is to tell.
    fn plan(&mut self) {
        let Some(digest) = self.digest else {
            self.drop_all();
            (self.case.next, self.case.urgent_at) = (None, None);
            return;
        };
        if self.case.digest_version != digest.version {
            self.case.digest_version = digest.version;
            self.plan_anew();
        }
        let empty = self.case.notices.is_empty() && self.case.unlisted.is_empty();
        self.case.next = match self.case.next {
            _ if empty => None,
            Some(next) => Some(next),
            None => self.next_by_plan(digest),
        };
        self.case.urgent_at = match self.case.urgent_at {
            _ if !self.case.notices.iter().any(|told| waits_urgently(told) && !is_quiet(self.desk, told)) => None,
            Some(at) => Some(at),
            None => {
                let at = later(self.desk.now, GROUPED);
                Some(self.quiet_end(at).unwrap_or(at))
            }
        };
    }

    /// Wants the tasks of earlier digests completed: a later one takes their place.
    fn close_tasks(&mut self) {
        for (effect, task) in &mut self.case.tasks {
            if task.want.status == Some(TaskStatus::Done) {
                continue;
            }
            task.want.status = Some(TaskStatus::Done);
            if task.id.is_none() {
                self.out.superseded.push(*effect);
            }
        }
    }

    fn note(&mut self, what: What, why: String) {
        let rule = Some(self.rule.clone());
        self.out.journal.push(Entry { at: self.desk.now, rule, episode: 0, step: None, effect: None, what, why });
    }

    fn conclude(mut self) -> Decision {
        self.plan();
        let (rule, subject) = (&self.rule, Subject::Person(self.person));
        let origin = Origin { case: self.id.clone(), rule, subject, now: self.desk.now };
        for (creation, task) in &mut self.case.tasks {
            self.out.effects.extend(tasks::reconcile(&origin, *creation, task));
        }
        self.case.tasks.retain(|_, task| task.open || task.pending.is_some());
        let wake_at = [self.case.next, self.case.urgent_at].into_iter().flatten().min();
        self.out.conclude(Case::Digest(Box::new(self.case)), wake_at, self.desk.now)
    }
}

/// Whether nothing is told of a notice's rule now: it is stopped, or runs in shadow.
fn is_quiet(desk: Desk<'_>, told: &Told) -> bool {
    let (rules, key) = (desk.rules, &told.notice.key.rule);
    rules.stopped.contains(key) || rules.by_key.get(key).is_some_and(|rule| rule.mode == Mode::Shadow)
}

/// Whether a notice is to reach the reader before the next digest.
fn waits_urgently(told: &Told) -> bool {
    told.notice.urgent && told.notice.state == NoticeState::Open && told.told.is_none() && !told.sent_urgently
}
