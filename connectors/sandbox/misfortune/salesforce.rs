//! What goes wrong in Salesforce's words.
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>.

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::{edit_body, part, with_body};
use crate::sandbox::json as write;

const LOCKED: &str = "unable to obtain exclusive access to this record or 1 records";

/// An answer with another status than the right one.
pub(super) fn refuse(code: u16) -> Response<Bytes> {
    let (error, message) = match code {
        401 => ("INVALID_SESSION_ID", "Session expired or invalid"),
        403 => ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        404 => ("NOT_FOUND", "The requested resource does not exist"),
        409 => ("ENTITY_IS_DELETED", "entity is deleted"),
        412 => ("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", "The record was changed since the given date"),
        423 => ("ENTITY_IS_LOCKED", "the entity is locked for editing"),
        // Only the concurrent calls are limited in the short run; the daily limit is a 403.
        429 | 503 => ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
        502 | 504 => ("SERVER_UNAVAILABLE", "Server is unavailable"),
        400..500 => ("INVALID_INPUT", "The request was refused"),
        _ => ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support"),
    };
    write(code, Some(&json!([{ "message": message, "errorCode": error }])))
}

/// Takes some records out of a collection, has the rest carried out, and puts a failed result at the place of each that
/// was taken out: their parent was locked by somebody else.
pub(super) fn partial(
    every: usize,
    request: &Request<Bytes>,
    carry_out: impl FnOnce(&Request<Bytes>) -> Response<Bytes>,
) -> Response<Bytes> {
    let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else { return carry_out(request) };
    if body.get("compositeRequest").is_some() {
        return partial_composite(every, request, body, carry_out);
    }
    let Some(records) = body.get_mut("records").and_then(Value::as_array_mut) else { return carry_out(request) };
    let (kept, failed) = part(std::mem::take(records), every);
    let none_left = kept.is_empty();
    *records = kept;
    let answer = match none_left {
        true => write(200, Some(&json!([]))),
        false => carry_out(&with_body(request, &body)),
    };
    if !answer.status().is_success() {
        return answer;
    }
    edit_body(answer, |_, body| {
        let Some(results) = body.as_array_mut() else { return };
        for (place, _) in failed {
            results.insert(place.min(results.len()), locked());
        }
    })
}

/// Takes some writes out of a composite, and puts a failed part at the place of each.
fn partial_composite(
    every: usize,
    request: &Request<Bytes>,
    mut body: Value,
    carry_out: impl FnOnce(&Request<Bytes>) -> Response<Bytes>,
) -> Response<Bytes> {
    let Some(parts) = body["compositeRequest"].as_array_mut() else { return carry_out(request) };
    let (mut writes, mut failed, mut kept) = (0, Vec::new(), Vec::new());
    for (place, part) in std::mem::take(parts).into_iter().enumerate() {
        writes += usize::from(part["method"] != "GET");
        let fails = part["method"] != "GET" && every > 0 && writes % every == 0;
        if fails { failed.push((place, part["referenceId"].clone())) } else { kept.push(part) }
    }
    *parts = kept;
    edit_body(carry_out(&with_body(request, &body)), |_, body| {
        let Some(results) = body["compositeResponse"].as_array_mut() else { return };
        for (place, name) in failed {
            let error = json!([{ "message": LOCKED, "errorCode": "UNABLE_TO_LOCK_ROW", "fields": [] }]);
            let part = json!({ "body": error, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": name });
            results.insert(place.min(results.len()), part);
        }
    })
}

/// The records of a query, or the results of a collection or a composite.
pub(super) fn results(body: &mut Value) -> Option<&mut Vec<Value>> {
    if body.is_array() {
        return body.as_array_mut();
    }
    let key = ["records", "compositeResponse"].into_iter().find(|key| body.get(key).is_some())?;
    body.get_mut(key)?.as_array_mut()
}

fn locked() -> Value {
    json!({ "success": false, "errors": [{ "statusCode": "UNABLE_TO_LOCK_ROW", "message": LOCKED, "fields": [] }] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(request: &Request<Bytes>) -> Response<Bytes> {
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let names = body["records"].as_array().unwrap().iter().map(|record| record["Subject"].clone());
        write(200, Some(&names.collect()))
    }

    #[test]
    fn a_record_that_fails_keeps_its_place_among_the_results() {
        let check = |every: usize, expected: Value| {
            let body = json!({ "records": [{ "Subject": "a" }, { "Subject": "b" }, { "Subject": "c" }] });
            let request = Request::new(Bytes::from(body.to_string()));
            let answer: Value = serde_json::from_slice(partial(every, &request, answered).body()).unwrap();
            assert_eq!(answer, expected, "every {every}");
        };
        check(0, json!(["a", "b", "c"]));
        check(2, json!(["a", locked(), "c"]));
        check(1, json!([locked(), locked(), locked()]));
    }
}
