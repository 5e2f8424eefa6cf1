//! Creating tasks: once each, whatever happens on the way.

use dealclock_connector::ErrorKind;
use dealclock_model::effect::NewTask;
use dealclock_model::{EffectId, Receipt, Write};
use dealclock_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};

use crate::support::{Account, KEY, OTHER_TOKEN, TOKEN, effect, mapping, opportunity, reminder};

async fn apply(account: &Account, writes: &[(EffectId, Write)]) -> Vec<dealclock_connector::Result<Receipt>> {
    account.connector.apply(writes).await
}

fn reminders(account: &Account, count: usize) -> Vec<(EffectId, Write)> {
    let owner = account.user();
    account.add_opportunities(count).iter().map(|id| reminder(id, &owner, "1d")).collect()
}

#[tokio::test]
async fn a_reminder_is_a_task_with_a_plain_date_a_popup_and_its_key() {
    let account = Account::new();
    let writes = reminders(&account, 1);
    let receipt = apply(&account, &writes).await.remove(0).unwrap();
    assert!(!receipt.found);
    let task = account.task(receipt.id.as_deref().unwrap());
    assert_eq!(task["Subject"], "Prepare a proposal, 1d");
    assert_eq!(task["Description"], "Five days.\n\nSee <the deal> & act.");
    assert_eq!((&task["ActivityDate"], &task["Status"]), (&json!("2026-03-07"), &json!("Not Started")));
    assert_eq!(task["ReminderDateTime"], "2026-03-07T09:00:00.000+0000");
    assert_eq!((&task["IsReminderSet"], &task[KEY]), (&json!(true), &json!(writes[0].0.to_string())));
    assert!(task["WhatId"].as_str().unwrap().starts_with("006"));
}

#[tokio::test]
async fn a_thousand_reminders_are_one_call() {
    let account = Account::new();
    let writes = reminders(&account, 1_000);
    account.connector.check().await.unwrap();
    account.sent();
    let receipts = apply(&account, &writes).await;
    assert_eq!(account.sent(), ["POST /composite"]);
    assert!(receipts.iter().all(|receipt| receipt.as_ref().is_ok_and(|receipt| !receipt.found)));
    let some = apply(&account, &writes[..200]).await;
    assert_eq!(account.sent(), ["POST /composite/sobjects"]);
    assert!(some.iter().zip(&receipts).all(|(again, first)| {
        let (again, first) = (again.as_ref().unwrap(), first.as_ref().unwrap());
        again.found && again.id == first.id
    }));
    assert_eq!(account.query("SELECT Id FROM Task").len(), 1_000);
}

#[tokio::test]
async fn a_replay_reopens_nothing_and_changes_nothing() {
    let account = Account::new();
    let writes = reminders(&account, 1);
    let id = apply(&account, &writes).await.remove(0).unwrap().id.unwrap();
    account.set("Task", &id, &json!({ "Status": "Completed", "Subject": "Mine now" }));
    let receipt = apply(&account, &writes).await.remove(0).unwrap();
    assert_eq!((receipt.found, receipt.id.as_deref()), (true, Some(&*id)));
    let task = account.task(&id);
    assert_eq!((&task["Status"], &task["Subject"]), (&json!("Completed"), &json!("Mine now")));
}

#[tokio::test]
async fn after_a_lost_answer_the_tasks_are_found_and_made_once() {
    for fault in
        [Fault::Drop { applied: true }, Fault::Html { applied: true }, Fault::Truncate, Fault::Missing { results: 3 }]
    {
        let account = Account::new();
        let writes = reminders(&account, 10);
        account.connector.check().await.unwrap();
        account.sandbox.set_faults(vec![FaultRule::once("sf.collections.create", fault.clone())]);
        let answers = apply(&account, &writes).await;
        assert!(
            answers.iter().any(|answer| answer.as_ref().is_err_and(|error| error.kind == ErrorKind::Unknown)),
            "{fault:?}: {answers:?}"
        );
        let found = account.connector.find(&writes).await.unwrap();
        assert!(found.iter().all(|found| found.as_ref().is_some_and(|receipt| receipt.found)), "{fault:?}: {found:?}");
        assert!(writes.iter().all(|(effect, _)| account.tasks_ever(*effect) == 1));
    }
}

#[tokio::test]
async fn what_did_not_arrive_is_not_found() {
    let account = Account::new();
    let writes = reminders(&account, 3);
    account.connector.check().await.unwrap();
    account.sandbox.set_faults(vec![FaultRule::once("sf.collections.create", Fault::Drop { applied: false })]);
    let answers = apply(&account, &writes).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_err_and(|error| error.kind == ErrorKind::Unknown)));
    assert_eq!(account.connector.find(&writes).await.unwrap(), vec![None; 3]);
}

