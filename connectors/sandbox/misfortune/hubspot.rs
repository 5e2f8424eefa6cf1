//! What goes wrong in HubSpot's words.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{edit_body, part, with_body};
use crate::hubspot::write;
use crate::limits::Exhausted;
use crate::options::Scope;
use crate::refusal::{Category, Refusal};

/// An answer with another status than the right one.
pub(super) fn refuse(code: u16, request: &Request<Bytes>, correlation_id: &str) -> Response<Bytes> {
    let refusal = |category, message: &str| Refusal::new(code, category, message).to_body(correlation_id);
    let body = match code {
        401 => {
            refusal(Category::ExpiredAuthentication, "The OAuth token used to make this call expired 1 hour(s) ago.")
        }
        403 => Refusal::missing_scopes(&[Scope::DealsRead]).to_body(correlation_id),
        409 => refusal(Category::Conflict, "The record was changed at the same time"),
        413 => refusal(Category::ValidationError, "The request entity is too large"),
        423 => refusal(Category::Locked, "The record is locked by another request"),
        429 if request.uri().path().ends_with("/search") => Exhausted::Secondly.to_body(correlation_id),
        429 => Exhausted::TenSecondly.to_body(correlation_id),
        477 => refusal(Category::Migration, "The account is being moved to another data centre"),
        400..500 => refusal(Category::ValidationError, "The request was refused"),
        _ => refusal(Category::InternalError, "internal error"),
    };
    write(code, Some(&body), correlation_id)
}

/// Takes some inputs out of a batch, has the rest carried out, and adds an error for each that was taken out.
pub(super) fn partial(
    every: usize,
    request: &Request<Bytes>,
    carry_out: impl FnOnce(&Request<Bytes>) -> Response<Bytes>,
) -> Response<Bytes> {
    let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else { return carry_out(request) };
    let Some(inputs) = body["inputs"].as_array_mut() else { return carry_out(request) };
    let (kept, failed) = part(std::mem::take(inputs), every);
    let none_left = kept.is_empty();
    *inputs = kept;
    let answer = match none_left {
        true => write(200, Some(&json!({ "status": "COMPLETE", "results": [] })), ""),
        false => carry_out(&with_body(request, &body)),
    };
    if !answer.status().is_success() {
        return answer;
    }
    edit_body(answer, |status, body| {
        if !body.is_object() {
            return;
        }
        let failures = failed.iter().map(|(_, input)| failure(input));
        let errors: Vec<_> = body["errors"].as_array().into_iter().flatten().cloned().chain(failures).collect();
        body["numErrors"] = errors.len().into();
        body["errors"] = errors.into();
        *status = StatusCode::MULTI_STATUS;
    })
}

/// The results of a batch, a search or a list.
pub(super) fn results(body: &mut Value) -> Option<&mut Vec<Value>> {
    body.get_mut("results")?.as_array_mut()
}

fn failure(input: &Value) -> Value {
    let refusal = Refusal::new(500, Category::InternalError, "internal error");
    let context = ["objectWriteTraceId", "id"].into_iter().find_map(|key| Some((key, input.get(key)?)));
    let refusal = match context {
        Some(("id", id)) => refusal.with_context("ids", json!([id])),
        Some((key, value)) => refusal.with_context(key, json!([value])),
        None => refusal,
    };
    refusal.to_item()
}
