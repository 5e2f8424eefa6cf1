//! What becomes of a call: an answer, or a refusal in the shape that the CRM gives it.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

use super::errors::Failure;

/// An answer that is no refusal.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON; absent where the status says everything.
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Answer {
        Answer::with_status(200, body)
    }

    pub(crate) fn with_status(status: u16, body: &Value) -> Answer {
        Answer { status, body: Some(body.to_string().into_bytes()), headers: Vec::new() }
    }

    pub(crate) fn written(body: Vec<u8>) -> Answer {
        Answer { status: 200, body: Some(body), headers: Vec::new() }
    }

    pub(crate) fn empty(status: u16) -> Answer {
        Answer { status, body: None, headers: Vec::new() }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Answer {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        let has_body = self.body.is_some();
        let mut response = Response::new(Bytes::from(self.body.unwrap_or_default()));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if has_body {
            let json = HeaderValue::from_static("application/json;charset=UTF-8");
            response.headers_mut().insert(CONTENT_TYPE, json);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Answer {
        Answer::with_status(failure.status, &failure.to_body())
    }
}

/// What becomes of a call.
pub(crate) type Outcome = Result<Answer, Failure>;
