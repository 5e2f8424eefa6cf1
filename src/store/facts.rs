//! Facts: what happened on a connection, in the order in which it happened there, for reports to count.

use dealclock_model::{CaseId, ConnectionId, Fact, Instant};
use serde::{Deserialize, Serialize};

use crate::key::{Key, KeyReader, Table};
use crate::plan::Plan;
use crate::read::Rows;
use crate::{Result, Store};

/// The place of a fact among those of its connection: when it happened, then when it was learned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FactPlace {
    /// When it happened.
    pub at: Instant,
    /// Its number; rises, also over restarts.
    pub seq: u64,
}

impl Store {
    /// Facts of a connection in order, behind `after`, from the instant `from` on.
    pub fn facts(
        &self,
        connection: &ConnectionId,
        after: Option<FactPlace>,
        from: Option<Instant>,
        limit: usize,
    ) -> Result<Vec<(FactPlace, CaseId, Fact)>> {
        let all = Key::new(Table::Fact).text(connection.as_str());
        let first = from.map_or_else(|| all.clone(), |from| all.clone().instant(from));
        let next = after.map(|place| key(connection, place.at, place.seq).next());
        let start = match next {
            Some(next) if next.as_bytes() > first.as_bytes() => next,
            Some(_) | None => first,
        };
        self.rows().page(&start, &all.end(), limit, |key, body| self.rows().fact(key, body).map(Some))
    }
}

impl Rows {
    /// The fact in a row.
    pub(crate) fn fact(&self, key: &[u8], body: &[u8]) -> Result<(FactPlace, CaseId, Fact)> {
        let mut parts = KeyReader::new(key);
        self.part(parts.text())?;
        let place = FactPlace { at: self.part(parts.instant())?, seq: self.part(parts.number())? };
        let (case, fact) = self.decode(body)?;
        Ok((place, case, fact))
    }
}

pub(crate) fn append(plan: &mut Plan<'_>, connection: &ConnectionId, at: Instant, body: &[u8]) -> Result<()> {
    let seq = plan.number()?;
    plan.put_new(key(connection, at, seq), body)
}

pub(crate) fn key(connection: &ConnectionId, at: Instant, seq: u64) -> Key {
    Key::new(Table::Fact).text(connection.as_str()).instant(at).number(seq)
}
