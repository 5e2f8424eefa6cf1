//! The sandbox behind a socket.

use std::sync::Arc;
use std::time::Duration;

use crate::caller::{TOKEN, deal, sandbox};
use axum::Router;
use axum::routing::get;
use dealclock_sandbox::{Fault, FaultRule, Identity, Sandbox, serve_tls, serve_with};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Long enough for any answer that comes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn call(sandbox: &Sandbox, path: &str) -> String {
    call_within(sandbox, path, PATIENCE).await.unwrap()
}

/// Serves a sandbox, sends one call, and reads until the connection ends; `None` where no end comes in time.
async fn call_within(sandbox: &Sandbox, path: &str, limit: Duration) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let further = Router::new().route("/sandbox/greeting", get(async || "hello"));
    let server = tokio::spawn(serve_with(sandbox.clone(), further, listener));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(limit, stream.read_to_string(&mut answer)).await;
    server.abort();
    read.ok().map(|_| answer.replace(&address.to_string(), "HOST"))
}

const DEALS: &str = "/crm/objects/2026-09/deals";

#[tokio::test]
async fn calls_are_answered_over_http() {
    let sandbox = sandbox();
    for _ in 0..2 {
        deal(&sandbox, json!({}));
    }
    let answer = call(&sandbox, &format!("{DEALS}?limit=1")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("x-hubspot-ratelimit-max: 190\r\n"));
    assert!(answer.contains("\"link\":\"http://HOST/crm/objects/2026-09/deals?limit=1&after="), "links lead back here");
    assert!(call(&sandbox, "/sandbox/time").await.ends_with("{\"now\":\"2026-03-02T09:00:00Z\"}"));
}

/// Calls over TLS as somebody who trusts an authority; `None` where the sandbox's is another.
async fn call_over_tls(sandbox: &Sandbox, path: &str, identity: &Identity, trusted: &Identity) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(serve_tls(sandbox.clone(), Router::new(), listener, identity.clone()));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.authority().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let connector = TlsConnector::from(Arc::new(config.with_no_client_auth()));
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await.ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {TOKEN}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    server.abort();
    Some(answer.replace(&address.to_string(), "HOST"))
}

#[tokio::test]
async fn calls_over_tls_are_answered_to_whoever_trusts_the_authority_and_to_nobody_else() {
    let sandbox = sandbox();
    for _ in 0..2 {
        deal(&sandbox, json!({}));
    }
    let (identity, other) = (Identity::make().unwrap(), Identity::make().unwrap());
    let answer = call_over_tls(&sandbox, &format!("{DEALS}?limit=1"), &identity, &identity).await.unwrap();
    assert!(answer.contains("\"link\":\"https://HOST/crm/objects/2026-09/deals?limit=1&after="), "{answer}");
    assert_eq!(call_over_tls(&sandbox, DEALS, &identity, &other).await, None);
}

#[tokio::test]
async fn further_routes_come_before_those_of_the_sandbox() {
    assert!(call(&sandbox(), "/sandbox/greeting").await.ends_with("hello"));
}

#[tokio::test]
async fn a_fault_breaks_hangs_or_drips_the_connection() {
    let sandbox = sandbox();
    sandbox.set_faults(vec![FaultRule::once(DEALS, Fault::Drop { applied: false })]);
    assert_eq!(call(&sandbox, DEALS).await, "");
    sandbox.set_faults(vec![FaultRule::once(DEALS, Fault::Hang { applied: false })]);
    assert_eq!(call_within(&sandbox, DEALS, Duration::from_millis(200)).await, None);
    sandbox.set_faults(vec![FaultRule::once(DEALS, Fault::Drip { pause_millis: 1 })]);
    assert!(call(&sandbox, DEALS).await.contains("transfer-encoding: chunked"));
    assert!(call(&sandbox, DEALS).await.ends_with("{\"results\":[]}"));
}
