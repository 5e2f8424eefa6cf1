//! The calls of an application beside those of an account: about its tokens, and about the Webhooks Journal.

use std::fmt;

use http::Method;

/// A call of an application, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppEndpoint<'a> {
    Authorize,
    Token,
    Introspect,
    Revoke,
    Subscriptions,
    Subscribe,
    Unsubscribe(&'a str),
    Earliest,
    Latest,
    Next(&'a str),
    File(&'a str),
}

impl<'a> AppEndpoint<'a> {
    /// Finds the call that a path addresses, if it is one of an application.
    pub(crate) fn parse(method: &Method, path: &'a str) -> Option<AppEndpoint<'a>> {
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method.as_str(), segments.as_slice()) {
            ("GET", ["oauth", "authorize"]) => Some(AppEndpoint::Authorize),
            ("POST", ["oauth", _, "token"]) => Some(AppEndpoint::Token),
            ("POST", ["oauth", _, "token", "introspect"]) => Some(AppEndpoint::Introspect),
            ("POST", ["oauth", _, "token", "revoke"]) => Some(AppEndpoint::Revoke),
            ("GET", ["webhooks-journal", "subscriptions", _]) => Some(AppEndpoint::Subscriptions),
            ("POST", ["webhooks-journal", "subscriptions", _]) => Some(AppEndpoint::Subscribe),
            ("DELETE", ["webhooks-journal", "subscriptions", _, id]) => Some(AppEndpoint::Unsubscribe(id)),
            ("GET", ["webhooks-journal", "journal" | "journal-local", _, "earliest"]) => Some(AppEndpoint::Earliest),
            ("GET", ["webhooks-journal", "journal" | "journal-local", _, "latest"]) => Some(AppEndpoint::Latest),
            ("GET", ["webhooks-journal", "journal" | "journal-local", _, "offset", offset, "next"]) => {
                Some(AppEndpoint::Next(offset))
            }
            ("GET", ["journal-files", offset]) => Some(AppEndpoint::File(offset)),
            _ => None,
        }
    }
}

/// The call as it is counted: without a version, without ids.
impl fmt::Display for AppEndpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AppEndpoint::Authorize => "GET /oauth/authorize",
            AppEndpoint::Token => "POST /oauth/token",
            AppEndpoint::Introspect => "POST /oauth/token/introspect",
            AppEndpoint::Revoke => "POST /oauth/token/revoke",
            AppEndpoint::Subscriptions => "GET /webhooks-journal/subscriptions",
            AppEndpoint::Subscribe => "POST /webhooks-journal/subscriptions",
            AppEndpoint::Unsubscribe(_) => "DELETE /webhooks-journal/subscriptions/{id}",
            AppEndpoint::Earliest => "GET /webhooks-journal/earliest",
            AppEndpoint::Latest => "GET /webhooks-journal/latest",
            AppEndpoint::Next(_) => "GET /webhooks-journal/offset/{offset}/next",
            AppEndpoint::File(_) => "GET /journal-files/{offset}",
        })
    }
}
