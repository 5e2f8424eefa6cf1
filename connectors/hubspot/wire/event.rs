//! What HubSpot tells of changes: by webhooks, and in the files of the Webhooks Journal.

use serde::Deserialize;

use super::{Loose, Texts};

/// One change, as a webhook tells it or as the journal does; the two name the same things alike.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// The account.
    pub portal_id: Loose,
    /// What it is about and what happened, such as `deal.propertyChange`.
    pub subscription_type: Loose,
    /// The same in the spelling of the documentation.
    pub event_type: Loose,
    /// The subscription that it belongs to.
    pub subscription_id: Loose,
    /// The type of the record, where it is not in the name of the event.
    pub object_type_id: Loose,
    /// The record.
    pub object_id: Loose,
    /// The property that changed.
    pub property_name: Loose,
    /// Its new value.
    pub property_value: Loose,
    /// When, in milliseconds.
    pub occurred_at: Loose,
    /// The record that stays, in a merge.
    pub primary_object_id: Loose,
    /// The records that it absorbed.
    pub merged_object_ids: Texts,
    /// The record that came of it, where that is another one.
    pub new_object_id: Loose,
    /// The kinds of both ends of an association, such as `DEAL_TO_COMPANY`.
    pub association_type: Loose,
    /// One end.
    pub from_object_id: Loose,
    /// The other end.
    pub to_object_id: Loose,
}

impl Event {
    /// What it is about and what happened, in whichever spelling it came.
    pub fn kind(&self) -> &str {
        self.subscription_type.as_str().unwrap_or(self.event_type.text())
    }

    /// The records that it names, in no order.
    pub fn records(&self) -> impl Iterator<Item = &str> {
        let named =
            [&self.object_id, &self.primary_object_id, &self.new_object_id].into_iter().filter_map(Loose::as_str);
        named.chain(self.merged_object_ids.0.iter().map(String::as_str)).filter(|text| is_id(text))
    }

    /// The deals among the ends of an association.
    pub fn deal_ends(&self) -> impl Iterator<Item = &str> {
        let kinds = self.association_type.text();
        let from = kinds.starts_with("DEAL_TO_").then_some(&self.from_object_id);
        let to = kinds.ends_with("_TO_DEAL").then_some(&self.to_object_id);
        from.into_iter().chain(to).filter_map(Loose::as_str).filter(|text| is_id(text))
    }
}

/// Ids are numbers; whatever else stands there is none.
fn is_id(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where the journal's next file is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JournalEntry {
    /// Where to fetch it, without our token.
    pub url: Loose,
    /// Its place in the journal.
    pub current_offset: Loose,
}

/// A file of the journal.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JournalFile {
    /// What changed.
    pub journal_events: Vec<Event>,
}

/// The journal's subscriptions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Subscriptions {
    /// All of the app.
    pub results: Vec<Subscription>,
}

/// What the journal is to hold of one account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subscription {
    /// `OBJECT` for records.
    pub subscription_type: Loose,
    /// The type of the records.
    pub object_type_id: Loose,
    /// The account.
    pub portal_id: Loose,
    /// `CREATE`, `UPDATE` and so on.
    pub actions: Texts,
    /// The properties whose change is told.
    pub properties: Texts,
    /// The only records that are told of; all where empty.
    pub object_ids: Texts,
}
