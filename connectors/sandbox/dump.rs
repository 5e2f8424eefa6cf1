//! Everything the sandbox knows, as plain data: what an auditor reads and a control call answers.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::options::Crm;

/// The whole account at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The CRM in whose words it is: the names of types, properties and values are the CRM's own.
    #[serde(default)]
    pub crm: Crm,
    /// The virtual instant at which it was taken.
    pub at: DateTime<Utc>,
    /// The account.
    pub account: AccountDump,
    /// Owners, active and archived, by id.
    pub owners: Vec<OwnerDump>,
    /// Pipelines of deals with their stages, in display order.
    pub pipelines: Vec<PipelineDump>,
    /// Records by their type (`deals`, `tasks`, `users`, ...; `Opportunity`, `Task`, `User`, ...), deleted and merged ones included, by id.
    pub records: BTreeMap<String, Vec<RecordDump>>,
    /// Associations, each in one direction.
    pub associations: Vec<AssociationDump>,
    /// Record ids of the deals that edits created, by their handles.
    pub handles: BTreeMap<String, String>,
    /// The ids that the CRM gave to people and stages which edits name by ids of their own.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// Notices that the CRM showed and mails that it sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<SentDump>,
    /// How often each endpoint was called, refused calls included.
    pub calls: BTreeMap<String, u64>,
    /// How often each status was answered; 0 counts the calls that got no answer.
    pub statuses: BTreeMap<u16, u64>,
}

/// A notice that the CRM showed, or a mail that it sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentDump {
    /// When.
    pub at: DateTime<Utc>,
    /// How it reached its reader.
    pub carrier: Carrier,
    /// A person's id, or a mail address.
    pub to: String,
    /// The title or subject.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The id of the record that it leads to, where it leads to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

/// How something that the CRM sends reaches its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// As a notice in the CRM.
    Notification,
    /// As a mail.
    Email,
}

/// The account's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDump {
    /// Its id.
    pub portal_id: u64,
    /// Its time zone, as the CRM names it.
    pub time_zone: String,
    /// Its home currency.
    pub currency: String,
}

/// An owner of records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerDump {
    /// The id that records name.
    pub id: String,
    /// The id that histories name.
    pub user_id: String,
    /// The mail address.
    pub email: String,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The team, by name.
    pub team: Option<String>,
    /// The id of the record among `users` that holds the zone, with its history in it.
    pub user_record: String,
    /// When it was archived, where it is.
    pub archived_at: Option<DateTime<Utc>>,
    /// The zone now.
    pub zone: Option<String>,
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineDump {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Its stages, in display order.
    pub stages: Vec<StageDump>,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageDump {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// Whether a deal in it is closed.
    pub closed: bool,
    /// Whether a deal in it is won.
    pub won: bool,
}

/// A record with everything that ever happened to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordDump {
    /// Its id.
    pub id: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Since when it is in the recycle bin, where it is.
    pub archived_at: Option<DateTime<Utc>>,
    /// The record that it was merged into, where it was; that one may be merged itself.
    pub merged_into: Option<String>,
    /// Deletions, restorations and merges, oldest first.
    pub life: Vec<LifeDump>,
    /// The stored values by property, oldest first; calculated properties are not stored.
    pub history: BTreeMap<String, Vec<VersionDump>>,
}

impl RecordDump {
    /// The value of a property at an instant; `None` when it was empty.
    pub fn value_at(&self, property: &str, at: DateTime<Utc>) -> Option<&str> {
        let versions = self.history.get(property)?;
        versions.iter().rev().find(|version| version.at <= at)?.value.as_deref()
    }

    /// The value of a property now; `None` when it is empty.
    pub fn value(&self, property: &str) -> Option<&str> {
        self.history.get(property)?.last()?.value.as_deref()
    }
}

/// Something that happened to a record as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeDump {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub event: LifeEvent,
}

/// What can happen to a record as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeEvent {
    /// It was moved to the recycle bin.
    Deleted,
    /// It was taken out of the recycle bin.
    Restored,
    /// It was absorbed by another record.
    MergedInto(String),
    /// It absorbed another record.
    Absorbed(String),
}

/// A value that a property took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionDump {
    /// When.
    pub at: DateTime<Utc>,
    /// The value; `None` when it was cleared.
    pub value: Option<String>,
    /// Who set it: `CRM_UI`, `INTEGRATION`, ...; `page`, `api`, `system` in an org.
    pub source: String,
    /// Their id: `userId:7001`, or the id of the application.
    pub source_id: String,
}

/// One direction of an association of two records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AssociationDump {
    /// The plural name of the type of the first record.
    pub from_type: String,
    /// The id of the first record.
    pub from: String,
    /// The plural name of the type of the second record.
    pub to_type: String,
    /// The id of the second record.
    pub to: String,
    /// The CRM's number of the kind of association.
    pub type_id: u16,
}
