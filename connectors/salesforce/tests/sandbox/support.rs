//! An org of the sandbox with a connector to it, and short ways to say what people do there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dealclock_connector::{
    Access, Authorizer, Clock, Connector, Cursor, Error, ErrorKind, FieldSource, Hint, Mapping, Next, Settings,
    Transport, TransportError,
};
use dealclock_model::effect::{Channel, NewTask, Subject, TaskFields, TaskStatus, TaskUpdate};
use dealclock_model::{Change, ChangeState, EffectId, Instant, Object, Record, RecordId, RecordRef, ValueType, Write};
use dealclock_sandbox::edit::{Edit, NewProperty, PropertyKind, PropertyObject};
use dealclock_sandbox::{Dropped, OrgOptions, Sandbox};
use serde_json::{Value, json};

pub const TOKEN: &str = "00DUz0000000001!AQEAQDe4lClock.secret";
pub const OTHER_TOKEN: &str = "00DUz0000000001!AQEAQDe4lClock.other";
pub const HOME: &str = "https://acme.my.salesforce.com";
pub const KEY: &str = "Dealclock_Key__c";
pub const OUTCOME: &str = "Dealclock_Outcome__c";

/// When every org begins; it is 03:00 on a Monday in its zone.
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
pub struct Direct {
    sandbox: Sandbox,
    sent: Mutex<Vec<String>>,
    answers: Mutex<Vec<http::Response<Bytes>>>,
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let path = request.uri().path().replace("/services/data/v65.0", "");
        self.sent.lock().unwrap().push(format!("{} {path}", request.method()));
        if let Some(answer) = self.answers.lock().unwrap().pop() {
            return Ok(answer);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        self.sandbox.handle(request).map_err(|dropped| match dropped {
            Dropped::BeforeApply | Dropped::AfterApply => TransportError::Lost { host, reason: dropped.to_string() },
        })
    }
}

/// Tokens that are renewed from a list.
pub struct Tokens {
    tokens: Vec<&'static str>,
    generation: AtomicU64,
}

#[async_trait]
impl Authorizer for Tokens {
    async fn access(&self) -> dealclock_connector::Result<Access> {
        let generation = self.generation.load(Ordering::SeqCst);
        let token = self.tokens[generation as usize].to_owned().into();
        Ok(Access { token, home: Some(HOME.to_owned()), generation })
    }

    async fn renew(&self, refused: &Access) -> dealclock_connector::Result<Option<Access>> {
        if refused.generation as usize + 1 == self.tokens.len() {
            return Ok(None);
        }
        self.generation.store(refused.generation + 1, Ordering::SeqCst);
        self.access().await.map(Some)
    }
}

/// An org with a connector to it.
pub struct Account {
    pub sandbox: Sandbox,
    pub clock: Arc<HandClock>,
    pub connector: Arc<dyn Connector>,
    direct: Arc<Direct>,
    mapping: Mapping,
}

impl Account {
    /// An org with the fields that setup makes.
    pub fn new() -> Account {
        Account::adapted(|_| {})
    }

    /// An org with the fields that setup makes, and options of its own.
    pub fn adapted(adapt: impl FnOnce(&mut OrgOptions)) -> Account {
        let account = Account::bare(mapping(), adapt);
        account.add_fields();
        account
    }

    /// An org as Salesforce makes it.
    pub fn bare(mapping: Mapping, adapt: impl FnOnce(&mut OrgOptions)) -> Account {
        let mut options = OrgOptions::new(TOKEN, start());
        options.tokens.push(OTHER_TOKEN.to_owned());
        adapt(&mut options);
        let sandbox = Sandbox::org(&options);
        let clock = Arc::new(HandClock { millis: AtomicI64::new(start().timestamp_millis()) });
        let direct = Arc::new(Direct { sandbox: sandbox.clone(), sent: Mutex::default(), answers: Mutex::default() });
        let connector = connect(&direct, &clock, mapping.clone(), &[TOKEN]);
        Account { sandbox, clock, connector, direct, mapping }
    }

