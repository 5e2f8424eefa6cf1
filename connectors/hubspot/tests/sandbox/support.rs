//! A sandbox with a connector to it, and short ways to say what people do there.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dealclock_connector::{
    Clock, Connector, Error, ErrorKind, FieldSource, Mapping, Next, Settings, StaticToken, Transport, TransportError,
};
use dealclock_model::effect::{Channel, NewTask, Subject, TaskFields, TaskStatus, TaskUpdate};
use dealclock_model::{Change, EffectId, Instant, Object, RecordId, RecordRef, ValueType, Write};
use dealclock_sandbox::{Dropped, Limits, Options, Sandbox};
use serde_json::{Value, json};

pub const TOKEN: &str = "pat-na1-11111111-2222-3333-4444-555555555555";

/// When every account begins; it is 03:00 on a Monday in the account's zone.
pub fn start() -> Instant {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

/// A clock that only the test turns; the sandbox's turns with it.
pub struct HandClock {
    millis: AtomicI64,
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Instant {
        Instant::from_timestamp_millis(self.millis.load(Ordering::SeqCst)).unwrap()
    }

    async fn sleep_until(&self, _until: Instant) {
        panic!("a connector never sleeps");
    }
}

/// Calls the sandbox directly, and keeps what was sent.
struct Direct {
    sandbox: Sandbox,
    sent: Mutex<Vec<String>>,
    answers: Mutex<Vec<http::Response<Bytes>>>,
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        self.sent.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
        if let Some(answer) = self.answers.lock().unwrap().pop() {
            return Ok(answer);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.sandbox.handle(request).map_err(|dropped| match dropped {
            Dropped::BeforeApply | Dropped::AfterApply => TransportError::Lost { host, reason: dropped.to_string() },
        })
    }
}

/// An account with a connector to it.
pub struct Account {
    pub sandbox: Sandbox,
    pub clock: Arc<HandClock>,
    pub connector: Arc<dyn Connector>,
    direct: Arc<Direct>,
    mapping: Mapping,
}

impl Account {
    /// An account with the properties that setup makes, without limits.
    pub fn new() -> Account {
        let account = Account::bare(mapping(), |_| {});
        account.add_property(
            "deals",
            json!({ "name": "our_complex", "type": "bool", "fieldType": "booleancheckbox",
            "options": [{ "label": "Yes", "value": "true" }, { "label": "No", "value": "false" }] }),
        );
        account.add_property("deals", json!({ "name": "our_wanted", "type": "date", "fieldType": "date" }));
        account.add_key();
        account.add_outcome();
        account
    }

    /// An account as HubSpot makes it.
    pub fn bare(mapping: Mapping, adapt: impl FnOnce(&mut Options)) -> Account {
        let mut options = Options::new(TOKEN, start());
        options.limits = Limits::NONE;
        adapt(&mut options);
        let sandbox = Sandbox::new(options);
        sandbox.seed_deals(0, 1);
        let clock = Arc::new(HandClock { millis: AtomicI64::new(start().timestamp_millis()) });
        let direct = Arc::new(Direct { sandbox: sandbox.clone(), sent: Mutex::default(), answers: Mutex::default() });
        let connector = connect(&direct, &clock, mapping.clone(), TOKEN, 0.5);
        Account { sandbox, clock, connector, direct, mapping }
    }

    /// Another connector to the same account: with another token, or as after a restart.
    pub fn reconnect(&mut self, token: &str, share: f64) {
        self.connector = connect(&self.direct, &self.clock, self.mapping.clone(), token, share);
    }

    /// Does what the daemon does: waits when it is told to, and asks again.
    pub async fn patiently<T, F>(&self, verb: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        loop {
            match verb().await {
                Err(Error { kind: ErrorKind::Throttled { until }, .. }) => {
                    self.pass((until - self.clock.now()).num_seconds() + 1);
                }
                outcome => return outcome,
            }
        }
    }

    /// Another connector to the same account, with other settings.
    pub fn reconnect_with(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = settings(&self.direct, &self.clock, self.mapping.clone(), TOKEN, 1.0);
        change(&mut settings);
        self.connector = dealclock_hubspot::connect(settings).unwrap();
    }

    /// How calls reach the sandbox.
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.direct) as Arc<dyn Transport>
    }

    /// Puts an answer in the place of the sandbox's next one.
    pub fn answer_next(&self, answer: http::Response<Bytes>) {
        self.direct.answers.lock().unwrap().push(answer);
    }

    /// What was sent since the last time, as `METHOD address`.
    pub fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.direct.sent.lock().unwrap())
    }

    /// Turns both clocks.
    pub fn pass(&self, seconds: i64) {
        let now = self.clock.now() + chrono::Duration::seconds(seconds);
        self.clock.millis.store(now.timestamp_millis(), Ordering::SeqCst);
        self.sandbox.set_now(now);
    }

    /// A call of somebody else.
    pub fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://api.hubapi.com{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.sandbox.handle(request).unwrap();
        assert!(answer.status().is_success(), "{path}: {}", String::from_utf8_lossy(answer.body()));
        if answer.body().is_empty() { Value::Null } else { serde_json::from_slice(answer.body()).unwrap() }
    }

    pub fn add_property(&self, kind: &str, mut property: Value) {
        let group = if kind == "tasks" { "task_activity" } else { "dealinformation" };
        property["label"] = property["name"].clone();
        property["groupName"] = json!(group);
        let groups = self.call("GET", &format!("/crm/properties/2026-09/{kind}/groups"), Value::Null);
        if !groups["results"].as_array().unwrap().iter().any(|found| found["name"] == group) {
            self.call(
                "POST",
                &format!("/crm/properties/2026-09/{kind}/groups"),
                json!({ "name": group, "label": group }),
            );
        }
        self.call("POST", &format!("/crm/properties/2026-09/{kind}"), property);
    }

    pub fn add_key(&self) {
        self.add_property(
            "tasks",
            json!({ "name": "dealclock_key", "type": "string", "fieldType": "text", "hasUniqueValue": true }),
        );
    }

    pub fn add_outcome(&self) {
        let options = [("approved", "Approved"), ("refused", "Refused")];
        let options: Vec<Value> =
            options.iter().map(|(value, label)| json!({ "value": value, "label": label })).collect();
        self.add_property(
            "tasks",
            json!({ "name": "dealclock_outcome", "type": "enumeration", "fieldType": "select", "options": options }),
        );
    }

    /// Makes deals in an open stage, all at the present instant; returns their ids.
    pub fn add_deals(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        let deal = |number: usize| {
            json!({ "properties": { "dealname": format!("Deal {number}"), "pipeline": "default",
                "dealstage": "appointmentscheduled", "amount": "60000", "hubspot_owner_id": "64492907" } })
        };
        let inputs: Vec<Value> = (0..count).map(deal).collect();
        for inputs in inputs.chunks(100) {
            let made = self.call("POST", "/crm/objects/2026-09/deals/batch/create", json!({ "inputs": inputs }));
            ids.extend(made["results"].as_array().unwrap().iter().map(|deal| deal["id"].as_str().unwrap().to_owned()));
        }
        ids
    }

    pub fn set_deal(&self, id: &str, properties: Value) {
        self.call("PATCH", &format!("/crm/objects/2026-09/deals/{id}"), json!({ "properties": properties }));
    }

    pub fn set_task(&self, id: &str, properties: Value) {
        self.call("PATCH", &format!("/crm/objects/2026-09/tasks/{id}"), json!({ "properties": properties }));
    }

    pub fn delete(&self, kind: &str, id: &str) {
        self.call("DELETE", &format!("/crm/objects/2026-09/{kind}/{id}"), Value::Null);
    }

    pub fn task(&self, id: &str) -> Value {
        let path = "properties=hs_task_subject,hs_task_body,hs_task_status,hubspot_owner_id,hs_timestamp,dealclock_key";
        self.call("GET", &format!("/crm/objects/2026-09/tasks/{id}?{path}"), Value::Null)["properties"].clone()
    }

    /// How many tasks were ever made with the effect's key, deleted ones included.
    pub fn tasks_ever(&self, effect: EffectId) -> usize {
        let key = effect.to_string();
        let dump = self.sandbox.dump();
        let tasks = dump
            .records
            .iter()
            .filter(|(kind, _)| kind.contains("task") || kind.contains("0-27"))
            .flat_map(|(_, tasks)| tasks);
        tasks
            .filter(|task| {
                task.value("dealclock_key") == Some(&key)
                    || task.value("hs_task_body").is_some_and(|body| body.contains(&key))
            })
            .count()
    }

    /// Reads pages until there is no more now; returns the changes, the cursor, and the number of pages.
    pub async fn read_all(&self, since: Option<&dealclock_connector::Cursor>) -> Read {
        let mut since = since.cloned();
        let mut changes = Vec::new();
        let mut pages = 0;
        for _ in 0..10_000 {
            let page = match self.connector.changes(Object::Opportunity, since.as_ref()).await {
                Err(Error { kind: ErrorKind::Throttled { until }, .. }) => {
                    self.pass((until - self.clock.now()).num_seconds() + 1);
                    continue;
                }
                read => read.unwrap(),
            };
            pages += 1;
            changes.extend(page.changes);
            since = Some(page.next.cursor().clone());
            if matches!(page.next, Next::Later(_)) {
                return Read { changes, cursor: page.next.cursor().clone(), pages, as_of: page.as_of };
            }
        }
        panic!("reading must end");
    }
}

