//! Webhooks as the sandbox sends them, over a socket, and as the connector reads them.

use dealclock_connector::{Hint, Incoming, Refused};
use dealclock_model::Instant;
use dealclock_sandbox::serve;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Account, deal};

const ACCOUNT: &str = "147893286";

/// Takes one request, and answers that it was received.
async fn take_one(listener: &TcpListener) -> (HeaderMap, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut read = Vec::new();
    loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.unwrap();
        read.extend_from_slice(&some[..count]);
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(read[..end].to_vec()).unwrap();
        let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let header = |(name, value): (&str, &str)| -> (HeaderName, HeaderValue) {
            (name.parse().unwrap(), value.parse().unwrap())
        };
        let headers: HeaderMap = pairs.map(header).collect();
        let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
        if read.len() >= end + 4 + length {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            return (headers, read[end + 4..].to_vec());
        }
    }
}

#[tokio::test]
async fn what_the_sandbox_sends_is_genuine_and_hints_at_the_deals_that_changed() {
    let mut account = Account::new();
    let deals = account.add_deals(2);
    account.reconnect_with(|settings| settings.webhook_secret = Some("s3cret".to_owned().into()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/acme?x=%2Fa%20b", listener.local_addr().unwrap());
    let target = url.replace("%2F", "/");
    account.call("POST", "/sandbox/webhooks", json!({ "target": target, "secret": "s3cret" }));
    account.set_deal(&deals[0], json!({ "dealstage": "contractsent" }));
    account.delete("deals", &deals[1]);
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    tokio::spawn(serve(account.sandbox.clone(), server));
    let (headers, body) = take_one(&listener).await;

    let webhooks = account.connector.webhooks().unwrap();
    let now = account.sandbox.now();
    let receive = |url: &str, account: &str, now: Instant| {
        webhooks.receive(&Incoming { method: &Method::POST, url, headers: &headers, body: &body, account, now })
    };
    let received = receive(&url, ACCOUNT, now).unwrap();
    let mut expected: Vec<_> = deals.iter().map(|id| Hint::Record(deal(id))).collect();
    expected.sort();
    assert_eq!((received.hints, received.foreign), (expected, 0));
    assert_eq!(receive(&url, "1", now), Err(Refused::Foreign(ACCOUNT.to_owned())));
    assert_eq!(receive(&url, ACCOUNT, now + chrono::Duration::minutes(6)), Err(Refused::Stale(360)));
    assert!(matches!(receive("http://127.0.0.1/other", ACCOUNT, now), Err(Refused::Signature(_))));
}

#[tokio::test]
async fn without_the_apps_secret_nothing_is_received() {
    assert!(Account::new().connector.webhooks().is_none());
}
