//! What goes wrong while the daemon runs: it says so, holds up nobody else, and every reminder still appears once.

use dealclock_sandbox::{Fault, FaultRule, Scope};
use serde_json::{Value, json};

use crate::account::{ANNA, Account, MARTINA, NOAH, Reminder};
use crate::daemon::{Daemon, at};

/// Anna's reminder of a deal from Monday morning is due at nine on Tuesday in Berlin.
const DUE: &str = "Tue 08:00";

fn reminder(owner: &str, when: &str) -> Reminder {
    Reminder { owner: owner.to_owned(), at: at(when) }
}

/// Who was reminded of a deal with these changes, by Tuesday evening.
async fn reminders_of(changes: Value) -> (Vec<Reminder>, Daemon, String) {
    let account = Account::new(at("Mon 08:00"));
    let daemon = Daemon::new(&[("acme", &account)]).await;
    let deal = account.add_deal(&changes);
    daemon.run_until("Tue 22:00").await;
    (account.reminders(), daemon, deal)
}

#[tokio::test]
async fn a_token_that_is_wrong_holds_up_its_own_connection_only_and_loses_nothing() {
    let (acme, beta) = (Account::new(at("Mon 08:00")), Account::new(at("Mon 08:00")));
    let daemon = Daemon::new(&[("acme", &acme), ("beta", &beta)]).await;
    acme.add_deal(&json!({}));
    beta.add_deal(&json!({}));
    daemon.run_until("Tue 06:00").await;
    acme.revoke_token();
    daemon.run_until("Tue 12:00").await;
    assert_eq!(acme.reminders(), []);
    assert_eq!(beta.reminders(), [reminder(ANNA, DUE)]);
    let told = daemon.troubles("acme");
    assert!(told.contains("the token is wrong, expired or revoked"), "{told}");
    assert_eq!(daemon.troubles("beta"), "");

    acme.grant();
    daemon.run_until("Wed 12:00").await;
    assert_eq!(daemon.troubles("acme"), "");
    assert_eq!(acme.reminders().len(), 1);
    assert_eq!(beta.reminders().len(), 1);
}

#[tokio::test]
async fn a_missing_scope_is_named_with_the_way_out_and_the_reminder_waits_for_it() {
    let account = Account::new(at("Mon 08:00"));
    let daemon = Daemon::new(&[("acme", &account)]).await;
    account.add_deal(&json!({}));
    daemon.run_until("Tue 06:00").await;
    account.revoke(Scope::ContactsWrite);
    daemon.run_until("Tue 12:00").await;
    assert_eq!(account.reminders(), []);
    let scope = Scope::ContactsWrite.name();
    let told = daemon.troubles("acme");
    assert!(told.contains("deliver: ") && told.contains(scope), "{told}");
    let problems = daemon.status("acme").problems;
    assert!(problems.iter().any(|p| p.fatal && p.what.contains(scope) && p.way_out.contains("HubSpot's settings")));

    account.grant();
    daemon.run_until("Wed 12:00").await;
    assert_eq!((account.reminders().len(), daemon.troubles("acme")), (1, String::new()));
}

#[tokio::test]
async fn a_web_page_in_place_of_an_answer_to_a_write_is_looked_up_and_doubles_nothing() {
    for applied in [true, false] {
        let account = Account::new(at("Mon 08:00"));
        let daemon = Daemon::new(&[("acme", &account)]).await;
        account.add_deal(&json!({}));
        daemon.run_until("Tue 07:59").await;
        let page = Fault::Html { applied };
        // The hourly check sends an empty batch to the same address, before the reminder or after it.
        let creations = FaultRule::once("/crm/objects/tasks/batch/create", page);
        account.sandbox.set_faults(vec![FaultRule { times: Some(2), ..creations }]);
        daemon.run_until("Tue 12:00").await;
        let calls = account.sandbox.calls().calls;
        assert!(calls.contains_key("POST /crm/objects/tasks/batch/read"), "nothing was looked up: {calls:?}");
        assert_eq!((account.reminders().len(), daemon.troubles("acme")), (1, String::new()), "applied: {applied}");
    }
}

#[tokio::test]
async fn web_pages_in_place_of_json_are_called_so_and_lose_nothing() {
    let account = Account::new(at("Mon 08:00"));
    let daemon = Daemon::new(&[("acme", &account)]).await;
    daemon.run_until("Mon 09:30").await;
    account.add_deal(&json!({}));
    account.sandbox.set_faults(vec![FaultRule::always("/crm/", Fault::Html { applied: false })]);
    daemon.run_until("Mon 12:00").await;
    let told = daemon.troubles("acme");
    assert!(told.contains("poll: ") && told.contains("a web page came in place of JSON"), "{told}");
    account.sandbox.set_faults(Vec::new());
    daemon.run_until("Tue 12:00").await;
    assert_eq!((account.reminders(), daemon.troubles("acme")), (vec![reminder(ANNA, DUE)], String::new()));
}

#[tokio::test]
async fn a_deal_without_an_owner_is_brought_to_the_fallback() {
    let (reminders, daemon, deal) = reminders_of(json!({ "hubspot_owner_id": null })).await;
    assert_eq!(reminders, [reminder(MARTINA, DUE)]);
    assert_eq!(daemon.explain(&deal).owner, None);
}

#[tokio::test]
async fn a_deal_without_an_amount_gets_no_clock_and_explain_says_why() {
    let (reminders, daemon, deal) = reminders_of(json!({ "amount": null })).await;
    assert_eq!(reminders, []);
    let told = &daemon.explain(&deal).rules[0];
    assert!(told.clock.is_none() && told.now.contains("amount") && told.now.contains("empty"), "{}", told.now);
}

#[tokio::test]
async fn an_owner_without_a_zone_is_reminded_in_the_zone_of_the_account() {
    let (reminders, ..) = reminders_of(json!({ "hubspot_owner_id": NOAH })).await;
    assert_eq!(reminders, [reminder(NOAH, "Tue 14:00")], "nine in the morning in New York");
}

#[tokio::test]
async fn a_property_deleted_while_running_stops_its_connection_until_it_is_back() {
    let (acme, beta) = (Account::new(at("Mon 08:00")), Account::new(at("Mon 08:00")));
    let daemon = Daemon::new(&[("acme", &acme), ("beta", &beta)]).await;
    acme.add_deal(&json!({ "complex": "true" }));
    acme.add_deal(&json!({}));
    beta.add_deal(&json!({}));
    daemon.run_until("Tue 06:00").await;
    acme.delete_complex();
    daemon.run_until("Tue 12:00").await;
    // Whether a deal is Complex cannot be known now, so nobody is reminded of any.
    assert_eq!(acme.reminders(), []);
    assert_eq!(beta.reminders(), [reminder(ANNA, DUE)]);
    let told = daemon.troubles("acme");
    assert!(told.contains("the property `complex`, mapped to `complex`, does not exist on deals"), "{told}");

    acme.add_complex();
    daemon.run_until("Wed 12:00").await;
    assert_eq!(daemon.troubles("acme"), "");
    assert_eq!(acme.reminders().len(), 1, "of the deal that is not Complex");
}
