//! Figures against values computed by hand, and reports against a count of another kind.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;
use dealclock_model::case::RecordCase;
use dealclock_model::digest::Reason;
use dealclock_model::fact::Spell;
use dealclock_model::fault::Source;
use dealclock_model::{
    CaseId, Fact, Happened, Instant, Object, People, Person, PersonId, Profile, RecordRef, RequestState, Way,
};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::figures::{duration, median, percentile};
use super::{Cell, Counting, Order, Period, Section, Share, Sheet};
use crate::rules::{ReportKind, Rules, Ruleset};
use crate::time::Schedule;

const ZONE: Tz = Tz::Europe__Berlin;

#[test]
fn shares_are_exact_and_rounded_half_up() {
    for (part, whole, percent, ratio) in [
        (0, 0, "-", None),
        (0, 7, "0.0 %", Some("0.0000")),
        (1, 3, "33.3 %", Some("0.3333")),
        (2, 3, "66.7 %", Some("0.6667")),
        (1, 8, "12.5 %", Some("0.1250")),
        (1, 2000, "0.1 %", Some("0.0005")),
        (7, 7, "100.0 %", Some("1.0000")),
    ] {
        let share = Share { part, whole };
        assert_eq!(share.percent(), percent);
        assert_eq!(share.ratio().map(|ratio| ratio.to_string()).as_deref(), ratio);
    }
}

#[test]
fn a_share_exactly_at_the_mark_reaches_it_and_no_cases_reach_none() {
    let mark = Decimal::new(40, 2);
    for (part, whole, reaches) in [(2, 5, true), (39, 100, false), (40, 100, true), (399, 1000, false), (0, 0, false)] {
        assert_eq!(Share { part, whole }.reaches(mark), reaches, "{part} of {whole}");
    }
}

#[test]
fn the_interval_is_wilsons() {
    for (part, whole, low, high) in [
        (0, 1, 0.0, 0.793_451),
        (1, 1, 0.206_549, 1.0),
        (4, 10, 0.168_180, 0.687_326),
        (9, 20, 0.258_198, 0.657_915),
        (40, 100, 0.309_401, 0.497_997),
    ] {
        let (from, to) = Share { part, whole }.interval().unwrap();
        assert!((from - low).abs() < 1e-6 && (to - high).abs() < 1e-6, "{part} of {whole}: {from} {to}");
    }
    assert_eq!(Share::default().interval(), None);
}

#[test]
fn medians_and_percentiles_are_those_of_the_textbook() {
    for (values, middle, ninetieth) in [
        (&[][..], None, None),
        (&[7], Some(7), Some(7)),
        (&[1, 4], Some(2), Some(4)),
        (&[1, 2, 10], Some(2), Some(10)),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], Some(5), Some(9)),
        (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], Some(6), Some(10)),
    ] {
        assert_eq!((median(values), percentile(values, 90)), (middle, ninetieth), "{values:?}");
    }
    assert_eq!([59, 60, 3_660, 90_000].map(duration), ["59 s", "1 min", "1 h 1 min", "1 d 1 h"]);
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

