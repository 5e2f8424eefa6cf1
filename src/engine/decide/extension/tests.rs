//! Rounds of a clock: what a decision about its request does to deadline, reminders and violation.

use dealclock_model::{Event, PersonId, RuleKey, Ruling, StepName, Way};

use super::*;
use crate::decide::bench::{Bench, at, local, rules};
use crate::rules::Ruleset;

/// A clock that begins at `start`, is asked about at `asked` and decided at `decided`: its deadline afterwards.
fn check(
    rules: Ruleset,
    start: &str,
    asked: &str,
    decided: &str,
    state: RequestState,
    deadline: &str,
    coming: &[&str],
) {
    let mut bench = Bench::new(rules);
    bench.change(start, false, false);
    bench.due(asked);
    bench.change(asked, true, false);
    assert_eq!(bench.clock().state, ClockState::Silenced);
    bench.end(decided, state);
    let clock = bench.clock();
    assert_eq!((clock.state, clock.round), (ClockState::Running, 1), "{clock:?}");
    assert_eq!(local(clock.deadline), deadline);
    assert_eq!(bench.coming(decided), coming);
}

#[test]
fn a_grant_counts_from_zero_and_leaves_at_least_the_grace() {
    let five = || rules("5d", &["1d", "4d"], "", "grants = \"10d\"\ngrace = \"1d\"");
    let state = RequestState::Granted;
    // Ten days from the first of June; four and one days before the last of them, also the sent reminder again.
    check(
        five(),
        "2026-06-01 11:00",
        "2026-06-03 10:00",
        "2026-06-04 10:00",
        state,
        "2026-06-12 00:00",
        &["1d @ 2026-06-07 09:00", "4d @ 2026-06-10 09:00"],
    );
    // Decided after those ten days: the grace, and one reminder at half the time that is left.
    check(
        five(),
        "2026-06-01 11:00",
        "2026-06-03 10:00",
        "2026-06-14 12:00",
        state,
        "2026-06-16 00:00",
        &["4d @ 2026-06-15 06:00"],
    );
    // Only the later reminder still lies ahead.
    check(
        five(),
        "2026-06-01 11:00",
        "2026-06-03 10:00",
        "2026-06-08 10:00",
        state,
        "2026-06-12 00:00",
        &["4d @ 2026-06-10 09:00"],
    );
    // Local dates and send times over the change of the clocks.
    check(
        five(),
        "2026-10-19 11:00",
        "2026-10-20 10:00",
        "2026-10-21 10:00",
        state,
        "2026-10-30 00:00",
        &["1d @ 2026-10-25 09:00", "4d @ 2026-10-28 09:00"],
    );
    let at_five = rules("5d", &["4d"], "deadline_time = \"17:00\"", "grants = \"10d\"\ngrace = \"1d\"");
    check(
        at_five,
        "2026-06-01 11:00",
        "2026-06-03 10:00",
        "2026-06-04 10:00",
        state,
        "2026-06-11 17:00",
        &["4d @ 2026-06-10 09:00"],
    );
}

#[test]
fn a_refusal_gives_the_time_of_the_request_back_and_leaves_at_least_the_grace() {
    let extension = "grants = \"10d\"\ngrace = \"1d\"";
    for state in [RequestState::Refused, RequestState::TimedOut] {
        // A day and a half are rounded up to the end of a day.
        let days = rules("5d", &["1d", "4d"], "", extension);
        check(
            days,
            "2026-06-01 11:00",
            "2026-06-03 10:00",
            "2026-06-04 22:00",
            state,
            "2026-06-09 00:00",
            &["4d @ 2026-06-07 09:00"],
        );
        // Asked and answered on the last day: the grace counts from the answer.
        let days = rules("5d", &["1d"], "", "grants = \"10d\"\ngrace = \"3d\"");
        check(
            days,
            "2026-06-01 11:00",
            "2026-06-06 10:00",
            "2026-06-06 11:00",
            state,
            "2026-06-10 00:00",
            &["1d @ 2026-06-08 05:30"],
        );
        let hours = rules("36h", &["12h"], "", "grants = \"72h\"\ngrace = \"2h\"");
        check(
            hours,
            "2026-06-01 10:00",
            "2026-06-01 12:00",
            "2026-06-02 15:00",
            state,
            "2026-06-04 01:00",
            &["12h @ 2026-06-03 01:00"],
        );
        let business = rules("3bd", &["1bd"], "calendar = \"office\"", "grants = \"10bd\"\ngrace = \"1bd\"");
        check(
            business,
            "2026-06-04 10:00",
            "2026-06-05 12:00",
            "2026-06-08 12:00",
            state,
            "2026-06-11 00:00",
            &["1bd @ 2026-06-10 09:00"],
        );
        let working = rules("16bh", &["8bh"], "calendar = \"office\"", "grants = \"40bh\"\ngrace = \"1bh\"");
        check(
            working,
            "2026-06-03 16:00",
            "2026-06-04 15:00",
            "2026-06-05 10:00",
            state,
            "2026-06-08 11:00",
            &["8bh @ 2026-06-05 11:00"],
        );
    }
}