    /// Another connector to the same org: with other tokens, or as after a restart.
    pub fn reconnect(&mut self, tokens: &[&'static str]) {
        self.connector = connect(&self.direct, &self.clock, self.mapping.clone(), tokens);
    }

    /// The same org with another mapping, as after a restart.
    pub fn remap(&mut self, adapt: impl FnOnce(&mut Mapping)) {
        adapt(&mut self.mapping);
        self.reconnect(&[TOKEN]);
    }

    pub fn add_fields(&self) {
        self.add_fields_without_outcome();
        self.add_field(PropertyObject::Tasks, OUTCOME, PropertyKind::Text);
    }

    pub fn add_fields_without_outcome(&self) {
        self.add_field(PropertyObject::Deals, "Complex__c", PropertyKind::Bool);
        self.add_field(PropertyObject::Deals, "Request_Approved__c", PropertyKind::Bool);
        self.add_field(PropertyObject::Deals, "Wanted_Until__c", PropertyKind::Date);
        self.add_field(PropertyObject::Tasks, KEY, PropertyKind::UniqueText);
    }

    pub fn add_field(&self, object: PropertyObject, name: &str, holds: PropertyKind) {
        let property = NewProperty { object, name: name.to_owned(), label: name.to_owned(), holds };
        self.sandbox.edit(&Edit::AddProperty(property)).unwrap();
    }

    /// Puts an answer in the place of the sandbox's next one.
    pub fn answer_next(&self, status: u16, body: &str) {
        let answer = http::Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
        self.direct.answers.lock().unwrap().insert(0, answer);
    }

    /// What was sent since the last time, as `METHOD path`.
    pub fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.direct.sent.lock().unwrap())
    }

    /// Turns both clocks.
    pub fn pass(&self, seconds: i64) {
        let now = self.clock.now() + chrono::Duration::seconds(seconds);
        self.clock.millis.store(now.timestamp_millis(), Ordering::SeqCst);
        self.sandbox.set_now(now);
    }

    /// A call of somebody else; the status with the body.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{HOME}/services/data/v65.0{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Bytes::from(if body.is_null() { String::new() } else { body.to_string() }))
            .unwrap();
        let answer = self.sandbox.handle(request).unwrap();
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        (answer.status().as_u16(), body)
    }

    fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method, path, body);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// The rows of a query that sees everything.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let answer = self.done(
            "GET",
            &dealclock_salesforce::soql::path(dealclock_salesforce::soql::Rows::All, query)
                .replace("/services/data/v65.0", ""),
            &Value::Null,
        );
        answer["records"].as_array().unwrap().clone()
    }

    /// Some user's id.
    pub fn user(&self) -> String {
        self.query("SELECT Id FROM User ORDER BY Id")[0]["Id"].as_str().unwrap().to_owned()
    }

    /// Makes opportunities in an open stage, all at the present instant; returns their ids.
    pub fn add_opportunities(&self, count: usize) -> Vec<String> {
        let mut ids = Vec::with_capacity(count);
        let record = |number: usize| {
            json!({ "attributes": { "type": "Opportunity" }, "Name": format!("Deal {number}"), "StageName": "Prospecting",
                "CloseDate": "2026-06-30", "Amount": 60_000 })
        };
        let records: Vec<Value> = (0..count).map(record).collect();
        for records in records.chunks(200) {
            let made = self.done("POST", "/composite/sobjects", &json!({ "allOrNone": true, "records": records }));
            ids.extend(made.as_array().unwrap().iter().map(|made| made["id"].as_str().unwrap().to_owned()));
        }
        ids
    }

    pub fn set(&self, object: &str, id: &str, fields: &Value) {
        self.done("PATCH", &format!("/sobjects/{object}/{id}"), fields);
    }

    pub fn delete(&self, object: &str, id: &str) {
        self.done("DELETE", &format!("/sobjects/{object}/{id}"), &Value::Null);
    }

    pub fn task(&self, id: &str) -> Value {
        self.done("GET", &format!("/sobjects/Task/{id}"), &Value::Null)
    }

    pub fn opportunity(&self, id: &str) -> Value {
        self.done("GET", &format!("/sobjects/Opportunity/{id}"), &Value::Null)
    }

    /// How many tasks were ever made with the effect's key, deleted ones included.
    pub fn tasks_ever(&self, effect: EffectId) -> usize {
        self.query(&format!("SELECT Id FROM Task WHERE {KEY} = '{effect}'")).len()
    }

    /// Reads pages until there is no more now.
    pub async fn read_all(&self, since: Option<&Cursor>) -> Read {
        let mut read =
            Read { changes: Vec::new(), hints: Vec::new(), cursor: Cursor(Value::Null), pages: 0, as_of: start() };
        let mut since = since.cloned();
        for _ in 0..10_000 {
            let page = match self.connector.changes(Object::Opportunity, since.as_ref()).await {
                Err(Error { kind: ErrorKind::Throttled { until }, .. }) => {
                    self.pass((until - self.clock.now()).num_seconds() + 1);
                    continue;
                }
                read => read.unwrap(),
            };
            read.pages += 1;
            read.changes.extend(page.changes);
            read.hints.extend(page.hints);
            read.as_of = page.as_of;
            read.cursor = page.next.cursor().clone();
            since = Some(read.cursor.clone());
            if matches!(page.next, Next::Later(_)) {
                return read;
            }
        }
        panic!("reading must end");
    }

    pub async fn fetch_one(&self, id: &str) -> Change {
        self.connector.fetch(&[opportunity(id)]).await.unwrap().remove(0)
    }
}

