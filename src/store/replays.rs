//! Messages that were received, remembered for as long as their sender may send them again.

use dealclock_model::{ConnectionId, Instant};

use crate::key::{Key, KeyReader, Table, instant_bytes};
use crate::plan::Plan;
use crate::{Result, Store};

/// A message that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// On which connection.
    pub connection: ConnectionId,
    /// What makes it the same when it comes again.
    pub key: String,
    /// When it first came.
    pub at: Instant,
}

impl Store {
    /// Whether every one of these messages was received before; not so when there is none.
    pub fn knows_replays(&self, connection: &ConnectionId, keys: &[String]) -> Result<bool> {
        for key in keys {
            if self.rows().body(&replay_key(connection, key))?.is_none() {
                return Ok(false);
            }
        }
        Ok(!keys.is_empty())
    }

    /// The oldest messages that were received before an instant.
    pub fn replays_before(&self, before: Instant, limit: usize) -> Result<Vec<Replay>> {
        let all = Key::new(Table::ReplayAge);
        let to = all.clone().instant(before);
        self.rows().page(&all, &to, limit, |key, _| {
            let mut parts = KeyReader::new(key);
            let at = self.rows().part(parts.instant())?;
            let connection = self.rows().part(parts.text())?.into();
            Ok(Some(Replay { connection, key: self.rows().part(parts.text())?, at }))
        })
    }
}

pub(crate) fn put(plan: &mut Plan<'_>, connection: &ConnectionId, key: &str, at: Instant) -> Result<()> {
    let row = replay_key(connection, key);
    if plan.value(row.as_bytes())?.is_some() {
        return Ok(());
    }
    plan.put_new(row, &instant_bytes(at))?;
    plan.put_new(age_key(connection, key, at), &[])
}

pub(crate) fn forget(plan: &mut Plan<'_>, replay: &Replay) -> Result<()> {
    plan.remove_index(age_key(&replay.connection, &replay.key, replay.at));
    plan.remove_index(replay_key(&replay.connection, &replay.key));
    Ok(())
}

fn replay_key(connection: &ConnectionId, key: &str) -> Key {
    Key::new(Table::Replay).text(connection.as_str()).text(key)
}

fn age_key(connection: &ConnectionId, key: &str, at: Instant) -> Key {
    Key::new(Table::ReplayAge).instant(at).text(connection.as_str()).text(key)
}
