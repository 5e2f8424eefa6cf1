//! A deal into an opportunity.

use std::collections::BTreeMap;

use dealclock_model::record::{FieldHistory, field};
use dealclock_model::{
    Change, ChangeState, ConnectionId, FieldName, Instant, Object, PersonId, Record, RecordId, RecordRef, Value,
    ValueType,
};

use super::value::{NotReadable, instant, value};
use crate::api::deal;
use crate::schema::{Reading, Schema, Source, history_property};
use crate::wire;

/// Names a deal.
pub fn reference(connection: &ConnectionId, id: &str) -> RecordRef {
    RecordRef { connection: connection.clone(), object: Object::Opportunity, id: RecordId::from(id) }
}

/// A deal as it is now. `seen_at` stands in for a stamp that HubSpot does not send.
pub fn present(
    connection: &ConnectionId,
    deal: &wire::Object,
    schema: &Schema,
    reading: &Reading,
    seen_at: Instant,
) -> Change {
    Change {
        record: reference(connection, deal.id.text()),
        stamp: stamp(deal).unwrap_or(seen_at),
        state: ChangeState::Present(record(deal, schema, reading)),
    }
}

/// A deal in the recycle bin, or one that is nowhere.
pub fn deleted(connection: &ConnectionId, id: &str, deal: Option<&wire::Object>, seen_at: Instant) -> Change {
    let archived_at = deal.and_then(|deal| deal.archived_at.as_str()).and_then(instant);
    let stamp = archived_at.max(deal.and_then(stamp)).unwrap_or(seen_at);
    Change { record: reference(connection, id), stamp, state: ChangeState::Deleted }
}

/// A deal that lives on in another.
pub fn merged(connection: &ConnectionId, id: &str, survivor: &wire::Object, seen_at: Instant) -> Change {
    let into = RecordId::from(survivor.id.text());
    let stamp = stamp(survivor).unwrap_or(seen_at);
    Change { record: reference(connection, id), stamp, state: ChangeState::Merged { into } }
}

/// The modification stamp.
pub fn stamp(deal: &wire::Object) -> Option<Instant> {
    let property = deal.get(deal::MODIFIED);
    property.or(deal.updated_at.as_str()).or(deal.created_at.as_str()).and_then(instant)
}

/// The ids that were merged into a deal.
pub fn absorbed(deal: &wire::Object) -> impl Iterator<Item = &str> {
    deal.get(deal::MERGED).unwrap_or_default().split(';').map(str::trim).filter(|id| !id.is_empty())
}

fn record(deal: &wire::Object, schema: &Schema, reading: &Reading) -> Record {
    let mut fields = Fields { values: BTreeMap::new(), parked: None, schema };
    for (name, property, value_type) in [
        (field::NAME, deal::NAME, ValueType::Text),
        (field::AMOUNT_RECORD, deal::AMOUNT, ValueType::Number),
        (field::STAGE_ENTERED_AT, deal::STAGE_ENTERED, ValueType::Time),
        (field::CREATED_AT, deal::CREATED, ValueType::Time),
        (field::MODIFIED_AT, deal::MODIFIED, ValueType::Time),
        (field::CLOSE_DATE, deal::CLOSE_DATE, ValueType::Date),
    ] {
        fields.read(&FieldName::from(name), deal.get(property), value_type);
    }
    fields.money(deal);
    fields.stage(deal);
    for (name, source) in &reading.fields {
        match source {
            Source::Property { name: property, value_type } => fields.read(name, deal.get(property), *value_type),
            Source::Entered { names } => fields.entered(name, names.iter().filter_map(|property| deal.get(property))),
        }
    }
    Record {
        owner: deal.get(deal::OWNER).map(PersonId::from),
        fields: fields.values,
        url: deal.url.clone(),
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
    fn read(&mut self, name: &FieldName, text: Option<&str>, value_type: ValueType) {
        match value(text, value_type, self.schema.zone) {
            Ok(value) => self.put(name.as_str(), value),
            Err(NotReadable(wanted)) => self.park(format!("`{name}` holds no readable {wanted}")),
        }
    }

    fn park(&mut self, why: String) {
        self.parked.get_or_insert(why);
    }

    /// With one currency HubSpot leaves the currency of a deal empty; `amount` is then in the home currency.
    fn money(&mut self, deal: &wire::Object) {
        let home = &self.schema.currency;
        let currency = deal.get(deal::CURRENCY).unwrap_or(home);
        let text = if currency == home { deal.get(deal::AMOUNT) } else { deal.get(deal::AMOUNT_HOME) };
        if text.is_none() && deal.get(deal::AMOUNT).is_some() {
            self.park(format!("its amount is in {currency}, and HubSpot has no exchange rate to {home}"));
        }
        self.put(field::CURRENCY, Value::text(currency));
        self.read(&FieldName::from(field::AMOUNT), text, ValueType::Number);
    }

    /// Whether a stage closes is asked of the pipeline first: the calculated properties lag behind a change.
    fn stage(&mut self, deal: &wire::Object) {
        let flag = |property| deal.get(property) == Some("true");
        let stage = deal.get(deal::STAGE);
        let known = stage.and_then(|id| self.schema.stage_closes(id));
        let (closed, won) = known.unwrap_or((flag(deal::IS_CLOSED), flag(deal::IS_WON)));
        self.put(field::IS_CLOSED, Value::Bool(closed));
        self.put(field::IS_WON, Value::Bool(won));
        if let Some(id) = stage {
            self.put(field::STAGE, Value::text(self.schema.stage_name(id)));
            self.put(field::STAGE_ID, Value::text(id));
        }
        if let Some(id) = deal.get(deal::PIPELINE) {
            self.put(field::PIPELINE, Value::text(self.schema.pipeline_name(id)));
        }
    }

    fn entered<'a>(&mut self, name: &FieldName, texts: impl Iterator<Item = &'a str>) {
        let times: Option<Vec<Instant>> = texts.map(instant).collect();
        match times {
            Some(times) => self.put(name.as_str(), times.into_iter().min().map_or(Value::Null, Value::Time)),
            None => self.park(format!("`{name}` holds no readable {}", ValueType::Time)),
        }
    }
}

