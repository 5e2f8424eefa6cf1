//! Hints: where to look in a CRM, kept until somebody has looked.
//!
//! The store does not read them. A hint is its own key, so equal ones merge however often they come.

use std::ops::ControlFlow;

use dealclock_model::ConnectionId;
use serde::de::DeserializeOwned;

use crate::engine::Engine;
use crate::key::{Key, KeyReader, Table};
use crate::plan::Plan;
use crate::read::Rows;
use crate::{Result, Seq, Store};

/// A hint that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingHint {
    /// Its place; a hint that comes again gets another one, so that whoever follows the first does not take the second away.
    pub seq: Seq,
    pub(crate) text: String,
}

impl WaitingHint {
    /// What was put; `None` when it is nothing that the type can be, such as a later version's.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.text).ok()
    }
}

impl Store {
    /// Hints that wait on a connection.
    pub fn hints(&self, connection: &ConnectionId, limit: usize) -> Result<Vec<WaitingHint>> {
        let all = Key::new(Table::Hint).text(connection.as_str());
        self.rows().page(&all, &all.end(), limit, |key, body| Ok(Some(self.rows().hint(key, body)?.1)))
    }

    /// How many hints wait on a connection.
    pub fn hints_len(&self, connection: &ConnectionId) -> Result<u64> {
        let all = Key::new(Table::Hint).text(connection.as_str());
        let mut count = 0;
        self.rows().engine().scan(all.as_bytes(), all.end().as_bytes(), &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }
}

impl Rows {
    /// The hint in a row.
    pub(crate) fn hint(&self, key: &[u8], body: &[u8]) -> Result<(ConnectionId, WaitingHint)> {
        let mut parts = KeyReader::new(key);
        let connection = self.part(parts.text())?.into();
        Ok((connection, WaitingHint { seq: Seq(self.decode(body)?), text: self.part(parts.text())? }))
    }
}

pub(crate) fn put(plan: &mut Plan<'_>, connection: &ConnectionId, text: &str) -> Result<()> {
    let seq = plan.number()?;
    put_at(plan, connection, text, seq)
}

/// Puts a hint whose place is known.
pub(crate) fn put_at(plan: &mut Plan<'_>, connection: &ConnectionId, text: &str, seq: u64) -> Result<()> {
    plan.put_json(&hint_key(connection, text), "a hint", &seq)
}

pub(crate) fn take(plan: &mut Plan<'_>, connection: &ConnectionId, hint: &WaitingHint) -> Result<()> {
    let key = hint_key(connection, &hint.text);
    match plan.json::<u64>(&key)? {
        Some(seq) if seq == hint.seq.0 => plan.remove(key),
        Some(_) | None => Ok(()),
    }
}

fn hint_key(connection: &ConnectionId, text: &str) -> Key {
    Key::new(Table::Hint).text(connection.as_str()).text(text)
}
