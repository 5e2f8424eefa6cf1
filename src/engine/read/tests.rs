//! What rule files hold when they are right, and every fault of those that are not, with its place.

mod asking;
mod telling;

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, Weekday};
use dealclock_model::effect::Channel;
use dealclock_model::record::FieldSpec;
use dealclock_model::time::Span;
use dealclock_model::{DigestKey, FieldName, ValueType};
use proptest::prelude::*;

use super::*;
use crate::rules::{Absence, Backlog, Missed, Reopen, Slot};

const GOOD: &str = r#"
[rule.proposal]
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
until = "proposal_sent_at != null"
deadline = "5d"
"#;

fn catalogs() -> Catalogs {
    let mut acme = Catalog::opportunity()
        .with("complex", ValueType::Bool)
        .with("proposal_sent_at", ValueType::Time)
        .with("discount", ValueType::Number);
    let options = Some(["Open", "Negotiation", "Won"].map(str::to_owned).to_vec());
    acme.fields.insert(FieldName::from("stage"), FieldSpec { value_type: ValueType::Text, options });
    let globex = Catalog::opportunity().with("complex", ValueType::Text).with("proposal_sent_at", ValueType::Time);
    let of = |catalog| BTreeMap::from([(Object::Opportunity, catalog)]);
    BTreeMap::from([(ConnectionId::from("acme"), of(acme)), (ConnectionId::from("globex"), of(globex))])
}

