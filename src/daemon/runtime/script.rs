//! A CRM for tests that does what it is told: shows, locks, hints, counts.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use chrono_tz::Tz;
use dealclock_connector::{
    Account, Acknowledgement, Bucket, ChangePage, Connector, Cursor, Descriptor, Discovery, Error, ErrorKind, Feed,
    FeedPage, Hint, Incoming, Limit, Next, Once, Outcomes, Quota, Received, Refused, Result, Webhooks,
};
use dealclock_engine::Ruleset;
use dealclock_model::effect::{Channel, NewTask, Subject, TaskFields, TaskUpdate};
use dealclock_model::people::Profile;
use dealclock_model::record::field;
use dealclock_model::request::TaskSeen;
use dealclock_model::{
    Change, ChangeState, Effect, EffectId, Event, Instant, Object, People, Receipt, Record, RecordRef, Ruling, Value,
    Write,
};
use dealclock_store::{Options, Store};
use tempfile::TempDir;

use super::{ConnectionSpec, Runtime};
use crate::clock::HandClock;

/// The account that the CRM belongs to.
pub(crate) const ACCOUNT: &str = "4711";
/// What a request must carry as `x-signature`.
pub(crate) const SIGNATURE: &str = "genuine";

/// The CRM.
pub(crate) struct Script {
    descriptor: Descriptor,
    quota: Quota,
    now: Mutex<Now>,
}

/// What it does now, and what it was asked.
#[derive(Default)]
pub(crate) struct Now {
    /// The stage of each deal that is there.
    pub(crate) deals: BTreeMap<&'static str, &'static str>,
    /// Who owns each deal that somebody owns.
    pub(crate) owners: BTreeMap<&'static str, &'static str>,
    /// Deals that are locked.
    pub(crate) locked: BTreeSet<&'static str>,
    /// Deals about which no read is answered.
    pub(crate) poisoned: BTreeSet<&'static str>,
    /// Deals whose amount cannot be read.
    pub(crate) unreadable: BTreeSet<&'static str>,
    /// Hints that the next page of changes shows.
    pub(crate) beside: Vec<Hint>,
    /// Pages of the log of changes.
    pub(crate) pages: VecDeque<FeedPage>,
    /// Direct reads, by the deals asked about.
    pub(crate) looks: Vec<Vec<String>>,
    /// How often changes were read from a cursor on, and from the beginning.
    pub(crate) polls: u32,
    pub(crate) full_reads: u32,
    /// How often people were read.
    pub(crate) discoveries: u32,
    /// Tasks written.
    pub(crate) written: Vec<String>,
    /// Tasks that a person completed with an approval.
    pub(crate) approved: BTreeSet<&'static str>,
    /// How often tasks were asked about.
    pub(crate) outcomes: u32,
}

impl Script {
    fn new() -> Script {
        let descriptor = Descriptor {
            kind: "script",
            label: "Script".into(),
            fetch_batch: 10,
            apply_batch: 10,
            history_batch: 0,
            channels: &[],
        };
        let window = std::time::Duration::from_secs(1);
        let quota = Quota::new(1.0, |_: Bucket| Limit { calls: 100_000, window });
        Script { descriptor, quota, now: Mutex::default() }
    }

    pub(crate) fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap()
    }
}

/// A deal of the connection `acme`.
pub(crate) fn deal(id: &str) -> RecordRef {
    RecordRef { connection: "acme".into(), object: Object::Opportunity, id: id.into() }
}

fn shown(record: &RecordRef, now: &Now) -> Change {
    let state = match now.deals.get(record.id.as_str()) {
        None => ChangeState::Deleted,
        Some(stage) => {
            let fields = BTreeMap::from([(field::STAGE.into(), Value::text(*stage))]);
            let owner = now.owners.get(record.id.as_str()).map(|owner| (*owner).into());
            let parked = now.unreadable.contains(record.id.as_str()).then(|| "the amount cannot be read".to_owned());
            ChangeState::Present(Record { owner, fields, url: None, parked })
        }
    };
    // Each look is a second later by the CRM's clock, so that what it shows is never older than what it showed.
    let stamp = start() + chrono::Duration::seconds(now.looks.len() as i64);
    Change { record: record.clone(), stamp, state }
}

#[async_trait]
impl Connector for Script {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn check(&self) -> Result<Account> {
        let problems = Vec::new();
        Ok(Account { id: ACCOUNT.into(), zone: Tz::UTC, currency: "EUR".into(), once: Once::Exactly, problems })
    }

    async fn discover(&self) -> Result<Discovery> {
        self.now().discoveries += 1;
        Ok(Discovery::default())
    }

