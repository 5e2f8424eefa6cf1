//! Making and changing records: everything is checked before anything is stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Portal;
use super::associations::LinkType;
use super::builtin::required_properties;
use super::happening::What;
use super::instant::{Millis, iso};
use super::kind::{Kind, RecordId};
use super::record::{Record, Source, Version};
use super::schema::PropertyId;
use super::values::{conflicting_value, read_only_property, text_of, unknown_property};
use crate::refusal::{InvalidValue, Refusal};

/// Property values by name, as callers send them.
pub(crate) type Values = BTreeMap<String, Value>;

/// A tie to make together with a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tie {
    pub(crate) kind: Kind,
    pub(crate) id: RecordId,
    pub(crate) link: LinkType,
}

/// Checked values, ready to be stored.
#[derive(Debug)]
pub(crate) struct Draft {
    values: Vec<(PropertyId, Option<String>)>,
}

impl Portal {
    /// Checks the values of a record that is to be made.
    pub(crate) fn check_new(&self, kind: Kind, values: &Values) -> Result<Draft, Refusal> {
        let is_set = |name: &str| values.get(name).and_then(text_of).is_some_and(|text| !text.is_empty());
        let missing: Vec<_> = required_properties(kind).iter().copied().filter(|name| !is_set(name)).collect();
        if !missing.is_empty() {
            return Err(Refusal::missing_properties(kind.singular(), &missing));
        }
        let mut draft = self.check(kind, None, values)?;
        self.add_defaults(kind, &mut draft);
        Ok(draft)
    }

    /// Checks the new values of a record that exists.
    pub(crate) fn check_change(&self, kind: Kind, record: &Record, values: &Values) -> Result<Draft, Refusal> {
        self.check(kind, Some(record), values)
    }

    /// Stores a new record.
    pub(crate) fn create(&mut self, kind: Kind, draft: &Draft, ties: &[Tie], source: Source) -> RecordId {
        let id = self.next_id();
        self.insert(kind, Record::new(id, self.now, source));
        self.note(kind, id, What::Created, source);
        self.set_values(kind, id, draft, source);
        for tie in ties {
            self.connect((kind, id), (tie.kind, tie.id), tie.link);
        }
        id
    }

    /// Stores new values of a record; values that are there already leave no trace.
    pub(crate) fn set_values(&mut self, kind: Kind, id: RecordId, draft: &Draft, source: Source) {
        for (property, text) in &draft.values {
            let value = text.as_deref().map(|text| self.stored_text(kind, *property, text));
            self.set_value(kind, id, *property, value, source);
        }
    }

    /// Stores one value of a record.
    pub(crate) fn set_value(
        &mut self,
        kind: Kind,
        id: RecordId,
        property: PropertyId,
        value: Option<Arc<str>>,
        source: Source,
    ) {
        let now = self.now;
        let store = self.store_mut(kind);
        let unique = store.schema.property(property).unique;
        let Some(record) = store.records.get_mut(&id) else { return };
        let before = record.value(property).cloned();
        if before == value {
            return;
        }
        let (updated, at) = (record.updated(), now.max(record.updated()));
        record.set(Version { at, property, source, value: value.clone() });
        store.by_update.remove(&(updated, id));
        store.by_update.insert((at, id));
        if unique {
            if let Some(before) = before
                && let Some(holders) = store.by_unique_value.get_mut(&(property, before))
            {
                holders.retain(|holder| *holder != id);
            }
            if let Some(value) = value.clone() {
                store.by_unique_value.entry((property, value)).or_default().push(id);
            }
        }
        self.note(kind, id, What::Changed(property, value), source);
    }

    /// Adds a record as it is, with a history of its own; its values are not checked.
    pub(crate) fn insert(&mut self, kind: Kind, record: Record) {
        let store = self.store_mut(kind);
        store.by_update.insert((record.updated(), record.id));
        store.records.insert(record.id, record);
    }

    /// Ties two records together; the CRM notes the activity on a deal, which changes the deal.
    pub(crate) fn connect(&mut self, from: (Kind, RecordId), to: (Kind, RecordId), link: LinkType) {
        self.associations.connect(from, to, link);
        for (activity, deal) in [(from, to), (to, from)] {
            if let ((Kind::Task | Kind::Note, _), (Kind::Deal, deal)) = (activity, deal) {
                let now: Arc<str> = iso(self.now).into();
                self.set_value(Kind::Deal, deal, self.known.deal_last_activity, Some(now), Source::Crm);
            }
        }
    }

