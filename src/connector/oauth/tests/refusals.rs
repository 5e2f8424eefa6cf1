//! Logins that fail: what an administrator reads, when the next attempt comes, and what never shows.

use super::*;

/// Logs in once and gives the error.
async fn fails(world: &World, reply: Reply) -> Error {
    world.crm.will(reply);
    world.access().await.unwrap_err()
}

#[tokio::test]
async fn every_refusal_says_what_to_do() {
    let cases = [
        (refusal("invalid_client", "invalid client credentials"), "check `client_id` and `client_secret`"),
        (refusal("invalid_grant", "request not supported on this domain"), "set `login_url`"),
        (refusal("invalid_grant", "user hasn't approved this consumer"), "approve the app"),
        (refusal("invalid_grant", "something else"), "check [connection.acme.auth]"),
        (refusal("inactive_user", "user is inactive"), "check [connection.acme.auth]"),
        (refusal("invalid_scope", "no such scope"), "check `scopes`"),
        (refusal("unauthorized_client", "flow disabled"), "allow this grant"),
        (Reply::Json(400, json!({ "status": "BAD_HUB", "message": "no such hub" })), "check [connection.acme.auth]"),
        (Reply::Page(404, &[("content-type", "text/html")], "<html>"), "check `login_url`"),
        (Reply::Page(302, &[("location", "https://evil.example/")], ""), "check `login_url`"),
    ];
    for (reply, way_out) in cases {
        let world = World::new(Grant::ClientCredentials);
        let error = fails(&world, reply).await;
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{error}");
        assert!(error.message.contains(way_out), "{way_out}: {error}");
        assert!(error.message.starts_with("failed to log in at login.crm.example: "), "{error}");
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_later_and_later() {
    let world = World::new(Grant::ClientCredentials);
    let retry_at = |error: &Error| match error.kind {
        ErrorKind::Transient { retry_at: Some(at) } => (at - world.clock.now()).num_seconds(),
        _ => panic!("{error:?}"),
    };
    let replies = [
        (Reply::NotSent, 2),
        (Reply::Lost, 4),
        (Reply::Json(503, json!({ "error": "server_error" })), 8),
        (Reply::Page(503, &[("content-type", "text/html")], "<html>down</html>"), 16),
        (Reply::Page(504, &[], ""), 32),
        (refusal("unknown_error", "retry your request"), 64),
        (Reply::Page(200, &[("content-type", "text/html")], "<html>maintenance</html>"), 128),
        (Reply::Json(200, json!({ "token_type": "Bearer" })), 256),
        (Reply::Page(200, &[("content-type", "application/json")], "{\"access_token\": \"ca"), 300),
        (Reply::NotSent, 300),
    ];
    for (reply, seconds) in replies {
        let error = fails(&world, reply).await;
        assert_eq!(retry_at(&error), seconds, "{error}");
        let before = world.crm.count();
        assert_eq!(world.access().await, Err(error));
        assert_eq!(world.crm.count(), before, "nobody asks meanwhile");
        world.clock.turn(Duration::seconds(seconds));
    }
    world.crm.will(Reply::Json(200, granted(1)));
    assert_eq!(world.access().await, Ok("access-1 1".into()));
}

#[tokio::test]
async fn a_limit_on_logins_is_waited_out() {
    for (reply, seconds) in [
        (Reply::Page(429, &[("retry-after", "40")], ""), 40),
        (refusal("rate_limit_exceeded", "login rate exceeded"), 2),
    ] {
        let world = World::new(Grant::ClientCredentials);
        let error = fails(&world, reply).await;
        assert_eq!(error.kind, ErrorKind::Throttled { until: world.clock.now() + Duration::seconds(seconds) });
    }
}

#[tokio::test]
async fn an_ended_authorization_stops_the_logins_until_it_is_given_anew() {
    let mut world = World::allowed();
    let error = fails(&world, refusal("invalid_grant", "expired access/refresh token")).await;
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.ends_with("run `dealclock auth acme` to allow it anew"), "{error}");
    let refused = world.source.kept().await.unwrap().unwrap().refused.unwrap();
    assert_eq!((refused.at, &refused.reason), (world.clock.now(), &error.message));
    for minutes in [0, 1, 13] {
        world.clock.turn(Duration::minutes(minutes));
        assert_eq!(world.access().await, Err(error.clone()));
        assert_eq!(world.renew(1).await, Err(error.clone()));
    }
    world.restart();
    assert_eq!(world.access().await, Err(error), "a restart asks no sooner");
    assert_eq!(world.crm.count(), 1);
    world.keep("refresh-new");
    world.crm.will(Reply::Json(200, granted(7)));
    assert_eq!(world.access().await, Ok("access-7 1".into()), "a new authorization is taken up without a restart");
    assert_eq!(world.crm.last("refresh_token").as_deref(), Some("refresh-new"));
}

#[tokio::test]
async fn an_ended_authorization_is_tried_again_after_a_quarter_of_an_hour() {
    let world = World::allowed();
    fails(&world, refusal("invalid_grant", "expired access/refresh token")).await;
    world.clock.turn(Duration::minutes(15));
    world.crm.will(Reply::Json(200, granted(1)));
    assert_eq!(world.access().await, Ok("access-1 1".into()));
    assert_eq!(world.source.kept().await.unwrap().unwrap().refused, None);
}

#[tokio::test]
async fn nobody_logs_in_before_a_person_has_allowed_it() {
    let world = World::new(Grant::AuthorizationCode);
    let error = world.access().await.unwrap_err();
    assert_eq!(error, Error::unauthorized("nobody has allowed access yet; run `dealclock auth acme`"));
    assert_eq!(world.crm.count(), 0);
}

#[tokio::test]
async fn tokens_that_are_refused_at_once_do_not_make_endless_logins() {
    let world = World::new(Grant::ClientCredentials);
    world.crm.will(Reply::Json(200, granted(0)));
    world.access().await.unwrap();
    for round in 1..=4 {
        world.crm.will(Reply::Json(200, granted(round)));
        world.renew(round.into()).await.unwrap();
    }
    for _ in 0..10 {
        let error = world.renew(5).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized);
        assert!(error.message.contains("are refused soon after they are given out"), "{error}");
    }
    assert_eq!(world.crm.count(), 5);
    world.clock.turn(Duration::minutes(15));
    world.crm.will(Reply::Json(200, granted(6)));
    assert_eq!(world.renew(5).await, Ok("access-6 6".into()));
}

