//! An opportunity's row into an opportunity.

use std::collections::BTreeMap;

use dealclock_model::record::field;
use dealclock_model::{
    Change, ChangeState, ConnectionId, FieldName, Instant, Object, PersonId, Record, RecordId, RecordRef, Value,
    ValueType,
};
use rust_decimal::Decimal;

use super::value::{NotReadable, instant, value};
use crate::api::{common, opportunity};
use crate::schema::{PIPELINE, Reading, Schema, Source};
use crate::wire::Row;

/// Names an opportunity.
pub fn reference(connection: &ConnectionId, id: &str) -> RecordRef {
    RecordRef { connection: connection.clone(), object: Object::Opportunity, id: RecordId::from(id) }
}

/// What a row of an opportunity says. `seen_at` stands in for a stamp that Salesforce does not send.
pub fn change(
    connection: &ConnectionId,
    row: &Row<'_>,
    (schema, reading): (&Schema, &Reading),
    home: &str,
    seen_at: Instant,
) -> Change {
    let state = match row.flag(common::IS_DELETED) {
        true => ChangeState::Deleted,
        false => ChangeState::Present(record(row, schema, reading, home)),
    };
    Change { record: reference(connection, row.id()), stamp: stamp(row).unwrap_or(seen_at), state }
}

/// An opportunity that no query shows: purged, or not visible to the integration user any more.
pub fn absent(connection: &ConnectionId, id: &str, seen_at: Instant) -> Change {
    Change { record: reference(connection, id), stamp: seen_at, state: ChangeState::Deleted }
}

/// The system's modification stamp.
pub fn stamp(row: &Row<'_>) -> Option<Instant> {
    row.text(common::STAMP).and_then(instant)
}

fn record(row: &Row<'_>, schema: &Schema, reading: &Reading, home: &str) -> Record {
    let mut fields = Fields { values: BTreeMap::new(), parked: None, schema };
    for (name, column, value_type) in [
        (field::NAME, common::NAME, ValueType::Text),
        (field::AMOUNT_RECORD, opportunity::AMOUNT, ValueType::Number),
        (field::CREATED_AT, common::CREATED, ValueType::Time),
        (field::MODIFIED_AT, common::STAMP, ValueType::Time),
        (field::CLOSE_DATE, opportunity::CLOSE_DATE, ValueType::Date),
    ] {
        fields.read(&FieldName::from(name), row, column, value_type);
    }
    fields.money(row);
    fields.stage(row);
    for (name, source) in &reading.fields {
        match source {
            Source::Field { name: column, value_type } => fields.read(name, row, column, *value_type),
            Source::Entered { stages } => fields.entered(name, row, stages),
        }
    }
    Record {
        owner: row.text(common::OWNER).map(PersonId::from),
        fields: fields.values,
        url: Some(format!("{home}/lightning/r/Opportunity/{}/view", row.id())),
        parked: fields.parked,
    }
}

/// The fields of one record while they are read.
struct Fields<'a> {
    values: BTreeMap<FieldName, Value>,
    parked: Option<String>,
    schema: &'a Schema,
}

impl Fields<'_> {
    fn put(&mut self, name: &str, value: Value) {
        if !value.is_null() {
            self.values.insert(FieldName::from(name), value);
        }
    }

    /// A value that cannot be read parks the record: taken for empty, it would fire reminders.
    fn read(&mut self, name: &FieldName, row: &Row<'_>, column: &str, value_type: ValueType) {
        match value(row.cell(column), value_type, self.schema.org.zone) {
            Ok(value) => self.put(name.as_str(), value),
            Err(NotReadable(wanted)) => self.park(format!("`{name}` holds no readable {wanted}")),
        }
    }

    fn park(&mut self, why: String) {
        self.parked.get_or_insert(why);
    }

    /// Only an org with several currencies has a currency on each record, and rates to its own.
    fn money(&mut self, row: &Row<'_>) {
        let home = &self.schema.org.currency;
        let currency = row.text(opportunity::CURRENCY).unwrap_or(home);
        self.put(field::CURRENCY, Value::text(currency));
        let Some(Value::Number(amount)) = self.values.get(field::AMOUNT_RECORD) else { return };
        match at_home(*amount, currency, self.schema) {
            Some(amount) => self.put(field::AMOUNT, Value::Number(amount)),
            None => self.park(format!("its amount is in {currency}, and the org has no exchange rate to {home}")),
        }
    }

    /// `LastStageChangeDate` is empty until the stage changes for the first time.
    fn stage(&mut self, row: &Row<'_>) {
        let entered =
            if row.text(opportunity::STAGE_CHANGED).is_some() { opportunity::STAGE_CHANGED } else { common::CREATED };
        self.read(&FieldName::from(field::STAGE_ENTERED_AT), row, entered, ValueType::Time);
        self.put(field::IS_CLOSED, Value::Bool(row.flag(opportunity::IS_CLOSED)));
        self.put(field::IS_WON, Value::Bool(row.flag(opportunity::IS_WON)));
        self.put(field::PIPELINE, Value::text(PIPELINE));
        if let Some(id) = row.text(opportunity::STAGE) {
            self.put(field::STAGE, Value::text(self.schema.stage_name(id)));
            self.put(field::STAGE_ID, Value::text(id));
        }
    }

    /// The history may lack the row of an opportunity that was made in the stage; then it entered the stage when it was
    /// made.
    fn entered(&mut self, name: &FieldName, row: &Row<'_>, stages: &[String]) {
        let is_meant = |stage: &str| stages.iter().any(|meant| meant == stage);
        let past = row.children(opportunity::HISTORIES);
        let past = past.filter(|past| past.text(opportunity::STAGE).is_some_and(is_meant));
        let times: Option<Vec<Instant>> = past.map(|past| past.text(common::CREATED).and_then(instant)).collect();
        let Some(times) = times else {
            return self.park(format!("`{name}` holds no readable {}", ValueType::Time));
        };
        let first = times.into_iter().min().map(Value::Time);
        let present = || {
            let is_in = row.text(opportunity::STAGE).is_some_and(is_meant);
            is_in.then(|| self.values.get(field::STAGE_ENTERED_AT).cloned()).flatten()
        };
        match first.or_else(present) {
            Some(time) => self.put(name.as_str(), time),
            // A subquery answers so many rows only; what lies beyond is not taken for nothing.
            None if row.more_children(opportunity::HISTORIES).is_some() => {
                self.park(format!("`{name}` lies in a history that is too long to be read at once"));
            }
            None => {}
        }
    }
}

/// An amount in the org's own currency, by the present rate; `None` without one.
pub fn at_home(amount: Decimal, currency: &str, schema: &Schema) -> Option<Decimal> {
    if currency == schema.org.currency {
        return Some(amount);
    }
    let rate = schema.rates.get(currency)?;
    amount.checked_div(*rate).map(|amount| amount.round_dp(2))
}
