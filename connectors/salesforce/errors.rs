//! The error table: what each status and code means for the caller, and what is said about it.

use std::fmt::Write as _;

use bytes::Bytes;
use chrono::Duration;
use dealclock_connector::answer::{Garbled, read_json, retry_after};
use dealclock_connector::{Error, ErrorKind, IfLost, TransportError, redact};
use dealclock_model::Instant;
use http::{Response, StatusCode};

use crate::wire::{Code, Failure, Failures};

/// A call that did not succeed.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What the caller of the connector is told.
    pub error: Error,
    /// The status, where one came.
    pub status: Option<StatusCode>,
    /// What Salesforce said, where it was readable.
    pub failures: Vec<Failure>,
    /// Before when the org must not be called.
    pub pause: Option<Instant>,
}

impl Refusal {
    /// A refusal by ourselves.
    pub fn ours(error: Error) -> Refusal {
        Refusal { error, status: None, failures: Vec::new(), pause: None }
    }

    /// The same about the address and not about what was sent: it may be asked again, and nothing is given up for it.
    pub fn about_the_address(mut self) -> Refusal {
        if self.error.kind == ErrorKind::Rejected {
            self.error.kind = ErrorKind::Transient { retry_at: None };
        }
        self
    }

    /// Whether the answer had this status.
    pub fn is(&self, status: StatusCode) -> bool {
        self.status == Some(status)
    }

    /// Whether one of the errors has this code.
    pub fn says(&self, code: &Code) -> bool {
        self.failures.iter().any(|failure| failure.code == *code)
    }

    /// Whether the object or a field of it is not there for the integration user.
    pub fn is_about_schema(&self) -> bool {
        self.says(&Code::InvalidField) || self.says(&Code::InvalidType)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        refusal.error
    }
}

/// What a call was, as far as its refusal depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// What was attempted, such as `read opportunities`.
    pub what: &'static str,
    /// What a lost answer means.
    pub if_lost: IfLost,
    /// When it was sent.
    pub now: Instant,
}

/// The longest wait that we believe.
const LONGEST_WAIT: Duration = Duration::hours(24);

/// The day's calls are counted over the last 24 hours, so some come free all the time: after this long a look is worth
/// its call.
const DAY_IS_USED_UP: Duration = Duration::minutes(15);

/// Too many calls of twenty seconds at one time; they end by themselves.
const CROWDED: Duration = Duration::seconds(5);

/// Another transaction holds the row; Salesforce itself waited ten seconds for it already.
const LOCKED_FOR: Duration = Duration::seconds(2);

/// Maintenance takes minutes to hours.
const MAINTENANCE: Duration = Duration::minutes(10);

/// A transport's error, as the caller is told.
pub fn lost(asked: Asked, error: &TransportError) -> Refusal {
    Refusal::ours(asked.if_lost.unanswered(asked.what, error))
}

/// An answer that is not what it should be, as the caller is told.
pub fn garbled(asked: Asked, garbled: Garbled) -> Refusal {
    Refusal::ours(asked.if_lost.garbled(asked.what, garbled))
}

/// An answer other than success, by the table of
/// [status codes and error responses](https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm).
pub fn refused(asked: Asked, answer: &Response<Bytes>) -> Refusal {
    let wait = retry_after(answer.headers(), asked.now, LONGEST_WAIT);
    let (failures, unreadable) = match read_json::<Failures>(answer) {
        Ok(Failures(failures)) => (failures, None),
        Err(garbled) => (Vec::new(), Some(garbled)),
    };
    refused_with(asked, answer.status(), failures, unreadable, wait)
}

/// A subrequest of a composite call that did not succeed.
pub fn part_refused(asked: Asked, status: u16, failures: Vec<Failure>) -> Refusal {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut refusal = refused_with(asked, status, failures, None, None);
    if refusal.says(&Code::InvalidSession) {
        // The session ended in the middle of the call; the next call finds that out and renews it.
        refusal.error.kind = ErrorKind::Transient { retry_at: None };
    }
    refusal
}

