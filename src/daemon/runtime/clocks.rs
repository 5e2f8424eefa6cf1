//! Holds this machine's clock against the CRM's: one that has jumped ahead would make reminders go out early.

use chrono::Duration;
use dealclock_connector::Error;

use super::{Connection, Runtime, Step};

/// The trouble's name.
const WORK: &str = "clock";
/// By how much this machine's clock may be ahead before nothing is sent by it.
const TOLERANCE: Duration = Duration::minutes(5);

impl Runtime {
    /// The rest to take instead of firing or writing anything, while this machine's clock is ahead of the CRM's.
    ///
    /// Asked right after a direct read, so that the CRM's clock was seen a moment ago.
    pub(super) fn clock_ahead(&self, connection: &Connection) -> Option<Step> {
        let ahead = connection.spec.connector.quota().and_then(|quota| quota.clock_ahead());
        let Some(ahead) = ahead.filter(|ahead| *ahead > TOLERANCE) else {
            connection.recovered(WORK);
            return None;
        };
        let minutes = ahead.num_minutes();
        let error = Error::transient(format!(
            "this machine's clock is {minutes} minutes ahead of the CRM's; no reminder fires or is written until they agree"
        ));
        Some(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now()))))
    }
}
