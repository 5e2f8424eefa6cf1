//! One call to HubSpot: our share of the limits first, then the request, then what the answer means.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono_tz::Tz;
use dealclock_connector::answer::read_json;
use dealclock_connector::{
    Access, Authorizer, Bucket, Clock, Error, IfLost, Limit, Observed, Origin, Part, Priority, Quota, Step, Transport,
    Unfinished, redact,
};
use dealclock_model::Instant;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::errors::{Asked, Refusal, garbled, lost, refused};

/// A call to make.
#[derive(Clone, Debug)]
pub struct Call {
    what: &'static str,
    method: Method,
    path: String,
    body: Option<Value>,
    bucket: Bucket,
    priority: Priority,
    if_lost: IfLost,
    part: Part,
}

impl Call {
    /// Reads from a path; `what` says it for a person, such as `read deals`.
    pub fn get(what: &'static str, path: String) -> Call {
        Call {
            what,
            method: Method::GET,
            path,
            body: None,
            bucket: Bucket::General,
            priority: Priority::Background,
            if_lost: IfLost::AskAgain,
            part: Part::Own,
        }
    }

    /// Posts to a path; a lost answer may be asked for again unless [`Call::creates`].
    pub fn post(what: &'static str, path: String, body: Value) -> Call {
        Call { method: Method::POST, body: Some(body), ..Call::get(what, path) }
    }

    /// Counts against another bucket.
    #[must_use]
    pub fn bucket(mut self, bucket: Bucket) -> Call {
        self.bucket = bucket;
        self
    }

    /// Waits less for others.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Call {
        self.priority = priority;
        self
    }

    /// Makes something that a second call would make a second time.
    #[must_use]
    pub fn creates(mut self) -> Call {
        self.if_lost = IfLost::MayBeApplied;
        self
    }

    /// Finishes what an earlier call of the same verb began.
    #[must_use]
    pub fn follows(mut self) -> Call {
        self.part = Part::FollowUp;
        self
    }

    /// Is one of many of a verb that goes on where it stopped.
    #[must_use]
    fn resumed(mut self) -> Call {
        self.part = Part::Resumed;
        self
    }
}

/// Makes calls to one account.
pub struct Client {
    base: String,
    auth: Arc<dyn Authorizer>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    quota: Quota,
    zone: Mutex<Tz>,
    unfinished: Unfinished,
}

