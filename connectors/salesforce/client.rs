//! One call to Salesforce: our share of the limits first, then the request, then what the answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dealclock_connector::answer::read_json;
use dealclock_connector::{
    Access, Authorizer, Bucket, Clock, Error, IfLost, Limit, Observed, Part, Priority, Quota, Step, Transport,
    Unfinished,
};
use dealclock_model::Instant;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::api::{LOGIN_HOSTS, data};
use crate::errors::{Asked, Refusal, garbled, lost, never_renews, refused};
use crate::wire::Failures;

/// A call to make.
#[derive(Clone, Debug)]
pub struct Call {
    what: &'static str,
    method: Method,
    path: String,
    body: Option<Bytes>,
    header: Option<(HeaderName, String)>,
    priority: Priority,
    if_lost: IfLost,
    part: Part,
}

impl Call {
    /// Reads from a path; `what` says it for a person, such as `read opportunities`.
    pub fn get(what: &'static str, path: String) -> Call {
        Call {
            what,
            method: Method::GET,
            path,
            body: None,
            header: None,
            priority: Priority::Background,
            if_lost: IfLost::AskAgain,
            part: Part::Own,
        }
    }

    /// Posts to a path; a lost answer may be asked for again unless [`Call::creates`].
    pub fn post(what: &'static str, path: String, body: &impl Serialize) -> Call {
        Call { method: Method::POST, body: Some(json(body)), ..Call::get(what, path) }
    }

    /// Changes what stands at a path.
    pub fn patch(what: &'static str, path: String, body: &impl Serialize) -> Call {
        Call { method: Method::PATCH, body: Some(json(body)), ..Call::get(what, path) }
    }

    /// Sends one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: String) -> Call {
        self.header = Some((name, value));
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

fn json(body: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(body).expect("what we send has only text keys"))
}

/// An answer of success.
#[derive(Debug)]
pub struct Answer {
    asked: Asked,
    response: Response<Bytes>,
}

impl Answer {
    /// What it says; what is read may borrow from it.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Refusal> {
        read_json(&self.response).map_err(|unread| garbled(self.asked, unread))
    }

    /// What the call was.
    pub fn asked(&self) -> Asked {
        self.asked
    }

    /// When it was answered, by Salesforce's clock; by ours when it does not say.
    pub fn date(&self) -> Instant {
        let text = self.response.headers().get(DATE).and_then(|value| value.to_str().ok());
        let date = text.and_then(|text| chrono::DateTime::parse_from_rfc2822(text).ok());
        date.map_or(self.asked.now, |date| date.to_utc())
    }

    /// Whether what was asked for is as it was.
    pub fn is_unchanged(&self) -> bool {
        self.response.status() == StatusCode::NOT_MODIFIED
    }
}

/// Makes calls to one org.
pub struct Client {
    base: Option<String>,
    auth: Arc<dyn Authorizer>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    quota: Quota,
    unfinished: Unfinished,
}

/// The budget of an org of which nothing is known yet.
///
/// Salesforce counts the day, and calls of twenty seconds; a second has
/// [no limit](https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm).
/// The one here keeps a mistake of ours from using up the day in minutes.
pub fn quota(share: f64, daily_share: f64) -> Quota {
    Quota::new(share, |_| Limit { calls: 400, window: Duration::from_secs(10) }).with_daily_share(daily_share)
}

