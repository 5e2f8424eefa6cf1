//! Sends what an account has to tell to those who want to hear it: webhooks and Outbound Messages.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::dialect::Dialect;
use crate::sandbox::Sandbox;

/// How often it is looked whether something is due.
const TICK: Duration = Duration::from_millis(20);

/// How long an answer may take; HubSpot waits this long as well.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 64 * 1024;

/// Something to post.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    /// By which its outcome is told.
    pub(crate) id: u64,
    pub(crate) target: String,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// What became of something that was posted; a status of 0 stands for no answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Settled {
    /// Whether it was taken in.
    pub(crate) fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}

/// An account that has something to send.
pub(crate) trait Outbox {
    /// What is due at the account's virtual instant; it counts as on its way until it is settled.
    fn due(&mut self) -> Vec<Sending>;

    /// Learns what became of it.
    fn settled(&mut self, id: u64, settled: &Settled);
}

impl Outbox for Dialect {
    fn due(&mut self) -> Vec<Sending> {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.due(),
            Dialect::Salesforce(org) => {
                let messages = org.due_messages().into_iter();
                let sending = |message: crate::org::outbound::OutboundMessage| Sending {
                    id: message.number,
                    target: message.url,
                    content_type: "text/xml; charset=utf-8",
                    headers: vec![("soapaction", "\"\"".to_owned())],
                    body: message.body.into(),
                };
                messages.map(sending).collect()
            }
        }
    }

    fn settled(&mut self, id: u64, settled: &Settled) {
        match self {
            Dialect::HubSpot(hubspot) => hubspot.settled(id, settled),
            Dialect::Salesforce(org) => org.settled(id, settled.is_success() && acknowledges(&settled.body)),
        }
    }
}

/// Whether the answer to an Outbound Message says so: `<Ack>true</Ack>`, whatever the prefix.
fn acknowledges(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).split("Ack>").nth(1).is_some_and(|inside| inside.trim_start().starts_with("true"))
}

/// Sends until the future is dropped.
pub(crate) async fn send(sandbox: Sandbox) {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut posts = JoinSet::new();
    loop {
        tokio::select! {
            _ = tick.tick() => {
                let due = sandbox.state().account.due();
                for sending in due {
                    let (client, sandbox) = (client.clone(), sandbox.clone());
                    posts.spawn(async move {
                        let id = sending.id;
                        let settled = timeout(PATIENCE, post(&client, sending)).await.unwrap_or_default();
                        sandbox.state().account.settled(id, &settled);
                    });
                }
            }
            Some(_) = posts.join_next() => {}
        }
    }
}

async fn post(client: &Client<HttpConnector, Full<Bytes>>, sending: Sending) -> Settled {
    let Some(request) = request(sending) else { return Settled::default() };
    let answer = match client.request(request).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "a message from the sandbox was not received");
            return Settled::default();
        }
    };
    let status = answer.status().as_u16();
    match Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await {
        Ok(body) => Settled { status, body: body.to_bytes() },
        Err(_) => Settled::default(),
    }
}

/// A request to this machine; the sandbox sends nowhere else.
fn request(sending: Sending) -> Option<Request<Full<Bytes>>> {
    let uri: Uri = sending.target.parse().ok()?;
    if !matches!(uri.host(), Some("127.0.0.1" | "localhost" | "[::1]")) {
        tracing::warn!("the sandbox sends messages to this machine only");
        return None;
    }
    let mut request = Request::post(uri).header(CONTENT_TYPE, sending.content_type);
    for (name, value) in sending.headers {
        request = request.header(HeaderName::from_static(name), HeaderValue::try_from(value).ok()?);
    }
    request.body(Full::new(sending.body)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(target: &str) -> Sending {
        let target = target.to_owned();
        Sending { id: 1, target, content_type: "application/json", headers: Vec::new(), body: Bytes::new() }
    }

    #[test]
    fn messages_go_to_this_machine_and_nowhere_else() {
        for (target, admitted) in [
            ("http://127.0.0.1:8080/hooks/acme", true),
            ("http://localhost/hooks", true),
            ("http://acme.example/hooks", false),
            ("http://127.0.0.1.acme.example/", false),
            ("nonsense", false),
        ] {
            assert_eq!(request(to(target)).is_some(), admitted, "{target}");
        }
    }

    #[test]
    fn an_outbound_message_is_acknowledged_by_a_word_and_not_by_a_status() {
        assert!(acknowledges(b"<x:Ack>true</x:Ack>"));
        assert!(acknowledges(b"<Ack> true</Ack>"));
        assert!(!acknowledges(b"<Ack>false</Ack>"));
        assert!(!acknowledges(b"true"));
    }
}
