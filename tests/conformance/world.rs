//! A subject with its connector while a case runs, and short ways to say what is done and what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dealclock_connector::{Account, Clock, Connector, Cursor, Error, ErrorKind, Next};
use dealclock_model::effect::{Channel, NewTask, Subject as About};
use dealclock_model::record::field;
use dealclock_model::{
    Change, ChangeState, EffectId, Instant, Object, Receipt, Record, RecordId, RecordRef, Value, Write,
};

use crate::log;
use crate::subject::{Subject, Task};
use crate::watched::{Said, Watched};

/// A subject with its connector.
pub struct World {
    pub subject: Box<dyn Subject>,
    pub crm: Arc<dyn Connector>,
    said: Said,
}

/// What reading to the end gave.
pub struct Read {
    pub changes: Vec<Change>,
    pub cursor: Cursor,
    pub pages: usize,
}

impl Read {
    /// The last state of each record.
    pub fn states(&self) -> BTreeMap<&str, &ChangeState> {
        self.changes.iter().map(|change| (change.record.id.as_str(), &change.state)).collect()
    }

    /// The ids of records that are present.
    pub fn ids(&self) -> BTreeSet<&str> {
        let present = |(_, state): &(&str, &ChangeState)| matches!(state, ChangeState::Present(_));
        self.states().into_iter().filter(present).map(|(id, _)| id).collect()
    }
}

impl World {
    pub fn new(subject: Box<dyn Subject>) -> World {
        let said = Said::default();
        let crm = Arc::new(Watched::new(subject.connect(), &said));
        World { subject, crm, said }
    }

    /// The daemon ends and starts again.
    pub fn restart(&mut self) {
        self.crm = Arc::new(Watched::new(self.subject.connect(), &self.said));
    }

    pub fn now(&self) -> Instant {
        self.subject.clock().now()
    }

    /// Makes records, all at one instant.
    pub fn add(&self, count: usize) -> Vec<String> {
        let names: Vec<String> = (0..count).map(|number| format!("Deal {number}")).collect();
        self.subject.add(&names)
    }

    /// One page, patiently where our share of the limits is used up.
    pub async fn page(&self, since: Option<&Cursor>) -> Result<dealclock_connector::ChangePage, Error> {
        for _ in 0..1_000 {
            match self.crm.changes(Object::Opportunity, since).await {
                Err(Error { kind: ErrorKind::Throttled { until }, .. }) => self.wait_until(until),
                page => return page,
            }
        }
        panic!("our share of the limits must come back");
    }

    /// The account, patiently.
    pub async fn check(&self) -> Account {
        for _ in 0..1_000 {
            match self.crm.check().await {
                Err(Error { kind: ErrorKind::Throttled { until }, .. }) => self.wait_until(until),
                account => return account.unwrap(),
            }
        }
        panic!("our share of the limits must come back");
    }

    /// Reads pages until there is no more now.
    pub async fn read(&self, since: Option<&Cursor>) -> Read {
        let mut since = since.cloned();
        let (mut changes, mut pages) = (Vec::new(), 0);
        for _ in 0..1_000 {
            let page = self.page(since.as_ref()).await.unwrap();
            pages += 1;
            changes.extend(page.changes);
            since = Some(page.next.cursor().clone());
            if let Next::Later(cursor) = page.next {
                return Read { changes, cursor, pages };
            }
        }
        panic!("reading must end");
    }

    /// The first read, and nothing left to learn afterwards.
    pub async fn settle(&self) -> Cursor {
        self.check().await;
        let read = self.read(None).await;
        self.subject.pass(60);
        self.read(Some(&read.cursor)).await.cursor
    }

    /// Turns the clocks.
    pub fn wait_until(&self, until: Instant) {
        self.subject.pass((until - self.now()).num_seconds().max(0) + 1);
    }

    /// The state of one record now.
    pub async fn state(&self, id: &str) -> ChangeState {
        self.crm.fetch(&[reference(id)]).await.unwrap().remove(0).state
    }

    /// A record that must be there.
    pub async fn record(&self, id: &str) -> Record {
        match self.state(id).await {
            ChangeState::Present(record) => record,
            ChangeState::Deleted | ChangeState::Merged { .. } => panic!("{id} is not there"),
        }
    }

    /// A reminder about a record.
    pub fn reminder(&self, record: &str, step: &str) -> (EffectId, Write) {
        let record = reference(record);
        let id = EffectId::new(
            &record.connection,
            &"proposal".into(),
            About::Record(&record),
            1,
            0,
            &step.into(),
            "owner",
            Channel::Task,
        );
        let due_at = self.now() + chrono::Duration::days(5);
        let new = NewTask {
            record: Some(record),
            owner: self.subject.owner(),
            subject: format!("Prepare the proposal, {step}"),
            body: "Five days are left.\n\nSee <the deal> & act.".to_owned(),
            due_date: due_at.date_naive(),
            due_at,
            asks: false,
        };
        (id, Write::CreateTask(new))
    }

