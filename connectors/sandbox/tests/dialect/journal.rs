//! The Webhooks Journal, as the application's own token reads it.

use bytes::Bytes;
use chrono::TimeDelta;
use dealclock_sandbox::{HubSpotApp, Sandbox};
use http::Request;
use serde_json::{Value, json};

use crate::caller::{Answer, TOKEN, deal, pass, patch, post, sandbox, send, send_as, task};

const JOURNAL: &str = "/webhooks-journal/journal-local/2026-03";
const SUBSCRIPTIONS: &str = "/webhooks-journal/subscriptions/2026-03";

/// The application's own token with some scopes of the journal.
fn app_token(sandbox: &Sandbox, scopes: &str) -> String {
    let HubSpotApp { client_id, client_secret, .. } = HubSpotApp::default();
    let form =
        format!("grant_type=client_credentials&scope={scopes}&client_id={client_id}&client_secret={client_secret}");
    let answer = send(sandbox, "POST", "/oauth/2026-09/token", &form).unwrap().expect(200);
    answer["access_token"].as_str().unwrap().to_owned()
}

fn reader(sandbox: &Sandbox) -> String {
    let scopes = ["read", "subscriptions.read", "subscriptions.write"];
    app_token(sandbox, &scopes.map(|scope| format!("developer.webhooks_journal.{scope}")).join("%20"))
}

fn subscribed(properties: &[&str]) -> (Sandbox, String) {
    let sandbox = sandbox();
    let token = reader(&sandbox);
    let body = json!({
        "subscriptionType": "OBJECT", "objectTypeId": "0-3", "portalId": 147_893_286, "objectIds": [],
        "actions": ["CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE"], "properties": properties,
    });
    send_as(&sandbox, &token, "POST", SUBSCRIPTIONS, &body.to_string()).unwrap().expect(201);
    (sandbox, token)
}

fn look(sandbox: &Sandbox, token: &str, place: &str) -> Answer {
    send_as(sandbox, token, "GET", &format!("{JOURNAL}/{place}?installPortalId=147893286"), "").unwrap()
}

/// Fetches a file, with or without a token of ours.
fn fetch(sandbox: &Sandbox, entry: &Value, token: Option<&str>) -> (u16, Value) {
    let mut request = Request::get(entry["url"].as_str().unwrap());
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = sandbox.handle(request.body(Bytes::new()).unwrap()).unwrap();
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
}

#[test]
fn what_happens_to_deals_stands_in_files_in_their_order() {
    let (sandbox, token) = subscribed(&["dealstage"]);
    assert_eq!(look(&sandbox, &token, "earliest").status, 204);
    let (one, other) = (deal(&sandbox, json!({})), deal(&sandbox, json!({})));
    let first = look(&sandbox, &token, "earliest").expect(200);
    pass(&sandbox, TimeDelta::minutes(1));
    patch(
        &sandbox,
        &format!("/crm/objects/2026-09/deals/{one}"),
        json!({ "properties": { "dealstage": "closedwon", "amount": "5" } }),
    )
    .expect(200);
    task(&sandbox, &one, json!({}));
    post(&sandbox, "/crm/objects/2026-09/deals/merge", json!({ "primaryObjectId": one, "objectIdToMerge": other }))
        .expect(200);
    send(&sandbox, "DELETE", &format!("/crm/objects/2026-09/deals/{one}"), "").unwrap().expect(204);
    let offset = first["currentOffset"].as_str().unwrap();
    let next = look(&sandbox, &token, &format!("offset/{offset}/next")).expect(200);
    assert_eq!(look(&sandbox, &token, &format!("offset/{}/next", next["currentOffset"].as_str().unwrap())).status, 204);
    let (status, file) = fetch(&sandbox, &next, None);
    assert_eq!(status, 200);
    let told: Vec<_> = file["journalEvents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| {
            (event["action"].as_str().unwrap(), event["objectId"].to_string(), event["propertyChanges"].to_string())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("UPDATE", one.clone(), r#"{"dealstage":"closedwon"}"#.to_owned()),
            ("MERGE", one.clone(), "{}".to_owned()),
            ("DELETE", one, "{}".to_owned()),
        ]
    );
}

#[test]
fn a_file_is_given_out_without_our_token_and_for_five_minutes() {
    let (sandbox, token) = subscribed(&[]);
    deal(&sandbox, json!({}));
    let entry = look(&sandbox, &token, "latest").expect(200);
    assert_eq!(fetch(&sandbox, &entry, Some(&token)).0, 400);
    assert_eq!(fetch(&sandbox, &entry, None).0, 200);
    pass(&sandbox, TimeDelta::minutes(5));
    assert_eq!(fetch(&sandbox, &entry, None).0, 403);
}

#[test]
fn after_three_days_an_offset_is_not_known_any_more() {
    let (sandbox, token) = subscribed(&[]);
    deal(&sandbox, json!({}));
    let entry = look(&sandbox, &token, "earliest").expect(200);
    let next = format!("offset/{}/next", entry["currentOffset"].as_str().unwrap());
    pass(&sandbox, TimeDelta::days(3));
    let token = reader(&sandbox);
    assert_eq!(look(&sandbox, &token, &next).expect(404)["category"], "OBJECT_NOT_FOUND");
    assert_eq!(look(&sandbox, &token, "earliest").status, 204);
}

#[test]
fn only_the_applications_own_token_reads_it_and_only_with_its_scopes() {
    let (sandbox, token) = subscribed(&[]);
    assert_eq!(look(&sandbox, TOKEN, "earliest").status, 401);
    let other = app_token(&sandbox, "developer.webhooks_journal.subscriptions.read");
    assert_eq!(look(&sandbox, &other, "earliest").expect(403)["category"], "MISSING_SCOPES");
    assert_eq!(send_as(&sandbox, &token, "GET", "/crm/objects/2026-09/deals", "").unwrap().status, 401);
    let subscriptions = send_as(&sandbox, &other, "GET", SUBSCRIPTIONS, "").unwrap().expect(200);
    assert_eq!(subscriptions["results"].as_array().unwrap().len(), 1);
}