impl Client {
    /// A client for a base address without a slash at its end.
    pub fn new(
        base: String,
        auth: Arc<dyn Authorizer>,
        quota: Quota,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Client {
        Client { base, auth, transport, clock, quota, zone: Mutex::new(Tz::UTC), unfinished: Unfinished::default() }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The budget.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Learns the account's zone, at whose midnight the daily limit begins anew.
    pub fn learn_zone(&self, zone: Tz) {
        *self.zone.lock().unwrap_or_else(PoisonError::into_inner) = zone;
    }

    /// Makes a call and reads its answer.
    pub async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Refusal> {
        let asked = self.asked(&call);
        let answer = self.send(call, asked).await?;
        read_json(&answer).map_err(|unread| garbled(asked, unread))
    }

    /// Makes a call and reads its answer; `None` where HubSpot has nothing to say.
    pub async fn ask_for_any<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>, Refusal> {
        let asked = self.asked(&call);
        let answer = self.send(call, asked).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        read_json(&answer).map(Some).map_err(|unread| garbled(asked, unread))
    }

    /// Fetches a file from an address that HubSpot gave, and that `origin` admits; our token stays here.
    ///
    /// Whatever goes wrong is worth another try: the address is good for minutes, and asked for again then.
    pub async fn download<T: DeserializeOwned>(&self, what: &str, address: &str, origin: &Origin) -> Result<T, Error> {
        let failed = |why: &str| Error::transient(format!("{what}: {why}"));
        let uri: Uri = address.parse().map_err(|_| failed("the address that HubSpot gave is none"))?;
        origin.admit(&uri).map_err(|forbidden| Error::rejected(format!("{what}: {forbidden}")))?;
        let request = Request::get(uri).body(Bytes::new()).map_err(|_| failed("the request cannot be written"))?;
        let answer = self.transport.send(request).await.map_err(|error| failed(&redact(&error.to_string())))?;
        if !answer.status().is_success() {
            return Err(failed(&format!("the file is not given out (status {})", answer.status().as_u16())));
        }
        read_json(&answer).map_err(|unread| failed(&unread.to_string()))
    }

    /// The calls of a verb of many reads, whose answers are kept while it is unfinished.
    pub fn steps(&self, verb: &'static str) -> Steps<'_> {
        Steps { client: self, verb }
    }

    async fn send(&self, call: Call, asked: Asked<'_>) -> Result<Response<Bytes>, Refusal> {
        let admitted = self.quota.admit(call.part, call.bucket, call.priority, asked.now);
        if let Err(until) = admitted {
            let again = until.format("%Y-%m-%d %H:%M:%S UTC");
            let message = format!("{}: our share of the account's calls is used up until {again}", call.what);
            return Err(Refusal::ours(Error::throttled(until, message)));
        }
        let bucket = call.bucket;
        let access = self.auth.access().await.map_err(Refusal::ours)?;
        let mut answer = self.exchange(&call, &access, asked).await?;
        if answer.status() == StatusCode::UNAUTHORIZED
            && let Some(renewed) = self.auth.renew(&access).await.map_err(Refusal::ours)?
        {
            // A refused call was not carried out, so one repetition with another token is safe.
            answer = self.exchange(&call, &renewed, asked).await?;
        }
        self.quota.observe(bucket, observed(answer.headers(), bucket), self.now());
        if answer.status().is_success() {
            return Ok(answer);
        }
        let refusal = refused(asked, &answer);
        if let Some((bucket, until)) = refusal.pause {
            self.quota.pause(bucket, until);
        }
        Err(refusal)
    }

    async fn exchange(&self, call: &Call, access: &Access, asked: Asked<'_>) -> Result<Response<Bytes>, Refusal> {
        let request = self.request(call, access)?;
        self.transport.send(request).await.map_err(|error| lost(asked, &error))
    }

    fn request(&self, call: &Call, access: &Access) -> Result<Request<Bytes>, Refusal> {
        let unsendable = || Refusal::ours(Error::rejected(format!("{}: the request cannot be written", call.what)));
        let bearer = access.bearer().map_err(Refusal::ours)?;
        let builder = Request::builder()
            .method(&call.method)
            .uri(format!("{}{}", self.base, call.path))
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/json");
        let request = match &call.body {
            Some(body) => builder.header(CONTENT_TYPE, "application/json").body(Bytes::from(body.to_string())),
            None => builder.body(Bytes::new()),
        };
        request.map_err(|_| unsendable())
    }

    fn asked(&self, call: &Call) -> Asked<'static> {
        let zone = *self.zone.lock().unwrap_or_else(PoisonError::into_inner);
        Asked { what: call.what, bucket: call.bucket, if_lost: call.if_lost, now: self.now(), zone }
    }
}

/// The calls of one verb of many reads.
pub struct Steps<'a> {
    client: &'a Client,
    verb: &'static str,
}

impl Steps<'_> {
    /// Makes a call, or takes the answer that an unfinished run of the verb got to it.
    pub async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Refusal> {
        let body = call.body.as_ref().map(|body| Bytes::from(body.to_string()));
        let step = Step { verb: self.verb, path: call.path.clone(), body };
        let asked = self.client.asked(&call);
        if let Some(answer) = self.client.unfinished.answer_to(&step, asked.now) {
            return read_json(&answer).map_err(|unread| garbled(asked, unread));
        }
        let answer = self.client.send(call.resumed(), asked).await?;
        let read = read_json(&answer).map_err(|unread| garbled(asked, unread))?;
        self.client.unfinished.keep(step, answer, asked.now);
        Ok(read)
    }

    /// Forgets the answers: the verb is done.
    pub fn finish(self) {
        self.client.unfinished.finish(self.verb);
    }
}

/// The budget of an account; both shares are above 0 and at most 1.
pub fn quota(share: f64, daily_share: f64) -> Quota {
    Quota::new(share, limit_of).with_daily_share(daily_share)
}

/// The limits of the smallest account, until its answers say more; see the
/// [usage guidelines](https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines).
fn limit_of(bucket: Bucket) -> Limit {
    match bucket {
        Bucket::General | Bucket::Associations => Limit { calls: 100, window: Duration::from_secs(10) },
        Bucket::Search => Limit { calls: 5, window: Duration::from_secs(1) },
    }
}

/// What the headers say of the limits. Search answers say nothing of the search limit, whatever they show.
fn observed(headers: &HeaderMap, bucket: Bucket) -> Observed {
    let number = |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let small = |name: &str| number(name).and_then(|value| u32::try_from(value).ok());
    let window = number("x-hubspot-ratelimit-interval-milliseconds").unwrap_or(10_000);
    let limit = small("x-hubspot-ratelimit-max").map(|calls| Limit { calls, window: Duration::from_millis(window) });
    let of_bucket = bucket != Bucket::Search;
    Observed {
        limit: limit.filter(|_| of_bucket),
        remaining: small("x-hubspot-ratelimit-remaining").filter(|_| of_bucket),
        daily: number("x-hubspot-ratelimit-daily"),
        daily_remaining: number("x-hubspot-ratelimit-daily-remaining"),
    }
}
