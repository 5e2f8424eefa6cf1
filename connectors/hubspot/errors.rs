//! The error table: what each status means for the caller, and what is said about it.

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::Duration;
use chrono_tz::Tz;
use dealclock_connector::answer::{Garbled, read_json, retry_after};
use dealclock_connector::value::begin_of;
use dealclock_connector::{Bucket, Error, ErrorKind, IfLost, TransportError, redact};
use dealclock_model::Instant;
use http::{Response, StatusCode};

use crate::wire::Failure;

/// A call that did not succeed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What the caller of the connector is told.
    pub error: Error,
    /// The status, where one came.
    pub status: Option<StatusCode>,
    /// What HubSpot said, where it was readable.
    pub failure: Box<Failure>,
    /// What must not be called before an instant: a bucket, or the whole account.
    pub pause: Option<(Option<Bucket>, Instant)>,
}

impl Refusal {
    /// A refusal by ourselves.
    pub fn ours(error: Error) -> Refusal {
        Refusal { error, status: None, failure: Box::default(), pause: None }
    }

    /// Whether the answer had this status.
    pub fn is(&self, status: StatusCode) -> bool {
        self.status == Some(status)
    }

    /// Whether the call as a whole was refused for its content: a smaller one may pass.
    pub fn is_about_content(&self) -> bool {
        matches!(self.error.kind, ErrorKind::Rejected | ErrorKind::Conflict)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        refusal.error
    }
}

/// What a call was, as far as its refusal depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What was attempted, such as `read deals`.
    pub what: &'a str,
    /// The bucket that it counted against.
    pub bucket: Bucket,
    /// What a lost answer means.
    pub if_lost: IfLost,
    /// When it was sent.
    pub now: Instant,
    /// The account's zone, at whose midnight the daily limit begins anew.
    pub zone: Tz,
}

/// The longest wait that we believe; migrations between data centres take up to a day.
const LONGEST_WAIT: Duration = Duration::hours(24);

/// A transport's error, as the caller is told.
pub fn lost(asked: Asked<'_>, error: &TransportError) -> Refusal {
    Refusal::ours(asked.if_lost.unanswered(asked.what, error))
}

/// An answer that is not what it should be, as the caller is told.
pub fn garbled(asked: Asked<'_>, garbled: Garbled) -> Refusal {
    Refusal::ours(asked.if_lost.garbled(asked.what, garbled))
}

/// An answer other than success, by the table of
/// [HubSpot's errors](https://developers.hubspot.com/docs/api-reference/error-handling).
pub fn refused(asked: Asked<'_>, answer: &Response<Bytes>) -> Refusal {
    let status = answer.status();
    let read = read_json::<Failure>(answer);
    let unreadable = read.as_ref().err().copied();
    let failure = read.unwrap_or_default();
    let wait = retry_after(answer.headers(), asked.now, LONGEST_WAIT);
    let (kind, pause) = meaning(asked, status, &failure, wait);
    let message = describe(asked.what, answer, &failure, unreadable);
    Refusal { error: Error::new(kind, message), status: Some(status), failure: Box::new(failure), pause }
}

type Pause = Option<(Option<Bucket>, Instant)>;

fn meaning(asked: Asked<'_>, status: StatusCode, failure: &Failure, wait: Option<Instant>) -> (ErrorKind, Pause) {
    let later = |seconds| asked.now + Duration::seconds(seconds);
    match status.as_u16() {
        401 | 403 => (ErrorKind::Unauthorized, None),
        409 => (ErrorKind::Conflict, None),
        // A record lock; it lasts two seconds.
        423 => (ErrorKind::Throttled { until: wait.unwrap_or(later(2)).max(later(2)) }, None),
        429 => {
            let (bucket, until) = match failure.policy_name.text() {
                "DAILY" => (None, wait.unwrap_or_else(|| next_midnight(asked.now, asked.zone))),
                "SECONDLY" => (Some(asked.bucket), wait.unwrap_or(later(1))),
                _ => (Some(asked.bucket), wait.unwrap_or(later(10))),
            };
            (ErrorKind::Throttled { until }, Some((bucket, until)))
        }
        // The account moves between data centres.
        477 => {
            let until = wait.unwrap_or(later(3_600));
            (ErrorKind::Throttled { until }, Some((None, until)))
        }
        408 | 500..=599 => (asked.if_lost.kind(wait), None),
        300..=399 => (asked.if_lost.kind(None), None),
        _ => (ErrorKind::Rejected, None),
    }
}

