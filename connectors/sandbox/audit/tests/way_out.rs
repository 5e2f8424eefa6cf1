//! The way out: who is asked, what a decision makes of the clock, and what must never be.

use super::*;
use crate::company::{DISCOUNT, DISCOUNT_APPROVED, MANAGER_DECISION, OUTCOME, REQUEST_APPROVED};

pub(super) const MANAGER: &str = "41629713";
/// When the rep ticks Complex: between both reminders.
pub(super) const ASKED: &str = "2026-03-04T15:00:00Z";
pub(super) const DECIDED: &str = "2026-03-04T20:00:00Z";

impl Account {
    /// The deal of a rule with a way out, once the first reminder has come.
    pub(super) fn with_way_out() -> Account {
        let mut account = Account::with_open_deal();
        account.rule = AuditedRule {
            managers: BTreeMap::new(),
            fallback: None,
            ..AuditedRule::running_example(&Company::new(1, &CompanyOptions::default()), &Dump::default())
        };
        account.task(FIRST, 0)
    }

    /// The rep asks, and the manager is told.
    pub(super) fn asked(self) -> Account {
        self.deal(ASKED, COMPLEX, "true").titled("2026-03-04T15:01:00Z", MANAGER, "Decide: more time", KEYS[0])
    }

    /// A task of ours under another subject.
    fn titled(self, when: &str, owner: &str, subject: &str, key: &str) -> Account {
        let mut account = self.task_for(owner, when, 0, key);
        let task = account.dump.records.get_mut("tasks").unwrap().last_mut().unwrap();
        task.history.get_mut("hs_task_subject").unwrap()[0].value = Some(subject.to_owned());
        account
    }

    /// The manager completes the task that asks.
    pub(super) fn decided(mut self, outcome: &str) -> Account {
        self.set("tasks", "101", OUTCOME, at(DECIDED), outcome, "CRM_UI");
        self.complete(1, DECIDED, "CRM_UI")
    }

    /// The daemon changes the deal.
    pub(super) fn carried_out(mut self, when: &str, property: &str, value: &str) -> Account {
        self.set("deals", "1", property, at(when), value, "INTEGRATION");
        self
    }

    fn granted(self) -> Account {
        self.asked().decided("approved").carried_out("2026-03-04T20:01:00Z", REQUEST_APPROVED, "true")
    }

    fn refused(self) -> Account {
        self.asked().decided("refused").carried_out("2026-03-04T20:01:00Z", COMPLEX, "false")
    }

    /// When reminders are owed that never came, and when the rule was violated.
    fn owed(&self) -> (Vec<DateTime<Utc>>, Option<DateTime<Utc>>) {
        let report = self.audit();
        let missing = report.details.iter().filter(|finding| finding.what == Matter::Missing);
        (missing.filter_map(|finding| finding.due).collect(), report.violated.first().map(|violated| violated.at))
    }
}

const KEYS: [&str; 3] = [
    "b613f36e3cbcb3146043-e1-r0-00000000000a",
    "b613f36e3cbcb3146043-e1-r1-00000000000a",
    "c613f36e3cbcb3146043-e1-r0-00000000000b",
];

#[test]
fn nothing_is_owed_while_a_request_is_open() {
    let account = Account::with_way_out().asked();
    assert_eq!(account.owed(), (vec![], None));
    account.task(SECOND, 1).check(&[Matter::Unexpected]);
}

#[test]
fn a_grant_moves_the_deadline_and_both_reminders_with_it() {
    let mut account = Account::with_way_out().granted();
    account.dump.at = at("2026-03-14T06:00:00Z");
    // The tenth day is Thursday the 12th; the clocks have changed by then.
    let reminders = ["2026-03-08T13:00:00Z", "2026-03-11T13:00:00Z"];
    assert_eq!(account.owed(), (reminders.map(at).to_vec(), Some(at("2026-03-13T04:00:00Z"))));
    account.due = "2026-03-12".to_owned();
    let keys = ["b613f36e3cbcb3146043-e1-r1-000000000000", "b613f36e3cbcb3146043-e1-r1-000000000001"];
    let came = account.task_for(REP, reminders[0], 0, keys[0]).complete(0, reminders[0], "INTEGRATION");
    let came = came.task_for(REP, reminders[1], 1, keys[1]).complete(2, reminders[1], "INTEGRATION");
    let report = came.check(&[]);
    assert_eq!((report.requests.asked, report.requests.granted, report.reminders_due), (1, 1, 3));
}

#[test]
fn a_refusal_gives_back_the_time_for_which_the_request_was_open() {
    let account = Account::with_way_out().refused();
    // Five hours behind the end of Saturday is Sunday.
    assert_eq!(account.owed(), (vec![at("2026-03-07T14:00:00Z")], Some(at("2026-03-09T04:00:00Z"))));
    assert_eq!(account.audit().requests.refused, 1);
}

#[test]
fn the_minutes_until_the_daemon_hears_of_a_refusal_count_as_open() {
    let refused = Account::with_way_out().asked().deal("2026-03-05T14:58:00Z", MANAGER_DECISION, "Rejected");
    let heard = refused.carried_out("2026-03-05T15:03:00Z", COMPLEX, "false");
    // A good day behind the end of Saturday is Monday.
    assert_eq!(heard.owed().1, Some(at("2026-03-10T04:00:00Z")));
}

