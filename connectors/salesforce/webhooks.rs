//! Outbound Messages as hints: they say which record to read again, and nothing that they carry is believed.
//!
//! [Outbound Messages](https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_understanding.htm)
//! are sent at least once, in any order, and bear no signature: the address that they are sent to is the secret.

use std::sync::atomic::{AtomicBool, Ordering};

use dealclock_connector::{Acknowledgement, Hint, Incoming, Received, Refused, Webhooks};
use dealclock_model::{ConnectionId, Object, RecordId, RecordRef};
use http::Method;

use crate::api::OPPORTUNITY_PREFIX;
use crate::ids;
use crate::wire::outbound::{Notification, parse};

/// What Salesforce takes for "received"; one answer is for the whole message.
const ACKNOWLEDGEMENT: Acknowledgement = Acknowledgement {
    content_type: "text/xml; charset=utf-8",
    body: concat!(
        r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>"#,
        r#"<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>"#,
        "</soapenv:Body></soapenv:Envelope>",
    ),
};

/// Reads the Outbound Messages of one org.
pub(crate) struct OutboundMessages {
    connection: ConnectionId,
    told_of_session: AtomicBool,
}

impl OutboundMessages {
    /// For the records of a connection.
    pub(crate) fn new(connection: ConnectionId) -> OutboundMessages {
        OutboundMessages { connection, told_of_session: AtomicBool::new(false) }
    }

    /// Where a notification says to look; nowhere for records of no interest.
    fn hint(&self, notification: &Notification) -> Option<Hint> {
        match notification.kind.as_str() {
            "Opportunity" => Some(self.opportunity(&notification.record)),
            "Task" => {
                let what = notification.what.as_deref()?;
                what.starts_with(OPPORTUNITY_PREFIX).then(|| self.opportunity(what))
            }
            "User" => Some(Hint::People),
            _ => None,
        }
    }

    fn opportunity(&self, id: &str) -> Hint {
        Hint::Record(RecordRef {
            connection: self.connection.clone(),
            object: Object::Opportunity,
            id: RecordId::from(ids::long(id)),
        })
    }

    fn warn_of_session(&self) {
        if !self.told_of_session.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                connection = %self.connection,
                "the outbound message brings a session id, which is not needed: untick \"Send Session ID\" in Setup"
            );
        }
    }
}

impl Webhooks for OutboundMessages {
    fn receive(&self, incoming: &Incoming<'_>) -> Result<Received, Refused> {
        if incoming.method != Method::POST {
            return Err(Refused::Unreadable("an outbound message is a POST".to_owned()));
        }
        let message = parse(incoming.body).map_err(|unread| Refused::Unreadable(unread.to_string()))?;
        if !ids::same(&message.organization, incoming.account) {
            return Err(Refused::Foreign(ids::long(&message.organization)));
        }
        if message.brings_session {
            self.warn_of_session();
        }
        let mut hints: Vec<Hint> = message.notifications.iter().filter_map(|told| self.hint(told)).collect();
        hints.sort_unstable();
        hints.dedup();
        let keys = message.notifications.iter().map(|told| ids::long(&told.id)).collect();
        Ok(Received { hints, keys, foreign: 0, answer: ACKNOWLEDGEMENT })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    const ORGANIZATION: &str = "00Dx0000000BV7zEAG";

    fn message(organization: &str, session: &str, notifications: &str) -> String {
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
 <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
  <OrganizationId>{organization}</OrganizationId><ActionId>04kx0000000TNR4AAO</ActionId>{session}
  <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/65.0/00Dx0000000BV7z</EnterpriseUrl><PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/65.0/00Dx0000000BV7z</PartnerUrl>
  {notifications}
 </notifications></soapenv:Body></soapenv:Envelope>"#
        )
    }

    fn notification(id: &str, kind: &str, fields: &str) -> String {
        format!(
            r#"<Notification><Id>{id}</Id><sObject xsi:type="sf:{kind}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject></Notification>"#
        )
    }

    fn opportunities(count: usize) -> String {
        let one = |number| {
            let fields = format!("<sf:Id>006D0000{number:07}</sf:Id><sf:StageName>Open</sf:StageName>");
            notification(&format!("04l08000{number:07}"), "Opportunity", &fields)
        };
        (0..count).map(one).collect()
    }

