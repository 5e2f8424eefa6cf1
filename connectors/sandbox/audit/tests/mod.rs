//! Accounts written down by hand, and what the auditor must find in them.

mod process;
mod way_out;

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::*;
use crate::company::{COMPLEX, Company, CompanyOptions, Stage, made_by_setup};
use crate::dump::{AssociationDump, OwnerDump, RecordDump, VersionDump};
use crate::{Options, Sandbox};

const OPEN: &str = "appointmentscheduled";
const SENT: &str = "contractsent";
const LOST: &str = "closedlost";
const REP: &str = "41629752";
const COLLEAGUE: &str = "41629765";

/// Monday; the account is in New York, and so is the rep: nine in the morning is 14:00 in UTC until the 8th.
const START: &str = "2026-03-02T06:00:00Z";
const FIRST: &str = "2026-03-03T14:00:00Z";
const SECOND: &str = "2026-03-06T14:00:00Z";
const DEADLINE: &str = "2026-03-08T05:00:00Z";

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The last day in time, as a task shows it.
const LAST_DAY: &str = "2026-03-07T14:00:00Z";

/// An account written down by hand.
struct Account {
    /// When tasks are due.
    due: String,
    dump: Dump,
    rule: AuditedRule,
    tolerance: Tolerance,
}

impl Account {
    /// One deal, opened on Monday noon by the rep, worth enough.
    fn with_open_deal() -> Account {
        let company = Company::new(1, &CompanyOptions::default());
        let mut rule = AuditedRule::running_example(&company, &Dump::default());
        rule.managers = BTreeMap::new();
        rule.fallback = None;
        rule.way_out = None;
        rule.discount = None;
        let owners = [REP, COLLEAGUE].map(|id| OwnerDump {
            id: id.to_owned(),
            user_id: String::new(),
            email: String::new(),
            first_name: "Anna".to_owned(),
            last_name: "Brandt".to_owned(),
            team: None,
            user_record: String::new(),
            archived_at: None,
            zone: Some("America/New_York".to_owned()),
        });
        let mut account = Account {
            due: LAST_DAY.to_owned(),
            dump: Dump { at: at("2026-03-12T06:00:00Z"), owners: owners.to_vec(), ..Dump::default() },
            rule,
            tolerance: Tolerance::usual(at(START)),
        };
        let opened = at("2026-03-02T17:00:13Z");
        account.record("deals", "1", opened);
        account.set("deals", "1", "dealname", opened, "Adler Optik: fleet tracking", "CRM_UI");
        account.set("deals", "1", "hubspot_owner_id", opened, REP, "CRM_UI");
        account.set("deals", "1", "amount", opened, "65000", "CRM_UI");
        account.set("deals", "1", "dealstage", opened, OPEN, "CRM_UI");
        account
    }

    fn record(&mut self, kind: &str, id: &str, created_at: DateTime<Utc>) -> &mut RecordDump {
        let records = self.dump.records.entry(kind.to_owned()).or_default();
        records.push(RecordDump {
            id: id.to_owned(),
            created_at,
            updated_at: created_at,
            archived_at: None,
            merged_into: None,
            life: Vec::new(),
            history: BTreeMap::new(),
        });
        records.last_mut().unwrap()
    }

    fn set(&mut self, kind: &str, id: &str, property: &str, at: DateTime<Utc>, value: &str, source: &str) {
        let records = self.dump.records.get_mut(kind).unwrap();
        let record = records.iter_mut().find(|record| record.id == id).unwrap();
        record.history.entry(property.to_owned()).or_default().push(VersionDump {
            at,
            value: Some(value.to_owned()),
            source: source.to_owned(),
            source_id: String::new(),
        });
    }

    /// A person changes the deal.
    fn deal(mut self, when: &str, property: &str, value: &str) -> Account {
        self.set("deals", "1", property, at(when), value, "CRM_UI");
        self
    }

    /// The daemon creates a reminder for the rep.
    fn task(self, when: &str, step: usize) -> Account {
        self.task_for(REP, when, step, &format!("b613f36e3cbcb3146043-e1-r0-00000000000{step}"))
    }

