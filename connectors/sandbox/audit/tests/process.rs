//! The CRM's own approval process: what is handed in there, and what is decided there.

use super::way_out::{ASKED, DECIDED};
use super::*;
use crate::company::REQUEST_APPROVED;

const HANDED_IN: &str = "2026-03-04T15:01:00Z";
const CARRIED_OUT: &str = "2026-03-04T20:01:00Z";

impl Account {
    /// The deal of a rule whose requests are decided in the process, on the day after somebody decides.
    fn with_process() -> Account {
        let mut account = Account::with_way_out();
        account.dump.at = at("2026-03-05T06:00:00Z");
        account.rule.way_out.as_mut().unwrap().in_process = true;
        account
    }

    /// The daemon hands the deal in.
    fn handed_in(mut self, when: &str) -> Account {
        let id = self.dump.records.get("ProcessInstance").map_or(0, Vec::len).to_string();
        self.record("ProcessInstance", &id, at(when));
        self.set("ProcessInstance", &id, "TargetObjectId", at(when), "1", "INTEGRATION");
        self.set("ProcessInstance", &id, "Status", at(when), "Pending", "INTEGRATION");
        self
    }

    /// The manager decides there.
    fn ended(mut self, status: &str) -> Account {
        self.set("ProcessInstance", "0", "Status", at(DECIDED), status, "CRM_UI");
        self
    }

    /// The daemon sets a checkbox, and completes the task that asked.
    fn heeded(self, property: &str, value: &str) -> Account {
        let account = self.carried_out(CARRIED_OUT, property, value).complete(1, CARRIED_OUT, "INTEGRATION");
        // What becomes of the reminder that is there already is another matter.
        account.complete(0, CARRIED_OUT, "CRM_UI")
    }
}

#[test]
fn a_request_is_handed_in_once() {
    let asked = || Account::with_process().asked();
    asked().check(&[Matter::NotHandedIn]);
    asked().handed_in(HANDED_IN).check(&[]);
    asked().handed_in("2026-03-04T17:00:00Z").check(&[Matter::NotHandedIn]);
    asked().handed_in(HANDED_IN).handed_in("2026-03-04T17:00:00Z").check(&[Matter::HandedInTwice]);
}

#[test]
fn nothing_is_handed_in_before_or_after_a_request() {
    Account::with_process().handed_in(ASKED).check(&[Matter::HandedInUnasked]);
    let ended = || Account::with_process().asked().handed_in(HANDED_IN).ended("Rejected").heeded(COMPLEX, "false");
    ended().check(&[]);
    ended().handed_in("2026-03-04T22:00:00Z").check(&[Matter::HandedInUnasked]);
}

#[test]
fn a_run_that_outlives_what_was_taken_back_serves_what_is_asked_next() {
    let withdrawn = Account::with_process().asked().handed_in(HANDED_IN).deal("2026-03-04T15:30:00Z", COMPLEX, "false");
    let again =
        withdrawn.complete(1, "2026-03-04T15:31:00Z", "INTEGRATION").deal("2026-03-04T16:00:00Z", COMPLEX, "true");
    let found = again.audit();
    assert!(!found.faults().any(|fault| fault.what == Matter::NotHandedIn), "{found:#?}");
}

#[test]
fn what_is_decided_there_holds() {
    let decided = |status: &str| Account::with_process().asked().handed_in(HANDED_IN).ended(status);
    let granted = decided("Approved").heeded(REQUEST_APPROVED, "true").check(&[]);
    assert_eq!((granted.requests.decided_in_process, granted.requests.granted), (1, 1));
    let refused = decided("Rejected").heeded(COMPLEX, "false").check(&[]);
    assert_eq!((refused.requests.decided_in_process, refused.requests.refused), (1, 1));
    decided("Approved").check(&[Matter::DecisionUnheeded]);
    decided("Rejected").check(&[Matter::DecisionUnheeded]);
    decided("Approved").heeded(COMPLEX, "false").check(&[Matter::DecisionUnheeded]);
    let against = decided("Rejected").heeded(REQUEST_APPROVED, "true");
    against.check(&[Matter::GrantedUndecided, Matter::DecisionUnheeded]);
}

#[test]
fn of_two_ways_the_first_word_counts() {
    let refused = Account::with_process().asked().handed_in(HANDED_IN).decided("refused");
    let mut refused = refused.carried_out(CARRIED_OUT, COMPLEX, "false").complete(0, CARRIED_OUT, "CRM_UI");
    refused.set("ProcessInstance", "0", "Status", at("2026-03-04T22:00:00Z"), "Rejected", "CRM_UI");
    let report = refused.check(&[]);
    assert_eq!(report.requests.decided_in_process, 0);
}
