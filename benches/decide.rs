//! How fast rules are evaluated and events decided, on one core, with the real rule language.
#![allow(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::collections::BTreeMap;

use chrono::Duration;
use dealclock_engine::condition::Row;
use dealclock_engine::{Rule, Ruleset, decide};
use dealclock_model::event::Origin;
use dealclock_model::fault::Source;
use dealclock_model::record::field;
use dealclock_model::{
    Case, CaseId, Change, ChangeState, Event, Instant, Object, People, Person, PersonId, Profile, Record, RecordId,
    RecordRef, Value,
};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

#[path = "support/machine.rs"]
mod machine;

const RULES: &str = r#"
[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
start = "stage_entered_at"
until = "proposal_sent_at != null"
deadline = "5d"
silenced_while = "complex"

[[rule.proposal.remind]]
at = "1d"
subject = "Prepare a proposal for {{ record.name }}"

[[rule.proposal.remind]]
at = "4d"
subject = "Proposal for {{ record.name }} is due {{ due | date }}"
"#;

fn main() {
    if !machine::is_asked_for() {
        return;
    }
    println!("decide: one core; {}\n", machine::describe());
    divan::main();
}

#[divan::bench]
fn condition_eval(bencher: Bencher) {
    let desk = Desk::new();
    let record = record(at(0));
    let row = desk.ruleset.rules.layout.row(&record, None);
    let rule = desk.rule();
    assert!(rule.when.eval(&row).holds(), "the rule applies to the record");
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| black_box(rule).when.eval(black_box(&row)));
}

#[divan::bench]
fn layout_row(bencher: Bencher) {
    let desk = Desk::new();
    let record = record(at(0));
    let owner = desk.people.get(&PersonId::from("rep"));
    bencher
        .counter(ItemsCount::new(1u32))
        .bench_local(|| -> Row<'_> { desk.ruleset.rules.layout.row(black_box(&record), owner) });
}

/// What judging a record anew takes: lay it out, then evaluate.
#[divan::bench]
fn layout_row_and_condition_eval(bencher: Bencher) {
    let desk = Desk::new();
    let record = record(at(0));
    let rule = desk.rule();
    bencher
        .counter(ItemsCount::new(1u32))
        .bench_local(|| rule.when.eval(&desk.ruleset.rules.layout.row(black_box(&record), None)));
}

#[divan::bench]
fn decide_a_change_that_changes_nothing(bencher: Bencher) {
    let desk = Desk::new();
    let case = desk.running();
    let event = changed(at(1));
    let decision = desk.decide(&case, &event, at(1));
    assert!(decision.effects.is_empty() && decision.posts.is_empty(), "nothing follows");
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| desk.decide(black_box(&case), &event, at(1)));
}

#[divan::bench]
fn decide_a_timer_that_fires(bencher: Bencher) {
    let desk = Desk::new();
    let case = desk.running();
    let due = desk.decide(&case, &changed(at(0)), at(0)).wake_at.unwrap_or(at(24));
    let event = Event::Due { as_of: due, waited: false };
    let decision = desk.decide(&case, &event, due);
    assert!(!decision.effects.is_empty() || !decision.posts.is_empty(), "a reminder goes on its way");
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| desk.decide(black_box(&case), &event, due));
}

/// Rules and people of a small company.
struct Desk {
    ruleset: Ruleset,
    people: People,
    id: CaseId,
}

impl Desk {
    fn new() -> Desk {
        let source = Source::new("proposal.toml", RULES);
        let ruleset = Ruleset::read(&[source], &BTreeMap::new(), &|_| Err(String::new()));
        let zone = "Europe/Berlin".parse().expect("Berlin has a zone");
        let mut people = People::new(Profile::new("acme".into(), zone));
        let id = PersonId::from("rep");
        people.persons.insert(id.clone(), person(id));
        Desk { ruleset: ruleset.expect("the rule above is valid"), people, id: CaseId::Record(record_ref()) }
    }

    fn rule(&self) -> &Rule {
        self.ruleset.rules.by_key.values().next().expect("there is one rule")
    }

    /// A record for which a clock runs.
    fn running(&self) -> Case {
        self.decide(&Case::new(&self.id), &changed(at(0)), at(0)).case
    }

    fn decide(&self, case: &Case, event: &Event, now: Instant) -> dealclock_engine::Decision {
        decide(&self.ruleset.rules, &self.ruleset.calendars, &self.people, &self.id, case, event, now)
    }
}

fn person(id: PersonId) -> Person {
    Person {
        id,
        name: "Anna Becker".to_owned(),
        email: Some("anna.becker@example.com".to_owned()),
        zone: None,
        active: true,
        manager: None,
        hours: None,
        absences: Vec::new(),
        deputy: None,
    }
}

fn record_ref() -> RecordRef {
    RecordRef { connection: "acme".into(), object: Object::Opportunity, id: RecordId::from("42") }
}

fn changed(stamp: Instant) -> Event {
    let change = Change { record: record_ref(), stamp, state: ChangeState::Present(record(stamp)) };
    Event::Changed { change: Box::new(change), history: Vec::new(), origin: Origin::Poll, as_of: stamp }
}

fn record(modified: Instant) -> Record {
    let fields = [
        (field::NAME, Value::text("Nordlicht GmbH: rollout")),
        (field::AMOUNT, Value::Number(80_000.into())),
        (field::STAGE, Value::text("Open")),
        (field::STAGE_ID, Value::text("appointmentscheduled")),
        (field::STAGE_ENTERED_AT, Value::Time(at(0))),
        (field::CREATED_AT, Value::Time(at(0))),
        (field::MODIFIED_AT, Value::Time(modified)),
        ("complex", Value::Bool(false)),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Record { owner: Some("rep".into()), fields, url: None, parked: None }
}

fn at(hours: i64) -> Instant {
    Instant::from_timestamp(1_780_293_600, 0).expect("a moment in 2026") + Duration::hours(hours)
}
