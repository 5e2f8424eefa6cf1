//! Searches: reading the request, keeping to its limits, and answering a page.

use serde::Deserialize;
use serde_json::{Value, json};

use super::render::{self, Shown};
use super::{Answer, Call, Outcome};
use crate::portal::Portal;
use crate::portal::kind::{Kind, RecordId};
use crate::portal::query::{Comparable, Filter, Query, Sort, Test};
use crate::portal::schema::PropertyId;
use crate::portal::values::text_of;
use crate::refusal::Refusal;

/// The limits of a search: <https://developers.hubspot.com/docs/api-reference/search/guide#limits>.
const LONGEST_BODY: usize = 3_000;
const LARGEST_PAGE: usize = 200;
const LAST_RESULT: usize = 10_000;
const MOST_GROUPS: usize = 5;
const MOST_FILTERS_IN_A_GROUP: usize = 6;
const MOST_FILTERS: usize = 18;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default)]
    filter_groups: Vec<RequestGroup>,
    #[serde(default)]
    filters: Vec<RequestFilter>,
    #[serde(default)]
    sorts: Vec<RequestSort>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    limit: Option<usize>,
    #[serde(default)]
    after: Option<Value>,
}

#[derive(Deserialize)]
struct RequestGroup {
    filters: Vec<RequestFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestFilter {
    property_name: String,
    operator: Operator,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default)]
    high_value: Option<Value>,
    #[serde(default)]
    values: Option<Vec<Value>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

/// The specification says strings, the live API takes objects, the official clients send either.
#[derive(Deserialize)]
#[serde(untagged)]
enum RequestSort {
    #[serde(rename_all = "camelCase")]
    Full {
        property_name: String,
        #[serde(default)]
        direction: Option<String>,
    },
    Short(String),
}

