//! Calls on single records, and the list of all records of a type.

use std::ops::Bound;

use serde::Deserialize;
use serde_json::{Value, json};

use super::render::{self, Shown};
use super::{Answer, Call, Outcome};
use crate::portal::Portal;
use crate::portal::associations::link_types;
use crate::portal::kind::{Kind, RecordId};
use crate::portal::record::Record;
use crate::portal::schema::PropertyId;
use crate::portal::write::{Tie, Values, missing_end};
use crate::refusal::Refusal;

/// The largest page of a list.
const LARGEST_PAGE: usize = 100;
/// The largest page where histories are asked for.
const LARGEST_PAGE_WITH_HISTORY: usize = 50;

/// A record to make.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewRecord {
    #[serde(default)]
    pub(crate) properties: Values,
    #[serde(default)]
    pub(crate) associations: Vec<NewTie>,
    #[serde(default)]
    pub(crate) object_write_trace_id: Option<String>,
}

/// An association to make together with a record.
#[derive(Deserialize)]
pub(crate) struct NewTie {
    to: TieEnd,
    #[serde(default)]
    types: Vec<TieType>,
}

#[derive(Deserialize)]
struct TieEnd {
    id: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TieType {
    association_type_id: u16,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    properties: Values,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Merge {
    primary_object_id: String,
    object_id_to_merge: String,
}

/// `GET /crm/objects/{type}`: all records by id, a page at a time.
pub(crate) fn list(portal: &Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let histories = call.list("propertiesWithHistory");
    let largest = if histories.is_empty() { LARGEST_PAGE } else { LARGEST_PAGE_WITH_HISTORY };
    let limit = call.number("limit", 10, largest)?;
    let after = match call.parameter("after") {
        Some(text) => text.parse().map_err(|_| Refusal::invalid("The after parameter is not a valid cursor"))?,
        None => RecordId(0),
    };
    let shown = Shown::asked(portal, kind, call.list("properties"), histories);
    let others = association_kinds(call)?;
    let archived = call.archived();
    let records =
        portal.store(kind).records.range((Bound::Excluded(after), Bound::Unbounded)).map(|(_, record)| record);
    let mut records = records.filter(|record| {
        if archived { record.archived.is_some() && record.merged_into.is_none() } else { record.is_live() }
    });
    let page: Vec<_> = records.by_ref().take(limit).collect();
    let written: Vec<_> = page.iter().map(|record| with_associations(portal, kind, record, &shown, &others)).collect();
    let mut body = json!({ "results": written });
    if let (Some(last), true) = (page.last(), records.next().is_some()) {
        let link = next_link(call, &last.id.to_string());
        body["paging"] = json!({ "next": { "after": last.id.to_string(), "link": link } });
    }
    Ok(Answer::ok(body))
}

/// `GET /crm/objects/{type}/{id}`.
pub(crate) fn get(portal: &Portal, kind: Kind, id: &str, call: &Call<'_>) -> Outcome {
    let key = unique_key(portal, kind, call.parameter("idProperty"))?;
    let record = find(portal, kind, key, id, call.archived()).ok_or_else(|| no_record(kind, id))?;
    let shown = Shown::asked(portal, kind, call.list("properties"), call.list("propertiesWithHistory"));
    Ok(Answer::ok(with_associations(portal, kind, record, &shown, &association_kinds(call)?)))
}

/// `POST /crm/objects/{type}`.
pub(crate) fn create(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let new: NewRecord = call.json()?;
    let draft = portal.check_new(kind, &new.properties)?;
    let ties = check_ties(portal, kind, &new.associations)?;
    let id = portal.create(kind, &draft, &ties, call.source);
    Ok(Answer::created(written(portal, kind, id)))
}

/// `PATCH /crm/objects/{type}/{id}`; the id of a merged record leads to the one that survived.
pub(crate) fn update(portal: &mut Portal, kind: Kind, id: &str, call: &Call<'_>) -> Outcome {
    let change: Change = call.json()?;
    let key = unique_key(portal, kind, call.parameter("idProperty"))?;
    let record = find(portal, kind, key, id, false).ok_or_else(|| no_record(kind, id))?;
    let id = record.id;
    let draft = portal.check_change(kind, record, &change.properties)?;
    portal.set_values(kind, id, &draft, call.source);
    Ok(Answer::ok(written(portal, kind, id)))
}

/// `DELETE /crm/objects/{type}/{id}`: 204 also when there is nothing to delete.
pub(crate) fn archive(portal: &mut Portal, kind: Kind, id: &str) -> Outcome {
    if let Ok(id) = id.parse() {
        portal.archive(kind, id);
    }
    Ok(Answer::no_content())
}

/// `POST /crm/objects/{type}/merge`.
pub(crate) fn merge(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let merge: Merge = call.json()?;
    let end = |id: &str| find(portal, kind, None, id, false).map(|record| record.id).ok_or_else(|| no_record(kind, id));
    let (survivor, absorbed) = (end(&merge.primary_object_id)?, end(&merge.object_id_to_merge)?);
    if !portal.merge(kind, survivor, absorbed, call.source) {
        return Err(Refusal::invalid("A record cannot be merged with itself"));
    }
    Ok(Answer::ok(written(portal, kind, survivor)))
}

/// Finds a record by its id, or by the value of a unique property.
pub(crate) fn find<'a>(
    portal: &'a Portal,
    kind: Kind,
    key: Option<PropertyId>,
    id: &str,
    archived: bool,
) -> Option<&'a Record> {
    let wanted = |record: &&Record| record.merged_into.is_none() && record.archived.is_some() == archived;
    match key {
        Some(key) => portal.holders(kind, key, id).find(wanted),
        None => portal.survivor(kind, id.parse().ok()?).filter(wanted),
    }
}

