//! A connector to a program of the test's, and short ways to ask it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dealclock_connector::{Clock, Connector, Mapping, Settings, StaticToken, Transport, TransportError};
use dealclock_model::effect::{Channel, NewTask, Subject};
use dealclock_model::{EffectId, Instant, Object, RecordId, RecordRef, Write};
use dealclock_plugin::Bounds;

/// Long enough for a busy machine.
pub const PATIENT: Bounds = Bounds { answer: Duration::from_secs(60), end: Duration::from_secs(10) };

pub fn start() -> Instant {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

/// A clock that only the test turns.
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Instant {
        Instant::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap()
    }

    async fn sleep_until(&self, _until: Instant) {
        panic!("a connector never sleeps");
    }
}

struct NoNetwork;

#[async_trait]
impl Transport for NoNetwork {
    async fn send(&self, _request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        panic!("a program is not reached over HTTP");
    }
}

/// The tiny CRM with a fault.
pub struct Tiny {
    pub connector: Arc<dyn Connector>,
    pub clock: Arc<HandClock>,
    heard: Heard,
}

/// What the programs of one test were asked.
pub struct Heard(tempfile::TempDir);

impl Tiny {
    pub fn with(fault: &str) -> Tiny {
        Tiny::within(fault, PATIENT)
    }

    /// A program with more abilities.
    pub fn able(abilities: &str, fault: &str) -> Tiny {
        Tiny::of(abilities, fault, PATIENT)
    }

    pub fn within(fault: &str, bounds: Bounds) -> Tiny {
        Tiny::of("", fault, bounds)
    }

    fn of(abilities: &str, fault: &str, bounds: Bounds) -> Tiny {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log").display().to_string();
        let env = [("FAULT", fault), ("LOG", &log), ("SECRET", "tell-nobody"), ("ABILITIES", abilities)];
        let clock = clock();
        let command = vec!["python3".to_owned(), beside("crm.py").display().to_string()];
        let connector = dealclock_plugin::connect_within(settings(&clock, command, &env), bounds).unwrap();
        Tiny { connector, clock, heard: Heard(directory) }
    }

    /// Closes the connection.
    pub fn close(self) -> Heard {
        self.heard
    }

    pub fn log(&self) -> Vec<String> {
        self.heard.log()
    }

    pub fn methods(&self) -> Vec<String> {
        self.heard.methods()
    }

    /// The numbers of all processes that were started, grandchildren included.
    pub fn processes(&self) -> Vec<u32> {
        let number = |line: &String| match line.split(' ').collect::<Vec<_>>().as_slice() {
            [pid, "started"] | [_, "child", pid] => pid.parse().ok(),
            _ => None,
        };
        self.log().iter().filter_map(number).collect()
    }
}

impl Heard {
    /// A line for each question: the number of the process and the method.
    pub fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.0.path().join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The methods that were called.
    pub fn methods(&self) -> Vec<String> {
        self.log().iter().filter_map(|line| line.split(' ').nth(1).map(str::to_owned)).collect()
    }
}

/// A file beside this one.
pub fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program").join(name)
}

pub fn clock() -> Arc<HandClock> {
    Arc::new(HandClock(AtomicI64::new(start().timestamp())))
}

pub fn settings(clock: &Arc<HandClock>, command: Vec<String>, env: &[(&str, &str)]) -> Settings {
    Settings {
        connection: "acme".into(),
        base_url: None,
        auth: Arc::new(StaticToken::new("".to_owned().into())),
        app_auth: None,
        webhook_secret: None,
        command,
        env: env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into()))
            .collect::<BTreeMap<_, _>>(),
        mapping: Mapping::default(),
        share: 1.0,
        daily_share: 1.0,
        transport: Arc::new(NoNetwork),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    }
}

pub fn deal(id: &str) -> RecordRef {
    RecordRef { connection: "acme".into(), object: Object::Opportunity, id: RecordId::from(id) }
}

pub fn reminder(id: &str) -> (EffectId, Write) {
    let record = deal(id);
    let key = EffectId::new(
        &"acme".into(),
        &"proposal".into(),
        Subject::Record(&record),
        1,
        0,
        &"1d".into(),
        "owner",
        Channel::Task,
    );
    let new = NewTask {
        record: Some(record),
        owner: "ada".into(),
        subject: "Prepare a proposal".into(),
        body: "Five days.".into(),
        due_date: "2026-03-07".parse().unwrap(),
        due_at: "2026-03-07T09:00:00Z".parse().unwrap(),
        asks: false,
    };
    (key, Write::CreateTask(new))
}
