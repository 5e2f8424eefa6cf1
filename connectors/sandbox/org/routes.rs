//! The calls that the org answers: which there are, how they are addressed, under which names they are counted.

use axum::extract::Query;
use bytes::Bytes;
use http::header::{AUTHORIZATION, DATE};
use http::{HeaderName, HeaderValue, Method, Request, Response};
use serde_json::json;

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::errors::Failure;
use super::row::{Author, Via};
use super::stamp::write_http_date;
use super::{Org, versions};

/// No address with its headers may be longer.
/// <https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm>
const LONGEST_ADDRESS: usize = 16_384;

/// A call under a version, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Resources,
    Limits,
    Global,
    Query,
    QueryAll,
    QueryMore(&'a str),
    Composite,
    Batch,
    CollectionCreate,
    CollectionUpdate,
    CollectionDelete,
    CollectionRead(&'a str),
    CollectionUpsert(&'a str, &'a str),
    About(&'a str),
    Describe(&'a str),
    Create(&'a str),
    Updated(&'a str),
    Deleted(&'a str),
    Read(&'a str, &'a str),
    Update(&'a str, &'a str),
    Delete(&'a str, &'a str),
    ReadByKey(&'a str, &'a str, &'a str),
    Upsert(&'a str, &'a str, &'a str),
    DeleteByKey(&'a str, &'a str, &'a str),
    Approvals,
    Approve,
    Act(&'a str),
    Tooling,
}

impl<'a> Route<'a> {
    /// Finds the call that a method and the rest of a path address.
    pub(super) fn parse(method: &str, segments: &[&'a str]) -> Option<Route<'a>> {
        match (method, segments) {
            ("GET", [] | [""]) => Some(Route::Resources),
            ("GET", ["limits"]) => Some(Route::Limits),
            ("GET", ["query"]) => Some(Route::Query),
            ("GET", ["queryAll"]) => Some(Route::QueryAll),
            ("GET", ["query" | "queryAll", locator]) => Some(Route::QueryMore(locator)),
            ("POST", ["composite"]) => Some(Route::Composite),
            ("POST", ["composite", "batch"]) => Some(Route::Batch),
            ("POST", ["composite", "sobjects"]) => Some(Route::CollectionCreate),
            ("PATCH", ["composite", "sobjects"]) => Some(Route::CollectionUpdate),
            ("DELETE", ["composite", "sobjects"]) => Some(Route::CollectionDelete),
            ("GET" | "POST", ["composite", "sobjects", kind]) => Some(Route::CollectionRead(kind)),
            ("PATCH", ["composite", "sobjects", kind, field]) => Some(Route::CollectionUpsert(kind, field)),
            ("GET", ["sobjects"]) => Some(Route::Global),
            ("GET", ["process", "approvals"]) => Some(Route::Approvals),
            ("POST", ["process", "approvals"]) => Some(Route::Approve),
            ("POST", ["actions", "standard", name]) => Some(Route::Act(name)),
            ("GET" | "POST", ["tooling", _, ..]) => Some(Route::Tooling),
            (_, ["sobjects", kind, rest @ ..]) => Route::parse_object(method, kind, rest),
            _ => None,
        }
    }

    fn parse_object(method: &str, kind: &'a str, rest: &[&'a str]) -> Option<Route<'a>> {
        match (method, rest) {
            ("GET", []) => Some(Route::About(kind)),
            ("POST", []) => Some(Route::Create(kind)),
            ("GET", ["describe"]) => Some(Route::Describe(kind)),
            ("GET", ["updated"]) => Some(Route::Updated(kind)),
            ("GET", ["deleted"]) => Some(Route::Deleted(kind)),
            ("GET", [id]) => Some(Route::Read(kind, id)),
            ("PATCH", [id]) => Some(Route::Update(kind, id)),
            ("DELETE", [id]) => Some(Route::Delete(kind, id)),
            ("GET", [field, value]) => Some(Route::ReadByKey(kind, field, value)),
            ("PATCH", [field, value]) => Some(Route::Upsert(kind, field, value)),
            ("DELETE", [field, value]) => Some(Route::DeleteByKey(kind, field, value)),
            _ => None,
        }
    }

    /// The name under which the call is counted.
    fn name(self) -> &'static str {
        match self {
            Route::Resources => "sf.resources",
            Route::Limits => "sf.limits",
            Route::Global => "sf.global",
            Route::Query => "sf.query",
            Route::QueryAll => "sf.queryAll",
            Route::QueryMore(_) => "sf.queryMore",
            Route::Composite => "sf.composite",
            Route::Batch => "sf.batch",
            Route::CollectionCreate => "sf.collections.create",
            Route::CollectionUpdate => "sf.collections.update",
            Route::CollectionDelete => "sf.collections.delete",
            Route::CollectionRead(_) => "sf.collections.read",
            Route::CollectionUpsert(..) => "sf.collections.upsert",
            Route::About(_) => "sf.about",
            Route::Describe(_) => "sf.describe",
            Route::Create(_) => "sf.create",
            Route::Updated(_) => "sf.updated",
            Route::Deleted(_) => "sf.deleted",
            Route::Read(..) => "sf.read",
            Route::Update(..) => "sf.update",
            Route::Delete(..) => "sf.delete",
            Route::ReadByKey(..) => "sf.readByKey",
            Route::Upsert(..) => "sf.upsert",
            Route::DeleteByKey(..) => "sf.deleteByKey",
            Route::Approvals | Route::Approve => "sf.approvals",
            Route::Act(_) => "sf.actions",
            Route::Tooling => "sf.tooling",
        }
    }
}

/// The name under which a call is counted, and by which faults find it: `sf.query`.
pub(crate) fn endpoint(method: &Method, path: &str) -> String {
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let name = match segments.as_slice() {
        ["services", "data"] => "sf.versions",
        ["services", "data", _, "tooling", ..] => "sf.tooling",
        ["services", "data", _, "process", "approvals"] => "sf.approvals",
        ["services", "data", _, "metadata", ..] => "sf.metadata",
        ["services", "data", _, rest @ ..] => Route::parse(method.as_str(), rest).map_or("unknown", Route::name),
        ["services", "oauth2", "token"] => "sf.token",
        ["services", "oauth2", "authorize"] => "sf.authorize",
        ["services", "oauth2", "revoke"] => "sf.revoke",
        ["services", "oauth2", "introspect"] => "sf.introspect",
        ["services", "oauth2", "userinfo"] | ["id", _, _] => "sf.userinfo",
        ["services", "Soap", "u", _] => "sf.login",
        _ => "unknown",
    };
    name.to_owned()
}

impl Org {
    /// Answers a call.
    pub(crate) fn respond(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut response = self.answer(request).into_response();
        if let Ok(date) = HeaderValue::from_str(&write_http_date(self.now)) {
            response.headers_mut().insert(DATE, date);
        }
        response
    }

    fn answer(&mut self, request: &Request<Bytes>) -> Answer {
        if address_length(request) > LONGEST_ADDRESS {
            return Answer::with_status(414, &json!([{ "message": "URI Too Long", "errorCode": "URI_TOO_LONG" }]));
        }
        match request.uri().path().trim_end_matches('/') {
            "/services/data" => Answer::ok(&versions::list()),
            path if path.starts_with("/services/oauth2/") || path.starts_with("/id/") => self.authorize(request),
            path if path.starts_with("/services/Soap/u/") => self.log_in(request),
            _ => self.answer_program(request),
        }
    }

    /// Answers a program that has a session, and tells it how much of the limits is used.
    fn answer_program(&mut self, request: &Request<Bytes>) -> Answer {
        let now = self.now;
        let author = match self.authenticate(request).and_then(|author| self.usage.count(now).map(|()| author)) {
            Ok(author) => author,
            Err(failure) => return failure.into(),
        };
        let call = Call::parse(request.method().as_str(), request.uri(), request.headers(), request.body(), author);
        let answer = call.and_then(|call| self.dispatch(&call)).unwrap_or_else(Answer::from);
        let usage = self.usage.header(self.now);
        answer.with_header("sforce-limit-info", usage)
    }

    fn authenticate(&mut self, request: &Request<Bytes>) -> Result<Author, Failure> {
        let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("OAuth ")));
        let now = self.now;
        let user = token.and_then(|token| self.sessions.user(token, now)).ok_or_else(Failure::no_session)?;
        let users = self.table(super::kind::Kind::User);
        let active = users.get(user).is_some_and(|row| row.get(users.schema.known("IsActive")).is_true());
        if !active {
            return Err(Failure::no_session());
        }
        if !self.may(user, "PermissionsApiEnabled") {
            let message = "The REST API is not enabled for this Organization.";
            return Err(Failure::new(403, "API_DISABLED_FOR_ORG", message));
        }
        Ok(Author { user, via: Via::Api })
    }

    /// Carries a call out; the parts of a composite come here too.
    pub(super) fn dispatch(&mut self, call: &Call<'_>) -> Outcome {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let Some(route) = Route::parse(call.method, &segments) else {
            return Err(self.no_route(call, &segments));
        };
        match route {
            Route::Resources => Ok(Answer::ok(&resources(&call.version))),
            Route::Limits => {
                let now = self.now;
                Ok(Answer::ok(&self.usage.report(now)))
            }
            Route::Global => Ok(self.describe_all(call)),
            Route::About(kind) => self.about(call, kind),
            Route::Describe(kind) => self.describe(call, kind),
            Route::Query => self.query(call, false),
            Route::QueryAll => self.query(call, true),
            Route::QueryMore(locator) => self.query_more(call, locator),
            Route::Composite => self.composite(call),
            Route::Batch => self.batch(call),
            Route::CollectionCreate => self.create_many(call),
            Route::CollectionUpdate => self.update_many(call),
            Route::CollectionDelete => self.delete_many(call),
            Route::CollectionRead(kind) => self.read_many(call, kind),
            Route::CollectionUpsert(kind, field) => self.upsert_many(call, kind, field),
            Route::Create(kind) => self.create_one(call, kind),
            Route::Updated(kind) => self.updated(call, kind),
            Route::Deleted(kind) => self.deleted(call, kind),
            Route::Read(kind, id) => self.read_one(call, kind, id),
            Route::Update(kind, id) => self.update_one(call, kind, id),
            Route::Delete(kind, id) => self.delete_one(call, kind, id),
            Route::ReadByKey(kind, field, value) => self.read_by_key(call, kind, field, value),
            Route::Upsert(kind, field, value) => self.upsert_one(call, kind, field, value),
            Route::DeleteByKey(kind, field, value) => self.delete_by_key(call, kind, field, value),
            Route::Approvals => Ok(self.list_approvals()),
            Route::Approve => self.approve(call),
            Route::Act(name) => self.act(call, name),
            Route::Tooling => self.tooling(call),
        }
    }

    /// A path that exists with other methods is refused differently from one that does not exist.
    fn no_route(&self, call: &Call<'_>, segments: &[&str]) -> Failure {
        let methods = ["GET", "POST", "PATCH", "DELETE"];
        let allowed: Vec<_> = methods.into_iter().filter(|method| Route::parse(method, segments).is_some()).collect();
        if allowed.is_empty() {
            return Failure::not_found();
        }
        let message = format!("HTTP Method '{}' not allowed. Allowed are {}", call.method, allowed.join(","));
        Failure::new(405, "METHOD_NOT_ALLOWED", message)
    }
}

fn address_length(request: &Request<Bytes>) -> usize {
    let headers = request.headers().iter().map(|(name, value): (&HeaderName, _)| name.as_str().len() + value.len());
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    path + headers.sum::<usize>()
}

fn resources(version: &str) -> serde_json::Value {
    let names = ["composite", "limits", "metadata", "process", "query", "queryAll", "sobjects", "tooling"];
    names
        .into_iter()
        .map(|name| (name.to_owned(), serde_json::Value::from(format!("/services/data/{version}/{name}"))))
        .collect()
}

/// The parameters of a form, as bodies of token calls are.
pub(super) fn form(body: &[u8]) -> Vec<(String, String)> {
    let address = format!("http://form/?{}", String::from_utf8_lossy(body).trim());
    let uri = address.parse::<http::Uri>().ok();
    let pairs = uri.and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
    pairs.map(|Query(pairs)| pairs).unwrap_or_default()
}
