//! The rows of an opportunity's two histories into past values of canonical fields.

use std::collections::BTreeMap;

use dealclock_model::record::{FieldHistory, field};
use dealclock_model::{FieldName, Instant, Value, ValueType};
use rust_decimal::Decimal;

use super::record::at_home;
use super::value::{date, instant, value};
use crate::api::{USER_PREFIX, common, opportunity};
use crate::schema::{Reading, Schema, api_name};
use crate::wire::{Cell, Row};

/// What the histories tell of one opportunity; rows come oldest first.
#[derive(Debug, Default)]
pub struct Past {
    stages: Vec<Stage>,
    tracked: BTreeMap<String, Vec<Tracked>>,
    currency: Option<String>,
}

/// One row of `OpportunityHistory`: what the opportunity held since then.
#[derive(Debug)]
struct Stage {
    since: Instant,
    stage: Option<String>,
    amount: Option<Decimal>,
    close_date: Option<chrono::NaiveDate>,
}

/// One row of `OpportunityFieldHistory`: a change of one field.
#[derive(Debug)]
struct Tracked {
    at: Instant,
    old: Cell<'static>,
    new: Cell<'static>,
}

/// The name under which the history of tracked fields tells a canonical field; `None` for fields that the other history
/// tells, or none.
pub fn tracked_name<'a>(reading: &'a Reading, name: &FieldName) -> Option<&'a str> {
    match name.as_str() {
        field::STAGE | field::STAGE_ID | field::IS_CLOSED | field::IS_WON => None,
        field::AMOUNT | field::AMOUNT_RECORD | field::CLOSE_DATE => None,
        // History tells relationships by their names without `Id`.
        "owner.id" => Some("Owner"),
        _ => api_name(reading, name).map(|(column, _)| column),
    }
}

impl Past {
    /// Adds a row of `OpportunityHistory`.
    pub fn add_stage(&mut self, row: &Row<'_>) {
        let Some(since) = row.text(common::CREATED).and_then(instant) else { return };
        let amount = match row.cell(opportunity::AMOUNT) {
            Some(Cell::Number(amount)) => Some(*amount),
            Some(Cell::Empty | Cell::Flag(_) | Cell::Text(_) | Cell::Row(_) | Cell::List(_)) | None => None,
        };
        let currency = row.related("Opportunity").and_then(|record| record.text(opportunity::CURRENCY));
        self.currency = currency.map(str::to_owned).or(self.currency.take());
        self.stages.push(Stage {
            since,
            stage: row.text(opportunity::STAGE).map(str::to_owned),
            amount,
            close_date: row.text(opportunity::CLOSE_DATE).and_then(date),
        });
    }

    /// Adds a row of `OpportunityFieldHistory`.
    pub fn add_tracked(&mut self, row: &Row<'_>) {
        let (Some(name), Some(at)) = (row.text("Field"), row.text(common::CREATED).and_then(instant)) else { return };
        let cell = |column| row.cell(column).map_or(Cell::Empty, owned);
        let changed = Tracked { at, old: cell("OldValue"), new: cell("NewValue") };
        // A change of a relationship comes twice: once with names, once with ids.
        let is_id = |cell: &Cell<'_>| match cell {
            Cell::Text(text) => text.starts_with(USER_PREFIX) && matches!(text.len(), 15 | 18),
            Cell::Empty => true,
            Cell::Flag(_) | Cell::Number(_) | Cell::Row(_) | Cell::List(_) => false,
        };
        if name != "Owner" || is_id(&changed.old) && is_id(&changed.new) {
            self.tracked.entry(name.to_ascii_lowercase()).or_default().push(changed);
        }
    }

    /// The past values of canonical fields, oldest first; fields without history are left out.
    pub fn history(&self, fields: &[FieldName], schema: &Schema, reading: &Reading) -> Vec<FieldHistory> {
        let one = |name: &FieldName| {
            let mut entries = match tracked_name(reading, name) {
                Some(tracked) => self.tracked(tracked, name, schema, reading)?,
                None => {
                    self.stages.iter().filter_map(|row| Some((row.since, self.of_stage(name, row, schema)?))).collect()
                }
            };
            entries.sort_by_key(|(since, _)| *since);
            // A row for another field repeats the value of this one.
            entries.dedup_by(|later, earlier| later.1 == earlier.1);
            (!entries.is_empty()).then(|| FieldHistory { field: name.clone(), entries })
        };
        fields.iter().filter_map(one).collect()
    }

    /// What a row of `OpportunityHistory` says of a canonical field; `None` for a field that it does not tell.
    fn of_stage(&self, name: &FieldName, row: &Stage, schema: &Schema) -> Option<Value> {
        let closes = |pick: fn((bool, bool)) -> bool| {
            let stage = row.stage.as_deref()?;
            schema.stage_closes(stage).map(|closes| Value::Bool(pick(closes)))
        };
        let number = |amount: Option<Decimal>| amount.map_or(Value::Null, Value::Number);
        match name.as_str() {
            field::STAGE => Some(row.stage.as_deref().map_or(Value::Null, |id| Value::text(schema.stage_name(id)))),
            field::STAGE_ID => Some(row.stage.as_deref().map_or(Value::Null, Value::text)),
            field::IS_CLOSED => closes(|(closed, _)| closed),
            field::IS_WON => closes(|(_, won)| won),
            field::AMOUNT_RECORD => Some(number(row.amount)),
            field::AMOUNT => {
                let currency = self.currency.as_deref().unwrap_or(&schema.org.currency);
                match row.amount {
                    Some(amount) => at_home(amount, currency, schema).map(Value::Number),
                    None => Some(Value::Null),
                }
            }
            field::CLOSE_DATE => Some(row.close_date.map_or(Value::Null, Value::Date)),
            _ => None,
        }
    }

    fn tracked(
        &self,
        tracked: &str,
        name: &FieldName,
        schema: &Schema,
        reading: &Reading,
    ) -> Option<Vec<(Instant, Value)>> {
        let changes = self.tracked.get(&tracked.to_ascii_lowercase())?;
        let value_type = api_name(reading, name).map_or(ValueType::Text, |(_, value_type)| value_type);
        let read = |cell: &Cell<'_>| value(Some(cell), value_type, schema.org.zone).ok();
        // The first row of the other history is the making of the opportunity.
        let made = self.stages.first().map(|row| row.since);
        let before = made.zip(changes.first()).and_then(|(made, first)| Some((made, read(&first.old)?)));
        let since = changes.iter().filter_map(|change| Some((change.at, read(&change.new)?)));
        Some(before.into_iter().chain(since).collect())
    }
}

