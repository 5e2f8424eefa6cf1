//! The loops of the data's way. Each is a `step()` that takes no input but the store, and a loop that repeats it.
//!
//! The binary drives every loop as a task of its own, so that a connection that fails holds up no other; a simulation
//! takes the same steps by hand, in a fixed order, with [`Runtime::settle`].

mod calls;
mod clocks;
pub mod connection;
mod decider;
mod deliver;
mod feed;
mod gate;
mod hints;
mod ingest;
pub mod mail;
pub mod mishaps;
mod poll;
mod receive;
pub mod reconcile;
mod recover;
mod reports;
pub mod requests;
mod rollout;
#[cfg(test)]
pub(crate) mod script;
pub mod signals;
mod steward;
pub mod stopped;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use dealclock_connector::{Clock, as_one};
use dealclock_engine::Ruleset;
use dealclock_model::effect::Lane;
use dealclock_model::{ConnectionId, Instant};
use dealclock_store::{Store, StoreError};
use tokio::task::JoinSet;

pub use connection::{Connection, ConnectionSpec, HookCounts, Phase};
pub use mail::Mail;
use signals::{LoopId, Signals};
pub use steward::{KnownAccount, recall_people};
use stopped::Stopped;

/// What a step leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was done; there may be more.
    Again,
    /// Nothing to do before this instant, or before a signal.
    Rest(Option<Instant>),
}

/// Why a daemon cannot go on. Trouble with a CRM or a mail server is never one of these.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The store cannot be read or written; nothing may be acknowledged or sent any more.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A loop ended by itself, which is a defect.
    #[error("the loop `{0}` broke off: {1}")]
    Broke(String, String),
}

/// The daemon's inside: store, rules, connections and loops.
pub struct Runtime {
    store: Store,
    clock: Arc<dyn Clock>,
    ruleset: ArcSwap<Ruleset>,
    stopped: ArcSwap<Stopped>,
    switching: std::sync::Mutex<()>,
    connections: BTreeMap<ConnectionId, Connection>,
    mail: Option<Arc<dyn Mail>>,
    mail_lane: deliver::MailLane,
    deciding: std::sync::Mutex<()>,
    signals: Signals,
    loops: Vec<LoopId>,
    stopping: AtomicBool,
    reports_in: OnceLock<PathBuf>,
}

