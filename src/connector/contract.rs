//! The verbs that every connector has, and the optional abilities as optional traits.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::NaiveDate;
use chrono_tz::Tz;
use dealclock_model::effect::Channel;
use dealclock_model::record::FieldHistory;
use dealclock_model::{
    Change, ConnectionId, EffectId, FieldName, Instant, Object, Person, Receipt, RecordRef, ValueType, Write,
};
use http::Uri;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    Authorizer, Clock, Feed, Hint, Mapping, NativeApprovals, Origin, Outcomes, Provision, Quota, Result, Transport,
    Webhooks,
};

/// Code for a kind of CRM, bound to one connection.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Who it is and what it can carry; constant.
    fn descriptor(&self) -> &Descriptor;

    /// Whether everything that will be needed is allowed; problems are listed, not thrown.
    async fn check(&self) -> Result<Account>;

    /// Fields, stages and people as they are now.
    async fn discover(&self) -> Result<Discovery>;

    /// Changes since a cursor: repeats allowed, gaps not. `None` reads everything.
    ///
    /// A cursor is only valid for the object that it came from.
    async fn changes(&self, object: Object, since: Option<&Cursor>) -> Result<ChangePage>;

    /// The state of the records now, in the order asked; what is gone comes as a tombstone. Not from a search index.
    async fn fetch(&self, records: &[RecordRef]) -> Result<Vec<Change>>;

    /// Applies writes in batches; the id is the idempotency key. One result for each write, in order.
    ///
    /// [`ErrorKind::Unknown`](crate::ErrorKind::Unknown) means it may have been applied: call `find` before `apply`.
    async fn apply(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>>;

    /// Whether creations were applied, asked by key and not from a search index; deleted ones count.
    async fn find(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>>;

    /// The keys of ours that stand on the records' tasks, with the tasks' ids; asked once after the store was lost.
    async fn written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>>;

    /// Field history, where the CRM keeps one.
    fn history(&self) -> Option<&dyn History> {
        None
    }

    /// Making fields, where the CRM's API allows it.
    fn provision(&self) -> Option<&dyn Provision> {
        None
    }

    /// Hints that the CRM sends, where it sends any.
    fn webhooks(&self) -> Option<&dyn Webhooks> {
        None
    }

    /// A log of changes that the CRM keeps, to be read at our own pace.
    fn feed(&self) -> Option<&dyn Feed> {
        None
    }

    /// The CRM's own approval process.
    fn approvals(&self) -> Option<&dyn NativeApprovals> {
        None
    }

    /// Tasks in which a person says what they decide, where the CRM's tasks can have such a field.
    fn outcomes(&self) -> Option<&dyn Outcomes> {
        None
    }

    /// The budget of calls, where the CRM limits them.
    fn quota(&self) -> Option<&Quota> {
        None
    }
}

/// An optional ability: past values of fields with the CRM's own times.
#[async_trait]
pub trait History: Send + Sync {
    /// The history of canonical fields of some records, in the order asked; fields without history are left out.
    async fn history(&self, records: &[RecordRef], fields: &[FieldName]) -> Result<Vec<Vec<FieldHistory>>>;
}

/// What a connector is, known before any call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The kind as written in the configuration.
    pub kind: &'static str,
    /// The CRM's name for people.
    pub label: Cow<'static, str>,
    /// Most records in one `fetch` call.
    pub fetch_batch: usize,
    /// Most writes in one `apply` call.
    pub apply_batch: usize,
    /// Most records in one `history` call; 0 without history.
    pub history_batch: usize,
    /// The ways beside tasks in which the CRM itself reaches a person; a write in any other one is rejected.
    pub channels: &'static [Channel],
}

/// How often a task may appear for one effect, at worst.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Once {
    /// The CRM refuses a second task with the same key.
    Exactly,
    /// The CRM has no such key here, and why.
    AtLeastOnce(String),
}

/// The account behind a connection, with what stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account's id; another id than last time means another account, and nothing is mixed.
    pub id: String,
    /// The account's zone.
    pub zone: Tz,
    /// The ISO code of its home currency.
    pub currency: String,
    /// Whether tasks appear exactly once.
    pub once: Once,
    /// What must be mended before all works; empty when all is well.
    pub problems: Vec<Problem>,
}

/// Something that stands in the way, with the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// What an administrator does about it.
    pub way_out: String,
    /// Whether reminders cannot be delivered until it is mended.
    pub fatal: bool,
}

