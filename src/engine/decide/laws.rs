//! The laws of the engine, tried with random events in random orders.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::Duration;
use dealclock_model::case::{ClockState, RecordCase};
use dealclock_model::event::{Origin, Release, StormAnswer};
use dealclock_model::fault::Source;
use dealclock_model::record::field;
use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::{
    Case, CaseId, Change, ChangeState, ConnectionId, Effect, EffectId, Event, FieldName, Instant, Object, Outcome,
    People, Person, PersonId, Profile, Receipt, Record, RecordId, RecordRef, RuleKey, Ruling, StepName, Value, Way,
    Write,
};
use proptest::prelude::*;

use super::{Decision, decide};
use crate::rules::Ruleset;

const RULES: &str = r#"
[rule.proposal]
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
start = "stage_entered_at"
until = "proposal_sent_at != null"
deadline = "5d"
silenced_while = "complex"
[[rule.proposal.remind]]
at = "1d"
to = ["owner"]
via = ["task", "email"]
subject = "Prepare"
[[rule.proposal.remind]]
at = "4d"
to = ["owner", "owner.manager"]
via = ["task"]
subject = "Due"

[rule.proposal.violation]
digest = "managers"
urgent = "amount >= 80000"

[rule.quick]
object = "opportunity"
when = 'amount > 0'
until = 'stage == "Sent"'
deadline = "8bh"
calendar = "office"
reopen = "resume"
backlog = "as_if"
[[rule.quick.remind]]
at = "2h"
to = ["owner"]
via = ["task"]
subject = "Quick"

[calendar.office]
hours = "09:00-17:00"

[rule.way-out]
object = "opportunity"
when = 'amount >= 50000'
until = 'stage == "Sent"'
deadline = "3d"
[[rule.way-out.remind]]
at = "1d"
to = ["owner"]
via = ["task"]
subject = "Way out"
[rule.way-out.extension]
requested_by = "complex"
granted_as = "request_approved"
grants = "5d"
approval = "more-time"
[rule.way-out.violation]
digest = "managers"
reason = { picklist = "delay_reason" }

[digest.managers]
to = "owner.manager"
every = "0 8 * * *"

[approval.more-time]
reopens_when = ["amount up"]
[[approval.more-time.step]]
approver = "owner.manager"
remind = ["6h"]
escalate = { after = "12h", to = "owner.manager.manager" }
timeout = { after = "1d" }
"#;

fn ruleset() -> Ruleset {
    let source = Source::new("laws.toml", RULES);
    Ruleset::read(&[source], &BTreeMap::new(), &|_| Err(String::new())).unwrap()
}

fn people(rep_active: bool) -> People {
    let mut people = People::new(Profile::new(connection(), chrono_tz::Europe::Berlin));
    people.profile.max_per_person_per_day = 1;
    people.profile.storm_above = 1;
    for (name, manager, zone) in [
        ("rep", Some("boss"), chrono_tz::Europe::Berlin),
        ("other", Some("boss"), chrono_tz::Asia::Tokyo),
        ("boss", None, chrono_tz::America::New_York),
    ] {
        let id = PersonId::from(name);
        let person = Person {
            id: id.clone(),
            name: name.to_owned(),
            email: None,
            zone: Some(zone),
            active: name != "rep" || rep_active,
            manager: manager.map(PersonId::from),
            hours: None,
            absences: Vec::new(),
            deputy: None,
        };
        people.persons.insert(id, person);
    }
    people
}

fn connection() -> ConnectionId {
    ConnectionId::from("acme")
}

fn record_ref() -> RecordRef {
    RecordRef { connection: connection(), object: Object::Opportunity, id: RecordId::from("42") }
}

fn at(hours: i64) -> Instant {
    "2026-06-01T06:00:00Z".parse::<Instant>().unwrap() + Duration::hours(hours)
}

