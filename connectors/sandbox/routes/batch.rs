//! Calls on up to a hundred records at once.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::objects::{NewRecord, check_ties, find, no_record, unique_key, written};
use super::render::{self, Shown};
use super::{Answer, Call, Outcome};
use crate::portal::Portal;
use crate::portal::instant::iso;
use crate::portal::kind::{Kind, RecordId};
use crate::portal::write::Values;
use crate::refusal::{Category, Refusal};

/// More inputs than this are refused.
const LARGEST_BATCH: usize = 100;

#[derive(Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    #[serde(default)]
    id_property: Option<String>,
    inputs: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// A record to change, or to make where it is not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change {
    id: String,
    #[serde(default)]
    id_property: Option<String>,
    #[serde(default)]
    properties: Values,
    #[serde(default)]
    object_write_trace_id: Option<String>,
}

/// `POST .../batch/create`.
pub(crate) fn create(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let inputs = inputs::<NewRecord>(call)?;
    let check = |portal: &Portal, input: &NewRecord| {
        let draft = portal.check_new(kind, &input.properties)?;
        Ok((draft, check_ties(portal, kind, &input.associations)?))
    };
    let apply = |portal: &mut Portal, input: &NewRecord| {
        let (draft, ties) = check(portal, input)?;
        let id = portal.create(kind, &draft, &ties, call.source);
        Ok(written(portal, kind, id))
    };
    let trace = |input: &NewRecord| input.object_write_trace_id.clone();
    write_all(portal, &inputs, trace, |portal, input| check(portal, input).map(|_| ()), apply, 201)
}

/// `POST .../batch/update`; the old id of a merged record does not do here.
pub(crate) fn update(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let inputs = inputs::<Change>(call)?;
    let target = |portal: &Portal, input: &Change| -> Result<RecordId, Refusal> {
        let key = unique_key(portal, kind, input.id_property.as_deref())?;
        let record = find(portal, kind, key, &input.id, false);
        let record = record.filter(|record| key.is_some() || record.id.to_string() == input.id);
        Ok(record.ok_or_else(|| missing(kind, &[&input.id]))?.id)
    };
    refuse_repeated(inputs.iter().map(|input| target(portal, input).ok()))?;
    let check = |portal: &Portal, input: &Change| {
        let id = target(portal, input)?;
        let record = portal.record(kind, id).ok_or_else(|| no_record(kind, &input.id))?;
        Ok((id, portal.check_change(kind, record, &input.properties)?))
    };
    let apply = |portal: &mut Portal, input: &Change| {
        let (id, draft) = check(portal, input)?;
        portal.set_values(kind, id, &draft, call.source);
        Ok(written(portal, kind, id))
    };
    let trace = |input: &Change| input.object_write_trace_id.clone();
    write_all(portal, &inputs, trace, |portal, input| check(portal, input).map(|_| ()), apply, 200)
}

/// `POST .../batch/upsert`, by a unique property.
pub(crate) fn upsert(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let inputs = inputs::<Change>(call)?;
    let target = |portal: &Portal, input: &Change| -> Result<Option<RecordId>, Refusal> {
        let key = unique_key(portal, kind, input.id_property.as_deref())?;
        let key = key.ok_or_else(|| Refusal::invalid("idProperty is required"))?;
        Ok(find(portal, kind, Some(key), &input.id, false).map(|record| record.id))
    };
    let names: Vec<_> = inputs.iter().map(|input| (&input.id_property, &input.id)).collect();
    refuse_repeated(names.into_iter().map(Some))?;
    let values = |input: &Change| {
        let mut values = input.properties.clone();
        if let Some(name) = &input.id_property {
            values.entry(name.clone()).or_insert_with(|| input.id.clone().into());
        }
        values
    };
    let check = |portal: &Portal, input: &Change| match target(portal, input)? {
        Some(id) => {
            let record = portal.record(kind, id).ok_or_else(|| no_record(kind, &input.id))?;
            Ok((Some(id), portal.check_change(kind, record, &input.properties)?))
        }
        None => Ok((None, portal.check_new(kind, &values(input))?)),
    };
    let apply = |portal: &mut Portal, input: &Change| {
        let (id, draft) = check(portal, input)?;
        let new = id.is_none();
        let id = match id {
            Some(id) => {
                portal.set_values(kind, id, &draft, call.source);
                id
            }
            None => portal.create(kind, &draft, &[], call.source),
        };
        let mut written = written(portal, kind, id);
        written["new"] = new.into();
        Ok(written)
    };
    let trace = |input: &Change| input.object_write_trace_id.clone();
    write_all(portal, &inputs, trace, |portal, input| check(portal, input).map(|_| ()), apply, 200)
}

