//! What CRMs send reaches the daemon: signed and unsigned, again and again, through kill -9, and nothing of it is logged.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

mod place;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dealclock_connector::Clock;
use dealclock_daemon::clock::SystemClock;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use place::{NAME, Place, SECRET, TOKEN, made, post, target};

/// HubSpot's id of the sandbox's account.
const PORTAL: u64 = 147_893_286;

async fn deal(place: &Place) -> String {
    let properties = json!({ "dealname": NAME, "dealstage": "contractsent", "amount": "60000" });
    made(place.call("/crm/objects/2026-09/deals", &json!({ "properties": properties }))).await
}

async fn opportunity(place: &Place) -> String {
    let fields = json!({ "Name": NAME, "StageName": "Prospecting", "CloseDate": "2026-12-31", "Amount": 60000 });
    made(place.call("/services/data/v65.0/sobjects/Opportunity", &fields)).await
}

/// What HubSpot sends when a deal changed.
fn changed(portal: u64, deal: &str, occurred_at: u64) -> Value {
    json!([{
        "eventId": 1, "subscriptionId": 22, "portalId": portal, "appId": 54321, "occurredAt": occurred_at,
        "subscriptionType": "deal.propertyChange", "attemptNumber": 0, "objectId": deal.parse::<u64>().unwrap(),
        "propertyName": "dealname", "propertyValue": NAME
    }])
}

/// Sends it with HubSpot's signature of now.
async fn send(place: &Place, hook: &str, body: &Value) -> u16 {
    let (body, timestamp) = (body.to_string(), SystemClock.now().timestamp_millis());
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    hmac.update(format!("POST{hook}{body}{timestamp}").as_bytes());
    let signature = STANDARD.encode(hmac.finalize().into_bytes());
    let request = place.http.post(hook).header("x-hubspot-signature-v3", signature);
    let request = request.header("x-hubspot-request-timestamp", timestamp.to_string());
    request.body(body).send().await.unwrap().status().as_u16()
}

/// Neither secrets nor what was sent stands in the log.
fn assert_nothing_told(place: &Place, hook: &str) {
    let logged = place.logged();
    let path = hook.rsplit('/').next().unwrap();
    for secret in [TOKEN, SECRET, path, NAME] {
        assert!(!logged.contains(secret), "`{secret}` stands in the log: {logged}");
    }
}

#[tokio::test]
async fn a_change_in_hubspot_is_known_without_a_poll() {
    let place = Place::open("hubspot").await;
    let _daemon = place.daemon().await;
    let hook = place.hook().await;
    place.tell("webhooks", &target(&hook)).await;
    let deal = deal(&place).await;
    place.knows(&deal).await;
    let [received, _, refused, foreign] = place.counts().await;
    assert!(received > 0);
    assert_eq!((refused, foreign), (0, 0));
    assert_nothing_told(&place, &hook);
}

#[tokio::test]
async fn a_change_in_salesforce_is_known_without_a_poll() {
    let place = Place::open("salesforce").await;
    let _daemon = place.daemon().await;
    let hook = place.hook().await;
    place.tell("outbound", &json!({ "url": hook, "objects": ["Opportunity"] })).await;
    let opportunity = opportunity(&place).await;
    place.knows(&opportunity).await;
    let [received, _, refused, foreign] = place.counts().await;
    assert!(received > 0);
    assert_eq!((refused, foreign), (0, 0));
    assert_eq!(post(&place.http, &hook, "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>").await, 400);
    assert_nothing_told(&place, &hook);
}

#[tokio::test]
async fn what_is_not_hubspots_is_refused_and_counted() {
    let place = Place::open("hubspot").await;
    let _daemon = place.daemon().await;
    let hook = place.hook().await;
    let body = changed(PORTAL, "1", 1);
    assert_eq!(post(&place.http, &hook, &body.to_string()).await, 401);
    assert_eq!(send(&place, &hook, &changed(815, "1", 1)).await, 403);
    assert_eq!(send(&place, &hook, &json!({ "no": "list" })).await, 400);
    assert_eq!(post(&place.http, &hook, &"x".repeat(65 * 1024)).await, 413);
    assert_eq!(post(&place.http, &format!("{}0", &hook[..hook.len() - 1]).replace("acme", "zeta"), "").await, 404);
    assert_eq!(place.http.get(&hook).send().await.unwrap().status(), 405);
    assert_eq!(send(&place, &hook, &body).await, 200);
    assert_eq!(send(&place, &hook, &body).await, 200);
    assert_eq!(place.counts().await, [1, 1, 3, 1]);
    assert_nothing_told(&place, &hook);
}

#[tokio::test]
async fn what_was_answered_is_acted_on_after_a_kill_and_once() {
    let place = Place::open("hubspot").await;
    let mut daemon = place.daemon().await;
    let hook = place.hook().await;
    let mut sent = Vec::new();
    for round in 1..=5 {
        let deal = deal(&place).await;
        let body = changed(PORTAL, &deal, round);
        assert_eq!(send(&place, &hook, &body).await, 200);
        // The answer has come: whatever the daemon was about to do, it may not forget this.
        daemon.start_kill().unwrap();
        daemon.wait().await.unwrap();
        daemon = place.daemon().await;
        assert_eq!(place.hook().await, hook);
        place.knows(&deal).await;
        sent.push(body);
    }
    for body in &sent {
        assert_eq!(send(&place, &hook, body).await, 200);
    }
    assert_eq!(place.counts().await, [0, 5, 0, 0]);
    drop(daemon);
}
