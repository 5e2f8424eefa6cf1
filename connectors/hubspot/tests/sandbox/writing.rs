//! Writing tasks: once, in batches, and never over a person's change.

use dealclock_connector::{ErrorKind, Result};
use dealclock_model::effect::{Email, TaskFields, TaskUpdate};
use dealclock_model::{EffectId, Receipt, Write};
use dealclock_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Account, closing, deal, effect, mapping, reminder, start};

fn id_of(outcome: &Result<Receipt>) -> String {
    outcome.as_ref().unwrap().id.clone().unwrap()
}

fn create(path: &str, fault: Fault) -> FaultRule {
    FaultRule { method: Some("POST".to_owned()), ..FaultRule::once(path, fault) }
}

const CREATE: &str = "/crm/objects/2026-09/tasks/batch/create";
const UPDATE: &str = "/crm/objects/2026-09/tasks/batch/update";

/// Does what the daemon does after an unknown result: looks first, then creates what is missing.
async fn settle(account: &Account, writes: &[(EffectId, Write)]) -> Vec<Receipt> {
    let found = account.connector.find(writes).await.unwrap();
    let missing: Vec<_> =
        writes.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(write, _)| write.clone()).collect();
    let mut made = account.connector.apply(&missing).await.into_iter();
    found.into_iter().map(|found| found.unwrap_or_else(|| made.next().unwrap().unwrap())).collect()
}

#[tokio::test]
async fn a_hundred_reminders_are_one_call_and_hang_on_their_deals() {
    let account = Account::new();
    let deals = account.add_deals(100);
    let writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    account.connector.apply(&writes[..1]).await;
    account.sent();
    let outcomes = account.connector.apply(&writes[1..]).await;
    assert_eq!(account.sent().len(), 1);
    let task = account.task(&id_of(&outcomes[0]));
    assert_eq!(task["hs_task_subject"], "Prepare a proposal, 1d");
    assert_eq!(task["hs_task_body"], "<p>Five days.</p><p>See &lt;the deal&gt; &amp; act.</p>");
    assert_eq!((&task["hs_task_status"], &task["hubspot_owner_id"]), (&json!("NOT_STARTED"), &json!("64492907")));
    assert_eq!(task["dealclock_key"], effect(&deals[1], "1d").to_string());
    let written = account.connector.written(&[deal(&deals[1]), deal("999")]).await.unwrap();
    assert_eq!(written, [vec![(effect(&deals[1], "1d"), id_of(&outcomes[0]))], vec![]]);
}

#[tokio::test]
async fn a_task_is_found_by_its_key_also_when_a_person_deleted_it() {
    let account = Account::new();
    let deals = account.add_deals(3);
    let writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    let outcomes = account.connector.apply(&writes[..2]).await;
    account.delete("tasks", &id_of(&outcomes[1]));
    let found = account.connector.find(&writes).await.unwrap();
    let expect = |outcome: &Result<Receipt>, kept: &[&str]| {
        Some(Receipt {
            id: Some(id_of(outcome)),
            found: true,
            kept: kept.iter().map(|what| (*what).to_owned()).collect(),
        })
    };
    assert_eq!(found, [expect(&outcomes[0], &[]), expect(&outcomes[1], &["the task was deleted"]), None]);
}

#[tokio::test]
async fn a_second_creation_with_the_same_key_finds_the_first() {
    let account = Account::new();
    let deals = account.add_deals(3);
    let first = account.connector.apply(&[reminder(&deals[0], "1d")]).await;
    let outcomes = account.connector.apply(&deals.iter().map(|id| reminder(id, "1d")).collect::<Vec<_>>()).await;
    assert_eq!(outcomes[0], Ok(Receipt { found: true, ..first[0].clone().unwrap() }));
    assert!(outcomes[1..].iter().all(|outcome| outcome.as_ref().is_ok_and(|receipt| !receipt.found)));
    assert_eq!(account.tasks_ever(effect(&deals[0], "1d")), 1);
}

#[tokio::test]
async fn whatever_happens_to_the_answer_each_reminder_exists_once() {
    let faults = [
        Fault::Drop { applied: true },
        Fault::Drop { applied: false },
        Fault::Hang { applied: true },
        Fault::Status { code: 500, retry_after: None, applied: true },
        Fault::Status { code: 502, retry_after: None, applied: false },
        Fault::Status { code: 504, retry_after: Some("5".to_owned()), applied: true },
        Fault::Html { applied: true },
        Fault::Html { applied: false },
        Fault::Truncate,
        Fault::Reorder,
        Fault::Missing { results: 2 },
        Fault::Redirect { location: "https://elsewhere.example/".to_owned() },
    ];
    for fault in faults {
        for keyed in [true, false] {
            let account = if keyed { Account::new() } else { Account::bare(Default::default(), |_| {}) };
            let deals = account.add_deals(5);
            let writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
            account.connector.find(&writes).await.unwrap();
            account.sandbox.set_faults(vec![create(CREATE, fault.clone())]);
            for outcome in account.connector.apply(&writes).await {
                let unknown = |error: &dealclock_connector::Error| error.kind == ErrorKind::Unknown;
                assert!(
                    outcome.as_ref().is_ok_and(|receipt| receipt.id.is_some()) || outcome.as_ref().is_err_and(unknown)
                );
            }
            settle(&account, &writes).await;
            for id in &deals {
                assert_eq!(account.tasks_ever(effect(id, "1d")), 1, "{fault:?}, keyed: {keyed}");
            }
        }
    }
}