fn record(amount: i64, stage: &str, entered: i64, sent: Option<i64>, complex: bool, owner: &str) -> Record {
    let mut fields = BTreeMap::from([
        (FieldName::from(field::AMOUNT), Value::Number(amount.into())),
        (FieldName::from(field::STAGE), Value::text(stage)),
        (FieldName::from(field::STAGE_ENTERED_AT), Value::Time(at(entered))),
        (FieldName::from("complex"), Value::Bool(complex)),
    ]);
    if let Some(sent) = sent {
        fields.insert(FieldName::from("proposal_sent_at"), Value::Time(at(sent)));
    }
    let owner = (!owner.is_empty()).then(|| PersonId::from(owner));
    Record { owner, fields, url: None, parked: None }
}

fn a_record() -> impl Strategy<Value = Record> {
    let stage = prop::sample::select(vec!["Open", "Open", "Sent", "Lost"]);
    let owner = prop::sample::select(vec!["rep", "rep", "other", "", "stranger"]);
    let boxes = (prop::bool::weighted(0.3), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (0..3i64, stage, 0..120i64, prop::option::weighted(0.2, 0..150i64), boxes, owner).prop_map(
        |(amount, stage, entered, sent, (complex, granted, explained), owner)| {
            let mut record = record(amount * 40_000, stage, entered, sent, complex, owner);
            record.fields.insert(FieldName::from("request_approved"), Value::Bool(granted));
            if explained {
                record.fields.insert(FieldName::from("delay_reason"), Value::text("customer"));
            }
            record
        },
    )
}

fn a_change() -> impl Strategy<Value = Event> {
    let state = prop_oneof![
        8 => a_record().prop_map(ChangeState::Present),
        1 => Just(ChangeState::Deleted),
        1 => Just(ChangeState::Merged { into: RecordId::from("43") }),
    ];
    let origin = prop::sample::select(vec![Origin::Poll, Origin::Reread, Origin::Reconcile, Origin::FirstRead]);
    (state, 0..200i64, 0..20i64, origin).prop_map(|(state, stamp, late, origin)| Event::Changed {
        change: Box::new(Change { record: record_ref(), stamp: at(stamp), state }),
        history: Vec::new(),
        origin,
        as_of: at(stamp + late),
    })
}

/// Somebody says something about a request that may or may not wait for it.
fn a_ruling() -> impl Strategy<Value = Event> {
    let by = prop::sample::select(vec!["boss", "boss", "rep", "stranger"]);
    let ruling = prop::sample::select(vec![Ruling::Approve, Ruling::Reject]);
    (1..3u32, 0..3u32, by, ruling).prop_map(|(episode, round, by, ruling)| Event::Ruled {
        rule: RuleKey::from("way-out"),
        episode,
        round,
        step: StepName::from("step-1"),
        by: PersonId::from(by),
        ruling,
        way: Way::Link,
        comment: None,
    })
}

/// The CRM shows a run of its own approval process and a task.
fn a_look() -> impl Strategy<Value = Event> {
    let ruling = || prop::sample::select(vec![None, None, Some(Ruling::Approve), Some(Ruling::Reject)]);
    (ruling(), ruling(), 0..20usize, any::<bool>(), 0..200i64).prop_map(|(native, outcome, task, done, hour)| {
        let run = NativeSeen {
            id: "run".to_owned(),
            effect: None,
            ruling: native,
            by: None,
            comment: None,
            submitted_at: at(hour),
            decided_at: native.map(|_| at(hour + 1)),
        };
        let task = TaskSeen { task: format!("T{task}"), done, outcome, owner: None, at: at(hour) };
        Event::Looked { native: vec![run], tasks: vec![task], as_of: at(hour + 2) }
    })
}

fn an_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => a_change(),
        6 => (0..250i64, any::<bool>()).prop_map(|(as_of, waited)| Event::Due { as_of: at(as_of), waited }),
        1 => Just(Event::RulesChanged),
        1 => Just(Event::PersonChanged),
        2 => a_ruling(),
        2 => a_look(),
        1 => (0..200i64).prop_map(|until| Event::Hold { rule: RuleKey::from("proposal"), until: at(until) }),
        1 => prop::sample::select(vec![Release::Start, Release::From(at(50)), Release::Ignore])
            .prop_map(|how| Event::Release { rule: RuleKey::from("proposal"), how }),
        1 => prop::sample::select(vec![StormAnswer::Start, StormAnswer::Spread, StormAnswer::Ignore])
            .prop_map(|answer| Event::Answered { answer }),
    ]
}

