//! HubSpot's side of a call: who is let in, how much they may ask, and the account that answers.

use std::time::Duration;

use axum::extract::Query;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Method, Request, Response};
use serde_json::Value;

use crate::limits::Counters;
use crate::options::{Limits, Options, Token};
use crate::portal::Portal;
use crate::portal::grants::Grants;
use crate::portal::journal::Journal;
use crate::portal::kind::Kind;
use crate::portal::pushes::{Pushes, Target};
use crate::portal::record::Source;
use crate::refusal::{Category, Refusal};
use crate::routes::app::AppEndpoint;
use crate::routes::endpoint::Endpoint;
use crate::routes::{Call, dispatch};
use crate::sandbox::{decode, json};
use crate::sender::{Outbox, Sending, Settled};

/// An account that speaks HubSpot's dialect.
pub(crate) struct HubSpot {
    pub(crate) portal: Portal,
    pub(crate) tokens: Vec<Token>,
    pub(crate) grants: Grants,
    pub(crate) journal: Journal,
    pushes: Pushes,
    counters: Counters,
    /// How many calls were answered, for the ids that the CRM gives them.
    answered: u64,
}

/// The name under which a call is counted.
pub(crate) fn endpoint(method: &Method, path: &str) -> String {
    match (AppEndpoint::parse(method, path), Endpoint::parse(method, path)) {
        (Some(call), _) => call.to_string(),
        (None, Some(endpoint)) => endpoint.to_string(),
        (None, None) => "unknown".to_owned(),
    }
}

impl HubSpot {
    /// A fresh account.
    pub(crate) fn new(options: Options) -> HubSpot {
        HubSpot {
            portal: Portal::new(&options),
            counters: Counters::new(options.limits, &options.time_zone),
            tokens: options.tokens,
            grants: Grants::new(options.app),
            journal: Journal::default(),
            pushes: Pushes::default(),
            answered: 0,
        }
    }

    /// Changes the limits; what was used is forgotten.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        self.counters = Counters::new(limits, &self.portal.time_zone);
    }

    pub(crate) fn set_record_lag(&mut self, record_type: &str, id: &str, lag: Duration) -> Option<bool> {
        let (kind, id) = (Kind::parse(record_type)?, id.parse().ok()?);
        let exists = self.portal.record(kind, id).is_some();
        self.portal.set_record_lag(kind, id, lag);
        Some(exists)
    }

    /// Carries a call out, within its rights and the limits.
    pub(crate) fn respond(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let correlation_id = self.next_correlation_id();
        let path = decode(request.uri().path());
        if let Some(call) = AppEndpoint::parse(request.method(), &path) {
            let login = self.answer_login(request, call);
            return login.unwrap_or_else(|| self.answer_journal(request, call, &correlation_id));
        }
        let endpoint = Endpoint::parse(request.method(), &path);
        self.answer(request, endpoint, &correlation_id)
    }

    fn answer(
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

    /// Tells webhooks and the journal what happened since they were told last.
    pub(crate) fn spread_news(&mut self) {
        let news = self.portal.take_news();
        self.journal.take_in(&self.portal, &news);
        self.pushes.take_in(&self.portal, &news);
    }

    /// Sends webhooks to an address from now on.
    pub(crate) fn tell(&mut self, target: Target) {
        self.spread_news();
        self.portal.news.is_wanted = true;
        self.pushes.tell(target);
    }

    fn authenticate(&self, request: &Request<Bytes>) -> Result<Token, Refusal> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let sent = header.and_then(|value| value.strip_prefix("Bearer "));
        let known = sent.and_then(|sent| self.tokens.iter().find(|token| token.value == sent)).cloned();
        match known.or_else(|| self.granted(sent?)) {
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

    /// A token that an application was given for the account.
    fn granted(&self, sent: &str) -> Option<Token> {
        let granted = self.grants.granted(sent).filter(|granted| !granted.of_app)?;
        let expired = granted.until <= self.portal.now;
        let app_id = self.grants.app.app_id;
        Some(Token { value: sent.to_owned(), scopes: granted.account_scopes(), expired, app_id })
    }

    /// Looks like the ids of the live CRM, and is the same in every run.
    pub(crate) fn next_correlation_id(&mut self) -> String {
        self.answered += 1;
        format!("5a5db0c5-0000-4000-8000-{:012x}", self.answered)
    }
}

impl Outbox for HubSpot {
    fn due(&mut self) -> Vec<Sending> {
        self.spread_news();
        self.pushes.due(self.portal.now)
    }

    fn settled(&mut self, id: u64, settled: &Settled) {
        self.pushes.settled(id, settled, self.portal.now);
    }
}

/// Writes an answer as JSON, with the id that the CRM gives it.
pub(crate) fn write(status: u16, body: Option<&Value>, correlation_id: &str) -> Response<Bytes> {
    let mut response = json(status, body);
    if let Ok(value) = HeaderValue::from_str(correlation_id) {
        response.headers_mut().insert("x-hubspot-correlation-id", value);
    }
    response
}

/// The URI without its query, absolute, so that links to further pages lead back to where the caller came from.
fn address(request: &Request<Bytes>) -> String {
    format!("{}{}", home(request), request.uri().path())
}

/// Scheme and host that the caller called.
pub(crate) fn home(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(|authority| authority.as_str()).or(host);
    match authority {
        Some(authority) => format!("{}://{authority}", uri.scheme_str().unwrap_or("http")),
        None => "https://api.hubapi.com".to_owned(),
    }
}
