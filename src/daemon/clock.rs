//! The clocks a daemon can run on: the machine's, and one that is turned from outside. The only file that reads the time.

use async_trait::async_trait;
use chrono::Utc;
use dealclock_connector::Clock;
use dealclock_model::Instant;
use tokio::sync::watch;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// The longest stretch slept at once, so that a machine clock that is set is noticed soon.
const LONGEST_NAP: std::time::Duration = std::time::Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Instant {
        Utc::now()
    }

    async fn sleep_until(&self, until: Instant) {
        let mut before = self.now();
        while let Ok(left) = (until - before).to_std() {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(LONGEST_NAP)).await;
            let now = self.now();
            if now < before {
                // Who slept looks anew: by the clock as it is now, hours may be left that were to be seconds.
                return;
            }
            before = now;
        }
    }
}

/// A clock that stands still until it is turned: by a simulation, or by following a sandbox's virtual time.
#[derive(Debug)]
pub struct HandClock {
    now: watch::Sender<Instant>,
}

impl HandClock {
    /// A clock that shows `start`.
    pub fn new(start: Instant) -> HandClock {
        HandClock { now: watch::Sender::new(start) }
    }

    /// Sets the clock, backwards too, and wakes whoever sleeps until then.
    pub fn set(&self, to: Instant) {
        self.now.send_replace(to);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Instant {
        *self.now.borrow()
    }

    async fn sleep_until(&self, until: Instant) {
        let mut shown = self.now.subscribe();
        // The sender lives in `self`, so the channel cannot close while this runs.
        let _ = shown.wait_for(|now| *now >= until).await;
    }
}