#[tokio::test]
async fn a_deleted_task_was_made_once_and_is_found() {
    let account = Account::new();
    let writes = reminders(&account, 1);
    let id = apply(&account, &writes).await.remove(0).unwrap().id.unwrap();
    account.delete("Task", &id);
    let found = account.connector.find(&writes).await.unwrap().remove(0).unwrap();
    assert_eq!((found.id.as_deref(), found.kept), (Some(&*id), vec!["the task was deleted".to_owned()]));
}

#[tokio::test]
async fn keys_of_ours_are_found_on_the_records_deleted_tasks_included() {
    let account = Account::new();
    let owner = account.user();
    let ids = account.add_opportunities(2);
    let writes = [reminder(&ids[0], &owner, "1d"), reminder(&ids[0], &owner, "4d")];
    let receipts = apply(&account, &writes).await;
    account.delete("Task", receipts[0].as_ref().unwrap().id.as_deref().unwrap());
    let foreign = json!({ "Subject": "Not ours", "WhatId": ids[1] });
    assert_eq!(account.call("POST", "/sobjects/Task", &foreign).0, 201);
    let mut written = account.connector.written(&[opportunity(&ids[1]), opportunity(&ids[0])]).await.unwrap();
    written[1].sort();
    let mut expected: Vec<_> = writes
        .iter()
        .zip(&receipts)
        .map(|((effect, _), r)| (*effect, r.as_ref().unwrap().id.clone().unwrap()))
        .collect();
    expected.sort();
    assert_eq!(written, [vec![], expected]);
}

