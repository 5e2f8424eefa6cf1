//! The answer that brings a token, and how it is fetched through the connection's own transport.

use std::fmt;
use std::time::Duration as Span;

use bytes::Bytes;
use chrono::Duration;
use dealclock_model::Instant;
use oauth2::basic::BasicTokenType;
use oauth2::url::form_urlencoded;
use oauth2::{ExtraTokenFields, HttpRequest, HttpResponse, StandardTokenResponse, TokenResponse};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::dialect::{Dialect, Identity};
use super::refusal::{Counterpart, Trouble};
use super::tokens::Tokens;
use crate::Transport;

/// The standard's answer with whatever the CRM adds to it.
pub(super) type Answer = StandardTokenResponse<Extra, BasicTokenType>;

/// What the CRM adds to the standard's answer.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Extra(Map<String, Value>);

impl ExtraTokenFields for Extra {}

impl fmt::Debug for Extra {
    /// The names alone: a signature or an id token may be among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The fields of a form that hold secrets.
const SECRET_FIELDS: [&str; 6] = ["client_secret", "refresh_token", "code", "code_verifier", "assertion", "token"];

/// Sends one request; whatever is not a good answer comes back as what it means.
pub(super) async fn send(
    transport: &dyn Transport,
    counterpart: &Counterpart<'_>,
    request: HttpRequest,
    now: Instant,
) -> Result<HttpResponse, Trouble> {
    let shown = secrets(request.body());
    let answer = transport.send(request.map(Bytes::from)).await;
    let answer = answer.map_err(|error| counterpart.unanswered(&error))?;
    Ok(counterpart.judge(answer, &shown, now)?.map(Vec::from))
}

/// What of a form must not come back in a message, should the answer repeat it.
fn secrets(form: &[u8]) -> Vec<String> {
    let fields = form_urlencoded::parse(form).filter(|(field, _)| SECRET_FIELDS.contains(&field.as_ref()));
    fields.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty()).collect()
}

/// What is kept of an answer.
///
/// `before` fills in what a renewal leaves out: the refresh token that stays, the account.
pub(super) fn read(dialect: &Dialect, answer: &Answer, before: Option<&Tokens>, now: Instant) -> Tokens {
    let extra = answer.extra_fields();
    let (account, person) = extra.identity(dialect.identity);
    let lifetime = answer.expires_in().or(dialect.lifetime.map(|seconds| Span::from_secs(seconds.into())));
    let kept = |field: fn(&Tokens) -> Option<String>| before.and_then(field);
    Tokens {
        refresh: answer
            .refresh_token()
            .map(|token| SecretString::from(token.secret().as_str()))
            .or_else(|| before.and_then(|tokens| tokens.refresh.clone())),
        access: Some(SecretString::from(answer.access_token().secret().as_str())),
        home: dialect.home.and_then(|field| extra.text(field)).or_else(|| kept(|tokens| tokens.home.clone())),
        scopes: scopes(answer).or_else(|| before.map(|tokens| tokens.scopes.clone())).unwrap_or_default(),
        obtained_at: now,
        expires_at: lifetime
            .and_then(|span| Duration::from_std(span).ok())
            .and_then(|span| now.checked_add_signed(span)),
        account_id: account.or_else(|| kept(|tokens| tokens.account_id.clone())),
        identity: person.or_else(|| kept(|tokens| tokens.identity.clone())),
        refused: None,
    }
}

/// `scope` by the standard, or the list `scopes` that some send in its place.
fn scopes(answer: &Answer) -> Option<Vec<String>> {
    if let Some(scopes) = answer.scopes() {
        return Some(scopes.iter().map(|scope| scope.as_str().to_owned()).collect());
    }
    let list = answer.extra_fields().0.get("scopes")?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

impl Extra {
    /// A field as text; ids come as numbers too.
    fn text(&self, field: &str) -> Option<String> {
        match self.0.get(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn identity(&self, identity: Identity) -> (Option<String>, Option<String>) {
        match identity {
            Identity::Fields { account, person } => (self.text(account), self.text(person)),
            Identity::Address(field) => {
                let address = self.text(field).unwrap_or_default();
                let mut ends = address.trim_end_matches('/').rsplit('/').map(str::to_owned);
                let person = ends.next().filter(|end| !end.is_empty());
                (ends.next().filter(|end| !end.is_empty()), person)
            }
        }
    }
}
