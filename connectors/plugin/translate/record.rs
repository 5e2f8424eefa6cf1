//! What the program says of a record into a change.

use std::collections::BTreeMap;

use dealclock_connector::Mapping;
use dealclock_model::record::{FieldHistory, field};
use dealclock_model::{
    Catalog, Change, ChangeState, ConnectionId, FieldName, Object, PersonId, Record, RecordId, RecordRef, Value,
};
use serde_json::Value as Json;

use super::value::{NotReadable, value};
use crate::wire;

/// What translating needs to know of the connection.
#[derive(Debug)]
pub struct Reading {
    connection: ConnectionId,
    catalog: Catalog,
    stages: BTreeMap<String, Vec<String>>,
}

impl Reading {
    /// What translating needs of a connection with its mapping.
    pub fn new(connection: ConnectionId, mapping: &Mapping) -> Reading {
        Reading { connection, catalog: mapping.catalog(Object::Opportunity), stages: mapping.stages.clone() }
    }

    /// Names a record.
    pub fn reference(&self, id: &str) -> RecordRef {
        RecordRef { connection: self.connection.clone(), object: Object::Opportunity, id: RecordId::from(id) }
    }

    /// A change.
    pub fn change(&self, change: wire::Change) -> Change {
        match change {
            wire::Change::Present { id, stamp, owner, fields, url, parked } => {
                let mut record = self.record(&fields, parked);
                record.owner = owner.filter(|owner| !owner.is_empty()).map(PersonId::from);
                record.url = url;
                Change { record: self.reference(&id), stamp, state: ChangeState::Present(record) }
            }
            wire::Change::Deleted { id, stamp } => {
                Change { record: self.reference(&id), stamp, state: ChangeState::Deleted }
            }
            wire::Change::Merged { id, stamp, into } => {
                let state = ChangeState::Merged { into: RecordId::from(into) };
                Change { record: self.reference(&id), stamp, state }
            }
        }
    }

    /// The history of a record's fields; what cannot be read is left out with its field.
    pub fn history(&self, past: &wire::Past, fields: &[FieldName]) -> Vec<FieldHistory> {
        let of = |name: &FieldName| {
            let mut entries = Vec::new();
            for entry in past.fields.get(name.as_str())? {
                entries.push((entry.since, self.read(name, &entry.value).ok()?));
            }
            entries.sort_by_key(|(since, _)| *since);
            Some(FieldHistory { field: name.clone(), entries })
        };
        fields.iter().filter_map(of).collect()
    }

    /// A value that cannot be read parks the record: taken for empty, it would fire reminders.
    fn record(&self, sent: &BTreeMap<String, Json>, mut parked: Option<String>) -> Record {
        let mut fields = BTreeMap::new();
        for name in self.catalog.fields.keys().filter(|name| !name.as_str().starts_with("owner.")) {
            match self.read(name, sent.get(name.as_str()).unwrap_or(&Json::Null)) {
                Ok(Value::Null) => {}
                Ok(value) => {
                    fields.insert(name.clone(), value);
                }
                Err(NotReadable(wanted)) => {
                    parked.get_or_insert(format!("`{name}` holds no readable {wanted}"));
                }
            }
        }
        if let Some(name) = self.stage(sent) {
            fields.insert(FieldName::from(field::STAGE), Value::text(name));
        }
        Record { owner: None, fields, url: None, parked }
    }

    fn read(&self, name: &FieldName, json: &Json) -> Result<Value, NotReadable> {
        match self.catalog.fields.get(name) {
            Some(spec) => {
                let value = value(json, spec.value_type)?;
                let is_stage = name.as_str() == field::STAGE;
                Ok(match (&value, is_stage) {
                    (Value::Text(label), true) => Value::text(self.stage_name(label, label, "").unwrap_or(label)),
                    _ => value,
                })
            }
            None => Ok(Value::Null),
        }
    }

    /// The canonical name of the stage that the record is in.
    fn stage(&self, sent: &BTreeMap<String, Json>) -> Option<&str> {
        let text = |name| sent.get(name).and_then(Json::as_str).unwrap_or_default();
        self.stage_name(text(field::STAGE_ID), text(field::STAGE), text(field::PIPELINE))
    }

    fn stage_name(&self, id: &str, label: &str, pipeline: &str) -> Option<&str> {
        let is_stage = |name: &str| !name.is_empty() && (name == id || name == label);
        let is_called = |name: &str| {
            // A label may itself hold a slash, so every place to cut is tried.
            let mut cuts = name.match_indices('/').map(|(at, _)| (&name[..at], &name[at + 1..]));
            is_stage(name) || cuts.any(|(before, after)| before == pipeline && is_stage(after))
        };
        self.stages.iter().find(|(_, names)| names.iter().any(|name| is_called(name))).map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let mut mapping = Mapping::default();
        mapping.stages.insert("Open".into(), vec!["Sales/new".into(), "fresh".into()]);
        Reading::new("acme".into(), &mapping)
    }

    fn record(json: &str) -> Record {
        match reading().change(serde_json::from_str(json).unwrap()).state {
            ChangeState::Present(record) => record,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stage_has_the_name_that_the_mapping_gives_it() {
        let check = |id: &str, label: &str, pipeline: &str, expected: &str| {
            let json = format!(
                r#"{{"state":"present","id":"1","stamp":"2026-03-02T09:00:00Z",
                    "fields":{{"stage_id":"{id}","stage":"{label}","pipeline":"{pipeline}"}}}}"#
            );
            assert_eq!(record(&json).get(field::STAGE), &Value::text(expected), "{id} {label} {pipeline}");
        };
        check("new", "New", "Sales", "Open");
        check("new", "New", "Service", "New");
        check("7", "fresh", "", "Open");
        check("8", "stale", "", "stale");
    }

    #[test]
    fn a_value_that_cannot_be_read_parks_the_record_and_is_not_taken_for_empty() {
        let record = record(
            r#"{"state":"present","id":"1","stamp":"2026-03-02T09:00:00Z","owner":"",
                "fields":{"amount":"a lot","name":"Deal","unasked":{"odd":1}}}"#,
        );
        assert_eq!(record.parked.as_deref(), Some("`amount` holds no readable number"));
        assert_eq!((record.owner, record.fields.contains_key("unasked")), (None, false));
    }
}