/// What reading to the end gave.
pub struct Read {
    pub changes: Vec<Change>,
    pub hints: Vec<Hint>,
    pub cursor: Cursor,
    pub pages: usize,
    pub as_of: Instant,
}

impl Read {
    /// The ids of the records, without repetitions.
    pub fn ids(&self) -> BTreeSet<String> {
        self.changes.iter().map(|change| change.record.id.as_str().to_owned()).collect()
    }
}

fn connect(
    direct: &Arc<Direct>,
    clock: &Arc<HandClock>,
    mapping: Mapping,
    tokens: &[&'static str],
) -> Arc<dyn Connector> {
    dealclock_salesforce::connect(settings(direct, clock, mapping, tokens)).unwrap()
}

fn settings(direct: &Arc<Direct>, clock: &Arc<HandClock>, mapping: Mapping, tokens: &[&'static str]) -> Settings {
    Settings {
        connection: "acme".into(),
        base_url: None,
        auth: Arc::new(Tokens { tokens: tokens.to_vec(), generation: AtomicU64::new(0) }),
        app_auth: None,
        webhook_secret: None,
        command: Vec::new(),
        env: BTreeMap::new(),
        daily_share: 1.0,
        mapping,
        share: 0.5,
        transport: Arc::clone(direct) as Arc<dyn Transport>,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    }
}

/// A connector with another base address.
pub fn connect_to(base_url: &str) -> Result<Arc<dyn Connector>, String> {
    let account = Account::bare(Mapping::default(), |_| {});
    let settings = settings(&account.direct, &account.clock, Mapping::default(), &[TOKEN]);
    dealclock_salesforce::connect(Settings { base_url: Some(base_url.to_owned()), ..settings })
}

/// A connector with a token that came without an address of the org.
pub fn connect_without_home(base_url: Option<&str>) -> Arc<dyn Connector> {
    let account = Account::bare(Mapping::default(), |_| {});
    let settings = settings(&account.direct, &account.clock, Mapping::default(), &[TOKEN]);
    let auth = Arc::new(dealclock_connector::StaticToken::new(TOKEN.to_owned().into()));
    dealclock_salesforce::connect(Settings { base_url: base_url.map(str::to_owned), auth, ..settings }).unwrap()
}

/// The running example's mapping.
pub fn mapping() -> Mapping {
    let mut mapping = Mapping::default();
    let field = |name: &str, value_type| FieldSource::Field { name: name.to_owned(), value_type };
    let fields = mapping.fields.entry(Object::Opportunity).or_default();
    fields.insert("complex".into(), field("Complex__c", ValueType::Bool));
    fields.insert("request_approved".into(), field("Request_Approved__c", ValueType::Bool));
    fields.insert("wanted_until".into(), field("Wanted_Until__c", ValueType::Date));
    fields.insert("proposal_sent_at".into(), FieldSource::StageEntered { stage: "Proposal/Price Quote".to_owned() });
    mapping.stages.insert("Open".to_owned(), vec!["Prospecting".to_owned()]);
    mapping
}

pub fn record(state: &ChangeState) -> &Record {
    match state {
        ChangeState::Present(record) => record,
        ChangeState::Deleted | ChangeState::Merged { .. } => panic!("the record is gone"),
    }
}

pub fn opportunity(id: &str) -> RecordRef {
    RecordRef { connection: "acme".into(), object: Object::Opportunity, id: RecordId::from(id) }
}

pub fn effect(id: &str, step: &str) -> EffectId {
    effect_of(id, "proposal", 0, step)
}

/// The effect of any rule in any round.
pub fn effect_of(id: &str, rule: &str, round: u32, step: &str) -> EffectId {
    let record = opportunity(id);
    let subject = Subject::Record(&record);
    EffectId::new(&"acme".into(), &rule.into(), subject, 1, round, &step.into(), "owner", Channel::Task)
}

/// The effect of a reminder for an opportunity, with its write.
pub fn reminder(id: &str, owner: &str, step: &str) -> (EffectId, Write) {
    let new = NewTask {
        record: Some(opportunity(id)),
        owner: owner.into(),
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