    fn sample() -> String {
        let fields = "<sf:Id>006D000000CpOSyIAN</sf:Id><sf:Name>Q&amp;A &#x2014; Grün</sf:Name>";
        message(
            ORGANIZATION,
            r#"<SessionId xsi:nil="true"/>"#,
            &notification("04l0800002nrC5BAAU", "Opportunity", fields),
        )
    }

    fn receive(body: &[u8]) -> Result<Received, Refused> {
        OutboundMessages::new("acme".into()).receive(&Incoming {
            method: &Method::POST,
            url: "https://dealclock.example.com/hooks/acme/secret",
            headers: &HeaderMap::new(),
            body,
            account: ORGANIZATION,
            now: DateTime::UNIX_EPOCH,
        })
    }

    fn record(id: &str) -> Hint {
        Hint::Record(RecordRef { connection: "acme".into(), object: Object::Opportunity, id: id.into() })
    }

    #[test]
    fn the_reference_sample_is_a_hint_and_acknowledged() {
        let received = receive(sample().as_bytes()).unwrap();
        assert_eq!(received.hints, [record("006D000000CpOSyIAN")]);
        assert_eq!(received.keys, ["04l0800002nrC5BAAU"]);
        assert_eq!(received.foreign, 0);
        assert_eq!(received.answer.content_type, "text/xml; charset=utf-8");
        assert!(received.answer.body.contains("<Ack>true</Ack>"));
    }