    /// Records that something happened to a record as a whole.
    pub(crate) fn note_change(&mut self, kind: Kind, id: RecordId, change: impl FnOnce(&mut Record, Millis)) {
        let now = self.now;
        let store = self.store_mut(kind);
        let Some(record) = store.records.get_mut(&id) else { return };
        let updated = record.updated();
        store.by_update.remove(&(updated, id));
        change(record, now.max(updated));
        store.by_update.insert((record.updated(), id));
    }

    fn check(&self, kind: Kind, record: Option<&Record>, values: &Values) -> Result<Draft, Refusal> {
        let mut checked = Vec::with_capacity(values.len());
        let mut invalid = Vec::new();
        for (name, value) in values {
            match self.check_named(kind, record, name, value) {
                Ok(value) => checked.push(value),
                Err(refused) => invalid.push(refused),
            }
        }
        if kind == Kind::Deal && invalid.is_empty() {
            invalid.extend(self.check_stage(record, &checked));
        }
        match invalid.is_empty() {
            true => Ok(Draft { values: checked }),
            false => Err(Refusal::invalid_values(&invalid)),
        }
    }

    fn check_named(
        &self,
        kind: Kind,
        record: Option<&Record>,
        name: &str,
        value: &Value,
    ) -> Result<(PropertyId, Option<String>), InvalidValue> {
        let id = self.schema(kind).find(name).ok_or_else(|| unknown_property(name))?;
        let property = self.schema(kind).property(id);
        if property.is_read_only() {
            return Err(read_only_property(name));
        }
        let text = text_of(value).ok_or_else(|| InvalidValue {
            property: name.to_owned(),
            code: "INVALID_STRING",
            message: format!("{name} was not a valid string"),
        })?;
        let stored = self.check_value(kind, record, id, &text)?;
        if let Some(text) = stored.as_deref().filter(|_| property.unique) {
            let own = record.map(|record| record.id);
            let mut others = self.holders(kind, id, text).filter(|other| other.is_live() && Some(other.id) != own);
            if let Some(other) = others.next() {
                return Err(conflicting_value(property, text, other));
            }
        }
        Ok((id, stored))
    }

    /// A stage belongs to the pipeline that the deal is in, or comes into.
    fn check_stage(&self, record: Option<&Record>, checked: &[(PropertyId, Option<String>)]) -> Option<InvalidValue> {
        let written = |property| checked.iter().find(|(id, _)| *id == property).map(|(_, text)| text.as_deref());
        let current = |property| record.and_then(|record| record.value(property)).map(|value| &**value);
        let (stage, pipeline) = (self.known.deal_stage, self.known.deal_pipeline);
        if written(stage).is_none() && written(pipeline).is_none() {
            return None;
        }
        let pipeline = written(pipeline).unwrap_or(current(pipeline)).unwrap_or(self.default_pipeline());
        let stage = written(stage).unwrap_or(current(stage)).unwrap_or_default();
        if self.pipeline(pipeline).is_some_and(|pipeline| pipeline.stage(stage).is_some()) {
            return None;
        }
        Some(InvalidValue {
            property: "dealstage".to_owned(),
            code: "INVALID_OPTION",
            message: format!("{stage} is not a stage of the pipeline {pipeline}"),
        })
    }

    fn add_defaults(&self, kind: Kind, draft: &mut Draft) {
        let defaults: &[(&str, &str)] = match kind {
            Kind::Deal => &[("pipeline", self.default_pipeline())],
            Kind::Task => &[("hs_task_status", "NOT_STARTED"), ("hs_task_priority", "NONE"), ("hs_task_type", "TODO")],
            Kind::Contact | Kind::Company | Kind::Note | Kind::User => &[],
        };
        for (name, text) in defaults {
            let id = self.schema(kind).find(name);
            let unset = id.filter(|id| draft.values.iter().all(|(set, _)| set != id));
            draft.values.extend(unset.map(|id| (id, Some((*text).to_owned()))));
        }
    }

    fn default_pipeline(&self) -> &str {
        self.pipelines.first().map_or("default", |pipeline| &pipeline.id)
    }

    /// Values of closed sets are stored once for all records.
    fn stored_text(&mut self, kind: Kind, property: PropertyId, text: &str) -> Arc<str> {
        use super::schema::ValueType::{Bool, Date, DateTime, Enumeration, Number, String};
        match self.schema(kind).property(property).value_type {
            Bool | Enumeration => self.shared_text(text),
            Date | DateTime | Number | String => Arc::from(text),
        }
    }
}

/// The refusal of a tie to a record that is not there.
pub(crate) fn missing_end(kind: Kind, id: &str) -> Refusal {
    Refusal::not_found(format!("The {} with id {id} does not exist", kind.singular())).with_context("ids", json!([id]))
}
