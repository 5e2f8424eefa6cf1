//! A CRM that is reached over HTTP: the sandbox in one of its dialects, called without sockets.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dealclock_connector::{Access, Authorizer, Clock, Connector, Mapping, Settings, Transport, TransportError};
use dealclock_model::record::field;
use dealclock_model::{FieldName, PersonId};
use dealclock_sandbox::dump::RecordDump;
use dealclock_sandbox::edit::{DealName, Edit, NewProperty, Properties, PropertyKind, PropertyObject, TaskName};
use dealclock_sandbox::{Fault, FaultRule, Sandbox, When};

use crate::cases::{MARK, megabyte};
use crate::clock::HandClock;
use crate::subject::{Forgery, Message, Step, Subject, Task, TaskEdit, Trouble};

/// The tokens that are let in, one after the other.
pub const TOKENS: [&str; 2] = ["pat-na1-first-token-11111111-2222", "pat-na1-second-token-3333333-4444"];

/// What signs webhooks.
pub const WEBHOOK_SECRET: &str = "webhook-secret-7f3a";

/// Who owns all records, by the ids that the sandbox's people have in a script.
const OWNER: &str = "64492907";
const OWNER_AS_USER: &str = "28604207";

/// The share of the account's limits that the connector may take.
pub const SHARE: f64 = 0.5;

/// The share of the account's day.
pub const DAILY_SHARE: f64 = 0.2;

/// How a CRM calls what the suite looks at.
pub struct Words {
    pub base: &'static str,
    pub deals: &'static str,
    pub tasks: &'static str,
    pub key: &'static str,
    pub outcome: &'static str,
    pub subject: &'static str,
    pub body: &'static str,
    pub status: &'static str,
    pub done: &'static str,
    pub stage: &'static str,
}

/// One of the sandbox's dialects.
pub trait Dialect {
    const WORDS: Words;
    /// Most records in a page of the first read, and of a poll.
    const PAGES: (usize, usize);
    const BATCH: usize;

    fn lacks(case: &str) -> Option<&'static str>;
    fn sandbox(is_limited: bool) -> Sandbox;
    fn connect(settings: Settings) -> Result<Arc<dyn Connector>, String>;
    /// The method and path of a step's call.
    fn call(step: Step) -> (&'static str, &'static str);
    /// An answer whose link to the next page leads to another host.
    fn mislead(answer: &str) -> String;
    fn share(seconds: i64) -> u64;
    fn message(account: &str, record: &str, now: dealclock_model::Instant) -> Message;
    fn forgery(account: &str, record: &str, now: dealclock_model::Instant, forgery: Forgery) -> Message;
}

/// The sandbox in a dialect.
pub struct Remote<D> {
    sandbox: Sandbox,
    clock: Arc<HandClock>,
    direct: Arc<Direct>,
    auth: Arc<Renewable>,
    made: AtomicU64,
    dialect: PhantomData<D>,
}

/// Calls the sandbox directly.
struct Direct {
    sandbox: Sandbox,
    home: &'static str,
    mislead: fn(&str) -> String,
    is_unsent: AtomicBool,
    is_misleading: AtomicBool,
    strangers: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Direct {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        if !self.home.ends_with(&host) {
            self.strangers.lock().unwrap().push(host.clone());
        }
        if self.is_unsent.swap(false, Ordering::SeqCst) {
            return Err(TransportError::NotSent { host, reason: "the connection was refused".to_owned() });
        }
        let answer = self.sandbox.handle(request);
        let answer = answer.map_err(|dropped| TransportError::Lost { host, reason: dropped.to_string() })?;
        Ok(answer.map(|body| self.spoil(body)))
    }
}

impl Direct {
    fn spoil(&self, body: Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(&body) else { return body };
        let text = if self.is_misleading.load(Ordering::SeqCst) { (self.mislead)(text) } else { text.to_owned() };
        if text.contains(MARK) { text.replace(MARK, &megabyte()).into() } else { text.into() }
    }
}

/// Access by one token until it is refused, then by the next.
#[derive(Default)]
struct Renewable {
    generation: AtomicU64,
    is_revoked: AtomicBool,
}

impl Renewable {
    fn now(&self) -> Access {
        let generation = self.generation.load(Ordering::SeqCst);
        let token = TOKENS[generation as usize % TOKENS.len()].to_owned().into();
        Access { token, home: None, generation }
    }
}

#[async_trait]
impl Authorizer for Renewable {
    async fn access(&self) -> dealclock_connector::Result<Access> {
        Ok(self.now())
    }

