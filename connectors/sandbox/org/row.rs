//! A record: its values, and what they were before.

use super::cell::Cell;
use super::id::Id;
use super::schema::{FieldId, system};
use crate::portal::instant::Millis;

/// How a change came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// Somebody in the CRM's pages.
    Page,
    /// A caller of the API.
    Api,
    /// The CRM itself.
    System,
}

/// Who changes something, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) user: Id,
    pub(crate) via: Via,
}

/// What a value was before it changed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) at: Millis,
    pub(crate) by: Author,
    pub(crate) field: FieldId,
    pub(crate) before: Cell,
}

/// A value that a field took.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) at: Millis,
    pub(crate) by: Author,
    pub(crate) value: Cell,
}

/// A record.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: Id,
    pub(crate) made_by: Author,
    cells: Vec<Cell>,
    /// Oldest first.
    changes: Vec<Change>,
}

impl Row {
    /// A record as it is made, with the fields that every record has.
    pub(crate) fn new(id: Id, at: Millis, by: Author, fields: usize) -> Row {
        let mut cells = Vec::with_capacity(fields);
        cells.extend([
            Cell::Id(id),
            Cell::Bool(false),
            Cell::Instant(at),
            Cell::Id(by.user),
            Cell::Instant(at),
            Cell::Id(by.user),
            Cell::Instant(at),
        ]);
        cells.resize(fields, Cell::Null);
        Row { id, made_by: by, cells, changes: Vec::new() }
    }

    /// The value of a field; one that was added after the record was made is empty.
    pub(crate) fn get(&self, field: FieldId) -> &Cell {
        self.cells.get(field.index()).unwrap_or(&Cell::Null)
    }

    /// Sets a value of a record that is only being made, or that nobody needs the past of.
    pub(crate) fn put(&mut self, field: FieldId, value: Cell) {
        if field.index() >= self.cells.len() {
            self.cells.resize(field.index() + 1, Cell::Null);
        }
        self.cells[field.index()] = value;
    }

    /// Changes a value and remembers what it was; says whether it changed.
    pub(crate) fn set(&mut self, field: FieldId, value: Cell, at: Millis, by: Author) -> bool {
        if *self.get(field) == value {
            return false;
        }
        let before = self.get(field).clone();
        self.changes.push(Change { at, by, field, before });
        self.put(field, value);
        true
    }

    /// Notes that the record changed: its stamp, and who changed it.
    pub(crate) fn touch(&mut self, at: Millis, by: Author) {
        self.set(system::MODIFIED_DATE, Cell::Instant(at), at, by);
        self.set(system::MODIFIED_BY, Cell::Id(by.user), at, by);
        self.touch_stamp(at, by);
    }

    /// Notes that the CRM changed something about the record that is nobody's doing.
    pub(crate) fn touch_stamp(&mut self, at: Millis, by: Author) {
        self.set(system::STAMP, Cell::Instant(at.max(self.stamp())), at, by);
    }

    pub(crate) fn created(&self) -> Millis {
        self.get(system::CREATED_DATE).as_instant().unwrap_or_default()
    }

    pub(crate) fn modified(&self) -> Millis {
        self.get(system::MODIFIED_DATE).as_instant().unwrap_or_default()
    }

    pub(crate) fn stamp(&self) -> Millis {
        self.get(system::STAMP).as_instant().unwrap_or_default()
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.get(system::IS_DELETED).is_true()
    }

    /// Every value that a field took, oldest first.
    pub(crate) fn history(&self, field: FieldId) -> Vec<Version> {
        let mut versions = Vec::new();
        let (mut at, mut by) = (self.created(), self.made_by);
        for change in self.changes.iter().filter(|change| change.field == field) {
            versions.push(Version { at, by, value: change.before.clone() });
            (at, by) = (change.at, change.by);
        }
        versions.push(Version { at, by, value: self.get(field).clone() });
        versions
    }

    /// The record as those see it who cannot yet see what people did after an instant; `None` where it was not there.
    pub(crate) fn seen_at(&self, instant: Millis) -> Option<Seen<'_>> {
        let fresh = |at: Millis, by: Author| by.via == Via::Page && at > instant;
        if fresh(self.created(), self.made_by) {
            return None;
        }
        let Some(first) = self.changes.iter().position(|change| fresh(change.at, change.by)) else {
            return Some(Seen::Whole(self));
        };
        let mut earlier = self.clone();
        for change in earlier.changes.split_off(first).into_iter().rev() {
            earlier.put(change.field, change.before);
        }
        Some(Seen::Earlier(Box::new(earlier)))
    }
}

/// A record, as it is or as it was.
pub(crate) enum Seen<'a> {
    Whole(&'a Row),
    Earlier(Box<Row>),
}

impl Seen<'_> {
    pub(crate) fn row(&self) -> &Row {
        match self {
            Seen::Whole(row) => row,
            Seen::Earlier(row) => row,
        }
    }
}
