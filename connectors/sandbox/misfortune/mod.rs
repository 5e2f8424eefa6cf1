//! What a fault makes of a call and of its answer.

mod hubspot;
mod salesforce;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::Value;

use crate::dialect::Dialect;
use crate::faults::Fault;
use crate::options::Crm;
use crate::sandbox::Dropped;

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

/// Lets a fault befall a call; the account answers it as if nothing were wrong.
pub(crate) fn befall(fault: &Fault, request: &Request<Bytes>, account: &mut Dialect) -> Reply {
    match fault {
        Fault::Drop { applied } => Reply::at_once(Err(dropped(*applied, || drop(account.respond(request))))),
        Fault::Hang { applied } => {
            let outcome = Err(dropped(*applied, || drop(account.respond(request))));
            Reply { outcome, manner: Manner::Never }
        }
        Fault::Status { code, retry_after, applied } => {
            if *applied {
                drop(account.respond(request));
            }
            Reply::at_once(Ok(refuse(*code, retry_after.as_deref(), request, account)))
        }
        Fault::Html { applied } => {
            if *applied {
                drop(account.respond(request));
            }
            Reply::at_once(Ok(page_for_people(account.crm())))
        }
        Fault::Redirect { location } => Reply::at_once(Ok(redirect(location))),
        Fault::Truncate => {
            let whole = account.respond(request);
            Reply::at_once(Ok(whole.map(|body| body.slice(..body.len() / 2))))
        }
        Fault::Partial { every } => Reply::at_once(Ok(match account {
            Dialect::HubSpot(hub) => hubspot::partial(*every, request, |request| hub.respond(request)),
            Dialect::Salesforce(org) => salesforce::partial(*every, request, |request| org.respond(request)),
        })),
        Fault::Reorder => {
            let answer = account.respond(request);
            Reply::at_once(Ok(match account.crm() {
                Crm::HubSpot => edit_results(Crm::HubSpot, answer, |results| results.reverse()),
                // The place of a result says what it is the result of, except where it bears a name.
                Crm::Salesforce => edit_body(answer, |_, body| {
                    if let Some(parts) = body.get_mut("compositeResponse").and_then(Value::as_array_mut) {
                        parts.reverse();
                    }
                }),
            }))
        }
        Fault::Missing { results: missing } => {
            let answer = account.respond(request);
            Reply::at_once(Ok(edit_results(account.crm(), answer, |results| {
                results.truncate(results.len().saturating_sub(*missing));
            })))
        }
        Fault::Drip { pause_millis } => {
            Reply { outcome: Ok(account.respond(request)), manner: Manner::Drip(*pause_millis) }
        }
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

fn refuse(code: u16, retry_after: Option<&str>, request: &Request<Bytes>, account: &mut Dialect) -> Response<Bytes> {
    let mut response = match account {
        Dialect::HubSpot(hub) => hubspot::refuse(code, request, &hub.next_correlation_id()),
        Dialect::Salesforce(_) => salesforce::refuse(code),
    };
    if let Some(value) = retry_after.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

fn page_for_people(crm: Crm) -> Response<Bytes> {
    let name = crm.label();
    let page =
        format!("<!DOCTYPE html><html><head><title>{name}</title></head><body><h1>Be right back</h1></body></html>");
    let mut response = Response::new(Bytes::from(page));
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

/// Changes the list of results in an answer, where it has one.
fn edit_results(crm: Crm, answer: Response<Bytes>, edit: impl FnOnce(&mut Vec<Value>)) -> Response<Bytes> {
    edit_body(answer, |_, body| {
        let results = match crm {
            Crm::HubSpot => hubspot::results(body),
            Crm::Salesforce => salesforce::results(body),
        };
        if let Some(results) = results {
            edit(results);
        }
    })
}

fn edit_body(answer: Response<Bytes>, edit: impl FnOnce(&mut StatusCode, &mut Value)) -> Response<Bytes> {
    let (mut parts, bytes) = answer.into_parts();
    let Ok(mut body) = serde_json::from_slice::<Value>(&bytes) else { return Response::from_parts(parts, bytes) };
    edit(&mut parts.status, &mut body);
    Response::from_parts(parts, Bytes::from(body.to_string()))
}

/// The inputs of a batch, parted into those that are carried out and those that fail, each with its place.
fn part(inputs: Vec<Value>, every: usize) -> (Vec<Value>, Vec<(usize, Value)>) {
    let (mut kept, mut failed) = (Vec::new(), Vec::new());
    for (place, input) in inputs.into_iter().enumerate() {
        let fails = every > 0 && (place + 1) % every == 0;
        if fails { failed.push((place, input)) } else { kept.push(input) }
    }
    (kept, failed)
}

/// The same call with another body.
fn with_body(request: &Request<Bytes>, body: &Value) -> Request<Bytes> {
    let mut other = Request::new(Bytes::from(body.to_string()));
    *other.method_mut() = request.method().clone();
    *other.uri_mut() = request.uri().clone();
    *other.headers_mut() = request.headers().clone();
    other
}
