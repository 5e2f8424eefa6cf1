//! Approvals: handed in, locked, decided, and read afterwards.

use crate::caller::*;
use dealclock_sandbox::edit::{DealName, Edit};
use dealclock_sandbox::{ApprovalProcess, Approver, Sandbox};
use serde_json::{Value, json};

const INTEGRATION: &str = "integration@acme.example";

fn org_with(process: ApprovalProcess) -> Sandbox {
    with(|options| options.approvals = vec![process])
}

/// The integration user reports to the administrator.
fn managed(process: ApprovalProcess) -> Sandbox {
    let org = org_with(process);
    let (me, boss) = (user(&org, INTEGRATION), user(&org, "admin@acme.example"));
    patch(&org, &format!("/sobjects/User/{me}"), json!({ "ManagerId": boss })).expect(204);
    org
}

fn asks_us() -> ApprovalProcess {
    ApprovalProcess { approver: Approver::User(INTEGRATION.to_owned()), ..ApprovalProcess::complex_deal() }
}

fn submit(org: &Sandbox, record: &str) -> Answer {
    let request = json!({ "actionType": "Submit", "contextId": record, "comments": "please" });
    post(org, "/process/approvals", json!({ "requests": [request] }))
}

fn decide(org: &Sandbox, action: &str, item: &Value) -> Answer {
    let request = json!({ "actionType": action, "contextId": item, "comments": "ok" });
    post(org, "/process/approvals", json!({ "requests": [request] }))
}

#[test]
fn processes_are_listed_by_their_object() {
    assert_eq!(get(&org(), "/process/approvals").expect(200), json!({ "approvals": {} }));
    let listed = get(&org_with(asks_us()), "/process/approvals").expect(200);
    assert_eq!(listed["approvals"]["Opportunity"][0]["name"], "Complex Deal");
}