fn describe(what: &str, answer: &Response<Bytes>, failure: &Failure, unreadable: Option<Garbled>) -> String {
    let status = answer.status().as_u16();
    let mut said = match (status, unreadable) {
        (401, _) => "the token is wrong, expired or revoked".to_owned(),
        (403, _) if !failure.context_of("requiredGranularScopes").is_empty() => {
            format!("the token lacks the scope {}", redact(&failure.context_of("requiredGranularScopes").join(", ")))
        }
        (_, Some(garbled)) => garbled.to_string(),
        (_, None) => explain(failure),
    };
    let header = answer.headers().get("x-hubspot-correlation-id").and_then(|value| value.to_str().ok());
    let correlation = failure.correlation_id.as_str().or(header);
    let written = match correlation {
        Some(id) => write!(said, " (HubSpot {status}, correlation id {})", redact(id)),
        None => write!(said, " (HubSpot {status})"),
    };
    written.expect("writing to a string cannot fail");
    format!("{what}: {said}")
}

/// The error of one input of a batch whose other inputs may have gone well.
pub fn item_error(what: &str, failure: &Failure, if_lost: IfLost, now: Instant) -> Error {
    let kind = match failure.category.text() {
        "RATE_LIMITS" | "RATE_LIMIT" => ErrorKind::Throttled { until: now + Duration::seconds(10) },
        "MISSING_SCOPES" | "INVALID_AUTHENTICATION" | "EXPIRED_AUTHENTICATION" | "FORBIDDEN" => ErrorKind::Unauthorized,
        "CONFLICT" | "OBJECT_ALREADY_EXISTS" => ErrorKind::Conflict,
        "INTERNAL_ERROR" | "SERVER_ERROR" | "TIMEOUT" | "" => if_lost.kind(None),
        _ => ErrorKind::Rejected,
    };
    Error::new(kind, format!("{what}: {}", explain(failure)))
}

/// HubSpot's message with the ones inside it, without what does not belong in a log.
pub fn explain(failure: &Failure) -> String {
    let mut parts = vec![redact(failure.message.as_str().unwrap_or("no reason given"))];
    for inner in &failure.errors {
        let message = redact(inner.message.text());
        if !message.is_empty() && !parts.contains(&message) {
            parts.push(message);
        }
        let names = inner.context_of("propertyName");
        if inner.code.text().starts_with("MISSING_") && !names.is_empty() {
            parts.push(format!("an administrator requires {}", redact(&names.join(", "))));
        }
    }
    parts.join("; ")
}

