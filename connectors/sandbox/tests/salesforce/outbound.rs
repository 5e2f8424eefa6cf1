//! Outbound messages: what is told, in which form, how often.

use crate::caller::*;
use chrono::TimeDelta;
use dealclock_sandbox::Sandbox;
use serde_json::json;

const HOOK: &str = "http://127.0.0.1:8787/hooks/acme/secret";

fn told() -> Sandbox {
    let org = org();
    assert!(org.tell_changes(HOOK, &["Opportunity", "Task"]));
    org
}

#[test]
fn a_change_is_told_with_the_values_that_the_record_has_when_the_message_leaves() {
    let org = told();
    let deal = opportunity(&org, json!({ "Name": "R&D <one>" }));
    patch(&org, &format!("/sobjects/Opportunity/{deal}"), json!({ "StageName": "Qualification" })).expect(204);
    let messages = org.due_messages();
    assert_eq!(messages.len(), 1);
    let body = &messages[0].body;
    assert_eq!(messages[0].url, HOOK);
    assert_eq!(body.matches("<Notification><Id>04l").count(), 2, "{body}");
    assert_eq!(body.matches("<sf:StageName>Qualification</sf:StageName>").count(), 2, "{body}");
    assert!(body.contains("<sf:Name>R&amp;D &lt;one&gt;</sf:Name>"), "{body}");
    assert!(body.contains("<SessionId xsi:nil=\"true\"/>") && body.contains("<OrganizationId>00D"), "{body}");
    assert!(body.contains(&format!(
        "<sObject xsi:type=\"sf:Opportunity\" xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\"><sf:Id>{deal}</sf:Id>"
    )));
}

#[test]
fn only_what_is_asked_for_and_kept_is_told() {
    let org = told();
    post(&org, "/sobjects/Account", json!({ "Name": "Acme" })).expect(201);
    let both = json!({ "allOrNone": true, "records": [
        { "attributes": { "type": "Opportunity" }, "Name": "Good", "StageName": "Prospecting", "CloseDate": "2026-06-30" },
        { "attributes": { "type": "Opportunity" }, "Name": "No stage" },
    ]});
    post(&org, "/composite/sobjects", both).expect(200);
    assert!(org.due_messages().is_empty());
    assert!(!org.tell_changes(HOOK, &["Nothing"]));
}

#[test]
fn what_is_not_acknowledged_comes_again_with_the_same_id() {
    let org = told();
    let deal = opportunity(&org, json!({}));
    task(&org, &deal, json!({}));
    let first = org.due_messages();
    assert!(org.due_messages().is_empty(), "it is on its way");
    org.settle_message(first[0].number, false);
    assert!(org.due_messages().is_empty(), "it waits");
    pass(&org, TimeDelta::seconds(30));
    let second = org.due_messages();
    assert_eq!(second[0].body, first[0].body);
    org.settle_message(second[0].number, true);
    pass(&org, TimeDelta::hours(3));
    assert!(org.due_messages().is_empty());
}

#[test]
fn the_control_interface_takes_wishes() {
    let org = org();
    let wish = json!({ "url": HOOK, "objects": ["User"] }).to_string();
    send(&org, "POST", "/sandbox/outbound", &[], &wish).expect(200);
    let me = user(&org, "integration@acme.example");
    patch(&org, &format!("/sobjects/User/{me}"), json!({ "Department": "Sales" })).expect(204);
    assert!(org.due_messages()[0].body.contains("sf:User"));
    send(&org, "POST", "/sandbox/outbound", &[], r#"{"url":"http://127.0.0.1","objects":["Nothing"]}"#).expect(400);
}
