//! Associations of many records at once.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::objects::find;
use super::{Answer, Call, Outcome};
use crate::portal::Portal;
use crate::portal::associations::{LinkType, link_types};
use crate::portal::instant::iso;
use crate::portal::kind::{Kind, RecordId};
use crate::portal::record::Record;
use crate::portal::write::missing_end;
use crate::refusal::Refusal;

const LARGEST_READ: usize = 1_000;
const LARGEST_WRITE: usize = 2_000;
/// More associations of one record come on further pages.
const LARGEST_PAGE: usize = 500;

#[derive(Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Deserialize)]
struct ReadInput {
    id: String,
    #[serde(default)]
    after: Option<String>,
}

#[derive(Deserialize)]
struct Pair {
    from: End,
    to: End,
    #[serde(default)]
    types: Vec<PairType>,
}

#[derive(Deserialize)]
struct End {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PairType {
    association_type_id: u16,
}

/// `POST .../batch/read`: records that hang together with nothing are missing from the answer.
pub(crate) fn read(portal: &Portal, from: Kind, to: Kind, call: &Call<'_>) -> Outcome {
    let inputs = inputs::<ReadInput>(call, LARGEST_READ)?;
    let results: Vec<_> = inputs.iter().filter_map(|input| read_one(portal, from, to, input)).collect();
    let now = iso(portal.now);
    Ok(Answer::ok(json!({ "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now })))
}

/// `POST .../batch/create`.
pub(crate) fn create(portal: &mut Portal, from: Kind, to: Kind, call: &Call<'_>) -> Outcome {
    connect_all(portal, from, to, call, |pair| {
        let numbers = pair.types.iter().map(|wanted| wanted.association_type_id);
        let find = |number| link_types(from, to).find(|link| link.there == number);
        let links: Option<Vec<_>> = numbers.map(find).collect();
        links.filter(|links| !links.is_empty()).ok_or_else(|| no_link(from, to))
    })
}

/// `POST .../batch/associate/default`.
pub(crate) fn create_default(portal: &mut Portal, from: Kind, to: Kind, call: &Call<'_>) -> Outcome {
    connect_all(portal, from, to, call, |_| default_link(from, to).map(|link| vec![link]))
}

/// `PUT /crm/objects/{type}/{id}/associations/default/{type}/{id}`.
pub(crate) fn put_default(portal: &mut Portal, from: (Kind, &str), to: (Kind, &str)) -> Outcome {
    let link = default_link(from.0, to.0)?;
    let (from, to) = (end(portal, from)?, end(portal, to)?);
    portal.connect(from, to, link);
    let now = iso(portal.now);
    let result = render_pair(from.1, to.1, &[link]);
    Ok(Answer::ok(json!({ "status": "COMPLETE", "results": [result], "startedAt": now, "completedAt": now })))
}

/// `GET .../labels`.
pub(crate) fn labels(from: Kind, to: Kind) -> Answer {
    let labels = link_types(from, to);
    let results: Vec<_> =
        labels.map(|link| json!({ "category": "HUBSPOT_DEFINED", "typeId": link.there, "label": null })).collect();
    Answer::ok(json!({ "results": results }))
}

fn read_one(portal: &Portal, from: Kind, to: Kind, input: &ReadInput) -> Option<Value> {
    let record = portal.survivor(from, input.id.parse().ok()?).filter(|record| record.is_live())?;
    let after: RecordId = input.after.as_deref().and_then(|after| after.parse().ok()).unwrap_or(RecordId(0));
    let mut ends: BTreeMap<RecordId, Vec<u16>> = BTreeMap::new();
    for (id, number) in portal.associations.of((from, record.id), to) {
        if *id > after && portal.record(to, *id).is_some_and(Record::is_live) {
            ends.entry(*id).or_default().push(*number);
        }
    }
    let more = ends.len() > LARGEST_PAGE;
    let page: Vec<_> = ends.into_iter().take(LARGEST_PAGE).collect();
    let last = page.last()?.0;
    let to: Vec<_> = page.iter().map(|(id, numbers)| render_end(*id, numbers)).collect();
    // The id that was asked for comes back, though the record may have been merged since.
    let mut result = json!({ "from": { "id": input.id }, "to": to });
    if more {
        result["paging"] = json!({ "next": { "after": last.to_string() } });
    }
    Some(result)
}

/// `toObjectId` is a number on the wire, and the types have other names than in requests.
fn render_end(id: RecordId, numbers: &[u16]) -> Value {
    let types: Vec<_> = numbers
        .iter()
        .map(|number| json!({ "category": "HUBSPOT_DEFINED", "typeId": number, "label": null }))
        .collect();
    json!({ "toObjectId": id.0, "associationTypes": types })
}

fn connect_all(
    portal: &mut Portal,
    from: Kind,
    to: Kind,
    call: &Call<'_>,
    links: impl Fn(&Pair) -> Result<Vec<LinkType>, Refusal>,
) -> Outcome {
    let mut results = Vec::new();
    let mut checked = Vec::new();
    for pair in inputs::<Pair>(call, LARGEST_WRITE)? {
        let ends = (end(portal, (from, &pair.from.id))?, end(portal, (to, &pair.to.id))?);
        checked.push((ends, links(&pair)?));
    }
    for ((from, to), links) in checked {
        for link in &links {
            portal.connect(from, to, *link);
        }
        results.push(render_pair(from.1, to.1, &links));
    }
    let now = iso(portal.now);
    Ok(Answer::created(json!({ "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now })))
}

fn render_pair(from: RecordId, to: RecordId, links: &[LinkType]) -> Value {
    let spec =
        links.first().map(|link| json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": link.there }));
    json!({ "from": { "id": from.to_string() }, "to": { "id": to.to_string() }, "associationSpec": spec })
}

fn end(portal: &Portal, (kind, id): (Kind, &str)) -> Result<(Kind, RecordId), Refusal> {
    let record = find(portal, kind, None, id, false).ok_or_else(|| missing_end(kind, id))?;
    Ok((kind, record.id))
}

fn default_link(from: Kind, to: Kind) -> Result<LinkType, Refusal> {
    link_types(from, to).next().ok_or_else(|| no_link(from, to))
}

fn no_link(from: Kind, to: Kind) -> Refusal {
    Refusal::invalid(format!("No such association leads from {} to {}", from.number(), to.number()))
}

fn inputs<T: serde::de::DeserializeOwned>(call: &Call<'_>, most: usize) -> Result<Vec<T>, Refusal> {
    let Inputs { inputs } = call.json()?;
    match inputs.len() {
        0 => Err(Refusal::invalid("Some required fields were not set: [inputs]")),
        len if len > most => Err(Refusal::invalid(format!("At most {most} inputs are supported"))),
        _ => Ok(inputs),
    }
}
