//! What HubSpot sends to us: checked, and read as hints of which deals to look at.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dealclock_connector::{Acknowledgement, Hint, Incoming, Received, Refused, Webhooks};
use dealclock_model::{ConnectionId, Object, RecordId, RecordRef};
use secrecy::SecretString;
use sha2::{Digest, Sha256};

use crate::api::DEAL_TYPE;
use crate::signature;
use crate::wire::Event;

/// Reads the webhooks of an app, which HubSpot signs with the app's secret.
///
/// They come in any order, may come twice, and their ids are not unique; so each is a hint and no more. See
/// [webhooks](https://developers.hubspot.com/docs/api-reference/latest/webhooks/guide).
pub(crate) struct Events {
    connection: ConnectionId,
    secret: SecretString,
}

impl Events {
    pub(crate) fn new(connection: ConnectionId, secret: SecretString) -> Events {
        Events { connection, secret }
    }
}

impl Webhooks for Events {
    fn receive(&self, incoming: &Incoming<'_>) -> Result<Received, Refused> {
        signature::verify(&self.secret, incoming)?;
        let events: Vec<Event> = serde_json::from_slice(incoming.body)
            .map_err(|_| Refused::Unreadable("the body is no list of events".to_owned()))?;
        let (ours, others): (Vec<&Event>, Vec<&Event>) =
            events.iter().partition(|event| event.portal_id.as_str() == Some(incoming.account));
        if let (true, Some(other)) = (ours.is_empty(), others.first()) {
            let account = other.portal_id.text().chars().filter(char::is_ascii_digit).take(20).collect();
            return Err(Refused::Foreign(account));
        }
        let deals: BTreeSet<&str> = ours.iter().flat_map(|event| deals(event)).collect();
        Ok(Received {
            hints: deals.into_iter().map(|id| hint(&self.connection, id)).collect(),
            keys: keys(&ours),
            foreign: others.len(),
            answer: Acknowledgement { content_type: "", body: "" },
        })
    }
}

/// A hint to look at a deal.
pub(crate) fn hint(connection: &ConnectionId, id: &str) -> Hint {
    Hint::Record(RecordRef { connection: connection.clone(), object: Object::Opportunity, id: RecordId::from(id) })
}

/// The deals that an event is about; none where it is about tasks, contacts or anything else.
fn deals(event: &Event) -> Vec<&str> {
    match event.kind().split_once('.') {
        Some(("deal", "associationChange")) => event.records().chain(event.deal_ends()).collect(),
        Some(("deal", _)) => event.records().collect(),
        Some(("object", _)) if event.object_type_id.text() == DEAL_TYPE => event.records().collect(),
        Some(("object", "associationChange")) => event.deal_ends().collect(),
        Some(_) | None => Vec::new(),
    }
}

/// One key for each event, and one for all of them together, in whatever order they come and however often.
///
/// `eventId` is not unique and `attemptNumber` grows, so neither is part of it.
fn keys(events: &[&Event]) -> Vec<String> {
    let mut keys: Vec<String> = events.iter().map(|event| key(event)).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.push(hashed(keys.iter().map(String::as_str)));
    keys
}

fn key(event: &Event) -> String {
    let merged = event.merged_object_ids.0.iter().map(String::as_str);
    let own = [
        &event.portal_id,
        &event.subscription_id,
        &event.object_id,
        &event.property_name,
        &event.occurred_at,
        &event.property_value,
        &event.primary_object_id,
        &event.new_object_id,
        &event.from_object_id,
        &event.to_object_id,
    ];
    hashed([event.kind()].into_iter().chain(own.into_iter().map(|part| part.text())).chain(merged))
}