#[test]
fn a_record_that_is_handed_in_waits_for_the_manager_and_is_locked() {
    let org = managed(ApprovalProcess::complex_deal());
    let deal = opportunity(&org, json!({}));
    let result = submit(&org, &deal).expect(200)[0].clone();
    let boss = user(&org, "admin@acme.example");
    assert_eq!((&result["success"], &result["instanceStatus"]), (&json!(true), &json!("Pending")));
    assert_eq!((&result["actorIds"], &result["entityId"]), (&json!([boss]), &json!(deal)));
    patch(&org, &format!("/sobjects/Opportunity/{deal}"), json!({ "Amount": 1 })).refused(400, "ENTITY_IS_LOCKED");
    submit(&org, &deal).refused(400, "ALREADY_IN_PROCESS");
    let item = &result["newWorkitemIds"][0];
    decide(&org, "Approve", item).refused(400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY");
    let soql = format!(
        "SELECT Id, Status, TargetObjectId, (SELECT StepStatus, ActorId, Comments FROM StepsAndWorkitems ORDER BY CreatedDate, Id) \
         FROM ProcessInstance WHERE TargetObjectId IN ('{deal}')"
    );
    let run = query(&org, &soql).expect(200)["records"][0].clone();
    let steps = run["StepsAndWorkitems"]["records"].as_array().unwrap();
    let statuses: Vec<_> = steps.iter().map(|step| step["StepStatus"].as_str().unwrap()).collect();
    assert_eq!((statuses, steps[0]["Comments"].as_str()), (vec!["Started", "Pending"], Some("please")));
    let soql = format!("SELECT ActorId FROM ProcessInstanceWorkitem WHERE ProcessInstance.TargetObjectId = '{deal}'");
    assert_eq!(column(&org, &soql, "ActorId"), [json!(boss)]);
}

#[test]
fn a_decision_ends_the_run_and_unlocks_the_record() {
    for (action, status, ticked) in [("Approve", "Approved", true), ("Reject", "Rejected", false)] {
        let org = org_with(ApprovalProcess { ticks: ["Complex__c".to_owned()].into(), ..asks_us() });
        let deal = opportunity(&org, json!({}));
        let item = submit(&org, &deal).expect(200)[0]["newWorkitemIds"][0].clone();
        let result = decide(&org, action, &item).expect(200)[0].clone();
        assert_eq!(result["instanceStatus"], status);
        assert_eq!((&result["actorIds"], &result["newWorkitemIds"]), (&Value::Null, &json!([])));
        decide(&org, action, &item).refused(400, "INVALID_CROSS_REFERENCE_KEY");
        let soql = "SELECT Status, CompletedDate, LastActorId FROM ProcessInstance";
        let run = query(&org, soql).expect(200)["records"][0].clone();
        assert_eq!((&run["Status"], &run["LastActorId"]), (&json!(status), &json!(user(&org, INTEGRATION))));
        assert_eq!(run["CompletedDate"], "2026-03-02T09:00:00.000+0000");
        assert_eq!(column(&org, "SELECT Complex__c FROM Opportunity", "Complex__c"), [json!(ticked)]);
        patch(&org, &format!("/sobjects/Opportunity/{deal}"), json!({ "Amount": 1 })).expect(204);
        submit(&org, &deal).expect(200);
    }
}

#[test]
fn what_cannot_be_handed_in_is_refused_with_its_code() {
    let needy = ApprovalProcess { needs: Some("Complex__c".to_owned()), ..asks_us() };
    let chosen = ApprovalProcess { approver: Approver::Chosen, ..ApprovalProcess::complex_deal() };
    for (org, code) in [
        (org(), "NO_APPLICABLE_PROCESS"),
        (org_with(needy), "NO_APPLICABLE_PROCESS"),
        (org_with(ApprovalProcess::complex_deal()), "MANAGER_NOT_DEFINED"),
        (org_with(chosen), "REQUIRED_FIELD_MISSING"),
    ] {
        let deal = opportunity(&org, json!({}));
        submit(&org, &deal).refused(400, code);
        assert_eq!(query(&org, "SELECT Id FROM ProcessInstance").expect(200)["totalSize"], 0);
        patch(&org, &format!("/sobjects/Opportunity/{deal}"), json!({ "Amount": 1 })).expect(204);
    }
    submit(&org_with(asks_us()), "006000000000000").refused(400, "INVALID_CROSS_REFERENCE_KEY");
}

#[test]
fn of_several_requests_the_good_ones_are_kept() {
    let org = org_with(asks_us());
    let deal = opportunity(&org, json!({}));
    let submit = |id: &str| json!({ "actionType": "Submit", "contextId": id });
    let requests = json!({ "requests": [submit("006000000000000"), submit(&deal)] });
    let results = post(&org, "/process/approvals", requests).expect(200);
    assert_eq!(results[0]["errors"][0]["statusCode"], "INVALID_CROSS_REFERENCE_KEY");
    assert_eq!((&results[0]["success"], &results[1]["success"]), (&json!(false), &json!(true)));
    let softly =
        org_with(ApprovalProcess { refuses_plainly: false, needs: Some("Complex__c".to_owned()), ..asks_us() });
    let deal = opportunity(&softly, json!({}));
    let results = post(&softly, "/process/approvals", json!({ "requests": [submit(&deal)] })).expect(200);
    assert_eq!(results[0]["errors"][0]["statusCode"], "NO_APPLICABLE_PROCESS");
}

#[test]
fn a_person_decides_in_the_pages_when_it_is_they_who_are_asked() {
    let org = org_with(ApprovalProcess { approver: Approver::Chosen, ..ApprovalProcess::complex_deal() });
    let deal = opportunity(&org, json!({}));
    let boss = user(&org, "rep88001@acme.example");
    let decision = |granted, by: &str| Edit::DecideApproval {
        deal: DealName::Id(deal.clone()),
        granted,
        comment: "fine".to_owned(),
        by: by.to_owned(),
    };
    org.edit(&decision(true, &boss)).unwrap();
    let request = json!({ "actionType": "Submit", "contextId": deal, "nextApproverIds": [boss] });
    post(&org, "/process/approvals", json!({ "requests": [request] })).expect(200);
    assert!(org.edit(&decision(true, &user(&org, INTEGRATION))).is_err());
    org.edit(&decision(true, &boss)).unwrap();
    assert_eq!(column(&org, "SELECT Status FROM ProcessInstance", "Status"), ["Approved"]);
}