#[test]
fn a_period_has_the_whole_of_its_local_days_also_where_the_clocks_change() {
    for (from, to, start, end) in [
        ("2026-10-01", "2026-10-31", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"),
        ("2026-10-25", "2026-10-25", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("2026-03-29", "2026-03-29", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
    ] {
        let period = Period { from: date(from), to: date(to), zone: ZONE };
        assert_eq!((period.start(), period.end()), (instant(start), instant(end)));
        assert!(period.contains(instant(start)) && !period.contains(instant(end)));
    }
}

#[test]
fn a_scheduled_report_is_about_the_last_whole_month_week_or_day() {
    for (every, due, from, to) in [
        ("0 8 1 * *", "2026-11-01T07:00:00Z", "2026-10-01", "2026-10-31"),
        ("0 8 15 * *", "2026-03-15T07:00:00Z", "2026-02-01", "2026-02-28"),
        ("0 8 1 2,3 *", "2026-02-01T07:00:00Z", "2026-01-01", "2026-01-31"),
        ("0 8 * * MON", "2026-03-23T07:00:00Z", "2026-03-16", "2026-03-22"),
        ("0 8 * * *", "2026-03-29T06:00:00Z", "2026-03-28", "2026-03-28"),
        ("0 0 * * *", "2026-10-25T22:00:00Z", "2026-10-24", "2026-10-24"),
    ] {
        let schedule: Schedule = every.parse().unwrap();
        let period = Period::before(instant(due), &schedule, ZONE);
        assert_eq!((period.from, period.to), (date(from), date(to)), "{every} at {due}");
    }
}

fn people() -> People {
    let mut people = People::new(Profile::new("acme".into(), ZONE));
    for (id, manager) in [("ann", Some("boss")), ("ben", Some("boss")), ("boss", None)] {
        let person = Person {
            id: id.into(),
            name: format!("{}.", id.to_uppercase()),
            email: None,
            zone: None,
            active: true,
            manager: manager.map(PersonId::from),
            hours: None,
            absences: Vec::new(),
            deputy: None,
        };
        people.persons.insert(id.into(), person);
    }
    people
}

fn october() -> Period {
    Period { from: date("2026-10-01"), to: date("2026-10-31"), zone: ZONE }
}

/// An hour of October, counted from its first.
fn hour(hours: i64) -> Instant {
    october().start() + Duration::hours(hours)
}

fn record(id: u32) -> RecordRef {
    RecordRef { connection: "acme".into(), object: Object::Opportunity, id: id.to_string().into() }
}

fn sheet(kind: ReportKind, cases: &[(u32, RecordCase)], facts: &[(u32, Fact)]) -> Sheet {
    sheet_by(&Rules::default(), kind, cases, facts)
}

fn sheet_by(rules: &Rules, kind: ReportKind, cases: &[(u32, RecordCase)], facts: &[(u32, Fact)]) -> Sheet {
    let people = people();
    let mut counting = Counting::new(Order::on_demand(rules, None, &people, kind, october(), hour(24 * 40)));
    for (id, case) in cases {
        counting.look(&record(*id), case);
    }
    for (id, fact) in facts {
        counting.note(&CaseId::Record(record(*id)), fact);
    }
    counting.finish()
}

fn fact(hours: i64, owner: &str, what: Happened) -> Fact {
    Fact {
        at: hour(hours),
        owner: Some(owner.into()),
        rule: Some("proposal".into()),
        episode: 1,
        in_shadow: false,
        what,
    }
}

/// A section as text: each row with its cells, as the JSON form has them.
fn rows(sheet: &Sheet, key: &str) -> Vec<String> {
    let section: &Section = sheet.sections.iter().find(|section| section.key == key).unwrap();
    let shown = |cell: &Cell| match cell {
        Cell::Empty => "-".to_owned(),
        Cell::Text(text) => text.clone(),
        Cell::Count(count) => count.to_string(),
        Cell::Share(share) => share.percent(),
        Cell::Fraction(fraction) => format!("{fraction:.2}"),
        Cell::Secs(secs) => format!("{secs}s"),
        Cell::Flag(flag) => flag.to_string(),
    };
    section.rows.iter().map(|row| row.iter().map(shown).collect::<Vec<_>>().join("|")).collect()
}

/// The rule `proposal`, which asks for a reason, or does not.
fn asking(asks: bool) -> Rules {
    let reason = if asks { "[rule.proposal.violation]\nreason = { text = \"delay_reason_text\" }\n" } else { "" };
    let text = format!(
        "[rule.proposal]\ntitle = \"proposal\"\nobject = \"opportunity\"\nwhen = 'stage == \"Open\"'\n\
         until = \"proposal_sent_at != null\"\ndeadline = \"5d\"\n{reason}"
    );
    let sources = [Source::new("rules.toml", text)];
    Ruleset::read(&sources, &Default::default(), &|_| Err(String::new())).unwrap().rules
}

fn violated(hours: i64, owner: &str, enforceable: bool) -> Fact {
    fact(hours, owner, Happened::Violated { enforceable, previous_owner: None })
}

#[test]
fn compliance_counts_each_episode_once_and_keeps_what_is_not_enforceable_apart() {
    let facts = [
        (1, fact(1, "ann", Happened::Started { deadline: hour(120) })),
        (1, fact(30, "ann", Happened::Met { took_secs: 100 })),
        (2, violated(40, "ann", true)),
        (2, fact(50, "ann", Happened::MetLate { took_secs: 300 })),
        (3, violated(60, "ben", false)),
        (4, violated(70, "ben", true)),
        (4, fact(70, "ben", Happened::Withdrawn)),
        (4, fact(65, "ben", Happened::Met { took_secs: 200 })),
        // Done, undone, and not done again in time.
        (5, fact(75, "ben", Happened::Met { took_secs: 1 })),
        (5, violated(80, "ben", true)),
        // Not of October.
        (6, violated(-1, "ann", true)),
        (7, violated(24 * 31 + 1, "ann", true)),
    ];
    let sheet = sheet(ReportKind::Compliance, &[], &facts);
    assert_eq!(rows(&sheet, "rules"), ["proposal|1|2|1|2|1|50.0 %|4|200s|300s"]);
    assert_eq!(rows(&sheet, "reps"), ["ANN.|1|1|1|1|0|50.0 %|2|200s|300s", "BEN.|0|1|0|1|1|50.0 %|2|200s|200s"]);
    assert_eq!(rows(&sheet, "teams"), ["Team of BOSS.|1|2|1|2|1|50.0 %|4|200s|300s"]);
}

#[test]
fn what_was_counted_on_trial_stands_by_itself_and_says_nothing_about_people_also_when_the_rule_is_live_since() {
    let on_trial = |fact: Fact| Fact { in_shadow: true, ..fact };
    let facts = [
        (1, violated(1, "ann", true)),
        (2, on_trial(violated(2, "ann", true))),
        (2, on_trial(fact(3, "ann", Happened::Wiggled))),
        // It began on trial: the reminders of this episode reached nobody.
        (3, on_trial(fact(4, "ann", Happened::Started { deadline: hour(5) }))),
        (3, violated(5, "ann", true)),
    ];
    let of = |kind| sheet(kind, &[], &facts);
    let compliance = of(ReportKind::Compliance);
    let expected = ["proposal|0|0|0|1|0|0.0 %|1|-|-", "proposal (shadow)|1|0|0|2|0|0.0 %|2|-|-"];
    assert_eq!(rows(&compliance, "rules"), expected);
    assert_eq!(rows(&compliance, "reps"), ["ANN.|0|0|0|1|0|0.0 %|1|-|-"]);
    assert!(compliance.summary[0].contains("1 violated"), "{:?}", compliance.summary);
    let reasons = sheet_by(&asking(true), ReportKind::Reasons, &[], &facts);
    assert_eq!(rows(&reasons, "reps"), ["ANN.|2|0|2|0.0 %"]);
    assert_eq!(rows(&of(ReportKind::ComplexShare), "facts"), Vec::<String>::new());
}

fn spell(from: i64, owner: &str, open: bool, complex: bool) -> Spell {
    Spell { since: hour(from), owner: Some(owner.into()), open, complex }
}

fn held(until: i64, spell: Spell) -> Fact {
    Fact {
        at: hour(until),
        owner: spell.owner.clone(),
        rule: None,
        episode: 0,
        in_shadow: false,
        what: Happened::Held(spell),
    }
}

fn lasting(spell: Spell) -> RecordCase {
    RecordCase { spell: Some(spell), ..RecordCase::default() }
}

#[test]
fn a_rep_has_the_complex_share_of_what_they_owned_while_it_was_open_in_the_period() {
    let cases = [
        (1, lasting(spell(-500, "ann", true, false))),
        (2, lasting(spell(20, "ann", true, false))),
        // Ticked again after October.
        (3, lasting(spell(24 * 31 + 2, "ann", true, true))),
        (4, lasting(spell(10, "ben", true, false))),
        (5, lasting(spell(10, "ann", false, true))),
    ];
    let facts = [
        // Ticked and cleared within October counts; so does what is over.
        (2, held(20, spell(19, "ann", true, true))),
        (3, held(24 * 31 + 2, spell(-10, "ann", true, false))),
        // Ann had it on Complex before it was Ben's: that is not his.
        (4, held(10, spell(5, "ann", true, true))),
        // What ended as October began is not part of it.
        (6, held(0, spell(-5, "ben", true, true))),
    ];
    let sheet = sheet(ReportKind::ComplexShare, &cases, &facts);
    assert_eq!(rows(&sheet, "reps"), ["ANN.|4|2|50.0 %|0.15|0.85|true", "BEN.|1|0|0.0 %|0.00|0.79|false"]);
    assert_eq!(sheet.marked.len(), 1);
    assert_eq!(rows(&sheet, "teams"), ["Team of BOSS.|5|2|40.0 %|0.12|0.77|false"]);
}

#[test]
fn opportunities_of_nobody_stand_in_the_report_and_are_no_rep_at_the_mark() {
    let cases = [
        (1, lasting(Spell { owner: None, ..spell(1, "ann", true, true) })),
        (2, lasting(Spell { owner: None, ..spell(1, "ann", true, true) })),
        (3, lasting(spell(1, "ann", true, false))),
    ];
    let sheet = sheet(ReportKind::ComplexShare, &cases, &[]);
    assert_eq!(rows(&sheet, "reps")[0], "(nobody)|2|2|100.0 %|0.34|1.00|false");
    assert_eq!((sheet.marked.len(), sheet.summary[0].contains("0 of 1 reps")), (0, true), "{:?}", sheet.summary);
}

#[test]
fn what_looks_odd_is_told_by_rep_without_a_verdict() {
    let facts = [
        (1, fact(1, "ann", Happened::ComplexLate)),
        (2, fact(2, "ann", Happened::LoweredUnder { from: 50_000.into(), to: 49_999.into() })),
        (2, fact(3, "ben", Happened::Wiggled)),
        (2, fact(-3, "ben", Happened::Wiggled)),
    ];
    assert_eq!(rows(&sheet(ReportKind::ComplexShare, &[], &facts), "facts"), ["ANN.|1|1|0", "BEN.|0|0|1"]);
}

#[test]
fn requests_are_counted_by_what_became_of_them_and_approvers_by_how_long_they_took() {
    let closed = |hours, state, waited_secs| {
        let what = Happened::RequestClosed { state, way: Some(Way::Task), by: None, waited_secs, steps: 1 };
        fact(hours, "ann", what)
    };
    let decided =
        |hours, by: &str, took_secs| fact(hours, "ann", Happened::StepDecided { by: Some(by.into()), took_secs });
    let facts = [
        (1, fact(1, "ann", Happened::Requested { round: 0 })),
        (1, decided(5, "boss", 40)),
        (1, closed(5, RequestState::Granted, 50)),
        (2, fact(6, "ann", Happened::Requested { round: 0 })),
        (2, closed(7, RequestState::Withdrawn, 5_000)),
        (3, closed(8, RequestState::TimedOut, 100)),
        (4, decided(9, "boss", 60)),
        (4, closed(9, RequestState::Refused, 70)),
    ];
    let sheet = sheet(ReportKind::Requests, &[], &facts);
    assert_eq!(rows(&sheet, "reps"), ["ANN.|2|1|1|1|1|0|0|0|70s|100s"]);
    assert_eq!(rows(&sheet, "approvers"), ["BOSS.|2|50s|60s|0|-"]);
}

#[test]
fn a_reason_given_after_the_period_stands_for_the_violation_in_it() {
    let reason = |hours, value: &str| {
        fact(hours, "ann", Happened::ReasonGiven(Reason { picklist: Some(value.into()), text: None }))
    };
    let facts = [
        (1, violated(1, "ann", true)),
        (2, violated(2, "ann", true)),
        (3, violated(3, "ben", true)),
        (4, reason(9, "scope")),
        (1, reason(10, "supplier")),
        (1, reason(11, "scope")),
        (2, reason(24 * 32, "supplier")),
        (5, reason(24 * 32, "supplier")),
    ];
    let sheet = sheet(ReportKind::Reasons, &[], &facts);
    assert_eq!(rows(&sheet, "reasons"), ["scope|1|1", "supplier|1|0"]);
    assert_eq!(rows(&sheet, "reps"), ["ANN.|2|2|0|100.0 %", "BEN.|1|0|1|0.0 %"]);
}

#[test]
fn whoever_broke_a_rule_that_asks_for_no_reason_owes_none() {
    let gone = |fact: Fact| Fact { rule: Some("gone".into()), ..fact };
    let facts = [(1, violated(1, "ann", true)), (2, gone(violated(2, "ann", true)))];
    let of = |asks| sheet_by(&asking(asks), ReportKind::Reasons, &[], &facts);
    assert_eq!(rows(&of(true), "reps"), ["ANN.|1|0|1|0.0 %"]);
    assert_eq!(rows(&of(false), "reps"), [""; 0]);
    let summary = "0 of 0 violations of rules that ask for a reason have one (-); 0 have none.";
    assert_eq!(of(false).summary, [summary]);
}

#[test]
fn the_summary_of_requests_leaves_out_none() {
    let closed = |hours, state| {
        let what = Happened::RequestClosed { state, way: None, by: None, waited_secs: 1, steps: 1 };
        fact(hours, "ann", what)
    };
    let asked = |hours| fact(hours, "ann", Happened::Requested { round: 0 });
    let facts = [
        (1, asked(1)),
        (1, closed(2, RequestState::Granted)),
        (1, closed(3, RequestState::TakenBack)),
        (2, asked(1)),
        (2, closed(2, RequestState::NotNeeded)),
    ];
    let summary = sheet(ReportKind::Requests, &[], &facts).summary;
    let expected =
        "2 requests were asked; 1 granted, 0 refused, 0 timed out, 0 withdrawn, 1 not needed any more; 0 wait now.";
    assert_eq!(summary[..2], [expected, "Of the grants, 1 was given back afterwards."]);
}

#[test]
fn no_note_stands_twice_in_a_report_and_a_row_without_a_name_is_explained() {
    for kind in ReportKind::ALL {
        let sheet = sheet(kind, &[], &[]);
        let notes: BTreeSet<&str> = sheet.sections.iter().map(|section| section.note).collect();
        assert_eq!(notes.len(), sheet.sections.len(), "{}", kind.as_str());
    }
    let nobodys = Fact { owner: None, ..violated(1, "", true) };
    let sheet = sheet(ReportKind::Compliance, &[], &[(1, nobodys)]);
    let explained = |key: &str| {
        let section = sheet.sections.iter().find(|section| section.key == key).unwrap();
        section.unnamed().filter_map(|meaning| meaning.split(':').next()).collect::<Vec<_>>()
    };
    assert_eq!(explained("rules"), [""; 0]);
    assert_eq!(explained("reps"), ["(nobody)"]);
    assert_eq!(explained("teams"), ["(no manager)"]);
    assert_eq!(explained("stages"), ["(unknown)"]);
}

/// Turns of one record: hours that pass, and what holds from then on.
fn a_life() -> impl Strategy<Value = Vec<(i64, usize, bool, bool)>> {
    prop::collection::vec((1..300i64, 0..2usize, any::<bool>(), any::<bool>()), 1..8)
}

proptest! {
    /// The naive count walks every hour of October and asks each record how it stood.
    #[test]
    fn the_complex_share_equals_a_walk_by_hours(lives in prop::collection::vec(a_life(), 1..6)) {
        const OWNERS: [&str; 2] = ["ann", "ben"];
        let (mut cases, mut facts) = (Vec::new(), Vec::new());
        let mut all: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        let mut ticked: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (id, life) in (0..).zip(&lives) {
            let mut now = -400;
            let mut hours: BTreeMap<i64, (usize, bool, bool)> = BTreeMap::new();
            let mut lasting_spell: Option<Spell> = None;
            for (pass, owner, open, complex) in life {
                if let Some(spell) = lasting_spell.take() {
                    facts.push((id, held(now, spell)));
                }
                lasting_spell = Some(spell(now, OWNERS[*owner], *open, *complex));
                hours.extend((now..now + pass).map(|hour| (hour, (*owner, *open, *complex))));
                now += pass;
            }
            // The last turn lasts until the report is made.
            let last = hours.last_key_value().map(|(_, turn)| *turn).unwrap();
            hours.extend((now..24 * 40).map(|hour| (hour, last)));
            cases.push((id, lasting(lasting_spell.unwrap())));
            for (_, (owner, open, complex)) in hours.range(0..24 * 31 + 1) {
                if *open { all.entry(OWNERS[*owner]).or_default().insert(id); }
                if *complex { ticked.entry(OWNERS[*owner]).or_default().insert(id); }
            }
        }
        facts.sort_by_key(|(_, fact)| fact.at);
        let sheet = sheet(ReportKind::ComplexShare, &cases, &facts);
        let mut expected: Vec<String> = Vec::new();
        for (owner, records) in &all {
            let both = ticked.get(owner).map_or(0, |ticked| records.intersection(ticked).count());
            expected.push(format!("{}.|{}|{both}", owner.to_uppercase(), records.len()));
        }
        let mut shown: Vec<String> = rows(&sheet, "reps").iter().map(|row| row.splitn(4, '|').take(3).collect::<Vec<_>>().join("|")).collect();
        shown.sort();
        prop_assert_eq!(shown, expected);
    }

    #[test]
    fn percentiles_have_so_many_values_at_or_below_them(mut values in prop::collection::vec(0..1000i64, 1..60)) {
        values.sort_unstable();
        let ninetieth = percentile(&values, 90).unwrap();
        let at_most = values.iter().filter(|value| **value <= ninetieth).count();
        let below = values.iter().filter(|value| **value < ninetieth).count();
        prop_assert!(at_most * 100 >= values.len() * 90 && below * 100 < values.len() * 90);
    }
}