impl Runtime {
    /// Puts a daemon together; nothing is read or written yet but what the store already holds.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        ruleset: Ruleset,
        connections: Vec<ConnectionSpec>,
        mail: Option<Arc<dyn Mail>>,
    ) -> Result<Arc<Runtime>, RuntimeError> {
        let connections: BTreeMap<_, _> =
            connections.into_iter().map(|spec| (spec.id.clone(), Connection::new(spec))).collect();
        for connection in connections.values() {
            if let Some(people) = recall_people(&store, connection.id())? {
                connection.set_people(Arc::new(people));
            }
            calls::recall_calls(&store, connection)?;
        }
        let mut loops = vec![LoopId::Decide, LoopId::Deliver(Lane::Mail)];
        for (id, connection) in &connections {
            let follows = connection.feed().is_some();
            loops.extend(LoopId::of(id).into_iter().filter(|id| follows || !matches!(id, LoopId::Feed(_))));
        }
        loops.sort();
        let stopped = Stopped::recall(&store)?;
        // A command without a daemon may have started something since.
        stopped::release(&store, &stopped, clock.now())?;
        let signals = Signals::default();
        for id in &loops {
            signals.add(id.clone());
        }
        Ok(Arc::new(Runtime {
            store,
            clock,
            ruleset: ArcSwap::from_pointee(stopped.mark(ruleset)),
            stopped: ArcSwap::from_pointee(stopped),
            switching: std::sync::Mutex::new(()),
            connections,
            mail,
            mail_lane: deliver::MailLane::default(),
            deciding: std::sync::Mutex::new(()),
            signals,
            loops,
            stopping: AtomicBool::new(false),
            reports_in: OnceLock::new(),
        }))
    }

    /// Keeps the files of reports in a directory; without one, reports are delivered without files.
    pub fn keep_reports_in(&self, directory: PathBuf) {
        // Whoever comes second finds a daemon that was put together already.
        let _ = self.reports_in.set(directory);
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The rules in force.
    pub fn ruleset(&self) -> Arc<Ruleset> {
        self.ruleset.load_full()
    }

    /// The connections by name.
    pub fn connections(&self) -> &BTreeMap<ConnectionId, Connection> {
        &self.connections
    }

    /// The present instant of the daemon's clock.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// How the loops wake each other.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Does something with the store while nothing is decided, such as an export that must be one moment's.
    pub fn exclusively<T>(&self, work: impl FnOnce(&Store) -> T) -> T {
        let _nothing_is_decided = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        work(&self.store)
    }

    /// Puts other rules in force; records that stand in the store are judged anew.
    pub fn replace_rules(&self, ruleset: Ruleset) {
        {
            let _nothing_is_switched = self.switching.lock().unwrap_or_else(PoisonError::into_inner);
            self.ruleset.store(Arc::new(self.stopped.load().mark(ruleset)));
            // A rule may have come out of shadow; what must still wait is set aside again before it leaves.
            if let Err(error) = stopped::release(&self.store, &self.stopped.load(), self.clock.now()) {
                tracing::error!("writes that were set aside stay so: {error}");
            }
        }
        for id in self.connections.keys() {
            self.signals.raise(&LoopId::Rollout(id.clone()));
            self.signals.raise(&LoopId::Reports(id.clone()));
        }
    }

    /// Asks every loop to end after its present step.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.signals.raise_all();
    }

    /// Whether the loops were asked to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// The loops, in the order in which a hand-turned runtime takes their steps.
    pub fn loops(&self) -> &[LoopId] {
        &self.loops
    }

    /// Takes one step of one loop.
    pub async fn step(&self, id: &LoopId) -> Result<Step, RuntimeError> {
        // A step that is throttled in its middle starts over.
        let step = as_one(self.take_step(id)).await?;
        if let Some(connection) = id.connection() {
            self.keep_calls_now_and_then(self.connection(connection))?;
        }
        Ok(step)
    }

    async fn take_step(&self, id: &LoopId) -> Result<Step, RuntimeError> {
        // While a connection is stopped, nothing is asked of its CRM, and nothing is decided for it by time.
        if id.connection().is_some_and(|connection| self.stopped.load().stops(connection)) {
            return Ok(Step::Rest(None));
        }
        match id {
            LoopId::Decide => self.decide_step(),
            LoopId::Steward(connection) => self.steward_step(self.connection(connection)).await,
            LoopId::Rollout(connection) => self.rollout_step(self.connection(connection)),
            LoopId::Poll(connection) => self.poll_step(self.connection(connection)).await,
            LoopId::Feed(connection) => self.feed_step(self.connection(connection)).await,
            LoopId::Hints(connection) => self.hints_step(self.connection(connection)).await,
            LoopId::Recover(connection) => self.recover_step(self.connection(connection)).await,
            LoopId::Timers(connection) => self.timers_step(self.connection(connection)).await,
            LoopId::Requests(connection) => self.requests_step(self.connection(connection)).await,
            LoopId::Deliver(Lane::Crm(connection)) => self.deliver_step(self.connection(connection)).await,
            LoopId::Deliver(Lane::Mail) => self.mail_step().await,
            LoopId::Reconcile(connection) => self.reconcile_step(self.connection(connection)).await,
            LoopId::Reports(connection) => self.reports_step(self.connection(connection)).await,
        }
    }

    /// Takes steps in a fixed order until no loop has anything to do, and tells when the first of them has again.
    pub async fn settle(&self) -> Result<Option<Instant>, RuntimeError> {
        loop {
            let mut earliest: Option<Instant> = None;
            let mut again = false;
            for id in &self.loops {
                match self.step(id).await? {
                    Step::Again => again = true,
                    Step::Rest(Some(until)) => earliest = Some(earliest.map_or(until, |e| e.min(until))),
                    Step::Rest(None) => {}
                }
            }
            if !again {
                return Ok(earliest);
            }
        }
    }

    /// Runs every loop as a task until [`Runtime::stop`], and makes everything durable before it returns.
    pub async fn run(self: &Arc<Self>) -> Result<(), RuntimeError> {
        let mut tasks = JoinSet::new();
        for id in self.loops.clone() {
            let runtime = Arc::clone(self);
            tasks.spawn(async move {
                // Also when the loop panics, nobody may wait for it to rest.
                let _known = signals::Known { signals: &runtime.signals, id: &id };
                let result = runtime.drive(&id).await;
                (id.clone(), result)
            });
        }
        let mut outcome = Ok(());
        while let Some(ended) = tasks.join_next().await {
            let failure = match ended {
                Ok((_, Ok(()))) => continue,
                Ok((id, Err(error))) => {
                    tracing::error!(work = %id, "{error}");
                    error
                }
                Err(join) => RuntimeError::Broke("?".into(), join.to_string()),
            };
            self.stop();
            if outcome.is_ok() {
                outcome = Err(failure);
            }
        }
        outcome?;
        for connection in self.connections.values() {
            self.keep_calls(connection)?;
        }
        self.store.durable().await?;
        Ok(())
    }

    async fn drive(&self, id: &LoopId) -> Result<(), RuntimeError> {
        while !self.is_stopping() {
            match self.step(id).await? {
                // Many steps never wait for anything, and others want their turn on this thread.
                Step::Again => tokio::task::yield_now().await,
                Step::Rest(until) => self.signals.rest(id, until, self.clock.as_ref()).await,
            }
        }
        Ok(())
    }

    fn connection(&self, id: &ConnectionId) -> &Connection {
        self.connections.get(id).expect("loops are made from the connections, which never change")
    }

    fn phase(&self, connection: &Connection) -> Result<Phase, StoreError> {
        Ok(self.store.meta(&names::phase(connection.id()))?.unwrap_or_default())
    }

    /// Whether so many events wait that work which can wait should not add to them: the inbox is shared by all
    /// connections.
    fn is_crowded(&self) -> Result<bool, StoreError> {
        Ok(self.store.inbox_head(CROWD)?.len() == CROWD)
    }
}

