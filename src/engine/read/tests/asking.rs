//! Extensions and approvals.

use dealclock_model::Ruling;
use dealclock_model::effect::Channel;

use super::*;
use crate::rules::{AfterRefusal, Direction, Mode, Required, Slot, Who};

/// A rule with a way out, and the approval that decides.
pub(super) const RULE: &str = r#"
[rule.proposal]
object = "opportunity"
when = 'amount >= 50000'
until = "proposal_sent_at != null"
deadline = "5d"

[rule.proposal.extension]
requested_by = "complex"
granted_as = "request_approved"
grants = "10d"
approval = "more-time"
"#;
const STEP: &str = r#"
[approval.more-time]
[[approval.more-time.step]]
approver = "owner.manager"
"#;

/// One connection with everything that the running example maps, and one with less of it.
fn known() -> (Catalogs, Roles) {
    let mut acme = Catalog::opportunity();
    for (name, value_type) in dealclock_model::record::field::WELL_KNOWN {
        acme = acme.with(name, *value_type);
    }
    let mut pick = |name: &str, options: &[&str]| {
        let options = Some(options.iter().map(|option| (*option).to_owned()).collect());
        acme.fields.insert(FieldName::from(name), FieldSpec { value_type: ValueType::Text, options });
    };
    pick("delay_reason", &["price", "legal", "Other"]);
    pick("manager_decision", &["Approved", "Rejected"]);
    let globex = Catalog::opportunity()
        .with("proposal_sent_at", ValueType::Time)
        .with("complex", ValueType::Bool)
        .with("request_approved", ValueType::Bool);
    let of = |catalog| BTreeMap::from([(Object::Opportunity, catalog)]);
    let catalogs = BTreeMap::from([("acme".into(), of(acme.clone())), ("globex".into(), of(globex))]);
    let roles = BTreeMap::from([
        ("acme".into(), BTreeSet::from(["sales-director".to_owned(), "deal-desk".to_owned()])),
        ("globex".into(), BTreeSet::from(["deal-desk".to_owned()])),
    ]);
    (catalogs, roles)
}

pub(super) fn try_read(texts: &[(&str, &str)], also_globex: bool) -> Result<Ruleset, Vec<Fault>> {
    let (mut catalogs, mut roles) = known();
    if !also_globex {
        catalogs.remove("globex");
        roles.remove("globex");
    }
    let sources: Vec<_> = texts.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    Ruleset::read_knowing(&sources, Known { catalogs: &catalogs, roles: Some(&roles) }, &load)
}

pub(super) fn read(text: &str) -> Ruleset {
    try_read(&[("a.toml", text)], false).unwrap_or_else(|faults| panic!("{text}\n{}", faults[0]))
}

