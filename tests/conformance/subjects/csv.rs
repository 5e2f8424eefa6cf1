//! A connector of one's own: the CSV files of `connectors/csv`, through the plug-in connector and a real process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dealclock_connector::{Clock, Connector, FieldSource, Mapping, Settings, StaticToken, Transport, TransportError};
use dealclock_model::{FieldName, Object, PersonId, ValueType};
use dealclock_plugin::Bounds;
use serde_json::json;

use super::table::Table;
use crate::cases::{MARK, megabyte};
use crate::clock::HandClock;
use crate::subject::{Forgery, Message, Step, Subject, Task, TaskEdit, Trouble};

/// What the program gets by its environment.
const SECRET: &str = "crm-password-9d2e";

const OWNER: &str = "ada";

/// The program writes mapped columns and no others.
const NAME_FIELD: &str = "called";

/// A directory of CSV files, and a program that can be told to fail.
pub struct Csv {
    directory: tempfile::TempDir,
    clock: Arc<HandClock>,
    /// Rows that were deleted, to be restored; and tasks that were.
    bin: Mutex<Vec<(String, Vec<String>)>>,
    deleted: Mutex<Vec<Task>>,
}

struct NoNetwork;

#[async_trait]
impl Transport for NoNetwork {
    async fn send(&self, _request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        panic!("a program is not reached over HTTP");
    }
}

impl Csv {
    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Table)) {
        let mut table = Table::load(&self.file(name));
        change(&mut table);
        table.save(&self.file(name));
    }

    fn fault(&self, method: &str, kind: &str, number: u32, seconds: Option<u32>) {
        let until = seconds.map(|wait| (self.clock.now() + chrono::Duration::seconds(wait.into())).to_rfc3339());
        let fault = json!({ "method": method, "kind": kind, "number": number, "until": until });
        std::fs::write(self.file("faults.json"), fault.to_string()).unwrap();
    }

    fn task(table: &Table, row: &[String], is_deleted: bool) -> Task {
        let text = |name| table.get(row, name).to_owned();
        Task {
            id: text("id"),
            key: Some(text("dealclock_key")).filter(|key| !key.is_empty()),
            subject: text("subject"),
            body: text("body"),
            is_done: text("status") == "done",
            is_deleted,
        }
    }
}

fn mapping() -> Mapping {
    let mut mapping = Mapping::default();
    let name = FieldSource::Field { name: "name".to_owned(), value_type: ValueType::Text };
    mapping.fields.entry(Object::Opportunity).or_default().insert(NAME_FIELD.into(), name);
    mapping
}