fn load(path: &str) -> Result<String, String> {
    match path {
        "rules/holidays.ics" => Ok("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nEND:VEVENT\r\n\
             BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261226\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            .to_owned()),
        "rules/repeating.ics" => Ok("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\n\
             RRULE:FREQ=YEARLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
            .to_owned()),
        _ => Err("no such file".to_owned()),
    }
}

fn read_all(texts: &[(&str, &str)]) -> Result<Ruleset, Vec<Fault>> {
    let sources: Vec<_> = texts.iter().map(|(name, text)| Source::new(format!("rules/{name}"), *text)).collect();
    Ruleset::read(&sources, &catalogs(), &load)
}

fn read(text: &str) -> Ruleset {
    read_all(&[("a.toml", text)]).unwrap_or_else(|faults| panic!("{text}\n{}", faults[0]))
}

fn only_rule(text: &str) -> Rule {
    read(text).rules.by_key.into_values().next().expect("one rule")
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn time(text: &str) -> NaiveTime {
    text.parse().unwrap()
}

#[test]
fn a_short_rule_has_the_defaults() {
    let rule = only_rule(&format!("{GOOD}[[rule.proposal.remind]]\nat = \"1d\"\n"));
    assert_eq!((rule.key.as_str(), rule.title.as_str()), ("proposal", "proposal"));
    assert_eq!((rule.connections, rule.start, rule.deadline_time, rule.calendar), (None, None, None, None));
    assert_eq!((rule.reopen, rule.reopen_window), (Reopen::Restart, span("1d")));
    assert_eq!((rule.backlog, rule.missed, rule.absence), (Backlog::FromNow, Missed::Last, Absence::Ignore));
    let remind = &rule.remind[0];
    assert_eq!((remind.name.as_str(), remind.at), ("1d", span("1d")));
    assert_eq!((remind.to.as_slice(), remind.via.as_slice()), ([Slot::Owner].as_slice(), [Channel::Task].as_slice()));
    assert_eq!(remind.subject.text, "{{ rule.title }}: {{ record.name }}");
    assert!(remind.body.is_none());
}

#[test]
fn every_key_of_a_rule_is_read() {
    let rule = only_rule(
        r#"
[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
connections = ["acme"]
when = "amount >= 50000"
start = "stage_entered_at"
until = "proposal_sent_at != null"
deadline = "5bd"
deadline_time = 17:00:00
calendar = "office"
silenced_while = "complex"
reopen = "resume"
reopen_window = "2d"
backlog = "as_if"
missed = "none"
absence = "extend"
enabled = true
mode = "live"
violation = {}
remind = [
  { at = "4bd", name = "last", to = ["owner", "owner.manager", "owner.manager.manager"], via = ["email", "task"], body = "x" },
  { at = "1bd", subject = "s" },
]
[calendar.office]
"#,
    );
    assert_eq!(rule.title, "Proposal within 5 days");
    assert_eq!(rule.connections, Some(vec![ConnectionId::from("acme")]));
    assert_eq!(rule.start, Some(FieldName::from("stage_entered_at")));
    assert_eq!((rule.deadline, rule.deadline_time), (span("5bd"), Some(time("17:00:00"))));
    assert_eq!(rule.calendar.as_deref(), Some("office"));
    assert_eq!(rule.silenced_while.map(|condition| condition.text).as_deref(), Some("complex"));
    assert_eq!((rule.reopen, rule.reopen_window), (Reopen::Resume, span("2d")));
    assert_eq!((rule.backlog, rule.missed, rule.absence), (Backlog::AsIf, Missed::None, Absence::Extend));
    let names: Vec<_> = rule.remind.iter().map(|remind| remind.name.as_str()).collect();
    assert_eq!(names, ["1bd", "last"]);
    assert_eq!(rule.remind[1].to, [Slot::Owner, Slot::Manager, Slot::ManagersManager]);
    assert_eq!(rule.remind[1].via, [Channel::Email, Channel::Task]);
    assert!(rule.remind[1].body.is_some());
}

#[test]
fn a_disabled_rule_is_checked_and_left_out() {
    assert!(read(&format!("{GOOD}enabled = false")).rules.by_key.is_empty());
    assert!(read(&format!("{GOOD}enabled = false")).rules.layout.slots.is_empty());
    assert!(read_all(&[("a.toml", &format!("{GOOD}enabled = false\nstart = \"x\""))]).is_err());
}

#[test]
fn calendars_are_read_in_every_form() {
    let calendar = |body: &str| {
        let ruleset = read(&format!("[calendar.office]\n{body}"));
        ruleset.calendars.by_name["office"].clone()
    };
    let default = calendar("");
    assert_eq!(default.hours.ranges.len(), 5);
    assert_eq!(default.hours.ranges[4], (Weekday::Fri, time("09:00:00"), time("17:00:00")));
    let split = calendar("days = [\"SUN\", \"MON\"]\nhours = [\"08:00-12:00\", \"13:00-24:00\"]");
    let days: Vec<_> = split.hours.ranges.iter().map(|(day, from, to)| format!("{day} {from} {to}")).collect();
    assert_eq!(
        days,
        ["Mon 08:00:00 12:00:00", "Mon 13:00:00 00:00:00", "Sun 08:00:00 12:00:00", "Sun 13:00:00 00:00:00"]
    );
    let by_day = calendar("hours = { FRI = \"09:00-13:00\", MON = [\"09:00-17:00\"] }");
    assert_eq!(by_day.hours.ranges[0], (Weekday::Mon, time("09:00:00"), time("17:00:00")));
    assert_eq!(by_day.hours.ranges[1], (Weekday::Fri, time("09:00:00"), time("13:00:00")));
    let holidays = calendar("holidays = [2026-12-26, \"2026-01-01\"]\nholidays_ics = \"holidays.ics\"").holidays;
    let dates: Vec<_> = holidays.iter().map(NaiveDate::to_string).collect();
    assert_eq!(dates, ["2026-01-01", "2026-12-25", "2026-12-26"]);
}

#[test]
fn a_rule_may_name_a_calendar_of_another_file() {
    let rule = format!("{GOOD}calendar = \"office\"");
    assert!(read_all(&[("a.toml", &rule), ("b.toml", "[calendar.office]")]).is_ok());
}

#[test]
fn the_fingerprint_changes_with_what_is_planned_and_with_nothing_else() {
    let version = |text: &str| only_rule(text).version;
    let remind = "[[rule.proposal.remind]]\nat = \"1d\"\nsubject = \"a\"\n";
    let first = version(&format!("{GOOD}{remind}"));
    let same = [
        format!("# comment\n{}{remind}", GOOD.replace(" >= ", "  >=  ").replace(" = ", "=")),
        format!("{GOOD}title = \"Other\"\n{}", remind.replace("\"a\"", "\"b\"")),
        format!("{GOOD}reopen = \"restart\"\nreopen_window = \"1d\"\nbacklog = \"from_now\"\n{remind}"),
        format!("[rule.alpha]\n{}\n{GOOD}{remind}", GOOD.lines().skip(2).collect::<Vec<_>>().join("\n"))
            .replace("[rule.alpha]", "[rule.zeta]"),
    ];
    for text in same {
        assert_eq!(version(&text), first, "{text}");
    }
    let other = [
        format!("{}{remind}", GOOD.replace("50000", "50001")),
        format!("{}{remind}", GOOD.replace("5d", "6d")),
        format!("{}{remind}", GOOD.replace("proposal_sent_at !=", "proposal_sent_at ==")),
        format!("{GOOD}start = \"created_at\"\n{remind}"),
        format!("{GOOD}deadline_time = \"17:00\"\n{remind}"),
        format!("{GOOD}silenced_while = \"amount > 1\"\n{remind}"),
        format!("{GOOD}reopen = \"resume\"\n{remind}"),
        format!("{GOOD}calendar = \"office\"\n{remind}[calendar.office]"),
        format!("{GOOD}{}", remind.replace("1d", "2d")),
        format!("{GOOD}{remind}to = [\"owner.manager\"]"),
        format!("{GOOD}{remind}via = [\"email\"]"),
        format!("{GOOD}{remind}name = \"first\""),
    ];
    for text in other {
        assert_ne!(version(&text), first, "{text}");
    }
    let by_calendar = |calendar: &str| version(&format!("{GOOD}calendar = \"office\"\n[calendar.office]\n{calendar}"));
    assert_ne!(by_calendar(""), by_calendar("holidays = [\"2026-12-25\"]"));
    assert_eq!(by_calendar(""), by_calendar("hours = \"09:00-17:00\""));
}

#[test]
fn without_connections_rules_are_checked_against_the_well_known_fields() {
    let source = Source::new("a.toml", format!("{GOOD}silenced_while = \"complex\"\nconnections = [\"acme\"]"));
    assert!(Ruleset::read(std::slice::from_ref(&source), &Catalogs::new(), &load).is_ok());
    let source = Source::new("a.toml", format!("{GOOD}silenced_while = \"unheard_of\""));
    assert!(Ruleset::read(&[source], &Catalogs::new(), &load).is_err());
}

#[test]
fn all_faults_of_all_files_come_at_once_and_in_order() {
    let faults = read_all(&[
        ("a.toml", "[rule.x]\nobject = \"deal\"\ndeadline = \"5\"\n"),
        ("b.toml", "[rule"),
        ("c.toml", &format!("{GOOD}{}", GOOD.replace("[rule.proposal]", "[rule.x]"))),
    ])
    .expect_err("faults");
    let places: Vec<_> = faults
        .iter()
        .map(|fault| {
            let (line, column) = fault.source.line_column(fault.span.start);
            format!("{}:{line}:{column}: {}", fault.source.name, fault.message)
        })
        .collect();
    let shown = places.join("\n");
    insta::assert_snapshot!(shown);
}

#[test]
fn the_examples_of_the_configuration_are_right() {
    let examples = [
        ("discount.toml", include_str!("../../../config/rules/discount.toml")),
        ("proposal.toml", include_str!("../../../config/rules/proposal.toml")),
        ("quiet-deals.toml", include_str!("../../../config/rules/quiet-deals.toml")),
    ];
    let sources: Vec<_> = examples.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    let ruleset = Ruleset::read(&sources, &Catalogs::new(), &load).unwrap_or_else(|faults| panic!("{}", faults[0]));
    let keys: Vec<_> = ruleset.rules.by_key.keys().map(RuleKey::as_str).collect();
    assert_eq!(keys, ["big-deal", "proposal", "quiet-negotiation"]);
    let approvals: Vec<_> = ruleset.rules.approvals.keys().map(ApprovalKey::as_str).collect();
    assert_eq!(approvals, ["discount", "more-time"]);
    // Nobody else would hear that a discount waits, or that its box was ticked by hand.
    let digest = ruleset.rules.approvals["discount"].digest.as_ref().map(DigestKey::as_str);
    assert_eq!(digest, Some("managers"));
}

/// Every fault of `cases`, as a person sees it.
fn faults_of(cases: &[(&str, String)]) -> String {
    let shown = cases.iter().map(|(what, text)| {
        let faults = read_all(&[("a.toml", text)]).err().unwrap_or_else(|| panic!("{what} has no fault:\n{text}"));
        for fault in &faults {
            assert!(text.get(fault.span.clone()).is_some(), "{what}: {:?} is no place in the text", fault.span);
        }
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        format!("## {what}\n{}\n", faults.join("\n"))
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn with(lines: &str) -> String {
    format!("{GOOD}{lines}\n")
}

fn remind(lines: &str) -> String {
    format!("{GOOD}[[rule.proposal.remind]]\n{lines}\n")
}

fn calendar(lines: &str) -> String {
    format!("[calendar.office]\n{lines}\n")
}

#[test]
fn every_fault_of_a_rule_has_its_place_and_its_way_out() {
    let shown = faults_of(&[
        ("not TOML", "[rule.proposal\ntitle = \"x\"".to_owned()),
        ("a key twice", with("deadline = \"6d\"")),
        ("an unknown section", "[ruel.proposal]\n[whatever]".to_owned()),
        ("a section that is no table", "rule = 5\n".to_owned()),
        ("a rule that is no table", "[rule]\nproposal = 5\n".to_owned()),
        ("a name with a space", GOOD.replace("rule.proposal", "rule.\"my rule\"")),
        ("unknown keys", with("dedline = \"5d\"\npriority = 1")),
        ("missing keys", "[rule.proposal]\n".to_owned()),
        ("a number as title", with("title = 5")),
        ("a text as switch", with("enabled = \"yes\"")),
        ("an unknown object", GOOD.replace("\"opportunity\"", "\"deal\"")),
        ("an unknown connection", with("connections = [\"amce\", \"acme\"]")),
        ("connections as text", with("connections = \"acme\"")),
        ("no connections", with("connections = []")),
        ("connections of numbers", with("connections = [5]")),
        ("an unknown field", GOOD.replace("amount", "amuont")),
        ("a field of one connection only", with("silenced_while = \"discount > 5\"")),
        ("a field of another type on one connection", with("silenced_while = \"complex\"")),
        ("a wrong type", GOOD.replace("50000", "\"50000\"")),
        ("a value that a picklist lacks", GOOD.replace("\"Open\"", "\"Opne\"")),
        ("a condition that is not one", GOOD.replace(" != null", " = null")),
        ("a condition written with escapes", with("silenced_while = \"name == \\\"a\\\" && x\"")),
        ("a condition on several lines", with("silenced_while = '''\nname == \"a\"\n&& x'''")),
        ("a start that is unknown", with("start = \"stage_entered\"")),
        ("a start of another type", with("start = \"amount\"")),
        ("a deadline without a unit", GOOD.replace("\"5d\"", "\"5\"")),
        ("a deadline as number", GOOD.replace("\"5d\"", "5")),
        ("a deadline of nothing", GOOD.replace("\"5d\"", "\"0d\"")),
        ("a time of day for a deadline in hours", with("deadline_time = \"17:00\"").replace("5d", "36h")),
        ("a time of day that is none", with("deadline_time = \"25:00\"")),
        ("a time of day that is a date", with("deadline_time = 2026-01-01")),
        ("a time of day that is a number", with("deadline_time = 17")),
        ("an unknown calendar", with("calendar = \"offcie\"\n[calendar.office]")),
        ("a calendar where none is defined", with("calendar = \"office\"")),
        ("working time without a calendar", with("reopen_window = \"1bd\"").replace("5d", "5bd")),
        (
            "unknown words",
            with("reopen = \"resrt\"\nbacklog = \"now\"\nmissed = \"all\"\nabsence = \"wait\"\nmode = \"dry\""),
        ),
        ("a violation that is no table", with("violation = true")),
    ]);
    insta::assert_snapshot!(shown);
}

#[test]
fn every_fault_of_a_reminder_has_its_place_and_its_way_out() {
    let shown = faults_of(&[
        ("a reminder as a table", with("[rule.proposal.remind]\nat = \"1d\"")),
        ("a reminder as a list of texts", with("remind = [\"1d\"]")),
        ("a reminder without a time", remind("")),
        ("an unknown key", remind("at = \"1d\"\nfor = [\"owner\"]")),
        ("a time that is none", remind("at = \"tomorrow\"")),
        ("a reminder after the deadline", remind("at = \"6d\"")),
        ("working time without a calendar", remind("at = \"1bh\"")),
        ("unknown recipients", remind("at = \"1d\"\nto = [\"onwer\", \"manager\"]")),
        ("a recipient twice", remind("at = \"1d\"\nto = [\"owner\", \"owner\"]")),
        ("no recipients", remind("at = \"1d\"\nto = []")),
        ("a recipient as text", remind("at = \"1d\"\nto = \"owner\"")),
        ("an unknown channel", remind("at = \"1d\"\nvia = [\"e-mail\", \"sms\"]")),
        ("two steps of one name", remind("at = \"1d\"\n[[rule.proposal.remind]]\nat = \"1d\"")),
        (
            "two steps given one name",
            remind("at = \"1d\"\nname = \"x\"\n[[rule.proposal.remind]]\nat = \"2d\"\nname = \"x\""),
        ),
        ("a name with a slash", remind("at = \"1d\"\nname = \"1d/close\"")),
        ("a name that requests use", remind("at = \"1d\"\nname = \"told\"")),
        (
            "an unknown field in a subject",
            remind("at = \"1d\"\nsubject = \"For {{ record.nmae }} by {{ due | dat }}\""),
        ),
        ("an unclosed subject", remind("at = \"1d\"\nsubject = \"For {{ record.name\"")),
        ("an unknown field in a body", remind("at = \"1d\"\nbody = \"\"\"\nHello\n{{ record.discount }}\n\"\"\"")),
        ("a subject that is no text", remind("at = \"1d\"\nsubject = 5")),
    ]);
    insta::assert_snapshot!(shown);
}

#[test]
fn every_fault_of_a_calendar_has_its_place_and_its_way_out() {
    let shown = faults_of(&[
        ("unknown keys", calendar("day = [\"MON\"]")),
        ("an unknown day", calendar("days = [\"MON\", \"Tuesday\"]")),
        ("no days", calendar("days = []")),
        ("hours that are none", calendar("hours = \"9 to 5\"")),
        ("hours over midnight", calendar("hours = \"22:00-06:00\"")),
        ("hours as number", calendar("hours = 8")),
        ("hours out of order", calendar("hours = [\"13:00-17:00\", \"09:00-14:00\"]")),
        ("hours after the day's end", calendar("hours = [\"13:00-24:00\", \"23:00-23:30\"]")),
        ("hours by an unknown day", calendar("hours = { MON = \"09:00-17:00\", DIE = \"09:00-17:00\" }")),
        ("hours by day beside days", calendar("days = [\"MON\"]\nhours = { MON = \"09:00-17:00\" }")),
        ("holidays that are none", calendar("holidays = [\"25.12.2026\", 5, 2026-12-25T08:00:00Z]")),
        ("a file that is not there", calendar("holidays_ics = \"gone.ics\"")),
        ("a file with repeating events", calendar("holidays_ics = \"repeating.ics\"")),
        ("a calendar that is no table", "calendar = [1]\n".to_owned()),
    ]);
    insta::assert_snapshot!(shown);
}

#[test]
fn sections_that_are_not_carried_out_are_refused_by_name() {
    let shown = faults_of(&[
        ("every such section", "[cadence.first-call]\n[update.tidy]\n[update.more]\n[score.heat]\n".to_owned()),
        ("a section without a name", "[score]\n".to_owned()),
        ("a section that is no table", "update = 5\n".to_owned()),
    ]);
    insta::assert_snapshot!(shown);
}

#[test]
fn two_files_cannot_define_one_name() {
    let faults = read_all(&[("a.toml", GOOD), ("b.toml", &format!("{GOOD}[calendar.x]")), ("c.toml", "[calendar.x]")])
        .expect_err("faults");
    let messages: Vec<_> = faults.iter().map(|fault| (fault.source.name.as_str(), fault.message.as_str())).collect();
    assert_eq!(
        messages,
        [
            ("rules/b.toml", "`[rule.proposal]` is defined in rules/a.toml already"),
            ("rules/c.toml", "`[calendar.x]` is defined in rules/b.toml already"),
        ]
    );
}

#[test]
fn tests_in_a_rule_file_are_left_to_those_who_run_them() {
    read(&format!("{GOOD}[[test]]\nname = \"x\"\ntimeline = [5]\n"));
}

/// Whatever happens to a rule file, every fault of it has a place in it.
fn read_mangled(text: &str) -> Result<(), TestCaseError> {
    if let Err(faults) = read_all(&[("a.toml", text)]) {
        prop_assert!(!faults.is_empty());
        for fault in faults {
            prop_assert!(text.get(fault.span.clone()).is_some(), "{:?} in {}", fault.span, text);
            let _ = fault.to_string();
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in "\\PC{0,80}") {
        read_mangled(&text)?;
    }

    #[test]
    fn any_mangled_rule_file_is_read_or_refused_without_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, prop::sample::select(vec![
            "", "\"", "'", "[", "]", "{", "}", "=", "\n", "5", "ü", "true", "{{", "\"\"\"", "\\", ".", "null", "rule",
        ])), 1..6),
        example in prop::sample::select(vec![
            include_str!("../../../config/rules/discount.toml"),
            include_str!("../../../config/rules/proposal.toml"),
            include_str!("../../../config/rules/quiet-deals.toml"),
        ]),
    ) {
        let mut text: Vec<char> = example.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.chars().chain(['\n'])).collect();
        for (place, length, with) in cuts {
            let from = place.index(text.len());
            let to = (from + length).min(text.len());
            text.splice(from..to, with.chars());
        }
        read_mangled(&text.into_iter().collect::<String>())?;
    }
}

#[test]
fn a_byte_order_mark_and_foreign_line_ends_shift_no_place() {
    let text = format!("\u{feff}{}title = 5", GOOD.replace("amount", "amuont")).replace('\n', "\r\n");
    let faults = read_all(&[("a.toml", &text)]).expect_err("faults");
    let marked: Vec<_> = faults.iter().map(|fault| text.get(fault.span.clone())).collect();
    assert_eq!(marked, [Some("amuont"), Some("5")]);
}

#[test]
fn a_source_is_shared_by_its_faults() {
    let source = Source::new("a.toml", "[rule.x]");
    let faults = Ruleset::read(std::slice::from_ref(&source), &catalogs(), &load).expect_err("faults");
    assert!(faults.iter().all(|fault| Arc::ptr_eq(&fault.source, &source)));
}