/// What the CRM has now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The CRM's own fields by kind of record, under their API names.
    pub fields: BTreeMap<Object, Vec<CrmField>>,
    /// Pipelines with their stages.
    pub pipelines: Vec<Pipeline>,
    /// Every person, active or not, with zone, hours and manager where known.
    pub people: Vec<Person>,
    /// The holidays that the CRM knows, sorted; they count only where the configuration says so.
    pub holidays: Vec<NaiveDate>,
}

/// A field as the CRM has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrmField {
    /// The API name.
    pub name: String,
    /// The label that people read.
    pub label: String,
    /// The type it translates to; `None` for types that rules cannot use.
    pub value_type: Option<ValueType>,
    /// For a picklist: the values.
    pub options: Option<Vec<String>>,
    /// Whether we may write it.
    pub writable: bool,
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// The CRM's id.
    pub id: String,
    /// The label.
    pub label: String,
    /// Its stages in order.
    pub stages: Vec<Stage>,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The CRM's id.
    pub id: String,
    /// The label.
    pub label: String,
    /// Whether records in it are closed.
    pub closed: bool,
    /// Whether records in it are won.
    pub won: bool,
}

/// Where reading goes on; opaque to everyone but the connector that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

/// One page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// The changes; any record may come again.
    pub changes: Vec<Change>,
    /// What follows.
    pub next: Next,
    /// Once the page is the last: the moment up to which the data is complete.
    pub as_of: Instant,
    /// What else the same answer showed: people who changed, records that were unlocked.
    pub hints: Vec<Hint>,
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is more now; go on with this cursor.
    More(Cursor),
    /// Nothing more now; the next poll goes on with this cursor.
    Later(Cursor),
}

impl Next {
    /// The cursor, whichever it is.
    pub fn cursor(&self) -> &Cursor {
        match self {
            Next::More(cursor) | Next::Later(cursor) => cursor,
        }
    }
}

/// What a connector is made from.
pub struct Settings {
    /// The connection's name.
    pub connection: ConnectionId,
    /// The base address; the CRM's public one unless a sandbox stands in for it.
    pub base_url: Option<String>,
    /// What lets calls in.
    pub auth: Arc<dyn Authorizer>,
    /// What lets calls of the app itself in, where the CRM tells the app from the accounts that it serves.
    pub app_auth: Option<Arc<dyn Authorizer>>,
    /// What the CRM signs its webhooks with, where it signs them.
    pub webhook_secret: Option<SecretString>,
    /// The program to run, with its arguments, where the connector is one.
    pub command: Vec<String>,
    /// What that program finds in its environment, by name; secrets reach it in no other way.
    pub env: BTreeMap<String, SecretString>,
    /// Fields, stages and managers.
    pub mapping: Mapping,
    /// Our share of the account's limits, above 0 and at most 1.
    pub share: f64,
    /// Our share of the account's calls in a day, above 0 and at most 1.
    pub daily_share: f64,
    /// How calls leave.
    pub transport: Arc<dyn Transport>,
    /// The clock that limits are counted on.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// The base address that is configured, without a slash at its end; the message says why it cannot be one.
    ///
    /// A token goes to the CRM's own `hosts` or to this machine; whether this machine is allowed, the transport knows.
    pub fn base_within(&self, hosts: &[&str]) -> std::result::Result<Option<String>, String> {
        let Some(base) = self.base_url.as_deref().map(|base| base.trim_end_matches('/')) else { return Ok(None) };
        let uri: Uri = base.parse().map_err(|_| format!("base_url: `{base}` is no address"))?;
        Origin::new(hosts.iter().copied(), true).admit(&uri).map_err(|why| format!("base_url: {why}"))?;
        Ok(Some(base.to_owned()))
    }

    /// Whether both shares are above 0 and at most 1; the message says which one is not.
    pub fn check_shares(&self) -> std::result::Result<(), String> {
        let shares = [("share", self.share), ("daily_share", self.daily_share)];
        match shares.into_iter().find(|(_, share)| !(*share > 0.0 && *share <= 1.0)) {
            Some((name, share)) => Err(format!("{name}: {share} is not above 0 and at most 1")),
            None => Ok(()),
        }
    }
}

/// Makes a connector of one kind; the message says which setting is wrong.
pub type Factory = fn(Settings) -> std::result::Result<Arc<dyn Connector>, String>;