/// The hash of parts of which no two lists read alike.
fn hashed<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{Hmac, KeyInit, Mac};
    use http::{HeaderMap, Method};
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "https://hooks.acme.example/hooks/acme?x=1";
    const AT: i64 = 1_772_442_000_000;

    fn receive(body: &[u8]) -> Result<Received, Refused> {
        let mut hmac = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
        hmac.update(format!("POST{URL}").as_bytes());
        hmac.update(body);
        hmac.update(AT.to_string().as_bytes());
        let mut headers = HeaderMap::new();
        let signed = STANDARD.encode(hmac.finalize().into_bytes());
        headers.insert(signature::SIGNATURE, signed.parse().unwrap());
        headers.insert(signature::TIMESTAMP, AT.into());
        let now = chrono::DateTime::from_timestamp_millis(AT).unwrap();
        let incoming = Incoming { method: &Method::POST, url: URL, headers: &headers, body, account: "33", now };
        Events::new("acme".into(), "secret".to_owned().into()).receive(&incoming)
    }

    fn ids(received: &Received) -> Vec<&str> {
        let id = |hint| match hint {
            &Hint::Record(ref record) | &Hint::Unlocked(ref record) => Some(record.id.as_str()),
            Hint::People => None,
        };
        received.hints.iter().filter_map(id).collect()
    }

    #[test]
    fn each_event_hints_at_the_deals_that_it_names() {
        let check = |event: &str, expected: &[&str]| {
            let received = receive(format!("[{{\"portalId\":33,{event}}}]").as_bytes()).unwrap();
            assert_eq!(ids(&received), expected, "{event}");
        };
        check(r#""subscriptionType":"deal.creation","objectId":7"#, &["7"]);
        check(r#""eventType":"deal.deletion","objectId":7"#, &["7"]);
        check(r#""subscriptionType":"deal.restore","objectId":"7""#, &["7"]);
        check(
            r#""subscriptionType":"deal.propertyChange","objectId":7,"propertyName":"dealstage","propertyValue":"x""#,
            &["7"],
        );
        check(
            r#""eventType":"deal.merge","primaryObjectId":1,"mergedObjectIds":[2,4],"newObjectId":3"#,
            &["1", "2", "3", "4"],
        );
        check(r#""subscriptionType":"object.creation","objectTypeId":"0-3","objectId":7"#, &["7"]);
        check(r#""subscriptionType":"object.creation","objectTypeId":"0-27","objectId":7"#, &[]);
        check(r#""subscriptionType":"contact.creation","objectId":7"#, &[]);
        check(
            r#""subscriptionType":"deal.associationChange","associationType":"DEAL_TO_COMPANY","fromObjectId":7,"toObjectId":8"#,
            &["7"],
        );
        check(
            r#""subscriptionType":"deal.associationChange","associationType":"COMPANY_TO_DEAL","fromObjectId":7,"toObjectId":8"#,
            &["8"],
        );
        check(r#""subscriptionType":"deal.creation","objectId":"../../owners""#, &[]);
        check(r#""subscriptionType":"deal.creation","objectId":{"a":1}"#, &[]);
        check(r#""subscriptionType":"somethingNew","objectId":7"#, &[]);
    }

    #[test]
    fn one_deal_of_many_events_is_looked_at_once() {
        let event = r#"{"portalId":33,"subscriptionType":"deal.propertyChange","objectId":7,"propertyName":"amount"}"#;
        let received = receive(format!("[{event},{event},{event}]").as_bytes()).unwrap();
        assert_eq!((ids(&received).len(), received.keys.len()), (1, 2));
    }

    #[test]
    fn another_attempt_has_the_same_keys_and_another_change_has_others() {
        let event = |attempt: u32, value: &str, at: u32| {
            let text = format!(
                r#"[{{"eventId":{attempt},"portalId":33,"subscriptionId":9,"subscriptionType":"deal.propertyChange",
                    "objectId":7,"propertyName":"amount","propertyValue":"{value}","occurredAt":{at},"attemptNumber":{attempt}}}]"#
            );
            receive(text.as_bytes()).unwrap().keys
        };
        assert_eq!(event(0, "5", 1), event(3, "5", 1));
        assert_ne!(event(0, "5", 1), event(0, "6", 1));
        assert_ne!(event(0, "5", 1), event(0, "5", 2));
    }

    #[test]
    fn events_of_other_accounts_are_dropped_and_counted_and_nothing_else_is_refused() {
        let ours = r#"{"portalId":33,"subscriptionType":"deal.creation","objectId":7}"#;
        let other = r#"{"portalId":34,"subscriptionType":"deal.creation","objectId":8}"#;
        let mixed = receive(format!("[{ours},{other},{other}]").as_bytes()).unwrap();
        assert_eq!((ids(&mixed), mixed.foreign), (vec!["7"], 2));
        assert_eq!(receive(format!("[{other}]").as_bytes()), Err(Refused::Foreign("34".to_owned())));
        assert_eq!(receive(br#"[{"subscriptionType":"deal.creation"}]"#), Err(Refused::Foreign(String::new())));
        assert_eq!(receive(b"[]").unwrap().hints, []);
        assert!(matches!(receive(br#"{"portalId":33}"#), Err(Refused::Unreadable(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = receive(&body);
        }

        #[test]
        fn any_event_is_read_or_refused(event in "[\\{\\}\\[\\]\":,a-zA-Z0-9\\. ]{0,80}") {
            let _ = receive(format!(r#"[{{"portalId":33,"subscriptionType":"deal.merge",{event}}}]"#).as_bytes());
            let _ = receive(format!(r#"[{{"portalId":33,"mergedObjectIds":{event}}}]"#).as_bytes());
        }
    }
}
