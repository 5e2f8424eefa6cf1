//! How e-mail leaves the daemon: by SMTP in the binary, into a box in tests.

use async_trait::async_trait;
use dealclock_connector::Result;
use dealclock_model::effect::Email;
use dealclock_model::{EffectId, Instant, Receipt};

/// Sends e-mail whose Message-ID is made from the effect's id, so that a repeated one is seen to be the same.
#[async_trait]
pub trait Mail: Send + Sync {
    /// Whether a message with an unknown outcome is sent again rather than dropped.
    fn sends_again(&self) -> bool;

    /// Sends one message; `now` becomes its date.
    async fn send(&self, id: &EffectId, email: &Email, address: &str, now: Instant) -> Result<Receipt>;
}
