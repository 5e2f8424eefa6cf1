//! Virtual time over HTTP: `/sandbox/time` to read and move it, `/sandbox/time/sleep` to follow it.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::{TimeShown, VirtualTime, Wake};

/// The routes, to be served beside those of the sandbox.
pub fn routes(time: VirtualTime) -> Router {
    Router::new()
        .route("/sandbox/time", get(show).post(change))
        .route("/sandbox/time/sleep", post(sleep))
        .with_state(time)
}

/// `{"set": "2026-03-02T06:00:00Z"}` or `{"advance_seconds": 3600}`.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    Set(DateTime<Utc>),
    AdvanceSeconds(i64),
}

/// `{"follower": "daemon-1", "until": "2026-03-02T06:00:00Z"}`.
#[derive(Deserialize)]
struct Sleep {
    follower: String,
    until: DateTime<Utc>,
}

async fn show(State(time): State<VirtualTime>) -> Json<TimeShown> {
    Json(time.show())
}

async fn change(State(time): State<VirtualTime>, Json(change): Json<Change>) -> Json<TimeShown> {
    match change {
        Change::Set(to) => time.set(to),
        Change::AdvanceSeconds(seconds) => time.advance(TimeDelta::try_seconds(seconds).unwrap_or(TimeDelta::zero())),
    }
    Json(time.show())
}

async fn sleep(State(time): State<VirtualTime>, Json(sleep): Json<Sleep>) -> Json<Wake> {
    Json(time.doze(&sleep.follower, sleep.until).await)
}