    async fn renew(&self, refused: &Access) -> dealclock_connector::Result<Option<Access>> {
        if self.is_revoked.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let next = refused.generation + 1;
        // Only the first of many that report the same refusal fetches.
        let _ = self.generation.compare_exchange(refused.generation, next, Ordering::SeqCst, Ordering::SeqCst);
        Ok(Some(self.now()))
    }
}

impl<D: Dialect> Remote<D> {
    fn edit(&self, edit: &Edit) {
        self.sandbox.edit(edit).unwrap();
    }

    fn records(&self, kind: &str) -> Vec<RecordDump> {
        self.sandbox.dump().records.remove(kind).unwrap_or_default()
    }
}

fn deal(id: &str) -> DealName {
    DealName::Id(id.to_owned())
}

fn by() -> String {
    OWNER_AS_USER.to_owned()
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl<D: Dialect> Subject for Remote<D> {
    fn lacks(case: &str) -> Option<&'static str> {
        D::lacks(case)
    }

    fn new(is_limited: bool) -> Self {
        let sandbox = D::sandbox(is_limited);
        sandbox.seed_deals(0, 1);
        for (name, holds) in [(D::WORDS.key, PropertyKind::UniqueText), (D::WORDS.outcome, PropertyKind::Text)] {
            let (name, label) = (name.to_owned(), name.to_owned());
            let property = NewProperty { object: PropertyObject::Tasks, name, label, holds };
            sandbox.edit(&Edit::AddProperty(property)).unwrap();
        }
        let direct = Direct {
            sandbox: sandbox.clone(),
            home: D::WORDS.base,
            mislead: D::mislead,
            is_unsent: AtomicBool::new(false),
            is_misleading: AtomicBool::new(false),
            strangers: Mutex::default(),
        };
        Remote {
            sandbox,
            clock: Arc::new(HandClock::new()),
            direct: Arc::new(direct),
            auth: Arc::default(),
            made: AtomicU64::new(0),
            dialect: PhantomData,
        }
    }

    fn clock(&self) -> &Arc<HandClock> {
        &self.clock
    }

    fn pass(&self, seconds: i64) {
        self.clock.pass(seconds);
        self.sandbox.set_now(self.clock.now());
    }

    fn connect(&self) -> Arc<dyn Connector> {
        let settings = Settings {
            connection: "acme".into(),
            base_url: Some(D::WORDS.base.to_owned()),
            auth: Arc::clone(&self.auth) as Arc<dyn Authorizer>,
            app_auth: None,
            webhook_secret: Some(WEBHOOK_SECRET.to_owned().into()),
            command: Vec::new(),
            env: std::collections::BTreeMap::new(),
            mapping: Mapping::default(),
            share: SHARE,
            daily_share: DAILY_SHARE,
            transport: Arc::clone(&self.direct) as Arc<dyn Transport>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        };
        D::connect(settings).unwrap()
    }

    fn pages(&self) -> (usize, usize) {
        D::PAGES
    }

    fn batch(&self) -> usize {
        D::BATCH
    }

    fn owner(&self) -> PersonId {
        let aliases = self.sandbox.dump().aliases;
        PersonId::from(aliases.get(OWNER).map_or(OWNER, String::as_str))
    }

    fn add(&self, names: &[String]) -> Vec<String> {
        let handles: Vec<String> =
            names.iter().map(|_| format!("deal {}", self.made.fetch_add(1, Ordering::SeqCst))).collect();
        for (handle, name) in handles.iter().zip(names) {
            let properties = properties(&[
                ("dealname", name),
                ("pipeline", "default"),
                ("dealstage", D::WORDS.stage),
                ("amount", "60000"),
                ("hubspot_owner_id", OWNER),
            ]);
            self.edit(&Edit::CreateDeal { handle: handle.clone(), properties, by: by() });
        }
        let ids = self.sandbox.dump().handles;
        handles.iter().map(|handle| ids[handle].clone()).collect()
    }

    fn name_field(&self) -> FieldName {
        field::NAME.into()
    }

    fn rename(&self, id: &str, name: &str) {
        self.edit(&Edit::SetDeal { deal: deal(id), properties: properties(&[("dealname", name)]), by: by() });
    }

    fn delete(&self, id: &str) {
        self.edit(&Edit::DeleteDeal { deal: deal(id), by: by() });
    }

    fn restore(&self, id: &str) {
        self.edit(&Edit::RestoreDeal { deal: deal(id), by: by() });
    }

    fn merge(&self, survivor: &str, absorbed: &str) {
        self.edit(&Edit::MergeDeals { survivor: deal(survivor), absorbed: deal(absorbed), by: by() });
    }

    fn deactivate_owner(&self) {
        self.edit(&Edit::DeactivateOwner { owner: OWNER.to_owned() });
    }

    fn hide(&self, id: &str, seconds: u64) {
        assert!(self.sandbox.set_record_lag(D::WORDS.deals, id, Duration::from_secs(seconds)));
    }

    fn tasks(&self) -> Vec<Task> {
        let words = D::WORDS;
        let text = |task: &RecordDump, name: &str| task.value(name).unwrap_or_default().to_owned();
        self.records(words.tasks)
            .iter()
            .map(|task| Task {
                id: task.id.clone(),
                key: task.value(words.key).map(str::to_owned),
                subject: text(task, words.subject),
                body: text(task, words.body),
                is_done: text(task, words.status) == words.done,
                is_deleted: task.archived_at.is_some(),
            })
            .collect()
    }

    fn edit_task(&self, id: &str, edit: TaskEdit) {
        let task = TaskName::Id(id.to_owned());
        self.edit(&match edit {
            TaskEdit::Complete => Edit::CompleteTask { task, by: by() },
            TaskEdit::Approve => {
                let properties = properties(&[(D::WORDS.outcome, "approved"), ("hs_task_status", D::WORDS.done)]);
                Edit::SetTask { task, properties, by: by() }
            }
            TaskEdit::Delete => Edit::DeleteTask { task, by: by() },
            TaskEdit::Reword => {
                let properties = properties(&[("hs_task_body", "<p>reworded by a person</p>")]);
                Edit::SetTask { task, properties, by: by() }
            }
        });
    }

    fn sent(&self) -> usize {
        self.sandbox.dump().sent.len()
    }

    fn befall(&self, step: Step, trouble: Trouble) {
        let (method, path) = D::call(step);
        let script = |when, fault| {
            let rule = FaultRule { method: Some(method.to_owned()), when, ..FaultRule::once(path, fault) };
            self.sandbox.set_faults(vec![rule]);
        };
        let status = |code, retry_after| Fault::Status { code, retry_after, applied: false };
        match trouble {
            Trouble::Throttled(seconds) => script(When::Always, status(429, seconds.map(|wait| wait.to_string()))),
            Trouble::ErrorsInside => script(When::Always, Fault::Partial { every: 2 }),
            Trouble::LostAfter => script(When::Always, Fault::Drop { applied: true }),
            Trouble::LostBefore => script(When::Always, Fault::Drop { applied: false }),
            Trouble::Truncated => script(When::Always, Fault::Truncate),
            Trouble::WebPage => script(When::Always, Fault::Html { applied: true }),
            Trouble::Redirected => {
                script(When::Always, Fault::Redirect { location: "https://elsewhere.example/login".to_owned() });
            }
            Trouble::Expired => script(When::Nth(2), status(401, None)),
            Trouble::Revoked => {
                self.auth.is_revoked.store(true, Ordering::SeqCst);
                script(When::Nth(2), status(401, None));
            }
            Trouble::NotSent => self.direct.is_unsent.store(true, Ordering::SeqCst),
            Trouble::ForeignLink => self.direct.is_misleading.store(true, Ordering::SeqCst),
        }
    }

    fn heal(&self) {
        self.sandbox.set_faults(Vec::new());
        self.auth.is_revoked.store(false, Ordering::SeqCst);
        self.direct.is_unsent.store(false, Ordering::SeqCst);
        self.direct.is_misleading.store(false, Ordering::SeqCst);
    }

    fn calls(&self) -> u64 {
        self.sandbox.calls().calls.values().sum()
    }

    fn refusals(&self) -> u64 {
        let statuses = self.sandbox.calls().statuses;
        [403, 429, 503].iter().filter_map(|status| statuses.get(status)).sum()
    }

    fn share(&self, seconds: i64) -> u64 {
        D::share(seconds)
    }

    fn strangers(&self) -> Vec<String> {
        self.direct.strangers.lock().unwrap().clone()
    }

    fn secrets(&self) -> Vec<String> {
        TOKENS.iter().chain([&WEBHOOK_SECRET]).map(|secret| (*secret).to_owned()).collect()
    }

    fn message(&self, account: &str, record: &str) -> Message {
        D::message(account, record, self.clock.now())
    }

    fn forgery(&self, account: &str, record: &str, forgery: Forgery) -> Message {
        D::forgery(account, record, self.clock.now(), forgery)
    }
}
