//! The Webhooks Journal: files of what happened, by offset, kept for three days.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/webhooks-journal/guide>

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Portal;
use super::happening::{Happening, What};
use super::instant::{DAY, Millis};

/// How long a file is kept.
const KEPT_FOR: Millis = 3 * DAY;

/// Most events in a file.
const MOST: usize = 10_000;

/// What an application wants to find in the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    #[serde(default)]
    pub(crate) id: u64,
    pub(crate) subscription_type: String,
    pub(crate) object_type_id: String,
    pub(crate) portal_id: u64,
    pub(crate) actions: BTreeSet<String>,
    #[serde(default)]
    pub(crate) properties: BTreeSet<String>,
    #[serde(default)]
    pub(crate) object_ids: BTreeSet<u64>,
}

/// A file of the journal.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) offset: String,
    pub(crate) at: Millis,
    pub(crate) body: Value,
}

/// Where the journal was looked at.
pub(crate) enum Place<'a> {
    Earliest,
    Latest,
    After(&'a str),
}

/// The journal.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) subscriptions: BTreeMap<u64, Subscription>,
    files: VecDeque<File>,
    untold: Vec<Value>,
    written: u64,
    subscribed: u64,
}

impl Journal {
    /// Adds a subscription.
    pub(crate) fn subscribe(&mut self, mut subscription: Subscription) -> &Subscription {
        self.subscribed += 1;
        subscription.id = self.subscribed;
        self.subscriptions.entry(self.subscribed).or_insert(subscription)
    }

    /// Takes in what happened, as far as a subscription covers it. Changes of one record at one instant are one event.
    pub(crate) fn take_in(&mut self, portal: &Portal, happenings: &[Happening]) {
        for happening in happenings {
            let Some(event) = self.event(portal, happening) else { continue };
            let same = |last: &&mut Value| {
                ["objectId", "occurredAt", "action", "objectTypeId"].iter().all(|name| last[*name] == event[*name])
            };
            match (self.untold.last_mut().filter(same), event["propertyChanges"].as_object()) {
                (Some(last), Some(changes)) if !changes.is_empty() => {
                    if let Some(known) = last["propertyChanges"].as_object_mut() {
                        known.extend(changes.clone());
                    }
                }
                _ => self.untold.push(event),
            }
        }
    }

    fn event(&self, portal: &Portal, happening: &Happening) -> Option<Value> {
        let (action, property, value) = match &happening.what {
            What::Created => ("CREATE", None, None),
            What::Changed(property, value) => {
                ("UPDATE", Some(portal.property_name(happening.kind, *property)), value.as_deref())
            }
            What::Deleted => ("DELETE", None, None),
            What::Restored => ("RESTORE", None, None),
            What::Merged(_) => ("MERGE", None, None),
        };
        let covers = |one: &&Subscription| {
            one.object_type_id == happening.kind.number()
                && one.portal_id == portal.portal_id
                && one.actions.contains(action)
                && (one.object_ids.is_empty() || one.object_ids.contains(&happening.id.0))
                && property.is_none_or(|name| one.properties.contains(name))
        };
        self.subscriptions.values().find(covers)?;
        let changes: Map<String, Value> =
            property.map(|name| (name.to_owned(), json!(value.unwrap_or_default()))).into_iter().collect();
        let mut event = json!({
            "type": "crmObject",
            "portalId": portal.portal_id,
            "occurredAt": happening.at,
            "action": action,
            "objectTypeId": happening.kind.number(),
            "objectId": happening.id.0,
            "propertyChanges": changes,
        });
        if let What::Merged(absorbed) = happening.what {
            event["primaryObjectId"] = happening.id.0.into();
            event["mergedObjectIds"] = json!([absorbed.0]);
        }
        Some(event)
    }

    /// The file at a place; an error where the offset is not known, or not any more.
    pub(crate) fn find(&mut self, place: &Place<'_>, now: Millis) -> Result<Option<&File>, ()> {
        self.write_files(now);
        self.files.retain(|file| now - file.at < KEPT_FOR);
        match place {
            Place::Earliest => Ok(self.files.front()),
            Place::Latest => Ok(self.files.back()),
            Place::After(offset) => {
                let known = self.files.iter().position(|file| file.offset == *offset).ok_or(())?;
                Ok(self.files.get(known + 1))
            }
        }
    }

    /// The file with an offset.
    pub(crate) fn file(&self, offset: &str) -> Option<&File> {
        self.files.iter().find(|file| file.offset == offset)
    }

    fn write_files(&mut self, now: Millis) {
        while !self.untold.is_empty() {
            let rest = self.untold.split_off(self.untold.len().min(MOST));
            let events = std::mem::replace(&mut self.untold, rest);
            self.written += 1;
            let offset = format!("0190c7a6-0000-7000-8000-{:012x}", self.written);
            let body = json!({ "offset": offset, "publishedAt": now, "journalEvents": events });
            self.files.push_back(File { offset, at: now, body });
        }
    }
}
