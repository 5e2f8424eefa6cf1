//! Violations, digests and reports.

use dealclock_model::effect::Channel;
use rust_decimal::Decimal;

use super::asking::{faults_of, read, try_read};
use super::*;
use crate::rules::{ReportKind, Slot, Who};

const DIGEST: &str = "[digest.managers]\nto = \"owner.manager\"\nevery = \"0 8 * * MON-FRI\"\n";
const REPORT: &str =
    "[report.share]\nkind = \"complex-share\"\nevery = \"0 8 1 * *\"\nto = [\"role:sales-director\"]\n";

fn violation(lines: &str) -> String {
    format!("{GOOD}[rule.proposal.violation]\n{lines}\n")
}

#[test]
fn a_short_digest_and_a_short_report_have_the_defaults() {
    let ruleset = read(&format!("{DIGEST}{REPORT}"));
    let digest = &ruleset.rules.digests["managers"];
    assert_eq!((digest.title.as_str(), digest.top), ("managers", 20));
    assert_eq!((digest.to.clone(), digest.every.as_str()), (Who::Slot(Slot::Manager), "0 8 * * MON-FRI"));
    assert_eq!(digest.via, [Channel::Task, Channel::Email]);
    let report = &ruleset.reports["share"];
    assert_eq!((report.kind, report.min_cases), (ReportKind::ComplexShare, 1));
    assert_eq!((report.mark, report.via.as_slice()), (Decimal::new(4, 1), &[Channel::Email][..]));
    assert_eq!(
        (report.to.as_slice(), report.connections.clone()),
        (&[Who::Role("sales-director".to_owned())][..], None)
    );
}

#[test]
fn every_key_of_a_digest_and_of_a_report_is_read() {
    let ruleset = read(&format!(
        "{DIGEST}title = \"Late\"\nvia = [\"crm_email\", \"notification\"]\ntop = 5\n\
         {REPORT}title = \"Share\"\nconnections = [\"acme\"]\nvia = [\"task\"]\nmark = 0.5\nmin_cases = 10\n"
    ));
    let digest = &ruleset.rules.digests["managers"];
    assert_eq!((digest.title.as_str(), digest.top), ("Late", 5));
    assert_eq!(digest.via, [Channel::CrmEmail, Channel::Notification]);
    let report = &ruleset.reports["share"];
    assert_eq!((report.title.as_str(), report.mark, report.min_cases), ("Share", Decimal::new(5, 1), 10));
    assert_eq!(report.connections, Some(vec![ConnectionId::from("acme")]));
}

#[test]
fn every_key_of_a_violation_is_read() {
    let lines = "digest = \"managers\"\nurgent = \"amount >= 500000\"\n\
                 reason = { picklist = \"delay_reason\", text = \"delay_reason_text\" }";
    let breach = read(&format!("{}{DIGEST}", violation(lines))).rules.by_key["proposal"].violation.clone();
    assert_eq!(breach.digest.as_ref().map(|digest| digest.as_str()), Some("managers"));
    assert_eq!(breach.urgent.map(|condition| condition.text).as_deref(), Some("amount >= 500000"));
    let reason = breach.reason.unwrap();
    assert_eq!((reason.picklist, reason.text), (Some("delay_reason".into()), Some("delay_reason_text".into())));
    assert_eq!(reason.wants_words, "other");
}

#[test]
fn a_digest_to_a_role_needs_the_role_on_one_connection_only() {
    let text = DIGEST.replace("owner.manager", "role:sales-director");
    assert!(try_read(&[("a.toml", &text)], true).is_ok());
}

#[test]
fn the_fingerprint_of_a_digest_follows_its_plan() {
    let version = |text: &str| read(text).rules.digests["managers"].version;
    assert_eq!(version(&format!("{DIGEST}title = \"x\"\ntop = 5")), version(DIGEST));
    assert_ne!(version(&DIGEST.replace("0 8", "0 9")), version(DIGEST));
    assert_ne!(version(&DIGEST.replace("owner.manager", "owner")), version(DIGEST));
}

#[test]
fn every_fault_of_a_violation_has_its_place_and_its_way_out() {
    let shown = faults_of(
        &[
            ("an unknown digest", format!("{}{DIGEST}", violation("digest = \"manager\""))),
            ("urgent without a digest", violation("urgent = \"amount > 1\"")),
            ("an unknown field", format!("{}{DIGEST}", violation("digest = \"managers\"\nurgent = \"amuont > 1\""))),
            ("an unknown key", violation("digset = \"managers\"")),
            ("a reason that is no table", violation("reason = \"delay_reason\"")),
            ("a reason without a field", violation("reason = {}")),
            ("a reason in a number", violation("reason = { picklist = \"amount\" }")),
            ("a reason in the record's name", violation("reason = { text = \"name\" }")),
        ],
        false,
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn every_fault_of_a_digest_has_its_place_and_its_way_out() {
    let shown = faults_of(
        &[
            ("no keys", "[digest.managers]\n".to_owned()),
            ("an empty reader", DIGEST.replace("owner.manager", "")),
            ("a list of readers", DIGEST.replace("\"owner.manager\"", "[\"owner.manager\"]")),
            ("an unknown role", DIGEST.replace("owner.manager", "role:chief")),
            ("too few fields in a plan", DIGEST.replace("0 8 * * MON-FRI", "8 * * *")),
            ("an hour that is none", DIGEST.replace("0 8 *", "0 25 *")),
            ("a day in words", DIGEST.replace("MON-FRI", "weekdays")),
            ("a plan that never comes", DIGEST.replace("0 8 * * MON-FRI", "0 8 30 2 *")),
            ("a list of nothing", format!("{DIGEST}top = 0")),
            ("a list of text", format!("{DIGEST}top = \"all\"")),
            ("no channels", format!("{DIGEST}via = []")),
            ("an unknown key", format!("{DIGEST}evry = \"1d\"")),
        ],
        false,
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn every_fault_of_a_report_has_its_place_and_its_way_out() {
    let shown = faults_of(
        &[
            ("no keys", "[report.share]\n".to_owned()),
            ("an unknown kind", REPORT.replace("complex-share", "complex_share")),
            ("an unknown connection", format!("{REPORT}connections = [\"acem\"]")),
            ("an owner's manager as reader", REPORT.replace("role:sales-director", "owner.manager")),
            ("an unknown role", REPORT.replace("role:sales-director", "role:sales-directors")),
            ("a reader twice", REPORT.replace("[\"role", "[\"role:sales-director\", \"role")),
            ("a reader as text", REPORT.replace("[\"role:sales-director\"]", "\"role:sales-director\"")),
            ("a mark in per cent", format!("{REPORT}mark = 40")),
            ("a mark of nothing", format!("{REPORT}mark = 0.0")),
            ("a mark as text", format!("{REPORT}mark = \"40 %\"")),
            ("no cases", format!("{REPORT}min_cases = 0")),
            ("a mark of another kind", REPORT.replace("complex-share", "requests") + "mark = 0.4"),
            ("a plan that is none", REPORT.replace("0 8 1 * *", "monthly")),
        ],
        false,
    );
    insta::assert_snapshot!(shown);
}
