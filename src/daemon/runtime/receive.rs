//! Takes in what a CRM sent to us: hints, and the keys by which the same message is known when it comes again.

use chrono::Duration;
use dealclock_connector::Received;
use dealclock_store::{Batch, StoreError};
use sha2::{Digest, Sha256};

use super::hints::put_hints;
use super::signals::LoopId;
use super::{Connection, Runtime};

/// How long a message is remembered. No CRM sends one again later than after a day.
const REMEMBERED: Duration = Duration::hours(26);
/// Old messages that are forgotten with each request, beside as many as it brings.
const FORGOTTEN: usize = 8;
/// Operations after which a batch is committed; the usual request is one batch.
const BATCH_OPERATIONS: usize = 400;

impl Runtime {
    /// Keeps what a genuine request says; not yet durable. `false` when all of it was received before.
    ///
    /// Keys go last, so that a request that was cut off by a crash counts as new when it comes again.
    pub fn receive(&self, connection: &Connection, received: &Received) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let keys: Vec<String> = received.keys.iter().map(|key| short(key)).collect();
        if self.store.knows_replays(connection.id(), &keys)? {
            return Ok(false);
        }
        let mut batch = Batch::new();
        for hints in received.hints.chunks(BATCH_OPERATIONS) {
            self.make_room(&mut batch)?;
            put_hints(&mut batch, connection, hints);
        }
        for keys in keys.chunks(BATCH_OPERATIONS / 2) {
            self.make_room(&mut batch)?;
            for key in keys {
                batch.put_replay(connection.id(), key, now);
            }
        }
        self.make_room(&mut batch)?;
        for old in self.store.replays_before(now - REMEMBERED, (keys.len() + FORGOTTEN).min(BATCH_OPERATIONS / 2))? {
            batch.forget_replay(old);
        }
        self.store.commit(batch)?;
        if !received.hints.is_empty() {
            self.signals.raise(&LoopId::Hints(connection.id().clone()));
        }
        Ok(true)
    }

    fn make_room(&self, batch: &mut Batch) -> Result<(), StoreError> {
        if batch.len() >= BATCH_OPERATIONS {
            self.store.commit(std::mem::take(batch))?;
        }
        Ok(())
    }
}

/// A key of bounded length, whatever the sender chose.
fn short(key: &str) -> String {
    hex::encode(&Sha256::digest(key.as_bytes())[..16])
}