/// What reading to the end gave.
pub struct Read {
    pub changes: Vec<Change>,
    pub cursor: dealclock_connector::Cursor,
    pub pages: usize,
    pub as_of: Instant,
}

impl Read {
    /// The ids of the records, without repetitions.
    pub fn ids(&self) -> std::collections::BTreeSet<String> {
        self.changes.iter().map(|change| change.record.id.as_str().to_owned()).collect()
    }
}

fn connect(
    direct: &Arc<Direct>,
    clock: &Arc<HandClock>,
    mapping: Mapping,
    token: &str,
    share: f64,
) -> Arc<dyn Connector> {
    dealclock_hubspot::connect(settings(direct, clock, mapping, token, share)).unwrap()
}

fn settings(direct: &Arc<Direct>, clock: &Arc<HandClock>, mapping: Mapping, token: &str, share: f64) -> Settings {
    Settings {
        connection: "acme".into(),
        base_url: None,
        auth: Arc::new(StaticToken::new(token.to_owned().into())),
        app_auth: None,
        webhook_secret: None,
        command: Vec::new(),
        env: std::collections::BTreeMap::new(),
        daily_share: 1.0,
        mapping,
        share,
        transport: Arc::clone(direct) as Arc<dyn Transport>,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    }
}

/// A connector with another base address.
pub fn connect_to(base_url: &str) -> Result<Arc<dyn Connector>, String> {
    let account = Account::bare(Mapping::default(), |_| {});
    let settings = settings(&account.direct, &account.clock, Mapping::default(), TOKEN, 1.0);
    dealclock_hubspot::connect(Settings { base_url: Some(base_url.to_owned()), ..settings })
}