#[test]
fn a_grant_that_is_taken_back_brings_the_old_deadline_with_the_grace() {
    let check = |taken_back: &str, deadline: &str, edited: &str| {
        let mut bench = Bench::new(rules("5d", &["1d", "4d"], "", "grants = \"10d\"\ngrace = \"2d\""));
        bench.change("2026-06-01 11:00", false, false);
        bench.change("2026-06-02 10:00", true, false);
        bench.end("2026-06-03 10:00", RequestState::Granted);
        bench.end(taken_back, RequestState::TakenBack);
        let clock = bench.clock();
        assert_eq!((clock.round, local(clock.deadline)), (2, deadline.to_owned()));
        // An edit of the rule does not bring the grant back.
        bench.rules = rules("6d", &["1d", "4d"], "", "grants = \"10d\"\ngrace = \"2d\"");
        bench.take(&Event::RulesChanged, at(taken_back));
        assert_eq!(local(bench.clock().deadline), edited);
    };
    check("2026-06-04 10:00", "2026-06-07 00:00", "2026-06-08 00:00");
    check("2026-06-06 10:00", "2026-06-09 00:00", "2026-06-09 00:00");
}

#[test]
fn a_withdrawn_request_wins_no_time() {
    let check = |unticked: &str, state: ClockState, round: u32| {
        let mut bench = Bench::new(rules("5d", &["1d", "4d"], "", "grants = \"10d\""));
        bench.change("2026-06-01 11:00", false, false);
        bench.change("2026-06-02 08:00", true, false);
        bench.due("2026-06-10 09:00");
        bench.end(unticked, RequestState::Withdrawn);
        let clock = bench.clock();
        assert_eq!((clock.state, clock.round, local(clock.deadline)), (state, round, "2026-06-07 00:00".to_owned()));
        assert_eq!(clock.violation.is_some(), state == ClockState::Violated);
    };
    check("2026-06-04 10:00", ClockState::Running, 0);
    check("2026-06-07 10:00", ClockState::Violated, 0);
}

#[test]
fn asked_after_the_violation_only_a_grant_changes_anything_and_the_violation_stays_counted() {
    let check = |decision: RequestState, state: ClockState, deadline: &str, done: ClockState| {
        let mut bench = Bench::new(rules("5d", &["1d", "4d"], "", "grants = \"10d\""));
        bench.change("2026-06-01 11:00", false, false);
        bench.due("2026-06-07 01:00");
        bench.change("2026-06-08 10:00", true, false);
        assert_eq!(bench.clock().state, ClockState::Violated);
        assert!(bench.record_case().requests["r"].is_open());
        bench.end("2026-06-09 10:00", decision);
        assert_eq!((bench.clock().state, local(bench.clock().deadline)), (state, deadline.to_owned()));
        bench.change("2026-06-10 10:00", true, true);
        let clock = bench.clock();
        assert_eq!((clock.state, clock.violation.as_ref().unwrap().withdrawn), (done, false));
        assert_eq!(bench.words.iter().filter(|what| **what == What::Violated).count(), 1);
    };
    check(RequestState::Granted, ClockState::Running, "2026-06-12 00:00", ClockState::MetLate);
    check(RequestState::Refused, ClockState::Violated, "2026-06-07 00:00", ClockState::MetLate);
    check(RequestState::Withdrawn, ClockState::Violated, "2026-06-07 00:00", ClockState::MetLate);
}

#[test]
fn an_edit_of_the_rule_keeps_what_was_decided() {
    let check = |state: RequestState, edited: Ruleset, deadline: &str, coming: &[&str]| {
        let mut bench = Bench::new(rules("5d", &["1d", "4d"], "", "grants = \"10d\""));
        bench.change("2026-06-01 11:00", false, false);
        bench.change("2026-06-02 08:00", true, false);
        bench.end("2026-06-04 08:00", state);
        bench.rules = edited;
        bench.take(&Event::RulesChanged, at("2026-06-04 08:30"));
        assert_eq!(local(bench.clock().deadline), deadline);
        assert_eq!(bench.coming("2026-06-04 08:30"), coming);
    };
    let granted = ["1d @ 2026-06-09 09:00", "4d @ 2026-06-12 09:00"];
    check(RequestState::Granted, rules("5d", &["1d", "4d"], "", "grants = \"12d\""), "2026-06-14 00:00", &granted);
    let refused = ["1d @ 2026-06-04 09:00", "4d @ 2026-06-07 09:00"];
    check(RequestState::Refused, rules("6d", &["1d", "4d"], "", "grants = \"12d\""), "2026-06-10 00:00", &refused);
}

#[test]
fn a_stopped_rule_opens_no_request_and_violates_nothing_until_it_is_started() {
    let mut bench = Bench::new(rules("5d", &["1d"], "", "grants = \"10d\""));
    bench.change("2026-06-01 11:00", false, false);
    bench.rules.rules.stopped.insert(RuleKey::from("r"));
    bench.due("2026-06-02 09:00");
    bench.change("2026-06-05 10:00", true, false);
    bench.due("2026-06-08 10:00");
    assert_eq!(bench.clock().state, ClockState::Silenced);
    assert!(bench.record_case().requests.is_empty());
    bench.rules.rules.stopped.clear();
    bench.take(&Event::RulesChanged, at("2026-06-08 12:00"));
    let request = &bench.record_case().requests["r"];
    assert_eq!((request.is_open(), request.opened_at), (true, at("2026-06-05 10:00")));
    assert!(!bench.words.contains(&What::Violated) && !bench.words.contains(&What::Fired));
}

