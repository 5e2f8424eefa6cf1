//! Waiting out a limit, for commands in front of which a person sits. The daemon's loops wait in their own way.

use std::future::Future;

use chrono::Duration;
use dealclock_connector::{Clock, Error, ErrorKind, Result};
use dealclock_model::Instant;

/// A person is not kept waiting longer than this for one answer.
const PATIENCE: Duration = Duration::seconds(60);

/// A limit that should be over already, by our clock, is given this much longer.
const LEAST_WAIT: Duration = Duration::seconds(1);

/// What is waited for less than this needs no word.
const UNNOTICED: Duration = Duration::seconds(2);

/// How a command waits, and how it tells that it does.
pub struct Patience<'a> {
    /// The clock to wait by.
    pub clock: &'a dyn Clock,
    /// Tells why nothing happens, and until when; once for each answer, where the wait is long enough to be noticed.
    pub tell: &'a (dyn Fn(&Error, Instant) + Sync),
}

impl Patience<'_> {
    /// Asks again as soon as a limit, the CRM's or our share of it, allows; any other answer is the answer.
    pub async fn wait_for<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let began = self.clock.now();
        let mut told = false;
        loop {
            let error = match ask().await {
                Err(error) => error,
                answer => return answer,
            };
            let again = match error.kind {
                ErrorKind::Throttled { until } if until > self.clock.now() => until,
                // A CRM's time that stands still, or is another than ours, must not make this ask without a pause.
                ErrorKind::Throttled { .. } => self.clock.now() + LEAST_WAIT,
                ErrorKind::Transient { .. }
                | ErrorKind::Unauthorized
                | ErrorKind::Conflict
                | ErrorKind::Locked
                | ErrorKind::Rejected
                | ErrorKind::Unknown => return Err(error),
            };
            if again - began >= PATIENCE {
                return Err(error);
            }
            if !told && again - began >= UNNOTICED {
                told = true;
                (self.tell)(&error, again);
            }
            self.clock.sleep_until(again).await;
        }
    }
}

/// Waits in silence: for a sandbox in the same process, before which nobody sits.
pub async fn patiently<T, F>(clock: &dyn Clock, ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    Patience { clock, tell: &|_, _| {} }.wait_for(ask).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::clock::HandClock;

    /// A clock that jumps to whatever is slept until.
    struct Jumping(HandClock);

    #[async_trait]
    impl Clock for Jumping {
        fn now(&self) -> Instant {
            self.0.now()
        }

        async fn sleep_until(&self, until: Instant) {
            self.0.set(self.0.now().max(until));
        }
    }

    const START: Instant = Instant::UNIX_EPOCH;

    /// What an asker hears who is throttled some times: the answer, how often it asked, and how often it was told to wait.
    async fn heard(throttled: u32, until: impl Fn(Instant) -> Instant) -> (Result<u32>, u32, u32) {
        let (clock, asked, told) = (Jumping(HandClock::new(START)), AtomicU32::new(0), AtomicU32::new(0));
        let tell = |_: &Error, _: Instant| {
            told.fetch_add(1, Ordering::SeqCst);
        };
        let answer = Patience { clock: &clock, tell: &tell }
            .wait_for(|| {
                let answer = match asked.fetch_add(1, Ordering::SeqCst) {
                    calls if calls < throttled => Err(Error::throttled(until(clock.now()), "too many")),
                    _ => Ok(7),
                };
                std::future::ready(answer)
            })
            .await;
        (answer, asked.into_inner(), told.into_inner())
    }

    #[tokio::test]
    async fn a_limit_that_ends_soon_is_told_once_and_waited_out_and_a_long_one_is_an_error() {
        assert_eq!(heard(0, |now| now).await, (Ok(7), 1, 0));
        assert_eq!(heard(1, |now| now + Duration::milliseconds(300)).await, (Ok(7), 2, 0), "nobody notices");
        assert_eq!(heard(2, |now| now + Duration::seconds(5)).await, (Ok(7), 3, 1));
        let (answer, asked, told) = heard(1, |now| now + Duration::hours(1)).await;
        assert!(answer.is_err());
        assert_eq!((asked, told), (1, 0));
    }

    #[tokio::test]
    async fn a_limit_that_stays_over_by_our_clock_is_asked_about_once_a_second_and_given_up() {
        let (answer, asked, told) = heard(1_000, |_| START - Duration::days(100)).await;
        assert!(answer.is_err());
        assert_eq!((asked, told), (60, 1));
    }
}