/// A clock with a way out is silent exactly while its request is open; held by the storm guard, or just
/// started, it may wait for one, and violated it stays so.
fn assert_silent_while_asked(case: &RecordCase) {
    let key = RuleKey::from("way-out");
    let Some(clock) = case.clocks.get(&key) else { return };
    let request = case.requests.get(&key).filter(|request| request.episode == clock.episode);
    let open = request.is_some_and(|request| request.is_open());
    match clock.state {
        ClockState::Running => assert!(!open, "{clock:?} {request:?}"),
        ClockState::Silenced => {
            assert!(open || clock.held.is_some() || clock.waits_until.is_some(), "{clock:?} {request:?}");
        }
        ClockState::Violated => {}
        ClockState::Met | ClockState::MetLate | ClockState::Void => assert!(!open, "{clock:?} {request:?}"),
    }
    assert!(clock.extended.as_ref().is_none_or(|extended| extended.round <= clock.round), "{clock:?}");
}

/// A daemon in small: cases, an inbox, and a world in which every effect is written at once, or not at all.
struct Bench {
    rules: Ruleset,
    people: People,
    cases: BTreeMap<CaseId, Case>,
    written: Vec<Effect>,
}

impl Bench {
    fn new() -> Bench {
        Bench { rules: ruleset(), people: people(true), cases: BTreeMap::new(), written: Vec::new() }
    }

    fn decide(&self, id: &CaseId, event: &Event, now: Instant) -> Decision {
        let case = self.cases.get(id).cloned().unwrap_or_else(|| Case::new(id));
        decide(&self.rules.rules, &self.rules.calendars, &self.people, id, &case, event, now)
    }

    /// Decides an event and all that follows from it; checks the laws on the way.
    fn take(&mut self, id: CaseId, event: Event, now: Instant, settle: bool) {
        let mut inbox = VecDeque::from([(id, event)]);
        while let Some((id, event)) = inbox.pop_front() {
            let decision = self.decide(&id, &event, now);
            assert_eq!(decision, self.decide(&id, &event, now), "equal arguments give equal decisions");
            assert!(decision.wake_at.is_none_or(|wake| wake > now), "woken at or before now");
            if let Some(case) = decision.case.as_record() {
                assert_silent_while_asked(case);
            }
            self.cases.insert(id.clone(), decision.case);
            inbox.extend(decision.posts);
            for effect in decision.effects {
                if settle {
                    let id = format!("T{}", self.written.len());
                    let receipt = Receipt { id: Some(id), found: false, kept: Vec::new() };
                    let outcome = Outcome::Applied(receipt);
                    inbox.push_back((effect.case.clone(), Event::Settled { effect: effect.id, outcome }));
                }
                self.written.push(effect);
            }
        }
    }