/// Events that may wait before a rollout or a reconcile holds back.
const CROWD: usize = 300;
/// How long they hold back before they look again.
const CROWDED: chrono::Duration = chrono::Duration::milliseconds(50);

/// The names under which the store keeps what is known of a connection.
pub mod names {
    use dealclock_model::{ConnectionId, Object, ReportKey};

    /// [`super::stopped::Stopped`].
    pub const STOPPED: &str = "stopped";

    /// [`super::Phase`].
    pub fn phase(connection: &ConnectionId) -> String {
        format!("phase/{connection}")
    }

    /// The cursor of the changes of one kind of record.
    pub fn cursor(connection: &ConnectionId, object: Object) -> String {
        format!("cursor/{connection}/{object}")
    }

    /// Where reading of the CRM's own log of changes goes on.
    pub fn feed(connection: &ConnectionId) -> String {
        format!("feed/{connection}")
    }

    /// When it turned out that everything must be compared; not there once it was.
    pub fn reconcile_due(connection: &ConnectionId) -> String {
        format!("reconcile due/{connection}")
    }

    /// The calls of the last day, as a [`dealclock_connector::Spent`].
    pub fn calls(connection: &ConnectionId) -> String {
        format!("calls/{connection}")
    }

    /// [`super::steward::KnownAccount`].
    pub fn account(connection: &ConnectionId) -> String {
        format!("account/{connection}")
    }

    /// The profile and the persons of the last discovery.
    pub fn people(connection: &ConnectionId) -> String {
        format!("people/{connection}")
    }

    /// Whether keys of an earlier store were found in the CRM: then even a first attempt asks by key.
    pub fn earlier_store(connection: &ConnectionId) -> String {
        format!("earlier/{connection}")
    }

    /// [`super::rollout::Rollout`].
    pub fn rollout(connection: &ConnectionId) -> String {
        format!("rules/{connection}")
    }

    /// The writes that were refused, as [`super::mishaps::Mishaps`].
    pub fn refused(connection: &ConnectionId) -> String {
        format!("refused/{connection}")
    }

    /// The records that cannot be judged now, as [`super::mishaps::Mishaps`].
    pub fn parked(connection: &ConnectionId) -> String {
        format!("parked/{connection}")
    }

    /// For when a report was made last, an instant.
    pub fn report(connection: &ConnectionId, report: &ReportKey) -> String {
        format!("report/{connection}/{report}")
    }

    /// [`super::reconcile::Reconciled`].
    pub fn reconciled(connection: &ConnectionId) -> String {
        format!("reconciled/{connection}")
    }
}
