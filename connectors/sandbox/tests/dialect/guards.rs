//! Who is let in, how much they may ask, and how the sandbox tells them.

use crate::caller::*;
use chrono::TimeDelta;
use dealclock_sandbox::{Limits, Scope, Token};
use serde_json::{Value, json};

const DEALS: &str = "/crm/objects/2026-09/deals";

fn header(answer: &Answer, name: &str) -> Option<u32> {
    answer.headers.get(name).map(|value| value.to_str().unwrap().parse().unwrap())
}

#[test]
fn strangers_and_expired_tokens_are_turned_away() {
    let sandbox = sandbox();
    let expired = Token { expired: true, ..Token::with_all_scopes("old") };
    sandbox.set_tokens(vec![Token::with_all_scopes(TOKEN), expired]);
    for (token, category) in
        [("", "INVALID_AUTHENTICATION"), ("wrong", "INVALID_AUTHENTICATION"), ("old", "EXPIRED_AUTHENTICATION")]
    {
        let refused = send_as(&sandbox, token, "GET", DEALS, "").unwrap().expect(401);
        assert_eq!(refused["category"], category, "{token}");
        assert!(refused["correlationId"].is_string());
    }
    get(&sandbox, DEALS).expect(200);
}

#[test]
fn a_missing_scope_is_named() {
    let sandbox = sandbox();
    sandbox.set_tokens(vec![Token::new(TOKEN, [Scope::DealsRead])]);
    get(&sandbox, DEALS).expect(200);
    get(&sandbox, "/crm/pipelines/2026-09/deals").expect(200);
    get(&sandbox, "/account-info/2026-09/details").expect(200);
    for (method, path, scopes) in [
        ("POST", DEALS, json!(["crm.objects.deals.write"])),
        ("GET", "/crm/objects/2026-09/tasks", json!(["crm.objects.contacts.read"])),
        ("POST", "/crm/objects/2026-09/tasks/batch/create", json!(["crm.objects.contacts.write"])),
        ("GET", "/crm/owners/2026-09", json!(["crm.objects.owners.read"])),
        ("GET", "/crm/objects/2026-09/users", json!(["crm.objects.users.read"])),
        ("POST", "/crm/properties/2026-09/deals", json!(["crm.schemas.deals.write"])),
    ] {
        let refused = send(&sandbox, method, path, "{}").unwrap().expect(403);
        assert_eq!(refused["category"], "MISSING_SCOPES");
        assert_eq!(refused["errors"][0]["context"]["requiredGranularScopes"], scopes, "{path}");
    }
}

