//! Queries whose further pages are still to be read: a snapshot of ids each.

use std::collections::HashMap;

use super::id::Id;
use super::soql::Bound;
use crate::portal::instant::Millis;

/// A cursor lives two days.
const LIFETIME: Millis = 2 * 24 * 3_600_000;
const PREFIX: &str = "01g";

/// A query with the ids that it found.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) query: Bound,
    pub(crate) ids: Vec<Id>,
    pub(crate) deleted: bool,
    opened: Millis,
}

/// The open cursors.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: HashMap<Id, Cursor>,
    last_number: u64,
}

impl Cursors {
    pub(crate) fn open(&mut self, query: Bound, ids: Vec<Id>, deleted: bool, instance: [u8; 2], now: Millis) -> Id {
        self.open.retain(|_, cursor| now - cursor.opened < LIFETIME);
        self.last_number += 1;
        let id = Id::new(PREFIX, instance, self.last_number);
        self.open.insert(id, Cursor { query, ids, deleted, opened: now });
        id
    }

    pub(crate) fn get(&self, id: Id, now: Millis) -> Option<&Cursor> {
        self.open.get(&id).filter(|cursor| now - cursor.opened < LIFETIME)
    }
}
