//! Every message as it stands on the line: what the program answers, and in [`question`] what it is asked.

pub mod question;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, NaiveTime};
use dealclock_model::{EffectId, Instant, Object, ValueType};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::api::VERSION;

/// What comes back: an answer where it bears an id, else a message of the program's own, which is skipped.
#[derive(Debug, Deserialize)]
pub struct Response {
    /// The id of the question.
    #[serde(default)]
    pub id: Value,
    /// The answer.
    #[serde(default)]
    pub result: Value,
    /// Why there is none.
    #[serde(default)]
    pub error: Option<Failure>,
}

/// Why the program does not do what it was asked.
#[derive(Clone, Debug, Deserialize)]
pub struct Failure {
    /// JSON-RPC's number; only the reserved ones mean anything here.
    #[serde(default)]
    pub code: i64,
    /// What happened, for a person.
    #[serde(default)]
    pub message: String,
    /// What is to be done about it; `None` where the program says nothing of it that is understood.
    #[serde(default, deserialize_with = "understood")]
    pub data: Option<Remedy>,
}

fn understood<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Remedy>, D::Error> {
    Ok(Remedy::deserialize(Value::deserialize(deserializer)?).ok())
}

/// What is to be done about a failure.
#[derive(Clone, Debug, Deserialize)]
pub struct Remedy {
    /// What the caller must do.
    pub kind: Kind,
    /// Not before this instant.
    #[serde(default)]
    pub until: Option<Instant>,
}

/// What the caller must do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Try again later; nothing was written.
    Transient,
    /// Try again at `until`; nothing was written.
    Throttled,
    /// An administrator must act.
    Unauthorized,
    /// Another write came between.
    Conflict,
    /// The record is locked.
    Locked,
    /// Repeating it is useless.
    Rejected,
    /// It may have been written.
    Unknown,
}

/// How the program introduces itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Introduction {
    /// The protocol's version.
    pub protocol: u32,
    /// The CRM's name for people.
    pub label: String,
    /// Most records in one `fetch`.
    #[serde(default)]
    pub fetch_batch: Option<usize>,
    /// Most writes in one `apply`.
    #[serde(default)]
    pub apply_batch: Option<usize>,
    /// Most records in one `history`.
    #[serde(default)]
    pub history_batch: Option<usize>,
    /// What it can do beyond the verbs that all have.
    #[serde(default)]
    pub abilities: BTreeSet<Ability>,
}

impl Introduction {
    /// Whether it speaks our version.
    pub fn fits(&self) -> bool {
        self.protocol == VERSION
    }

    /// Whether it has an ability.
    pub fn can(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }
}

/// An optional ability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ability {
    /// `history`.
    History,
    /// `provision.plan` and `provision.make`.
    Provision,
    /// `outcomes`.
    Outcomes,
    /// `notify` among the writes of `apply`.
    Notify,
    /// `send_mail` among the writes of `apply`.
    SendMail,
    /// One of a later version.
    #[serde(other)]
    Other,
}

/// What was decided in tasks.
#[derive(Debug, Deserialize)]
pub struct Decided {
    /// One for each task that was asked about.
    pub tasks: Vec<AskedTask>,
}

/// A task that was asked about.
#[derive(Debug, Deserialize)]
pub struct AskedTask {
    /// Its id.
    pub task: String,
    /// How it stands; absent where there is no such task any more.
    #[serde(default)]
    pub seen: Option<SeenTask>,
}

/// How a task stands.
#[derive(Clone, Debug, Deserialize)]
pub struct SeenTask {
    /// Whether it is completed.
    pub done: bool,
    /// What was decided in it: `approved` or `refused`.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Whose it is.
    #[serde(default)]
    pub owner: Option<String>,
    /// Since when it stands so, by the CRM's clock.
    pub at: Instant,
}