/// The next midnight in a zone, or the first instant after it where midnight does not exist.
fn next_midnight(now: Instant, zone: Tz) -> Instant {
    let tomorrow = now.with_timezone(&zone).date_naive().succ_opt();
    tomorrow.and_then(|date| begin_of(date, zone)).unwrap_or(now + LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(if_lost: IfLost) -> Asked<'static> {
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        Asked { what: "read deals", bucket: Bucket::General, if_lost, now, zone: chrono_tz::America::New_York }
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let mut builder = Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Bytes::from(body.to_owned())).unwrap()
    }

    #[test]
    fn each_status_says_what_to_do() {
        let now = asked(IfLost::AskAgain).now;
        let throttled = |seconds| ErrorKind::Throttled { until: now + Duration::seconds(seconds) };
        let transient = ErrorKind::Transient { retry_at: None };
        let check = |status, headers: &[(&str, &str)], body: &str, read: ErrorKind, create: ErrorKind| {
            let answer = answer(status, headers, body);
            assert_eq!(refused(asked(IfLost::AskAgain), &answer).error.kind, read, "read, {status} {body}");
            assert_eq!(refused(asked(IfLost::MayBeApplied), &answer).error.kind, create, "create, {status} {body}");
        };
        let both = |status, headers: &[(&str, &str)], body: &str, kind| check(status, headers, body, kind, kind);
        both(400, &[], r#"{"category":"VALIDATION_ERROR"}"#, ErrorKind::Rejected);
        both(401, &[], r#"{"category":"INVALID_AUTHENTICATION"}"#, ErrorKind::Unauthorized);
        both(403, &[], r#"{"category":"MISSING_SCOPES"}"#, ErrorKind::Unauthorized);
        both(403, &[("content-type", "text/html")], "<html>", ErrorKind::Unauthorized);
        both(404, &[], r#"{"category":"OBJECT_NOT_FOUND"}"#, ErrorKind::Rejected);
        both(409, &[], r#"{"category":"OBJECT_ALREADY_EXISTS"}"#, ErrorKind::Conflict);
        both(413, &[], "", ErrorKind::Rejected);
        both(414, &[], "<html>", ErrorKind::Rejected);
        both(423, &[], "", throttled(2));
        both(423, &[("retry-after", "9")], "", throttled(9));
        both(429, &[], r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#, throttled(10));
        both(429, &[], r#"{"policyName":"SECONDLY"}"#, throttled(1));
        both(429, &[], "<html>", throttled(10));
        both(429, &[("retry-after", "3")], r#"{"policyName":"SECONDLY"}"#, throttled(3));
        both(429, &[("retry-after", "999999999")], "{}", throttled(86_400));
        // 09:00 UTC is 04:00 in New York; the day begins anew at 05:00 UTC.
        both(429, &[], r#"{"policyName":"DAILY"}"#, throttled(20 * 3600));
        both(477, &[("retry-after", "120")], "", throttled(120));
        both(477, &[], "", throttled(3_600));
        for status in [408, 500, 502, 503, 504, 521, 526] {
            check(status, &[], "<html>", transient, ErrorKind::Unknown);
        }
        let retry_at = Some(now + Duration::seconds(30));
        check(503, &[("retry-after", "30")], "", ErrorKind::Transient { retry_at }, ErrorKind::Unknown);
        check(302, &[("location", "https://elsewhere.example")], "", transient, ErrorKind::Unknown);
    }

    #[test]
    fn messages_name_scope_reason_and_correlation_id_and_hide_secrets() {
        let check = |status, body: &str, expected: &str| {
            assert_eq!(refused(asked(IfLost::AskAgain), &answer(status, &[], body)).error.message, expected);
        };
        check(
            403,
            r#"{"message":"This app hasn't been granted all required scopes","correlationId":"c1","category":"MISSING_SCOPES",
                "errors":[{"message":"One or more","context":{"requiredGranularScopes":["crm.objects.deals.read"]}}]}"#,
            "read deals: the token lacks the scope crm.objects.deals.read (HubSpot 403, correlation id c1)",
        );
        check(
            400,
            r#"{"message":"bad input for a@b.example","errors":[{"code":"MISSING_CONDITIONAL_REQUIRED_PROPERTY","message":"m","context":{"propertyName":["closed_lost_reason"]}}]}"#,
            "read deals: bad input for <address>; m; an administrator requires closed_lost_reason (HubSpot 400)",
        );
        check(502, "<html>bad gateway</html>", "read deals: a web page came in place of JSON (HubSpot 502)");
    }

    #[test]
    fn a_limit_pauses_its_bucket_and_the_day_pauses_the_account() {
        let pause =
            |status, body: &str| refused(asked(IfLost::AskAgain), &answer(status, &[], body)).pause.map(|p| p.0);
        assert_eq!(pause(429, r#"{"policyName":"TEN_SECONDLY_ROLLING"}"#), Some(Some(Bucket::General)));
        assert_eq!(pause(429, r#"{"policyName":"DAILY"}"#), Some(None));
        assert_eq!(pause(477, ""), Some(None));
        assert_eq!(pause(423, ""), None);
    }
}
