//! The sandbox: an account that answers calls, with its clock, its limits and its counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Query;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::Value;

use crate::control::{self, Calls};
use crate::faults::{FaultRule, Faults};
use crate::limits::Counters;
use crate::misfortune::{self, Reply};
use crate::options::{Limits, Options, Token};
use crate::portal::Portal;
use crate::portal::instant::to_datetime;
use crate::portal::kind::Kind;
use crate::portal::record::Source;
use crate::refusal::{Category, Refusal};
use crate::routes::endpoint::Endpoint;
use crate::routes::{Call, dispatch};

/// No answer arrives, as when a connection breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    /// The call was not carried out.
    #[error("the connection broke before the call was carried out")]
    BeforeApply,
    /// The call was carried out.
    #[error("the connection broke after the call was carried out")]
    AfterApply,
}

/// A CRM of our own that speaks HubSpot's dialect; clones share one account.
#[derive(Clone)]
pub struct Sandbox {
    state: Arc<Mutex<State>>,
}

/// Everything that a call can read or change.
pub(crate) struct State {
    pub(crate) portal: Portal,
    pub(crate) tokens: Vec<Token>,
    pub(crate) counters: Counters,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) faults: Faults,
    correlations: u64,
}

impl Sandbox {
    /// A fresh account.
    pub fn new(options: Options) -> Sandbox {
        let state = State {
            portal: Portal::new(&options),
            counters: Counters::new(options.limits, &options.time_zone),
            tokens: options.tokens,
            calls: BTreeMap::new(),
            statuses: BTreeMap::new(),
            faults: Faults::new(options.seed),
            correlations: 0,
        };
        Sandbox { state: Arc::new(Mutex::new(state)) }
    }

    /// The virtual instant.
    pub fn now(&self) -> DateTime<Utc> {
        to_datetime(self.state().portal.now)
    }

