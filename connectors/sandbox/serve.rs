//! The sandbox behind a socket: HTTP/1.1, plain or over TLS, with connections that break where a fault says so.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::HOST;
use http::uri::{Parts, Scheme};
use http::{Request, Response, StatusCode, Uri};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tower::ServiceExt;

use crate::misfortune::{Manner, Reply};
use crate::sandbox::{Dropped, Sandbox};
use crate::sender::send;
use crate::tls::Identity;

/// The largest call that is read.
const LARGEST_CALL: usize = 16 * 1024 * 1024;

/// Serves the sandbox until the future is dropped.
///
/// The caller decides what the listener is bound to: anything but loopback lets strangers use the control interface.
pub async fn serve(sandbox: Sandbox, listener: TcpListener) -> io::Result<()> {
    serve_with(sandbox, Router::new(), listener).await
}

/// Serves further routes besides those of the sandbox; they come before its own.
pub async fn serve_with(sandbox: Sandbox, further: Router, listener: TcpListener) -> io::Result<()> {
    listen(sandbox, further, listener, None).await
}

/// Serves the same over TLS only.
pub async fn serve_tls(sandbox: Sandbox, further: Router, listener: TcpListener, identity: Identity) -> io::Result<()> {
    listen(sandbox, further, listener, Some(identity)).await
}

async fn listen(
    sandbox: Sandbox,
    further: Router,
    listener: TcpListener,
    identity: Option<Identity>,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    connections.spawn(send(sandbox.clone()));
    let own = Router::new().fallback(answer).with_state(sandbox);
    let router = further.fallback_service(own);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let router = router.clone();
                match identity.clone() {
                    None => connections.spawn(converse(stream, Scheme::HTTP, router)),
                    Some(identity) => connections.spawn(async move {
                        match identity.acceptor.accept(stream).await {
                            Ok(stream) => converse(stream, Scheme::HTTPS, router).await,
                            Err(error) => tracing::debug!(%error, "a caller did not agree on TLS"),
                        }
                    }),
                };
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the calls of one connection until it ends or a fault breaks it.
async fn converse<S>(stream: S, scheme: Scheme, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let router = router.clone();
        make_absolute(&mut request, &scheme);
        async move {
            let response =
                router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never: Infallible| match never {});
            match response.extensions().get::<Dropped>() {
                Some(dropped) => Err(*dropped),
                None => Ok(response),
            }
        }
    });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the sandbox ended early");
    }
}

/// Writes the whole address that was called into the call, so that links in the answer lead back to it.
fn make_absolute(request: &mut Request<Incoming>, scheme: &Scheme) {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let Some(authority) = host.and_then(|host| host.parse().ok()) else { return };
    let mut parts = Parts::default();
    parts.scheme = Some(scheme.clone());
    parts.authority = Some(authority);
    parts.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
}

async fn answer(State(sandbox): State<Sandbox>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_CALL).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let request = Request::from_parts(parts, body);
    let Reply { outcome, manner } = sandbox.reply(&request);
    match (outcome, manner) {
        (_, Manner::Never) => std::future::pending().await,
        (Err(dropped), _) => {
            let mut response = ().into_response();
            response.extensions_mut().insert(dropped);
            response
        }
        (Ok(response), Manner::AtOnce) => response.map(Body::from),
        (Ok(response), Manner::Drip(pause)) => response.map(|body| Body::new(Drip::new(body, pause))),
    }
}

/// A body that is sent byte by byte.
struct Drip {
    rest: Bytes,
    pause: Interval,
}

impl Drip {
    fn new(body: Bytes, pause_millis: u64) -> Drip {
        let mut pause = interval(Duration::from_millis(pause_millis.max(1)));
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Drip { rest: body, pause }
    }
}

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let drip = self.get_mut();
        if drip.rest.is_empty() {
            return Poll::Ready(None);
        }
        match drip.pause.poll_tick(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => Poll::Ready(Some(Ok(Frame::data(drip.rest.split_to(1))))),
        }
    }
}