/// `POST .../batch/read`: what is found, in the order of ids, and one error that names what is not.
pub(crate) fn read(portal: &Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let read: Read = call.json()?;
    check_size(read.inputs.len())?;
    if !read.properties_with_history.is_empty() && read.inputs.len() > LARGEST_BATCH / 2 {
        return Err(Refusal::invalid("With propertiesWithHistory at most 50 records can be read at once"));
    }
    let key = unique_key(portal, kind, read.id_property.as_deref())?;
    let values = read.properties.iter().map(String::as_str);
    let shown = Shown::asked(portal, kind, values, read.properties_with_history.iter().map(String::as_str));
    let mut found = std::collections::BTreeMap::new();
    let mut absent = Vec::new();
    for input in &read.inputs {
        match find(portal, kind, key, &input.id, call.archived()) {
            Some(record) => {
                found.insert(record.id, record);
            }
            None => absent.push(input.id.as_str()),
        }
    }
    let results = found.values().map(|record| render::current(portal, kind, record, &shown)).collect();
    let errors = if absent.is_empty() { Vec::new() } else { vec![missing(kind, &absent).to_item()] };
    Ok(answer(portal, results, errors, 200))
}

/// `POST .../batch/archive`.
pub(crate) fn archive(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    for input in inputs::<Named>(call)? {
        if let Ok(id) = input.id.parse() {
            portal.archive(kind, id);
        }
    }
    Ok(Answer::no_content())
}

/// Writes every input, or none of them.
///
/// Where every input has a trace id of its own, each fails for itself; otherwise one bad input fails all of them:
/// <https://developers.hubspot.com/docs/api-reference/error-handling#multi-status-errors>.
fn write_all<T>(
    portal: &mut Portal,
    inputs: &[T],
    trace: impl Fn(&T) -> Option<String>,
    check: impl Fn(&Portal, &T) -> Result<(), Refusal>,
    apply: impl Fn(&mut Portal, &T) -> Result<Value, Refusal>,
    status: u16,
) -> Outcome {
    let traces: Vec<_> = inputs.iter().filter_map(&trace).collect();
    let apart = traces.iter().collect::<HashSet<_>>().len() == inputs.len();
    if !apart {
        for input in inputs {
            check(portal, input)?;
        }
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (at, input) in inputs.iter().enumerate() {
        match apply(portal, input) {
            Ok(mut written) => {
                if let Some(trace) = traces.get(at).filter(|_| apart) {
                    written["objectWriteTraceId"] = trace.as_str().into();
                }
                results.push(written);
            }
            Err(refusal) => errors.push(match traces.get(at).filter(|_| apart) {
                Some(trace) => refusal.with_context("objectWriteTraceId", json!([trace])).to_item(),
                None => refusal.to_item(),
            }),
        }
    }
    Ok(answer(portal, results, errors, status))
}

fn inputs<T: DeserializeOwned>(call: &Call<'_>) -> Result<Vec<T>, Refusal> {
    let Inputs { inputs } = call.json()?;
    check_size(inputs.len())?;
    Ok(inputs)
}

fn check_size(inputs: usize) -> Result<(), Refusal> {
    match inputs {
        0 => Err(Refusal::invalid("Some required fields were not set: [inputs]")),
        1..=LARGEST_BATCH => Ok(()),
        _ => Err(Refusal::invalid(format!(
            "The maximum number of inputs supported in a batch request is {LARGEST_BATCH}"
        ))),
    }
}

/// Two inputs for one record are refused: <https://github.com/segmentio/action-destinations/pull/3969>.
fn refuse_repeated<T: Eq + std::hash::Hash>(targets: impl Iterator<Item = Option<T>>) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    match targets.flatten().all(|target| seen.insert(target)) {
        true => Ok(()),
        false => Err(Refusal::invalid("Duplicate IDs found in batch input. IDs must be unique")),
    }
}

fn missing(kind: Kind, ids: &[&str]) -> Refusal {
    let message = format!(
        "Could not get some {} objects, they may be deleted or not exist. Check that ids are valid.",
        kind.singular().to_ascii_uppercase()
    );
    Refusal::new(404, Category::ObjectNotFound, message).with_context("ids", json!(ids))
}

/// The answer to a batch: 207 where something failed.
fn answer(portal: &Portal, results: Vec<Value>, errors: Vec<Value>, status: u16) -> Answer {
    let now = iso(portal.now);
    let mut body = json!({ "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now });
    if errors.is_empty() {
        return Answer { status, body: Some(body) };
    }
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    Answer { status: 207, body: Some(body) }
}
