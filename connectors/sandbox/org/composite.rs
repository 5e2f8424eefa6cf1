//! Several calls in one: composite, where later ones may name what earlier ones made, and batch.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm>

use std::collections::{BTreeMap, HashSet};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::errors::Failure;
use super::routes::Route;

const MOST_CALLS: usize = 25;
const MOST_HEAVY_CALLS: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Composite {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Part>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    method: String,
    url: String,
    reference_id: String,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    http_headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    #[serde(default)]
    halt_on_error: bool,
    batch_requests: Vec<BatchPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchPart {
    method: String,
    url: String,
    #[serde(default)]
    rich_input: Option<Value>,
}

impl Org {
    pub(super) fn composite(&mut self, call: &Call<'_>) -> Outcome {
        let Composite { all_or_none, composite_request: parts } = call.json()?;
        check_parts(call, &parts)?;
        let carry_out = |org: &mut Org| org.carry_out_parts(call, &parts, all_or_none);
        let keep = |answers: &Vec<Answer>| !all_or_none || answers.iter().all(Answer::is_success);
        let mut answers = self.transact(carry_out, keep);
        if !keep(&answers) {
            let halted = "The transaction was rolled back since another operation in the same transaction failed.";
            for answer in answers.iter_mut().filter(|answer| answer.is_success()) {
                *answer = Failure::invalid("PROCESSING_HALTED", halted).into();
            }
        }
        Ok(Answer::written(write_composite(&parts, &answers)))
    }

    fn carry_out_parts(&mut self, call: &Call<'_>, parts: &[Part], all_or_none: bool) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::with_capacity(parts.len());
        let mut failed = false;
        for part in parts {
            let answer = if failed && all_or_none {
                let message = "The transaction was rolled back since another operation in the same transaction failed.";
                Failure::invalid("PROCESSING_HALTED", message).into()
            } else {
                let earlier = |name: &str| {
                    parts.iter().zip(&answers).find(|(part, _)| part.reference_id == name).map(|(_, answer)| answer)
                };
                match refer(part, earlier) {
                    Ok(part) => self.carry_out_part(call, &part),
                    Err(failure) => failure.into(),
                }
            };
            failed |= !answer.is_success();
            answers.push(answer);
        }
        answers
    }

    fn carry_out_part(&mut self, call: &Call<'_>, part: &Part) -> Answer {
        let body = part.body.as_ref().map(Value::to_string).unwrap_or_default();
        self.carry_out_url(call, &part.method, &part.url, &part.http_headers, body.as_bytes())
    }

    fn carry_out_url(
        &mut self,
        call: &Call<'_>,
        method: &str,
        url: &str,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Answer {
        let parsed = read_address(url).map(|uri| (uri, read_headers(headers)));
        let outcome = parsed.and_then(|(uri, headers)| {
            let part = Call::parse(method, &uri, &headers, body, call.author)?;
            self.dispatch(&part)
        });
        outcome.unwrap_or_else(Answer::from)
    }

    pub(super) fn batch(&mut self, call: &Call<'_>) -> Outcome {
        let Batch { halt_on_error, batch_requests: parts } = call.json()?;
        if parts.len() > MOST_CALLS {
            return Err(too_many(MOST_CALLS, "subrequests"));
        }
        // Each part counts; the call itself has been counted as the first.
        let further = u32::try_from(parts.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let now = self.now;
        self.usage.count_further(further, now);
        let (mut results, mut failed) = (Vec::new(), false);
        for part in &parts {
            if failed && halt_on_error {
                let halted = Failure::new(412, "BATCH_PROCESSING_HALTED", "Batch processing halted per request");
                results.push(json!({ "statusCode": 412, "result": halted.to_body() }));
                continue;
            }
            let body = part.rich_input.as_ref().map(Value::to_string).unwrap_or_default();
            let url =
                format!("/services/data/{}", part.url.trim_start_matches('/').trim_start_matches("services/data/"));
            let answer = self.carry_out_url(call, &part.method, &url, &BTreeMap::new(), body.as_bytes());
            failed |= !answer.is_success();
            results.push(json!({ "statusCode": answer.status, "result": body_of(&answer) }));
        }
        Ok(Answer::ok(&json!({ "hasErrors": failed, "results": results })))
    }
}

fn check_parts(call: &Call<'_>, parts: &[Part]) -> Result<(), Failure> {
    if parts.len() > MOST_CALLS {
        return Err(too_many(MOST_CALLS, "subrequests"));
    }
    let mut names = HashSet::new();
    for part in parts {
        let valid =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid(&part.reference_id) {
            let message = format!(
                "Provided referenceId ('{}') must start with a letter or a number, and it can contain only letters, numbers and underscores ('_').",
                part.reference_id
            );
            return Err(Failure::unreadable(message));
        }
        if !names.insert(part.reference_id.as_str()) {
            let message = format!("Duplicate reference id: {}", part.reference_id);
            return Err(Failure::invalid("JSON_PARSER_ERROR", message));
        }
        let forbidden = ["accept", "authorization", "content-type"];
        if part.http_headers.keys().any(|name| forbidden.contains(&name.to_ascii_lowercase().as_str())) {
            return Err(Failure::invalid("INVALID_HTTP_HEADER", "a subrequest may not set this header"));
        }
    }
    match parts.iter().filter(|part| is_heavy(call, part)).count() {
        0..=MOST_HEAVY_CALLS => Ok(()),
        _ => Err(too_many(MOST_HEAVY_CALLS, "query and sObject Collections operations")),
    }
}

/// Queries and collections; few of them fit into one call.
fn is_heavy(call: &Call<'_>, part: &Part) -> bool {
    let Ok(uri) = read_address(&part.url) else { return false };
    let Ok(part) = Call::parse(&part.method, &uri, &HeaderMap::new(), &[], call.author) else { return false };
    let segments: Vec<&str> = part.segments.iter().map(String::as_str).collect();
    matches!(
        Route::parse(part.method, &segments),
        Some(
            Route::Query
                | Route::QueryAll
                | Route::QueryMore(_)
                | Route::CollectionCreate
                | Route::CollectionUpdate
                | Route::CollectionDelete
                | Route::CollectionRead(_)
                | Route::CollectionUpsert(..)
        )
    )
}

/// Puts what earlier parts answered in the place of `@{name.field}`.
fn refer<'a>(part: &Part, earlier: impl Fn(&str) -> Option<&'a Answer>) -> Result<Part, Failure> {
    let text = |text: &str| replace(text, &earlier);
    let mut part = part.clone();
    part.url = text(&part.url)?;
    if let Some(body) = part.body.take() {
        part.body = Some(replace_in(body, &text)?);
    }
    Ok(part)
}

fn replace_in(value: Value, text: &impl Fn(&str) -> Result<String, Failure>) -> Result<Value, Failure> {
    match value {
        Value::String(found) if found.contains("@{") => Ok(Value::String(text(&found)?)),
        Value::Array(items) => items.into_iter().map(|item| replace_in(item, text)).collect(),
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(name, value)| Ok((name, replace_in(value, text)?)));
            entries.collect::<Result<Map<_, _>, Failure>>().map(Value::Object)
        }
        other => Ok(other),
    }
}

