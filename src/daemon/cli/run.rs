//! `dealclock run`: the daemon itself.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dealclock_connector::Clock;
use dealclock_model::event::StormAnswer;
use dealclock_model::{CaseId, ConnectionId, Event, RuleKey};
use dealclock_store::Batch;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::{Context, Exit, Failure, RunArgs, stop};
use crate::clock::SystemClock;
use crate::config::{Config, Loaded, read_rules};
use crate::control::{Request, listen};
use crate::explain::{explain, find};
use crate::follow::{FollowError, Follower};
use crate::launch::{LaunchError, launch};
use crate::report::{self, DemandError, Wanted};
use crate::runtime::signals::LoopId;
use crate::runtime::stopped::Switch;
use crate::runtime::{Connection, Runtime, RuntimeError};
use crate::web::{self, WebError};
use crate::{log, status};

/// How long a follower of the sandbox's time may take to end after the daemon has.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_millis(500);

/// Carries the command out: runs until SIGTERM or SIGINT, or until a followed clock has ended.
pub(super) async fn run(_args: RunArgs, context: Context) -> Result<Exit, Failure> {
    let loaded = context.load()?;
    log::start(&loaded.config.log);
    serve(loaded, &context).await
}

/// Runs a daemon until it is told to end.
pub async fn serve(loaded: Loaded, context: &Context) -> Result<Exit, Failure> {
    let config = loaded.config.clone();
    let follower = match &config.follow {
        Some(url) => Some(Follower::start(url.as_str(), &authorities_here(&config), &config.store.path).await?),
        None => None,
    };
    let clock: Arc<dyn Clock> = match &follower {
        Some(follower) => follower.clock(),
        None => Arc::new(SystemClock),
    };
    let runtime = launch(loaded, &context.kit, &context.environment, &clock)?;
    let desk = Arc::new(Desk { runtime: Arc::clone(&runtime), config, refused: Mutex::default() });
    let answering = Arc::clone(&desk);
    let socket = &desk.config.socket;
    let listening = listen(socket, Arc::new(move |request| answering.answer(request)))
        .map_err(|error| Failure::new(Exit::Broken, cannot_listen(socket, &error)))?;
    let web = match &desk.config.web {
        Some(web) => Some(web::listen(web, Arc::clone(&runtime)).await?),
        None => None,
    };
    let signals = tokio::spawn(heed_signals(Arc::clone(&desk)));
    let following = follower.map(|follower| tokio::spawn(follower.follow(Arc::clone(&runtime))));
    tracing::info!(store = %desk.config.store.path.display(), connections = desk.config.connections.len(), "running");
    let outcome = runtime.run().await;
    signals.abort();
    let _ = signals.await;
    listening.close().await;
    if let Some(web) = web {
        web.close().await;
    }
    if let Some(mut following) = following {
        // A follower that has something to say says it at once; one that sleeps with the sandbox need not be waited for.
        match tokio::time::timeout(LAST_WORDS, &mut following).await {
            Ok(Ok(followed)) => followed?,
            Ok(Err(error)) => return Err(Failure::new(Exit::Broken, error.to_string())),
            Err(_) => following.abort(),
        }
    }
    outcome?;
    tracing::info!("stopped");
    Ok(Exit::Ok)
}

/// The authorities of the connections to this machine, where the followed clock is too. One that cannot be read is told of
/// when its connection is opened.
pub(super) fn authorities_here(config: &Config) -> Vec<u8> {
    let here = config.connections.values().filter(|connection| connection.allow_local);
    let files = here.filter_map(|connection| connection.ca_file.as_ref());
    let mut authorities = Vec::new();
    for pem in files.filter_map(|file| std::fs::read(file).ok()) {
        authorities.extend(pem);
        authorities.push(b'\n');
    }
    authorities
}

fn cannot_listen(socket: &Path, error: &std::io::Error) -> String {
    format!(
        "failed to listen on the control socket {}: {error}\n  help: name another place with `[control] socket`; a path \
         may have at most about 100 characters",
        socket.display()
    )
}

/// Stops in order on SIGTERM and SIGINT, and reads the rules again on SIGHUP.
async fn heed_signals(desk: Arc<Desk>) {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else {
        tracing::error!("signals cannot be heeded; the daemon can only be killed");
        return;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => {
                // Whatever comes of it is logged where it is decided.
                let _ = desk.reload();
            }
        }
    }
    tracing::info!("stopping after the steps that are under way");
    desk.runtime.stop();
}

/// What answers on the control socket.
struct Desk {
    runtime: Arc<Runtime>,
    config: Config,
    /// Why the rule files were not taken, when the last reload failed.
    refused: Mutex<Option<String>>,
}

