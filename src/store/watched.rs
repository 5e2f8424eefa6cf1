//! The cases about which the CRM is asked regularly: an index that follows what the cases say of themselves.

use std::ops::ControlFlow;

use dealclock_model::{CaseId, ConnectionId};

use crate::engine::Engine;
use crate::key::{Key, KeyReader, Table};
use crate::plan::Plan;
use crate::{Result, Store};

impl Store {
    /// The watched cases of a connection in order, behind `after`.
    pub fn watched(&self, connection: &ConnectionId, after: Option<&CaseId>, limit: usize) -> Result<Vec<CaseId>> {
        let all = all(connection);
        let from = after.map_or_else(|| all.clone(), |id| all.clone().case(id).next());
        self.rows()
            .page(&from, &all.end(), limit, |key, _| self.rows().part(KeyReader::behind(&all, key).case()).map(Some))
    }

    /// How many cases of a connection are watched.
    pub fn watched_len(&self, connection: &ConnectionId) -> Result<u64> {
        let all = all(connection);
        let mut count = 0;
        self.rows().engine().scan(all.as_bytes(), all.end().as_bytes(), &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }
}

/// Brings a case's row up to date; only records are ever watched, and what is right already is not written.
pub(crate) fn mark(plan: &mut Plan<'_>, id: &CaseId, watched: bool) -> Result<()> {
    let CaseId::Record(record) = id else { return Ok(()) };
    let key = all(&record.connection).case(id);
    match (plan.value(key.as_bytes())?.is_some(), watched) {
        (false, true) => plan.put_new(key, &[]),
        (true, false) => {
            plan.remove_index(key);
            Ok(())
        }
        (false, false) | (true, true) => Ok(()),
    }
}

fn all(connection: &ConnectionId) -> Key {
    Key::new(Table::Watched).text(connection.as_str())
}
