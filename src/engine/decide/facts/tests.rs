//! What becomes a fact, by the CRM's times, and what does not.

use std::collections::BTreeMap;

use dealclock_model::event::Origin;
use dealclock_model::fault::Source;
use dealclock_model::{Change, ChangeState, Event};

use super::*;
use crate::decide::bench::{Bench, at, id, local};
use crate::rules::Ruleset;

const RULES: &str = r#"
[rule.r]
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
until = 'proposal_sent_at != null'
deadline = "5d"
silenced_while = "complex"
"#;

fn bench(rules: &str) -> Bench {
    Bench::new(Ruleset::read(&[Source::new("r.toml", rules)], &BTreeMap::new(), &|_| Err(String::new())).unwrap())
}

/// A state of the deal: what is not said is an open deal of the rep over the criterion.
fn deal(says: &[(&str, &str)]) -> Record {
    let mut record = Record { owner: Some("rep".into()), fields: BTreeMap::new(), url: None, parked: None };
    record.fields.insert(field::AMOUNT.into(), Value::Number(60_000.into()));
    record.fields.insert(field::STAGE.into(), Value::text("Open"));
    for (name, text) in says {
        let value = match *name {
            "owner" => {
                record.owner = Some((*text).into());
                continue;
            }
            field::AMOUNT => Value::Number(text.parse().unwrap()),
            "complex" | field::IS_CLOSED => Value::Bool(*text == "yes"),
            "proposal_sent_at" => Value::Time(at(text)),
            _ => Value::text(text),
        };
        record.fields.insert((*name).into(), value);
    }
    record
}

/// A fact in a line: when by the CRM, what, and whose it is.
fn line(fact: &Fact) -> String {
    let owner = fact.owner.as_ref().map_or("-", PersonId::as_str);
    let what = match &fact.what {
        Happened::Started { deadline } => format!("started until {}", local(*deadline)),
        Happened::Met { took_secs } => format!("met in {took_secs}"),
        Happened::MetLate { took_secs } => format!("met late in {took_secs}"),
        Happened::Violated { enforceable, .. } => format!("violated {enforceable}"),
        Happened::LoweredUnder { from, to } => format!("lowered {from} to {to}"),
        Happened::Held(Spell { since, owner, open, complex }) => {
            let owner = owner.as_ref().map_or("-", PersonId::as_str);
            format!("held since {} by {owner} open {open} complex {complex}", local(*since))
        }
        other => format!("{other:?}").to_lowercase(),
    };
    format!("{} {owner}: {what}", local(fact.at))
}

/// What is said of a deal at a time; nothing when a timer comes due then.
type Turn<'a> = (&'a str, Option<&'a [(&'a str, &'a str)]>);

