//! What `setup` makes in an org as Salesforce delivers it, and what it leaves alone.

use dealclock_connector::{ErrorKind, Need, Plan, PlanState};
use dealclock_model::ValueType;
use dealclock_sandbox::edit::{PropertyKind, PropertyObject};
use serde_json::json;

use crate::support::{Account, KEY, mapping};

fn need(name: &str, value_type: ValueType) -> Need {
    Need {
        on_tasks: false,
        name: name.to_owned(),
        label: name.trim_end_matches("__c").replace('_', " "),
        description: "What it is for.".to_owned(),
        value_type,
        options: Vec::new(),
        long_text: false,
        unique: false,
        read_only_for_reps: false,
        requires: None,
    }
}

fn decision() -> Need {
    let options = ["approved", "refused"].map(|value| (value.to_owned(), value.to_uppercase()));
    Need { on_tasks: true, options: options.into(), ..need("dealclock_outcome", ValueType::Text) }
}

fn needs() -> Vec<Need> {
    let options = ["price", "other"].map(|value| (value.to_owned(), value.to_uppercase()));
    vec![
        Need { on_tasks: true, unique: true, read_only_for_reps: true, ..need("dealclock_key", ValueType::Text) },
        decision(),
        need("Complex__c", ValueType::Bool),
        Need {
            read_only_for_reps: true,
            requires: Some("Complex__c".to_owned()),
            ..need("Request_Approved__c", ValueType::Bool)
        },
        Need { options: options.into(), ..need("Delay_Reason__c", ValueType::Text) },
        Need { long_text: true, ..need("Delay_Reason_Text__c", ValueType::Text) },
        need("Wanted_Until__c", ValueType::Date),
        need("Proposal_Sent_At__c", ValueType::Time),
    ]
}

fn fresh() -> Account {
    Account::bare(mapping(), |_| {})
}

async fn plan(account: &Account, needs: &[Need]) -> Plan {
    account.connector.provision().unwrap().plan(needs).await.unwrap()
}

/// Makes everything that is missing.
async fn make_all(account: &Account, needs: &[Need]) {
    let provision = account.connector.provision().unwrap();
    for item in plan(account, needs).await.items.iter().filter(|item| item.state == PlanState::Missing) {
        provision.make(needs, item).await.unwrap();
    }
}

fn states(plan: &Plan) -> Vec<&PlanState> {
    plan.items.iter().map(|item| &item.state).collect()
}

/// The state of the item of this name whose description begins so.
fn state<'a>(plan: &'a Plan, name: &str, what: &str) -> &'a PlanState {
    &plan.items.iter().find(|item| item.name == name && item.what.starts_with(what)).unwrap().state
}

#[tokio::test]
async fn a_fresh_org_is_ready_after_one_run_and_a_second_finds_nothing_to_do() {
    let account = fresh();
    let before = plan(&account, &needs()).await;
    assert!(states(&before).iter().all(|state| **state == PlanState::Missing), "{before:?}");
    let kinds: Vec<&str> = before.items.iter().map(|item| item.what.split(' ').next().unwrap()).collect();
    let mut expected = vec!["field"; 8];
    expected.extend([
        "permission",
        "permission",
        "permissions",
        "permissions",
        "permission",
        "notification",
        "validation",
    ]);
    assert_eq!(kinds, expected, "fields come first, and the rule last");
    make_all(&account, &needs()).await;
    let after = plan(&account, &needs()).await;
    assert!(states(&after).iter().all(|state| **state == PlanState::Present), "{after:?}");
    let checked = account.connector.check().await.unwrap();
    assert!(checked.problems.iter().all(|problem| !problem.fatal), "{:?}", checked.problems);
}

#[tokio::test]
async fn making_what_appeared_meanwhile_is_success() {
    let account = fresh();
    let before = plan(&account, &needs()).await;
    let provision = account.connector.provision().unwrap();
    for _ in 0..2 {
        for item in &before.items {
            provision.make(&needs(), item).await.unwrap();
        }
    }
    assert_eq!(account.query("SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false").len(), 2);
    assert_eq!(account.query("SELECT Id FROM CustomNotificationType").len(), 1);
    assert_eq!(
        account.query("SELECT Id FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = false").len(),
        1
    );
    assert_eq!(account.query("SELECT Id FROM FieldPermissions WHERE Parent.IsOwnedByProfile = false").len(), 7 + 8);
}

#[tokio::test]
async fn reps_see_a_grant_and_only_the_integration_user_writes_it() {
    let account = fresh();
    make_all(&account, &needs()).await;
    let rights = |set: &str| -> Vec<(String, bool)> {
        let query =
            format!("SELECT Field, PermissionsEdit FROM FieldPermissions WHERE Parent.Name = '{set}' ORDER BY Field");
        let rows = account.query(&query);
        rows.iter().map(|row| (row["Field"].as_str().unwrap().to_owned(), row["PermissionsEdit"] == true)).collect()
    };
    let reps = rights("Dealclock");
    assert!(reps.contains(&("Opportunity.Request_Approved__c".to_owned(), false)), "{reps:?}");
    assert!(reps.contains(&("Opportunity.Complex__c".to_owned(), true)), "{reps:?}");
    assert!(reps.iter().all(|(field, _)| !field.contains(KEY)), "{reps:?}");
    assert!(reps.contains(&("Task.Dealclock_Outcome__c".to_owned(), true)), "approvers decide in it: {reps:?}");
    let ours = rights("Dealclock_Integration");
    assert!(ours.len() == 8 && ours.iter().all(|(_, edit)| *edit), "{ours:?}");
    let assigned = account
        .query("SELECT PermissionSet.Name FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = false");
    assert_eq!(assigned[0]["PermissionSet"]["Name"], "Dealclock_Integration");
}

