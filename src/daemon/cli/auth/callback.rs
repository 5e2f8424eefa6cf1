//! How the code comes back from the browser: to a listener on this machine, or pasted by hand.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use dealclock_connector::redact;
use reqwest::Url;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long the browser may take to fetch the last page.
const LAST_PAGE: Duration = Duration::from_secs(1);

const DONE: &str = "Dealclock has what it needs. You can close this window.\n";
const DECLINED: &str = "Access was not allowed. You can close this window.\n";
const FOREIGN: &str = "This does not belong to the login that is under way.\n";

/// A listener that waits for the browser.
pub(super) struct Callback {
    answers: mpsc::Receiver<Result<String, String>>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// What the CRM adds to the redirect address.
#[derive(Deserialize)]
struct Returned {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

struct Waiting {
    state: String,
    tell: mpsc::Sender<Result<String, String>>,
}

impl Callback {
    /// Waits for the answer that carries `state`; anything else is turned away.
    pub(super) fn serve(listener: TcpListener, state: String) -> Callback {
        let (tell, answers) = mpsc::channel(1);
        let (stop, stopped) = oneshot::channel();
        let app = Router::new().route("/callback", get(receive)).with_state(Arc::new(Waiting { state, tell }));
        let server = tokio::spawn(async move {
            let ended = async {
                let _ = stopped.await;
            };
            let _ = axum::serve(listener, app).with_graceful_shutdown(ended).await;
        });
        Callback { answers, stop, server }
    }

    /// The code, or why there is none.
    pub(super) async fn answer(mut self) -> Result<String, String> {
        let answer = self.answers.recv().await.unwrap_or_else(|| Err("the listener ended".to_owned()));
        let _ = self.stop.send(());
        if tokio::time::timeout(LAST_PAGE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        answer
    }
}

async fn receive(State(waiting): State<Arc<Waiting>>, Query(returned): Query<Returned>) -> Response {
    let page = |status: StatusCode, text: &'static str| (status, [(CACHE_CONTROL, "no-store")], text).into_response();
    match returned.judge(&waiting.state) {
        None => page(StatusCode::BAD_REQUEST, FOREIGN),
        Some(answer) => {
            let text = if answer.is_ok() { DONE } else { DECLINED };
            // The first answer counts; a browser that asks again sees the same page.
            let _ = waiting.tell.try_send(answer);
            page(StatusCode::OK, text)
        }
    }
}

impl Returned {
    /// The code or the refusal; `None` when it belongs to another login.
    fn judge(self, state: &str) -> Option<Result<String, String>> {
        let own = self.state.unwrap_or_default();
        if !bool::from(own.as_bytes().ct_eq(state.as_bytes())) {
            return None;
        }
        match (self.code, self.error) {
            (Some(code), None) if !code.is_empty() => Some(Ok(code)),
            (_, Some(error)) => {
                let why = self.error_description.map(|description| format!(": {description}")).unwrap_or_default();
                Some(Err(format!("access was not allowed: {}", redact(&format!("{error}{why}")))))
            }
            (Some(_) | None, None) => None,
        }
    }
}

/// Reads what a person pasted: the address that the browser ended at, or the code alone.
pub(super) fn pasted(text: &str, state: &str) -> Result<String, String> {
    let text = text.trim();
    let address = match text.strip_prefix('?') {
        Some(query) => format!("http://localhost/?{query}"),
        None if text.contains("://") => text.to_owned(),
        None if text.contains("code=") || text.contains("error=") => format!("http://localhost/?{text}"),
        // The code alone, as it stands in the address.
        None if !text.is_empty() => format!("http://localhost/?state={state}&code={text}"),
        None => return Err("nothing was pasted".to_owned()),
    };
    let address = Url::parse(&address).map_err(|_| "what was pasted is no address".to_owned())?;
    let Query(returned) = Query::<Returned>::try_from_uri(&address.as_str().parse().unwrap_or_default())
        .map_err(|_| "what was pasted holds no code".to_owned())?;
    let foreign = "what was pasted does not belong to this login; open the address above and paste what comes of it";
    returned.judge(state).unwrap_or_else(|| Err(foreign.to_owned()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn an_address_or_a_code_can_be_pasted() {
        let check = |text: &str, expected: Result<&str, &str>| match (pasted(text, "s-1"), expected) {
            (Ok(code), expected) => assert_eq!(Ok(&code[..]), expected, "{text}"),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{text}: {why}"),
            (Err(why), Ok(_)) => panic!("{text}: {why}"),
        };
        check("http://localhost:8914/callback?code=aPrx%3D%3D&state=s-1\n", Ok("aPrx=="));
        check("https://127.0.0.1/callback?state=s-1&code=a&sfdc_community_id=0", Ok("a"));
        check("?code=a&state=s-1", Ok("a"));
        check("code=a&state=s-1", Ok("a"));
        check("  aPrx%3D%3D ", Ok("aPrx=="));
        check("1e8fbfb1-8e96-4826-8b8d", Ok("1e8fbfb1-8e96-4826-8b8d"));
        check("http://localhost:8914/callback?code=a&state=s-2", Err("does not belong to this login"));
        check("http://localhost:8914/callback?code=a", Err("does not belong to this login"));
        check("http://localhost:8914/callback?state=s-1", Err("does not belong to this login"));
        check(
            "http://localhost/?error=access_denied&error_description=end-user+denied&state=s-1",
            Err("access was not allowed: access_denied: end-user denied"),
        );
        check("http://", Err("no address"));
        check(" ", Err("nothing was pasted"));
    }

    /// Asks the listener as a browser would; gives the first line and the last.
    async fn browse(port: u16, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let line = |line: Option<&str>| line.unwrap_or_default().to_owned();
        (line(answer.lines().next()), line(answer.lines().last()))
    }

    #[tokio::test]
    async fn the_browser_brings_the_code_and_strangers_bring_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let callback = Callback::serve(listener, "s-1".into());
        for stranger in ["/callback?code=evil&state=s-2", "/callback?code=evil", "/callback?state=s-1"] {
            assert_eq!(browse(port, stranger).await, ("HTTP/1.1 400 Bad Request".into(), FOREIGN.trim().into()));
        }
        assert_eq!(browse(port, "/").await.0, "HTTP/1.1 404 Not Found");
        assert_eq!(browse(port, "/callback?code=good&state=s-1").await, ("HTTP/1.1 200 OK".into(), DONE.trim().into()));
        assert_eq!(callback.answer().await, Ok("good".into()));
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "it listens no longer");
    }

    #[tokio::test]
    async fn a_person_who_declines_is_heard() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let callback = Callback::serve(listener, "s-1".into());
        assert_eq!(browse(port, "/callback?error=access_denied&state=s-1").await.1, DECLINED.trim());
        assert_eq!(callback.answer().await, Err("access was not allowed: access_denied".into()));
    }
}
