//! Errors that say what the caller must do next, and whether a write may have happened.

use std::fmt;

use dealclock_model::Instant;

/// The result of a connector's verb.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a call to the CRM.
///
/// The message is a lower-case fragment that names what was attempted and what the CRM answered, with its correlation
/// id where it gave one. It never holds a token, a mail address or a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What the caller must do.
    pub kind: ErrorKind,
    /// What happened, for a person.
    pub message: String,
}

/// What the caller must do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing was written; try again later, after `retry_at` where given.
    Transient {
        /// Not before this instant.
        retry_at: Option<Instant>,
    },
    /// A limit, the CRM's or our own share of it; nothing was written. Try again at `until`.
    Throttled {
        /// Not before this instant.
        until: Instant,
    },
    /// The credential is wrong, expired, or lacks a right: an administrator must act. Nothing was written; try slowly.
    Unauthorized,
    /// Another write came between; read again and decide anew.
    Conflict,
    /// The record is locked, by an approval as a rule; nothing was written. The write waits until it is unlocked.
    Locked,
    /// The CRM will not take it, and repeating it unchanged is useless. Nothing was written.
    Rejected,
    /// The write may have been applied; ask `find` before anything else.
    Unknown,
}

impl Error {
    /// An error of a kind with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }

    /// Nothing was written; try again later.
    pub fn transient(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Transient { retry_at: None }, message)
    }

    /// A limit was reached; try again at `until`.
    pub fn throttled(until: Instant, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Throttled { until }, message)
    }

    /// An administrator must act.
    pub fn unauthorized(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unauthorized, message)
    }

    /// Repeating it unchanged is useless.
    pub fn rejected(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Rejected, message)
    }

    /// The write may have been applied.
    pub fn unknown(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Unknown, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