/// What the states of a deal become, each shown at a time.
fn check(states: &[Turn<'_>], facts: &[&str]) {
    let mut bench = bench(RULES);
    for (when, state) in states {
        match state {
            Some(says) => bench.show(when, deal(says), Origin::Poll),
            None => bench.due(when),
        }
    }
    let noted: Vec<_> = bench.facts.iter().map(line).collect();
    assert_eq!(noted, facts);
}

const STARTED: &str = "2026-06-01 10:00 rep: started until 2026-06-07 00:00";

#[test]
fn a_clock_that_starts_and_is_met_is_two_facts_by_the_crms_times() {
    check(
        &[("2026-06-01 10:00", Some(&[])), ("2026-06-02 12:00", Some(&[("proposal_sent_at", "2026-06-02 10:00")]))],
        &[STARTED, "2026-06-02 10:00 rep: met in 86400"],
    );
}

#[test]
fn a_violation_stands_at_the_deadline_and_late_work_after_it() {
    check(
        &[
            ("2026-06-01 10:00", Some(&[])),
            ("2026-06-07 00:30", None),
            ("2026-06-08 12:00", Some(&[("proposal_sent_at", "2026-06-08 10:00")])),
        ],
        &[STARTED, "2026-06-07 00:00 rep: violated true", "2026-06-08 10:00 rep: met late in 604800"],
    );
}

#[test]
fn work_done_before_the_deadline_and_heard_of_later_withdraws_the_violation_where_it_stands() {
    check(
        &[
            ("2026-06-01 10:00", Some(&[])),
            ("2026-06-07 00:30", None),
            ("2026-06-07 09:00", Some(&[("proposal_sent_at", "2026-06-06 10:00")])),
        ],
        &[
            STARTED,
            "2026-06-07 00:00 rep: violated true",
            "2026-06-07 00:00 rep: withdrawn",
            "2026-06-06 10:00 rep: met in 432000",
        ],
    );
}

#[test]
fn a_deadline_that_passed_unseen_before_the_work_was_done_is_both_facts_at_once() {
    check(
        &[("2026-06-01 10:00", Some(&[])), ("2026-06-09 12:00", Some(&[("proposal_sent_at", "2026-06-09 11:00")]))],
        &[STARTED, "2026-06-07 00:00 rep: violated true", "2026-06-09 11:00 rep: met late in 694800"],
    );
}

#[test]
fn complex_within_the_last_day_before_the_deadline_is_a_fact_and_earlier_is_none() {
    for (when, late) in [
        ("2026-06-05 23:59", false),
        ("2026-06-06 00:00", true),
        ("2026-06-06 23:59", true),
        ("2026-06-07 00:00", false),
    ] {
        let mut bench = bench(RULES);
        bench.show("2026-06-01 10:00", deal(&[]), Origin::Poll);
        bench.show(when, deal(&[("complex", "yes")]), Origin::Poll);
        let noted = bench.facts.iter().any(|fact| fact.what == Happened::ComplexLate);
        assert_eq!(noted, late, "{when}");
    }
}

#[test]
fn an_amount_lowered_to_just_under_the_criterion_is_a_fact_unless_something_else_ended_the_rule_too() {
    for (says, lowered) in [
        (&[("amount", "49999.99")][..], Some(("60000", "49999.99"))),
        (&[("amount", "45000")], Some(("60000", "45000"))),
        (&[("amount", "44999.99")], None),
        (&[("amount", "50000")], None),
        (&[("amount", "49000"), ("stage", "Lost")], None),
        (&[("stage", "Lost")], None),
    ] {
        let mut bench = bench(RULES);
        bench.show("2026-06-01 10:00", deal(&[]), Origin::Poll);
        bench.show("2026-06-02 10:00", deal(says), Origin::Poll);
        let noted = bench.facts.iter().find_map(|fact| match &fact.what {
            Happened::LoweredUnder { from, to } => Some((from.to_string(), to.to_string())),
            _ => None,
        });
        assert_eq!(noted, lowered.map(|(from, to)| (from.to_owned(), to.to_owned())), "{says:?}");
    }
}

#[test]
fn out_and_back_within_the_window_is_a_fact_and_a_later_return_is_a_new_clock() {
    let away: Turn<'_> = ("2026-06-02 10:00", Some(&[("stage", "Lead")]));
    let void = "2026-06-02 10:00 rep: void";
    check(
        &[("2026-06-01 10:00", Some(&[])), away, ("2026-06-02 16:00", Some(&[]))],
        &[STARTED, void, "2026-06-02 16:00 rep: wiggled"],
    );
    check(
        &[("2026-06-01 10:00", Some(&[])), away, ("2026-06-04 10:00", Some(&[]))],
        &[STARTED, void, "2026-06-04 10:00 rep: started until 2026-06-10 00:00"],
    );
}

#[test]
fn a_spell_ends_when_owner_openness_or_complex_change_and_by_nothing_else() {
    check(
        &[
            ("2026-06-01 10:00", Some(&[("amount", "1")])),
            ("2026-06-02 10:00", Some(&[("amount", "2")])),
            ("2026-06-03 10:00", Some(&[("amount", "2"), ("complex", "yes")])),
            ("2026-06-04 10:00", Some(&[("amount", "2"), ("complex", "yes"), ("owner", "boss")])),
            ("2026-06-05 10:00", Some(&[("amount", "2"), ("complex", "yes"), ("owner", "boss"), ("is_closed", "yes")])),
        ],
        &[
            "2026-06-03 10:00 rep: held since 2026-06-01 10:00 by rep open true complex false",
            "2026-06-04 10:00 rep: held since 2026-06-03 10:00 by rep open true complex true",
            "2026-06-05 10:00 boss: held since 2026-06-04 10:00 by boss open true complex true",
        ],
    );
}

#[test]
fn a_deleted_record_holds_nothing_any_more() {
    let mut bench = bench(RULES);
    bench.show("2026-06-01 10:00", deal(&[("amount", "1")]), Origin::Poll);
    let change = Box::new(Change { record: id(), stamp: at("2026-06-02 10:00"), state: ChangeState::Deleted });
    let event = Event::Changed { change, history: Vec::new(), origin: Origin::Poll, as_of: at("2026-06-03 10:00") };
    bench.take(&event, at("2026-06-03 10:00"));
    let noted: Vec<_> = bench.facts.iter().map(line).collect();
    assert_eq!(noted, ["2026-06-02 10:00 rep: held since 2026-06-01 10:00 by rep open true complex false"]);
    assert_eq!(bench.record_case().spell, None);
}

#[test]
fn a_first_read_notes_nothing_but_its_clocks_and_the_spell_that_lasts() {
    let mut bench = bench(RULES);
    bench.show("2026-06-01 10:00", deal(&[("amount", "1"), ("complex", "yes")]), Origin::FirstRead);
    assert_eq!(bench.facts, []);
    assert!(bench.record_case().spell.as_ref().is_some_and(|spell| spell.complex && spell.open));
}

#[test]
fn nothing_is_noted_twice() {
    let mut bench = bench(RULES);
    for when in ["2026-06-01 10:00", "2026-06-01 11:00", "2026-06-01 12:00"] {
        bench.show(when, deal(&[]), Origin::Poll);
        bench.due(when);
        bench.take(&Event::PersonChanged, at(when));
    }
    assert_eq!(bench.facts.iter().map(line).collect::<Vec<_>>(), [STARTED]);
}