    async fn changes(&self, _object: Object, since: Option<&Cursor>) -> Result<ChangePage> {
        let mut now = self.now();
        match since {
            Some(_) => now.polls += 1,
            None => now.full_reads += 1,
        }
        let next = Next::Later(Cursor(serde_json::json!(now.polls)));
        Ok(ChangePage { changes: Vec::new(), next, as_of: start(), hints: std::mem::take(&mut now.beside) })
    }

    async fn fetch(&self, records: &[RecordRef]) -> Result<Vec<Change>> {
        let mut now = self.now();
        now.looks.push(records.iter().map(|record| record.id.to_string()).collect());
        if records.iter().any(|record| now.poisoned.contains(record.id.as_str())) {
            return Err(Error::rejected("malformed id"));
        }
        Ok(records.iter().map(|record| shown(record, &now)).collect())
    }

    async fn apply(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        let mut now = self.now();
        let mut answers = Vec::new();
        for (_, write) in writes {
            let update = match write {
                Write::UpdateTask(update) => update,
                Write::CreateTask(task) => {
                    answers.push(Err(Error::rejected(format!("there is no person {}", task.owner))));
                    continue;
                }
                Write::UpdateRecord(_)
                | Write::SendEmail(_)
                | Write::SubmitApproval(_)
                | Write::Notify(_)
                | Write::SendCrmEmail(_) => panic!("only tasks are scripted"),
            };
            answers.push(if now.locked.contains(update.task.as_str()) {
                Err(Error::new(ErrorKind::Locked, "locked by an approval"))
            } else {
                now.written.push(update.task.clone());
                Ok(Receipt { id: Some(update.task.clone()), found: false, kept: Vec::new() })
            });
        }
        answers
    }

    async fn find(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        Ok(effects.iter().map(|_| None).collect())
    }

    async fn written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        Ok(records.iter().map(|_| Vec::new()).collect())
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        Some(self)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        Some(self)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(&self.quota)
    }

    fn outcomes(&self) -> Option<&dyn Outcomes> {
        Some(self)
    }
}

#[async_trait]
impl Outcomes for Script {
    async fn look(&self, tasks: &[String]) -> Result<Vec<Option<TaskSeen>>> {
        let mut now = self.now();
        now.outcomes += 1;
        let seen = |task: &String| {
            let done = now.approved.contains(task.as_str());
            let outcome = done.then_some(Ruling::Approve);
            Some(TaskSeen { task: task.clone(), done, outcome, owner: None, at: start() })
        };
        Ok(tasks.iter().map(seen).collect())
    }
}

#[async_trait]
impl Feed for Script {
    async fn hints(&self, since: Option<&Cursor>) -> Result<FeedPage> {
        let at = since.and_then(|Cursor(at)| at.as_u64()).unwrap_or(0);
        let rest = || FeedPage { hints: Vec::new(), next: Next::Later(Cursor(at.into())), gap: false };
        Ok(self.now().pages.pop_front().unwrap_or_else(rest))
    }
}

impl Webhooks for Script {
    /// A body holds a hint a line: `deal 1`, `unlocked 1`, `people`, or `foreign`.
    fn receive(&self, incoming: &Incoming<'_>) -> std::result::Result<Received, Refused> {
        let header = |name: &str| incoming.headers.get(name).and_then(|value| value.to_str().ok());
        if header("x-signature") != Some(SIGNATURE) || header("x-url").is_some_and(|url| url != incoming.url) {
            return Err(Refused::Signature("of the script".into()));
        }
        if let Some(age) = header("x-age").and_then(|age| age.parse().ok()) {
            return Err(Refused::Stale(age));
        }
        let text = std::str::from_utf8(incoming.body).map_err(|_| Refused::Unreadable("not UTF-8".into()))?;
        let mut received = Received {
            hints: Vec::new(),
            keys: header("x-id").map(str::to_owned).into_iter().collect(),
            foreign: 0,
            answer: Acknowledgement { content_type: "text/plain", body: "thanks" },
        };
        assert_eq!(incoming.account, ACCOUNT);
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("deal", id)) => received.hints.push(Hint::Record(deal(id))),
                Some(("unlocked", id)) => received.hints.push(Hint::Unlocked(deal(id))),
                None if line == "people" => received.hints.push(Hint::People),
                None if line == "foreign" => received.foreign += 1,
                _ => return Err(Refused::Unreadable("no such hint".into())),
            }
        }
        if received.foreign > 0 && received.hints.is_empty() {
            return Err(Refused::Foreign("815".into()));
        }
        Ok(received)
    }
}

/// A daemon's inside on a store of its own, beside the scripted CRM.
pub(crate) struct Stage {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) crm: Arc<Script>,
    pub(crate) clock: Arc<HandClock>,
    directory: TempDir,
}

