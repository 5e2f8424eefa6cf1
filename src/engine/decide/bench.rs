//! One record with a rule that has a way out, for tests: told what happens at local times.

use std::collections::BTreeMap;

use dealclock_model::case::{Clock, RecordCase};
use dealclock_model::event::Origin;
use dealclock_model::fault::Source;
use dealclock_model::record::field;
use dealclock_model::{
    Case, CaseId, Change, ChangeState, ConnectionId, Effect, Event, Fact, FieldName, Instant, Object, People, Person,
    PersonId, Profile, Record, RecordId, RecordRef, RequestState, RuleKey, Value, What,
};

use super::extension::obey;
use super::matter::Matter;
use super::request::Hearing;
use super::{Desk, Draft, decide};
use crate::rules::Ruleset;
use crate::time::resolve;

const ZONE: chrono_tz::Tz = chrono_tz::Europe::Berlin;

const APPROVAL: &str = r#"
[approval.more-time]
[[approval.more-time.step]]
approver = "owner.manager"
timeout = { after = "30d" }

[calendar.office]
hours = "09:00-17:00"
"#;

/// A rule with a way out: its deadline, its reminders, and further keys of the rule and of the extension.
pub(super) fn rules(deadline: &str, reminders: &[&str], rule: &str, extension: &str) -> Ruleset {
    let reminders: String = reminders
        .iter()
        .map(|at| {
            format!("[[rule.r.remind]]\nat = \"{at}\"\nto = [\"owner\"]\nvia = [\"task\"]\nsubject = \"Do it\"\n")
        })
        .collect();
    let text = format!(
        "[rule.r]\nobject = \"opportunity\"\nwhen = 'amount > 0'\nuntil = 'stage == \"Sent\"'\ndeadline = \"{deadline}\"\n\
         {rule}\n{reminders}[rule.r.extension]\nrequested_by = \"complex\"\ngranted_as = \"request_approved\"\n\
         approval = \"more-time\"\n{extension}\n{APPROVAL}"
    );
    Ruleset::read(&[Source::new("r.toml", text)], &BTreeMap::new(), &|_| Err(String::new())).unwrap()
}

/// A local time in Berlin: `2026-06-01 11:00`.
pub(super) fn at(text: &str) -> Instant {
    resolve(text[..10].parse().unwrap(), format!("{}:00", &text[11..]).parse().unwrap(), ZONE)
}

pub(super) fn local(instant: Instant) -> String {
    instant.with_timezone(&ZONE).format("%Y-%m-%d %H:%M").to_string()
}

pub(super) fn people() -> People {
    let mut people = People::new(Profile::new(ConnectionId::from("acme"), ZONE));
    for (name, manager) in [("rep", Some("boss")), ("boss", None)] {
        let person = Person {
            id: PersonId::from(name),
            name: name.to_owned(),
            email: None,
            zone: Some(ZONE),
            active: true,
            manager: manager.map(PersonId::from),
            hours: None,
            absences: Vec::new(),
            deputy: None,
        };
        people.persons.insert(PersonId::from(name), person);
    }
    people
}

/// A deal of the rep, with Complex ticked or not, and the work done or not.
pub(super) fn record(complex: bool, sent: bool) -> Record {
    let fields = BTreeMap::from([
        (FieldName::from(field::AMOUNT), Value::Number(60_000.into())),
        (FieldName::from(field::STAGE), Value::text(if sent { "Sent" } else { "Open" })),
        (FieldName::from("complex"), Value::Bool(complex)),
    ]);
    Record { owner: Some(PersonId::from("rep")), fields, url: None, parked: None }
}

pub(super) fn id() -> RecordRef {
    RecordRef { connection: ConnectionId::from("acme"), object: Object::Opportunity, id: RecordId::from("1") }
}

/// One record with its case, told what happens at local times.
pub(super) struct Bench {
    pub(super) rules: Ruleset,
    people: People,
    case: Case,
    pub(super) words: Vec<What>,
    pub(super) effects: Vec<Effect>,
    pub(super) facts: Vec<Fact>,
}

impl Bench {
    pub(super) fn new(rules: Ruleset) -> Bench {
        Bench {
            rules,
            people: people(),
            case: Case::new(&CaseId::Record(id())),
            words: Vec::new(),
            effects: Vec::new(),
            facts: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        let (rules, calendars) = (&self.rules.rules, &self.rules.calendars);
        let decision = decide(rules, calendars, &self.people, &CaseId::Record(id()), &self.case, event, now);
        self.words.extend(decision.journal.iter().map(|entry| entry.what));
        self.effects.extend(decision.effects);
        self.facts.extend(decision.facts);
        self.case = decision.case;
        for (case, event) in decision.posts {
            if case == CaseId::Record(id()) {
                self.take(&event, now);
            }
        }
    }

    pub(super) fn show(&mut self, when: &str, record: Record, origin: Origin) {
        let change = Box::new(Change { record: id(), stamp: at(when), state: ChangeState::Present(record) });
        self.take(&Event::Changed { change, history: Vec::new(), origin, as_of: at(when) }, at(when));
    }

    pub(super) fn change(&mut self, when: &str, complex: bool, sent: bool) {
        self.show(when, record(complex, sent), Origin::Poll);
    }

    pub(super) fn due(&mut self, when: &str) {
        self.take(&Event::Due { as_of: at(when), waited: false }, at(when));
    }

    /// Somebody decided the request, or it ended otherwise; the clock obeys at once.
    pub(super) fn end(&mut self, when: &str, state: RequestState) {
        let Case::Record(case) = &mut self.case else { panic!("a record's case") };
        let record = case.record.clone().unwrap();
        let desk =
            Desk { rules: &self.rules.rules, calendars: &self.rules.calendars, people: &self.people, now: at(when) };
        let (key, id) = (RuleKey::from("r"), id());
        let m = Matter { desk, id: &id, rule: &self.rules.rules.by_key["r"], record: &record };
        let request = case.requests.get_mut(&key).unwrap();
        let before = (request.state, request.round);
        request.state = state;
        match state {
            RequestState::Open => request.opened_at = at(when),
            _ => request.closed_at = Some(at(when)),
        }
        let hearing = Hearing::of_rule(desk, &id, &record, m.rule).unwrap();
        let mut out = Draft::default();
        let clock = case.clocks.get_mut(&key).unwrap();
        obey(&m, &hearing, clock, Some(before), request, at(when), &mut out);
        self.words.extend(out.journal.iter().map(|entry| entry.what));
    }

    pub(super) fn record_case(&self) -> &RecordCase {
        self.case.as_record().unwrap()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.record_case().clocks["r"]
    }

    /// The reminders still to come: `step @ local time`.
    pub(super) fn coming(&self, now: &str) -> Vec<String> {
        let case = self.case.as_record().unwrap();
        let desk =
            Desk { rules: &self.rules.rules, calendars: &self.rules.calendars, people: &self.people, now: at(now) };
        let id = id();
        let m = Matter { desk, id: &id, rule: &self.rules.rules.by_key["r"], record: case.record.as_ref().unwrap() };
        let steps = m.coming_steps(self.clock());
        steps.iter().map(|coming| format!("{} @ {}", coming.remind.name, local(coming.at))).collect()
    }
}
