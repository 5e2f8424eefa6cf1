//! What it means when the program does not answer as it should: for a read, and for a write that may have happened.

use dealclock_connector::{Error, ErrorKind, redact};
use dealclock_model::Instant;

use crate::api::Verb;
use crate::wire::{Failure, Kind, Remedy};

/// JSON-RPC's reserved numbers that mean the program does not know the verb, or not in this form.
const NOT_KNOWN: [i64; 2] = [-32601, -32602];

/// When a program that asks for patience without saying how much is asked again.
const PATIENCE: chrono::Duration = chrono::Duration::seconds(10);

/// Why there is no answer that can be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Broken {
    /// It does not run, so nothing was asked.
    #[error("the program of `command` cannot be started: {0}")]
    NotStarted(String),
    /// It failed a moment ago, and is not started again yet.
    #[error("the program is not started again yet; before, {why}")]
    Resting {
        /// Not before this instant.
        until: Instant,
        /// What it did.
        why: String,
    },
    /// It ended in the middle.
    #[error("the program ended ({0})")]
    Ended(String),
    /// It did not answer in time.
    #[error("the program did not answer within {0} seconds and was killed")]
    Hung(u64),
    /// A line does not end.
    #[error("the program wrote a line of more than 16 MB and was killed")]
    Endless,
    /// A line is no message.
    #[error("the program wrote a line that is no JSON-RPC message, and was killed")]
    Nonsense,
    /// The answer has another shape than documented; the place is said.
    #[error("the program's answer has another shape than documented: {0}")]
    Shape(String),
    /// It said no.
    #[error("{}", said(.0))]
    Refused(Failure),
}

impl Broken {
    /// Whether the program was not even asked.
    fn is_before(&self) -> bool {
        match self {
            Broken::NotStarted(_) | Broken::Resting { .. } => true,
            Broken::Ended(_)
            | Broken::Hung(_)
            | Broken::Endless
            | Broken::Nonsense
            | Broken::Shape(_)
            | Broken::Refused(_) => false,
        }
    }

    /// The error of a verb, asked at an instant.
    pub fn into_error(self, verb: Verb, now: Instant) -> Error {
        let kind = match &self {
            Broken::Resting { until, .. } => ErrorKind::Transient { retry_at: Some(*until) },
            Broken::Refused(Failure { data: Some(remedy), .. }) => kind(remedy, now),
            Broken::Refused(failure) if NOT_KNOWN.contains(&failure.code) => ErrorKind::Rejected,
            _ if verb.creates() && !self.is_before() => ErrorKind::Unknown,
            _ => ErrorKind::Transient { retry_at: None },
        };
        Error::new(kind, format!("{}: {self}", verb.method()))
    }
}

/// What the caller must do about what the program complains of.
pub fn kind(remedy: &Remedy, now: Instant) -> ErrorKind {
    match remedy.kind {
        Kind::Transient => ErrorKind::Transient { retry_at: remedy.until },
        Kind::Throttled => ErrorKind::Throttled { until: remedy.until.unwrap_or(now + PATIENCE) },
        Kind::Unauthorized => ErrorKind::Unauthorized,
        Kind::Conflict => ErrorKind::Conflict,
        Kind::Locked => ErrorKind::Locked,
        Kind::Rejected => ErrorKind::Rejected,
        Kind::Unknown => ErrorKind::Unknown,
    }
}

fn said(failure: &Failure) -> String {
    let message = redact(&failure.message);
    if message.is_empty() { format!("the program refused it with the number {}", failure.code) } else { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> Broken {
        Broken::Refused(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_missing_answer_is_unknown_for_a_write_that_was_asked_for_and_transient_otherwise() {
        let now: Instant = "2026-03-02T09:00:00Z".parse().unwrap();
        let until = now + chrono::Duration::seconds(30);
        let later = ErrorKind::Transient { retry_at: None };
        for (broken, read, write) in [
            (Broken::NotStarted("no such file".into()), later, later),
            (
                Broken::Resting { until, why: "it ended".into() },
                ErrorKind::Transient { retry_at: Some(until) },
                ErrorKind::Transient { retry_at: Some(until) },
            ),
            (Broken::Ended("signal 9".into()), later, ErrorKind::Unknown),
            (Broken::Hung(60), later, ErrorKind::Unknown),
            (Broken::Endless, later, ErrorKind::Unknown),
            (Broken::Nonsense, later, ErrorKind::Unknown),
            (Broken::Shape("changes[3].id".into()), later, ErrorKind::Unknown),
            (failure(r#"{"code":-32603,"message":"oops"}"#), later, ErrorKind::Unknown),
            (failure(r#"{"code":-32601,"message":"no such method"}"#), ErrorKind::Rejected, ErrorKind::Rejected),
            (failure(r#"{"message":"busy","data":{"kind":"transient"}}"#), later, later),
            (failure(r#"{"message":"locked","data":{"kind":"locked"}}"#), ErrorKind::Locked, ErrorKind::Locked),
            (
                failure(r#"{"message":"slow","data":{"kind":"throttled","until":"2026-03-02T09:00:30Z"}}"#),
                ErrorKind::Throttled { until },
                ErrorKind::Throttled { until },
            ),
            (
                failure(r#"{"message":"slow","data":{"kind":"throttled"}}"#),
                ErrorKind::Throttled { until: now + PATIENCE },
                ErrorKind::Throttled { until: now + PATIENCE },
            ),
        ] {
            assert_eq!(broken.clone().into_error(Verb::Changes, now).kind, read, "{broken}");
            assert_eq!(broken.clone().into_error(Verb::Apply, now).kind, write, "{broken}");
        }
    }

    #[test]
    fn what_the_program_says_is_repeated_without_addresses() {
        let broken = failure(r#"{"code":1,"message":"no user a.b@c.example"}"#);
        let error = broken.into_error(Verb::Fetch, "2026-03-02T09:00:00Z".parse().unwrap());
        assert_eq!(error.to_string(), "fetch: no user <address>");
    }
}
