//! Outbound Messages: told on every change, sent at least once, in no order, until somebody acknowledges them.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_understanding.htm>

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::escape::escape;
use serde::Deserialize;

use super::Org;
use super::cell::Cell;
use super::id::Id;
use super::kind::Kind;
use super::schema::FieldType;
use super::stamp::write_instant;
use crate::dialect::Dialect;
use crate::portal::instant::{DAY, Millis};
use crate::sandbox::Sandbox;

const MINUTE: Millis = 60_000;

/// The most notifications of one message.
const MOST: usize = 100;
/// How long the CRM waits after the first failure; each further wait is twice as long.
const FIRST_WAIT: Millis = MINUTE / 2;
/// The longest wait.
const LONGEST_WAIT: Millis = 120 * MINUTE;
/// After this long the CRM gives a notification up.
const KEPT_FOR: Millis = DAY;

/// The fields that messages carry, where the record has them.
const FIELDS: &[&str] =
    &["Name", "Subject", "StageName", "Status", "OwnerId", "WhatId", "Amount", "CloseDate", "IsActive"];

/// What is to be told to whom.
#[derive(Debug, Default)]
pub(crate) struct Outbound {
    endpoints: Vec<Endpoint>,
    waiting: BTreeMap<u64, Notification>,
    /// What was sent and is not answered yet, by the number of its message.
    sent: BTreeMap<u64, Vec<u64>>,
    last: u64,
    /// How many were given up.
    pub(crate) dropped: u64,
}

#[derive(Debug)]
struct Endpoint {
    url: String,
    kinds: BTreeSet<Kind>,
}

#[derive(Debug)]
struct Notification {
    endpoint: usize,
    record: Id,
    since: Millis,
    next: Millis,
    attempts: u32,
}

/// Notifications that travel together, each with its number and its record.
#[derive(Debug)]
struct Batch {
    number: u64,
    endpoint: usize,
    notifications: Vec<(u64, Id)>,
}

/// A message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundMessage {
    /// By which its outcome is told.
    pub number: u64,
    /// Where it goes.
    pub url: String,
    /// What it says, as `text/xml`.
    pub body: String,
}

/// A wish to be told of changes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Wish {
    url: String,
    objects: Vec<String>,
}

impl Sandbox {
    /// Tells changes of records of these types to an address from now on: `Opportunity`, `Task`, `User`.
    ///
    /// `false` when there is no such type, or where the account sends no such messages.
    pub fn tell_changes(&self, url: &str, objects: &[&str]) -> bool {
        let wish = Wish { url: url.to_owned(), objects: objects.iter().map(|name| (*name).to_owned()).collect() };
        match &mut self.state().account {
            Dialect::HubSpot(_) => false,
            Dialect::Salesforce(org) => org.tell_by_call(&wish).is_ok(),
        }
    }

    /// The messages that are to be sent now; each is to be [settled](Sandbox::settle_message) before it comes again.
    pub fn due_messages(&self) -> Vec<OutboundMessage> {
        match &mut self.state().account {
            Dialect::HubSpot(_) => Vec::new(),
            Dialect::Salesforce(org) => org.due_messages(),
        }
    }

    /// Tells whether a message was acknowledged.
    pub fn settle_message(&self, number: u64, acknowledged: bool) {
        match &mut self.state().account {
            Dialect::HubSpot(_) => {}
            Dialect::Salesforce(org) => org.settled(number, acknowledged),
        }
    }
}

impl Outbound {
    /// Tells changes of records of these types to an address from now on.
    pub(crate) fn tell(&mut self, url: &str, kinds: impl IntoIterator<Item = Kind>) {
        self.endpoints.push(Endpoint { url: url.to_owned(), kinds: kinds.into_iter().collect() });
    }

    /// How far notifications are counted; [`Outbound::forget_after`] goes back to it.
    pub(super) fn mark(&self) -> u64 {
        self.last
    }