#[test]
fn every_round_of_a_request_counts_for_what_is_given_back() {
    let mut bench = Bench::new(rules("5d", &["1d"], "", "grants = \"10d\""));
    bench.change("2026-06-01 11:00", false, false);
    bench.change("2026-06-02 08:00", true, false);
    bench.end("2026-06-03 08:00", RequestState::Withdrawn);
    bench.end("2026-06-04 08:00", RequestState::Open);
    assert_eq!(bench.clock().state, ClockState::Silenced);
    bench.end("2026-06-05 08:00", RequestState::Refused);
    assert_eq!(local(bench.clock().deadline), "2026-06-09 00:00");
}

/// What the manager says by a link about the first round of the first episode.
fn ruled(ruling: Ruling) -> Event {
    Event::Ruled {
        rule: RuleKey::from("r"),
        episode: 1,
        round: 0,
        step: StepName::from("step-1"),
        by: PersonId::from("boss"),
        ruling,
        way: Way::Link,
        comment: None,
    }
}

/// A clock whose request was opened on its second day.
fn asked() -> Bench {
    let mut bench = Bench::new(rules("5d", &["1d", "4d"], "", "grants = \"10d\""));
    bench.change("2026-06-01 11:00", false, false);
    bench.due("2026-06-02 09:00");
    bench.change("2026-06-02 10:00", true, false);
    bench
}

fn stands(bench: &Bench) -> (ClockState, RequestState, String) {
    (bench.clock().state, bench.record_case().requests["r"].state, local(bench.clock().deadline))
}

#[test]
fn the_whole_way_out_and_back() {
    let mut bench = asked();
    assert_eq!(stands(&bench), (ClockState::Silenced, RequestState::Open, "2026-06-07 00:00".to_owned()));
    bench.due("2026-06-05 09:00");
    assert_eq!(bench.clock().steps.len(), 1, "nothing fires while the request is open");
    bench.take(&ruled(Ruling::Approve), at("2026-06-06 10:00"));
    assert_eq!(stands(&bench), (ClockState::Running, RequestState::Granted, "2026-06-12 00:00".to_owned()));
    let ticks = |bench: &Bench| bench.effects.iter().filter(|effect| effect.step.as_str() == "granted/tick").count();
    assert_eq!(ticks(&bench), 1);
    // The box that was ticked for the request stays ticked; unticked, the grant is given back, and ticked again asks nobody.
    bench.change("2026-06-06 11:00", true, false);
    bench.change("2026-06-06 12:00", false, false);
    assert_eq!(stands(&bench), (ClockState::Running, RequestState::TakenBack, "2026-06-08 00:00".to_owned()));
    bench.change("2026-06-06 13:00", true, false);
    assert_eq!(stands(&bench).0, ClockState::Running);
    assert!(bench.record_case().requests["r"].told_decided);
    assert_eq!((bench.clock().round, bench.words.contains(&What::Violated)), (2, false));
}

#[test]
fn a_refusal_lets_the_clock_run_whatever_the_checkbox_says() {
    let mut bench = asked();
    bench.take(&ruled(Ruling::Reject), at("2026-06-04 10:00"));
    assert_eq!(stands(&bench), (ClockState::Running, RequestState::Refused, "2026-06-09 00:00".to_owned()));
    bench.change("2026-06-04 11:00", true, false);
    assert_eq!(stands(&bench).0, ClockState::Running);
    bench.take(&ruled(Ruling::Approve), at("2026-06-04 12:00"));
    assert_eq!(stands(&bench).1, RequestState::Refused, "a second word is too late");
}

#[test]
fn unticked_and_ticked_again_it_is_the_same_request_in_another_round() {
    let mut bench = asked();
    bench.change("2026-06-03 10:00", false, false);
    assert_eq!(stands(&bench), (ClockState::Running, RequestState::Withdrawn, "2026-06-07 00:00".to_owned()));
    bench.change("2026-06-04 10:00", true, false);
    assert_eq!(stands(&bench).0, ClockState::Silenced);
    assert_eq!(bench.record_case().requests["r"].round, 1);
    // Work done meanwhile is done in time, and nobody has to decide any more.
    bench.change("2026-06-08 10:00", true, true);
    assert_eq!(stands(&bench), (ClockState::Met, RequestState::NotNeeded, "2026-06-07 00:00".to_owned()));
}

#[test]
fn unticked_after_the_deadline_it_is_violated_now() {
    let mut bench = asked();
    bench.change("2026-06-08 10:00", false, false);
    assert_eq!(stands(&bench), (ClockState::Violated, RequestState::Withdrawn, "2026-06-07 00:00".to_owned()));
}