fn replace<'a>(text: &str, earlier: &impl Fn(&str) -> Option<&'a Answer>) -> Result<String, Failure> {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((reference, after)) = after.split_once('}') else { break };
        done.push_str(before);
        done.push_str(&resolve(reference, earlier)?);
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

fn resolve<'a>(reference: &str, earlier: &impl Fn(&str) -> Option<&'a Answer>) -> Result<String, Failure> {
    let (name, path) = reference.split_once('.').unwrap_or((reference, ""));
    let found = earlier(name).filter(|answer| answer.is_success()).map(body_of);
    let pointer: String = path.replace('[', ".").replace(']', "").split('.').map(|step| format!("/{step}")).collect();
    let value = found.as_ref().and_then(|body| body.pointer(&pointer));
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other @ (Value::Number(_) | Value::Bool(_))) => Ok(other.to_string()),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => {
            let message = format!("Invalid reference specified. No value for {reference} found in {name}");
            Err(Failure::invalid("PROCESSING_HALTED", message))
        }
    }
}

fn read_address(url: &str) -> Result<Uri, Failure> {
    // Callers leave some characters as they are that an address must not contain.
    let escaped: String = url
        .chars()
        .map(|character| match character {
            ' ' => "%20".to_owned(),
            '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`' => format!("%{:02X}", u32::from(character)),
            other => other.to_string(),
        })
        .collect();
    escaped.parse().map_err(|_| Failure::not_found())
}

fn read_headers(headers: &BTreeMap<String, String>) -> HeaderMap {
    let pairs = headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}

fn body_of(answer: &Answer) -> Value {
    answer.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or(Value::Null)
}

/// The answers are put together as they were written: a page of records is not read again for it.
fn write_composite(parts: &[Part], answers: &[Answer]) -> Vec<u8> {
    let mut out = b"{\"compositeResponse\":[".to_vec();
    for (number, (part, answer)) in parts.iter().zip(answers).enumerate() {
        if number > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"body\":");
        out.extend_from_slice(answer.body.as_deref().unwrap_or(b"null"));
        let headers: Map<_, _> =
            answer.headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let rest = format!(
            ",\"httpHeaders\":{},\"httpStatusCode\":{},\"referenceId\":{}}}",
            Value::Object(headers),
            answer.status,
            Value::from(part.reference_id.as_str())
        );
        out.extend_from_slice(rest.as_bytes());
    }
    out.extend_from_slice(b"]}");
    out
}

fn too_many(most: usize, what: &str) -> Failure {
    let message = format!("Limit of {most} reached for {what} in a composite request");
    Failure::invalid("LIMIT_EXCEEDED", message)
}
