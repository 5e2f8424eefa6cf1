//! Changing tasks and opportunities: never what a person changed.

use std::collections::BTreeMap;

use dealclock_connector::ErrorKind;
use dealclock_model::effect::{RecordUpdate, TaskFields, TaskUpdate};
use dealclock_model::{EffectId, FieldName, Receipt, Value, Write};
use dealclock_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Account, closing, effect, opportunity, reminder};

async fn one(account: &Account, write: (EffectId, Write)) -> dealclock_connector::Result<Receipt> {
    account.connector.apply(&[write]).await.remove(0)
}

async fn task(account: &Account) -> (String, String) {
    let owner = account.user();
    let id = account.add_opportunities(1).remove(0);
    let task = one(account, reminder(&id, &owner, "1d")).await.unwrap().id.unwrap();
    (id, task)
}

#[tokio::test]
async fn an_open_task_is_completed_and_a_replay_finds_it_done() {
    let account = Account::new();
    let (id, task) = task(&account).await;
    account.pass(60);
    account.sent();
    let receipt = one(&account, closing(&id, &task)).await.unwrap();
    assert_eq!(account.sent(), ["POST /composite", "POST /composite"]);
    assert_eq!((receipt.found, receipt.kept.len()), (false, 0));
    assert_eq!(account.task(&task)["Status"], "Completed");
    assert!(one(&account, closing(&id, &task)).await.unwrap().found);
}

#[tokio::test]
async fn a_task_that_a_person_changed_or_deleted_is_left_alone() {
    let account = Account::new();
    let (id, task) = task(&account).await;
    account.set("Task", &task, &json!({ "Status": "Waiting on someone else" }));
    let receipt = one(&account, closing(&id, &task)).await.unwrap();
    assert_eq!(receipt.kept, ["the status was changed"]);
    assert_eq!(account.task(&task)["Status"], "Waiting on someone else");
    account.delete("Task", &task);
    assert_eq!(one(&account, closing(&id, &task)).await.unwrap().kept, ["the task was deleted"]);
}

#[tokio::test]
async fn a_completed_task_is_never_reopened() {
    let account = Account::new();
    let (id, task) = task(&account).await;
    account.set("Task", &task, &json!({ "Status": "Completed" }));
    let body = |text: &str| TaskFields { body: Some(text.to_owned()), ..TaskFields::default() };
    let update = TaskUpdate { task: task.clone(), expect: body("Five days."), set: body("Six days.") };
    let receipt = one(&account, (effect(&id, "text"), Write::UpdateTask(update))).await.unwrap();
    assert_eq!(receipt.kept, ["the task was completed"]);
    assert_eq!(account.task(&task)["Status"], "Completed");
}

#[tokio::test]
async fn a_hundred_tasks_are_updated_in_five_calls() {
    let account = Account::new();
    let owner = account.user();
    let ids = account.add_opportunities(100);
    let writes: Vec<_> = ids.iter().map(|id| reminder(id, &owner, "1d")).collect();
    let receipts = account.connector.apply(&writes).await;
    account.pass(60);
    let closings: Vec<_> = ids
        .iter()
        .zip(&receipts)
        .map(|(id, receipt)| closing(id, receipt.as_ref().unwrap().id.as_deref().unwrap()))
        .collect();
    account.sent();
    let answers = account.connector.apply(&closings).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(account.sent().len(), 5);
}

fn fields(values: &[(&str, Value)]) -> BTreeMap<FieldName, Value> {
    values.iter().map(|(name, value)| (FieldName::from(name), value.clone())).collect()
}

fn update(id: &str, expect: &[(&str, Value)], set: &[(&str, Value)]) -> (EffectId, Write) {
    let update = RecordUpdate { record: opportunity(id), expect: fields(expect), set: fields(set) };
    (effect(id, "update"), Write::UpdateRecord(update))
}