/// The past values of canonical fields, oldest first; fields that HubSpot keeps no history of are left out.
pub fn history(deal: &wire::Object, fields: &[FieldName], schema: &Schema, reading: &Reading) -> Vec<FieldHistory> {
    let one = |name: &FieldName| {
        let (property, value_type) = history_property(reading, name)?;
        let property = past_property(deal, name, property, schema);
        let past = deal.properties_with_history.get(property)?;
        let mut entries: Vec<(Instant, Value)> = past
            .iter()
            .filter_map(|past| {
                let since = past.timestamp.as_str().and_then(instant)?;
                Some((since, past_value(name, past.value.as_str(), value_type, schema)?))
            })
            .collect();
        // HubSpot sends the newest first; a stable sort keeps its order among equal times.
        entries.reverse();
        entries.sort_by_key(|(since, _)| *since);
        Some(FieldHistory { field: name.clone(), entries })
    };
    fields.iter().filter_map(one).collect()
}

/// The amount of a deal in the home currency has its history in `amount`; the calculated property only follows it.
fn past_property<'a>(deal: &wire::Object, name: &FieldName, property: &'a str, schema: &Schema) -> &'a str {
    let is_home = deal.get(deal::CURRENCY).is_none_or(|currency| currency == schema.currency);
    if name.as_str() == field::AMOUNT && is_home { deal::AMOUNT } else { property }
}

fn past_value(name: &FieldName, text: Option<&str>, value_type: ValueType, schema: &Schema) -> Option<Value> {
    let of_stage = |translate: &dyn Fn(&str) -> Value| Some(text.map_or(Value::Null, translate));
    match name.as_str() {
        field::STAGE => of_stage(&|id| Value::text(schema.stage_name(id))),
        field::STAGE_ID => of_stage(&|id| Value::text(id)),
        field::IS_CLOSED => {
            of_stage(&|id| schema.stage_closes(id).map_or(Value::Null, |(closed, _)| Value::Bool(closed)))
        }
        field::IS_WON => of_stage(&|id| schema.stage_closes(id).map_or(Value::Null, |(_, won)| Value::Bool(won))),
        field::PIPELINE => of_stage(&|id| Value::text(schema.pipeline_name(id))),
        _ => value(text, value_type, schema.zone).ok(),
    }
}

#[cfg(test)]
mod tests {
    use dealclock_connector::{FieldSource, Mapping};
    use serde_json::{Value as Json, json};

    use super::*;

    fn fixture() -> Json {
        serde_json::from_str(include_str!("../fixtures/deal.json")).unwrap()
    }

