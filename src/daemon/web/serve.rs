//! Connections of senders: bounded in number, and in the time that they may take for a request's head.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// Connections that are open at the same time; others wait to be accepted.
const CONNECTIONS: usize = 1024;
/// How long a sender may take for the head of a request, and rest between two requests.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// A head larger than this is no CRM's.
const HEAD_LIMIT: usize = 32 * 1024;
/// How long accepting rests after it failed, such as for want of file handles.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// Serves until it is aborted; connections that are open then are closed.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => drop(open.spawn(hold(stream, router.clone(), place))),
            Err(error) => {
                tracing::warn!("the listener failed to accept: {error}");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn hold(stream: TcpStream, router: Router, _place: OwnedSemaphorePermit) {
    // Answers are small; none should wait for more to send.
    let _ = stream.set_nodelay(true);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!("a sender's connection broke off: {error}");
    }
}
