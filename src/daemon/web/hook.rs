//! One request from a CRM: held against address, signature and account, kept, made durable, and only then answered.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use dealclock_connector::{Acknowledgement, Incoming, Refused};
use dealclock_model::ConnectionId;

use super::Web;
use super::answer::{Denied, received};
use crate::runtime::{Connection, KnownAccount, names};

/// How long a sender may take for a body.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// Answers `POST /hooks/{connection}/{secret}`.
pub(super) async fn receive(
    State(web): State<Arc<Web>>,
    Path((connection, secret)): Path<(String, String)>,
    request: Request,
) -> Response {
    let id = ConnectionId::from(connection);
    // Nobody learns whether it is the name or the secret that is wrong.
    let Some(connection) = web.runtime.connections().get(&id).filter(|_| web.key.fits(&id, &secret)) else {
        return Denied::Unknown.into_response();
    };
    match web.take(connection, request).await {
        Ok(answer) => received(&answer),
        Err(denied) => {
            note(connection, &denied);
            denied.into_response()
        }
    }
}

impl Web {
    async fn take(&self, connection: &Connection, request: Request) -> Result<Acknowledgement, Denied> {
        let webhooks = connection.spec.connector.webhooks().ok_or(Denied::Unknown)?;
        let _place = self.places.try_acquire().map_err(|_| Denied::Busy)?;
        let account: Option<KnownAccount> = self.runtime.store().meta(&names::account(connection.id()))?;
        let account = account.ok_or(Denied::TooEarly)?;
        let (head, body) = request.into_parts();
        let body = read_body(&head.headers, body, self.body_limit).await?;
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let now = self.runtime.now();
        let received = webhooks.receive(&Incoming {
            method: &head.method,
            url: &format!("{}{path}", self.public),
            headers: &head.headers,
            body: &body,
            account: &account.id,
            now,
        })?;
        let fresh = self.runtime.receive(connection, &received)?;
        // Also a request that was received before waits: the first of its kind may not be durable yet.
        self.runtime.store().durable().await?;
        let mut state = connection.state();
        state.hooks.last = Some(now);
        state.hooks.foreign += received.foreign as u64;
        *(if fresh { &mut state.hooks.received } else { &mut state.hooks.replayed }) += 1;
        Ok(received.answer)
    }
}

async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Denied> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Denied::Encoded);
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(Denied::TooLarge);
    }
    match tokio::time::timeout(BODY_WITHIN, to_bytes(body, limit)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(Denied::TooLarge),
        Ok(Err(_)) | Err(_) => Err(Denied::Cut),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

/// Counts what was not taken in, and logs it seldom enough that no sender can fill the log.
fn note(connection: &Connection, denied: &Denied) {
    let mut state = connection.state();
    let count = match denied {
        Denied::Refused(Refused::Foreign(_)) => &mut state.hooks.foreign,
        Denied::Refused(_) | Denied::TooLarge | Denied::Encoded | Denied::Cut => &mut state.hooks.refused,
        // The sender comes again, and nothing is wrong with what it sends.
        Denied::Unknown | Denied::Busy | Denied::TooEarly | Denied::Store(_) => return,
    };
    *count += 1;
    if count.is_power_of_two() {
        tracing::warn!(connection = %connection.id(), times = *count, "a webhook was not taken in: {denied}");
    }
}
