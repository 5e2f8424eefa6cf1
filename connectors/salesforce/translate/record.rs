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

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::sample::schema;
    use super::*;

    fn fixture() -> Json {
        serde_json::from_str(include_str!("../fixtures/opportunity.json")).unwrap()
    }

    fn translated(changes: &Json) -> Change {
        let mut row = fixture();
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        let text = row.to_string();
        let row: Row<'_> = serde_json::from_str(&text).unwrap();
        let schema = schema();
        let reading = schema.reading.clone().unwrap();
        change(&"acme".into(), &row, (&schema, &reading), "https://acme.my.salesforce.com", Instant::UNIX_EPOCH)
    }

    fn record_of(changes: &Json) -> Record {
        match translated(changes).state {
            ChangeState::Present(record) => record,
            ChangeState::Deleted | ChangeState::Merged { .. } => panic!("not present"),
        }
    }

    #[test]
    fn a_row_becomes_an_opportunity() {
        insta::assert_json_snapshot!("opportunity", translated(&json!({})));
    }

    #[test]
    fn what_cannot_be_read_parks_the_record_and_is_not_taken_for_empty() {
        let check = |changes: Json, parked: Option<&str>| {
            assert_eq!(record_of(&changes).parked.as_deref(), parked, "{changes}");
        };
        check(json!({}), None);
        check(json!({ "Complex__c": "sideways" }), Some("`complex` holds no readable bool"));
        check(json!({ "Amount": "ten" }), Some("`amount_record` holds no readable number"));
        check(json!({ "Amount": null, "CurrencyIsoCode": "JPY" }), None);
        let unknown = "its amount is in JPY, and the org has no exchange rate to EUR";
        check(json!({ "CurrencyIsoCode": "JPY" }), Some(unknown));
        let histories =
            |records: Json| json!({ "OpportunityHistories": { "records": records, "nextRecordsUrl": "/n" } });
        check(histories(json!([])), Some("`proposal_sent_at` lies in a history that is too long to be read at once"));
        let bad = json!([{ "StageName": "Proposal/Price Quote", "CreatedDate": "soon" }]);
        check(histories(bad), Some("`proposal_sent_at` holds no readable time"));
    }

    #[test]
    fn a_foreign_amount_is_converted_and_kept_as_it_was_entered() {
        let record = record_of(&json!({ "CurrencyIsoCode": "USD", "Amount": 100.1 }));
        let get = |name: &str| record.get(name).to_string();
        assert_eq!([get("amount"), get("amount_record"), get("currency")], ["80.08", "100.1", "USD"]);
    }

    #[test]
    fn the_first_entry_counts_and_one_without_history_is_the_present_one() {
        let sent = |changes: Json| record_of(&changes).get("proposal_sent_at").to_string();
        let row = |at: &str| json!({ "StageName": "Proposal/Price Quote", "CreatedDate": at });
        let twice = json!([row("2026-03-05T10:00:00.000+0000"), row("2026-03-03T10:00:00.000+0000")]);
        assert_eq!(sent(json!({ "OpportunityHistories": { "records": twice } })), "2026-03-03T10:00:00Z");
        let made_there =
            json!({ "StageName": "Proposal/Price Quote", "LastStageChangeDate": null, "OpportunityHistories": null });
        assert_eq!(sent(made_there), "2026-03-02T08:00:00Z");
        assert_eq!(sent(json!({ "OpportunityHistories": null })), "empty");
    }

    #[test]
    fn a_row_in_the_recycle_bin_is_a_tombstone_with_its_stamp() {
        let change = translated(&json!({ "IsDeleted": true }));
        assert_eq!(change.state, ChangeState::Deleted);
        assert_eq!(change.stamp, "2026-03-04T09:12:44Z".parse::<Instant>().unwrap());
        assert_eq!(translated(&json!({ "SystemModstamp": null })).stamp, Instant::UNIX_EPOCH);
    }

    #[test]
    fn a_stage_that_is_not_known_keeps_its_name_and_what_salesforce_says_of_it() {
        let record = record_of(&json!({ "StageName": "New one", "IsClosed": true, "IsWon": true }));
        assert!(record.is_closed());
        assert_eq!(record.get("stage").to_string(), "New one");
    }
}
