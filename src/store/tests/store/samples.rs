//! Cases, events and effects for the store's tests.
#![allow(dead_code, reason = "each test file uses some of them")]

use std::fs;
use std::path::Path;

use dealclock_model::case::RecordCase;
use dealclock_model::effect::{Channel, Lane, NewTask, Subject};
use dealclock_model::record::field;
use dealclock_model::{
    Case, CaseId, Effect, EffectId, Entry, Event, Fact, Happened, Instant, Object, Outcome, Receipt, Record, RecordRef,
    Request, Value, What, Write,
};
use dealclock_store::{Options, Store};
use serde_json::json;
use tempfile::TempDir;

pub const OBJECT: Object = Object::Opportunity;

pub fn new_store() -> (TempDir, Store) {
    let directory = TempDir::new().unwrap();
    let store = open(&directory);
    (directory, store)
}

pub fn options(directory: &TempDir) -> Options {
    Options::new(directory.path().join("store"))
}

/// A store with a small cache, for processes that run beside each other.
pub fn small(path: impl AsRef<Path>) -> Options {
    Options { cache_bytes: 8 << 20, ..Options::new(path.as_ref()) }
}

pub fn open(directory: &TempDir) -> Store {
    Store::open(&options(directory)).unwrap()
}

pub fn at(seconds: i64) -> Instant {
    Instant::from_timestamp(1_770_000_000 + seconds, 0).unwrap()
}

pub fn record(connection: &str, id: &str) -> RecordRef {
    RecordRef { connection: connection.into(), object: OBJECT, id: id.into() }
}

pub fn deal(id: &str) -> CaseId {
    CaseId::Record(record("acme", id))
}

pub fn other_deal(id: &str) -> CaseId {
    CaseId::Record(record("zeta", id))
}

pub fn person(id: &str) -> CaseId {
    CaseId::Person { connection: "acme".into(), person: id.into() }
}

pub fn crm() -> Lane {
    Lane::Crm("acme".into())
}

/// A record's case with an owner, a stamp and, for its size, a text of `stamp` letters.
pub fn record_case(owner: &str, stamp: i64) -> Case {
    let name = Value::text("n".repeat(usize::try_from(stamp).unwrap()));
    let fields = [(field::NAME.into(), name), (field::IS_CLOSED.into(), Value::Bool(false))].into();
    let record = Record { owner: Some(owner.into()), fields, url: None, parked: None };
    Case::Record(Box::new(RecordCase { record: Some(record), stamp: Some(at(stamp)), ..RecordCase::default() }))
}

/// The same with a request that waits for a decision.
pub fn watched_case(owner: &str, stamp: i64) -> Case {
    let Case::Record(mut case) = record_case(owner, stamp) else { unreachable!("it is a record's") };
    let request = json!({ "approval": "more-time", "episode": 1, "round": 0, "state": "open", "opened_at": at(0) });
    let request: Request = serde_json::from_value(request).unwrap();
    case.requests.insert("proposal".into(), request);
    Case::Record(case)
}

pub fn fact(seconds: i64) -> Fact {
    Fact {
        at: at(seconds),
        owner: Some("anna".into()),
        rule: Some("proposal".into()),
        episode: 1,
        in_shadow: false,
        what: Happened::Met { took_secs: seconds },
    }
}

pub fn due_event() -> Event {
    Event::Due { as_of: at(0), waited: false }
}

pub fn effect(record_id: &str, step: &str) -> Effect {
    let record = record("acme", record_id);
    let id = EffectId::new(
        &record.connection,
        &"proposal".into(),
        Subject::Record(&record),
        1,
        0,
        &step.into(),
        "owner",
        Channel::Task,
    );
    let task = NewTask {
        record: Some(record.clone()),
        owner: "anna".into(),
        subject: "Prepare a proposal".to_owned(),
        body: "The proposal is due.".to_owned(),
        due_date: at(0).date_naive(),
        due_at: at(0),
        asks: false,
    };
    Effect {
        id,
        case: CaseId::Record(record),
        rule: "proposal".into(),
        step: step.into(),
        decided_at: at(0),
        write: Write::CreateTask(task),
    }
}

pub fn applied(task: &str) -> Outcome {
    Outcome::Applied(Receipt { id: Some(task.to_owned()), found: false, kept: Vec::new() })
}

pub fn entry(seconds: i64) -> Entry {
    Entry {
        at: at(seconds),
        rule: Some("proposal".into()),
        episode: 1,
        step: None,
        effect: None,
        what: What::Started,
        why: "the stage is Open".to_owned(),
    }
}

/// Copies a directory with everything in it, as a crash at this moment would leave it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