impl Client {
    /// A client; the base address has no slash at its end, and the authorizer's home comes before it.
    pub fn new(
        base: Option<String>,
        auth: Arc<dyn Authorizer>,
        quota: Quota,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Client {
        Client { base, auth, transport, clock, quota, unfinished: Unfinished::default() }
    }

    /// The present instant.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The budget.
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Where the org lives.
    pub async fn home(&self) -> Result<String, Refusal> {
        let access = self.auth.access().await.map_err(Refusal::ours)?;
        Ok(self.home_of(&access)?.to_owned())
    }

    /// The path behind a link to the next page; it must lead to where the answer came from.
    pub async fn page_of(&self, asked: Asked, link: &str) -> Result<String, Refusal> {
        let home = self.home().await?;
        let path = match link.strip_prefix(&home) {
            Some(path) => path,
            None => link,
        };
        if path.starts_with("/services/data/") && path.parse::<http::uri::PathAndQuery>().is_ok() {
            return Ok(path.to_owned());
        }
        let message = format!("{}: the link to the next page leads elsewhere, and is not followed", asked.what);
        Err(Refusal::ours(Error::transient(message)))
    }

    /// Makes a call.
    pub async fn ask(&self, call: Call) -> Result<Answer, Refusal> {
        let asked = self.asked(&call);
        let response = self.send(&call, asked).await?;
        Ok(Answer { asked, response })
    }

    /// The calls of a verb of many reads, whose answers are kept while it is unfinished.
    pub fn steps(&self, verb: &'static str) -> Steps<'_> {
        Steps { client: self, verb }
    }

    async fn send(&self, call: &Call, asked: Asked) -> Result<Response<Bytes>, Refusal> {
        let admitted = self.quota.admit(call.part, Bucket::General, call.priority, asked.now);
        if let Err(until) = admitted {
            let again = until.format("%Y-%m-%d %H:%M:%S UTC");
            let message = format!("{}: our share of the org's calls is used up until {again}", call.what);
            return Err(Refusal::ours(Error::throttled(until, message)));
        }
        let access = self.auth.access().await.map_err(Refusal::ours)?;
        let mut answer = self.exchange(call, &access, asked).await?;
        if is_stale_session(&answer)
            && let Some(renewed) = self.auth.renew(&access).await.map_err(Refusal::ours)?
        {
            // A refused call was not carried out, so one repetition with another token is safe.
            answer = self.exchange(call, &renewed, asked).await?;
        }
        self.quota.observe(Bucket::General, observed(answer.headers()), self.now());
        self.quota.hear_date(answer.headers(), self.now());
        if answer.status().is_success() || answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(answer);
        }
        let refusal = match is_nobody_there(call, answer.status()) {
            true => refused(asked, &answer).about_the_address(),
            false => refused(asked, &answer),
        };
        if let Some(until) = refusal.pause {
            self.quota.pause(None, until);
        }
        Err(refusal)
    }

    async fn exchange(&self, call: &Call, access: &Access, asked: Asked) -> Result<Response<Bytes>, Refusal> {
        let request = self.request(call, access)?;
        self.transport.send(request).await.map_err(|error| lost(asked, &error))
    }

    fn request(&self, call: &Call, access: &Access) -> Result<Request<Bytes>, Refusal> {
        let home = self.home_of(access)?;
        let unsendable = || Refusal::ours(Error::rejected(format!("{}: the request cannot be written", call.what)));
        let bearer = access.bearer().map_err(Refusal::ours)?;
        let mut builder = Request::builder()
            .method(&call.method)
            .uri(format!("{home}{}", call.path))
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/json");
        if let Some((name, value)) = &call.header {
            builder = builder.header(name, value);
        }
        let request = match &call.body {
            Some(body) => builder.header(CONTENT_TYPE, "application/json").body(body.clone()),
            None => builder.body(Bytes::new()),
        };
        request.map_err(|_| unsendable())
    }

    /// The address for data: the login told it, or it is configured. It is never the one for logging in.
    fn home_of<'a>(&'a self, access: &'a Access) -> Result<&'a str, Refusal> {
        let home = access.home.as_deref().or(self.base.as_deref());
        let is_login = |home: &&str| {
            let host = home.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
            host.is_some_and(|host| LOGIN_HOSTS.contains(&host.as_str()))
        };
        home.filter(|home| !is_login(home)).ok_or_else(|| {
            Refusal::ours(Error::unauthorized(
                "no address of the org is known; set `base_url` to its My Domain, such as https://acme.my.salesforce.com",
            ))
        })
    }

    fn asked(&self, call: &Call) -> Asked {
        Asked { what: call.what, if_lost: call.if_lost, now: self.now() }
    }
}

/// The calls of one verb of many reads.
pub struct Steps<'a> {
    client: &'a Client,
    verb: &'static str,
}

impl Steps<'_> {
    /// Makes a call, or takes the answer that an unfinished run of the verb got to it.
    pub async fn ask(&self, call: Call) -> Result<Answer, Refusal> {
        let step = Step { verb: self.verb, path: call.path.clone(), body: call.body.clone() };
        let asked = self.client.asked(&call);
        if let Some(response) = self.client.unfinished.answer_to(&step, asked.now) {
            return Ok(Answer { asked, response });
        }
        let response = self.client.send(&call.resumed(), asked).await?;
        self.client.unfinished.keep(step, response.clone(), asked.now);
        Ok(Answer { asked, response })
    }

    /// Forgets the answers: the verb is done.
    pub fn finish(self) {
        self.client.unfinished.finish(self.verb);
    }
}

/// Whether a call of many parts came to an address that is none: whoever answered so, such as a gateway, has read no part.
fn is_nobody_there(call: &Call, status: StatusCode) -> bool {
    let is_unknown = matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE);
    is_unknown && call.path.starts_with(&data("/composite"))
}

/// Whether another token would be let in.
fn is_stale_session(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED
        && !read_json::<Failures>(answer).is_ok_and(|Failures(failures)| failures.iter().any(never_renews))
}

/// What the headers say of the limits.
///
/// `Sforce-Limit-Info: api-usage=10018/100000; api-bursts=1/750`, with parts that come and go; see the
/// [API usage header](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm).
fn observed(headers: &HeaderMap) -> Observed {
    let texts = headers.get_all("sforce-limit-info").iter().filter_map(|value| value.to_str().ok());
    let parts = texts.flat_map(|text| text.split([';', ',']));
    let usage = parts.filter_map(|part| part.trim().strip_prefix("api-usage=")).find_map(|usage| {
        let (used, limit) = usage.split_once('/')?;
        Some((used.trim().parse::<u64>().ok()?, limit.trim().parse::<u64>().ok()?))
    });
    let left = |(used, limit): (u64, u64)| limit.saturating_sub(used);
    Observed { daily: usage.map(|(_, limit)| limit), daily_remaining: usage.map(left), ..Observed::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_usage_is_read_beside_parts_that_come_and_go() {
        let check = |text: &str, daily: Option<(u64, u64)>| {
            let headers = HeaderMap::from_iter([(HeaderName::from_static("sforce-limit-info"), text.parse().unwrap())]);
            let read = observed(&headers);
            assert_eq!(read.daily.zip(read.daily_remaining), daily, "{text}");
        };
        check("api-usage=10018/100000", Some((100_000, 89_982)));
        check("api-usage=10018/100000; api-bursts=1/750", Some((100_000, 89_982)));
        check("api-bursts=1/750; api-usage=7/15000; per-app-api-usage=17/250(appName=x)", Some((15_000, 14_993)));
        check("per-app-api-usage=17/250(appName=x)", None);
        check("api-usage=15100/15000", Some((15_000, 0)));
        check("api-usage=many/few", None);
    }
}
