//! The sandbox: an account that answers calls, with its clock, its limits and its counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use serde_json::Value;

use crate::control::{self, Calls};
use crate::dialect::Dialect;
use crate::dump::Dump;
use crate::edit::Edit;
use crate::faults::{FaultRule, Faults};
use crate::hubspot::HubSpot;
use crate::misfortune::{self, Reply};
use crate::options::{Crm, Limits, Options, Token};
use crate::org::Org;
use crate::org::options::OrgOptions;
use crate::people_at_work::EditRefused;
use crate::portal::instant::to_datetime;

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

/// A CRM of our own that speaks the dialect of one of two; clones share one account.
#[derive(Clone)]
pub struct Sandbox {
    state: Arc<Mutex<State>>,
}

/// Everything that a call can read or change.
pub(crate) struct State {
    pub(crate) account: Dialect,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) statuses: BTreeMap<u16, u64>,
    pub(crate) faults: Faults,
}

impl Sandbox {
    /// A fresh account that speaks HubSpot's dialect.
    pub fn new(options: Options) -> Sandbox {
        let seed = options.seed;
        Sandbox::holding(Dialect::HubSpot(Box::new(HubSpot::new(options))), seed)
    }

    /// A fresh org, which speaks Salesforce's dialect.
    pub fn org(options: &OrgOptions) -> Sandbox {
        Sandbox::holding(Dialect::Salesforce(Box::new(Org::new(options))), options.seed)
    }

    fn holding(account: Dialect, seed: u64) -> Sandbox {
        let state = State { account, calls: BTreeMap::new(), statuses: BTreeMap::new(), faults: Faults::new(seed) };
        Sandbox { state: Arc::new(Mutex::new(state)) }
    }

    /// Whose dialect it speaks.
    pub fn crm(&self) -> Crm {
        self.state().account.crm()
    }

    /// The virtual instant.
    pub fn now(&self) -> DateTime<Utc> {
        to_datetime(self.state().account.now())
    }

    /// Turns the virtual clock.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.state().account.set_now(now.timestamp_millis());
    }

    /// Lets in these tokens and no others, where access is by tokens that stay.
    pub fn set_tokens(&self, tokens: Vec<Token>) {
        match &mut self.state().account {
            Dialect::HubSpot(hubspot) => hubspot.tokens = tokens,
            Dialect::Salesforce(_) => {}
        }
    }

    /// Changes the limits of a HubSpot account; what was used is forgotten.
    pub fn set_limits(&self, limits: Limits) {
        match &mut self.state().account {
            Dialect::HubSpot(hubspot) => hubspot.set_limits(limits),
            Dialect::Salesforce(_) => {}
        }
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
        self.state().account.set_lag(lag);
    }

    /// Lets search take up one record later or sooner than the others; `false` when there is no such type or record.
    pub fn set_record_lag(&self, record_type: &str, id: &str, lag: Duration) -> bool {
        self.state().account.set_record_lag(record_type, id, lag).unwrap_or(false)
    }

    /// Carries out a change at the virtual instant.
    pub fn edit(&self, edit: &Edit) -> Result<(), EditRefused> {
        self.state().account.edit(edit)
    }

    /// Turns the virtual clock and carries out a change at that instant.
    pub fn edit_at(&self, at: DateTime<Utc>, edit: &Edit) -> Result<(), EditRefused> {
        self.set_now(at);
        self.edit(edit)
    }

    /// Adds ten reps, two managers and as many deals; the same seed makes the same deals.
    pub fn seed_deals(&self, deals: usize, seed: u64) {
        self.state().account.seed(deals, seed);
    }

    /// Everything that the sandbox knows, with the histories of all properties.
    pub fn dump(&self) -> Dump {
        self.state().dump()
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
        let path = decode(request.uri().path());
        let key = self.account.endpoint(request.method(), &path);
        let fault = self.faults.strike(request.method().as_str(), &path, &key);
        *self.calls.entry(key).or_default() += 1;
        let reply = match fault {
            None => Reply::at_once(Ok(self.account.respond(request))),
            Some(fault) => misfortune::befall(&fault, request, &mut self.account),
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

    pub(crate) fn dump(&self) -> Dump {
        Dump { calls: self.calls.clone(), statuses: self.statuses.clone(), ..self.account.dump() }
    }
}

/// Writes an answer as JSON.
pub(crate) fn json(status: u16, body: Option<&Value>) -> Response<Bytes> {
    let bytes = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
    let mut response = Response::new(bytes);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if body.is_some() {
        let kind = HeaderValue::from_static("application/json;charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// A path as it was meant.
pub(crate) fn decode(path: &str) -> String {
    percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned()
}
