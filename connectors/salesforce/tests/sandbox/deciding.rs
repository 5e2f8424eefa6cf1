//! What people decide in tasks, and handing records in as writes.

use dealclock_connector::{ErrorKind, Result};
use dealclock_model::effect::{NewTask, Submission};
use dealclock_model::{EffectId, Receipt, Ruling, Write};
use dealclock_sandbox::{ApprovalProcess, Approver, Fault, FaultRule};
use serde_json::json;

use crate::support::{Account, OUTCOME, effect, effect_of, mapping, opportunity, reminder};

async fn one(account: &Account, write: (EffectId, Write)) -> Result<Receipt> {
    account.connector.apply(&[write]).await.remove(0)
}

/// A task that asks for a decision.
async fn question(account: &Account, step: &str) -> String {
    let id = account.add_opportunities(1).remove(0);
    let (effect, Write::CreateTask(new)) = reminder(&id, &account.user(), step) else { panic!("a creation") };
    one(account, (effect, Write::CreateTask(NewTask { asks: true, ..new }))).await.unwrap().id.unwrap()
}

#[tokio::test]
async fn a_task_tells_whether_it_is_completed_and_what_was_decided_in_it() {
    let account = Account::new();
    let [open, granted, refused, silent] = [
        question(&account, "1").await,
        question(&account, "2").await,
        question(&account, "3").await,
        question(&account, "4").await,
    ];
    account.pass(60);
    account.set("Task", &granted, &json!({ "Status": "Completed", OUTCOME: "approved" }));
    account.set("Task", &refused, &json!({ "Status": "Completed", OUTCOME: "Refused" }));
    account.set("Task", &silent, &json!({ "Status": "Completed" }));
    let asked = [&silent, &refused, &granted, &open].map(Clone::clone);
    let seen = account.connector.outcomes().unwrap().look(&asked).await.unwrap();
    let said: Vec<_> = seen.iter().flatten().map(|seen| (seen.task.clone(), seen.done, seen.outcome)).collect();
    let expected = [
        (silent, true, None),
        (refused, true, Some(Ruling::Reject)),
        (granted, true, Some(Ruling::Approve)),
        (open.clone(), false, None),
    ];
    assert_eq!(said, expected);
    let granted = seen[2].as_ref().unwrap();
    assert_eq!(granted.at - seen[3].as_ref().unwrap().at, chrono::Duration::seconds(60), "the CRM's time counts");
    assert_eq!(granted.owner, Some(account.user().as_str().into()));
    account.delete("Task", &open);
    assert_eq!(account.connector.outcomes().unwrap().look(&[open]).await.unwrap(), [None]);
}

#[tokio::test]
async fn in_an_org_without_the_field_tasks_ask_all_the_same_and_the_hindrance_is_told() {
    let account = Account::bare(mapping(), |_| {});
    account.add_fields_without_outcome();
    let task = question(&account, "1").await;
    account.set("Task", &task, &json!({ "Status": "Completed" }));
    let seen = account.connector.outcomes().unwrap().look(&[task]).await.unwrap().remove(0).unwrap();
    assert_eq!((seen.done, seen.outcome), (true, None));
    let hindrance = account.connector.outcomes().unwrap().hindrance().await.unwrap().unwrap();
    assert!(hindrance.what.contains(OUTCOME) && !hindrance.fatal, "{hindrance:?}");
    let sound = Account::new().connector.outcomes().unwrap().hindrance().await.unwrap();
    assert_eq!(sound, None);
}

fn asking() -> Account {
    let approver = Approver::User("admin@acme.example".to_owned());
    Account::adapted(|options| {
        options.approvals = vec![ApprovalProcess { approver, ..ApprovalProcess::complex_deal() }];
    })
}

fn submission(id: &str, step: &str) -> (EffectId, Write) {
    let submission = Submission {
        record: opportunity(id),
        submitter: None,
        approvers: Vec::new(),
        process: None,
        comment: "three more days, please".to_owned(),
    };
    (effect(id, step), Write::SubmitApproval(submission))
}

#[tokio::test]
async fn a_record_is_handed_in_once_and_found_after_a_lost_answer() {
    let account = asking();
    let [deal, other] = account.add_opportunities(2).try_into().unwrap();
    let write = submission(&deal, "native");
    let runs = || account.query("SELECT Id FROM ProcessInstance");
    assert_eq!(account.connector.find(std::slice::from_ref(&write)).await.unwrap(), [None]);
    account.sandbox.set_faults(vec![FaultRule::once("sf.approvals", Fault::Drop { applied: true })]);
    assert_eq!(one(&account, write.clone()).await.unwrap_err().kind, ErrorKind::Unknown);
    let asked = [submission(&other, "native"), write.clone(), submission(&deal, "another")];
    let found = account.connector.find(&asked).await.unwrap();
    let run = runs()[0]["Id"].as_str().unwrap().to_owned();
    let receipt = Receipt { id: Some(run.clone()), found: true, kept: Vec::new() };
    assert_eq!(found, [None, Some(receipt.clone()), None]);
    assert_eq!(one(&account, write).await, Ok(receipt), "handed in again, it is the same run");
    assert_eq!(runs().len(), 1);
    let made = one(&account, submission(&other, "native")).await.unwrap();
    assert!(!made.found && made.id.is_some_and(|id| id != run));
}

#[tokio::test]
async fn an_approval_of_somebody_elses_and_one_without_a_process_are_refused_with_a_way_out() {
    let account = asking();
    let deal = account.add_opportunities(1).remove(0);
    one(&account, submission(&deal, "native")).await.unwrap();
    let (_, write) = submission(&deal, "native");
    let of_another_rule = effect_of(&deal, "approval/discount", 0, "native");
    let error = one(&account, (of_another_rule, write)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.message.contains("must end first"), "{error}");
    let bare = Account::new();
    let deal = bare.add_opportunities(1).remove(0);
    let error = one(&bare, submission(&deal, "native")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.message.contains("activate an approval process"), "{error}");
}