    #[test]
    fn the_type_of_the_record_decides_where_to_look() {
        let check = |kind: &str, fields: &str, hints: &[Hint]| {
            let text = message(ORGANIZATION, "", &notification("04l0800002nrC5B", kind, fields));
            let received = receive(text.as_bytes()).unwrap();
            assert_eq!(received.hints, hints, "{kind} {fields}");
            assert_eq!(received.keys, ["04l0800002nrC5BAAU"], "{kind} {fields}");
        };
        check("Opportunity", "<sf:Id>006D000000CpOSy</sf:Id>", &[record("006D000000CpOSyIAN")]);
        check(
            "Task",
            "<sf:Id>00TD000000CpOSy</sf:Id><sf:WhatId>006D000000CpOSy</sf:WhatId>",
            &[record("006D000000CpOSyIAN")],
        );
        check("Task", "<sf:Id>00TD000000CpOSy</sf:Id><sf:WhatId>001D000000CpOSy</sf:WhatId>", &[]);
        check("Task", r#"<sf:Id>00TD000000CpOSy</sf:Id><sf:WhatId xsi:nil="true"/>"#, &[]);
        check("User", "<sf:Id>005D000000CpOSy</sf:Id>", &[Hint::People]);
        check("Account", "<sf:Id>001D000000CpOSy</sf:Id>", &[]);
    }

    #[test]
    fn a_hundred_notifications_are_read_and_one_more_is_refused() {
        let received = receive(message(ORGANIZATION, "", &opportunities(100)).as_bytes()).unwrap();
        assert_eq!((received.hints.len(), received.keys.len()), (100, 100));
        let refused = receive(message(ORGANIZATION, "", &opportunities(101)).as_bytes());
        assert_eq!(refused, Err(Refused::Unreadable("it has more than 100 notifications".into())));
    }

    #[test]
    fn a_record_that_is_told_of_twice_is_one_hint_and_two_keys() {
        let fields = "<sf:Id>006D000000CpOSy</sf:Id>";
        let twice = notification("04l0800002nrC5B", "Opportunity", fields)
            + &notification("04l0800002nrC5C", "Opportunity", fields);
        let received = receive(message(ORGANIZATION, "", &twice).as_bytes()).unwrap();
        assert_eq!((received.hints.len(), received.keys.len()), (1, 2));
    }

    #[test]
    fn another_org_is_foreign_whichever_form_its_id_has() {
        let text = |organization| message(organization, "", &opportunities(1));
        assert!(receive(text(&ORGANIZATION[..15]).as_bytes()).is_ok());
        for other in ["00Dx0000000BV7ZEA0", "00Dx0000000BV7Z"] {
            let refused = receive(text(other).as_bytes()).unwrap_err();
            assert!(matches!(refused, Refused::Foreign(id) if id.starts_with("00Dx0000000BV7Z")), "{other}");
        }
    }

    #[test]
    fn a_session_is_taken_no_further() {
        let text = message(ORGANIZATION, "<SessionId>00Dx!AQ0AQ</SessionId>", &opportunities(1));
        let received = receive(text.as_bytes()).unwrap();
        assert!(!format!("{received:?}").contains("AQ0AQ"));
    }

    #[test]
    fn what_is_no_message_is_refused_and_says_why() {
        let check = |body: &[u8], reason: &str| match receive(body) {
            Err(Refused::Unreadable(why)) => assert!(why.contains(reason), "{why}"),
            other => panic!("{other:?} where {reason} was expected"),
        };
        let sample = sample();
        let utf16: Vec<u8> = sample.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let inside = |text: &str| sample.replacen("<sf:Name>", &format!("<sf:Name>{text}"), 1);
        let typed = |text: &str| sample.replacen("<soapenv:Envelope", &format!("{text}<soapenv:Envelope"), 1);
        check(b"", "no SOAP envelope");
        check(b"{}", "mixed");
        check(b"<!doctype html><html><body>hello</body></html>", "document type");
        check(b"<html><body>hello</body></html>", "no SOAP envelope");
        check(b"<Envelope><Body/></Envelope>", "no SOAP envelope");
        check(&sample.as_bytes()[..sample.len() / 2], "ends in the middle");
        check(&sample.as_bytes()[..sample.len() - 3], "");
        check(&utf16, "UTF-8");
        check(&[&[0xff, 0xfe][..], &utf16].concat(), "UTF-8");
        check(sample.replacen("UTF-8", "UTF-16", 1).as_bytes(), "UTF-8");
        check(typed("<!DOCTYPE a [<!ENTITY b \"bb\"><!ENTITY c \"&b;&b;&b;\">]>").as_bytes(), "document type");
        check(typed("<!DOCTYPE a SYSTEM \"file:///etc/passwd\">").as_bytes(), "document type");
        check(typed("<?php echo 1 ?>").as_bytes(), "processing instruction");
        check(inside("&lol;").as_bytes(), "entity");
        check(inside("&#0;").as_bytes(), "entity");
        check(sample.replace("xsi:nil=\"true\"", "xsi:nil=\"&lol;\"").as_bytes(), "entity");
        check(inside(&"<a>".repeat(40)).as_bytes(), "deeper");
        check(
            inside(&format!("<a {}/>", (0..40).map(|n| format!("b{n}='' ")).collect::<String>())).as_bytes(),
            "attributes",
        );
        check(inside("<a b='' b=''/>").as_bytes(), "not XML");
        check(inside(&" ".repeat(5 << 20)).as_bytes(), "larger");
        check(sample.replace("2005/09/outbound", "2005/09/other").as_bytes(), "no notifications");
        check(sample.replace("urn:sobject.enterprise", "urn:sobject.other").as_bytes(), "no record type");
        check(sample.replace(ORGANIZATION, "../../etc").as_bytes(), "OrganizationId is no id");
        check(sample.replace("006D000000CpOSyIAN", "006' OR 1=1").as_bytes(), "record id is no id");
        check(message(ORGANIZATION, "", "").as_bytes(), "no Notification");
        check(
            message(ORGANIZATION, "<ActionId>04kx0000000TNR4AAO</ActionId>", &opportunities(1)).as_bytes(),
            "more than one ActionId",
        );
        check(format!("{sample}{sample}").as_bytes(), "");
    }

    #[test]
    fn only_a_post_is_a_message() {
        let (headers, body) = (HeaderMap::new(), sample());
        let incoming = Incoming {
            method: &Method::GET,
            url: "",
            headers: &headers,
            body: body.as_bytes(),
            account: ORGANIZATION,
            now: DateTime::UNIX_EPOCH,
        };
        assert!(matches!(OutboundMessages::new("acme".into()).receive(&incoming), Err(Refused::Unreadable(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = receive(&bytes);
        }

        #[test]
        fn no_slip_in_a_message_makes_it_panic(at in 0_usize..1_300, slip in any::<Vec<u8>>(), gone in 0_usize..40) {
            let mut body = sample().into_bytes();
            let at = at.min(body.len());
            let end = (at + gone).min(body.len());
            body.splice(at..end, slip);
            let _ = receive(&body);
        }
    }
}
