//! What a login that failed means: whether to try again, and what an administrator does about it.

use bytes::Bytes;
use chrono::Duration;
use dealclock_model::Instant;
use http::{Response, StatusCode};
use serde_json::Value;

use super::dialect::{Advice, Dialect};
use crate::answer::{Garbled, read_json, retry_after};
use crate::{TransportError, redact};

/// A login's limit is not believed to last longer.
const LONGEST_WAIT: Duration = Duration::hours(24);

/// Why a login gave no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// Nothing was given out; try again later.
    #[error("{0}")]
    Unavailable(String),
    /// A token may have been given out, and its answer was lost.
    #[error("{0}")]
    Lost(String),
    /// Too many logins.
    #[error("{message}")]
    Throttled { until: Option<Instant>, message: String },
    /// An administrator must act.
    #[error("{message}")]
    Refused {
        /// Whether the authorization itself has ended.
        ended: bool,
        message: String,
    },
}

impl Trouble {
    pub(super) fn refused(message: impl Into<String>) -> Trouble {
        Trouble::Refused { ended: false, message: message.into() }
    }
}

/// Whom a login goes to, for the messages.
pub(super) struct Counterpart<'a> {
    pub(super) dialect: &'static Dialect,
    /// The connection's name.
    pub(super) connection: &'a str,
    /// The host that is asked.
    pub(super) host: &'a str,
    /// Whether a person allowed the app, and could do so again.
    pub(super) by_person: bool,
}

/// Errors of RFC 6749, section 5.2, and of its section 4.1.2.1, which repeating changes nothing about.
const PERMANENT: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
];

/// Errors that speak of a limit.
const LIMITS: [&str; 2] = ["rate_limit_exceeded", "slow_down"];

const WRONG_CLIENT: &str = "check `client_id` and `client_secret`; a new app is known everywhere after ten minutes";

/// What to do about the standard's errors; the dialect's own advice comes first.
const ADVICE: [Advice; 7] = [
    Advice { error: "invalid_client", says: "", way_out: WRONG_CLIENT },
    Advice { error: "unauthorized_client", says: "", way_out: "allow this grant in the app's settings" },
    Advice { error: "unsupported_grant_type", says: "", way_out: "choose another `grant`" },
    Advice { error: "invalid_scope", says: "", way_out: "check `scopes` against those of the app" },
    Advice { error: "access_denied", says: "", way_out: "the person who was asked must allow the app" },
    Advice {
        error: "invalid_request",
        says: "redirect",
        way_out: "register the redirect address in the app's settings",
    },
    Advice { error: "invalid_request", says: "", way_out: "check [connection.NAME.auth] against the app's settings" },
];

impl Counterpart<'_> {
    /// Passes a good answer on; says what any other means, without the secrets that were sent.
    pub(super) fn judge(
        &self,
        answer: Response<Bytes>,
        secrets: &[String],
        now: Instant,
    ) -> Result<Response<Bytes>, Trouble> {
        let read = read_json::<Value>(&answer);
        match answer.status() {
            status if status.is_success() => match read {
                // A revocation is answered with an empty body.
                Ok(_) | Err(Garbled::Empty) => Ok(answer),
                Err(Garbled::Redirect) => Err(self.wrong_host("a redirect")),
                Err(garbled) => Err(Trouble::Lost(self.says(&garbled.to_string()))),
            },
            status if status.is_redirection() => Err(self.wrong_host("a redirect")),
            status => {
                let said = read.as_ref().map(Said::read).unwrap_or_default();
                Err(self.refusal(status, &said, secrets, retry_after(answer.headers(), now, LONGEST_WAIT)))
            }
        }
    }

    /// What it means that no answer came.
    pub(super) fn unanswered(&self, error: &TransportError) -> Trouble {
        match error {
            TransportError::NotSent { .. } => Trouble::Unavailable(format!("failed to log in: {error}")),
            TransportError::Lost { .. } => Trouble::Lost(format!("failed to log in: {error}")),
        }
    }

    fn refusal(&self, status: StatusCode, said: &Said<'_>, secrets: &[String], until: Option<Instant>) -> Trouble {
        let shown = secrets.iter().fold(said.shown(status), |shown, secret| shown.replace(secret, "<secret>"));
        let what = self.says(&redact(&shown));
        if status == StatusCode::TOO_MANY_REQUESTS || said.is_one_of(&LIMITS) {
            return Trouble::Throttled { until, message: what };
        }
        if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) {
            return Trouble::Lost(what);
        }
        if status.is_server_error() {
            return Trouble::Unavailable(what);
        }
        if said.is_one_of(&PERMANENT) || said.is_one_of(self.dialect.permanent) {
            let ended = self.by_person && said.is_one_of(&["invalid_grant"]);
            return Trouble::Refused { ended, message: format!("{what}; {}", self.way_out(said)) };
        }
        let is_elsewhere = match status.as_u16() {
            404 | 405 => said.error.is_empty(),
            // What gives out tokens says why it does not.
            401 | 403 => said.error.is_empty() && said.status.is_empty(),
            _ => false,
        };
        if is_elsewhere {
            return self.wrong_host(status.as_str());
        }
        Trouble::Unavailable(what)
    }

    fn way_out(&self, said: &Said<'_>) -> String {
        let fits =
            |advice: &&Advice| said.is_one_of(&[advice.error]) && said.description.to_lowercase().contains(advice.says);
        let own = self.dialect.advice.iter().find(fits);
        match own.or_else(|| ADVICE.iter().find(fits)) {
            Some(advice) => advice.way_out.replace("NAME", self.connection),
            None if self.by_person => format!("run `dealclock auth {}` to allow it anew", self.connection),
            None => format!("check [connection.{}.auth] against the app's settings", self.connection),
        }
    }

    fn wrong_host(&self, found: &str) -> Trouble {
        Trouble::refused(format!(
            "{}; no tokens are given out there: check `login_url`",
            self.says(&format!("{found} in place of a token"))
        ))
    }

    fn says(&self, what: &str) -> String {
        format!("failed to log in at {}: {what}", self.host)
    }
}

/// What the body of a refusal says.
#[derive(Default)]
struct Said<'a> {
    error: &'a str,
    status: &'a str,
    description: &'a str,
}

impl<'a> Said<'a> {
    fn read(body: &'a Value) -> Said<'a> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default();
        let description = match text("error_description") {
            "" => text("message"),
            described => described,
        };
        Said { error: text("error"), status: text("status"), description }
    }

    fn is_one_of(&self, words: &[&str]) -> bool {
        words.iter().any(|word| word.eq_ignore_ascii_case(self.error) || word.eq_ignore_ascii_case(self.status))
    }

    fn shown(&self, status: StatusCode) -> String {
        let word = if self.error.is_empty() { self.status } else { self.error };
        match (word, self.description) {
            ("", "") => format!("status {}", status.as_u16()),
            ("", description) => description.to_owned(),
            (word, "") => word.to_owned(),
            (word, description) => format!("{word}: {description}"),
        }
    }
}
