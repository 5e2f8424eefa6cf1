//! Webhooks that are pushed: in batches, in no order, signed, and again until they are taken in.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/webhooks/guide>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Portal;
use super::happening::{Happening, What};
use super::instant::Millis;
use super::kind::Kind;
use crate::sender::{Sending, Settled};

/// Fewer than a hundred events travel together.
const MOST: usize = 99;

const MINUTE: Millis = 60_000;

/// The waits between attempts: ten more within a day.
const WAITS: [Millis; 10] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    60 * MINUTE,
    120 * MINUTE,
    180 * MINUTE,
    240 * MINUTE,
    360 * MINUTE,
    420 * MINUTE,
];

/// Where webhooks go, and what they are signed with.
#[derive(Clone, Deserialize)]
pub(crate) struct Target {
    target: String,
    secret: String,
    #[serde(default = "default_app")]
    app_id: u64,
    /// What is told: `deal.creation`, `deal.propertyChange` and so on; all about deals where there is none.
    #[serde(default)]
    events: Vec<String>,
    /// The properties whose changes are told; all where there is none.
    #[serde(default)]
    properties: Vec<String>,
}

fn default_app() -> u64 {
    crate::options::APP_ID
}

struct Push {
    events: Vec<Value>,
    attempt: usize,
    due: Millis,
    is_on_its_way: bool,
}

/// The webhooks of an application.
#[derive(Default)]
pub(crate) struct Pushes {
    target: Option<Target>,
    waiting: BTreeMap<u64, Push>,
    events: u64,
    pushes: u64,
    /// How many events were given up.
    pub(crate) given_up: u64,
}

impl Pushes {
    /// Tells everything to an address from now on.
    pub(crate) fn tell(&mut self, target: Target) {
        self.target = Some(target);
    }

    /// Takes in what happened, as far as it is subscribed to.
    pub(crate) fn take_in(&mut self, portal: &Portal, happenings: &[Happening]) {
        let Some(target) = self.target.clone() else { return };
        let mut events = Vec::new();
        for happening in happenings {
            if let Some(mut event) = event(portal, happening, &target) {
                self.events += 1;
                event["eventId"] = (3_816_279_000 + self.events % 1_000).into();
                events.push(event);
            }
        }
        // Receivers must not rely on any order.
        events.reverse();
        for some in events.chunks(MOST) {
            self.pushes += 1;
            let push = Push { events: some.to_vec(), attempt: 0, due: portal.now, is_on_its_way: false };
            self.waiting.insert(self.pushes, push);
        }
    }

    /// What is to be sent now.
    pub(crate) fn due(&mut self, now: Millis) -> Vec<Sending> {
        let Some(target) = &self.target else { return Vec::new() };
        let due = self.waiting.iter_mut().filter(|(_, push)| push.due <= now && !push.is_on_its_way);
        due.map(|(id, push)| {
            push.is_on_its_way = true;
            for event in &mut push.events {
                event["attemptNumber"] = push.attempt.into();
            }
            signed(*id, target, &Value::from(push.events.clone()), now)
        })
        .collect()
    }

    /// Learns what became of it: taken in, or to be sent again.
    pub(crate) fn settled(&mut self, id: u64, settled: &Settled, now: Millis) {
        let Some(push) = self.waiting.get_mut(&id) else { return };
        push.is_on_its_way = false;
        match WAITS.get(push.attempt) {
            Some(wait) if !settled.is_success() => {
                push.due = now + wait;
                push.attempt += 1;
            }
            Some(_) | None => {
                if !settled.is_success() {
                    self.given_up += u64::try_from(push.events.len()).unwrap_or_default();
                }
                self.waiting.remove(&id);
            }
        }
    }
}

