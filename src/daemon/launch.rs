//! Puts a runtime together from a configuration: store, connectors, mail.

use std::sync::Arc;

use chrono::Duration;
use dealclock_connector::{Clock, Connector};
use dealclock_store::{Options, Store};

use crate::config::{Config, Connection, Environment, Faults, Loaded};
use crate::connect::{ConnectError, connect};
use crate::kit::Kit;
use crate::notify::SmtpMail;
use crate::people::assemble;
use crate::runtime::{ConnectionSpec, Mail, Runtime, RuntimeError};
use crate::web;

/// Why a daemon could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A connector could not be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The mail password cannot be read.
    #[error("{0}")]
    Faulty(Faults),
    /// The store could not be opened or read.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// How the store of a configuration is opened.
pub fn store_options(config: &Config) -> Options {
    let store = &config.store;
    Options { path: store.path.clone(), cache_bytes: store.cache_bytes, compact_at: store.compact_at }
}

/// Opens the store of a configuration.
pub fn open_store(config: &Config) -> Result<Store, dealclock_store::StoreError> {
    Store::open(&store_options(config))
}

/// Puts a runtime together; nothing is asked of a CRM yet.
pub fn launch(
    loaded: Loaded,
    kit: &Kit,
    environment: &Environment,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Runtime>, LaunchError> {
    let Loaded { config, ruleset } = loaded;
    let mut specs = Vec::new();
    for connection in config.connections.values() {
        let connector = connect(connection, kit, environment, clock)?;
        specs.push(spec(connection, connector));
    }
    let mail = config.mail.as_ref().map(|mail| SmtpMail::new(mail, environment)).transpose();
    let mail = mail.map_err(LaunchError::Faulty)?;
    let store = open_store(&config).map_err(RuntimeError::from)?;
    let mail = match mail {
        Some(mail) => {
            let links = web::links(config.web.as_ref(), &store).map_err(RuntimeError::from)?;
            let mail: Arc<dyn Mail> = Arc::new(mail.answering(links));
            Some(mail)
        }
        None => None,
    };
    let runtime = Runtime::new(store, Arc::clone(clock), ruleset, specs, mail)?;
    runtime.keep_reports_in(config.reports.clone());
    Ok(runtime)
}

/// What the runtime needs to know of a configured connection.
pub fn spec(connection: &Connection, connector: Arc<dyn Connector>) -> ConnectionSpec {
    let configured = connection.clone();
    ConnectionSpec {
        id: connection.id.clone(),
        connector,
        poll: span(connection.poll),
        reconcile: span(connection.reconcile),
        refresh: span(connection.refresh),
        feed: connection.feed,
        assemble: Box::new(move |account, discovery| assemble(&configured, account, discovery)),
    }
}

/// A configured duration; one beyond what a calendar holds never ends, which is what was meant.
fn span(duration: std::time::Duration) -> Duration {
    Duration::from_std(duration).unwrap_or(Duration::days(3650))
}
