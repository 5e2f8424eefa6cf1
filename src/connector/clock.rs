//! The one clock interface: real, followed or turned by hand, for every loop and every limiter.

use async_trait::async_trait;
use dealclock_model::Instant;

/// Tells the time and lets a loop wait for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Instant;

    /// Returns once the clock shows `until` or later, or was set back meanwhile.
    async fn sleep_until(&self, until: Instant);
}