pub(crate) fn start() -> Instant {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

impl Stage {
    /// A daemon that has not taken a step.
    pub(crate) fn new() -> Stage {
        Stage::on(TempDir::new().unwrap(), Arc::new(Script::new()))
    }

    /// One that follows changes.
    pub(crate) async fn live() -> Stage {
        let stage = Stage::new();
        stage.settle().await;
        stage
    }

    /// Another one on the same store and CRM, as after a crash.
    pub(crate) fn restarted(self) -> Stage {
        let Stage { runtime, crm, clock, directory } = self;
        drop((runtime, clock));
        let again = Script::new();
        *again.now() = std::mem::take(&mut *crm.now());
        Stage::on(directory, Arc::new(again))
    }

    fn on(directory: TempDir, crm: Arc<Script>) -> Stage {
        let clock = Arc::new(HandClock::new(start()));
        let spec = ConnectionSpec {
            id: "acme".into(),
            connector: Arc::clone(&crm) as Arc<dyn Connector>,
            poll: chrono::Duration::minutes(1),
            reconcile: chrono::Duration::hours(24),
            refresh: chrono::Duration::hours(1),
            feed: true,
            assemble: Box::new(|account, _| People::new(Profile::new("acme".into(), account.zone))),
        };
        let store = Store::open(&Options { cache_bytes: 8 << 20, ..Options::new(directory.path()) }).unwrap();
        let shown = Arc::clone(&clock) as Arc<dyn dealclock_connector::Clock>;
        let runtime = Runtime::new(store, shown, Ruleset::default(), vec![spec], None).unwrap();
        Stage { runtime, crm, clock, directory }
    }

    /// The budget of the account.
    pub(crate) fn quota(&self) -> &Quota {
        &self.crm.quota
    }

    pub(crate) async fn settle(&self) -> Option<Instant> {
        self.runtime.settle().await.unwrap()
    }

    /// Lets time pass, stopping wherever a loop waits for.
    pub(crate) async fn pass(&self, span: chrono::Duration) {
        let until = self.runtime.now() + span;
        loop {
            let next = self.settle().await.map_or(until, |next| next.min(until));
            if self.runtime.now() >= until {
                return;
            }
            self.clock.set(next);
        }
    }

    /// The stage of a deal as the store has it.
    pub(crate) fn stage_of(&self, id: &str) -> Option<String> {
        let case = self.runtime.store().case(&dealclock_model::CaseId::Record(deal(id))).unwrap()?;
        match case.as_record()?.record.as_ref()?.get(field::STAGE) {
            Value::Text(stage) => Some(stage.to_string()),
            _ => None,
        }
    }

    /// An effect that completes the task of a deal; the task has the deal's id.
    pub(crate) fn put_update(&self, id: &str) -> EffectId {
        let (expect, set) = (TaskFields::default(), TaskFields::default());
        self.put_write(id, Write::UpdateTask(TaskUpdate { task: id.into(), expect, set }))
    }

    /// An effect that makes a task about a deal for somebody whom the CRM does not have.
    pub(crate) fn put_creation(&self, id: &str) -> EffectId {
        let task = NewTask {
            record: Some(deal(id)),
            owner: "zed".into(),
            subject: "Prepare a proposal".into(),
            body: String::new(),
            due_date: start().date_naive(),
            due_at: start(),
            asks: false,
        };
        self.put_write(id, Write::CreateTask(task))
    }

    /// The same by another rule.
    pub(crate) fn put_update_of(&self, rule: &str, id: &str) -> EffectId {
        let (expect, set) = (TaskFields::default(), TaskFields::default());
        self.put_write_of(rule, id, Write::UpdateTask(TaskUpdate { task: id.into(), expect, set }))
    }

    /// Events that wait in the inbox for a deal.
    pub(crate) fn events_of(&self, id: &str) -> Vec<Event> {
        let head = self.runtime.store().inbox_head(100).unwrap();
        let case = dealclock_model::CaseId::Record(deal(id));
        head.into_iter().filter(|(_, to, _)| *to == case).map(|(.., event)| event).collect()
    }

    fn put_write(&self, id: &str, write: Write) -> EffectId {
        self.put_write_of("r", id, write)
    }

    fn put_write_of(&self, rule: &str, id: &str, write: Write) -> EffectId {
        let record = deal(id);
        let subject = Subject::Record(&record);
        let connection = record.connection.clone();
        let key = EffectId::new(&connection, &rule.into(), subject, 1, 0, &"1d".into(), "owner", Channel::Task);
        let effect = Effect {
            id: key,
            case: dealclock_model::CaseId::Record(record),
            rule: rule.into(),
            step: "1d".into(),
            decided_at: start(),
            write,
        };
        let mut batch = dealclock_store::Batch::new();
        batch.put_effect(&effect, start());
        self.runtime.store().commit(batch).unwrap();
        key
    }
}
