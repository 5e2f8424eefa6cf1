//! What senders are answered, over real sockets, beside a scripted CRM.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as HttpBody, Frame};
use reqwest::header::CONNECTION;
use reqwest::{Body, Client, RequestBuilder, Response, StatusCode};

use crate::config::Web;
use crate::runtime::script::{SIGNATURE, Stage};
use crate::web::key::PathKey;
use crate::web::{Listening, address, listen};

/// A body that does not say how long it is.
struct Unsized(Full<Bytes>);

impl HttpBody for Unsized {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }
}

struct Door {
    stage: Stage,
    listening: Listening,
    base: String,
    http: Client,
}

impl Door {
    async fn open(stage: Stage) -> Door {
        let config = Web { body_limit: 2_000, ..config() };
        let listening = listen(&config, Arc::clone(&stage.runtime)).await.unwrap();
        let base = format!("http://{}", listening.address());
        Door { stage, listening, base, http: Client::builder().no_proxy().build().unwrap() }
    }

    async fn live() -> Door {
        Door::open(Stage::live().await).await
    }

    fn path(&self) -> String {
        let key = PathKey::of(self.stage.runtime.store()).unwrap();
        format!("/hooks/acme/{}", key.secret_of(&"acme".into()))
    }

    /// A genuine request.
    fn post(&self, body: impl Into<Body>) -> RequestBuilder {
        self.http.post(format!("{}{}", self.base, self.path())).header("x-signature", SIGNATURE).body(body)
    }

    fn hints(&self) -> u64 {
        self.stage.runtime.store().hints_len(&"acme".into()).unwrap()
    }

    fn counts(&self) -> [u64; 4] {
        let counts = self.stage.runtime.connections()["acme"].state().hooks;
        [counts.received, counts.replayed, counts.refused, counts.foreign]
    }
}

fn config() -> Web {
    Web { listen: "127.0.0.1:0".parse().unwrap(), public_url: None, body_limit: 1 << 20 }
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.unwrap().status()
}

async fn text(response: Response) -> String {
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_genuine_request_is_kept_answered_in_the_crms_words_and_followed() {
    let door = Door::live().await;
    door.stage.crm.now().deals.insert("1", "Open");
    let response = door.post("deal 1\ndeal 1\npeople").header("x-url", format!("{}{}", door.base, door.path()));
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(text(response).await, "thanks");
    assert_eq!((door.hints(), door.counts()), (2, [1, 0, 0, 0]));
    door.stage.settle().await;
    assert_eq!(door.stage.stage_of("1").as_deref(), Some("Open"));
}

#[tokio::test]
async fn what_is_not_genuine_is_refused_and_nothing_of_it_is_kept() {
    let door = Door::live().await;
    let unsigned = || door.http.post(format!("{}{}", door.base, door.path())).body("deal 1");
    assert_eq!(status(unsigned()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(unsigned().header("x-signature", "forged")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(door.post("deal 1").header("x-url", "https://elsewhere")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(door.post("deal 1").header("x-age", "301")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(door.post("nonsense")).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(door.post(vec![0xff, 0xfe])).await, StatusCode::BAD_REQUEST);
    assert_eq!(
        status(door.post("deal 1").header("content-encoding", "gzip")).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!((door.hints(), door.counts()), (0, [0, 0, 7, 0]));
}

#[tokio::test]
async fn an_address_that_is_not_ours_is_not_found_and_only_post_is_taken() {
    let door = Door::live().await;
    let post = |path: &str| door.http.post(format!("{}{path}", door.base)).header("x-signature", SIGNATURE);
    let secret = door.path().rsplit('/').next().unwrap().to_owned();
    for path in [format!("/hooks/zeta/{secret}"), "/hooks/acme/guess".into(), "/hooks/acme".into(), "/".into()] {
        assert_eq!(status(post(&path)).await, StatusCode::NOT_FOUND, "{path}");
    }
    let get = door.http.get(format!("{}{}", door.base, door.path()));
    assert_eq!(status(get).await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(status(door.http.get(format!("{}/healthz", door.base))).await, StatusCode::OK);
    assert_eq!(door.counts(), [0; 4]);
}

#[tokio::test]
async fn a_request_that_comes_again_is_answered_and_not_followed_again() {
    let door = Door::live().await;
    let send = |id: &'static str| status(door.post("deal 1").header("x-id", id));
    assert_eq!(send("a").await, StatusCode::OK);
    door.stage.settle().await;
    assert_eq!(send("a").await, StatusCode::OK);
    assert_eq!((door.hints(), door.counts()), (0, [1, 1, 0, 0]));
    assert_eq!(send("b").await, StatusCode::OK);
    assert_eq!((door.hints(), door.counts()), (1, [2, 1, 0, 0]));
}

#[tokio::test]
async fn a_replay_is_known_after_a_crash_between_the_fsync_and_the_answer() {
    let door = Door::live().await;
    assert_eq!(status(door.post("deal 1").header("x-id", "a")).await, StatusCode::OK);
    let Door { stage, listening, .. } = door;
    listening.close().await;
    let stage = stage.restarted();
    assert_eq!(stage.runtime.store().hints_len(&"acme".into()).unwrap(), 1);
    let door = Door::open(stage).await;
    assert_eq!(status(door.post("deal 1").header("x-id", "a")).await, StatusCode::OK);
    assert_eq!((door.hints(), door.counts()), (1, [0, 1, 0, 0]));
}

#[tokio::test]
async fn what_is_about_another_account_is_dropped_counted_and_told() {
    let door = Door::live().await;
    assert_eq!(status(door.post("foreign")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(door.post("foreign\ndeal 1\nforeign")).await, StatusCode::OK);
    assert_eq!((door.hints(), door.counts()), (1, [1, 0, 0, 3]));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_read() {
    let door = Door::live().await;
    let refused = door.post("deal 1\n".repeat(286)).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused.headers()[CONNECTION], "close", "what lies unread would be taken for the next request");
    let of_unknown_length = Body::wrap(Unsized(Full::from("deal 1\n".repeat(286))));
    assert_eq!(status(door.post(of_unknown_length)).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(status(door.post("deal 1\n".repeat(285))).await, StatusCode::OK);
}

#[tokio::test]
async fn before_the_account_is_known_the_sender_is_asked_to_come_again() {
    let door = Door::open(Stage::new()).await;
    let response = door.post("deal 1").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "30");
    assert_eq!((door.hints(), door.counts()), (0, [0; 4]));
}

#[tokio::test]
async fn a_followed_clock_does_not_move_on_before_a_hint_was_followed() {
    let door = Door::live().await;
    let runtime = &door.stage.runtime;
    let running = tokio::spawn({
        let runtime = Arc::clone(runtime);
        async move { runtime.run().await }
    });
    runtime.signals().all_resting(door.stage.clock.as_ref()).await;
    assert_eq!(status(door.post("deal 1")).await, StatusCode::OK);
    runtime.signals().all_resting(door.stage.clock.as_ref()).await;
    assert_eq!((door.hints(), door.stage.crm.now().looks.len()), (0, 1));
    runtime.stop();
    running.await.unwrap().unwrap();
    assert_eq!(status(door.http.get(format!("{}/healthz", door.base))).await, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn the_address_for_the_crm_is_the_one_that_answers() {
    let door = Door::live().await;
    let config = Web { public_url: Some("https://dealclock.example.com/in/".parse().unwrap()), ..config() };
    let shown = address(&config, door.stage.runtime.store(), &"acme".into()).unwrap().unwrap();
    assert_eq!(shown, format!("https://dealclock.example.com/in{}", door.path()));
}
