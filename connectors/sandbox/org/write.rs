//! Making, changing and deleting records: everything is checked before anything is stored.

use std::mem::take;

use serde_json::{Map, Value};

use super::Org;
use super::cell::Cell;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::row::{Author, Row, Via};
use super::schema::{Field, FieldId, FieldType, system};
use super::sight::Sight;

/// Field values by name, as callers send them.
pub(crate) type Values = Map<String, Value>;

impl Org {
    /// Makes a record.
    pub(crate) fn create(&mut self, kind: Kind, values: &Values, by: Author) -> Result<Id, Failure> {
        if !kind.is_writable() {
            let message = format!("entity type {} does not support create", kind.name());
            return Err(Failure::invalid("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message));
        }
        let checked = self.check(kind, values, by, |field| field.createable)?;
        let mut row = self.blank(kind, by);
        for (id, default) in self.table(kind).schema.defaults() {
            row.put(*id, default.clone());
        }
        if let Some(owner) = self.table(kind).schema.find("OwnerId") {
            row.put(owner, Cell::Id(by.user));
        }
        let written: Vec<_> = checked.iter().map(|(id, _)| *id).collect();
        for (id, value) in checked {
            row.put(id, value);
        }
        self.check_required(kind, &row)?;
        self.derive(kind, &mut row, None, &written, by)?;
        self.check_whole(kind, None, &row, by)?;
        let id = row.id;
        self.save(kind, None, row, by);
        Ok(id)
    }

    /// Changes a record; only the fields that are named change.
    pub(crate) fn update(&mut self, kind: Kind, id: Id, values: &Values, by: Author) -> Result<(), Failure> {
        let before = self.live(kind, id)?.clone();
        if self.locks.contains(&id) && by.user != self.admin && !self.may(by.user, "PermissionsModifyAllData") {
            let message = "This record is locked. If you need to edit it, contact your admin";
            return Err(Failure::invalid("ENTITY_IS_LOCKED", message));
        }
        let checked = self.check(kind, values, by, |field| field.updateable)?;
        let (mut row, at) = (before.clone(), self.stamp());
        let written: Vec<_> = checked.iter().map(|(id, _)| *id).collect();
        for (id, value) in checked {
            row.set(id, value, at, by);
        }
        self.check_required(kind, &row)?;
        self.derive(kind, &mut row, Some(&before), &written, by)?;
        self.check_whole(kind, Some(&before), &row, by)?;
        row.touch(at, by);
        self.save(kind, Some(before), row, by);
        Ok(())
    }

    /// Moves a record to the recycle bin, or removes it where its type has none.
    pub(crate) fn delete(&mut self, kind: Kind, id: Id, by: Author) -> Result<(), Failure> {
        let row = self.live(kind, id)?.clone();
        if !kind.is_writable() {
            let message = format!("entity type {} does not support delete", kind.name());
            return Err(Failure::invalid("INSUFFICIENT_ACCESS_OR_READONLY", message));
        }
        if !kind.has_bin() {
            self.erase(kind, id);
            return Ok(());
        }
        self.bin(kind, row, true, by);
        Ok(())
    }

    /// Takes a record out of the recycle bin, with what was deleted together with it.
    pub(crate) fn undelete(&mut self, kind: Kind, id: Id, by: Author) -> Result<(), Failure> {
        let row = self.table(kind).get(id).ok_or_else(Failure::not_found)?;
        if row.is_deleted() {
            let row = row.clone();
            self.bin(kind, row, false, by);
        }
        Ok(())
    }

    /// Deleting an opportunity deletes its tasks, and taking it out of the bin takes them out.
    fn bin(&mut self, kind: Kind, mut row: Row, deleted: bool, by: Author) {
        let (at, id, since) = (self.stamp(), row.id, row.stamp());
        let before = row.clone();
        row.set(system::IS_DELETED, Cell::Bool(deleted), at, by);
        row.touch(at, by);
        self.store(kind, row.clone());
        if kind == Kind::Task {
            self.note_task(Some(&before), &row, by);
        }
        if kind == Kind::Opportunity {
            let tasks = self.table(Kind::Task);
            let what = tasks.schema.known("WhatId");
            let along = tasks.holders(what, &Cell::Id(id)).filter(|task| match deleted {
                true => !task.is_deleted(),
                false => task.is_deleted() && task.stamp() == since,
            });
            for task in along.cloned().collect::<Vec<_>>() {
                self.bin(Kind::Task, task, deleted, by);
            }
        }
    }

    /// A record that is there and not deleted.
    pub(crate) fn live(&self, kind: Kind, id: Id) -> Result<&Row, Failure> {
        let row = self.table(kind).get(id).ok_or_else(Failure::not_found)?;
        if row.is_deleted() { Err(Failure::deleted()) } else { Ok(row) }
    }

    /// Adds a record as it is; its values are not checked.
    pub(crate) fn insert_raw<'a>(
        &mut self,
        kind: Kind,
        cells: impl IntoIterator<Item = (&'a str, Cell)>,
        by: Author,
    ) -> Id {
        let mut row = self.blank(kind, by);
        let schema = &self.table(kind).schema;
        for (id, default) in schema.defaults() {
            row.put(*id, default.clone());
        }
        for (name, cell) in cells {
            row.put(schema.known(name), cell);
        }
        let id = row.id;
        self.store(kind, row);
        id
    }

    /// Stores a record and lets the CRM do what follows from it.
    fn save(&mut self, kind: Kind, before: Option<Row>, row: Row, by: Author) {
        self.store(kind, row.clone());
        if kind == Kind::Opportunity {
            self.note_opportunity(before.as_ref(), &row, by);
        }
        if kind == Kind::Task {
            self.note_task(before.as_ref(), &row, by);
        }
        self.note_outbound(kind, row.id);
    }

    fn derive(
        &self,
        kind: Kind,
        row: &mut Row,
        before: Option<&Row>,
        written: &[FieldId],
        by: Author,
    ) -> Result<(), Failure> {
        if kind == Kind::Opportunity {
            return self.derive_opportunity(row, before, written, by);
        }
        if kind == Kind::Task {
            self.derive_task(row, before, by);
        }
        if matches!(kind, Kind::User | Kind::Contact) {
            self.derive_name(kind, row, before, by);
        }
        Ok(())
    }

    /// The full name of a person follows from its parts.
    fn derive_name(&self, kind: Kind, row: &mut Row, before: Option<&Row>, by: Author) {
        let schema = &self.table(kind).schema;
        let name = ["FirstName", "LastName"].map(|name| row.get(schema.known(name)).to_text()).join(" ");
        let name = Cell::text(name.trim());
        match before {
            Some(_) => drop(row.set(schema.known("Name"), name, self.stamp(), by)),
            None => row.put(schema.known("Name"), name),
        }
    }

    /// Reads the values that a caller sends; all fields that cannot be written are named at once.
    fn check(
        &mut self,
        kind: Kind,
        values: &Values,
        by: Author,
        writable: impl Fn(&Field) -> bool,
    ) -> Result<Vec<(FieldId, Cell)>, Failure> {
        let sight = if by.via == Via::Api { self.sight(by.user) } else { Sight::default() };
        let (mut checked, mut read_only) = (Vec::new(), Vec::new());
        for (name, value) in values.iter().filter(|(name, _)| *name != "attributes") {
            let schema = &self.table(kind).schema;
            let id = schema.find(name).filter(|id| sight.sees(kind, *id));
            let id = id.ok_or_else(|| Failure::no_such_field(name, kind.name()))?;
            let field = schema.field(id);
            if !writable(field) || !sight.may_change(kind, id) {
                read_only.push(field.name.clone());
                continue;
            }
            checked.push((
                id,
                match self.check_value(field, value)? {
                    Cell::Text(text) if field.of == FieldType::Picklist => Cell::Text(self.shared_text(&text)),
                    other => other,
                },
            ));
        }
        if read_only.is_empty() {
            return Ok(checked);
        }
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is \
             read/write for your profile or permission set.",
            read_only.join(", ")
        );
        Err(Failure::invalid("INVALID_FIELD_FOR_INSERT_UPDATE", message).with_fields(take(&mut read_only)))
    }

    fn check_required(&self, kind: Kind, row: &Row) -> Result<(), Failure> {
        let fields = self.table(kind).schema.iter();
        let missing = fields.filter(|(id, field)| !field.nillable && field.createable && row.get(*id).is_null());
        let missing: Vec<_> = missing.map(|(_, field)| field.name.clone()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        Err(Failure::invalid("REQUIRED_FIELD_MISSING", message).with_fields(missing))
    }

    /// What can only be judged when all values are there.
    fn check_whole(&self, kind: Kind, before: Option<&Row>, row: &Row, by: Author) -> Result<(), Failure> {
        self.check_unique(kind, row)?;
        self.check_setup(kind, row)?;
        if by.via != Via::System {
            self.check_rules(kind, before, row)?;
        }
        if by.via == Via::Api {
            self.check_owner(kind, before, row)?;
        }
        Ok(())
    }

    /// No two records hold the same value of a unique field; what lies in the recycle bin does not count.
    fn check_unique(&self, kind: Kind, row: &Row) -> Result<(), Failure> {
        let table = self.table(kind);
        for (id, field) in table.schema.iter().filter(|(_, field)| field.unique) {
            let mut others = table.holders(id, row.get(id)).filter(|other| other.id != row.id && !other.is_deleted());
            if let Some(other) = others.next() {
                let message =
                    format!("duplicate value found: {} duplicates value on record with id: {}", field.name, other.id);
                return Err(Failure::invalid("DUPLICATE_VALUE", message).with_fields([field.name.as_str()]));
            }
        }
        Ok(())
    }

    /// Nothing can be given to somebody who has left.
    fn check_owner(&self, kind: Kind, before: Option<&Row>, row: &Row) -> Result<(), Failure> {
        let Some(owner) = self.table(kind).schema.find("OwnerId") else { return Ok(()) };
        if before.is_some_and(|before| before.get(owner) == row.get(owner)) {
            return Ok(());
        }
        let users = self.table(Kind::User);
        let user = row.get(owner).as_id().and_then(|id| users.get(id));
        match user {
            Some(user) if !user.get(users.schema.known("IsActive")).is_true() => {
                let message = format!(
                    "operation performed with inactive user [{}] as owner of {}",
                    user.id,
                    kind.name().to_lowercase()
                );
                Err(Failure::invalid("INACTIVE_OWNER_OR_USER", message).with_fields(["OwnerId"]))
            }
            Some(_) | None => Ok(()),
        }
    }
}