    fn task_for(mut self, owner: &str, when: &str, step: usize, key: &str) -> Account {
        let id = (100 + self.dump.records.get("tasks").map_or(0, Vec::len)).to_string();
        self.record("tasks", &id, at(when));
        let subject = format!("{}Adler Optik: fleet tracking", self.rule.steps[step].subject);
        let due = self.due.clone();
        for (property, value) in [
            ("hs_timestamp", due.as_str()),
            ("hs_task_subject", subject.as_str()),
            ("hs_task_status", "NOT_STARTED"),
            ("hubspot_owner_id", owner),
            ("dealclock_key", key),
        ] {
            self.set("tasks", &id, property, at(when), value, "INTEGRATION");
        }
        let (from_type, to_type) = ("tasks".to_owned(), "deals".to_owned());
        self.dump.associations.push(AssociationDump { from_type, from: id, to_type, to: "1".to_owned(), type_id: 216 });
        self
    }

    /// Lets the newest task name its deal, by which it is known after a merge.
    fn name_deal_in_newest_task(&mut self, deal: &str, step: usize) {
        let named = |deals: &[RecordDump]| {
            let record = deals.iter().find(|record| record.id == deal).unwrap();
            record.value("dealname").unwrap().to_owned()
        };
        let subject = format!("{}{}", self.rule.steps[step].subject, named(&self.dump.records["deals"]));
        let task = self.dump.records.get_mut("tasks").unwrap().last_mut().unwrap();
        task.history.get_mut("hs_task_subject").unwrap()[0].value = Some(subject);
    }

    /// Somebody completes the task with this place.
    fn complete(mut self, task: usize, when: &str, source: &str) -> Account {
        self.set("tasks", &(100 + task).to_string(), "hs_task_status", at(when), "COMPLETED", source);
        self
    }

    fn audit(&self) -> AuditReport {
        audit(&self.dump, &self.rule, &self.tolerance)
    }