    fn record(&self) -> Option<&Case> {
        self.cases.get(&CaseId::Record(record_ref()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_no_effect_is_decided_twice(
        events in prop::collection::vec((an_event(), 0..12i64, any::<bool>()), 1..40),
    ) {
        let mut bench = Bench::new();
        let mut hour = 0;
        for (event, later, settle) in events {
            hour += later;
            bench.take(CaseId::Record(record_ref()), event, at(hour), settle);
        }
        let ids: BTreeSet<EffectId> = bench.written.iter().map(|effect| effect.id).collect();
        prop_assert_eq!(ids.len(), bench.written.len());
    }

    #[test]
    fn a_surplus_wake_up_plans_nothing_new(
        events in prop::collection::vec((a_change(), 0..12i64), 1..10), wakes in 1..5usize,
    ) {
        let mut bench = Bench::new();
        let mut hour = 0;
        for (event, later) in events {
            hour += later;
            bench.take(CaseId::Record(record_ref()), event, at(hour), true);
        }
        let now = at(hour + 1);
        bench.take(CaseId::Record(record_ref()), Event::Due { as_of: now, waited: false }, now, true);
        let (case, written) = (bench.record().cloned(), bench.written.len());
        for _ in 0..wakes {
            bench.take(CaseId::Record(record_ref()), Event::Due { as_of: now, waited: false }, now, true);
        }
        prop_assert_eq!(bench.record(), case.as_ref());
        prop_assert_eq!(bench.written.len(), written);
    }

    #[test]
    fn late_wake_ups_send_a_subset_of_what_punctual_ones_send(
        state in a_record(), every in 1..60i64,
    ) {
        let run = |step: i64| {
            let mut bench = Bench::new();
            // Which of several reminders has room in a day depends on when they are decided.
            bench.people.profile.max_per_person_per_day = 20;
            let case = CaseId::Record(record_ref());
            let change = Change { record: record_ref(), stamp: at(0), state: ChangeState::Present(state.clone()) };
            let event =
                Event::Changed { change: Box::new(change), history: Vec::new(), origin: Origin::Poll, as_of: at(0) };
            bench.take(case.clone(), event, at(0), true);
            let mut hour = step;
            while hour < 300 {
                bench.take(case.clone(), Event::Due { as_of: at(hour), waited: false }, at(hour), true);
                hour += step;
            }
            let made = bench.written.into_iter().filter(|effect| matches!(effect.write, Write::CreateTask(_)));
            made.map(|effect| effect.id).collect::<BTreeSet<EffectId>>()
        };
        prop_assert!(run(every).is_subset(&run(1)));
    }

    #[test]
    fn the_order_and_number_of_equal_changes_make_no_difference(
        states in prop::collection::vec(a_record(), 1..6), seed in prop::collection::vec((0..6usize, 0..6usize), 0..12),
    ) {
        let changes: Vec<Event> = states
            .into_iter()
            .enumerate()
            .map(|(hour, state)| {
                let stamp = at(hour as i64);
                let change = Change { record: record_ref(), stamp, state: ChangeState::Present(state) };
                Event::Changed { change: Box::new(change), history: Vec::new(), origin: Origin::Poll, as_of: stamp }
            })
            .collect();
        let mut shuffled = changes.clone();
        for (one, other) in seed {
            let (one, other) = (one % shuffled.len(), other % shuffled.len());
            shuffled.swap(one, other);
            shuffled.push(changes[one % changes.len()].clone());
        }
        let run = |events: Vec<Event>| {
            let mut bench = Bench::new();
            for event in events {
                bench.take(CaseId::Record(record_ref()), event, at(10), true);
            }
            let case = bench.record().and_then(Case::as_record).cloned().unwrap();
            (case.record, case.stamp, case.as_of)
        };
        let last = changes.last().cloned().unwrap();
        prop_assert_eq!(run(shuffled), run(vec![last]));
    }

    #[test]
    fn repeating_each_change_changes_nothing(changes in prop::collection::vec(a_change(), 1..8)) {
        let run = |times: usize| {
            let mut bench = Bench::new();
            for (hour, change) in changes.iter().enumerate() {
                for _ in 0..times {
                    bench.take(CaseId::Record(record_ref()), change.clone(), at(200 + hour as i64), true);
                }
            }
            (bench.cases, bench.written)
        };
        prop_assert_eq!(run(3), run(1));
    }
}

#[test]
fn an_event_for_another_kind_of_case_changes_nothing() {
    let rules = ruleset();
    let people = people(false);
    let intake = CaseId::Intake { connection: connection(), rule: RuleKey::from("proposal") };
    let case = Case::new(&CaseId::Record(record_ref()));
    let decision = decide(&rules.rules, &rules.calendars, &people, &intake, &case, &Event::RulesChanged, at(0));
    assert_eq!(decision.case, case);
    assert!(decision.effects.is_empty() && decision.wake_at.is_none());
}

#[test]
fn a_case_survives_being_stored() {
    let mut bench = Bench::new();
    let state = ChangeState::Present(record(60_000, "Open", 0, None, false, "rep"));
    let change = Change { record: record_ref(), stamp: at(0), state };
    let event = Event::Changed { change: Box::new(change), history: Vec::new(), origin: Origin::Poll, as_of: at(0) };
    bench.take(CaseId::Record(record_ref()), event, at(0), false);
    bench.take(CaseId::Record(record_ref()), Event::Due { as_of: at(30), waited: false }, at(30), false);
    for case in bench.cases.values() {
        let text = serde_json::to_string(case).unwrap();
        assert_eq!(serde_json::from_str::<Case>(&text).unwrap(), *case, "{text}");
    }
    assert!(bench.written.iter().any(|effect| matches!(effect.write, Write::SendEmail(_))));
}

/// A bench with a clock that began at hour 0 and whose first reminder is due on the next morning at 07:00 UTC: hour 25.
fn running() -> Bench {
    let mut bench = Bench::new();
    let state = ChangeState::Present(record(60_000, "Open", 0, None, false, "rep"));
    let change = Change { record: record_ref(), stamp: at(0), state };
    let event = Event::Changed { change: Box::new(change), history: Vec::new(), origin: Origin::Poll, as_of: at(0) };
    bench.take(CaseId::Record(record_ref()), event, at(0), true);
    bench.rules.rules.by_key.remove("quick");
    bench.rules.rules.by_key.remove("way-out");
    bench.take(CaseId::Record(record_ref()), Event::RulesChanged, at(0), true);
    bench.written.clear();
    bench
}

#[test]
fn a_reminder_waits_for_fresh_data_and_a_violation_longer() {
    let check = |hour, as_of, waited, effects: usize, wake_in: Option<i64>| {
        let mut bench = running();
        let event = Event::Due { as_of: at(as_of), waited };
        let decision = bench.decide(&CaseId::Record(record_ref()), &event, at(hour));
        let wake = decision.wake_at.map(|wake| (wake - at(hour)).num_seconds());
        bench.take(CaseId::Record(record_ref()), event, at(hour), true);
        assert_eq!((bench.written.len(), wake), (effects, wake_in), "{hour} {as_of} {waited}");
        let violated = decision.journal.iter().any(|entry| entry.what == dealclock_model::What::Violated);
        assert_eq!(violated, hour > 200 && as_of > 200, "{hour} {as_of} {waited}");
    };
    // Not due yet, due but stale, due and stale for too long, due and fresh.
    check(24, 24, false, 0, Some(3600));
    check(26, 24, false, 0, Some(5));
    check(26, 24, true, 2, Some(71 * 3600));
    check(26, 26, false, 2, Some(71 * 3600));
    // After the deadline: stale, stale for too long, fresh.
    check(210, 24, false, 0, Some(5));
    check(210, 24, true, 0, Some(60));
    check(210, 210, false, 0, None);
}

#[test]
fn a_moved_deadline_is_a_new_round_with_ids_of_its_own() {
    let mut bench = running();
    let longer = Source::new("laws.toml", RULES.replace("deadline = \"5d\"", "deadline = \"9d\""));
    bench.rules = Ruleset::read(&[longer], &BTreeMap::new(), &|_| Err(String::new())).unwrap();
    bench.rules.rules.by_key.remove("quick");
    bench.rules.rules.by_key.remove("way-out");
    bench.take(CaseId::Record(record_ref()), Event::RulesChanged, at(1), true);
    bench.take(CaseId::Record(record_ref()), Event::Due { as_of: at(26), waited: false }, at(26), true);
    let rounds: Vec<u32> = bench.written.iter().map(|effect| effect.id.round()).collect();
    assert_eq!(rounds, [1, 1]);
}

#[test]
fn the_outlook_names_what_comes_next() {
    let bench = running();
    let case = bench.record().and_then(Case::as_record).unwrap();
    let rules = &bench.rules;
    let upcoming = super::outlook(&rules.rules, &rules.calendars, &bench.people, &record_ref(), case, at(1));
    let told: Vec<_> = upcoming.iter().map(|next| ((next.at - at(0)).num_hours(), next.what.as_str())).collect();
    let expected = [
        (25, "reminder `1d` to rep"),
        (97, "reminder `4d` to rep"),
        (103, "reminder `4d` to boss"),
        (136, "violated unless `proposal_sent_at != null`"),
    ];
    assert_eq!(told, expected);
    let stands = super::why_not(&rules.rules, &bench.people, &record_ref(), case);
    assert_eq!(stands[0].why, "runs since 2026-06-01 08:00, to be done by the end of 2026-06-06");
}

#[test]
fn a_reminder_that_was_under_way_when_it_was_taken_back_is_closed_or_kept() {
    let check = |ends: Record, comes_back: bool, closed: usize| {
        let mut bench = running();
        let case = CaseId::Record(record_ref());
        let tell = |bench: &mut Bench, state: Record, hour: i64| {
            let change = Change { record: record_ref(), stamp: at(hour), state: ChangeState::Present(state) };
            let (change, as_of) = (Box::new(change), at(hour));
            let event = Event::Changed { change, history: Vec::new(), origin: Origin::Reread, as_of };
            bench.take(CaseId::Record(record_ref()), event, at(hour), false);
        };
        bench.take(case.clone(), Event::Due { as_of: at(26), waited: false }, at(26), false);
        let task = bench.written.iter().find(|effect| matches!(effect.write, Write::CreateTask(_))).unwrap().id;
        tell(&mut bench, ends, 27);
        if comes_back {
            tell(&mut bench, record(60_000, "Open", 0, None, false, "rep"), 28);
        }
        bench.written.clear();
        let outcome = Outcome::Applied(Receipt { id: Some("T1".to_owned()), found: false, kept: Vec::new() });
        bench.take(case, Event::Settled { effect: task, outcome }, at(29), false);
        assert_eq!(bench.written.len(), closed);
        let clock = &bench.record().and_then(Case::as_record).unwrap().clocks["proposal"];
        assert!(clock.steps[0].fate.is_sent(), "{clock:?}");
        assert_eq!(clock.reached.keys().map(PersonId::as_str).collect::<Vec<_>>(), ["rep"]);
    };
    check(record(60_000, "Open", 0, Some(27), false, "rep"), false, 1);
    check(record(10, "Open", 0, None, false, "rep"), false, 1);
    check(record(60_000, "Open", 0, None, true, "rep"), false, 0);
    check(record(60_000, "Open", 0, None, true, "rep"), true, 0);
    check(record(10, "Open", 0, None, false, "rep"), true, 0);
}

#[test]
fn a_record_that_is_back_with_its_old_stamp_is_believed_when_read_directly() {
    let check = |origin, as_of, back: bool| {
        let mut bench = running();
        let open = record(60_000, "Open", 0, None, false, "rep");
        for (state, stamp, as_of, origin) in
            [(ChangeState::Deleted, 20, 20, Origin::Reconcile), (ChangeState::Present(open), 0, as_of, origin)]
        {
            let change = Box::new(Change { record: record_ref(), stamp: at(stamp), state });
            let event = Event::Changed { change, history: Vec::new(), origin, as_of: at(as_of) };
            bench.take(CaseId::Record(record_ref()), event, at(50), true);
        }
        bench.take(CaseId::Record(record_ref()), Event::Due { as_of: at(51), waited: false }, at(51), true);
        let case = bench.record().and_then(Case::as_record).unwrap();
        assert_eq!((case.gone.is_none(), case.clocks["proposal"].ended.is_none()), (back, back), "{origin:?} {as_of}");
        // The reminder of hour 25 fell due while the record was gone.
        assert!(bench.written.is_empty());
    };
    check(Origin::Reread, 40, true);
    check(Origin::Reconcile, 40, true);
    check(Origin::Reread, 10, false);
    check(Origin::Poll, 40, false);
}
