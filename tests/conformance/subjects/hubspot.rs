//! HubSpot.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dealclock_connector::{Connector, Settings};
use dealclock_model::Instant;
use dealclock_sandbox::{Limits, Options, Sandbox, Token};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use sha2::Sha256;

use super::remote::{Dialect, Remote, SHARE, TOKENS, WEBHOOK_SECRET, Words};
use crate::clock::start;
use crate::subject::{Forgery, Message, Step};

/// HubSpot, spoken by the sandbox.
pub type HubSpot = Remote<HubSpotDialect>;

pub struct HubSpotDialect;

/// Searches in a second.
const SEARCHES: u64 = 5;

impl Dialect for HubSpotDialect {
    const WORDS: Words = Words {
        base: "https://api.hubapi.com",
        deals: "deals",
        tasks: "tasks",
        key: "dealclock_key",
        outcome: "dealclock_outcome",
        subject: "hs_task_subject",
        body: "hs_task_body",
        status: "hs_task_status",
        done: "COMPLETED",
        stage: "appointmentscheduled",
    };
    const PAGES: (usize, usize) = (100, 200);
    const BATCH: usize = 100;

    fn lacks(case: &str) -> Option<&'static str> {
        match case {
            "a record handed in, answer lost" => Some("HubSpot has no approval process of its own"),
            "notices and mails of the CRM" => Some("HubSpot sends no notices or mails for others"),
            _ => None,
        }
    }

    fn sandbox(is_limited: bool) -> Sandbox {
        let mut options = Options::new(TOKENS[0], start());
        options.tokens = TOKENS.map(Token::with_all_scopes).to_vec();
        options.limits = if is_limited { Limits::default() } else { Limits::NONE };
        Sandbox::new(options)
    }

    fn connect(settings: Settings) -> Result<Arc<dyn Connector>, String> {
        dealclock_hubspot::connect(settings)
    }

    fn call(step: Step) -> (&'static str, &'static str) {
        match step {
            Step::List => ("GET", "/crm/objects/2026-09/deals"),
            Step::Poll => ("POST", "/crm/objects/2026-09/deals/search"),
            Step::HandIn => panic!("HubSpot has no approval process"),
            Step::Create => ("POST", "/crm/objects/2026-09/tasks/batch/create"),
        }
    }

    fn mislead(answer: &str) -> String {
        answer.replace("https://api.hubapi.com", "https://elsewhere.example")
    }

    fn share(seconds: i64) -> u64 {
        // Polls are searches; the checks and reads before them are few.
        (SEARCHES as f64 * SHARE * seconds as f64) as u64 + 2 * SEARCHES + 30
    }

    fn message(account: &str, record: &str, now: Instant) -> Message {
        let body = json!([{
            "eventId": record.parse::<u64>().unwrap_or_default() + 1,
            "subscriptionId": 1,
            "portalId": account.parse::<u64>().unwrap(),
            "appId": 2,
            "occurredAt": now.timestamp_millis(),
            "subscriptionType": "deal.propertyChange",
            "attemptNumber": 0,
            "objectId": record.parse::<u64>().unwrap(),
            "propertyName": "amount",
            "propertyValue": "1",
            "changeSource": "CRM",
        }]);
        signed(body.to_string().into_bytes(), now, WEBHOOK_SECRET)
    }

    fn forgery(account: &str, record: &str, now: Instant, forgery: Forgery) -> Message {
        match forgery {
            Forgery::Wrong => signed(Self::message(account, record, now).body, now, "guessed"),
            Forgery::Stale => Self::message(account, record, now - chrono::Duration::minutes(6)),
            Forgery::Unreadable => signed(b"<hello/>".to_vec(), now, WEBHOOK_SECRET),
        }
    }
}

/// A request with the signature of version 3.
fn signed(body: Vec<u8>, at: Instant, secret: &str) -> Message {
    let url = "https://reminders.acme.example/hooks/acme".to_owned();
    let stamp = at.timestamp_millis().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in [b"POST", url.as_bytes(), &body, stamp.as_bytes()] {
        mac.update(part);
    }
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let headers = [("x-hubspot-signature-v3", signature), ("x-hubspot-request-timestamp", stamp)];
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(name, HeaderValue::try_from(value).unwrap());
    }
    Message { method: Method::POST, url, headers: map, body }
}