#[test]
fn the_limits_are_told_in_headers_and_kept() {
    let sandbox = with(|options| options.limits.general = Some(3));
    let first = get(&sandbox, DEALS);
    assert_eq!(header(&first, "x-hubspot-ratelimit-max"), Some(3));
    assert_eq!(header(&first, "x-hubspot-ratelimit-remaining"), Some(2));
    assert_eq!(header(&first, "x-hubspot-ratelimit-interval-milliseconds"), Some(10_000));
    assert_eq!(header(&first, "x-hubspot-ratelimit-daily"), Some(625_000));
    assert_eq!(header(&first, "x-hubspot-ratelimit-daily-remaining"), Some(624_999));
    get(&sandbox, DEALS).expect(200);
    get(&sandbox, DEALS).expect(200);
    let refused = get(&sandbox, DEALS);
    assert!(!refused.headers.contains_key("retry-after"));
    let body = refused.expect(429);
    assert_eq!(body["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(body["errorType"], "RATE_LIMIT");
    pass(&sandbox, TimeDelta::seconds(10));
    get(&sandbox, DEALS).expect(200);
}

#[test]
fn searches_have_a_limit_of_their_own_and_tell_nothing() {
    let sandbox = sandbox();
    for _ in 0..5 {
        let answer = post(&sandbox, &format!("{DEALS}/search"), json!({}));
        assert_eq!(header(&answer, "x-hubspot-ratelimit-max"), None);
        answer.expect(200);
    }
    let refused = post(&sandbox, &format!("{DEALS}/search"), json!({})).expect(429);
    assert_eq!(refused["policyName"], "SECONDLY");
    get(&sandbox, DEALS).expect(200);
    pass(&sandbox, TimeDelta::seconds(1));
    post(&sandbox, &format!("{DEALS}/search"), json!({})).expect(200);
}

#[test]
fn the_daily_limit_starts_anew_at_midnight_of_the_account() {
    let sandbox = with(|options| options.limits = Limits { daily: Some(2), ..Limits::default() });
    let usage = get(&sandbox, "/account-info/2026-09/api-usage/daily/private-apps").expect(200);
    assert_eq!(usage["results"][0]["usageLimit"], 2);
    assert_eq!(usage["results"][0]["currentUsage"], 1);
    assert_eq!(usage["results"][0]["resetsAt"], "2026-03-03T05:00:00Z");
    get(&sandbox, DEALS).expect(200);
    assert_eq!(get(&sandbox, DEALS).expect(429)["policyName"], "DAILY");
    sandbox.set_now("2026-03-03T05:00:00Z".parse().unwrap());
    get(&sandbox, DEALS).expect(200);
}

#[test]
fn unknown_paths_are_not_found() {
    let sandbox = sandbox();
    for (method, path) in
        [("GET", "/"), ("GET", "/crm/objects/2026-09/quotes"), ("PUT", DEALS), ("GET", "/crm/v1/deals")]
    {
        let body = send(&sandbox, method, path, "").unwrap().expect(404);
        assert_eq!(body["status"], "error");
    }
}

#[test]
fn every_answer_bears_a_correlation_id() {
    let sandbox = sandbox();
    let ids = [DEALS, "/nowhere"].map(|path| get(&sandbox, path).headers["x-hubspot-correlation-id"].clone());
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn calls_are_counted_by_endpoint_and_status() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({}));
    get(&sandbox, &format!("{DEALS}/{id}")).expect(200);
    get(&sandbox, &format!("/crm/v3/objects/deals/{id}")).expect(200);
    get(&sandbox, &format!("{DEALS}/1")).expect(404);
    let calls = sandbox.calls();
    assert_eq!(calls.calls["POST /crm/objects/deals"], 1);
    assert_eq!(calls.calls["GET /crm/objects/deals/{id}"], 3);
    assert_eq!(calls.statuses[&404], 1);
    sandbox.reset_calls();
    assert!(sandbox.calls().calls.is_empty());
}

#[test]
fn nothing_that_is_sent_makes_the_sandbox_panic() {
    let sandbox = with(|options| options.limits = Limits::NONE);
    let id = deal(&sandbox, json!({}));
    let bodies =
        ["", "null", "[]", "{}", "{\"inputs\":[null]}", "{\"inputs\":[{}]}", "{\"properties\":[]}", "\u{1F980}"];
    let paths = [
        DEALS.to_owned(),
        format!("{DEALS}/{id}"),
        format!("{DEALS}/batch/create"),
        format!("{DEALS}/batch/read"),
        format!("{DEALS}/batch/upsert"),
        format!("{DEALS}/search"),
        format!("{DEALS}/merge"),
        format!("{DEALS}?limit=0&after=-1"),
        format!("{DEALS}/%F0%9F%A6%80?idProperty=%00"),
        "/crm/owners/2026-09?after=18446744073709551615".to_owned(),
        "/crm/associations/2026-09/deals/tasks/batch/read".to_owned(),
        "/crm/properties/2026-09/deals".to_owned(),
    ];
    post(&sandbox, &format!("{DEALS}/search"), json!({ "after": u64::MAX.to_string() })).expect(400);
    for method in ["GET", "POST", "PATCH", "PUT", "DELETE"] {
        for path in &paths {
            for body in bodies {
                let answer = send(&sandbox, method, path, body).unwrap();
                assert!(answer.status < 500, "{method} {path} {body}");
                assert!(answer.body == Value::Null || answer.body.is_object());
            }
        }
    }
}
