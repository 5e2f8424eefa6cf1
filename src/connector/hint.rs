//! Ways of hearing that something changed: what the CRM sends to us, and the log of changes that it keeps.
//!
//! A hint says where to look, never what is true: the truth comes by `fetch`.

use async_trait::async_trait;
use dealclock_model::{Instant, RecordRef};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

use crate::{Cursor, Next, Result};

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// A record may have changed, or be gone.
    Record(RecordRef),
    /// People, their rights or hours may have changed.
    People,
    /// A record is not locked any more; writes that waited for it may go.
    Unlocked(RecordRef),
}

/// A request that the CRM, or somebody who claims to be it, sent to us.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// The method.
    pub method: &'a Method,
    /// The whole public address under which the sender called, query included: what a signature covers.
    pub url: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body as it came.
    pub body: &'a [u8],
    /// The id of the account that the connection belongs to.
    pub account: &'a str,
    /// When it came.
    pub now: Instant,
}

/// What a genuine request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Where to look.
    pub hints: Vec<Hint>,
    /// What makes the request, or each message in it, the same when it comes again. A request all of whose keys are
    /// known was received before.
    pub keys: Vec<String>,
    /// Messages in it that are about other accounts; they are dropped and counted.
    pub foreign: usize,
    /// What to answer once the hints are durable.
    pub answer: Acknowledgement,
}

/// The answer that the CRM takes for "received".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The content type; empty for an answer without a body.
    pub content_type: &'static str,
    /// The body.
    pub body: &'static str,
}

/// Why a request is not taken in. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The signature is missing or wrong: the secret differs, or the address that we are called under.
    #[error("the signature does not fit: {0}")]
    Signature(String),
    /// The request is older, or further ahead, than a replay may be.
    #[error("it was signed {0} seconds away from now")]
    Stale(i64),
    /// All of it is about another account.
    #[error("it is about account {0}, which is not the one of this connection")]
    Foreign(String),
    /// It is no message of this CRM.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// An optional ability: read what the CRM sends to us.
pub trait Webhooks: Send + Sync {
    /// Checks that a request is genuine, recent and about this account, and reads it. Pure: no call, no store.
    fn receive(&self, incoming: &Incoming<'_>) -> std::result::Result<Received, Refused>;
}

/// A page of the CRM's log of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// Where to look.
    pub hints: Vec<Hint>,
    /// What follows.
    pub next: Next,
    /// The log does not reach back to the cursor any more: something may have been missed, so all is to be compared.
    pub gap: bool,
}

/// An optional ability: a log of changes that the CRM keeps for a while.
#[async_trait]
pub trait Feed: Send + Sync {
    /// What the log holds after a cursor; `None` begins with its end, for the first read sees what was before.
    async fn hints(&self, since: Option<&Cursor>) -> Result<FeedPage>;
}
