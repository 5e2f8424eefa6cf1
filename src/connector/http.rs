//! The transport of the binary: one HTTP client per connection that leaves this machine only for hosts it may reach.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::origin::Origin;
use crate::{Transport, TransportError};

/// How we introduce ourselves to every CRM.
pub const USER_AGENT: &str = concat!("dealclock/", env!("CARGO_PKG_VERSION"));

/// Bounds on a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Longest time until a connection stands.
    pub connect: Duration,
    /// Longest time for the whole call, the last byte of the answer included.
    pub whole: Duration,
    /// Most bytes in an answer, after decompression.
    pub answer: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { connect: Duration::from_secs(10), whole: Duration::from_secs(60), answer: 16 * 1024 * 1024 }
    }
}

/// Sends calls over HTTP by `reqwest`.
///
/// It follows no redirect, keeps no cookie and retries nothing, since only the caller knows what a repetition would do.
pub struct ReqwestTransport {
    client: reqwest::Client,
    origin: Origin,
    bounds: Bounds,
}

impl ReqwestTransport {
    /// A client for the hosts of the origin; fails when the system's TLS roots cannot be loaded.
    pub fn new(origin: Origin, bounds: Bounds) -> Result<ReqwestTransport, String> {
        ReqwestTransport::trusting(&[], origin, bounds)
    }

    /// A client that trusts further authorities, given as PEM, beside the system's.
    ///
    /// They widen whom a host may be vouched for by, never which hosts are called.
    pub fn trusting(authorities: &[u8], origin: Origin, bounds: Bounds) -> Result<ReqwestTransport, String> {
        let further = further_authorities(authorities)?;
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(bounds.connect)
            .timeout(bounds.whole)
            .dns_resolver(Arc::new(GuardedResolver { origin: origin.clone() }));
        if origin.allows_local() {
            // A proxy has no business between us and a sandbox on this machine.
            builder = builder.no_proxy();
        }
        if !further.is_empty() {
            builder = builder.tls_certs_merge(further);
        }
        let client = builder.build().map_err(|error| format!("failed to set up HTTPS: {}", innermost(&error)))?;
        Ok(ReqwestTransport { client, origin, bounds })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or("no host").to_owned();
        if let Err(forbidden) = self.origin.admit(request.uri()) {
            return Err(TransportError::NotSent { host, reason: forbidden.to_string() });
        }
        let request = match reqwest::Request::try_from(request) {
            Ok(request) => request,
            Err(error) => return Err(TransportError::NotSent { host, reason: innermost(&error) }),
        };
        let answer = match self.client.execute(request).await {
            Ok(answer) => answer,
            Err(error) => return Err(not_answered(host, &error)),
        };
        self.collect(host, answer).await
    }
}

impl ReqwestTransport {
    async fn collect(
        &self,
        host: String,
        mut answer: reqwest::Response,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let mut body = BytesMut::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() > self.bounds.answer => {
                    let reason = format!("the answer is larger than {} bytes", self.bounds.answer);
                    return Err(TransportError::Lost { host, reason });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(TransportError::Lost { host, reason: innermost(&error) }),
            }
        }
        let mut whole = http::Response::new(body.freeze());
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(whole)
    }
}

fn further_authorities(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, String> {
    let read = reqwest::Certificate::from_pem_bundle(pem);
    let further = read.map_err(|error| format!("the authorities to trust are no PEM: {}", innermost(&error)))?;
    if further.is_empty() && !pem.is_empty() {
        return Err("the authorities to trust are no PEM: there is no certificate in it".to_owned());
    }
    Ok(further)
}

/// Only an error before the connection stood proves that nothing left.
fn not_answered(host: String, error: &reqwest::Error) -> TransportError {
    let reason = if error.is_timeout() { "timed out".to_owned() } else { innermost(error) };
    if error.is_connect() || error.is_builder() {
        TransportError::NotSent { host, reason }
    } else {
        TransportError::Lost { host, reason }
    }
}

/// The innermost cause; the outer layers repeat the address, whose query may hold what does not belong in a log.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(own) if own.is_timeout() => "timed out".to_owned(),
        Some(_) => "the HTTP exchange failed".to_owned(),
        None => match cause.to_string() {
            // The certificate of a company's proxy, or of a sandbox.
            text if text.contains("UnknownIssuer") => {
                format!("{text}; name its authority as `ca_file` if you trust it")
            }
            text => text,
        },
    }
}