#[tokio::test]
async fn one_bad_reminder_does_not_hold_up_the_others() {
    let account = Account::new();
    let mut writes = reminders(&account, 5);
    let Write::CreateTask(new) = &mut writes[2].1 else { panic!("a creation") };
    new.record = Some(opportunity("006000000000000AAA"));
    let answers = apply(&account, &writes).await;
    for (index, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), index != 2, "{index}: {answer:?}");
    }
    assert_eq!(answers[2].as_ref().unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn a_batch_that_is_refused_as_a_whole_is_halved_until_the_bad_one_stands_alone() {
    let account = Account::new();
    let writes = reminders(&account, 4);
    account.connector.check().await.unwrap();
    account.sent();
    let refused = r#"[{"errorCode":"JSON_PARSER_ERROR","message":"Cannot deserialize instance of date"}]"#;
    // The whole, its first half, and the first one of that.
    for _ in 0..3 {
        account.answer_next(400, refused);
    }
    let answers = apply(&account, &writes).await;
    assert_eq!(account.sent().len(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3, "{answers:?}");
    let error = answers.iter().find_map(|answer| answer.as_ref().err()).unwrap();
    assert_eq!(error.kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn a_collection_of_a_composite_that_breaks_is_unknown_and_the_others_are_done() {
    let account = Account::new();
    let writes = reminders(&account, 300);
    account.connector.check().await.unwrap();
    let done: Vec<_> =
        (0..200).map(|n| json!({ "id": format!("00TUz{n:013}"), "success": true, "errors": [] })).collect();
    let broken = json!([{ "errorCode": "UNKNOWN_EXCEPTION", "message": "An unexpected error occurred." }]);
    let answer = json!({ "compositeResponse": [{ "referenceId": "tasks1", "httpStatusCode": 500, "body": broken },
        { "referenceId": "tasks0", "httpStatusCode": 200, "body": done }] });
    account.answer_next(200, &answer.to_string());
    let answers = apply(&account, &writes).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 200);
    assert!(answers.iter().filter_map(|answer| answer.as_ref().err()).all(|error| error.kind == ErrorKind::Unknown));
}

#[tokio::test]
async fn without_a_key_field_reminders_wait_and_none_is_lost() {
    let account = Account::bare(mapping(), |_| {});
    let owner = account.user();
    let id = account.add_opportunities(1).remove(0);
    let writes = [reminder(&id, &owner, "1d")];
    let error = apply(&account, &writes).await.remove(0).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.contains("dealclock setup"), "{error}");
    account.add_fields();
    assert!(apply(&account, &writes).await[0].is_ok(), "it is written as soon as the field is there");
}

#[tokio::test]
async fn a_session_that_ends_before_a_write_is_renewed_and_the_write_made_once() {
    let mut account = Account::new();
    let writes = reminders(&account, 2);
    account.reconnect(&["00Dold", OTHER_TOKEN]);
    let answers = apply(&account, &writes).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(writes.iter().all(|(effect, _)| account.tasks_ever(*effect) == 1));
    account.reconnect(&["00Dold", "00Dolder"]);
    account.sent();
    let error = apply(&account, &writes).await.remove(0).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert_eq!(account.sent().len(), 2, "a second refusal is final");
}

#[tokio::test]
async fn refusals_inside_a_success_are_told_by_their_codes() {
    let account = Account::new();
    let writes = reminders(&account, 6);
    account.connector.check().await.unwrap();
    let error = |code: &str, message: &str| json!({ "success": false, "errors": [{ "statusCode": code, "message": message, "fields": [] }] });
    let results = json!([
        error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
        error(
            "DUPLICATE_VALUE",
            &format!("duplicate value found: {KEY} duplicates value on record with id: 00TUz00000000AAAA1")
        ),
        error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no tasks on Mondays"),
        error("INVALID_FIELD_FOR_INSERT_UPDATE", &format!("Unable to create/update fields: {KEY}")),
        error("ENTITY_IS_LOCKED", "the record is locked"),
        error(
            "DUPLICATE_VALUE",
            &format!("duplicate value found: {KEY} duplicates value on record with id: <unknown>")
        ),
    ]);
    account.answer_next(200, &results.to_string());
    let answers = apply(&account, &writes).await;
    // Tasks go ordered by their records, which are in the order of their ids here.
    let kinds: Vec<_> =
        answers.iter().map(|answer| answer.as_ref().map(|r| r.found).map_err(|error| error.kind)).collect();
    assert!(matches!(kinds[0], Err(ErrorKind::Transient { retry_at: Some(_) })), "{kinds:?}");
    assert_eq!(kinds[1], Ok(true));
    assert_eq!(kinds[2], Err(ErrorKind::Rejected));
    assert_eq!(kinds[3], Err(ErrorKind::Unauthorized), "a right that is missing gives no reminder up");
    assert_eq!(kinds[4], Err(ErrorKind::Locked));
    assert_eq!(kinds[5], Err(ErrorKind::Rejected), "it is looked up, and is not there");
}

#[tokio::test]
async fn no_reminder_is_given_up_for_what_a_call_as_a_whole_came_to() {
    let check = async |status: u16, applied: bool, kind: ErrorKind| {
        let account = Account::new();
        let writes = reminders(&account, 1);
        account.connector.check().await.unwrap();
        let fault = Fault::Status { code: status, retry_after: None, applied };
        account.sandbox.set_faults(vec![FaultRule::once("sf.collections.create", fault)]);
        assert_eq!(apply(&account, &writes).await.remove(0).unwrap_err().kind, kind, "{status}");
        let receipt = apply(&account, &writes).await.remove(0).unwrap();
        assert_eq!((receipt.found, account.query("SELECT Id FROM Task").len()), (applied, 1), "{status}");
    };
    for nobody_there in [404, 405, 410] {
        check(nobody_there, false, ErrorKind::Transient { retry_at: None }).await;
    }
    check(200, false, ErrorKind::Unknown).await;
    check(200, true, ErrorKind::Unknown).await;
}

#[tokio::test]
async fn a_limit_is_told_with_when_to_try_again_and_makes_no_login() {
    let account = Account::new();
    let writes = reminders(&account, 1);
    account.connector.check().await.unwrap();
    account.sent();
    account.answer_next(403, r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"ConcurrentRequests (Concurrent API Requests) Limit exceeded."}]"#);
    let error = apply(&account, &writes).await.remove(0).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Transient { retry_at: Some(_) }), "{error:?}");
    account.answer_next(403, r#"[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]"#);
    let error = apply(&account, &writes).await.remove(0).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Throttled { .. }), "{error:?}");
    assert_eq!(account.sent().len(), 2);
    let error = apply(&account, &writes).await.remove(0).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Throttled { .. }) && account.sent().is_empty(), "the org is left alone");
    account.pass(16 * 60);
    assert!(apply(&account, &writes).await[0].is_ok());
}

#[tokio::test]
async fn a_text_of_a_megabyte_is_cut_and_a_task_about_nothing_has_no_link() {
    let account = Account::new();
    let owner = account.user();
    let new = NewTask {
        record: None,
        owner: owner.as_str().into(),
        subject: "🙂".repeat(400),
        body: "x".repeat(1 << 20),
        due_date: "2026-03-01".parse().unwrap(),
        due_at: "2026-03-01T09:00:00Z".parse().unwrap(),
        asks: false,
    };
    let receipt = apply(&account, &[(effect("overflow", "1d"), Write::CreateTask(new))]).await.remove(0).unwrap();
    let task = account.task(&receipt.id.unwrap());
    assert_eq!(task["Description"].as_str().unwrap().len(), 32_000);
    assert!(task["Subject"].as_str().unwrap().ends_with("🙂..."));
    assert_eq!((&task["WhatId"], &task["IsReminderSet"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn no_token_is_in_any_message() {
    let mut account = Account::new();
    let writes = reminders(&account, 1);
    account.reconnect(&[TOKEN]);
    account
        .sandbox
        .set_faults(vec![FaultRule::always("sf.", Fault::Status { code: 500, retry_after: None, applied: false })]);
    let error = apply(&account, &writes).await.remove(0).unwrap_err();
    assert!(!error.message.contains("Dealclock") && !error.message.contains(TOKEN), "{error}");
}