fn refused_with(
    asked: Asked,
    status: StatusCode,
    failures: Vec<Failure>,
    unreadable: Option<Garbled>,
    wait: Option<Instant>,
) -> Refusal {
    let first = failures.first();
    let kind = first.and_then(|failure| meaning(failure, asked.now)).unwrap_or_else(|| by_status(asked, status, wait));
    let kind = match (kind, wait) {
        // The header knows better than our guess.
        (ErrorKind::Transient { retry_at: Some(_) }, Some(wait)) => ErrorKind::Transient { retry_at: Some(wait) },
        (kind, _) => kind,
    };
    let pause = match kind {
        ErrorKind::Throttled { until } => Some(until),
        ErrorKind::Transient { .. }
        | ErrorKind::Unauthorized
        | ErrorKind::Conflict
        | ErrorKind::Locked
        | ErrorKind::Rejected
        | ErrorKind::Unknown => None,
    };
    let message = describe(asked.what, status, &failures, unreadable);
    Refusal { error: Error::new(kind, message), status: Some(status), failures, pause }
}

/// What a code means whatever the status; `None` where the status decides.
fn meaning(failure: &Failure, now: Instant) -> Option<ErrorKind> {
    let again = |after: Duration| Some(ErrorKind::Transient { retry_at: Some(now + after) });
    match &failure.code {
        Code::InvalidSession | Code::ApiDisabled | Code::OrgShut | Code::Policy => Some(ErrorKind::Unauthorized),
        // Two limits share one code, and only the message tells them apart.
        Code::RequestLimit if is_crowded(failure) => again(CROWDED),
        Code::RequestLimit => Some(ErrorKind::Throttled { until: now + DAY_IS_USED_UP }),
        Code::RowLocked => again(LOCKED_FOR),
        // A trigger's failure may wrap a lock.
        Code::Automation if failure.message.contains("UNABLE_TO_LOCK_ROW") => again(LOCKED_FOR),
        Code::Maintenance => again(MAINTENANCE),
        Code::QueryTimeout | Code::RolledBack => Some(ErrorKind::Transient { retry_at: None }),
        Code::EntityLocked => Some(ErrorKind::Locked),
        Code::Modified => Some(ErrorKind::Conflict),
        Code::InvalidLocator
        | Code::DuplicateValue
        | Code::Deleted
        | Code::NotFound
        | Code::Validation
        | Code::Automation
        | Code::InactiveOwner
        | Code::NoAccess
        | Code::BadReference
        | Code::InvalidField
        | Code::InvalidType
        | Code::BadPicklist => Some(ErrorKind::Rejected),
        Code::Unavailable | Code::Internal | Code::Other(_) | Code::None => None,
    }
}

fn is_crowded(failure: &Failure) -> bool {
    failure.message.contains("Concurrent")
}

fn by_status(asked: Asked, status: StatusCode, wait: Option<Instant>) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Unauthorized,
        409 => ErrorKind::Conflict,
        412 => ErrorKind::Conflict,
        420 | 429 => ErrorKind::Throttled { until: wait.unwrap_or(asked.now + CROWDED) },
        408 | 500..=599 => asked.if_lost.kind(wait),
        // An error in place of the results of a success: who knows what became of it.
        200..=399 => asked.if_lost.kind(None),
        _ => ErrorKind::Rejected,
    }
}

/// The error of one record of a collection whose others may have gone well.
pub fn item_refused(asked: Asked, failures: &[Failure]) -> Error {
    let kind = match failures.first() {
        Some(Failure { code: Code::InvalidSession, .. }) => ErrorKind::Transient { retry_at: None },
        Some(failure @ Failure { code: Code::Unavailable | Code::Internal | Code::None, .. }) => {
            meaning(failure, asked.now).unwrap_or_else(|| asked.if_lost.kind(None))
        }
        Some(failure) => meaning(failure, asked.now).unwrap_or(ErrorKind::Rejected),
        None => asked.if_lost.kind(None),
    };
    Error::new(kind, format!("{}: {}", asked.what, explain(failures)))
}