/// `POST /crm/objects/{type}/search`.
pub(crate) fn search(portal: &Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    if String::from_utf8_lossy(call.body).chars().count() > LONGEST_BODY {
        return Err(Refusal::invalid(format!("The body of a search must not exceed {LONGEST_BODY} characters")));
    }
    let request: Request = call.json()?;
    let limit = request.limit.unwrap_or(10);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Refusal::invalid(format!("limit must be a number from 1 to {LARGEST_PAGE}")));
    }
    let after = offset(request.after.as_ref())?;
    if after.saturating_add(limit) > LAST_RESULT {
        return Err(Refusal::invalid(format!("Paging beyond {LAST_RESULT} results is not supported")));
    }
    let query = read_query(portal, kind, &request)?;
    let hits = portal.search(kind, &query);
    let shown = Shown::asked(portal, kind, request.properties.iter().map(String::as_str), []);
    let page = hits.iter().skip(after).take(limit);
    let results: Vec<_> = page.map(|hit| render::record(portal, kind, hit.record, &shown, hit.as_of)).collect();
    let next = after + results.len();
    let mut body = json!({ "total": hits.len(), "results": results });
    if next < hits.len() {
        body["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok(Answer::ok(body))
}

/// Unlike that of a list, the cursor of a search is the number of results before the page.
fn offset(after: Option<&Value>) -> Result<usize, Refusal> {
    let text = after.and_then(text_of).filter(|text| !text.is_empty());
    let Some(text) = text else { return Ok(0) };
    text.parse().map_err(|_| Refusal::invalid("after must be a number"))
}

fn read_query(portal: &Portal, kind: Kind, request: &Request) -> Result<Query, Refusal> {
    let mut groups: Vec<&[RequestFilter]> =
        request.filter_groups.iter().map(|group| group.filters.as_slice()).collect();
    if !request.filters.is_empty() {
        groups.push(&request.filters);
    }
    let total: usize = groups.iter().map(|group| group.len()).sum();
    let too_large = groups.iter().any(|group| group.len() > MOST_FILTERS_IN_A_GROUP);
    if groups.len() > MOST_GROUPS || too_large || total > MOST_FILTERS {
        return Err(Refusal::invalid("Too many filters: at most 5 groups, 6 filters in a group, 18 filters in all"));
    }
    let read_group = |group: &[RequestFilter]| group.iter().map(|filter| read_filter(portal, kind, filter)).collect();
    let sort = match request.sorts.as_slice() {
        [] => None,
        [sort] => Some(read_sort(portal, kind, sort)?),
        _ => return Err(Refusal::invalid("Only one sort is supported")),
    };
    let words = request.query.clone().filter(|words| !words.is_empty());
    Ok(Query { groups: groups.into_iter().map(read_group).collect::<Result<_, _>>()?, sort, words })
}

fn read_sort(portal: &Portal, kind: Kind, sort: &RequestSort) -> Result<Sort, Refusal> {
    let (name, descending) = match sort {
        RequestSort::Full { property_name, direction } => {
            (property_name.as_str(), direction.as_deref() == Some("DESCENDING"))
        }
        RequestSort::Short(name) => (name.trim_start_matches('-'), name.starts_with('-')),
    };
    Ok(Sort { property: find_property(portal, kind, name)?, descending })
}

fn read_filter(portal: &Portal, kind: Kind, filter: &RequestFilter) -> Result<Filter, Refusal> {
    if let Some(other) = filter.property_name.strip_prefix("associations.") {
        return read_association(other, filter);
    }
    let property = find_property(portal, kind, &filter.property_name)?;
    let comparable = |value: Option<&Value>| read_value(portal, kind, property, &filter.property_name, value);
    let value = || comparable(filter.value.as_ref());
    let values = || match filter.values.as_deref() {
        Some(values) if !values.is_empty() => {
            values.iter().map(|value| read_exact(portal, kind, property, &filter.property_name, value)).collect()
        }
        Some(_) | None => Err(no_value(&filter.property_name)),
    };
    let token = || filter.value.as_ref().and_then(text_of).ok_or_else(|| no_value(&filter.property_name));
    let test = match filter.operator {
        Operator::Eq => Test::Equal(value()?),
        Operator::Neq => Test::NotEqual(value()?),
        Operator::Lt => Test::Less(value()?),
        Operator::Lte => Test::LessOrEqual(value()?),
        Operator::Gt => Test::Greater(value()?),
        Operator::Gte => Test::GreaterOrEqual(value()?),
        Operator::Between => Test::Between(value()?, comparable(filter.high_value.as_ref())?),
        Operator::In => Test::In(values()?),
        Operator::NotIn => Test::NotIn(values()?),
        Operator::HasProperty => Test::Present,
        Operator::NotHasProperty => Test::Absent,
        Operator::ContainsToken => Test::Contains(token()?),
        Operator::NotContainsToken => Test::ContainsNot(token()?),
    };
    Ok(Filter::Property(property, test))
}

fn read_association(other: &str, filter: &RequestFilter) -> Result<Filter, Refusal> {
    let name = &filter.property_name;
    let kind = Kind::parse(other).ok_or_else(|| unknown_property(name))?;
    let values: Vec<_> = match filter.operator {
        Operator::Eq => filter.value.iter().collect(),
        Operator::In => filter.values.iter().flatten().collect(),
        _ => return Err(Refusal::invalid(format!("{name} can only be searched with EQ and IN"))),
    };
    let ids: Option<Vec<RecordId>> = values.iter().map(|value| text_of(value)?.parse().ok()).collect();
    Ok(Filter::Associated(kind, ids.filter(|ids| !ids.is_empty()).ok_or_else(|| no_value(name))?))
}

fn read_value(
    portal: &Portal,
    kind: Kind,
    property: PropertyId,
    name: &str,
    value: Option<&Value>,
) -> Result<Comparable, Refusal> {
    let text = value.and_then(text_of).ok_or_else(|| no_value(name))?;
    let read = portal.comparable(kind, property, &text);
    read.ok_or_else(|| Refusal::invalid(format!("{text} is not a valid value for {name}")))
}

/// `IN` and `NOT_IN` do not fold the case of their values: those of text properties must be sent in lower case.
fn read_exact(
    portal: &Portal,
    kind: Kind,
    property: PropertyId,
    name: &str,
    value: &Value,
) -> Result<Comparable, Refusal> {
    match (read_value(portal, kind, property, name, Some(value))?, text_of(value)) {
        (Comparable::Text(_), Some(text)) => Ok(Comparable::Text(text)),
        (comparable, _) => Ok(comparable),
    }
}

fn find_property(portal: &Portal, kind: Kind, name: &str) -> Result<PropertyId, Refusal> {
    portal.schema(kind).find(name).ok_or_else(|| unknown_property(name))
}

fn unknown_property(name: &str) -> Refusal {
    Refusal::invalid(format!("There was a problem with the request: property {name} does not exist"))
}

fn no_value(name: &str) -> Refusal {
    Refusal::invalid(format!("There was a problem with the request: the filter on {name} has no value"))
}
