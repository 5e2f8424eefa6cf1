//! What the program is asked.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use dealclock_model::effect::TaskStatus;
use dealclock_model::{EffectId, Instant, Object, ValueType};
use serde::Serialize;
use serde_json::Value;

use crate::api::SHUTDOWN;

/// A question to the program.
#[derive(Debug, Serialize)]
pub struct Request<P> {
    jsonrpc: &'static str,
    id: u64,
    method: &'static str,
    params: Timed<P>,
}

#[derive(Debug, Serialize)]
struct Timed<P> {
    now: Instant,
    #[serde(flatten)]
    params: P,
}

impl<P> Request<P> {
    /// The question with this id, asked at an instant of Dealclock's clock.
    pub fn new(id: u64, method: &'static str, now: Instant, params: P) -> Request<P> {
        Request { jsonrpc: "2.0", id, method, params: Timed { now, params } }
    }
}

/// A message that wants no answer.
#[derive(Debug, Serialize)]
pub struct Notification {
    jsonrpc: &'static str,
    method: &'static str,
}

impl Notification {
    /// The wish that the program ends.
    pub fn shutdown() -> Notification {
        Notification { jsonrpc: "2.0", method: SHUTDOWN }
    }
}

/// A record by kind and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The kind.
    pub object: Object,
    /// The id.
    pub id: String,
}

/// What `initialize` tells the program.
#[derive(Debug, Serialize)]
pub struct Initialize {
    /// The protocol's version.
    pub protocol: u32,
    /// Our own version.
    pub dealclock: &'static str,
    /// The connection's name.
    pub connection: String,
    /// Mapped fields by kind of record and canonical name.
    pub fields: BTreeMap<Object, BTreeMap<String, Source>>,
}

/// Where a mapped field's value comes from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A field of the CRM.
    Field {
        /// Its name there.
        name: String,
        /// Its type.
        r#type: ValueType,
    },
    /// The instant at which the record first entered a stage.
    StageEntered {
        /// The stage's ids or labels.
        stages: Vec<String>,
    },
}

/// The parameters of a verb that needs none.
#[derive(Debug, Serialize)]
pub struct Nothing {}

/// Asks for changes.
#[derive(Debug, Serialize)]
pub struct Since<'a> {
    /// The kind of record.
    pub object: Object,
    /// Where the last page ended; absent for everything.
    pub cursor: Option<&'a Value>,
}

/// Asks about records.
#[derive(Debug, Serialize)]
pub struct About {
    /// The records.
    pub records: Vec<Named>,
}

/// Asks for writes, or whether they were carried out.
#[derive(Debug, Serialize)]
pub struct Writes {
    /// The writes.
    pub writes: Vec<Write>,
}

/// A write with its key.
#[derive(Debug, Serialize)]
pub struct Write {
    /// The key: the effect's id.
    pub key: EffectId,
    /// What to write.
    #[serde(flatten)]
    pub what: What,
}

/// What to write.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Creates a task, once.
    CreateTask(NewTask),
    /// Changes a task while it holds what was last written.
    UpdateTask(TaskUpdate),
    /// Changes a record while it holds what was last seen.
    UpdateRecord(RecordUpdate),
    /// Shows a notice, at least once.
    Notify(Notice),
    /// Sends a mail, at least once.
    SendMail(Mail),
}

/// A task to create.
#[derive(Debug, Serialize)]
pub struct NewTask {
    /// The record it is about.
    pub record: Option<Named>,
    /// Whose task it is.
    pub owner: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// The due date in the owner's zone.
    pub due_date: NaiveDate,
    /// The due instant.
    pub due_at: Instant,
    /// Whether it asks for a decision, which is taken in its outcome.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

/// Fields of a task; absent ones are not meant.
#[derive(Debug, Serialize)]
pub struct TaskFields {
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    /// The owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The due date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_date: Option<NaiveDate>,
    /// The due instant; always with the date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Instant>,
    /// The text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A change to a task.
#[derive(Debug, Serialize)]
pub struct TaskUpdate {
    /// The task's id.
    pub task: String,
    /// What was last written.
    pub expect: TaskFields,
    /// What to write.
    pub set: TaskFields,
}

/// A change to a record.
#[derive(Debug, Serialize)]
pub struct RecordUpdate {
    /// The record.
    pub record: Named,
    /// What was last seen, by canonical name.
    pub expect: BTreeMap<String, Value>,
    /// What to write, by canonical name.
    pub set: BTreeMap<String, Value>,
}

/// A notice to a person.
#[derive(Debug, Serialize)]
pub struct Notice {
    /// Who gets it.
    pub to: String,
    /// One line.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// The record that it leads to.
    pub record: Option<Named>,
}

/// A mail to a person.
#[derive(Debug, Serialize)]
pub struct Mail {
    /// Who gets it.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// The record's page.
    pub link: Option<String>,
}

/// Asks what was decided in tasks.
#[derive(Debug, Serialize)]
pub struct Tasks<'a> {
    /// Their ids.
    pub tasks: &'a [String],
}

/// Asks for history.
#[derive(Debug, Serialize)]
pub struct PastOf {
    /// The records.
    pub records: Vec<Named>,
    /// The canonical fields.
    pub fields: Vec<String>,
}

/// Asks which fields are missing, or to make one.
#[derive(Debug, Serialize)]
pub struct Needs {
    /// What must exist.
    pub needs: Vec<Need>,
    /// The name of the one to make; absent in `provision.plan`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
}

/// A field that must exist.
#[derive(Debug, Serialize)]
pub struct Need {
    /// Whether it stands on tasks.
    pub on_tasks: bool,
    /// Its name in the CRM.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What it is for.
    pub description: String,
    /// Its type.
    pub r#type: ValueType,
    /// A picklist's values with their labels.
    pub options: Vec<(String, String)>,
    /// Whether several lines are meant.
    pub long_text: bool,
    /// Whether the CRM must refuse a second record with the same value.
    pub unique: bool,
    /// Whether only Dealclock writes it.
    pub read_only_for_reps: bool,
    /// The checkbox without which this one must not be ticked.
    pub requires: Option<String>,
}