/// The running example's mapping.
pub fn mapping() -> Mapping {
    let mut mapping = Mapping::default();
    let property = |name: &str, value_type| FieldSource::Field { name: name.to_owned(), value_type };
    let fields = mapping.fields.entry(Object::Opportunity).or_default();
    fields.insert("complex".into(), property("our_complex", ValueType::Bool));
    fields.insert("wanted_until".into(), property("our_wanted", ValueType::Date));
    fields.insert("proposal_sent_at".into(), FieldSource::StageEntered { stage: "contractsent".to_owned() });
    mapping.stages.insert("Open".to_owned(), vec!["appointmentscheduled".to_owned()]);
    mapping
}

pub fn deal(id: &str) -> RecordRef {
    RecordRef { connection: "acme".into(), object: Object::Opportunity, id: RecordId::from(id) }
}

pub fn effect(id: &str, step: &str) -> EffectId {
    let record = deal(id);
    EffectId::new(
        &"acme".into(),
        &"proposal".into(),
        Subject::Record(&record),
        1,
        0,
        &step.into(),
        "owner",
        Channel::Task,
    )
}

/// The effect of a reminder for a deal, with its write.
pub fn reminder(id: &str, step: &str) -> (EffectId, Write) {
    let new = NewTask {
        record: Some(deal(id)),
        owner: "64492907".into(),
        subject: format!("Prepare a proposal, {step}"),
        body: "Five days.\n\nSee <the deal> & act.".to_owned(),
        due_date: "2026-03-07".parse().unwrap(),
        due_at: "2026-03-07T09:00:00Z".parse().unwrap(),
        asks: false,
    };
    (effect(id, step), Write::CreateTask(new))
}

/// Closes a task that is open as far as we know.
pub fn closing(id: &str, task: &str) -> (EffectId, Write) {
    let fields = |status| TaskFields { status: Some(status), ..TaskFields::default() };
    let update = TaskUpdate { task: task.to_owned(), expect: fields(TaskStatus::Open), set: fields(TaskStatus::Done) };
    (effect(id, &format!("close-{task}")), Write::UpdateTask(update))
}