/// The property that records are named by, where it is not the record id.
///
/// The record id must not be named: <https://github.com/segmentio/action-destinations/issues/3957>.
pub(crate) fn unique_key(portal: &Portal, kind: Kind, name: Option<&str>) -> Result<Option<PropertyId>, Refusal> {
    let Some(name) = name.filter(|name| !name.is_empty()) else { return Ok(None) };
    let property = portal.schema(kind).find(name);
    match property.filter(|id| portal.schema(kind).property(*id).unique) {
        Some(id) => Ok(Some(id)),
        None => {
            let number = kind.number();
            Err(Refusal::invalid(format!(
                "Unable to perform read/update/upsert by non-unique {number} property {name}"
            )))
        }
    }
}

/// Checks the associations that are to be made with a record.
pub(crate) fn check_ties(portal: &Portal, from: Kind, ties: &[NewTie]) -> Result<Vec<Tie>, Refusal> {
    let mut checked = Vec::new();
    for tie in ties {
        let id = crate::portal::values::text_of(&tie.to.id).unwrap_or_default();
        if tie.types.is_empty() {
            return Err(Refusal::invalid("Some required fields were not set: [types]"));
        }
        for wanted in &tie.types {
            checked.push(check_tie(portal, from, &id, wanted.association_type_id)?);
        }
    }
    Ok(checked)
}

/// Writes a record as the answer to a write shows it.
pub(crate) fn written(portal: &Portal, kind: Kind, id: RecordId) -> Value {
    match portal.record(kind, id) {
        Some(record) => render::current(portal, kind, record, &Shown::written(portal, kind, record)),
        None => Value::Null,
    }
}

/// A record that is not there.
pub(crate) fn no_record(kind: Kind, id: &str) -> Refusal {
    Refusal::not_found(format!("Object not found. No {} with id {id} exists.", kind.singular()))
}

fn check_tie(portal: &Portal, from: Kind, id: &str, number: u16) -> Result<Tie, Refusal> {
    let found = Kind::ALL.into_iter().find_map(|to| {
        let link = link_types(from, to).find(|link| link.there == number)?;
        Some((to, link))
    });
    let Some((kind, link)) = found else {
        let message = format!("Association type {number} does not lead from {}", from.number());
        return Err(Refusal::invalid(message));
    };
    let record = find(portal, kind, None, id, false).ok_or_else(|| missing_end(kind, id))?;
    Ok(Tie { kind, id: record.id, link })
}

fn association_kinds(call: &Call<'_>) -> Result<Vec<Kind>, Refusal> {
    let unknown = |name: &str| Refusal::invalid(format!("Unable to infer object type from: {name}"));
    call.list("associations").into_iter().map(|name| Kind::parse(name).ok_or_else(|| unknown(name))).collect()
}

fn with_associations(portal: &Portal, kind: Kind, record: &Record, shown: &Shown, others: &[Kind]) -> Value {
    let mut written = render::current(portal, kind, record, shown);
    for other in others {
        let ends = portal.associations.of((kind, record.id), *other).iter();
        let live = ends.filter(|(id, _)| portal.record(*other, *id).is_some_and(Record::is_live));
        let name = format!("{}_to_{}", kind.singular(), other.singular());
        let results: Vec<_> = live.map(|(id, _)| json!({ "id": id.to_string(), "type": name })).collect();
        if !results.is_empty() {
            written["associations"][other.plural()] = json!({ "results": results });
        }
    }
    written
}

fn next_link(call: &Call<'_>, after: &str) -> String {
    let kept = call.query.iter().filter(|(key, _)| key != "after").map(|(key, value)| format!("{key}={value}"));
    let query: Vec<_> = kept.chain([format!("after={after}")]).collect();
    format!("{}?{}", call.address, query.join("&"))
}