    /// Forgets what was told by a transaction that is taken back.
    pub(super) fn forget_after(&mut self, mark: u64) {
        drop(self.waiting.split_off(&(mark + 1)));
    }

    fn note(&mut self, kind: Kind, record: Id, now: Millis) {
        let concerned = self.endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.kinds.contains(&kind));
        for (endpoint, _) in concerned {
            self.last += 1;
            self.waiting.insert(self.last, Notification { endpoint, record, since: now, next: now, attempts: 0 });
        }
    }

    /// Takes what is due, the youngest first: receivers must not rely on any order.
    fn take_due(&mut self, now: Millis) -> Vec<Batch> {
        let before = self.waiting.len();
        self.waiting.retain(|_, waiting| now - waiting.since < KEPT_FOR);
        self.dropped += u64::try_from(before - self.waiting.len()).unwrap_or_default();
        let sent: BTreeSet<u64> = self.sent.values().flatten().copied().collect();
        let mut by_endpoint: BTreeMap<usize, Vec<(u64, Id)>> = BTreeMap::new();
        for (number, waiting) in self.waiting.iter().rev() {
            if waiting.next <= now && !sent.contains(number) {
                by_endpoint.entry(waiting.endpoint).or_default().push((*number, waiting.record));
            }
        }
        let mut messages = Vec::new();
        for (endpoint, notifications) in by_endpoint {
            for some in notifications.chunks(MOST) {
                self.last += 1;
                self.sent.insert(self.last, some.iter().map(|(number, _)| *number).collect());
                messages.push(Batch { number: self.last, endpoint, notifications: some.to_vec() });
            }
        }
        messages
    }

    /// Learns what became of a message: acknowledged as a whole, or to be sent again later.
    pub(crate) fn settle(&mut self, message: u64, acknowledged: bool, now: Millis) {
        for number in self.sent.remove(&message).unwrap_or_default() {
            if acknowledged {
                self.waiting.remove(&number);
            } else if let Some(waiting) = self.waiting.get_mut(&number) {
                let wait = FIRST_WAIT.saturating_mul(1 << waiting.attempts.min(16)).min(LONGEST_WAIT);
                waiting.attempts += 1;
                waiting.next = now + wait;
            }
        }
    }
}

impl Org {
    /// Fulfils a wish as the control interface sends it.
    pub(crate) fn tell_by_call(&mut self, wish: &Wish) -> Result<(), String> {
        let kinds = wish.objects.iter().map(|name| Kind::parse(name).ok_or_else(|| format!("there is no type {name}")));
        let kinds = kinds.collect::<Result<Vec<Kind>, String>>()?;
        self.outbound.tell(&wish.url, kinds);
        Ok(())
    }

    /// Tells that a record changed, to whoever wants to know.
    pub(super) fn note_outbound(&mut self, kind: Kind, record: Id) {
        let now = self.now;
        self.outbound.note(kind, record, now);
    }

    /// The messages that are to be sent now, with the values that their records have now.
    pub(crate) fn due_messages(&mut self) -> Vec<OutboundMessage> {
        let messages = self.outbound.take_due(self.now);
        let write = |batch: Batch| {
            let url = self.outbound.endpoints.get(batch.endpoint).map(|endpoint| endpoint.url.clone())?;
            Some(OutboundMessage { number: batch.number, url, body: self.write_message(&batch) })
        };
        messages.into_iter().filter_map(write).collect()
    }

    /// Learns what became of a message.
    pub(crate) fn settled(&mut self, message: u64, acknowledged: bool) {
        let now = self.now;
        self.outbound.settle(message, acknowledged, now);
    }

