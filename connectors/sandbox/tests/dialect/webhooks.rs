//! Webhooks that are pushed to an address on this machine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post as on_post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use dealclock_sandbox::{Sandbox, serve};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::caller::{deal, pass, patch, post, sandbox};

/// What a receiver got.
#[derive(Clone)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    came: Arc<Notify>,
}

impl Receiver {
    /// A sandbox that sends to a receiver, and runs for as long as the test.
    async fn hears(sandbox: &Sandbox) -> (Receiver, String) {
        let receiver = Receiver { got: Arc::default(), came: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("http://{}/hooks/acme?x=1", listener.local_addr().unwrap());
        let router = Router::new().route("/hooks/acme", on_post(Receiver::take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tokio::spawn(serve(sandbox.clone(), listener));
        post(sandbox, "/sandbox/webhooks", json!({ "target": target, "secret": "s3cret" })).expect(200);
        (receiver, target)
    }

    async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) {
        receiver.got.lock().unwrap().push((headers, body));
        receiver.came.notify_one();
    }

    /// What came, once so much has come.
    async fn wait(&self, count: usize) -> Vec<(HeaderMap, Vec<Value>)> {
        let enough = async {
            while self.got.lock().unwrap().len() < count {
                self.came.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), enough).await.expect("everything comes in the end");
        let read = |(headers, body): &(HeaderMap, String)| (headers.clone(), serde_json::from_str(body).unwrap());
        self.got.lock().unwrap().iter().map(read).collect()
    }
}

fn told(requests: &[(HeaderMap, Vec<Value>)]) -> Vec<(String, String)> {
    let events = requests.iter().flat_map(|(_, events)| events);
    let mut told: Vec<_> = events
        .map(|event| {
            let what = [&event["subscriptionType"], &event["propertyName"]];
            let what: Vec<&str> = what.into_iter().filter_map(Value::as_str).collect();
            (what.join(" "), event["objectId"].to_string())
        })
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn what_happens_to_deals_is_told_in_signed_batches() {
    let sandbox = sandbox();
    let quiet = deal(&sandbox, json!({}));
    let (receiver, target) = Receiver::hears(&sandbox).await;
    pass(&sandbox, TimeDelta::minutes(1));
    patch(&sandbox, &format!("/crm/objects/2026-09/deals/{quiet}"), json!({ "properties": { "amount": "5" } }))
        .expect(200);
    let got = receiver.wait(1).await;
    assert_eq!(told(&got), [("deal.propertyChange amount".to_owned(), quiet)]);
    let (headers, body) = receiver.got.lock().unwrap()[0].clone();
    let at = headers["x-hubspot-request-timestamp"].to_str().unwrap();
    assert_eq!(at, sandbox.now().timestamp_millis().to_string());
    let mut hmac = Hmac::<Sha256>::new_from_slice(b"s3cret").unwrap();
    hmac.update(format!("POST{target}{body}{at}").as_bytes());
    let signature = STANDARD.decode(headers["x-hubspot-signature-v3"].as_bytes()).unwrap();
    hmac.verify_slice(&signature).unwrap();
    assert_eq!(headers["x-hubspot-signature-version"], "v1");
}

#[tokio::test]
async fn fewer_than_a_hundred_events_travel_together() {
    let sandbox = sandbox();
    let (receiver, _) = Receiver::hears(&sandbox).await;
    let inputs: Vec<Value> = (0..60)
        .map(|number| json!({ "properties": { "dealname": format!("Deal {number}"), "dealstage": "contractsent" } }))
        .collect();
    post(&sandbox, "/crm/objects/2026-09/deals/batch/create", json!({ "inputs": inputs })).expect(201);
    // A creation, its name, stage and pipeline for each.
    let got = receiver.wait(3).await;
    assert_eq!(got.iter().map(|(_, events)| events.len()).sum::<usize>(), 240);
    assert!(got.iter().all(|(_, events)| events.len() < 100));
}
