//! What the CRM does by itself when a task is made or changed.

use super::Org;
use super::cell::Cell;
use super::kind::Kind;
use super::row::{Author, Row};

impl Org {
    /// Sets what follows from the values of a task.
    pub(super) fn derive_task(&self, row: &mut Row, before: Option<&Row>, by: Author) {
        let schema = &self.table(Kind::Task).schema;
        let at = self.stamp();
        let closed = row.get(schema.known("Status")).as_text().is_some_and(|status| self.closes_a_task(status));
        let was_closed = before.is_some_and(|before| before.get(schema.known("IsClosed")).is_true());
        let urgent = row.get(schema.known("Priority")).as_text() == Some("High");
        let account = row.get(schema.known("WhatId")).as_id().and_then(|what| self.find(what));
        let account = account.and_then(|(kind, what)| match kind == Kind::Account {
            true => Some(what.id),
            false => what.get(self.table(kind).schema.find("AccountId")?).as_id(),
        });
        let mut values = vec![
            ("IsClosed", Cell::Bool(closed)),
            ("IsHighPriority", Cell::Bool(urgent)),
            ("AccountId", account.map_or(Cell::Null, Cell::Id)),
        ];
        match (was_closed, closed) {
            (false, true) => values.push(("CompletedDateTime", Cell::Instant(at))),
            (true, false) => values.push(("CompletedDateTime", Cell::Null)),
            (true, true) | (false, false) => {}
        }
        for (name, value) in values {
            match before {
                Some(_) => drop(row.set(schema.known(name), value, at, by)),
                None => row.put(schema.known(name), value),
            }
        }
    }

    /// Tells the opportunities that a task belongs, or belonged, to.
    pub(super) fn note_task(&mut self, before: Option<&Row>, row: &Row, by: Author) {
        let what = self.table(Kind::Task).schema.known("WhatId");
        let mut parents: Vec<_> =
            [Some(row), before].into_iter().flatten().filter_map(|row| row.get(what).as_id()).collect();
        parents.dedup();
        for parent in parents {
            if Kind::of_prefix(parent.prefix()) == Some(Kind::Opportunity) {
                self.note_activity(parent, by);
            }
        }
    }

    pub(crate) fn closes_a_task(&self, status: &str) -> bool {
        let table = self.table(Kind::TaskStatus);
        let (name, closed) = (table.schema.known("ApiName"), table.schema.known("IsClosed"));
        table.rows().any(|row| row.get(name).as_text() == Some(status) && row.get(closed).is_true())
    }
}
