//! The calls about the Webhooks Journal, which only an application's own token may make.

use axum::extract::Query;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use serde_json::json;

use super::app::AppEndpoint;
use crate::hubspot::{HubSpot, home, write};
use crate::portal::instant::iso;
use crate::portal::journal::{Place, Subscription};
use crate::refusal::{Category, Refusal};

/// How long the address of a file is good.
const ADDRESS_LIFETIME: i64 = 5 * 60_000;

/// Most subscriptions of an application.
const SUBSCRIPTIONS: usize = 50;

type Outcome = Result<Response<Bytes>, Refusal>;

impl HubSpot {
    /// Answers a call about the journal.
    pub(crate) fn answer_journal(
        &mut self,
        request: &Request<Bytes>,
        call: AppEndpoint<'_>,
        correlation_id: &str,
    ) -> Response<Bytes> {
        let outcome = match call {
            AppEndpoint::File(offset) => self.give_file(request, offset),
            AppEndpoint::Subscriptions => self.subscriptions(request, correlation_id),
            AppEndpoint::Subscribe => self.subscribe(request, correlation_id),
            AppEndpoint::Unsubscribe(id) => self.unsubscribe(request, id, correlation_id),
            AppEndpoint::Earliest => self.look(request, &Place::Earliest, correlation_id),
            AppEndpoint::Latest => self.look(request, &Place::Latest, correlation_id),
            AppEndpoint::Next(offset) => self.look(request, &Place::After(offset), correlation_id),
            AppEndpoint::Authorize | AppEndpoint::Token | AppEndpoint::Introspect | AppEndpoint::Revoke => {
                Err(Refusal::not_found("resource not found"))
            }
        };
        outcome.unwrap_or_else(|refusal| write(refusal.status, Some(&refusal.to_body(correlation_id)), correlation_id))
    }

    fn look(&mut self, request: &Request<Bytes>, place: &Place<'_>, correlation_id: &str) -> Outcome {
        self.admit_app(request, "developer.webhooks_journal.read")?;
        self.spread_news();
        let query = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|Query(pairs)| pairs);
        let asked = query.unwrap_or_default().into_iter().find(|(name, _)| name == "installPortalId");
        let is_ours = asked.is_none_or(|(_, account)| account == self.portal.portal_id.to_string());
        let now = self.portal.now;
        let gone = || Refusal::not_found("the offset is expired or does not exist");
        match self.journal.find(place, now).map_err(|()| gone())?.filter(|_| is_ours) {
            None => Ok(write(204, None, correlation_id)),
            Some(file) => {
                let body = json!({
                    "url": format!("{}/journal-files/{}?expires={}", home(request), file.offset, now + ADDRESS_LIFETIME),
                    "expiresAt": iso(now + ADDRESS_LIFETIME),
                    "currentOffset": file.offset,
                });
                Ok(write(200, Some(&body), correlation_id))
            }
        }
    }

    /// Files lie with a third party, which takes the signature in the address and no other credential beside it.
    fn give_file(&self, request: &Request<Bytes>, offset: &str) -> Outcome {
        if request.headers().contains_key(AUTHORIZATION) {
            return Err(Refusal::invalid("Only one auth mechanism allowed"));
        }
        let until = request.uri().query().and_then(|query| query.strip_prefix("expires=")?.parse::<i64>().ok());
        match self.journal.file(offset).filter(|_| until.is_some_and(|until| self.portal.now < until)) {
            Some(file) => Ok(crate::sandbox::json(200, Some(&file.body))),
            None => Err(Refusal::new(403, Category::Forbidden, "Request has expired")),
        }
    }

    fn subscriptions(&self, request: &Request<Bytes>, correlation_id: &str) -> Outcome {
        self.admit_app(request, "developer.webhooks_journal.subscriptions.read")?;
        let all: Vec<&Subscription> = self.journal.subscriptions.values().collect();
        Ok(write(200, Some(&json!({ "results": all })), correlation_id))
    }

    fn subscribe(&mut self, request: &Request<Bytes>, correlation_id: &str) -> Outcome {
        self.admit_app(request, "developer.webhooks_journal.subscriptions.write")?;
        let subscription: Subscription = serde_json::from_slice(request.body())
            .map_err(|error| Refusal::invalid(format!("Invalid input JSON: {error}")))?;
        if subscription.subscription_type != "OBJECT" || subscription.portal_id != self.portal.portal_id {
            return Err(Refusal::invalid("only records of this account can be subscribed to"));
        }
        if self.journal.subscriptions.len() >= SUBSCRIPTIONS {
            return Err(Refusal::invalid("the application has as many subscriptions as it may"));
        }
        self.spread_news();
        self.portal.news.is_wanted = true;
        let made = json!(self.journal.subscribe(subscription));
        Ok(write(201, Some(&made), correlation_id))
    }

    fn unsubscribe(&mut self, request: &Request<Bytes>, id: &str, correlation_id: &str) -> Outcome {
        self.admit_app(request, "developer.webhooks_journal.subscriptions.write")?;
        self.spread_news();
        id.parse().ok().and_then(|id: u64| self.journal.subscriptions.remove(&id));
        Ok(write(204, None, correlation_id))
    }

    fn admit_app(&self, request: &Request<Bytes>, scope: &'static str) -> Result<(), Refusal> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let granted = header.and_then(|value| self.grants.granted(value.strip_prefix("Bearer ")?));
        match granted.filter(|granted| granted.of_app) {
            None => Err(Refusal::new(401, Category::InvalidAuthentication, "the token is none of an application")),
            Some(granted) if granted.until <= self.portal.now => Err(Refusal::new(
                401,
                Category::ExpiredAuthentication,
                "The OAuth token used to make this call expired.",
            )),
            Some(granted) if granted.scopes.contains(scope) => Ok(()),
            Some(_) => Err(Refusal::missing_scope_names(&[scope])),
        }
    }
}
