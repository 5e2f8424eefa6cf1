//! Records as they are written on the wire.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::portal::Portal;
use crate::portal::builtin::{constant_properties, default_properties};
use crate::portal::instant::{Millis, iso};
use crate::portal::kind::Kind;
use crate::portal::record::Record;
use crate::portal::schema::PropertyId;

/// Which properties an answer shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    values: BTreeSet<PropertyId>,
    histories: BTreeSet<PropertyId>,
}

impl Shown {
    /// What a reader asked for; names of properties that do not exist are silently left out.
    pub(crate) fn asked<'a>(
        portal: &Portal,
        kind: Kind,
        values: impl IntoIterator<Item = &'a str>,
        histories: impl IntoIterator<Item = &'a str>,
    ) -> Shown {
        let find = |name: &str| portal.schema(kind).find(name);
        let histories: BTreeSet<_> = histories.into_iter().filter_map(find).collect();
        let mut asked = values.into_iter().peekable();
        let mut shown: BTreeSet<_> = match asked.peek() {
            Some(_) => asked.filter_map(find).collect(),
            None => default_properties(kind).iter().copied().filter_map(find).collect(),
        };
        shown.extend(histories.iter().copied());
        shown.extend(constant_properties(kind).iter().copied().filter_map(find));
        Shown { values: shown, histories }
    }

    /// What the answer to a write shows: everything that is stored, and what the CRM has calculated by then.
    pub(crate) fn written(portal: &Portal, kind: Kind, record: &Record) -> Shown {
        let calculated = ["hs_object_source", "hs_object_source_id", "hs_is_closed", "hs_is_closed_won"]
            .into_iter()
            .chain(["amount_in_home_currency", "hs_task_is_completed", "hs_task_is_overdue", "hs_obj_coords"])
            .chain(constant_properties(kind).iter().copied());
        let mut values: BTreeSet<_> = calculated.filter_map(|name| portal.schema(kind).find(name)).collect();
        let is_there = |id: &PropertyId| portal.schema(kind).property(*id).archived.is_none();
        values.extend(record.versions().iter().map(|version| version.property).filter(is_there));
        Shown { values, histories: BTreeSet::new() }
    }
}

/// Writes a record as it was at an instant.
pub(crate) fn record(portal: &Portal, kind: Kind, record: &Record, shown: &Shown, at: Millis) -> Value {
    let schema = portal.schema(kind);
    let name = |id: &PropertyId| schema.property(*id).name.clone();
    let value = |id: &PropertyId| match portal.value_at(kind, record, *id, at) {
        Some(value) => Value::String(value.into_owned()),
        None => Value::Null,
    };
    let properties: Map<_, _> = shown.values.iter().map(|id| (name(id), value(id))).collect();
    let mut written = json!({
        "id": record.id.to_string(),
        "properties": properties,
        "createdAt": iso(record.created),
        "updatedAt": iso(record.updated_at(at)),
        "archived": record.archived.is_some(),
        "url": url(portal, kind, record),
    });
    if let Some(archived) = record.archived {
        written["archivedAt"] = iso(archived).into();
    }
    if !shown.histories.is_empty() {
        let histories: Map<_, _> =
            shown.histories.iter().map(|id| (name(id), history(portal, kind, record, *id))).collect();
        written["propertiesWithHistory"] = histories.into();
    }
    written
}

/// Writes a record as it is now.
pub(crate) fn current(portal: &Portal, kind: Kind, record: &Record, shown: &Shown) -> Value {
    self::record(portal, kind, record, shown, Millis::MAX)
}

/// The values that a property took, newest first; of a calculated one the present value only.
fn history(portal: &Portal, kind: Kind, record: &Record, id: PropertyId) -> Value {
    if portal.schema(kind).property(id).calculation.is_some() {
        let value = portal.value_at(kind, record, id, Millis::MAX);
        let present = value.map(|value| {
            json!({ "value": value, "timestamp": iso(record.updated()), "sourceType": "CALCULATED", "sourceId": null })
        });
        return present.into_iter().collect();
    }
    let versions = record.history(id).map(|version| {
        let mut written = json!({
            "value": version.value.as_deref().unwrap_or_default(),
            "timestamp": iso(version.at),
            "sourceType": version.source.name(),
            "sourceId": version.source.id(),
        });
        if let crate::portal::record::Source::Person(user) = version.source {
            written["updatedByUserId"] = user.into();
        }
        written
    });
    versions.collect()
}

fn url(portal: &Portal, kind: Kind, record: &Record) -> String {
    let (account, id) = (portal.portal_id, record.id);
    match kind {
        Kind::Task => format!("https://app.hubspot.com/tasks/{account}/view/all/task/{id}"),
        Kind::Contact | Kind::Company | Kind::Deal | Kind::Note | Kind::User => {
            format!("https://app.hubspot.com/contacts/{account}/record/{}/{id}", kind.number())
        }
    }
}