fn event(portal: &Portal, happening: &Happening, target: &Target) -> Option<Value> {
    let what = match happening.what {
        What::Created => "creation",
        What::Changed(..) => "propertyChange",
        What::Deleted => "deletion",
        What::Restored => "restore",
        What::Merged(_) => "merge",
    };
    let name = match happening.kind {
        Kind::Deal | Kind::Contact | Kind::Company => format!("{}.{what}", happening.kind.singular()),
        Kind::Task | Kind::Note | Kind::User => format!("object.{what}"),
    };
    let is_wanted = if target.events.is_empty() { happening.kind == Kind::Deal } else { target.events.contains(&name) };
    if !is_wanted {
        return None;
    }
    let mut event = json!({
        "subscriptionId": 1_000 + what.len(),
        "portalId": portal.portal_id,
        "appId": target.app_id,
        "occurredAt": happening.at,
        "subscriptionType": name,
        "objectId": happening.id.0,
        "changeSource": happening.source.name(),
        "sourceId": happening.source.id(),
    });
    if name.starts_with("object.") {
        event["objectTypeId"] = happening.kind.number().into();
    }
    match &happening.what {
        What::Created | What::Deleted | What::Restored => {}
        What::Changed(property, value) => {
            let name = portal.property_name(happening.kind, *property);
            if !target.properties.is_empty() && !target.properties.iter().any(|wanted| wanted == name) {
                return None;
            }
            event["propertyName"] = name.into();
            event["propertyValue"] = value.as_deref().unwrap_or_default().into();
        }
        What::Merged(absorbed) => {
            event["primaryObjectId"] = happening.id.0.into();
            event["mergedObjectIds"] = json!([absorbed.0]);
            event["newObjectId"] = happening.id.0.into();
            event["numberOfPropertiesMoved"] = 0.into();
        }
    }
    Some(event)
}

/// Signs as the CRM does: by version 3, and beside it by the first one, which proves no time.
fn signed(id: u64, target: &Target, events: &Value, now: Millis) -> Sending {
    let body = events.to_string();
    let mut hmac = Hmac::<Sha256>::new_from_slice(target.secret.as_bytes()).expect("HMAC takes keys of any length");
    hmac.update(format!("POST{}{body}{now}", target.target).as_bytes());
    let v3 = STANDARD.encode(hmac.finalize().into_bytes());
    let v1 = Sha256::digest(format!("{}{body}", target.secret));
    let v1: String = v1.iter().map(|byte| format!("{byte:02x}")).collect();
    Sending {
        id,
        target: target.target.clone(),
        content_type: "application/json",
        headers: vec![
            ("x-hubspot-signature-v3", v3),
            ("x-hubspot-request-timestamp", now.to_string()),
            ("x-hubspot-signature", v1),
            ("x-hubspot-signature-version", "v1".to_owned()),
        ],
        body: Bytes::from(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use crate::portal::kind::RecordId;
    use crate::portal::record::Source;

    fn pushes(changes: usize) -> (Pushes, Millis) {
        let portal = Portal::new(&Options::new("t", "2026-03-02T09:00:00Z".parse().unwrap()));
        let mut pushes = Pushes::default();
        let target = json!({ "target": "http://127.0.0.1/hooks", "secret": "s" });
        pushes.tell(serde_json::from_value(target).unwrap());
        let happened = |number: usize| Happening {
            at: portal.now,
            kind: Kind::Deal,
            id: RecordId(number as u64),
            what: What::Deleted,
            source: Source::Crm,
        };
        pushes.take_in(&portal, &(0..changes).map(happened).collect::<Vec<_>>());
        (pushes, portal.now)
    }

    fn events(sending: &Sending) -> Vec<Value> {
        serde_json::from_slice(&sending.body).unwrap()
    }

    #[test]
    fn fewer_than_a_hundred_events_travel_together_and_the_youngest_first() {
        let (mut pushes, now) = pushes(150);
        let due = pushes.due(now);
        assert_eq!(due.iter().map(|sending| events(sending).len()).collect::<Vec<_>>(), [99, 51]);
        assert_eq!(events(&due[0])[0]["objectId"], 149);
        assert!(pushes.due(now).is_empty(), "what is on its way is not sent twice");
    }

    #[test]
    fn what_is_not_taken_in_comes_ten_more_times_within_a_day() {
        let (mut pushes, begun) = pushes(1);
        let mut attempts = Vec::new();
        for minute in 0..=24 * 60 {
            let now = begun + minute * MINUTE;
            for sending in pushes.due(now) {
                attempts.push(events(&sending)[0]["attemptNumber"].as_u64().unwrap());
                pushes.settled(sending.id, &Settled { status: 503, ..Settled::default() }, now);
            }
        }
        assert_eq!(attempts, (0..=10).collect::<Vec<_>>());
        assert_eq!(pushes.given_up, 1);
    }

    #[test]
    fn what_is_taken_in_is_done() {
        let (mut pushes, now) = pushes(1);
        for sending in pushes.due(now) {
            pushes.settled(sending.id, &Settled { status: 204, ..Settled::default() }, now);
        }
        assert!(pushes.due(now + 7 * 60 * MINUTE).is_empty());
    }
}
