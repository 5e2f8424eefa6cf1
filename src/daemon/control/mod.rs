//! The local socket by which the command line asks the running daemon, because a store admits one process only.
//!
//! One line of JSON each way: a [`Request`], then `{"ok": …}` or `{"error": "…"}`.

mod client;
mod server;

use serde::{Deserialize, Serialize};

pub use client::{Asked, ask};
pub use server::{Listening, listen};

/// What the command line may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum Request {
    /// How the daemon is faring.
    Status,
    /// What happened to a record, why, why not, and what comes next.
    Explain {
        /// An id, `connection/id`, or the record's address in the CRM.
        record: String,
    },
    /// The storms that are held.
    Held,
    /// An answer to a storm.
    Answer {
        /// The connection.
        connection: String,
        /// The rule.
        rule: String,
        /// What to do.
        answer: dealclock_model::event::StormAnswer,
    },
    /// Everything in the store, as an export; the reply is the path that was written.
    Export {
        /// Where to write; must not exist.
        path: std::path::PathBuf,
    },
    /// Read the rule files again.
    Reload,
    /// A report over any days; the reply is its text.
    Report(crate::report::Wanted),
    /// Stop something, or start it again.
    Switch {
        /// A rule, a connection, or `all`.
        name: String,
        /// Whether it is started rather than stopped.
        start: bool,
    },
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(serde_json::Value),
    Error(String),
}

/// The longest request or path that is read.
const LONGEST_REQUEST: u64 = 64 * 1024;