    fn schema() -> Schema {
        let mut mapping = Mapping::default();
        let fields = mapping.fields.entry(Object::Opportunity).or_default();
        for (name, property, value_type) in [
            ("complex", "our_complex", ValueType::Bool),
            ("probability", "our_probability", ValueType::Number),
            ("wanted_until", "our_wanted", ValueType::Date),
        ] {
            fields.insert(name.into(), FieldSource::Field { name: property.to_owned(), value_type });
        }
        fields.insert("proposal_sent_at".into(), FieldSource::StageEntered { stage: "Sent".to_owned() });
        mapping.stages.insert("Sent".to_owned(), vec!["Contract Sent".to_owned()]);
        let fixture = fixture();
        let property = |name: &String| wire::Property { name: name.clone(), ..wire::Property::default() };
        let properties = fixture["properties"].as_object().unwrap().keys().map(property).collect();
        let pipelines: wire::Page<wire::Pipeline> =
            serde_json::from_str(include_str!("../fixtures/pipelines.json")).unwrap();
        let account = (chrono_tz::US::Eastern, "USD".to_owned());
        Schema::new(Instant::default(), account, properties, pipelines.results, &mapping)
    }

    fn deal(changes: Json) -> wire::Object {
        let mut deal = fixture();
        for (name, value) in changes.as_object().unwrap() {
            deal["properties"][name] = value.clone();
        }
        serde_json::from_value(deal).unwrap()
    }

    fn translated(changes: Json) -> Change {
        let schema = schema();
        let reading = schema.reading.clone().unwrap();
        present(&"acme".into(), &deal(changes), &schema, &reading, Instant::default())
    }

    #[test]
    fn a_recorded_deal_becomes_an_opportunity() {
        insta::assert_json_snapshot!("opportunity", translated(json!({})));
    }

    #[test]
    fn recorded_history_is_told_oldest_first() {
        let schema = schema();
        let fields = ["stage", "is_won", "complex", "amount", "name", "proposal_sent_at"].map(FieldName::from);
        let history = history(&deal(json!({})), &fields, &schema, &schema.reading.clone().unwrap());
        insta::assert_json_snapshot!("history", history);
    }

    #[test]
    fn what_cannot_be_read_parks_the_record_and_is_not_taken_for_empty() {
        let check = |changes: Json, parked: Option<&str>| {
            let ChangeState::Present(record) = translated(changes.clone()).state else { panic!("not present") };
            assert_eq!(record.parked.as_deref(), parked, "{changes}");
        };
        check(json!({}), None);
        check(json!({ "our_complex": "sideways" }), Some("`complex` holds no readable bool"));
        check(json!({ "hs_v2_date_entered_contractsent": "soon" }), Some("`proposal_sent_at` holds no readable time"));
        check(json!({ "amount": "ten" }), Some("`amount_record` holds no readable number"));
        check(json!({ "deal_currency_code": "USD", "amount_in_home_currency": null }), None);
        check(json!({ "deal_currency_code": "JPY", "amount": null, "amount_in_home_currency": null }), None);
        check(
            json!({ "deal_currency_code": "JPY", "amount_in_home_currency": null }),
            Some("its amount is in JPY, and HubSpot has no exchange rate to USD"),
        );
    }

    #[test]
    fn a_stage_that_no_pipeline_has_keeps_its_id_and_what_hubspot_calculates() {
        let changes = json!({ "dealstage": "77", "pipeline": "p", "hs_is_closed": "true", "hs_is_closed_won": "true" });
        let ChangeState::Present(record) = translated(changes).state else { panic!("not present") };
        let get = |name: &str| record.get(name).to_string();
        assert_eq!(
            [get("stage"), get("stage_id"), get("pipeline"), get("is_closed"), get("is_won")],
            ["77", "77", "p", "true", "true"]
        );
    }

    #[test]
    fn a_tombstone_bears_the_time_of_deletion_where_hubspot_tells_it() {
        let at = |text: &str| text.parse::<Instant>().unwrap();
        let mut gone = deal(json!({}));
        assert_eq!(deleted(&"acme".into(), "1", Some(&gone), Instant::default()).stamp, at("2026-03-12T07:34:59Z"));
        gone.archived_at = serde_json::from_value(json!("2026-03-13T00:00:00Z")).unwrap();
        assert_eq!(deleted(&"acme".into(), "1", Some(&gone), Instant::default()).stamp, at("2026-03-13T00:00:00Z"));
        assert_eq!(deleted(&"acme".into(), "1", None, at("2026-04-01T00:00:00Z")).stamp, at("2026-04-01T00:00:00Z"));
    }
}