/// The account behind the program.
#[derive(Debug, Deserialize)]
pub struct Account {
    /// Its id.
    pub account: String,
    /// Its zone, by IANA name.
    pub zone: chrono_tz::Tz,
    /// The ISO code of its currency.
    pub currency: String,
    /// Whether tasks appear exactly once.
    pub once: dealclock_connector::Once,
    /// What stands in the way.
    #[serde(default)]
    pub problems: Vec<dealclock_connector::Problem>,
}

/// What the CRM has.
#[derive(Debug, Deserialize)]
pub struct Discovery {
    /// Fields by kind of record.
    #[serde(default)]
    pub fields: BTreeMap<Object, Vec<Field>>,
    /// Pipelines with their stages.
    #[serde(default)]
    pub pipelines: Vec<Pipeline>,
    /// Everybody, active or not.
    pub people: Vec<Person>,
    /// Holidays.
    #[serde(default)]
    pub holidays: BTreeSet<NaiveDate>,
}

/// A field of the CRM.
#[derive(Debug, Deserialize)]
pub struct Field {
    /// Its name there.
    pub name: String,
    /// What people read; the name where absent.
    #[serde(default)]
    pub label: Option<String>,
    /// Its type; absent for types that rules cannot use.
    #[serde(default)]
    pub r#type: Option<ValueType>,
    /// A picklist's values.
    #[serde(default)]
    pub options: Option<Vec<String>>,
    /// Whether it may be written.
    #[serde(default)]
    pub writable: bool,
}

/// A pipeline.
#[derive(Debug, Deserialize)]
pub struct Pipeline {
    /// Its id.
    pub id: String,
    /// What people read.
    pub label: String,
    /// Its stages in order.
    pub stages: Vec<Stage>,
}

/// A stage.
#[derive(Debug, Deserialize)]
pub struct Stage {
    /// Its id.
    pub id: String,
    /// What people read.
    pub label: String,
    /// Whether records in it are closed.
    #[serde(default)]
    pub closed: bool,
    /// Whether records in it are won.
    #[serde(default)]
    pub won: bool,
}

/// A person.
#[derive(Debug, Deserialize)]
pub struct Person {
    /// The id by which records name their owner.
    pub id: String,
    /// The name.
    pub name: String,
    /// The mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// The zone, by IANA name.
    #[serde(default)]
    pub zone: Option<String>,
    /// Whether they still work here.
    pub active: bool,
    /// The manager's id.
    #[serde(default)]
    pub manager: Option<String>,
    /// The teams they belong to, the main one first.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Working hours.
    #[serde(default)]
    pub hours: Vec<Hours>,
    /// Days away.
    #[serde(default)]
    pub absences: Vec<dealclock_model::time::DateRange>,
    /// Who stands in meanwhile.
    #[serde(default)]
    pub deputy: Option<String>,
}

/// Working hours of one weekday; several ranges are several of these.
#[derive(Debug, Deserialize)]
pub struct Hours {
    /// The weekday.
    pub day: chrono::Weekday,
    /// The first minute.
    pub from: NaiveTime,
    /// The first minute after.
    pub to: NaiveTime,
}

/// A page of changes.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The changes.
    pub changes: Vec<Change>,
    /// Where reading goes on.
    pub cursor: Value,
    /// Whether there is more now.
    pub more: bool,
    /// The moment up to which the data is complete.
    pub as_of: Instant,
    /// Whether people changed.
    #[serde(default)]
    pub people_changed: bool,
    /// Ids of records that are not locked any more.
    #[serde(default)]
    pub unlocked: Vec<String>,
}

/// What the CRM says of a record.
#[derive(Debug, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Change {
    /// It exists.
    Present {
        /// Its id.
        id: String,
        /// When it last changed.
        stamp: Instant,
        /// Its owner's id.
        #[serde(default)]
        owner: Option<String>,
        /// Values by canonical name.
        fields: BTreeMap<String, Value>,
        /// Where a person opens it.
        #[serde(default)]
        url: Option<String>,
        /// Why it cannot be judged.
        #[serde(default)]
        parked: Option<String>,
    },
    /// It is gone.
    Deleted {
        /// Its id.
        id: String,
        /// When it went.
        stamp: Instant,
    },
    /// It lives on in another.
    Merged {
        /// Its id.
        id: String,
        /// When it went.
        stamp: Instant,
        /// The survivor's id.
        into: String,
    },
}

