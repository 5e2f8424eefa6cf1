//! Delivery of a report: each reader is told once for each date on which it was due.

use std::collections::BTreeSet;

use dealclock_model::digest::{Made, Notice, NoticeKey, NoticeKind, NoticeState, ReportCase};
use dealclock_model::effect::{Channel, Email, NewTask, Notification, Subject};
use dealclock_model::{
    Case, CaseId, ConnectionId, Effect, EffectId, Entry, Event, Fact, Happened, Outcome, PersonId, ReportKey, RuleKey,
    StepName, What, Write,
};

use super::recipient::{Standing, name, stand_in, standing};
use super::{Decision, Desk, Draft, notice};
use crate::time::{local_date, resolve};

/// Decides what follows from an event of a report.
pub(super) fn decide(
    desk: Desk<'_>,
    connection: &ConnectionId,
    report: &ReportKey,
    case: &ReportCase,
    event: &Event,
) -> Decision {
    let rule = RuleKey::from(format!("report/{report}"));
    let id = CaseId::Report { connection: connection.clone(), report: report.clone() };
    let mut courier = Courier { desk, id, rule, case: case.clone(), out: Draft::default() };
    match event {
        // Told again, or out of order, it was delivered already.
        Event::Made(made) if case.last.is_none_or(|last| last < made.due) => courier.deliver(made),
        Event::Settled { effect, outcome } => courier.settle(*effect, outcome),
        Event::Made(_)
        | Event::Changed { .. }
        | Event::Due { .. }
        | Event::RulesChanged
        | Event::PersonChanged
        | Event::Recovered { .. }
        | Event::Entered { .. }
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
        | Event::Answered { .. } => {}
    }
    courier.out.conclude(Case::Report(courier.case), None, desk.now)
}

/// One report under delivery.
struct Courier<'a> {
    desk: Desk<'a>,
    id: CaseId,
    rule: RuleKey,
    case: ReportCase,
    out: Draft,
}

