//! An [Outbound Message](https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging_notifications.htm)
//! as it arrives: a SOAP envelope with up to a hundred notifications, each naming a record.

use super::xml::{Cursor, Malformed, Tag};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const OUTBOUND: &str = "http://soap.sforce.com/2005/09/outbound";
/// The namespaces of the record's fields: those of the typed interface, and those of the generic one.
const FIELDS: [&str; 2] = ["urn:sobject.enterprise.soap.sforce.com", "urn:sobject.partner.soap.sforce.com"];

/// The most notifications that Salesforce puts into one message.
pub const MOST_NOTIFICATIONS: usize = 100;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The id of the organization that sent it.
    pub organization: String,
    /// The id of the action that sends it.
    pub action: String,
    /// Whether it brought a session, which it should not; the session itself is passed over.
    pub brings_session: bool,
    /// What it tells, at least one.
    pub notifications: Vec<Notification>,
}

/// That a record changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its own id, the same whenever it is sent again.
    pub id: String,
    /// The type of the record.
    pub kind: String,
    /// The record's id.
    pub record: String,
    /// For an activity: what it is about.
    pub what: Option<String>,
}

/// Why a text is no such message; nothing of the text is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// It is no XML that is safe to read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The outermost element is another one.
    #[error("it is no SOAP envelope")]
    NoEnvelope,
    /// An element that must be there is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// An element that may be there once is there again.
    #[error("it has more than one {0}")]
    Repeated(&'static str),
    /// Something stands where an id belongs.
    #[error("its {0} is no id")]
    NoId(&'static str),
    /// It tells more than Salesforce ever puts into one message.
    #[error("it has more than {MOST_NOTIFICATIONS} notifications")]
    Crowded,
}

/// Reads a message.
pub fn parse(body: &[u8]) -> Result<Message, Unread> {
    let mut cursor = Cursor::new(body)?;
    match cursor.child()? {
        Some(tag) if tag.is(SOAP, "Envelope") => {}
        Some(_) | None => return Err(Unread::NoEnvelope),
    }
    let mut message = None;
    while let Some(tag) = cursor.child()? {
        if tag.is(SOAP, "Body") {
            while let Some(tag) = cursor.child()? {
                if !tag.is(OUTBOUND, "notifications") {
                    cursor.skip()?;
                } else if message.replace(read_message(&mut cursor)?).is_some() {
                    return Err(Unread::Repeated("notifications"));
                }
            }
        } else {
            cursor.skip()?;
        }
    }
    if cursor.child()?.is_some() {
        return Err(Unread::Repeated("Envelope"));
    }
    message.ok_or(Unread::Missing("notifications"))
}

fn read_message(cursor: &mut Cursor<'_>) -> Result<Message, Unread> {
    let (mut organization, mut action, mut brings_session) = (None, None, false);
    let mut notifications = Vec::new();
    while let Some(tag) = cursor.child()? {
        match outbound(&tag) {
            "OrganizationId" => put(&mut organization, "OrganizationId", read_id(cursor, "OrganizationId")?)?,
            "ActionId" => put(&mut action, "ActionId", read_id(cursor, "ActionId")?)?,
            "SessionId" => brings_session |= !cursor.text()?.is_empty() && !tag.is_nil,
            "Notification" if notifications.len() == MOST_NOTIFICATIONS => return Err(Unread::Crowded),
            "Notification" => notifications.push(read_notification(cursor)?),
            _ => cursor.skip()?,
        }
    }
    if notifications.is_empty() {
        return Err(Unread::Missing("Notification"));
    }
    Ok(Message {
        organization: organization.ok_or(Unread::Missing("OrganizationId"))?,
        action: action.ok_or(Unread::Missing("ActionId"))?,
        brings_session,
        notifications,
    })
}

fn read_notification(cursor: &mut Cursor<'_>) -> Result<Notification, Unread> {
    let (mut id, mut record) = (None, None);
    while let Some(tag) = cursor.child()? {
        match outbound(&tag) {
            "Id" => put(&mut id, "Notification Id", read_id(cursor, "Notification Id")?)?,
            "sObject" => put(&mut record, "sObject", read_record(cursor, tag)?)?,
            _ => cursor.skip()?,
        }
    }
    let (kind, record, what) = record.ok_or(Unread::Missing("sObject"))?;
    Ok(Notification { id: id.ok_or(Unread::Missing("Notification Id"))?, kind, record, what })
}

/// The record's type, its id, and what it is about.
fn read_record(cursor: &mut Cursor<'_>, tag: Tag) -> Result<(String, String, Option<String>), Unread> {
    let is_record = |namespace: &str| FIELDS.contains(&namespace);
    let kind = tag.of_type.filter(|(namespace, _)| is_record(namespace)).map(|(_, kind)| kind);
    let (mut id, mut what) = (None, None);
    while let Some(tag) = cursor.child()? {
        match tag.name.as_str() {
            "Id" if is_record(&tag.namespace) => put(&mut id, "record id", read_id(cursor, "record id")?)?,
            "WhatId" if is_record(&tag.namespace) && !tag.is_nil => {
                put(&mut what, "WhatId", read_id(cursor, "WhatId")?)?;
            }
            _ => cursor.skip()?,
        }
    }
    Ok((kind.ok_or(Unread::Missing("record type"))?, id.ok_or(Unread::Missing("record id"))?, what))
}

/// The name of an element of the message itself; empty for any other.
fn outbound(tag: &Tag) -> &str {
    if tag.namespace == OUTBOUND { &tag.name } else { "" }
}

fn put<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), Unread> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(Unread::Repeated(name)),
    }
}

fn read_id(cursor: &mut Cursor<'_>, name: &'static str) -> Result<String, Unread> {
    let text = cursor.text()?;
    let is_id = matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_id { Ok(text) } else { Err(Unread::NoId(name)) }
}