impl Desk {
    fn answer(&self, request: Request) -> Result<serde_json::Value, String> {
        let runtime = &self.runtime;
        let ruleset = runtime.ruleset();
        let connections: Vec<ConnectionId> = self.config.connections.keys().cloned().collect();
        let value = match request {
            Request::Status => {
                let mut status = status::gather(&status::Sources {
                    store: runtime.store(),
                    ruleset: &ruleset,
                    connections: &connections,
                    web: self.config.web.as_ref(),
                    runtime: Some(runtime),
                    now: runtime.now(),
                })
                .map_err(text)?;
                status.rules_refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
                serde_json::to_value(status)
            }
            Request::Explain { record } => {
                let record = find(runtime.store(), &connections, &record).map_err(text)?;
                let people = runtime.connections().get(&record.connection).and_then(|connection| connection.people());
                let people = people.ok_or("the people of this connection are not known yet")?;
                let told = explain(runtime.store(), &ruleset, &people, record, runtime.now()).map_err(text)?;
                serde_json::to_value(told)
            }
            Request::Held => serde_json::to_value(status::held(runtime.store(), &ruleset, &connections).map_err(text)?),
            Request::Answer { connection, rule, answer } => return self.answer_storm(&connection, &rule, answer),
            Request::Export { path } => return self.export(&path),
            Request::Reload => return self.reload(),
            Request::Report(wanted) => return self.report(&wanted, &connections),
            Request::Switch { name, start } => return self.switch(&name, start, &connections),
        };
        value.map_err(text)
    }

    fn answer_storm(&self, connection: &str, rule: &str, answer: StormAnswer) -> Result<serde_json::Value, String> {
        let connections = [ConnectionId::from(connection)];
        let held = status::held(self.runtime.store(), &self.runtime.ruleset(), &connections).map_err(text)?;
        if !held.iter().any(|storm| storm.rule == rule && !storm.answered) {
            return Err(format!("no storm of rule `{rule}` is held on connection `{connection}`"));
        }
        let case = CaseId::Intake { connection: connections[0].clone(), rule: RuleKey::from(rule) };
        let mut batch = Batch::new();
        batch.put_event(&case, &Event::Answered { answer });
        self.runtime.store().commit(batch).map_err(text)?;
        self.runtime.store().durable_blocking().map_err(text)?;
        self.runtime.signals().raise(&LoopId::Decide);
        Ok(json!({ "answered": true }))
    }

    fn switch(&self, name: &str, start: bool, connections: &[ConnectionId]) -> Result<serde_json::Value, String> {
        let runtime = &self.runtime;
        let switch = Switch::find(name, &runtime.ruleset(), connections, &runtime.stopped()).map_err(text)?;
        let changed = runtime.turn(&switch, stop::stop(name, start, runtime.now())).map_err(text)?;
        serde_json::to_value(stop::Turned::new(&switch, start, changed, &runtime.stopped())).map_err(text)
    }

    fn export(&self, path: &Path) -> Result<serde_json::Value, String> {
        let failed = |error: std::io::Error| format!("failed to write {}: {error}", path.display());
        let file = std::fs::File::create_new(path).map_err(failed)?;
        let exported = self.runtime.exclusively(|store| store.export(std::io::BufWriter::new(&file))).map_err(text)?;
        file.sync_all().map_err(failed)?;
        Ok(json!({ "path": path, "exported": format!("{exported:?}") }))
    }

    fn report(&self, wanted: &Wanted, connections: &[ConnectionId]) -> Result<serde_json::Value, String> {
        let runtime = &self.runtime;
        let name = wanted.connection(connections.iter().map(ConnectionId::as_str)).map_err(text)?;
        let people = runtime.connections().get(name).and_then(Connection::people);
        let people = people.ok_or_else(|| text(DemandError::NoPeople(name.to_owned())))?;
        let shown = report::answer(runtime.store(), &runtime.ruleset(), &people, wanted, runtime.now());
        shown.map(Into::into).map_err(text)
    }

    /// Puts the rule files in force again; when one has a fault, the rules in force stay.
    fn reload(&self) -> Result<serde_json::Value, String> {
        let read = read_rules(&self.config);
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(ruleset) => {
                let rules = ruleset.rules.by_key.len();
                tracing::info!(rules, "the rules were read again");
                self.runtime.replace_rules(ruleset);
                *refused = None;
                Ok(json!({ "rules": rules }))
            }
            Err(faults) => {
                tracing::error!("the rules have faults; those in force stay\n{faults}");
                *refused = Some(faults.to_string());
                Err(format!("the rules have faults; those in force stay\n{faults}"))
            }
        }
    }
}

fn text(error: impl std::error::Error) -> String {
    super::exit::chain(&error)
}

impl From<FollowError> for Failure {
    fn from(error: FollowError) -> Failure {
        Failure::new(Exit::Crm, error.to_string())
    }
}

impl From<WebError> for Failure {
    fn from(error: WebError) -> Failure {
        match error {
            WebError::Bind { .. } => {
                let help = "name another address with `[web] listen`";
                Failure::new(Exit::Broken, format!("{error}\n  help: {help}"))
            }
            WebError::Store(error) => error.into(),
        }
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Failure {
        match error {
            RuntimeError::Store(error) => error.into(),
            RuntimeError::Broke(..) => Failure::new(Exit::Broken, error.to_string()),
        }
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Failure {
        match error {
            LaunchError::Connect(error) => error.into(),
            LaunchError::Faulty(faults) => faults.into(),
            LaunchError::Runtime(error) => error.into(),
        }
    }
}