impl Courier<'_> {
    fn deliver(&mut self, made: &Made) {
        self.case.last = Some(made.due);
        self.case.made = self.case.made.saturating_add(1);
        let step = StepName::from(made.due.to_string());
        let mut reached = BTreeSet::new();
        for role in &made.readers {
            for person in self.holders(role.as_str().strip_prefix("role:").unwrap_or(role.as_str())) {
                if reached.insert(person.clone()) {
                    self.send(made, &step, &format!("{role}#{person}"), &person);
                }
            }
        }
        self.tell_marks(made);
        let names: Vec<_> = reached.iter().map(|person| name(self.desk.people, person)).collect();
        let to = if names.is_empty() { "nobody, since nobody holds its roles".to_owned() } else { names.join(", ") };
        let why = format!("{} to {}, to {to}", made.from, made.to);
        self.out.journal.push(self.entry(Some(step), None, What::ReportMade, why));
        self.out.facts.push(Fact {
            at: self.desk.now,
            owner: None,
            rule: Some(self.rule.clone()),
            episode: 0,
            in_shadow: false,
            what: Happened::ReportMade,
        });
    }

    /// Tells the digests of the reps at the mark: once, again when what is to be said changes, and when they are no longer.
    fn tell_marks(&mut self, made: &Made) {
        let earlier = std::mem::take(&mut self.case.marks);
        for mark in &made.marks {
            let person = Some(mark.person.clone());
            let known = earlier.iter().find(|notice| notice.key.person == person);
            self.case.marks.push(Notice {
                key: NoticeKey { rule: self.rule.clone(), kind: NoticeKind::Mark, record: None, person, episode: 0 },
                state: NoticeState::Open,
                since: known.map_or(self.desk.now, |notice| notice.since),
                at: self.desk.now,
                owner: Some(mark.person.clone()),
                previous_owner: None,
                name: name(self.desk.people, &mark.person).to_owned(),
                url: None,
                amount: None,
                urgent: false,
                reason: None,
                detail: Some(mark.detail.clone()),
            });
        }
        let gone = earlier.into_iter().filter(|old| !self.case.marks.iter().any(|notice| notice.key == old.key));
        let gone = gone.map(|old| Notice { state: NoticeState::Settled, at: self.desk.now, ..old });
        for told in gone.chain(self.case.marks.iter().cloned()) {
            for digest in self.desk.rules.digests.values() {
                notice::post(self.desk, self.id.connection(), digest, &told, &mut self.out);
            }
        }
    }

    /// Whoever holds a role now; for somebody who is inactive, whoever stands in.
    fn holders(&self, role: &str) -> Vec<PersonId> {
        let people = self.desk.people;
        let holders = people.profile.roles.get(role).into_iter().flatten();
        let reader = |person: &PersonId| match standing(people, person) {
            Standing::Active | Standing::Unknown => Some(person.clone()),
            Standing::Inactive => stand_in(people, person, "is inactive").map(|recipient| recipient.person),
        };
        holders.filter_map(reader).collect()
    }

    fn send(&mut self, made: &Made, step: &StepName, slot: &str, person: &PersonId) {
        for channel in made.via.iter().copied().collect::<BTreeSet<_>>() {
            let Some(write) = self.write(made, person, channel) else { continue };
            let subject = Subject::Person(person);
            let id = EffectId::new(self.id.connection(), &self.rule, subject, 1, 0, step, slot, channel);
            let why = format!("the report goes to {} by {}", name(self.desk.people, person), channel.as_str());
            self.out.journal.push(self.entry(Some(step.clone()), Some(id), What::Fired, why));
            let (case, rule, step) = (self.id.clone(), self.rule.clone(), step.clone());
            self.out.effects.push(Effect { id, case, rule, step, decided_at: self.desk.now, write });
        }
    }

    fn write(&self, made: &Made, person: &PersonId, channel: Channel) -> Option<Write> {
        let people = self.desk.people;
        let to = person.clone();
        let (subject, body) = (made.title.clone(), body(made));
        Some(match channel {
            Channel::Task => {
                let zone = people.zone_of(Some(person));
                let due_date = local_date(self.desk.now, zone);
                let due_at = resolve(due_date, people.profile.send_time, zone);
                Write::CreateTask(NewTask { record: None, owner: to, subject, body, due_date, due_at, asks: false })
            }
            Channel::Email => Write::SendEmail(Email { to, subject, body, link: None, question: None }),
            Channel::CrmEmail => Write::SendCrmEmail(Email { to, subject, body, link: None, question: None }),
            Channel::Notification => Write::Notify(Notification { to, title: subject, body, record: None }),
            // A report is about no single record.
            Channel::Record => return None,
        })
    }

    fn settle(&mut self, effect: EffectId, outcome: &Outcome) {
        let (what, why) = match outcome {
            Outcome::Applied(_) => (What::Applied, "it was delivered".to_owned()),
            Outcome::Refused { reason } => (What::Refused, reason.clone()),
        };
        self.out.journal.push(self.entry(None, Some(effect), what, why));
    }

    fn entry(&self, step: Option<StepName>, effect: Option<EffectId>, what: What, why: String) -> Entry {
        Entry { at: self.desk.now, rule: Some(self.rule.clone()), episode: 0, step, effect, what, why }
    }
}

/// What a reader of a report is told.
fn body(made: &Made) -> String {
    let mut paragraphs = vec![format!("{}: {} to {}, both days included.", made.title, made.from, made.to)];
    paragraphs.extend(made.summary.iter().cloned());
    if !made.files.is_empty() {
        paragraphs.push(format!("The whole report: {}", made.files.join(", ")));
    }
    paragraphs.push("A mark is a suspicion to be looked into, never a verdict.".to_owned());
    paragraphs.join("\n\n")
}

#[cfg(test)]
mod tests;