/// The state of records.
#[derive(Debug, Deserialize)]
pub struct Fetched {
    /// One for each record, in any order.
    pub changes: Vec<Change>,
}

/// What became of writes; each entry is read on its own, so that one that is not understood spoils no other.
#[derive(Debug, Deserialize)]
pub struct Applied {
    /// One for each write, in any order.
    pub results: Vec<Value>,
}

/// What became of one write.
#[derive(Debug, Deserialize)]
pub struct Settled {
    /// The write's key.
    pub key: EffectId,
    /// The proof, where it is done.
    #[serde(default)]
    pub receipt: Option<Receipt>,
    /// Why it is not.
    #[serde(default)]
    pub error: Option<Complaint>,
}

/// Why one write of several is not done.
#[derive(Debug, Deserialize)]
pub struct Complaint {
    /// What the caller must do.
    #[serde(flatten)]
    pub remedy: Remedy,
    /// What happened, for a person.
    #[serde(default)]
    pub message: String,
}

/// The proof that a write is done.
#[derive(Debug, Deserialize)]
pub struct Receipt {
    /// The id of what was made or changed.
    #[serde(default)]
    pub id: Option<String>,
    /// Whether it was there already.
    #[serde(default)]
    pub found: bool,
    /// What a person had changed and is left alone, in words.
    #[serde(default)]
    pub kept: Vec<String>,
}

/// Which writes were carried out.
#[derive(Debug, Deserialize)]
pub struct Found {
    /// One for each write that was asked about, in any order.
    pub found: Vec<Sought>,
}

/// Whether one write was carried out.
#[derive(Debug, Deserialize)]
pub struct Sought {
    /// The write's key.
    pub key: EffectId,
    /// The proof; `null` where it was not carried out.
    #[serde(deserialize_with = "Option::deserialize")]
    pub receipt: Option<Receipt>,
}

/// The keys of ours on the tasks of records.
#[derive(Debug, Deserialize)]
pub struct Written {
    /// One for each record, in any order.
    pub written: Vec<WrittenOn>,
}

/// The keys of ours on the tasks of one record.
#[derive(Debug, Deserialize)]
pub struct WrittenOn {
    /// The record's id.
    pub record: String,
    /// Keys with tasks. What is no key of ours is skipped.
    pub tasks: Vec<Key>,
}

/// A key on a task.
#[derive(Debug, Deserialize)]
pub struct Key {
    /// The key.
    pub key: String,
    /// The task's id.
    pub task: String,
}

/// History of records.
#[derive(Debug, Deserialize)]
pub struct Pasts {
    /// One for each record, in any order.
    pub history: Vec<Past>,
}

/// History of one record.
#[derive(Debug, Deserialize)]
pub struct Past {
    /// The record's id.
    pub record: String,
    /// Values by canonical field; fields without history are left out.
    pub fields: BTreeMap<String, Vec<Entry>>,
}

/// A value and since when it held.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// Since when.
    pub since: Instant,
    /// The value.
    pub value: Value,
}

/// What would be made.
#[derive(Debug, Deserialize)]
pub struct Plan {
    /// One for each field.
    pub items: Vec<Item>,
    /// What an administrator does by hand.
    #[serde(default)]
    pub by_hand: Vec<String>,
}

/// One field of a plan.
#[derive(Debug, Deserialize)]
pub struct Item {
    /// Its name in the CRM.
    pub name: String,
    /// One line for a person.
    pub what: String,
    /// Whether it is there.
    pub state: ItemState,
    /// What does not fit, where it differs.
    #[serde(default)]
    pub why: Option<String>,
}

/// Whether a field is there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// It will be made.
    Missing,
    /// It fits.
    Present,
    /// It is there in another shape.
    Differs,
}
