//! A clock that only the suite turns.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use dealclock_connector::Clock;
use dealclock_model::Instant;

/// When every world begins; a Monday.
pub fn start() -> Instant {
    "2026-03-02T08:00:00Z".parse().unwrap()
}

/// A clock that only the suite turns.
pub struct HandClock(AtomicI64);

impl HandClock {
    pub fn new() -> HandClock {
        HandClock(AtomicI64::new(start().timestamp()))
    }

    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Instant {
        Instant::from_timestamp(self.0.load(Ordering::SeqCst), 0).unwrap()
    }

    async fn sleep_until(&self, _until: Instant) {
        panic!("a connector never sleeps");
    }
}
