//! What a sender is answered, and what is remembered and logged of it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dealclock_connector::{Acknowledgement, Refused};
use dealclock_store::StoreError;

/// Why a request was not taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Denied {
    /// Nobody is called by this address.
    #[error("there is no such address")]
    Unknown,
    /// Too many requests are worked on.
    #[error("too many requests at once")]
    Busy,
    /// The account is not known yet, so nobody can say whether the request is about it.
    #[error("the account of this connection is not known yet")]
    TooEarly,
    /// The body is larger than allowed.
    #[error("the body is too large")]
    TooLarge,
    /// The body is compressed, and what it would become is anybody's guess.
    #[error("the body is encoded")]
    Encoded,
    /// The body did not arrive whole, or not in time.
    #[error("the body did not arrive")]
    Cut,
    /// The connector refused it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It cannot be kept.
    #[error("it cannot be kept: {0}")]
    Store(#[from] StoreError),
}

impl Denied {
    fn status(&self) -> StatusCode {
        match self {
            Denied::Unknown => StatusCode::NOT_FOUND,
            Denied::Busy | Denied::TooEarly | Denied::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            Denied::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Denied::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Denied::Cut | Denied::Refused(Refused::Unreadable(_)) => StatusCode::BAD_REQUEST,
            Denied::Refused(Refused::Signature(_) | Refused::Stale(_)) => StatusCode::UNAUTHORIZED,
            Denied::Refused(Refused::Foreign(_)) => StatusCode::FORBIDDEN,
        }
    }

    /// When it is worth sending again; every CRM does so by itself.
    fn again_after(&self) -> Option<HeaderValue> {
        match self {
            Denied::Busy => Some(HeaderValue::from_static("1")),
            Denied::TooEarly | Denied::Store(_) => Some(HeaderValue::from_static("30")),
            Denied::Unknown | Denied::TooLarge | Denied::Encoded | Denied::Cut | Denied::Refused(_) => None,
        }
    }

    /// Whether the body may lie unread on the connection, which then cannot bear another request.
    fn leaves_a_body(&self) -> bool {
        match self {
            Denied::Unknown | Denied::Busy | Denied::TooEarly | Denied::TooLarge | Denied::Encoded | Denied::Cut => {
                true
            }
            Denied::Refused(_) | Denied::Store(_) => false,
        }
    }

    /// What the sender is told. A wrong signature is not explained to whoever made it.
    fn words(&self) -> String {
        match self {
            Denied::Refused(Refused::Signature(_)) => "the signature does not fit\n".to_owned(),
            Denied::Refused(Refused::Foreign(_)) => "this is about another account\n".to_owned(),
            Denied::Store(_) => "it cannot be kept now\n".to_owned(),
            other => format!("{other}\n"),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = (self.status(), self.words()).into_response();
        if self.leaves_a_body() {
            // Else a sender that keeps connections would put its next request into one that is about to be closed.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(after) = self.again_after() {
            response.headers_mut().insert(header::RETRY_AFTER, after);
        }
        response
    }
}

/// The answer that the CRM takes for "received".
pub(super) fn received(answer: &Acknowledgement) -> Response {
    match answer.content_type {
        "" => StatusCode::OK.into_response(),
        content_type => ([(header::CONTENT_TYPE, content_type)], answer.body).into_response(),
    }
}
