//! Calls that may never return, made on a thread of their own and waited for with an end.
//!
//! On a full disk sled 0.34.7 can wait for a buffer that nobody will ever write (`pagecache/iobuf.rs`, `make_stable`), in
//! `flush` as well as in `apply_batch`. Whoever called it would wait for ever, and with it everybody who waits for the
//! store; a daemon that hangs is worse than one that ends with an error and is started again.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// How long a call may take. A disk under load can take seconds for one flush; none that works takes this long.
const PATIENCE: Duration = Duration::from_secs(20);

type Call = Box<dyn FnOnce() + Send>;

/// A thread that makes calls, one after the other.
pub(crate) struct Attended {
    calls: Sender<Call>,
}

/// No answer came: the call never returned, or it broke its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

impl Attended {
    pub(crate) fn start(name: &str) -> std::io::Result<Attended> {
        let (calls, waiting) = mpsc::channel::<Call>();
        thread::Builder::new().name(name.to_owned()).spawn(move || waiting.into_iter().for_each(|call| call()))?;
        Ok(Attended { calls })
    }

    /// The answer of a call. After [`NoAnswer`] the thread may hang in it, and no later call on it is answered either.
    pub(crate) fn call<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> Result<T, NoAnswer> {
        self.call_within(PATIENCE, call)
    }

    fn call_within<T: Send + 'static>(
        &self,
        patience: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let (answer, answered) = mpsc::sync_channel(1);
        // Whoever has lost patience needs no answer.
        let call: Call = Box::new(move || answer.send(call()).unwrap_or_default());
        self.calls.send(call).map_err(|_| NoAnswer)?;
        answered.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected => NoAnswer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_never_returns_is_given_up_and_one_that_does_is_answered() {
        let attended = Attended::start("test").unwrap();
        assert_eq!(attended.call(|| 7), Ok(7));
        let (never, wait) = mpsc::channel::<()>();
        let hangs = attended.call_within(Duration::from_millis(10), move || wait.recv().is_ok());
        assert_eq!(hangs, Err(NoAnswer));
        assert_eq!(attended.call_within(Duration::from_millis(10), || 7), Err(NoAnswer), "the thread still hangs");
        drop(never);
    }
}
