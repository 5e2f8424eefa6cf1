//! What it means for the caller when no complete answer came.

use dealclock_model::Instant;

use crate::answer::Garbled;
use crate::{Error, ErrorKind, TransportError, redact};

/// What it means when no complete answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfLost {
    /// Asking again gives the same result: a read, or a write of values that are there already.
    AskAgain,
    /// It may have been applied, and applying it again would double it.
    MayBeApplied,
}

impl IfLost {
    /// What the caller must do about an answer that says nothing of the call's fate.
    pub fn kind(self, retry_at: Option<Instant>) -> ErrorKind {
        match self {
            IfLost::AskAgain => ErrorKind::Transient { retry_at },
            IfLost::MayBeApplied => ErrorKind::Unknown,
        }
    }

    /// A transport's error; `what` says what was attempted, such as `read deals`.
    pub fn unanswered(self, what: &str, error: &TransportError) -> Error {
        let kind = match error {
            TransportError::NotSent { .. } => ErrorKind::Transient { retry_at: None },
            TransportError::Lost { .. } => self.kind(None),
        };
        Error::new(kind, format!("{what}: {}", redact(&error.to_string())))
    }

    /// An answer that is not what it should be; `what` says what was attempted.
    pub fn garbled(self, what: &str, garbled: Garbled) -> Error {
        Error::new(self.kind(None), format!("{what}: {garbled}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_left_was_not_written() {
        let not_sent = TransportError::NotSent { host: "h".into(), reason: "refused".into() };
        let gone = TransportError::Lost { host: "h".into(), reason: "timed out".into() };
        let transient = ErrorKind::Transient { retry_at: None };
        let check = |if_lost: IfLost, error: &TransportError, kind| {
            assert_eq!(if_lost.unanswered("create tasks", error).kind, kind, "{if_lost:?}, {error}");
        };
        check(IfLost::MayBeApplied, &not_sent, transient);
        check(IfLost::MayBeApplied, &gone, ErrorKind::Unknown);
        check(IfLost::AskAgain, &not_sent, transient);
        check(IfLost::AskAgain, &gone, transient);
    }

    #[test]
    fn an_answer_that_ends_in_the_middle_does_not_say_that_nothing_was_written() {
        let kind = |if_lost: IfLost| if_lost.garbled("create tasks", Garbled::Truncated).kind;
        assert_eq!(kind(IfLost::MayBeApplied), ErrorKind::Unknown);
        assert_eq!(kind(IfLost::AskAgain), ErrorKind::Transient { retry_at: None });
    }
}