#[tokio::test]
async fn the_key_is_unique_and_a_grant_without_a_complex_deal_is_refused() {
    let account = fresh();
    make_all(&account, &needs()).await;
    let deal = account.add_opportunities(1).remove(0);
    let task = json!({ "Subject": "Call", "WhatId": deal, KEY: "k1" });
    assert_eq!(account.call("POST", "/sobjects/Task", &task).0, 201);
    assert_eq!(account.call("POST", "/sobjects/Task", &task).1[0]["errorCode"], "DUPLICATE_VALUE");
    let grant = |complex: bool| json!({ "Complex__c": complex, "Request_Approved__c": true });
    let path = format!("/sobjects/Opportunity/{deal}");
    let refused = account.call("PATCH", &path, &grant(false)).1;
    assert_eq!(refused[0]["errorCode"], "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert_eq!(account.call("PATCH", &path, &grant(true)).0, 204);
}

#[tokio::test]
async fn what_is_there_in_another_shape_is_named_and_never_changed() {
    let account = fresh();
    account.add_field(PropertyObject::Deals, "Complex__c", PropertyKind::Text);
    account.add_field(PropertyObject::Tasks, KEY, PropertyKind::Text);
    let set = account.call("POST", "/sobjects/PermissionSet", &json!({ "Name": "Dealclock", "Label": "Ours" })).1;
    let permission = json!({ "ParentId": set["id"], "SobjectType": "Opportunity", "Field": "Opportunity.Complex__c",
        "PermissionsRead": true, "PermissionsEdit": false });
    assert_eq!(account.call("POST", "/sobjects/FieldPermissions", &permission).0, 201);
    let found = plan(&account, &needs()).await;
    let differs = |name: &str, what: &str, why: &str| match state(&found, name, what) {
        PlanState::Differs(reason) => assert!(reason.contains(why), "{name}: {reason}"),
        other => panic!("{name}: {other:?}"),
    };
    differs("Complex__c", "field", "it is of the type Text where Checkbox is needed");
    differs(KEY, "field", "unique external id");
    differs("Dealclock", "permissions", "Opportunity.Complex__c");
    differs("Approved_Needs_Complex", "validation", "it cannot speak of Complex__c");
    assert_eq!(state(&found, "Dealclock", "permission set"), &PlanState::Present);
    let item = found.items.iter().find(|item| item.name == "Complex__c").unwrap();
    let error = account.connector.provision().unwrap().make(&needs(), item).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.message.contains("it is of the type Text"), "{error}");
}

#[tokio::test]
async fn a_rule_of_another_meaning_under_our_name_is_left_alone() {
    let account = fresh();
    make_all(&account, &needs()[..3]).await;
    let metadata = json!({ "active": true, "errorConditionFormula": "NOT(Complex__c)", "errorMessage": "No." });
    let rule = json!({ "FullName": "Opportunity.Approved_Needs_Complex", "Metadata": metadata });
    assert_eq!(account.call("POST", "/tooling/sobjects/ValidationRule", &rule).0, 201);
    let found = plan(&account, &needs()).await;
    assert!(matches!(state(&found, "Approved_Needs_Complex", "validation"), PlanState::Differs(_)));
}

#[tokio::test]
async fn a_name_that_salesforce_cannot_make_is_told_and_a_standard_field_serves() {
    let account = fresh();
    let needs = [
        need("delay_reason", ValueType::Text),
        need("acme__Complex__c", ValueType::Bool),
        need("Description", ValueType::Text),
        need("CloseDate", ValueType::Bool),
    ];
    let found = plan(&account, &needs).await;
    let differs = |name: &str, why: &str| {
        let state = state(&found, name, "field");
        assert!(matches!(state, PlanState::Differs(reason) if reason.contains(why)), "{name}: {state:?}");
    };
    differs("delay_reason", "`__c`");
    differs("acme__Complex__c", "package");
    differs("CloseDate", "of the type date");
    assert_eq!(state(&found, "Description", "field"), &PlanState::Present);
}

#[tokio::test]
async fn layouts_are_left_to_people_who_are_told_what_to_do() {
    let account = fresh();
    let by_hand = plan(&account, &needs()).await.by_hand;
    let says = |words: &str| by_hand.iter().any(|line| line.contains(words));
    assert!(says("page layouts") && says("Delay Reason Text") && says("assign the permission set \"Dealclock\""));
    assert!(says("page layouts of tasks"), "{by_hand:?}");
    assert!(says("read-only there, for only Dealclock writes them: Request Approved"), "{by_hand:?}");
    make_all(&account, &needs()).await;
    assert!(account.sent().iter().all(|call| !call.contains("metadata") && !call.contains("ayout")));
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_without_a_second_field() {
    let account = fresh();
    let first = plan(&account, &needs()).await.items.remove(0);
    account.answer_next(503, r#"[{"errorCode":"SERVER_UNAVAILABLE","message":"later"}]"#);
    let provision = account.connector.provision().unwrap();
    let error = provision.make(&needs(), &first).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Transient { .. }), "{error:?}");
    provision.make(&needs(), &first).await.unwrap();
    provision.make(&needs(), &first).await.unwrap();
}

#[tokio::test]
async fn a_user_who_may_not_set_up_is_told_which_rights_are_needed() {
    let account = fresh();
    account.answer_next(403, r#"[{"errorCode":"INSUFFICIENT_ACCESS","message":"no access"}]"#);
    let error = account.connector.provision().unwrap().plan(&needs()).await.unwrap_err();
    assert!(error.message.contains("Customize Application"), "{error}");
}