    /// Audits, and checks that exactly these things are the matter.
    fn check(&self, expected: &[Matter]) -> AuditReport {
        let report = self.audit();
        let mut found: Vec<Matter> = report.details.iter().map(|finding| finding.what).collect();
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{report:#?}");
        report
    }
}

fn both_reminders() -> Account {
    Account::with_open_deal().task(FIRST, 0).complete(0, SECOND, "INTEGRATION").task(SECOND, 1)
}

#[test]
fn two_reminders_and_a_violation_of_a_deal_that_nobody_works_on() {
    let report = both_reminders().check(&[]);
    assert_eq!((report.reminders_due, report.reminders_created, report.tasks_completed), (2, 2, 1));
    assert_eq!((report.violations, report.violated[0].at, report.violated[0].reminded), (1, at(DEADLINE), true));
}

#[test]
fn a_reminder_that_never_came_is_missing() {
    let report = Account::with_open_deal().task(FIRST, 0).check(&[Matter::Missing]);
    assert_eq!((report.reminders_due, report.reminders_missing), (2, 1));
    assert_eq!(report.details[0].due, Some(at(SECOND)));
    assert_eq!(report.details[0].step.as_deref(), Some("4d"));
    assert!(!report.is_clean());
}

#[test]
fn a_second_task_for_one_reminder_is_a_duplicate_under_any_key_and_also_when_deleted() {
    let again = "b613f36e3cbcb3146043-e1-r0-000000000001";
    let other = "b613f36e3cbcb3146043-e2-r0-000000000001";
    for key in [again, other] {
        let account = both_reminders().task_for(REP, "2026-03-06T14:03:00Z", 1, key);
        assert_eq!(account.check(&[Matter::Duplicate]).reminders_duplicate, 1);
        let mut account = account;
        account.dump.records.get_mut("tasks").unwrap()[2].archived_at = Some(at("2026-03-06T14:04:00Z"));
        account.check(&[Matter::Duplicate]);
    }
}

#[test]
fn a_reminder_before_its_time_is_unexpected_and_its_own_missing() {
    let account = Account::with_open_deal().task(FIRST, 0).task("2026-03-05T14:00:00Z", 1);
    let account = account.complete(0, "2026-03-05T14:00:00Z", "INTEGRATION");
    account.check(&[Matter::Unexpected, Matter::Missing, Matter::ClosedTooEarly]);
}

#[test]
fn a_reminder_hours_late_is_late_and_not_missing() {
    let account = Account::with_open_deal().task("2026-03-03T16:00:00Z", 0).task(SECOND, 1);
    let report = account.complete(0, SECOND, "INTEGRATION").check(&[Matter::Late]);
    assert_eq!((report.reminders_late, report.reminders_missing), (1, 0));
}

#[test]
fn nothing_is_owed_once_the_proposal_is_sent_and_the_task_is_to_be_completed() {
    let sent = || Account::with_open_deal().task(FIRST, 0).deal("2026-03-04T15:00:00Z", "dealstage", SENT);
    let report = sent().complete(0, "2026-03-04T15:01:00Z", "INTEGRATION").check(&[]);
    assert_eq!((report.reminders_due, report.tasks_completed, report.violations), (1, 1, 0));
    assert_eq!(sent().check(&[Matter::LeftOpen]).tasks_left_open, 1);
    sent().complete(0, "2026-03-05T15:01:00Z", "INTEGRATION").check(&[Matter::LeftOpen]);
    sent().complete(0, "2026-03-03T20:00:00Z", "CRM_UI").check(&[]);
    sent().complete(0, "2026-03-04T15:01:00Z", "INTEGRATION").task(SECOND, 1).check(&[Matter::Unexpected]);
}

#[test]
fn a_task_is_not_completed_while_its_clock_runs() {
    both_reminders().complete(1, "2026-03-07T12:00:00Z", "INTEGRATION").check(&[Matter::ClosedTooEarly]);
    both_reminders().complete(1, "2026-03-07T12:00:00Z", "CRM_UI").check(&[]);
}

#[test]
fn silence_swallows_reminders_and_lets_tasks_stand() {
    let silent = || Account::with_open_deal().task(FIRST, 0).deal("2026-03-04T15:00:00Z", COMPLEX, "true");
    assert_eq!(silent().check(&[]).violations, 0);
    silent().task(SECOND, 1).check(&[Matter::Unexpected]);
    let over = silent().deal("2026-03-09T15:00:00Z", COMPLEX, "false");
    let report = over.check(&[]);
    assert_eq!(report.violated[0].at, at("2026-03-09T15:00:00Z"));
    let in_time = || silent().deal("2026-03-05T15:00:00Z", COMPLEX, "false");
    in_time().check(&[Matter::Missing]);
    in_time().task(SECOND, 1).complete(0, SECOND, "INTEGRATION").check(&[]);
}

#[test]
fn changes_about_the_time_of_a_reminder_make_either_outcome_right() {
    for (lost_at, completed_at, right) in
        [("13:40", "14:05", false), ("13:58", "14:05", true), ("14:04", "14:05", true), ("14:30", "14:31", true)]
    {
        let lost = Account::with_open_deal().deal(&format!("2026-03-03T{lost_at}:00Z"), "dealstage", LOST);
        let came = lost.task(FIRST, 0).complete(0, &format!("2026-03-03T{completed_at}:00Z"), "INTEGRATION");
        assert_eq!(came.audit().is_clean(), right, "{lost_at}: {:#?}", came.audit());
    }
    let close_by = || Account::with_open_deal().deal("2026-03-03T13:58:00Z", "dealstage", LOST);
    assert_eq!(close_by().check(&[Matter::BorderlineNotSent]).borderline, 1);
    let far_off = Account::with_open_deal().deal("2026-03-03T14:30:00Z", "dealstage", LOST);
    assert_eq!(far_off.check(&[Matter::Missing]).borderline, 0);
}

#[test]
fn what_was_open_at_the_start_counts_from_the_start() {
    let mut account = Account::with_open_deal();
    // Noticed on Tuesday: reminders on Wednesday and Saturday, and nobody is reminded of Monday.
    account.tolerance = Tolerance::usual(at("2026-03-03T15:00:00Z"));
    account.dump.at = at("2026-03-08T20:00:00Z");
    account.due = "2026-03-08T13:00:00Z".to_owned();
    let account = account.task("2026-03-04T14:00:00Z", 0).task("2026-03-07T14:00:00Z", 1);
    let report = account.complete(0, "2026-03-07T14:00:00Z", "INTEGRATION").check(&[]);
    assert_eq!((report.reminders_due, report.violations), (2, 0));
}

#[test]
fn a_brief_absence_goes_on_with_the_clock_and_a_long_one_starts_another() {
    let away = |back: &str| {
        Account::with_open_deal().deal("2026-03-04T15:00:00Z", "amount", "40000").deal(back, "amount", "70000")
    };
    let owed = |account: Account| -> Vec<_> {
        let report = account.audit();
        let missing = report.details.into_iter().filter(|finding| finding.what == Matter::Missing);
        missing.filter_map(|finding| finding.due).collect()
    };
    // The stage was entered on Monday either way, and the fourth day is Friday.
    assert_eq!(owed(away("2026-03-04T20:00:00Z")), [at(FIRST), at(SECOND)]);
    assert_eq!(owed(away("2026-03-05T20:00:00Z")), [at(FIRST), at(SECOND)]);
    // What fell due while it was away is not owed.
    assert_eq!(owed(away("2026-03-06T20:00:00Z")), [at(FIRST)]);
    // A new entry into the stage counts anew.
    let out = Account::with_open_deal().deal("2026-03-04T15:00:00Z", "dealstage", "qualifiedtobuy");
    let back = out.deal("2026-03-09T15:00:00Z", "dealstage", OPEN);
    assert_eq!(owed(back), [at(FIRST), at("2026-03-10T13:00:00Z")]);
}

#[test]
fn a_deal_that_grows_after_its_deadline_is_late_at_once_and_nobody_is_reminded() {
    let small = Account::with_open_deal().deal("2026-03-02T17:01:00Z", "amount", "40000");
    let report = small.deal("2026-03-09T15:00:00Z", "amount", "70000").check(&[]);
    assert_eq!((report.reminders_due, report.violations), (0, 1));
    assert_eq!((report.violated[0].at, report.violated[0].reminded), (at("2026-03-09T15:00:00Z"), false));
}

#[test]
fn a_reminder_goes_to_whoever_owns_the_deal_when_it_is_due() {
    let handed = || both_handed("2026-03-04T15:00:00Z");
    handed().task_for(COLLEAGUE, SECOND, 1, "b613f36e3cbcb3146043-e1-r0-000000000001").check(&[]);
    handed().task(SECOND, 1).check(&[Matter::WrongRecipient]);
}

#[test]
fn a_task_is_due_on_the_last_day_in_time() {
    for (due, found) in [(LAST_DAY, vec![]), ("2026-03-07", vec![]), ("2026-03-08", vec![Matter::WrongDueDate])] {
        let mut account = Account::with_open_deal();
        account.dump.at = at("2026-03-03T20:00:00Z");
        account.due = due.to_owned();
        account.task(FIRST, 0).check(&found);
    }
}

fn both_handed(when: &str) -> Account {
    let account = Account::with_open_deal().task(FIRST, 0).deal(when, "hubspot_owner_id", COLLEAGUE);
    let mut account = account.complete(0, SECOND, "INTEGRATION");
    account.set("tasks", "100", "hubspot_owner_id", at("2026-03-04T15:01:00Z"), COLLEAGUE, "INTEGRATION");
    account
}

#[test]
fn an_open_task_follows_its_deal_to_the_new_owner() {
    let mut account = both_reminders().deal("2026-03-06T18:00:00Z", "hubspot_owner_id", COLLEAGUE);
    account.dump.at = at("2026-03-07T20:00:00Z");
    account.check(&[Matter::NotHandedOver]);
    account.set("tasks", "101", "hubspot_owner_id", at("2026-03-06T18:01:00Z"), COLLEAGUE, "INTEGRATION");
    account.check(&[]);
}

#[test]
fn an_outage_delays_reminders_and_leaves_only_the_last_of_them_owed() {
    let mut account = Account::with_open_deal().task("2026-03-03T18:05:00Z", 0);
    account.tolerance.outages = vec![(at("2026-03-03T13:00:00Z"), at("2026-03-03T18:00:00Z"))];
    account.dump.at = at("2026-03-05T00:00:00Z");
    account.check(&[]);
    let mut account = Account::with_open_deal().task("2026-03-06T18:05:00Z", 1);
    account.tolerance.outages = vec![(at("2026-03-03T13:00:00Z"), at("2026-03-06T18:00:00Z"))];
    account.check(&[Matter::BorderlineNotSent]);
}

#[test]
fn stories_tell_the_course_of_a_deal() {
    let account = both_reminders().deal("2026-03-07T15:00:00Z", "dealstage", SENT);
    let account = account.complete(1, "2026-03-07T15:01:00Z", "INTEGRATION");
    let told: Vec<StoryKind> =
        stories(&account.dump, &account.rule, &account.tolerance).iter().map(|story| story.kind).collect();
    let sent = StoryKind::ProposalSent { in_time: true, tasks_completed: 1 };
    assert_eq!(told, [StoryKind::Opened, StoryKind::FirstReminder, StoryKind::SecondReminder, sent]);
    let silent = Account::with_open_deal().deal("2026-03-04T15:00:00Z", COMPLEX, "true");
    let told = stories(&silent.dump, &silent.rule, &silent.tolerance);
    assert_eq!(told.last().map(|story| story.kind), Some(StoryKind::SilencedByComplex));
    assert!(told[0].text.contains("worth 65,000: a proposal is due by Sat  7 Mar"), "{}", told[0].text);
}

/// Plays a company without any daemon.
fn play(seed: u64, days: u32) -> (Company, Dump) {
    let company = Company::new(seed, &CompanyOptions { days, ..CompanyOptions::default() });
    let sandbox = Sandbox::new(Options::new("token", company.founded));
    for edit in made_by_setup() {
        sandbox.edit(&edit).unwrap();
    }
    for timed in &company.timeline {
        sandbox.edit_at(timed.at, &timed.edit).unwrap();
    }
    sandbox.set_now(company.end);
    let dump = sandbox.dump();
    (company, dump)
}

#[test]
fn every_story_is_there_in_a_day_in_ten_and_in_sixty() {
    for (seed, days, reminders, violations) in [(0, 1, 8, 3), (7, 1, 8, 3), (3, 10, 60, 20), (u64::MAX, 60, 400, 150)] {
        let (company, dump) = play(seed, days);
        let rule = AuditedRule::running_example(&company, &Dump::default());
        let tolerance = Tolerance::usual(company.start);
        let report = audit(&dump, &rule, &tolerance);
        assert!(report.reminders_due >= reminders, "{seed}/{days}: {} reminders", report.reminders_due);
        assert_eq!(report.reminders_missing, report.reminders_due);
        assert!(report.violations >= violations, "{seed}/{days}: {} violations", report.violations);
        assert!(report.borderline * 5 <= report.reminders_due, "{seed}/{days}: {} borderline", report.borderline);
        let steps = |name: &str| report.details.iter().filter(|finding| finding.step.as_deref() == Some(name)).count();
        assert!(steps("1d") >= 3 && steps("4d") >= 3, "{seed}/{days}");
        let told = stories(&dump, &rule, &tolerance);
        let mut kinds = vec![StoryKind::Opened, StoryKind::SilencedByComplex, StoryKind::Violated];
        if days >= 10 {
            kinds.extend([StoryKind::SilenceEnds, StoryKind::HandedOver, StoryKind::NoLongerNeeded]);
        }
        for kind in kinds {
            assert!(told.iter().filter(|story| story.kind == kind).count() >= 2, "{seed}/{days}: {kind:?}");
        }
        let sent = |story: &&Story| matches!(story.kind, StoryKind::ProposalSent { in_time: true, .. });
        assert!(told.iter().any(|story| sent(&story)), "{seed}/{days}");
        assert_eq!(Stage::Open.ids()[0], OPEN);
    }
}

#[test]
fn a_daemon_that_does_exactly_what_was_owed_passes() {
    let (company, mut dump) = play(11, 20);
    let rule = AuditedRule::running_example(&company, &Dump::default());
    let tolerance = Tolerance::usual(company.start);
    let ledger = Ledger::read(&dump, &[], &rule, &tolerance);
    let expected = compare::expected(&ledger);
    let owed = expected.iter().filter(|each| each.reminder.owed);
    let planned: Vec<(String, usize, DateTime<Utc>, String, String)> = owed
        .map(|each| {
            let owner = each.reminder.recipients.first().unwrap();
            let created = each.reminder.due + Duration::seconds(30);
            let zone = ledger.people.zone_at(Some(owner), created);
            let last_day = local::date_of(each.episode.deadline - Duration::seconds(1), zone);
            (each.deal.to_owned(), each.step, created, (*owner).to_owned(), last_day.to_string())
        })
        .collect();
    drop(expected);
    drop(ledger);
    let mut account = Account { due: String::new(), dump: std::mem::take(&mut dump), rule, tolerance };
    account.dump.records.insert("tasks".to_owned(), Vec::new());
    for (number, (deal, step, created, owner, last_day)) in planned.iter().enumerate() {
        let key = format!("{number:020x}-e1-r0-000000000000");
        account.due.clone_from(last_day);
        account = account.task_for(owner, &created.to_rfc3339(), *step, &key);
        account.dump.associations.last_mut().unwrap().to.clone_from(deal);
        account.name_deal_in_newest_task(deal, *step);
    }
    let report = account.audit();
    assert_eq!(report.reminders_due, planned.len() as u64);
    assert_eq!(report.reminders_created, report.reminders_due);
    let nobody_completes = [Matter::LeftOpen, Matter::NotHandedOver, Matter::NotAsked, Matter::TamperingStands];
    let faults: Vec<&Finding> = report.faults().filter(|finding| !nobody_completes.contains(&finding.what)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}