impl Subject for Csv {
    fn lacks(case: &str) -> Option<&'static str> {
        match case {
            "late-visible rows" => Some("a program answers from its files, not from an index that lags"),
            "token expires amid a batch" | "token revoked amid a batch" => {
                Some("a program logs in by itself; the protocol knows no token")
            }
            "redirect" | "paging link to another host" => Some("a program is not reached over HTTP"),
            "genuine webhook" | "wrong webhook" | "stale webhook" | "replayed webhook" | "unreadable webhook" => {
                Some("the protocol has no webhooks; a program is asked")
            }
            "our share of the limits kept" => {
                Some("a program keeps the limits of its CRM, and says when it is throttled")
            }
            "a decision in a task" => Some("a task of the example has no column for a decision"),
            "a record handed in, answer lost" => Some("the protocol knows no approval processes"),
            "notices and mails of the CRM" => Some("files send no notices and no mails"),
            _ => None,
        }
    }

    fn new(_is_limited: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
        file(
            "opportunities.csv",
            "id,name,amount,currency,stage,pipeline,owner,close_date,created_at,is_closed,is_won,merged_into\n",
        );
        file("tasks.csv", "id,record,owner,subject,body,due_date,due_at,status,dealclock_key\n");
        file(
            "people.csv",
            "id,name,email,zone,active,manager\nada,Ada Berg,ada@acme.example,Europe/Berlin,true,cy\ncy,Cy Roth,cy@acme.example,,true,\n",
        );
        file("history.csv", "record,field,since,value\n");
        let (bin, deleted) = (Mutex::default(), Mutex::default());
        Csv { directory, clock: Arc::new(HandClock::new()), bin, deleted }
    }

    fn clock(&self) -> &Arc<HandClock> {
        &self.clock
    }

    fn pass(&self, seconds: i64) {
        self.clock.pass(seconds);
    }

    fn connect(&self) -> Arc<dyn Connector> {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/subjects/faulty.py");
        let command =
            ["python3".to_owned(), program.display().to_string(), self.directory.path().display().to_string()];
        let settings = Settings {
            connection: "acme".into(),
            base_url: None,
            auth: Arc::new(StaticToken::new(String::new().into())),
            app_auth: None,
            webhook_secret: None,
            command: command.to_vec(),
            env: [("CRM_PASSWORD".to_owned(), SECRET.to_owned().into())].into(),
            mapping: mapping(),
            share: 1.0,
            daily_share: 1.0,
            transport: Arc::new(NoNetwork),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        };
        dealclock_plugin::connect_within(settings, Bounds::default()).unwrap()
    }

    fn pages(&self) -> (usize, usize) {
        (200, 200)
    }

    fn batch(&self) -> usize {
        100
    }

    fn owner(&self) -> PersonId {
        OWNER.into()
    }

    fn add(&self, names: &[String]) -> Vec<String> {
        let mut ids = Vec::with_capacity(names.len());
        self.change("opportunities.csv", |table| {
            for name in names {
                let id = format!("o{}", table.rows.len() + 1);
                let name = name.replace(MARK, &megabyte());
                table.add(&[("id", &id), ("name", &name), ("amount", "60000"), ("stage", "Open"), ("owner", OWNER)]);
                ids.push(id);
            }
        });
        ids
    }

    fn name_field(&self) -> FieldName {
        NAME_FIELD.into()
    }

    fn rename(&self, id: &str, name: &str) {
        self.change("opportunities.csv", |table| table.set(id, "name", name));
    }

    fn delete(&self, id: &str) {
        self.change("opportunities.csv", |table| {
            self.bin.lock().unwrap().push((id.to_owned(), table.take(id)));
        });
    }

    fn restore(&self, id: &str) {
        let mut bin = self.bin.lock().unwrap();
        let place = bin.iter().position(|(deleted, _)| deleted == id).unwrap();
        let (_, row) = bin.remove(place);
        self.change("opportunities.csv", |table| table.rows.push(row));
    }

    fn merge(&self, survivor: &str, absorbed: &str) {
        self.change("opportunities.csv", |table| table.set(absorbed, "merged_into", survivor));
    }

    fn deactivate_owner(&self) {
        self.change("people.csv", |table| table.set(OWNER, "active", "no"));
    }

    fn hide(&self, _id: &str, _seconds: u64) {
        panic!("files hide nothing");
    }

    fn tasks(&self) -> Vec<Task> {
        let table = Table::load(&self.file("tasks.csv"));
        let there = table.rows.iter().map(|row| Csv::task(&table, row, false));
        there.chain(self.deleted.lock().unwrap().iter().cloned()).collect()
    }

    fn edit_task(&self, id: &str, edit: TaskEdit) {
        self.change("tasks.csv", |table| match edit {
            TaskEdit::Complete => table.set(id, "status", "done"),
            TaskEdit::Approve => panic!("a task of the example has no column for a decision"),
            TaskEdit::Reword => table.set(id, "body", "reworded by a person"),
            TaskEdit::Delete => {
                let row = table.take(id);
                self.deleted.lock().unwrap().push(Csv::task(table, &row, true));
            }
        });
    }

    fn sent(&self) -> usize {
        0
    }

    fn befall(&self, step: Step, trouble: Trouble) {
        let method = match step {
            Step::List | Step::Poll => "changes",
            Step::Create | Step::HandIn => "apply",
        };
        match trouble {
            Trouble::Throttled(seconds) => self.fault(method, "throttled", 1, seconds),
            Trouble::ErrorsInside => self.fault(method, "partial", 1, None),
            Trouble::LostAfter => self.fault(method, "crash_after", 1, None),
            Trouble::LostBefore => self.fault(method, "crash_before", 1, None),
            Trouble::NotSent => self.fault("initialize", "crash_before", 1, None),
            Trouble::Truncated => self.fault(method, "cut", 1, None),
            Trouble::WebPage => self.fault(method, "web_page", 1, None),
            Trouble::Redirected | Trouble::ForeignLink | Trouble::Expired | Trouble::Revoked => {
                panic!("a program has no such trouble")
            }
        }
    }

    fn heal(&self) {
        let _ = std::fs::remove_file(self.file("faults.json"));
    }

    fn calls(&self) -> u64 {
        std::fs::read_to_string(self.file("calls.log")).map_or(0, |log| log.lines().count() as u64)
    }

    fn refusals(&self) -> u64 {
        0
    }

    fn share(&self, _seconds: i64) -> u64 {
        u64::MAX
    }

    fn strangers(&self) -> Vec<String> {
        Vec::new()
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }

    fn message(&self, _account: &str, _record: &str) -> Message {
        panic!("a program is sent nothing")
    }

    fn forgery(&self, _account: &str, _record: &str, _forgery: Forgery) -> Message {
        panic!("a program is sent nothing")
    }
}
