//! Runs the daemon on the virtual time of a sandbox in another process: `clock = { follow = URL }`.
//!
//! Whenever every loop rests, the follower tells the sandbox until when, and sets the daemon's clock to what it answers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::Days;
use dealclock_connector::Clock;
use dealclock_model::Instant;
use serde::{Deserialize, Serialize};

use crate::clock::HandClock;
use crate::runtime::Runtime;

/// A daemon's place among those that a sandbox waits for.
pub struct Follower {
    url: String,
    name: String,
    http: reqwest::Client,
    clock: Arc<HandClock>,
}

/// The sandbox's time cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// No usable answer came.
    #[error("failed to follow the clock at {url}: {reason}; is `dealclock sandbox` running there?")]
    NoAnswer {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Time {
    now: Instant,
    #[serde(default)]
    ended: bool,
}

#[derive(Serialize)]
struct Sleep<'a> {
    follower: &'a str,
    until: Instant,
}

/// Longer than the sandbox holds an answer back.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

impl Follower {
    /// Asks the sandbox for its time. `base` is its base address; `authorities`, as PEM, are trusted beside the system's.
    ///
    /// A daemon that was killed takes its own place again: the name is made from the store's path.
    pub async fn start(base: &str, authorities: &[u8], store: &Path) -> Result<Follower, FollowError> {
        let url = format!("{}/sandbox/time", base.trim_end_matches('/'));
        let failed = |reason: String| FollowError::NoAnswer { url: url.clone(), reason };
        let http = client(authorities).map_err(|error| failed(innermost(error)))?;
        let answer = http.get(&url).send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| failed(innermost(error)))?;
        let time: Time = answer.json().await.map_err(|error| failed(innermost(error)))?;
        let name = format!("daemon at {}", store.display());
        Ok(Follower { url, name, http, clock: Arc::new(HandClock::new(time.now)) })
    }

    /// The clock that shows the sandbox's time.
    pub fn clock(&self) -> Arc<HandClock> {
        Arc::clone(&self.clock)
    }

    /// Moves the clock whenever every loop rests, until the sandbox's time has ended; then stops the runtime.
    pub async fn follow(self, runtime: Arc<Runtime>) -> Result<(), FollowError> {
        let followed = self.keep_step(&runtime).await;
        // Without the sandbox's time the daemon would stand still for ever.
        runtime.stop();
        followed
    }

    async fn keep_step(&self, runtime: &Runtime) -> Result<(), FollowError> {
        loop {
            let until = runtime.signals().all_resting(self.clock.as_ref()).await;
            if runtime.is_stopping() {
                return Ok(());
            }
            let until = until.unwrap_or_else(|| far_from(self.clock.now()));
            let time = self.sleep(whole_millisecond(until)).await?;
            if time.ended {
                tracing::info!(at = %time.now, "the sandbox's time has ended");
                return Ok(());
            }
            self.clock.set(time.now);
        }
    }

    async fn sleep(&self, until: Instant) -> Result<Time, FollowError> {
        let failed = |reason: String| FollowError::NoAnswer { url: self.url.clone(), reason };
        let request = self.http.post(format!("{}/sleep", self.url)).json(&Sleep { follower: &self.name, until });
        let answer = request.send().await.and_then(reqwest::Response::error_for_status);
        let answer = answer.map_err(|error| failed(innermost(error)))?;
        answer.json().await.map_err(|error| failed(innermost(error)))
    }
}

fn client(authorities: &[u8]) -> reqwest::Result<reqwest::Client> {
    let further = reqwest::Certificate::from_pem_bundle(authorities)?;
    let mut builder = reqwest::Client::builder().timeout(ANSWER_WITHIN).no_proxy();
    if !further.is_empty() {
        builder = builder.tls_certs_merge(further);
    }
    builder.build()
}

/// What lies at the bottom: the layers above it only say that sending failed.
fn innermost(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// The sandbox's time goes in milliseconds: a follower that asked for less would wait for ever.
fn whole_millisecond(instant: Instant) -> Instant {
    let beyond = instant.timestamp_subsec_nanos() % 1_000_000;
    if beyond == 0 { instant } else { instant + chrono::Duration::nanoseconds(i64::from(1_000_000 - beyond)) }
}

/// A rest without an end still has to be told as an instant.
fn far_from(now: Instant) -> Instant {
    now.checked_add_days(Days::new(3650)).unwrap_or(now)
}
