//! Waiting out a limit, for commands in front of which a person sits. The daemon's loops wait in their own way.

use std::future::Future;

use chrono::Duration;
use dealclock_connector::{Clock, ErrorKind, Result};

/// A person is not kept waiting longer than this for one answer.
const PATIENCE: Duration = Duration::seconds(60);

/// Asks again as soon as a limit, the CRM's or our share of it, allows; any other answer is the answer.
pub async fn patiently<T, F>(clock: &dyn Clock, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let give_up_at = clock.now() + PATIENCE;
    loop {
        match ask().await {
            Err(error) => match error.kind {
                ErrorKind::Throttled { until } if until < give_up_at => clock.sleep_until(until).await,
                ErrorKind::Throttled { .. }
                | ErrorKind::Transient { .. }
                | ErrorKind::Unauthorized
                | ErrorKind::Conflict
                | ErrorKind::Locked
                | ErrorKind::Rejected
                | ErrorKind::Unknown => return Err(error),
            },
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use dealclock_connector::Error;
    use dealclock_model::Instant;

    use super::*;
    use crate::clock::HandClock;

    #[tokio::test]
    async fn a_limit_that_ends_soon_is_waited_out_and_a_long_one_is_told() {
        let start = Instant::from_timestamp(0, 0).unwrap();
        let clock = HandClock::new(start);
        let asked = AtomicU32::new(0);
        let soon = patiently(&clock, || async {
            match asked.fetch_add(1, Ordering::SeqCst) {
                0 => Err(Error::throttled(start, "too many")),
                _ => Ok(7),
            }
        });
        assert_eq!(soon.await, Ok(7));
        let late =
            patiently(&clock, || async { Err::<(), _>(Error::throttled(start + Duration::hours(1), "too many")) });
        assert!(late.await.is_err());
    }
}
