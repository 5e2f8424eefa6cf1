//! The records of one type, found by id, by when they changed, and by the fields that are indexed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::cell::{Cell, folded};
use super::id::Id;
use super::row::Row;
use super::schema::{Field, FieldId, Schema};
use crate::portal::instant::Millis;

/// A value as an index holds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Id(Id),
    Text(Arc<str>),
}

impl Key {
    fn of(field: &Field, value: &Cell) -> Option<Key> {
        match value {
            Cell::Null => None,
            Cell::Id(id) => Some(Key::Id(*id)),
            Cell::Text(text) if field.case_sensitive => Some(Key::Text(Arc::clone(text))),
            Cell::Text(text) => Some(Key::Text(folded(text).collect::<String>().into())),
            other => Some(Key::Text(other.to_text().into())),
        }
    }
}

/// The records of one type.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) schema: Schema,
    rows: BTreeMap<Id, Row>,
    by_stamp: BTreeSet<(Millis, Id)>,
    by_key: HashMap<(FieldId, Key), Vec<Id>>,
    last_number: u64,
}

impl Table {
    pub(crate) fn new(schema: Schema) -> Table {
        Table { schema, rows: BTreeMap::new(), by_stamp: BTreeSet::new(), by_key: HashMap::new(), last_number: 0 }
    }

    pub(crate) fn next_id(&mut self, instance: [u8; 2]) -> Id {
        self.last_number += 1;
        Id::new(self.schema.kind.prefix(), instance, self.last_number)
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// Every record, deleted ones included, by id.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.rows.values()
    }

    /// The records whose ids are not before one, by id.
    pub(crate) fn at_or_after(&self, id: Id) -> impl Iterator<Item = &Row> {
        self.rows.range(id..).map(|(_, row)| row)
    }

    /// The records that changed at or after an instant, in that order.
    pub(crate) fn changed_since(&self, since: Millis) -> impl Iterator<Item = &Row> {
        let first = Id::new("   ", *b"  ", 0);
        self.by_stamp.range((since, first)..).filter_map(|(_, id)| self.rows.get(id))
    }

    /// The records that hold a value in an indexed field, deleted ones included, in the order in which they got it.
    pub(crate) fn holders<'a>(&'a self, field: FieldId, value: &Cell) -> impl Iterator<Item = &'a Row> + use<'a> {
        let key = Key::of(self.schema.field(field), value);
        let ids = key.and_then(|key| self.by_key.get(&(field, key))).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| self.rows.get(id))
    }

    /// Puts a record in the place of the one with its id, and hands back that one.
    pub(crate) fn put(&mut self, row: Row) -> Option<Row> {
        let before = self.take(row.id);
        self.by_stamp.insert((row.stamp(), row.id));
        for (field, key) in self.keys(&row) {
            self.by_key.entry((field, key)).or_default().push(row.id);
        }
        self.rows.insert(row.id, row);
        before
    }

    /// Removes a record without a trace.
    pub(crate) fn take(&mut self, id: Id) -> Option<Row> {
        let row = self.rows.remove(&id)?;
        self.by_stamp.remove(&(row.stamp(), id));
        for entry in self.keys(&row) {
            if let Some(holders) = self.by_key.get_mut(&entry) {
                holders.retain(|holder| *holder != id);
                if holders.is_empty() {
                    self.by_key.remove(&entry);
                }
            }
        }
        Some(row)
    }

    fn keys(&self, row: &Row) -> Vec<(FieldId, Key)> {
        let indexed = self.schema.indexed().iter();
        indexed.filter_map(|id| Some((*id, Key::of(self.schema.field(*id), row.get(*id))?))).collect()
    }
}
