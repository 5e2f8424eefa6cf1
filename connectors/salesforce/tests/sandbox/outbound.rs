//! Outbound Messages as the sandbox sends them, read by the connector.

use dealclock_connector::{Hint, Incoming, Received, Refused};
use http::{HeaderMap, Method};
use serde_json::json;

use crate::support::{Account, opportunity};

const HOOK: &str = "http://127.0.0.1:8787/hooks/acme/secret";

async fn receive(account: &Account) -> Vec<Result<Received, Refused>> {
    let id = account.connector.check().await.unwrap().id;
    let webhooks = account.connector.webhooks().unwrap();
    let messages = account.sandbox.due_messages();
    let read = |message: &dealclock_sandbox::OutboundMessage| {
        webhooks.receive(&Incoming {
            method: &Method::POST,
            url: &message.url,
            headers: &HeaderMap::new(),
            body: message.body.as_bytes(),
            account: &id,
            now: dealclock_connector::Clock::now(&*account.clock),
        })
    };
    messages.iter().map(read).collect()
}

#[tokio::test]
async fn every_change_becomes_a_hint_to_the_record() {
    let account = Account::new();
    assert!(account.sandbox.tell_changes(HOOK, &["Opportunity", "Task", "User"]));
    let deals = account.add_opportunities(120);
    let task = json!({ "Subject": "Ümläut & <more>", "WhatId": deals[0] });
    assert_eq!(account.call("POST", "/sobjects/Task", &task).0, 201);
    account.set("User", &account.user(), &json!({ "Department": "Sales" }));
    let received: Vec<Received> = receive(&account).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(received.len(), 2, "a hundred notifications travel together");
    let hints: std::collections::BTreeSet<&Hint> = received.iter().flat_map(|received| &received.hints).collect();
    assert!(deals.iter().all(|id| hints.contains(&Hint::Record(opportunity(id)))));
    assert!(hints.contains(&Hint::People));
    assert_eq!(received.iter().map(|received| received.keys.len()).sum::<usize>(), 122);
}

#[tokio::test]
async fn what_comes_again_bears_the_same_key() {
    let account = Account::new();
    account.sandbox.tell_changes(HOOK, &["Opportunity"]);
    account.add_opportunities(1);
    let message = account.sandbox.due_messages().remove(0);
    account.sandbox.settle_message(message.number, false);
    account.pass(60);
    let again = receive(&account).await.remove(0).unwrap();
    assert!(again.keys.iter().all(|key| message.body.contains(key.as_str())));
}