fn owned(cell: &Cell<'_>) -> Cell<'static> {
    match cell {
        Cell::Flag(flag) => Cell::Flag(*flag),
        Cell::Number(number) => Cell::Number(*number),
        Cell::Text(text) => Cell::Text(text.to_string().into()),
        Cell::Empty | Cell::Row(_) | Cell::List(_) => Cell::Empty,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::sample::schema;
    use super::*;

    /// The past of one opportunity, as text.
    fn told(stages: &Json, tracked: &Json, name: &str) -> Option<Vec<String>> {
        let mut past = Past::default();
        let (stages, tracked) = (stages.to_string(), tracked.to_string());
        serde_json::from_str::<Vec<Row<'_>>>(&stages).unwrap().iter().for_each(|row| past.add_stage(row));
        serde_json::from_str::<Vec<Row<'_>>>(&tracked).unwrap().iter().for_each(|row| past.add_tracked(row));
        let schema = schema();
        let reading = schema.reading.clone().unwrap();
        let found = past.history(&[name.into()], &schema, &reading).pop()?;
        Some(found.entries.iter().map(|(at, value)| format!("{} {value}", at.format("%d"))).collect())
    }

    fn stages() -> Json {
        let row = |day: u32, stage: &str, amount: u32| {
            json!({ "CreatedDate": format!("2026-03-{day:02}T08:00:00.000+0000"), "StageName": stage, "Amount": amount,
                "CloseDate": "2026-06-30", "Opportunity": { "CurrencyIsoCode": "USD" } })
        };
        json!([
            row(2, "Prospecting", 100),
            row(3, "Prospecting", 200),
            row(4, "Closed Won", 200),
            row(5, "Vanished", 200)
        ])
    }

    fn change(day: u32, field: &str, old: Json, new: Json) -> Json {
        json!({ "CreatedDate": format!("2026-03-{day:02}T08:00:00.000+0000"), "Field": field, "OldValue": old, "NewValue": new })
    }

    #[test]
    fn stage_history_tells_stages_and_amounts_without_repetitions() {
        let check = |name: &str, expected: Option<&[&str]>| {
            let expected = expected.map(|texts| texts.iter().map(|text| (*text).to_owned()).collect());
            assert_eq!(told(&stages(), &json!([]), name), expected, "{name}");
        };
        check("stage", Some(&["02 Prospecting", "04 Won", "05 Vanished"]));
        check("stage_id", Some(&["02 Prospecting", "04 Closed Won", "05 Vanished"]));
        check("is_won", Some(&["02 false", "04 true"]));
        check("amount_record", Some(&["02 100", "03 200"]));
        check("amount", Some(&["02 80", "03 160"]));
        check("close_date", Some(&["02 2026-06-30"]));
        check("complex", None);
        check("proposal_sent_at", None);
    }

    #[test]
    fn a_tracked_field_begins_with_what_it_held_when_the_record_was_made() {
        let tracked = json!([
            change(3, "Complex__c", json!(false), json!(true)),
            change(4, "Complex__c", json!("true"), json!("false")),
            change(4, "Other__c", json!(1), json!(2)),
        ]);
        let expected = ["02 false", "03 true", "04 false"].map(str::to_owned);
        assert_eq!(told(&stages(), &tracked, "complex"), Some(expected.to_vec()));
        assert_eq!(told(&json!([]), &tracked, "complex"), Some(expected[1..].to_vec()), "since when is not known");
    }

    #[test]
    fn of_the_two_rows_about_an_owner_the_one_with_ids_counts() {
        let (ada, bo) = ("005D000000AAAAAIAN", "005D000000BBBBBIAN");
        let tracked =
            json!([change(3, "Owner", json!("Ada Berg"), json!("Bo")), change(3, "Owner", json!(ada), json!(bo)),]);
        let expected = vec![format!("02 {ada}"), format!("03 {bo}")];
        assert_eq!(told(&stages(), &tracked, "owner.id"), Some(expected));
    }
}