#[test]
fn taking_a_request_back_wins_no_time() {
    let account = Account::with_way_out().asked().deal("2026-03-05T15:00:00Z", COMPLEX, "false");
    assert_eq!(account.owed(), (vec![at(SECOND)], Some(at(DEADLINE))));
    let late = Account::with_way_out().asked().deal("2026-03-09T15:00:00Z", COMPLEX, "false");
    assert_eq!(late.owed(), (vec![], Some(at("2026-03-09T15:00:00Z"))));
}

#[test]
fn a_grant_that_is_given_back_leaves_the_deadline_before_it_or_a_day() {
    let early = Account::with_way_out().granted().deal("2026-03-05T15:00:00Z", COMPLEX, "false");
    assert_eq!(early.owed(), (vec![at(SECOND)], Some(at(DEADLINE))));
    let late = Account::with_way_out().granted().deal("2026-03-08T15:00:00Z", COMPLEX, "false");
    assert_eq!(late.owed().1, Some(at("2026-03-10T04:00:00Z")));
}

#[test]
fn an_open_task_shows_the_new_deadline() {
    let mut account = Account::with_way_out().granted();
    account.dump.at = at("2026-03-05T06:00:00Z");
    account.check(&[Matter::DueNotMoved]);
    account.set("tasks", "100", "hs_timestamp", at("2026-03-04T20:01:00Z"), "2026-03-12T13:00:00Z", "INTEGRATION");
    account.check(&[]);
}

#[test]
fn a_request_is_put_to_somebody_once() {
    Account::with_way_out().deal(ASKED, COMPLEX, "true").check(&[Matter::NotAsked]);
    let asked = || Account::with_way_out().asked();
    asked().check(&[]);
    asked().titled("2026-03-04T15:03:00Z", MANAGER, "Decide: more time", KEYS[1]).check(&[Matter::AskedTwice]);
    // Somebody else may be asked as well, and about something else.
    asked().titled("2026-03-04T15:03:00Z", COLLEAGUE, "Decide: more time", KEYS[1]).check(&[]);
    asked().titled("2026-03-04T15:03:00Z", MANAGER, "Decide: a discount", KEYS[2]).check(&[]);
}

#[test]
fn only_a_decision_ticks_what_only_a_decision_may_tick() {
    let mut asked = Account::with_way_out().asked();
    asked.dump.at = at("2026-03-05T06:00:00Z");
    let granted = |account: Account| account.carried_out("2026-03-04T20:01:00Z", REQUEST_APPROVED, "true");
    let undecided = granted(asked).audit();
    assert!(undecided.faults().any(|fault| fault.what == Matter::GrantedUndecided), "{undecided:#?}");
    let by_field = Account::with_way_out().asked().deal(DECIDED, MANAGER_DECISION, "Approved");
    let decided = granted(by_field).audit();
    assert!(!decided.faults().any(|fault| fault.what == Matter::GrantedUndecided), "{decided:#?}");
}

#[test]
fn what_somebody_grants_themselves_does_not_stand() {
    let tampered = || {
        let mut account = Account::with_way_out().deal(ASKED, REQUEST_APPROVED, "true");
        account.dump.at = at("2026-03-05T06:00:00Z");
        account
    };
    tampered().check(&[Matter::TamperingStands]);
    let report = tampered().carried_out("2026-03-04T15:05:00Z", REQUEST_APPROVED, "false").check(&[]);
    assert_eq!((report.requests.set_back, report.requests.granted), (1, 0));
}

#[test]
fn a_large_discount_takes_two_who_approve_it() {
    let asks = |percent: &str| {
        let account = Account::with_way_out().deal(ASKED, DISCOUNT, percent);
        account.titled("2026-03-04T15:01:00Z", MANAGER, "Decide: a discount", KEYS[2])
    };
    let found = |account: Account| -> Vec<Matter> {
        let ours = [Matter::NotAsked, Matter::GrantedUndecided];
        account.audit().faults().map(|fault| fault.what).filter(|what| ours.contains(what)).collect()
    };
    let granted = |account: Account| found(account.carried_out("2026-03-04T20:01:00Z", DISCOUNT_APPROVED, "true"));
    assert_eq!(found(Account::with_way_out().deal(ASKED, DISCOUNT, "12")), [Matter::NotAsked]);
    assert_eq!(found(Account::with_way_out().deal(ASKED, DISCOUNT, "10")), []);
    assert_eq!(granted(asks("12")), [Matter::GrantedUndecided]);
    assert_eq!(granted(asks("12").decided("approved")), []);
    assert_eq!(granted(asks("25").decided("approved")), [Matter::GrantedUndecided]);
}

#[test]
fn a_reader_has_one_digest_a_day_and_a_rule_on_trial_shows_nothing() {
    let mut account = Account::with_way_out();
    account.dump.at = at("2026-03-05T16:00:00Z");
    let digest =
        |account: Account, when: &str, key: &str| account.titled(when, MANAGER, "How the proposals stand", key);
    let first = || digest(Account { ..Account::with_way_out() }, "2026-03-04T13:00:00Z", KEYS[0]);
    let twice = |when| digest(first(), when, KEYS[1]).audit().faults().any(|fault| fault.what == Matter::DigestTwice);
    assert!(twice("2026-03-04T15:00:00Z"));
    assert!(!twice("2026-03-05T13:00:00Z"));
    account.titled("2026-03-04T14:00:00Z", REP, "On trial: a proposal", KEYS[2]).check(&[Matter::FromTrial]);
}
