//! What an answer is before anyone reads its meaning: JSON, or one of the things that stand in its place.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Response};
use serde::Deserialize;

use dealclock_model::Instant;

/// Why an answer is no JSON of the shape that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Garbled {
    /// The server wants us elsewhere; the token stays here.
    #[error("a redirect came in place of an answer, and none is followed")]
    Redirect,
    /// A page for people, as proxies and maintenance windows send it.
    #[error("a web page came in place of JSON")]
    Html,
    /// The body ends in the middle.
    #[error("the answer ends in the middle")]
    Truncated,
    /// The body is empty.
    #[error("the answer is empty")]
    Empty,
    /// The body is no JSON, or JSON of another shape.
    #[error("the answer has another shape than documented")]
    Shape,
}

/// Reads the body as JSON; what is read may borrow from the body.
pub fn read_json<'a, T: Deserialize<'a>>(answer: &'a Response<Bytes>) -> Result<T, Garbled> {
    if answer.status().is_redirection() || answer.headers().contains_key(LOCATION) && answer.body().is_empty() {
        return Err(Garbled::Redirect);
    }
    if is_html(answer) {
        return Err(Garbled::Html);
    }
    if answer.body().is_empty() {
        return Err(Garbled::Empty);
    }
    serde_json::from_slice(answer.body())
        .map_err(|error| if error.is_eof() { Garbled::Truncated } else { Garbled::Shape })
}

/// The instant before which the server wants no further call: `Retry-After` in seconds or as a date.
///
/// `None` without a header or with one that means nothing; a wait of more than `longest` is not believed.
pub fn retry_after(headers: &HeaderMap, now: Instant, longest: chrono::Duration) -> Option<Instant> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => {
            let capped = seconds.ceil().min(longest.num_seconds() as f64);
            chrono::Duration::seconds(capped as i64)
        }
        Ok(_) => return None,
        Err(_) => http_date(text)?.signed_duration_since(http_date_header(headers).unwrap_or(now)),
    };
    Some(now + wait.clamp(chrono::Duration::zero(), longest))
}

fn http_date_header(headers: &HeaderMap) -> Option<Instant> {
    http_date(headers.get(DATE)?.to_str().ok()?)
}

fn http_date(text: &str) -> Option<Instant> {
    chrono::DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}

fn is_html(answer: &Response<Bytes>) -> bool {
    let declared = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"));
    let shown = answer.body().iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<');
    declared || shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Bytes> {
        let mut builder = Response::builder().status(status);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn what_stands_in_place_of_json_is_named() {
        let check = |answer: Response<Bytes>, expected: Result<Vec<u8>, Garbled>| {
            assert_eq!(read_json::<Vec<u8>>(&answer), expected);
        };
        check(answer(200, &[], "[1]"), Ok(vec![1]));
        check(answer(200, &[("content-type", "text/html; charset=utf-8")], "[1]"), Err(Garbled::Html));
        check(answer(200, &[], "\n <html>"), Err(Garbled::Html));
        check(answer(200, &[], "[1,"), Err(Garbled::Truncated));
        check(answer(200, &[], "{}"), Err(Garbled::Shape));
        check(answer(200, &[], "oops"), Err(Garbled::Shape));
        check(answer(200, &[], ""), Err(Garbled::Empty));
        check(answer(302, &[("location", "https://elsewhere.example/")], ""), Err(Garbled::Redirect));
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date_within_bounds() {
        let now: Instant = "2026-03-02T09:00:00Z".parse().unwrap();
        let check = |headers: &[(&str, &str)], seconds: Option<i64>| {
            let got = retry_after(answer(429, headers, "").headers(), now, chrono::Duration::hours(24));
            assert_eq!(got.map(|at| (at - now).num_seconds()), seconds, "{headers:?}");
        };
        check(&[], None);
        check(&[("retry-after", "7")], Some(7));
        check(&[("retry-after", "0.2")], Some(1));
        check(&[("retry-after", "-5")], None);
        check(&[("retry-after", "soon")], None);
        check(&[("retry-after", "NaN")], None);
        check(&[("retry-after", "99999999999999999999")], Some(86_400));
        check(&[("retry-after", "Mon, 02 Mar 2026 09:00:30 GMT")], Some(30));
        check(&[("retry-after", "Mon, 02 Mar 2026 08:00:00 GMT")], Some(0));
        // The server's own clock is the one its date is meant on.
        check(&[("retry-after", "Mon, 02 Mar 2026 10:00:30 GMT"), ("date", "Mon, 02 Mar 2026 10:00:00 GMT")], Some(30));
    }
}
