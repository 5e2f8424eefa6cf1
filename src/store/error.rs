//! What can go wrong with the store, and the way out of it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use dealclock_model::EffectId;

use crate::Seq;

/// The result of everything the store does.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Why the store refused.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the store.
    #[error(
        "the store {} is in use; a daemon is running on it: stop that one first",
        path.display()
    )]
    InUse {
        /// The store's directory.
        path: PathBuf,
    },
    /// A newer Dealclock wrote this store.
    #[error(
        "the store was written by a newer version (format {found}, this version knows up to {known}); \
         run that version or a later one"
    )]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest format this version reads.
        known: u32,
    },
    /// The bytes on disk are not what was written.
    #[error(
        "the store {} is damaged ({what}); move the directory aside, import the last export if there is one, \
         and start again: the CRM is then read anew and what was written before is found there by its keys",
        path.display()
    )]
    Damaged {
        /// The store's directory.
        path: PathBuf,
        /// Where the damage showed.
        what: String,
    },
    /// The disk refused: full, failing, or without permission.
    #[error("failed to {action} in the store {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The store's directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An earlier write failed; what the disk holds since is unknown until the store is opened again.
    #[error("an earlier write to the store failed ({reason}); make room or mend the disk, then start again")]
    Failed {
        /// The earlier failure.
        reason: String,
    },
    /// One value or one decision is larger than the store takes.
    #[error("{what} is too large for the store: {size}, at most {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size, in bytes or operations.
        size: usize,
        /// The limit, in the same unit.
        limit: usize,
    },
    /// What the batch expected does not hold; nothing was changed.
    #[error("{0}; nothing was changed")]
    Unexpected(Expectation),
    /// A value could not be written as JSON.
    #[error("failed to encode {what}")]
    Encode {
        /// The kind of value.
        what: &'static str,
        /// The encoder's reason.
        #[source]
        source: serde_json::Error,
    },
    /// A file is not a complete export.
    #[error("line {line} of the export {problem}")]
    BadExport {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it: a fragment that follows "line N of the export".
        problem: String,
    },
    /// An import would mix into a store that holds something.
    #[error("there is a store in {} already; an import needs a new directory", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
}

/// Something a batch relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The event still waits in the inbox.
    EventWaits(Seq),
    /// The effect stands in the outbox.
    EffectWaits(EffectId),
    /// The named setting has the given value.
    MetaIs(String),
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expectation::EventWaits(seq) => write!(f, "event {seq} no longer waits in the inbox"),
            Expectation::EffectWaits(id) => write!(f, "effect {id} does not stand in the outbox"),
            Expectation::MetaIs(name) => write!(f, "the setting `{name}` was changed meanwhile"),
        }
    }
}