fn describe(what: &str, status: StatusCode, failures: &[Failure], unreadable: Option<Garbled>) -> String {
    let said = match (status.as_u16(), unreadable) {
        (401, _) if !failures.iter().any(never_renews) => "the session is over, or the token is wrong".to_owned(),
        (412, _) => "it was changed since it was read".to_owned(),
        (_, Some(garbled)) => garbled.to_string(),
        (_, None) => explain(failures),
    };
    let mut message = format!("{what}: {said}");
    write!(message, " (Salesforce {})", status.as_u16()).expect("writing to a string cannot fail");
    message
}

/// Refusals of a valid token, after which another one would be refused as well, for ever.
pub fn never_renews(failure: &Failure) -> bool {
    ["This session is not valid for use with the REST API", "Connected app is not attached to Agent"]
        .iter()
        .any(|text| failure.message.contains(text))
}

/// Salesforce's messages with the way out where we know one, without what does not belong in a log.
pub fn explain(failures: &[Failure]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for failure in failures {
        let code = redact(failure.code.as_str());
        let said = redact(&failure.message);
        let mut part = match (code.is_empty(), said.is_empty()) {
            (false, false) => format!("{code}: {said}"),
            (false, true) => code,
            (true, false) => said,
            (true, true) => "no reason given".to_owned(),
        };
        if !failure.fields.is_empty() && !failure.fields.iter().all(|field| part.contains(field.as_str())) {
            part.push_str(&format!(" [{}]", redact(&failure.fields.join(", "))));
        }
        if let Some(way_out) = way_out(failure) {
            part.push_str("; ");
            part.push_str(way_out);
        }
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.is_empty() { "no reason given".to_owned() } else { parts.join("; ") }
}

/// What an administrator does about it.
fn way_out(failure: &Failure) -> Option<&'static str> {
    match &failure.code {
        Code::ApiDisabled => Some("give the integration user the permission `API Enabled`, in an edition with API"),
        Code::RequestLimit if !is_crowded(failure) => Some(
            "all calls of the last 24 hours are used up; find which integration uses them (Setup, System Overview)",
        ),
        Code::InvalidField => {
            Some("the field does not exist or is not visible to the integration user; assign the permission set")
        }
        Code::InvalidType => Some("the object does not exist or is not visible to the integration user"),
        Code::BadPicklist => Some("add the value to the picklist, or change the mapping"),
        Code::InactiveOwner => Some("reactivate the owner, or give the record to somebody else"),
        Code::NoAccess => Some("the integration user lacks a right to it; assign the permission set"),
        Code::BadReference => Some("the record it points at is gone, or not visible to the integration user"),
        Code::OrgShut => Some("an administrator must mend the org"),
        Code::Policy => Some("a policy of the org forbids the integration user this call"),
        Code::Validation => Some("a validation rule of the org refuses it"),
        Code::RequestLimit
        | Code::InvalidSession
        | Code::Unavailable
        | Code::Internal
        | Code::RowLocked
        | Code::QueryTimeout
        | Code::InvalidLocator
        | Code::DuplicateValue
        | Code::Deleted
        | Code::NotFound
        | Code::EntityLocked
        | Code::Automation
        | Code::Maintenance
        | Code::Modified
        | Code::RolledBack
        | Code::Other(_)
        | Code::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(if_lost: IfLost) -> Asked {
        Asked { what: "read opportunities", if_lost, now: "2026-03-02T09:00:00Z".parse().unwrap() }
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let mut builder = Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Bytes::from(body.to_owned())).unwrap()
    }

    fn error(code: &str, message: &str) -> String {
        serde_json::json!([{ "errorCode": code, "message": message }]).to_string()
    }

    #[test]
    fn each_status_and_code_says_what_to_do() {
        let now = asked(IfLost::AskAgain).now;
        let throttled = |seconds| ErrorKind::Throttled { until: now + Duration::seconds(seconds) };
        let again = |seconds| ErrorKind::Transient { retry_at: Some(now + Duration::seconds(seconds)) };
        let transient = ErrorKind::Transient { retry_at: None };
        let check = |status, body: &str, read: ErrorKind, create: ErrorKind| {
            let answer = answer(status, &[], body);
            assert_eq!(refused(asked(IfLost::AskAgain), &answer).error.kind, read, "read, {status} {body}");
            assert_eq!(refused(asked(IfLost::MayBeApplied), &answer).error.kind, create, "create, {status} {body}");
        };
        let both = |status, body: &str, kind| check(status, body, kind, kind);
        both(401, &error("INVALID_SESSION_ID", "Session expired or invalid"), ErrorKind::Unauthorized);
        both(403, &error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), throttled(900));
        let crowded = error("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.");
        both(403, &crowded, again(5));
        both(503, &crowded, again(5));
        both(403, &error("API_DISABLED_FOR_ORG", "The REST API is not enabled"), ErrorKind::Unauthorized);
        both(403, "Bad_OAuth_Token", ErrorKind::Unauthorized);
        both(400, &error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), again(2));
        both(400, &error("CANNOT_EXECUTE_FLOW_TRIGGER", "... UNABLE_TO_LOCK_ROW ..."), again(2));
        both(400, &error("CANNOT_EXECUTE_FLOW_TRIGGER", "null pointer"), ErrorKind::Rejected);
        both(400, &error("ENTITY_IS_LOCKED", "locked"), ErrorKind::Locked);
        both(412, &error("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", "changed"), ErrorKind::Conflict);
        both(412, "", ErrorKind::Conflict);
        both(400, &error("INVALID_FIELD", "No such column"), ErrorKind::Rejected);
        both(404, &error("NOT_FOUND", "no"), ErrorKind::Rejected);
        both(400, &error("QUERY_TIMEOUT", "slow"), transient);
        both(400, &error("STORAGE_LIMIT_EXCEEDED", "full"), ErrorKind::Unauthorized);
        both(414, "<html>", ErrorKind::Rejected);
        both(431, "", ErrorKind::Rejected);
        both(420, "", throttled(5));
        check(503, &error("SERVER_UNAVAILABLE", "later"), transient, ErrorKind::Unknown);
        for status in [408, 500, 502, 503, 504] {
            check(status, "<html>", transient, ErrorKind::Unknown);
        }
        check(302, "", transient, ErrorKind::Unknown);
    }

    #[test]
    fn one_record_of_a_collection_is_judged_by_its_code() {
        let check = |code: &str, kind: ErrorKind| {
            let failure = Failure { code: Code::of(code), message: "m".to_owned(), fields: Vec::new() };
            assert_eq!(item_refused(asked(IfLost::MayBeApplied), &[failure]).kind, kind, "{code}");
        };
        check("REQUIRED_FIELD_MISSING", ErrorKind::Rejected);
        check("INVALID_SESSION_ID", ErrorKind::Transient { retry_at: None });
        check("SERVER_UNAVAILABLE", ErrorKind::Unknown);
        check("UNKNOWN_EXCEPTION", ErrorKind::Unknown);
        check("ALL_OR_NONE_OPERATION_ROLLED_BACK", ErrorKind::Transient { retry_at: None });
        assert_eq!(item_refused(asked(IfLost::MayBeApplied), &[]).kind, ErrorKind::Unknown);
    }

    #[test]
    fn messages_name_code_fields_and_way_out_and_hide_secrets() {
        let message = |status, body: &str| refused(asked(IfLost::AskAgain), &answer(status, &[], body)).error.message;
        insta::assert_json_snapshot!(
            "messages",
            [
                message(401, &error("INVALID_SESSION_ID", "Session expired or invalid")),
                message(401, &error("INVALID_SESSION_ID", "This session is not valid for use with the REST API")),
                message(403, &error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")),
                message(403, &error("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.")),
                message(400, &error("INVALID_FIELD", "No such column 'Complex__c' on sobject of type Opportunity")),
                message(
                    400,
                    r#"[{"errorCode":"REQUIRED_FIELD_MISSING","message":"Required fields are missing","fields":["Status"]}]"#
                ),
                message(400, &error("FIELD_CUSTOM_VALIDATION_EXCEPTION", "ask ada@acme.example first")),
                message(412, ""),
                message(502, "<html>bad gateway</html>"),
            ]
        );
    }

    #[test]
    fn only_the_days_limit_pauses_the_org() {
        let pause = |body: &str| refused(asked(IfLost::AskAgain), &answer(403, &[], body)).pause.is_some();
        assert!(pause(&error("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")));
        assert!(!pause(&error("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")));
        assert!(!pause(&error("INVALID_FIELD", "x")));
    }
}