proptest::proptest! {
    #[test]
    fn any_answer_is_a_token_or_an_error_that_keeps_its_secrets(
        status in 200u16..600,
        is_json in proptest::bool::ANY,
        body in "(\\PC{0,40}|\\{\"(error|status|access_token|token_type|expires_in|instance_url|id)\": ?[\"a-z0-9-]{0,12}\\}?)canary-client-secret\"?\\}?",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new(Grant::ClientCredentials);
            let content: &[(&str, &str)] = if is_json { &[("content-type", "application/json")] } else { &[] };
            world.crm.will(Reply::Raw(status, content, body));
            match world.access().await {
                Ok(_) => {}
                Err(error) => assert!(!error.message.contains("canary"), "{error}"),
            }
        });
    }
}

#[tokio::test]
async fn no_secret_shows_in_an_error_or_in_debug() {
    let token = "AQ4AQPzX7ZyVbM0b2kR9xw7aSdFgHjKlQwErTyUi".repeat(2);
    let echo = &format!("canary-client-secret for access token 00D000canary!{token} and a@b.example");
    for reply in [refusal("invalid_client", echo), Reply::Json(500, json!({ "error": "x", "error_description": echo }))]
    {
        let error = fails(&World::new(Grant::ClientCredentials), reply).await;
        assert!(!error.message.contains("AQ4A") && !error.message.contains("a@b.example"), "{error}");
        assert!(!error.message.contains("canary-client-secret"), "{error}");
    }
    let world = World::allowed();
    world.crm.will(Reply::Json(200, granted(1)));
    let access = world.source.access().await.unwrap();
    let kept = world.source.kept().await.unwrap().unwrap();
    let begun = world.source.begin("http://localhost:1/callback").unwrap();
    let shown = format!("{access:?} {kept:?} {:?}", begun.verifier);
    for secret in ["access-1", "refresh-1", "canary"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