/// Resolves names and withholds addresses that a public CRM never has, so that a name cannot lead inside.
struct GuardedResolver {
    origin: Origin,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let origin = self.origin.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            // Calls go to listed hosts only: any other name is the proxy of the system's settings, often a private one.
            if !origin.lists(host) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let admitted: Result<Vec<_>, _> =
                found.into_iter().map(|found| origin.admit_address(host, found.ip()).map(|()| found)).collect();
            Ok(Box::new(admitted?.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn local(bounds: Bounds) -> ReqwestTransport {
        ReqwestTransport::new(Origin::new(["crm.example"], true), bounds).unwrap()
    }

    fn get(address: &str) -> http::Request<Bytes> {
        http::Request::get(address).body(Bytes::new()).unwrap()
    }

    /// Answers one connection with fixed bytes after the request's head has come, then closes.
    async fn answering(answer: Vec<u8>) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/a", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let read = socket.read(&mut head).await.unwrap();
            socket.write_all(&answer).await.unwrap();
            socket.shutdown().await.unwrap();
            String::from_utf8_lossy(&head[..read]).into_owned()
        });
        (address, served)
    }

    #[tokio::test]
    async fn an_answer_comes_whole_with_status_and_headers() {
        let (address, served) = answering(b"HTTP/1.1 207 x\r\nx-a: b\r\ncontent-length: 2\r\n\r\n{}".to_vec()).await;
        let answer = local(Bounds::default()).send(get(&address)).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-a"], &answer.body()[..]),
            (207, &"b".parse().unwrap(), &b"{}"[..])
        );
        assert!(served.await.unwrap().contains(&format!("user-agent: {USER_AGENT}")));
    }

    #[tokio::test]
    async fn a_redirect_is_answered_not_followed() {
        let (address, _served) =
            answering(b"HTTP/1.1 302 x\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n".to_vec())
                .await;
        assert_eq!(local(Bounds::default()).send(get(&address)).await.unwrap().status(), 302);
    }

    #[tokio::test]
    async fn a_cut_answer_is_lost() {
        let (address, _served) = answering(b"HTTP/1.1 200 x\r\ncontent-length: 100\r\n\r\n{\"a\"".to_vec()).await;
        let error = local(Bounds::default()).send(get(&address)).await.unwrap_err();
        assert!(matches!(error, TransportError::Lost { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_answer_over_the_bound_is_lost() {
        let mut answer = b"HTTP/1.1 200 x\r\n\r\n".to_vec();
        answer.extend(vec![b'a'; 3000]);
        let (address, _served) = answering(answer).await;
        let bounds = Bounds { answer: 1000, ..Bounds::default() };
        let error = local(bounds).send(get(&address)).await.unwrap_err();
        assert!(error.to_string().contains("larger than 1000 bytes"), "{error}");
    }

    #[tokio::test]
    async fn a_silent_server_is_lost_after_the_bound() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let bounds = Bounds { whole: Duration::from_millis(50), ..Bounds::default() };
        let error = local(bounds).send(get(&address)).await.unwrap_err();
        assert_eq!(error, TransportError::Lost { host: "127.0.0.1".into(), reason: "timed out".into() });
    }

    #[tokio::test]
    async fn a_refused_connection_was_not_sent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let error = local(Bounds::default()).send(get(&address)).await.unwrap_err();
        assert!(matches!(error, TransportError::NotSent { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_forbidden_host_is_refused_before_anything_leaves() {
        let transport = ReqwestTransport::new(Origin::new(["crm.example"], false), Bounds::default()).unwrap();
        let error = transport.send(get("http://127.0.0.1:9/")).await.unwrap_err();
        assert!(error.to_string().contains("allow_local"), "{error}");
    }

    #[tokio::test]
    async fn a_listed_name_that_leads_inside_is_not_sent() {
        let transport =
            ReqwestTransport::new(Origin::new(["localhost.localdomain"], false), Bounds::default()).unwrap();
        let error = transport.send(get("https://localhost.localdomain:9/")).await.unwrap_err();
        assert!(matches!(error, TransportError::NotSent { .. }), "{error}");
    }

    #[test]
    fn authorities_that_are_no_certificates_are_refused() {
        for pem in ["certificate", "-----BEGIN CERTIFICATE-----\nQQ"] {
            let error =
                ReqwestTransport::trusting(pem.as_bytes(), Origin::new(["crm.example"], false), Bounds::default());
            assert!(error.is_err_and(|error| error.contains("no PEM")), "{pem}");
        }
    }
}
