//! Many requests in one call: it counts once, and each part of its answer succeeds or fails by itself.

use std::collections::HashMap;

use dealclock_connector::{Error, Priority};
use serde::{Deserialize, Serialize, Serializer};

use crate::api;
use crate::client::{Answer, Call};
use crate::errors::{Refusal, part_refused};
use crate::soql::{self, Rows};
use crate::wire::{Body, Composite, Page};

/// A subrequest of a composite call.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sub<B> {
    method: &'static str,
    url: String,
    /// Only letters, digits and underscores.
    reference_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_headers: Option<Headers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<B>,
}

/// The headers of a subrequest.
#[derive(Debug, Serialize)]
struct Headers {
    #[serde(rename = "If-Unmodified-Since")]
    if_unmodified_since: String,
}

/// No body.
#[derive(Debug)]
pub enum Nothing {}

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl Sub<Nothing> {
    /// A query.
    pub fn query(rows: Rows, query: &str, name: &str) -> Sub<Nothing> {
        Sub {
            method: "GET",
            url: soql::path(rows, query),
            reference_id: name.to_owned(),
            http_headers: None,
            body: None,
        }
    }
}

impl<B> Sub<B> {
    /// Something to post.
    pub fn post(url: String, name: String, body: B) -> Sub<B> {
        Sub { method: "POST", url, reference_id: name, http_headers: None, body: Some(body) }
    }

    /// A change of one record, made only while nobody changed it since an HTTP date; see
    /// [conditional requests](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest_conditional_requests.htm).
    pub fn patch(url: String, name: String, body: B, if_unmodified_since: Option<String>) -> Sub<B> {
        let http_headers = if_unmodified_since.map(|if_unmodified_since| Headers { if_unmodified_since });
        Sub { method: "PATCH", url, reference_id: name, http_headers, body: Some(body) }
    }
}

/// The whole request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a, B> {
    all_or_none: bool,
    collate_subrequests: bool,
    composite_request: &'a [Sub<B>],
}

/// The call of some subrequests.
pub fn call<B: Serialize>(what: &'static str, subs: &[Sub<B>]) -> Call {
    // Subrequests that are put together may change their order, and ours bear headers.
    let request = Request { all_or_none: false, collate_subrequests: false, composite_request: subs };
    Call::post(what, api::data("/composite"), &request)
}

/// Some queries as one call; each has a name.
pub fn queries(what: &'static str, queries: &[(&str, Rows, String)]) -> Call {
    debug_assert!(queries.len() <= api::QUERIES, "Salesforce refuses more queries in one call");
    let subs: Vec<_> = queries.iter().map(|(name, rows, query)| Sub::query(*rows, query, name)).collect();
    call(what, &subs).priority(Priority::Write)
}

/// The parts of an answer by their names.
pub fn parts<'a, B: Deserialize<'a>>(answer: &'a Answer) -> Result<HashMap<String, (u16, B)>, Refusal> {
    let read: Composite<B> = answer.read()?;
    let parts = read.composite_response.into_iter();
    Ok(parts.map(|part| (part.reference_id, (part.http_status_code, part.body))).collect())
}

/// The pages that queries answered, by their names.
pub struct Pages<'a> {
    answer: &'a Answer,
    parts: HashMap<String, (u16, Body<Page<'a>>)>,
}

impl<'a> Pages<'a> {
    /// Reads them.
    pub fn of(answer: &'a Answer) -> Result<Pages<'a>, Refusal> {
        Ok(Pages { answer, parts: parts(answer)? })
    }

    /// Takes one query's page out.
    pub fn take(&mut self, name: &str) -> Result<Page<'a>, Refusal> {
        let asked = self.answer.asked();
        match self.parts.remove(name) {
            Some((_, Body::Good(page))) => Ok(page),
            Some((status, Body::Bad(failures))) => Err(part_refused(asked, status, failures)),
            Some((_, Body::Empty)) | None => {
                let message = format!("{}: Salesforce said nothing about a part of it", asked.what);
                Err(Refusal::ours(Error::transient(message)))
            }
        }
    }
}