/// Every fault of `cases`, as a person sees it.
pub(super) fn faults_of(cases: &[(&str, String)], also_globex: bool) -> String {
    let shown = cases.iter().map(|(what, text)| {
        let read = try_read(&[("a.toml", text)], also_globex);
        let faults = read.err().unwrap_or_else(|| panic!("{what} has no fault:\n{text}"));
        let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
        format!("## {what}\n{}\n", faults.join("\n"))
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn discount(lines: &str) -> String {
    format!("[approval.discount]\nobject = \"opportunity\"\nwhen = 'discount_percent > 10'\n{lines}\n")
}

#[test]
fn a_short_extension_and_a_short_approval_have_the_defaults() {
    let ruleset = read(&format!("{RULE}{STEP}"));
    let rule = &ruleset.rules.by_key["proposal"];
    let extension = rule.extension.as_ref().unwrap();
    assert_eq!((extension.requested_by.as_str(), extension.granted_as.as_str()), ("complex", "request_approved"));
    assert_eq!((extension.grants, extension.grace), (span("10d"), span("1d")));
    assert_eq!((extension.refused, extension.wanted_until.clone()), (AfterRefusal::Clear, None));
    assert_eq!((extension.approval.as_str(), rule.mode), ("more-time", Mode::Live));
    let approval = &ruleset.rules.approvals["more-time"];
    assert_eq!((approval.title.as_str(), approval.via.as_slice()), ("more-time", &[Channel::Task, Channel::Email][..]));
    assert!(approval.asking.is_none() && approval.native.is_none() && approval.decision.is_none());
    let step = &approval.steps[0];
    assert_eq!((step.name.as_str(), step.need), ("step-1", Required::Any));
    assert_eq!(step.approvers, [Who::Slot(Slot::Manager)]);
    assert_eq!((step.timeout.after, step.timeout.outcome), (span("5d"), Ruling::Reject));
    assert!(step.remind.is_empty() && step.escalate.is_none() && step.when.is_none());
}

#[test]
fn every_key_of_an_extension_and_of_an_approval_is_read() {
    let ruleset = read(
        &(format!("mode = \"shadow\"\n{RULE}").replacen(
            "mode = \"shadow\"\n\n[rule.proposal]",
            "[rule.proposal]\nmode = \"shadow\"",
            1,
        ) + r#"
wanted_until = "wanted_until"
grace = "2d"
refused = "leave"

[approval.more-time]
title = "More time"
connections = ["acme"]
via = ["task", "email", "notification", "crm_email"]
decision = { field = "manager_decision", granted = "approved", refused = "Rejected" }
native = "More time"
reason = { picklist = "delay_reason", text = "delay_reason_text", wants_words = "other" }
reopens_when = ["amount up", "close_date down", "stage"]
digest = "managers"
calendar = "office"

[[approval.more-time.step]]
name = "manager"
approver = ["owner.manager", "role:deal-desk"]
need = "all"
remind = ["2bd", "1d"]
escalate = { after = "3d", to = "owner.manager.manager" }
timeout = { after = "6d", outcome = "grant" }

[[approval.more-time.step]]
approver = "role:sales-director"
when = "amount > 100000"

[approval.discount]
object = "opportunity"
when = "discount_percent > 10"
granted_as = "discount_approved"
native = true
step = [{ approver = "owner.manager" }]

[digest.managers]
to = "owner.manager"
every = "0 8 * * MON-FRI"
[calendar.office]
"#),
    );
    let rule = &ruleset.rules.by_key["proposal"];
    let extension = rule.extension.as_ref().unwrap();
    assert_eq!(rule.mode, Mode::Shadow);
    assert_eq!((extension.grace, extension.refused), (span("2d"), AfterRefusal::Leave));
    assert_eq!(extension.wanted_until, Some(FieldName::from("wanted_until")));
    let approval = &ruleset.rules.approvals["more-time"];
    assert_eq!((approval.title.as_str(), approval.via.len()), ("More time", 4));
    assert_eq!(approval.connections, Some(vec![ConnectionId::from("acme")]));
    let decision = approval.decision.as_ref().unwrap();
    assert_eq!((decision.granted.as_str(), decision.refused.as_str()), ("approved", "Rejected"));
    assert_eq!(approval.native.as_ref().unwrap().process.as_deref(), Some("More time"));
    assert_eq!(approval.reason.as_ref().unwrap().wants_words, "other");
    let material: Vec<_> = approval.reopens_when.iter().map(|one| (one.field.as_str(), one.direction)).collect();
    assert_eq!(material, [("amount", Direction::Up), ("close_date", Direction::Down), ("stage", Direction::Any)]);
    assert_eq!(approval.digest.as_ref().map(|digest| digest.as_str()), Some("managers"));
    assert_eq!(approval.calendar.as_deref(), Some("office"));
    let names: Vec<_> = approval.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["manager", "step-2"]);
    let step = &approval.steps[0];
    assert_eq!(step.approvers, [Who::Slot(Slot::Manager), Who::Role("deal-desk".to_owned())]);
    assert_eq!((step.need, step.remind.as_slice()), (Required::All, &[span("1d"), span("2bd")][..]));
    let escalation = step.escalate.as_ref().unwrap();
    assert_eq!((escalation.after, escalation.to.name().as_str()), (span("3d"), "owner.manager.manager"));
    assert_eq!((step.timeout.after, step.timeout.outcome), (span("6d"), Ruling::Approve));
    assert!(approval.steps[1].when.is_some());
    let discount = &ruleset.rules.approvals["discount"];
    let asking = discount.asking.as_ref().unwrap();
    assert_eq!(asking.granted_as, Some(FieldName::from("discount_approved")));
    assert_eq!(discount.native.as_ref().unwrap().process, None);
    assert!(ruleset.rules.layout.slots.contains_key("discount_percent"));
}

#[test]
fn sections_may_name_those_of_any_file_in_any_order() {
    let digest = "[digest.managers]\nto = \"owner.manager\"\nevery = \"0 8 * * *\"\n";
    let violation = format!("{RULE}[rule.proposal.violation]\ndigest = \"managers\"\n");
    assert!(try_read(&[("a.toml", &violation), ("b.toml", STEP), ("c.toml", digest)], false).is_ok());
    assert!(try_read(&[("a.toml", digest), ("b.toml", STEP), ("c.toml", &violation)], false).is_ok());
}

#[test]
fn a_role_may_be_any_where_no_connection_is_known() {
    let text = format!("{RULE}{STEP}").replace("owner.manager", "role:whoever");
    assert!(try_read(&[("a.toml", &text)], false).is_err());
    assert!(Ruleset::read(&[Source::new("a.toml", text)], &Catalogs::new(), &load).is_ok());
}

#[test]
fn fingerprints_follow_what_is_planned_and_not_what_is_said() {
    let versions = |text: &str| {
        let rules = read(text).rules;
        (rules.by_key["proposal"].version, rules.approvals["more-time"].version)
    };
    let whole = format!("{RULE}{STEP}");
    let first = versions(&whole);
    let said = [
        whole.replace("[approval.more-time]", "[approval.more-time]\ntitle = \"Longer\""),
        whole.replace("[approval.more-time]", "[approval.more-time]\nreason = { text = \"delay_reason_text\" }"),
        whole.replace("grants", "wanted_until = \"wanted_until\"\ngrants"),
        format!("{whole}timeout = {{ after = \"5d\" }}"),
    ];
    for text in said {
        assert_eq!(versions(&text), first, "{text}");
    }
    let of_rule = [whole.replace("10d", "11d"), whole.replace("grants", "grace = \"2d\"\ngrants")];
    for text in of_rule {
        let (rule, approval) = versions(&text);
        assert!(rule != first.0 && approval == first.1, "{text}");
    }
    let of_approval = [
        whole.replace("owner.manager", "owner.manager.manager"),
        format!("{whole}timeout = {{ after = \"5d\", outcome = \"grant\" }}"),
        format!("{whole}remind = [\"1d\"]"),
        format!("{whole}need = \"all\""),
        format!("{whole}when = \"amount > 1\""),
        whole.replace("[approval.more-time]", "[approval.more-time]\nnative = true"),
        whole.replace("[approval.more-time]", "[approval.more-time]\nreopens_when = [\"amount up\"]"),
    ];
    for text in of_approval {
        let (rule, approval) = versions(&text);
        assert!(rule == first.0 && approval != first.1, "{text}");
    }
}

#[test]
fn every_fault_of_an_extension_has_its_place_and_its_way_out() {
    let whole = format!("{RULE}{STEP}");
    let shown = faults_of(
        &[
            ("an extension without keys", RULE.split("requested_by").next().unwrap().to_owned()),
            ("an unknown key", whole.replace("grants =", "granted = \"10d\"\ngrants =")),
            ("a box that is no checkbox", whole.replace("\"complex\"", "\"amount\"")),
            ("a box that is unknown", whole.replace("\"request_approved\"", "\"request_aproved\"")),
            ("a box of the CRM's own", whole.replace("\"request_approved\"", "\"is_won\"")),
            (
                "a decision that asks again",
                whole.replace("[approval.more-time]", "[approval.more-time]\nreopens_when = [\"request_approved\"]"),
            ),
            ("one box for both", whole.replace("\"request_approved\"", "\"complex\"")),
            ("a wish that is no date", whole.replace("grants =", "wanted_until = \"delay_reason\"\ngrants =")),
            ("a grant of no more than the deadline", whole.replace("10d", "5d")),
            ("a grant of less in another unit", whole.replace("10d", "72h")),
            ("a grant in working time without a calendar", whole.replace("10d", "10bd")),
            ("an unknown approval", whole.replace("\"more-time\"", "\"more-tiem\"")),
            ("an approval where none is defined", RULE.to_owned()),
            ("an unknown word", whole.replace("grants =", "refused = \"keep\"\ngrants =")),
            (
                "checkboxes that grant in one rule and ask in another",
                format!(
                    "{whole}{}",
                    RULE.replace("rule.proposal", "rule.offer")
                        .replace("requested_by", "granted_by")
                        .replace("granted_as", "requested_by")
                        .replace("granted_by", "granted_as")
                ),
            ),
            (
                "one checkbox of two approvals",
                format!(
                    "{whole}{}[approval.other]\n[[approval.other.step]]\napprover = \"role:deal-desk\"\n",
                    RULE.replace("rule.proposal", "rule.offer").replace("more-time", "other")
                ),
            ),
            (
                "one checkbox of a rule and of an approval's own",
                format!(
                    "{whole}{}",
                    discount("granted_as = \"request_approved\"\nstep = [{ approver = \"owner.manager\" }]")
                ),
            ),
        ],
        false,
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn every_fault_of_an_approval_has_its_place_and_its_way_out() {
    let step = "step = [{ approver = \"owner.manager\" }]";
    let with = |lines: &str| discount(&format!("{step}\n{lines}"));
    let shown = faults_of(
        &[
            ("nobody asks", STEP.to_owned()),
            ("a condition without a kind of record", with("").replace("object = \"opportunity\"\n", "")),
            (
                "a checkbox without a condition",
                format!("{RULE}{STEP}")
                    .replace("[approval.more-time]", "[approval.more-time]\ngranted_as = \"discount_approved\""),
            ),
            ("unknown keys", with("approver = \"owner.manager\"\ntimeout = \"5d\"")),
            ("no step", discount("")),
            ("an unknown field in the condition", with("").replace("discount_percent", "discount_pct")),
            ("unknown channels", with("via = [\"sms\"]")),
            ("a decision without values", with("decision = { field = \"manager_decision\" }")),
            ("a decision in a number", with("decision = { field = \"amount\", granted = \"1\", refused = \"0\" }")),
            (
                "values that the picklist lacks",
                with("decision = { field = \"manager_decision\", granted = \"Aproved\", refused = \"No\" }"),
            ),
            (
                "one value for both",
                with("decision = { field = \"delay_reason_text\", granted = \"yes\", refused = \"Yes\" }"),
            ),
            ("a native process of a number", with("native = 5")),
            ("a native process without a name", with("native = \"\"")),
            ("a reason without a field", with("reason = {}")),
            (
                "a reason in one field for both",
                with("reason = { picklist = \"delay_reason\", text = \"delay_reason\" }"),
            ),
            (
                "a reason that the picklist lacks",
                with("reason = { picklist = \"delay_reason\", text = \"delay_reason_text\", wants_words = \"othr\" }"),
            ),
            ("words without a picklist", with("reason = { text = \"delay_reason_text\", wants_words = \"other\" }")),
            (
                "changes that are none",
                with("reopens_when = [\"amount higher\", \"amuont up\", \"name up\", \"stage\", \"stage\"]"),
            ),
            ("an unknown digest", with("digest = \"managers\"")),
            ("an unknown calendar", with("calendar = \"office\"")),
        ],
        false,
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn every_fault_of_a_step_has_its_place_and_its_way_out() {
    let step = |lines: &str| discount(&format!("[[approval.discount.step]]\n{lines}"));
    let managed = |lines: &str| step(&format!("approver = \"owner.manager\"\n{lines}"));
    let shown = faults_of(
        &[
            ("no approver", step("")),
            ("an empty list of approvers", step("approver = []")),
            ("the owner as approver", step("approver = \"owner\"")),
            ("unknown approvers", step("approver = [\"owner.manger\", \"boss@acme.example\", \"role:\"]")),
            ("an unknown role", step("approver = \"role:sales-directr\"")),
            ("an approver twice", step("approver = [\"owner.manager\", \"owner.manager\"]")),
            ("an unknown key", managed("after = \"2d\"")),
            ("an unknown need", managed("need = \"both\"")),
            ("a reminder after the time-out", managed("remind = [\"1d\", \"6d\"]")),
            ("reminders that are none", managed("remind = [\"soon\", 5]")),
            (
                "an escalation after the time-out",
                managed("escalate = { after = \"4d\", to = \"owner.manager.manager\" }\ntimeout = { after = \"3d\" }"),
            ),
            ("an escalation to those who are asked", managed("escalate = { after = \"2d\", to = \"owner.manager\" }")),
            ("an escalation to the owner", managed("escalate = { after = \"2d\", to = \"owner\" }")),
            ("an escalation without keys", managed("escalate = {}")),
            ("a reminder at once", managed("remind = [\"0d\", \"1d\"]")),
            ("a time-out of nothing", managed("timeout = { after = \"0d\", outcome = \"refuse\" }")),
            ("an unknown outcome", managed("timeout = { after = \"5d\", outcome = \"reject\" }")),
            ("working time without a calendar", managed("remind = [\"1bd\"]\ntimeout = { after = \"5bd\" }")),
            ("an unknown field in a condition", managed("when = \"discount > 20\"")),
            (
                "two steps of one name",
                managed("name = \"boss\"\n[[approval.discount.step]]\napprover = \"role:deal-desk\"\nname = \"boss\""),
            ),
            (
                "a name that a later step has by its place",
                managed("name = \"step-2\"\n[[approval.discount.step]]\napprover = \"role:deal-desk\""),
            ),
        ],
        false,
    );
    insta::assert_snapshot!(shown);
}

#[test]
fn what_one_of_two_connections_lacks_is_named_with_it() {
    let whole = format!("{RULE}{STEP}");
    let on_acme = |section: &str| whole.replace(section, &format!("{section}\nconnections = [\"acme\"]"));
    assert!(try_read(&[("a.toml", &on_acme("[rule.proposal]"))], true).is_ok());
    let shown = faults_of(
        &[
            ("a field", whole.replace("grants", "wanted_until = \"wanted_until\"\ngrants")),
            ("a role", whole.replace("owner.manager", "role:sales-director")),
            ("an approval", on_acme("[approval.more-time]")),
        ],
        true,
    );
    insta::assert_snapshot!(shown);
}