#[tokio::test]
async fn refusals_before_the_write_say_when_to_try_again_and_write_nothing() {
    let status = |code, retry_after: Option<&str>| Fault::Status {
        code,
        retry_after: retry_after.map(str::to_owned),
        applied: false,
    };
    let throttled = |seconds| ErrorKind::Throttled { until: start() + chrono::Duration::seconds(seconds) };
    for (fault, kind) in [
        (status(401, None), ErrorKind::Unauthorized),
        (status(403, None), ErrorKind::Unauthorized),
        (status(423, None), throttled(2)),
        (status(429, Some("7")), throttled(7)),
        (status(429, Some("99999999")), throttled(86_400)),
        (status(477, Some("60")), throttled(60)),
        // Whoever knows no such address, such as a gateway, has read no reminder, and none is given up for it.
        (status(404, None), ErrorKind::Transient { retry_at: None }),
        (status(405, None), ErrorKind::Transient { retry_at: None }),
        (status(410, None), ErrorKind::Transient { retry_at: None }),
    ] {
        let account = Account::new();
        let id = account.add_deals(1).remove(0);
        account.connector.find(&[reminder(&id, "1d")]).await.unwrap();
        account.sandbox.set_faults(vec![create(CREATE, fault.clone())]);
        let outcomes = account.connector.apply(&[reminder(&id, "1d")]).await;
        assert_eq!(outcomes[0].as_ref().unwrap_err().kind, kind, "{fault:?}");
        assert_eq!(account.tasks_ever(effect(&id, "1d")), 0);
        if let ErrorKind::Throttled { until } = kind
            && fault != status(423, None)
        {
            // Before that instant nothing leaves.
            account.sent();
            assert_eq!(
                account.connector.apply(&[reminder(&id, "1d")]).await[0].as_ref().unwrap_err().kind,
                ErrorKind::Throttled { until }
            );
            assert_eq!(account.sent(), Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn one_bad_reminder_does_not_hold_up_the_others() {
    let account = Account::new();
    let deals = account.add_deals(20);
    let mut writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    let Write::CreateTask(bad) = &mut writes[7].1 else { panic!("not a creation") };
    bad.owner = "31337".into();
    let outcomes = account.connector.apply(&writes).await;
    for (number, outcome) in outcomes.iter().enumerate() {
        match number {
            7 => assert_eq!(outcome.as_ref().unwrap_err().kind, ErrorKind::Rejected),
            _ => assert!(outcome.is_ok(), "{number}: {outcome:?}"),
        }
    }
    assert!(!outcomes[7].as_ref().unwrap_err().message.is_empty());
}

#[tokio::test]
async fn a_batch_refused_as_a_whole_is_halved_until_the_bad_one_stands_alone() {
    let account = Account::new();
    let deals = account.add_deals(16);
    let mut writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    let Write::CreateTask(bad) = &mut writes[3].1 else { panic!("not a creation") };
    bad.record = Some(deal("999"));
    // The answer names no input.
    account.connector.find(&writes[..1]).await.unwrap();
    account.sandbox.set_faults(vec![create(CREATE, Fault::Status { code: 400, retry_after: None, applied: false })]);
    let outcomes = account.connector.apply(&writes).await;
    let failed: Vec<usize> =
        outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_err()).map(|(number, _)| number).collect();
    assert_eq!(failed, [3], "{outcomes:?}");
}

#[tokio::test]
async fn a_partial_batch_is_split_by_item() {
    let account = Account::new();
    let deals = account.add_deals(6);
    let writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    account.sandbox.set_faults(vec![create(CREATE, Fault::Partial { every: 3 })]);
    let outcomes = account.connector.apply(&writes).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 4, "{outcomes:?}");
    settle(&account, &writes).await;
    assert!(deals.iter().all(|id| account.tasks_ever(effect(id, "1d")) == 1));
}

#[tokio::test]
async fn an_update_leaves_alone_what_a_person_changed_completed_or_deleted() {
    let account = Account::new();
    let deals = account.add_deals(4);
    let writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    let tasks: Vec<String> = account.connector.apply(&writes).await.iter().map(id_of).collect();
    account.set_task(&tasks[1], json!({ "hubspot_owner_id": "64492908" }));
    account.set_task(&tasks[2], json!({ "hs_task_status": "COMPLETED" }));
    account.delete("tasks", &tasks[3]);
    let owner = |id: &str| TaskFields { owner: Some(id.into()), ..TaskFields::default() };
    let update = |task: &String| {
        Write::UpdateTask(TaskUpdate { task: task.clone(), expect: owner("64492907"), set: owner("64492909") })
    };
    let updates: Vec<_> = tasks.iter().zip(&deals).map(|(task, id)| (effect(id, "1d/owner-2"), update(task))).collect();
    account.sent();
    let outcomes = account.connector.apply(&updates).await;
    assert_eq!(account.sent().len(), 2);
    let kept: Vec<Vec<String>> = outcomes.into_iter().map(|outcome| outcome.unwrap().kept).collect();
    assert_eq!(
        kept,
        [vec![], vec!["the owner was changed"], vec!["the task was completed"], vec!["the task was deleted"]]
    );
    assert_eq!(account.task(&tasks[0])["hubspot_owner_id"], "64492909");
    assert_eq!(account.task(&tasks[1])["hubspot_owner_id"], "64492908");
}

#[tokio::test]
async fn an_update_whose_answer_was_lost_is_simply_repeated() {
    let account = Account::new();
    let id = account.add_deals(1).remove(0);
    let task = id_of(&account.connector.apply(&[reminder(&id, "1d")]).await[0]);
    account.sandbox.set_faults(vec![create(UPDATE, Fault::Drop { applied: true })]);
    let lost = account.connector.apply(&[closing(&id, &task)]).await.remove(0).unwrap_err();
    assert_eq!(lost.kind, ErrorKind::Transient { retry_at: None });
    let again = account.connector.apply(&[closing(&id, &task)]).await.remove(0).unwrap();
    assert_eq!((again.found, again.kept), (true, vec![]));
    assert_eq!(account.task(&task)["hs_task_status"], "COMPLETED");
}

#[tokio::test]
async fn two_updates_of_one_task_are_written_one_after_the_other() {
    let account = Account::new();
    let id = account.add_deals(1).remove(0);
    let task = id_of(&account.connector.apply(&[reminder(&id, "1d")]).await[0]);
    let owner = |id: &str| TaskFields { owner: Some(id.into()), ..TaskFields::default() };
    let update = |from, to| Write::UpdateTask(TaskUpdate { task: task.clone(), expect: owner(from), set: owner(to) });
    let writes =
        [(effect(&id, "a"), update("64492907", "64492908")), (effect(&id, "b"), update("64492908", "64492909"))];
    assert!(
        account
            .connector
            .apply(&writes)
            .await
            .iter()
            .all(|outcome| outcome.as_ref().is_ok_and(|receipt| receipt.kept.is_empty()))
    );
    assert_eq!(account.task(&task)["hubspot_owner_id"], "64492909");
}

#[tokio::test]
async fn without_the_unique_property_the_key_stands_in_the_text() {
    let account = Account::bare(Default::default(), |options| options.unique_task_properties = false);
    let deals = account.add_deals(2);
    let writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    let outcomes = account.connector.apply(&writes).await;
    let body = account.task(&id_of(&outcomes[0]))["hs_task_body"].clone();
    assert!(body.as_str().unwrap().ends_with(&format!("<p>ref {}</p>", effect(&deals[0], "1d"))), "{body}");
    let found = account.connector.find(&writes).await.unwrap();
    assert_eq!(found[1].as_ref().unwrap().id, Some(id_of(&outcomes[1])));
    // Once setup has made the property, earlier tasks are still found.
    let account = Account::bare(mapping(), |_| {});
    let id = account.add_deals(1).remove(0);
    account.connector.apply(&[reminder(&id, "1d")]).await;
    account.add_key();
    account.connector.check().await.unwrap();
    assert!(account.connector.find(&[reminder(&id, "1d")]).await.unwrap()[0].is_some());
}

#[tokio::test]
async fn a_key_property_deleted_while_running_holds_reminders_up_and_gives_none_up() {
    let account = Account::new();
    let deals = account.add_deals(2);
    account.connector.apply(&[reminder(&deals[0], "1d")]).await[0].as_ref().unwrap();
    account.call("DELETE", "/crm/properties/2026-09/tasks/dealclock_key", json!(null));
    let error = account.connector.apply(&[reminder(&deals[1], "1d")]).await.remove(0).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.contains("dealclock_key"), "{error}");
}

#[tokio::test]
async fn mail_does_not_leave_through_hubspot() {
    let account = Account::new();
    let mail =
        Email { to: "64492907".into(), subject: "s".to_owned(), body: "b".to_owned(), link: None, question: None };
    let outcome = account.connector.apply(&[(effect("1", "mail"), Write::SendEmail(mail))]).await.remove(0);
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Rejected);
}
