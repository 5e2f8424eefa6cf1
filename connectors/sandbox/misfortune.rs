//! What a fault makes of a call and of its answer.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::limits::Exhausted;
use crate::options::Scope;
use crate::refusal::{Category, Refusal};
use crate::sandbox::{Dropped, write};

/// What the sandbox makes of a call.
pub(crate) struct Reply {
    /// The answer, or that there is none.
    pub(crate) outcome: Result<Response<Bytes>, Dropped>,
    /// How the server delivers it.
    pub(crate) manner: Manner,
}

/// How the server delivers an answer; direct calls get it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    AtOnce,
    /// With a pause of so many milliseconds after each byte.
    Drip(u64),
    /// Never.
    Never,
}

impl Reply {
    pub(crate) fn at_once(outcome: Result<Response<Bytes>, Dropped>) -> Reply {
        Reply { outcome, manner: Manner::AtOnce }
    }
}

/// Lets a fault befall a call; `carry_out` answers it as if nothing were wrong.
pub(crate) fn befall(
    fault: &Fault,
    request: &Request<Bytes>,
    correlation_id: &str,
    mut carry_out: impl FnMut(&Request<Bytes>) -> Response<Bytes>,
) -> Reply {
    match fault {
        Fault::Drop { applied } => Reply::at_once(Err(dropped(*applied, || drop(carry_out(request))))),
        Fault::Hang { applied } => {
            let outcome = Err(dropped(*applied, || drop(carry_out(request))));
            Reply { outcome, manner: Manner::Never }
        }
        Fault::Status { code, retry_after, applied } => {
            if *applied {
                drop(carry_out(request));
            }
            Reply::at_once(Ok(refuse(*code, retry_after.as_deref(), request, correlation_id)))
        }
        Fault::Html { applied } => {
            if *applied {
                drop(carry_out(request));
            }
            Reply::at_once(Ok(page_for_people()))
        }
        Fault::Redirect { location } => Reply::at_once(Ok(redirect(location))),
        Fault::Truncate => {
            let whole = carry_out(request);
            Reply::at_once(Ok(whole.map(|body| body.slice(..body.len() / 2))))
        }
        Fault::Partial { every } => Reply::at_once(Ok(partial(*every, request, carry_out))),
        Fault::Reorder => Reply::at_once(Ok(edit_results(carry_out(request), |results| results.reverse()))),
        Fault::Missing { results: missing } => {
            let answer = carry_out(request);
            Reply::at_once(Ok(edit_results(answer, |results| {
                results.truncate(results.len().saturating_sub(*missing));
            })))
        }
        Fault::Drip { pause_millis } => Reply { outcome: Ok(carry_out(request)), manner: Manner::Drip(*pause_millis) },
    }
}

fn dropped(applied: bool, carry_out: impl FnOnce()) -> Dropped {
    if applied {
        carry_out();
        Dropped::AfterApply
    } else {
        Dropped::BeforeApply
    }
}

fn refuse(code: u16, retry_after: Option<&str>, request: &Request<Bytes>, correlation_id: &str) -> Response<Bytes> {
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
    let mut response = write(code, Some(&body), correlation_id);
    if let Some(value) = retry_after.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

fn page_for_people() -> Response<Bytes> {
    let page = "<!DOCTYPE html><html><head><title>HubSpot</title></head><body><h1>Be right back</h1></body></html>";
    let mut response = Response::new(Bytes::from_static(page.as_bytes()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html;charset=utf-8"));
    response
}

fn redirect(location: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Takes some inputs out of a batch, has the rest carried out, and adds an error for each that was taken out.
fn partial(
    every: usize,
    request: &Request<Bytes>,
    mut carry_out: impl FnMut(&Request<Bytes>) -> Response<Bytes>,
) -> Response<Bytes> {
    let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else { return carry_out(request) };
    let Some(inputs) = body["inputs"].as_array_mut() else { return carry_out(request) };
    let (mut kept, mut failed) = (Vec::new(), Vec::new());
    for (number, input) in (1..).zip(std::mem::take(inputs)) {
        let fails = every > 0 && number % every == 0;
        if fails { failed.push(input) } else { kept.push(input) }
    }
    let none_left = kept.is_empty();
    *inputs = kept;
    let mut rest = Request::new(Bytes::from(body.to_string()));
    *rest.method_mut() = request.method().clone();
    *rest.uri_mut() = request.uri().clone();
    *rest.headers_mut() = request.headers().clone();
    let answer = match none_left {
        true => write(200, Some(&json!({ "status": "COMPLETE", "results": [] })), ""),
        false => carry_out(&rest),
    };
    if !answer.status().is_success() {
        return answer;
    }
    edit_body(answer, |status, body| {
        let errors: Vec<_> =
            body["errors"].as_array().into_iter().flatten().cloned().chain(failed.iter().map(failure)).collect();
        body["numErrors"] = errors.len().into();
        body["errors"] = errors.into();
        *status = StatusCode::MULTI_STATUS;
    })
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

fn edit_results(answer: Response<Bytes>, edit: impl FnOnce(&mut Vec<Value>)) -> Response<Bytes> {
    edit_body(answer, |_, body| {
        if let Some(results) = body["results"].as_array_mut() {
            edit(results);
        }
    })
}

fn edit_body(answer: Response<Bytes>, edit: impl FnOnce(&mut StatusCode, &mut Value)) -> Response<Bytes> {
    let (mut parts, bytes) = answer.into_parts();
    let Ok(mut body) = serde_json::from_slice::<Value>(&bytes) else { return Response::from_parts(parts, bytes) };
    if !body.is_object() {
        return Response::from_parts(parts, bytes);
    }
    edit(&mut parts.status, &mut body);
    Response::from_parts(parts, Bytes::from(body.to_string()))
}