    /// Turns the virtual clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.state().portal.now = now.timestamp_millis();
    }

    /// Lets in these tokens and no others.
    pub fn set_tokens(&self, tokens: Vec<Token>) {
        self.state().tokens = tokens;
    }

    /// Changes the limits; what was used is forgotten.
    pub fn set_limits(&self, limits: Limits) {
        let mut state = self.state();
        state.counters = Counters::new(limits, &state.portal.time_zone);
    }

    /// Answers one call, without sockets.
    pub fn handle(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Dropped> {
        self.reply(&request).outcome
    }

    /// Puts these faults in the place of all others.
    pub fn set_faults(&self, rules: Vec<FaultRule>) {
        self.state().faults.replace(rules);
    }

    /// Changes how long changes take to become visible to search.
    pub fn set_index_lag(&self, lag: Duration) {
        self.state().portal.set_index_lag(lag);
    }

    /// Lets search take up one record later or sooner than the others; `false` when there is no such type or record.
    pub fn set_record_lag(&self, record_type: &str, id: &str, lag: Duration) -> bool {
        let (Some(kind), Ok(id)) = (Kind::parse(record_type), id.parse()) else { return false };
        let mut state = self.state();
        let exists = state.portal.record(kind, id).is_some();
        state.portal.set_record_lag(kind, id, lag);
        exists
    }

    /// How often the sandbox was called.
    pub fn calls(&self) -> Calls {
        self.state().calls()
    }

    /// Forgets how often the sandbox was called.
    pub fn reset_calls(&self) {
        self.state().reset_calls();
    }

    /// Answers one call, and says how a server is to deliver the answer.
    pub(crate) fn reply(&self, request: &Request<Bytes>) -> Reply {
        self.state().reply(request)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic in one call must not fail all further ones; the account is changed only after all checks.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a call and carries it out, unless a fault befalls it.
    fn reply(&mut self, request: &Request<Bytes>) -> Reply {
        if let Some(response) = control::answer(self, request) {
            return Reply::at_once(Ok(response));
        }
        let correlation_id = self.next_correlation_id();
        let path = decode(request.uri().path());
        let endpoint = Endpoint::parse(request.method(), &path);
        let key = endpoint.map_or_else(|| "unknown".to_owned(), |endpoint| endpoint.to_string());
        let fault = self.faults.strike(request.method().as_str(), &path, &key);
        *self.calls.entry(key).or_default() += 1;
        let reply = match fault {
            None => Reply::at_once(Ok(self.respond(request, endpoint, &correlation_id))),
            Some(fault) => misfortune::befall(&fault, request, &correlation_id, |request| {
                self.respond(request, endpoint, &correlation_id)
            }),
        };
        let status = reply.outcome.as_ref().map_or(0, |response| response.status().as_u16());
        *self.statuses.entry(status).or_default() += 1;
        reply
    }

    pub(crate) fn calls(&self) -> Calls {
        Calls { calls: self.calls.clone(), statuses: self.statuses.clone() }
    }

    pub(crate) fn reset_calls(&mut self) {
        self.calls.clear();
        self.statuses.clear();
    }

    fn respond(
        &mut self,
        request: &Request<Bytes>,
        endpoint: Option<Endpoint<'_>>,
        correlation_id: &str,
    ) -> Response<Bytes> {
        let refuse = |refusal: &Refusal| write(refusal.status, Some(&refusal.to_body(correlation_id)), correlation_id);
        let token = match self.authenticate(request) {
            Ok(token) => token,
            Err(refusal) => return refuse(&refusal),
        };
        let Some(endpoint) = endpoint else {
            return refuse(&Refusal::not_found("resource not found"));
        };
        let scopes = endpoint.scopes();
        if !scopes.is_empty() && !scopes.iter().any(|scope| token.scopes.contains(scope)) {
            return refuse(&Refusal::missing_scopes(&scopes));
        }
        let source = Source::Application(token.app_id);
        let budget = endpoint.budget();
        if let Err(exhausted) = self.counters.count(budget, self.portal.now) {
            let mut response = write(429, Some(&exhausted.to_body(correlation_id)), correlation_id);
            self.counters.write_headers(budget, response.headers_mut());
            return response;
        }
        let usage = self.counters.usage(self.portal.now);
        let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|Query(pairs)| pairs);
        let call =
            Call { source, query: query.unwrap_or_default(), address: address(request), body: request.body(), usage };
        let mut response = match dispatch(&mut self.portal, endpoint, &call) {
            Ok(answer) => write(answer.status, answer.body.as_ref(), correlation_id),
            Err(refusal) => refuse(&refusal),
        };
        self.counters.write_headers(budget, response.headers_mut());
        response
    }

    fn authenticate(&self, request: &Request<Bytes>) -> Result<&Token, Refusal> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = header.and_then(|value| value.strip_prefix("Bearer "));
        let known = sent.and_then(|sent| self.tokens.iter().find(|token| token.value == sent));
        match known {
            Some(token) if token.expired => {
                let message = "The OAuth token used to make this call expired 1 hour(s) ago.";
                Err(Refusal::new(401, Category::ExpiredAuthentication, message))
            }
            Some(token) => Ok(token),
            None => {
                let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and \
                               you can find more details at \
                               https://developers.hubspot.com/docs/methods/auth/oauth-overview";
                Err(Refusal::new(401, Category::InvalidAuthentication, message))
            }
        }
    }

    /// Looks like the ids of the live CRM, and is the same in every run.
    fn next_correlation_id(&mut self) -> String {
        self.correlations += 1;
        format!("5a5db0c5-0000-4000-8000-{:012x}", self.correlations)
    }
}

/// Writes an answer as JSON.
pub(crate) fn write(status: u16, body: Option<&Value>, correlation_id: &str) -> Response<Bytes> {
    let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let mut response = Response::new(bytes);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
    }
    if let Ok(value) = HeaderValue::from_str(correlation_id) {
        headers.insert("x-hubspot-correlation-id", value);
    }
    response
}

fn decode(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// The URI without its query, absolute, so that links to further pages lead back to where the caller came from.
fn address(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(|authority| authority.as_str()).or(host);
    match authority {
        Some(authority) => format!("{}://{authority}{}", uri.scheme_str().unwrap_or("http"), uri.path()),
        None => format!("https://api.hubapi.com{}", uri.path()),
    }
}
