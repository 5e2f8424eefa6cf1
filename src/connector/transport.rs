//! How a connector reaches its CRM: over HTTP in the binary, by a direct call into the sandbox in simulation.

use async_trait::async_trait;
use bytes::Bytes;

/// Sends one request and returns the whole answer.
///
/// The URI of the request is absolute. No implementation follows redirects or retries.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends the request; the body of the answer is complete and bounded in size and time.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError>;
}

/// No complete answer arrived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request did not leave: name not found, connection refused, TLS failed.
    #[error("could not reach {host}: {reason}")]
    NotSent {
        /// The host that was tried.
        host: String,
        /// What the system said.
        reason: String,
    },
    /// The request left, or may have, and no complete answer came back.
    #[error("no complete answer from {host}: {reason}")]
    Lost {
        /// The host that was asked.
        host: String,
        /// What the system said.
        reason: String,
    },
}
