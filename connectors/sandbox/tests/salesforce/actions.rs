//! Standard actions: notices and mails, each input checked and answered by itself.

use crate::caller::*;
use dealclock_sandbox::Sandbox;
use dealclock_sandbox::dump::Carrier;
use serde_json::{Value, json};

fn act(org: &Sandbox, name: &str, inputs: &[Value]) -> Answer {
    post(org, &format!("/actions/standard/{name}"), json!({ "inputs": inputs }))
}

/// An org with a type of notices, its id, and the input of a good notice.
fn notifying() -> (Sandbox, Value) {
    let org = org();
    let kind = json!({ "CustomNotifTypeName": "Deals", "DeveloperName": "Deals", "Desktop": true });
    let id = post(&org, "/sobjects/CustomNotificationType", kind).expect(201)["id"].clone();
    let user = user(&org, "admin@acme.example");
    let input = json!({ "customNotifTypeId": id, "recipientIds": [user], "title": "t", "body": "b", "targetId": user });
    (org, input)
}

fn with_input(input: &Value, name: &str, value: Value) -> Value {
    let mut changed = input.clone();
    changed[name] = value;
    changed
}

#[test]
fn a_notice_is_shown_and_a_mail_is_sent() {
    let (org, notice) = notifying();
    let done = act(&org, "customNotificationAction", &[notice]).expect(200);
    assert_eq!((&done[0]["isSuccess"], &done[0]["errors"]), (&json!(true), &Value::Null));
    let mail = json!({ "emailAddresses": "a@acme.example,b@acme.example", "emailSubject": "s", "emailBody": "b" });
    let done = act(&org, "emailSimple", &[mail]).expect(200);
    assert_eq!(done[0]["actionName"], "emailSimple");
    let sent = org.dump().sent;
    let carriers: Vec<_> = sent.iter().map(|sent| sent.carrier).collect();
    assert_eq!(carriers, [Carrier::Notification, Carrier::Email, Carrier::Email]);
    assert_eq!(sent[2].to, "b@acme.example");
}

#[test]
fn one_bad_input_makes_the_answer_a_refusal_and_the_others_are_carried_out() {
    let (org, notice) = notifying();
    let long = with_input(&notice, "title", "t".repeat(251).into());
    let done = act(&org, "customNotificationAction", &[long, notice]).expect(400);
    assert_eq!(done[0]["errors"][0]["statusCode"], "STRING_TOO_LONG");
    assert_eq!((&done[0]["isSuccess"], &done[1]["isSuccess"]), (&json!(false), &json!(true)));
    assert_eq!(org.dump().sent.len(), 1);
}

#[test]
fn inputs_are_checked() {
    let (org, notice) = notifying();
    let mail = json!({ "emailAddresses": "a@acme.example", "emailSubject": "s", "emailBody": "b" });
    let refused = |name: &str, input: Value, code: &str| {
        let done = act(&org, name, &[input]).expect(400);
        assert_eq!(done[0]["errors"][0]["statusCode"], code, "{done}");
    };
    let notified = |name: &str, value: Value, code: &str| {
        refused("customNotificationAction", with_input(&notice, name, value), code);
    };
    notified("customNotifTypeId", json!("0ML000000000000AAA"), "INVALID_ID_FIELD");
    notified("body", json!("b".repeat(751)), "STRING_TOO_LONG");
    notified("title", json!(""), "REQUIRED_FIELD_MISSING");
    notified("targetId", Value::Null, "REQUIRED_FIELD_MISSING");
    notified("recipientIds", json!([]), "INVALID_INPUT");
    notified("invented", json!(1), "INVALID_INPUT");
    let mailed = |name: &str, value: Value, code: &str| refused("emailSimple", with_input(&mail, name, value), code);
    mailed("emailAddresses", json!("nobody"), "INVALID_EMAIL_ADDRESS");
    mailed("emailAddresses", json!("a@b,a@b,a@b,a@b,a@b,a@b"), "REQUIRED_FIELD_MISSING");
    mailed("emailBody", Value::Null, "REQUIRED_FIELD_MISSING");
    mailed("senderType", json!("Anybody"), "INVALID_INPUT");
    assert!(org.dump().sent.is_empty());
    act(&org, "chatterPost", &[]).expect(404);
}

#[test]
fn somebody_who_may_not_log_in_gets_no_notice_and_nobody_is_told() {
    let (org, notice) = notifying();
    let gone = notice["recipientIds"][0].as_str().unwrap().to_owned();
    patch(&org, &format!("/sobjects/User/{gone}"), json!({ "IsActive": false })).expect(204);
    act(&org, "customNotificationAction", &[notice]).expect(200);
    assert!(org.dump().sent.is_empty());
}
