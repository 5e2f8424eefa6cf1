//! The listener: for what CRMs send to us, and for people who answer by a signed link.
//!
//! A CRM calls `POST <public address>/hooks/<connection>/<secret>`, and is answered once its hints are durable. Nothing of a
//! body is logged, and nothing of it is believed: it becomes hints, and a direct read tells what is true.
//!
//! A person opens `<public address>/decide/<signed question>` from a mail. A GET shows the question, and only a POST
//! answers it.

mod answer;
mod decide;
mod facts;
mod hook;
mod key;
mod links;
mod page;
mod serve;
mod standing;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use dealclock_model::ConnectionId;
use dealclock_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::config;
use crate::runtime::Runtime;
use key::PathKey;

pub use links::Links;

/// Requests that are worked on at the same time; more are asked to come again.
const AT_ONCE: usize = 256;

/// The largest form that is read.
const FORM_LIMIT: usize = 16 * 1024;

/// Why nobody listens.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address cannot be listened on.
    #[error("failed to listen on {listen}: {source}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The store holds the key of the addresses, and could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A listener that is open; closed when dropped.
pub struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, and returns once nothing answers any more. A sender that has no answer sends again.
    pub async fn close(mut self) {
        self.task.abort();
        // Only an aborted task's end is awaited here.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What every request needs.
pub(crate) struct Web {
    runtime: Arc<Runtime>,
    /// What the CRM calls us, without a slash at the end.
    public: String,
    body_limit: usize,
    key: PathKey,
    links: Links,
    places: Semaphore,
}

/// Opens the listener of a configuration.
pub async fn listen(config: &config::Web, runtime: Arc<Runtime>) -> Result<Listening, WebError> {
    let failed = |source| WebError::Bind { listen: config.listen, source };
    let key = PathKey::of(runtime.store())?;
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let public = public(config, address);
    let links = Links::of(runtime.store(), public.clone())?;
    let web = Web { runtime, public, body_limit: config.body_limit, key, links, places: Semaphore::new(AT_ONCE) };
    let task = tokio::spawn(serve::serve(listener, router(Arc::new(web))));
    tracing::info!(%address, "listening for webhooks and answers by link");
    Ok(Listening { address, task })
}

/// The address that an administrator enters in the CRM; none before a daemon listened for the first time.
///
/// Whoever knows it can make us look at records, and no more.
pub fn address(config: &config::Web, store: &Store, connection: &ConnectionId) -> Result<Option<String>, StoreError> {
    let key = PathKey::known(store)?;
    Ok(key.map(|key| format!("{}{}", public(config, config.listen), path(&key, connection))))
}

/// What makes the links of a configuration; none where nobody listens.
pub fn links(config: Option<&config::Web>, store: &Store) -> Result<Option<Links>, StoreError> {
    config.map(|config| Links::of(store, public(config, config.listen))).transpose()
}

fn path(key: &PathKey, connection: &ConnectionId) -> String {
    format!("/hooks/{connection}/{}", key.secret_of(connection))
}

fn public(config: &config::Web, address: SocketAddr) -> String {
    match &config.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{address}"),
    }
}

fn router(web: Arc<Web>) -> Router {
    Router::new()
        .route("/hooks/{connection}/{secret}", post(hook::receive))
        .route("/decide/{question}", get(decide::show).post(decide::answer).layer(DefaultBodyLimit::max(FORM_LIMIT)))
        .route("/decide.css", get(decide::style))
        .route("/healthz", get(health))
        .with_state(web)
}

/// Whether what is sent now can be taken in.
async fn health(State(web): State<Arc<Web>>) -> (StatusCode, &'static str) {
    let failed = match web.runtime.store().health() {
        Ok(health) => health.failed.is_some(),
        Err(_) => true,
    };
    match failed || web.runtime.is_stopping() {
        true => (StatusCode::SERVICE_UNAVAILABLE, "not fit\n"),
        false => (StatusCode::OK, "fit\n"),
    }
}
