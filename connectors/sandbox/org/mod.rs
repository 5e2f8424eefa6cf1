//! A Salesforce org in memory.

mod dump;
mod edit;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::json;

/// What an org is made with.
#[derive(Clone, Debug)]
pub struct OrgOptions {
    /// The virtual instant at which it begins, in milliseconds since 1970.
    pub start: i64,
}

/// The org.
pub(crate) struct Org {
    pub(crate) now: i64,
}

/// The name under which a call is counted.
pub(crate) fn endpoint(method: &Method, path: &str) -> String {
    format!("{method} {path}")
}

impl Org {
    /// A fresh org.
    pub(crate) fn new(options: &OrgOptions) -> Org {
        Org { now: options.start }
    }

    /// Carries a call out.
    pub(crate) fn respond(&mut self, _request: &Request<Bytes>) -> Response<Bytes> {
        let body = json!([{ "errorCode": "NOT_FOUND", "message": "The requested resource does not exist" }]);
        crate::sandbox::json(404, Some(&body))
    }
}