    /// As many reminders about one record.
    pub fn reminders(&self, record: &str, count: usize) -> Vec<(EffectId, Write)> {
        (0..count).map(|number| self.reminder(record, &format!("{number}d"))).collect()
    }

    /// Applies writes once; the kinds of the errors.
    pub async fn apply(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt, ErrorKind>> {
        let results = self.crm.apply(writes).await;
        assert_eq!(results.len(), writes.len(), "one result for each write");
        results.into_iter().map(|result| result.map_err(|error| error.kind)).collect()
    }

    /// Applies writes as the daemon does: what may have been applied is looked up first, what was not is tried again.
    pub async fn deliver(&self, writes: &[(EffectId, Write)]) {
        let mut open: Vec<(EffectId, Write)> = writes.to_vec();
        for _ in 0..50 {
            let mut left = Vec::new();
            for (write, result) in open.iter().zip(self.crm.apply(&open).await) {
                match result.map_err(|error| (error.kind, error)) {
                    Ok(receipt) => assert!(receipt.id.is_some(), "a task has an id"),
                    Err((ErrorKind::Unknown, _)) => {
                        if !self.is_there(write).await {
                            left.push(write.clone());
                        }
                    }
                    Err((ErrorKind::Rejected, error)) => panic!("given up: {error}"),
                    Err((ErrorKind::Throttled { until }, _)) => {
                        self.wait_until(until);
                        left.push(write.clone());
                    }
                    Err((
                        ErrorKind::Transient { .. } | ErrorKind::Unauthorized | ErrorKind::Conflict | ErrorKind::Locked,
                        _,
                    )) => left.push(write.clone()),
                }
            }
            if left.is_empty() {
                return;
            }
            open = left;
            self.subject.pass(10);
        }
        panic!("delivery must end");
    }

    async fn is_there(&self, write: &(EffectId, Write)) -> bool {
        for _ in 0..50 {
            match self.crm.find(std::slice::from_ref(write)).await {
                Ok(found) => return found[0].is_some(),
                Err(error) => {
                    assert!(!matches!(error.kind, ErrorKind::Rejected), "{error}");
                    self.subject.pass(10);
                }
            }
        }
        panic!("looking up must end");
    }

    /// The tasks that were ever made for an effect.
    pub fn tasks_of(&self, effect: EffectId) -> Vec<Task> {
        let key = effect.to_string();
        self.subject.tasks().into_iter().filter(|task| task.key.as_deref() == Some(key.as_str())).collect()
    }

    /// How many tasks were ever made for each write.
    pub fn made(&self, writes: &[(EffectId, Write)]) -> Vec<usize> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for key in self.subject.tasks().into_iter().filter_map(|task| task.key) {
            *counts.entry(key).or_default() += 1;
        }
        writes.iter().map(|(effect, _)| counts.get(&effect.to_string()).copied().unwrap_or_default()).collect()
    }

    /// Every write appeared once: not zero times, not twice.
    pub fn assert_once(&self, writes: &[(EffectId, Write)]) {
        for ((effect, _), count) in writes.iter().zip(self.made(writes)) {
            assert_eq!(count, 1, "tasks for {effect}");
        }
    }

    /// What must hold after every case: nothing secret was logged or said, and no stranger was called.
    pub fn assert_discreet(&self) {
        let (logged, said) = (log::taken(), self.said.lock().unwrap().join("\n"));
        for secret in self.subject.secrets() {
            assert!(!logged.contains(&secret), "a secret was logged");
            assert!(!said.contains(&secret), "a secret was said in an error");
        }
        assert_eq!(self.subject.strangers(), Vec::<String>::new(), "a stranger was called");
    }
}

/// Names a record.
pub fn reference(id: &str) -> RecordRef {
    RecordRef { connection: "acme".into(), object: Object::Opportunity, id: RecordId::from(id) }
}

/// The name of a record.
pub fn name(record: &Record) -> &str {
    match record.get(field::NAME) {
        Value::Text(name) => name,
        _ => "",
    }
}

/// When it may be asked again, where that is said.
pub fn again_at(kind: ErrorKind) -> Option<Instant> {
    match kind {
        ErrorKind::Throttled { until } => Some(until),
        ErrorKind::Transient { retry_at } => retry_at,
        ErrorKind::Unauthorized
        | ErrorKind::Conflict
        | ErrorKind::Locked
        | ErrorKind::Rejected
        | ErrorKind::Unknown => None,
    }
}

/// Nothing was written, and it may be tried again.
pub fn is_transient(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Transient { .. })
}