#[tokio::test]
async fn a_field_of_an_opportunity_is_written_only_while_it_holds_what_was_seen() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    let approve = |id: &str| {
        update(
            id,
            &[("request_approved", Value::Bool(false)), ("complex", Value::Bool(false))],
            &[("request_approved", Value::Bool(true)), ("complex", Value::Bool(true))],
        )
    };
    account.pass(60);
    let receipt = one(&account, approve(&id)).await.unwrap();
    assert_eq!((receipt.id.as_deref(), receipt.found, receipt.kept.len()), (Some(&*id), false, 0));
    assert_eq!(account.opportunity(&id)["Request_Approved__c"], true);
    assert!(one(&account, approve(&id)).await.unwrap().found, "a replay finds it done");
    // A person moved the date meanwhile.
    let wanted = |day: &str| Value::Date(day.parse().unwrap());
    account.set("Opportunity", &id, &json!({ "Wanted_Until__c": "2026-04-01" }));
    let late = update(&id, &[("wanted_until", wanted("2026-03-20"))], &[("wanted_until", wanted("2026-03-25"))]);
    assert_eq!(one(&account, late).await.unwrap().kept, ["wanted_until was changed"]);
    assert_eq!(account.opportunity(&id)["Wanted_Until__c"], "2026-04-01");
}

#[tokio::test]
async fn a_stage_is_written_by_its_api_name_and_a_field_that_stands_nowhere_is_refused() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    let text = Value::text;
    let to = update(&id, &[("stage", text("Open"))], &[("stage", text("Qualification"))]);
    one(&account, to).await.unwrap();
    let back = update(&id, &[("stage", text("Qualification"))], &[("stage", text("Open"))]);
    one(&account, back).await.unwrap();
    assert_eq!(account.opportunity(&id)["StageName"], "Prospecting");
    let nowhere = update(&id, &[], &[("invented", Value::Bool(true))]);
    assert_eq!(one(&account, nowhere).await.unwrap_err().kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn a_picklist_value_that_does_not_exist_is_refused_with_the_way_out() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    let write = update(&id, &[("stage", Value::text("Open"))], &[("stage", Value::text("Smarch"))]);
    let answer = one(&account, write).await;
    // Salesforce takes any stage unless the picklist is restricted.
    if let Err(error) = answer {
        assert_eq!(error.kind, ErrorKind::Rejected);
        assert!(error.message.contains("picklist"), "{error}");
    }
}

#[tokio::test]
async fn an_edit_between_our_read_and_our_write_is_a_conflict() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    account.connector.check().await.unwrap();
    account.pass(60);
    let row = json!({ "compositeResponse": [{ "referenceId": "q0", "httpStatusCode": 200, "body": { "totalSize": 1, "done": true,
        "records": [{ "Id": id, "IsDeleted": false, "LastModifiedDate": "2026-03-02T08:00:00.000+0000", "Complex__c": false }] } }] });
    account.set("Opportunity", &id, &json!({ "Name": "A person was here" }));
    account.answer_next(200, &row.to_string());
    let write = update(&id, &[("complex", Value::Bool(false))], &[("complex", Value::Bool(true))]);
    let error = one(&account, write).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    assert_eq!(account.opportunity(&id)["Complex__c"], false);
}

#[tokio::test]
async fn a_locked_record_a_lost_answer_and_a_deleted_record_are_told_apart() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    account.connector.check().await.unwrap();
    let write = || update(&id, &[("complex", Value::Bool(false))], &[("complex", Value::Bool(true))]);
    let row = json!({ "compositeResponse": [{ "referenceId": "q0", "httpStatusCode": 200, "body": { "totalSize": 1, "done": true,
        "records": [{ "Id": id, "IsDeleted": false, "LastModifiedDate": "2026-03-02T08:00:00.000+0000", "Complex__c": false }] } }] });
    let refused = |code: &str| {
        json!({ "compositeResponse": [{ "referenceId": "change0", "httpStatusCode": 400,
            "body": [{ "errorCode": code, "message": "m" }] }] })
    };
    for (code, kind) in [
        ("ENTITY_IS_LOCKED", ErrorKind::Locked),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", ErrorKind::Rejected),
        ("INVALID_SESSION_ID", ErrorKind::Transient { retry_at: None }),
    ] {
        account.answer_next(200, &row.to_string());
        account.answer_next(200, &refused(code).to_string());
        assert_eq!(one(&account, write()).await.unwrap_err().kind, kind, "{code}");
    }
    account.answer_next(200, &row.to_string());
    account.answer_next(200, &refused("ENTITY_IS_DELETED").to_string());
    assert_eq!(one(&account, write()).await.unwrap().kept, ["it was deleted"]);
    account.sandbox.set_faults(vec![FaultRule::once("sf.composite", Fault::Drop { applied: true })]);
    assert!(matches!(one(&account, write()).await.unwrap_err().kind, ErrorKind::Transient { .. }));
    account.delete("Opportunity", &id);
    assert_eq!(one(&account, write()).await.unwrap().kept, ["the opportunity was deleted"]);
}