    fn write_message(&self, batch: &Batch) -> String {
        let action = Id::new("04k", self.instance, u64::try_from(batch.endpoint).unwrap_or_default() + 1);
        let home = self.instance_url.as_deref().unwrap_or("https://acme.my.salesforce.com");
        let notifications: String = batch
            .notifications
            .iter()
            .filter_map(|(number, record)| self.write_notification(*number, *record))
            .collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
             <soapenv:Body>\n <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n  \
             <OrganizationId>{organization}</OrganizationId>\n  <ActionId>{action}</ActionId>\n  \
             <SessionId xsi:nil=\"true\"/>\n  <EnterpriseUrl>{home}/services/Soap/c/65.0/{short}</EnterpriseUrl>\n  \
             <PartnerUrl>{home}/services/Soap/u/65.0/{short}</PartnerUrl>\n{notifications} </notifications>\
             </soapenv:Body></soapenv:Envelope>",
            organization = self.id,
            short = self.id.short(),
            home = escape(home),
        )
    }

    fn write_notification(&self, number: u64, record: Id) -> Option<String> {
        let (kind, row) = self.find(record)?;
        let schema = &self.table(kind).schema;
        let fields: String = FIELDS
            .iter()
            .filter_map(|name| {
                let field = schema.find(name)?;
                let cell = row.get(field);
                let is_number = schema.field(field).of == FieldType::Currency;
                let text = match cell {
                    Cell::Null => return None,
                    Cell::Number(number) if is_number => format!("{number:.1}"),
                    Cell::Instant(at) => write_instant(*at),
                    other => other.to_text(),
                };
                Some(format!("<sf:{name}>{}</sf:{name}>", escape(&text)))
            })
            .collect();
        let id = Id::new("04l", self.instance, number);
        Some(format!(
            "  <Notification><Id>{id}</Id><sObject xsi:type=\"sf:{kind}\" \
             xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\"><sf:Id>{record}</sf:Id>{fields}</sObject></Notification>\n",
            kind = kind.name(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_000_000;

    fn outbound(changes: u64) -> Outbound {
        let mut outbound = Outbound::default();
        outbound.tell("http://127.0.0.1/hook", [Kind::Opportunity]);
        for number in 0..changes {
            outbound.note(Kind::Opportunity, Id::new("006", *b"Aa", number), NOW);
        }
        outbound
    }

    fn sizes(outbound: &mut Outbound, now: Millis) -> Vec<usize> {
        outbound.take_due(now).iter().map(|batch| batch.notifications.len()).collect()
    }

    #[test]
    fn at_most_a_hundred_notifications_travel_together() {
        assert_eq!(sizes(&mut outbound(250), NOW), [100, 100, 50]);
    }

    #[test]
    fn what_is_not_acknowledged_comes_again_after_growing_waits_for_a_day() {
        let mut outbound = outbound(1);
        let mut sent_at = Vec::new();
        while let Some(next) = outbound.waiting.values().map(|waiting| waiting.next).min() {
            for batch in outbound.take_due(next) {
                sent_at.push(next - NOW);
                outbound.settle(batch.number, false, next);
            }
        }
        let waits: Vec<_> = sent_at.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(&waits[..3], [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]);
        assert_eq!(waits.last(), Some(&LONGEST_WAIT));
        assert!(sent_at.iter().all(|at| *at < KEPT_FOR));
        assert_eq!(outbound.dropped, 1);
    }

    #[test]
    fn what_is_acknowledged_is_done_and_what_is_on_its_way_is_not_sent_twice() {
        let mut outbound = outbound(2);
        let messages = outbound.take_due(NOW);
        assert_eq!(sizes(&mut outbound, NOW), [0_usize; 0]);
        outbound.settle(messages[0].number, true, NOW);
        assert!(outbound.waiting.is_empty());
    }

    #[test]
    fn what_a_transaction_takes_back_is_not_told() {
        let mut outbound = outbound(1);
        let mark = outbound.mark();
        outbound.note(Kind::Opportunity, Id::new("006", *b"Aa", 9), NOW);
        outbound.note(Kind::Account, Id::new("001", *b"Aa", 9), NOW);
        outbound.forget_after(mark);
        assert_eq!(sizes(&mut outbound, NOW), [1]);
    }
}
