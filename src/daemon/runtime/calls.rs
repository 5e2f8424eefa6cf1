//! The day's calls of each connection, kept over a restart.

use chrono::Duration;
use dealclock_connector::Spent;
use dealclock_store::{Batch, Store, StoreError};

use super::{Connection, Runtime, names};

/// How often they are written, at most.
const KEEP_EVERY: Duration = Duration::minutes(1);

/// Lets a connection's budget go on where an earlier run left it.
pub(super) fn recall_calls(store: &Store, connection: &Connection) -> Result<(), StoreError> {
    let Some(quota) = connection.spec.connector.quota() else { return Ok(()) };
    if let Some(earlier) = store.meta::<Spent>(&names::calls(connection.id()))? {
        quota.restore(&earlier);
    }
    Ok(())
}

impl Runtime {
    /// Writes what was spent, when that was long ago.
    pub(super) fn keep_calls_now_and_then(&self, connection: &Connection) -> Result<(), StoreError> {
        let now = self.clock.now();
        let kept = connection.state().calls_kept;
        match kept {
            Some(at) if at <= now && now < at + KEEP_EVERY => Ok(()),
            Some(_) | None => self.keep_calls(connection),
        }
    }

    /// Writes what was spent.
    pub(super) fn keep_calls(&self, connection: &Connection) -> Result<(), StoreError> {
        let Some(quota) = connection.spec.connector.quota() else { return Ok(()) };
        connection.state().calls_kept = Some(self.clock.now());
        let (name, spent) = (names::calls(connection.id()), quota.spent());
        if self.store.meta::<Spent>(&name)?.unwrap_or_default() == spent {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.put_meta(&name, &spent);
        self.store.commit(batch)?;
        Ok(())
    }
}
