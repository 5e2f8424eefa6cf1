//! What people decide in tasks, and what HubSpot has no such thing for.

use dealclock_connector::ErrorKind;
use dealclock_model::effect::{Email, NewTask, Notification, Submission};
use dealclock_model::{Ruling, Write};
use serde_json::json;

use crate::support::{Account, deal, effect, mapping, reminder};

/// A task that asks for a decision.
async fn question(account: &Account, step: &str) -> String {
    let id = account.add_deals(1).remove(0);
    let (effect, Write::CreateTask(new)) = reminder(&id, step) else { panic!("a creation") };
    let write = (effect, Write::CreateTask(NewTask { asks: true, ..new }));
    account.connector.apply(&[write]).await.remove(0).unwrap().id.unwrap()
}

#[tokio::test]
async fn a_task_tells_whether_it_is_completed_and_what_was_decided_in_it() {
    let account = Account::new();
    let [open, granted, refused] =
        [question(&account, "1").await, question(&account, "2").await, question(&account, "3").await];
    account.pass(60);
    account.set_task(&granted, json!({ "hs_task_status": "COMPLETED", "dealclock_outcome": "approved" }));
    account.set_task(&refused, json!({ "hs_task_status": "COMPLETED", "dealclock_outcome": "refused" }));
    let asked = [&refused, &granted, &open].map(Clone::clone);
    let seen = account.connector.outcomes().unwrap().look(&asked).await.unwrap();
    let said: Vec<_> = seen.iter().flatten().map(|seen| (seen.task.clone(), seen.done, seen.outcome)).collect();
    let expected =
        [(refused, true, Some(Ruling::Reject)), (granted, true, Some(Ruling::Approve)), (open.clone(), false, None)];
    assert_eq!(said, expected);
    let (granted, open_at) = (seen[1].as_ref().unwrap(), seen[2].as_ref().unwrap().at);
    assert!(granted.at - open_at >= chrono::Duration::seconds(59), "the CRM's time counts");
    assert!(granted.owner.is_some());
    account.delete("tasks", &open);
    assert_eq!(account.connector.outcomes().unwrap().look(&[open]).await.unwrap(), [None]);
}

#[tokio::test]
async fn in_an_account_without_the_property_tasks_ask_all_the_same_and_the_hindrance_is_told() {
    let account = Account::bare(mapping(), |_| {});
    account.add_key();
    let task = question(&account, "1").await;
    account.set_task(&task, json!({ "hs_task_status": "COMPLETED" }));
    let seen = account.connector.outcomes().unwrap().look(&[task]).await.unwrap().remove(0).unwrap();
    assert_eq!((seen.done, seen.outcome), (true, None));
    let hindrance = account.connector.outcomes().unwrap().hindrance().await.unwrap().unwrap();
    assert!(hindrance.what.contains("`dealclock_outcome`") && !hindrance.fatal, "{hindrance:?}");
    account.add_outcome();
    assert_eq!(account.connector.outcomes().unwrap().hindrance().await.unwrap(), None);
}

#[tokio::test]
async fn what_hubspot_has_no_such_thing_for_is_rejected_in_clear_words() {
    let account = Account::new();
    assert!(account.connector.descriptor().channels.is_empty());
    let id = account.add_deals(1).remove(0);
    let submission =
        Submission { record: deal(&id), submitter: None, approvers: Vec::new(), process: None, comment: String::new() };
    let notice = Notification { to: "1".into(), title: "t".to_owned(), body: "b".to_owned(), record: Some(deal(&id)) };
    let mail = Email { to: "1".into(), subject: "s".to_owned(), body: "b".to_owned(), link: None, question: None };
    for (write, words) in [
        (Write::SubmitApproval(submission), "no approval process"),
        (Write::Notify(notice), "use `task` or `email`"),
        (Write::SendCrmEmail(mail), "use `email`"),
    ] {
        let write = [(effect(&id, "x"), write)];
        let error = account.connector.apply(&write).await.remove(0).unwrap_err();
        assert!(error.kind == ErrorKind::Rejected && error.message.contains(words), "{error}");
        assert_eq!(account.connector.find(&write).await.unwrap(), [None]);
    }
}
