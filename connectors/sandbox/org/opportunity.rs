//! What the CRM does by itself when an opportunity is made or changed.

use chrono::Datelike;

use super::Org;
use super::cell::Cell;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::row::{Author, Row};
use super::schema::{FieldId, FieldType, Schema};

impl Org {
    /// Sets what follows from the values of an opportunity; `written` are the fields that the caller named.
    pub(super) fn derive_opportunity(
        &self,
        row: &mut Row,
        before: Option<&Row>,
        written: &[FieldId],
        by: Author,
    ) -> Result<(), Failure> {
        let schema = &self.table(Kind::Opportunity).schema;
        let (at, known) = (self.stamp(), |name| schema.known(name));
        let set = |row: &mut Row, name: &str, value: Cell| match before {
            Some(_) => drop(row.set(schema.known(name), value, at, by)),
            None => row.put(schema.known(name), value),
        };
        let stage = known("StageName");
        let moved = before.is_none_or(|before| before.get(stage) != row.get(stage));
        if moved {
            let name = row.get(stage).as_text().unwrap_or_default();
            let facts = self.stage_facts(name).ok_or_else(|| {
                let message = format!("Stage: bad value for restricted picklist field: {name}");
                Failure::invalid("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message).with_fields(["StageName"])
            })?;
            set(row, "IsClosed", Cell::Bool(facts.closed));
            set(row, "IsWon", Cell::Bool(facts.won));
            set(row, "ForecastCategory", facts.category);
            if !written.contains(&known("ForecastCategoryName")) {
                set(row, "ForecastCategoryName", facts.category_name);
            }
            if !written.contains(&known("Probability")) {
                set(row, "Probability", facts.percent);
            }
            if before.is_some() {
                set(row, "LastStageChangeDate", Cell::Instant(at));
            }
        }
        let revenue = row.get(known("Amount")).as_number().zip(row.get(known("Probability")).as_number());
        set(
            row,
            "ExpectedRevenue",
            revenue.map_or(Cell::Null, |(amount, percent)| Cell::Number(amount * percent / 100.0)),
        );
        if let Some(close) = row.get(known("CloseDate")).as_date() {
            set(row, "FiscalYear", Cell::Number(f64::from(close.year())));
            set(row, "FiscalQuarter", Cell::Number(f64::from(close.month0() / 3 + 1)));
            let earlier = before.and_then(|before| before.get(known("CloseDate")).as_date());
            let pushed =
                earlier.is_some_and(|earlier| (close.year(), close.month()) > (earlier.year(), earlier.month()));
            let count = row.get(known("PushCount")).as_number().unwrap_or(0.0);
            set(row, "PushCount", Cell::Number(if pushed { count + 1.0 } else { count }));
        }
        Ok(())
    }

    /// Writes the rows in which people read how an opportunity came to be what it is.
    pub(super) fn note_opportunity(&mut self, before: Option<&Row>, row: &Row, by: Author) {
        self.note_course(before, row, by);
        match before {
            Some(before) => self.note_fields(before, row, by),
            None => self.note_field(row.id, "created", "Text", Cell::Null, Cell::Null, by),
        }
    }

    /// A row for each change of the values that make a forecast; the one before is stamped as superseded.
    fn note_course(&mut self, before: Option<&Row>, row: &Row, by: Author) {
        let (schema, history) = (&self.table(Kind::Opportunity).schema, &self.table(Kind::OpportunityHistory).schema);
        let value = |row: &Row, name: &str| row.get(schema.known(name)).clone();
        let watched = ["StageName", "Amount", "CloseDate", "Probability", "ForecastCategory"];
        if before.is_some_and(|before| watched.iter().all(|name| value(before, name) == value(row, name))) {
            return;
        }
        let mut cells = vec![("OpportunityId", Cell::Id(row.id))];
        cells.extend(watched.map(|name| (name, value(row, name))));
        cells.push(("ExpectedRevenue", value(row, "ExpectedRevenue")));
        if let Some(before) = before {
            cells.push(("PrevAmount", value(before, "Amount")));
            cells.push(("PrevCloseDate", value(before, "CloseDate")));
        }
        let opportunity = history.known("OpportunityId");
        let holders = self.table(Kind::OpportunityHistory).holders(opportunity, &Cell::Id(row.id));
        let superseded = before.and_then(|_| holders.max_by_key(|row| row.id).cloned());
        if let Some(mut superseded) = superseded {
            superseded.touch_stamp(self.stamp(), self.itself());
            self.store(Kind::OpportunityHistory, superseded);
        }
        self.insert_raw(Kind::OpportunityHistory, cells, by);
    }

    /// A row for each tracked field that changed.
    fn note_fields(&mut self, before: &Row, row: &Row, by: Author) {
        let schema = &self.table(Kind::Opportunity).schema;
        let tracked = schema.iter().filter(|(id, field)| field.tracked && before.get(*id) != row.get(*id));
        let changed: Vec<_> = tracked
            .map(|(id, field)| (field.name.clone(), data_type(schema, id), before.get(id).clone(), row.get(id).clone()))
            .collect();
        for (name, data_type, old, new) in changed {
            // The history calls references by their relationship.
            let name = name.strip_suffix("Id").filter(|_| !name.ends_with("__c")).map_or(name.as_str(), |short| short);
            self.note_field(row.id, name, data_type, old, new, by);
        }
    }

    fn note_field(&mut self, id: Id, name: &str, data_type: &str, old: Cell, new: Cell, by: Author) {
        let text = |cell: Cell| if cell.is_null() { Cell::Null } else { Cell::text(cell.to_text()) };
        let cells = [
            ("OpportunityId", Cell::Id(id)),
            ("Field", Cell::Text(self.shared_text(name))),
            ("DataType", Cell::Text(self.shared_text(data_type))),
            ("OldValue", text(old)),
            ("NewValue", text(new)),
        ];
        self.insert_raw(Kind::OpportunityFieldHistory, cells, by);
    }

    /// Notes on an opportunity that a task of it changed: whether any is open, and what the last closed one was.
    pub(super) fn note_activity(&mut self, opportunity: Id, by: Author) {
        let Some(row) = self.table(Kind::Opportunity).get(opportunity) else { return };
        let (tasks, schema) = (self.table(Kind::Task), &self.table(Kind::Opportunity).schema);
        let known = |name| tasks.schema.known(name);
        let (mut open, mut last) = (false, None);
        for task in tasks.holders(known("WhatId"), &Cell::Id(opportunity)).filter(|task| !task.is_deleted()) {
            match task.get(known("IsClosed")).is_true() {
                true => last = last.max(task.get(known("ActivityDate")).as_date()),
                false => open = true,
            }
        }
        let (has_open, last_activity) = (schema.known("HasOpenActivity"), schema.known("LastActivityDate"));
        let last = last.map_or(Cell::Null, Cell::Date);
        if row.get(has_open).is_true() == open && *row.get(last_activity) == last {
            return;
        }
        let (mut row, at) = (row.clone(), self.stamp());
        row.put(has_open, Cell::Bool(open));
        // Only a closed task moves the stamp: the CRM works out the other value when it is asked for it.
        if row.set(last_activity, last, at, by) {
            row.touch_stamp(at, self.itself());
        }
        self.store(Kind::Opportunity, row);
    }
}

/// The kind of value, as a row of the field history names it.
fn data_type(schema: &Schema, id: FieldId) -> &'static str {
    match schema.field(id).of {
        FieldType::Id | FieldType::Reference => "EntityId",
        FieldType::Bool => "Boolean",
        FieldType::Currency => "Currency",
        FieldType::Number | FieldType::Int => "Double",
        FieldType::Percent => "Percent",
        FieldType::Date => "DateOnly",
        FieldType::Instant => "DateTime",
        FieldType::Time => "TimeOnly",
        FieldType::Picklist | FieldType::ComboBox => "DynamicEnum",
        FieldType::TextArea => "StringPlusClob",
        FieldType::Text | FieldType::Email | FieldType::Phone => "Text",
    }
}
