//! How an application is allowed, and what its tokens are good for.

use bytes::Bytes;
use chrono::TimeDelta;
use dealclock_sandbox::{HubSpotApp, Sandbox};
use http::Request;
use serde_json::Value;

use crate::caller::{Answer, pass, sandbox, send_as, with};

const DEALS: &str = "/crm/objects/2026-09/deals";
const BACK: &str = "http://127.0.0.1:8723/back";

fn bare(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(format!("https://api.hubapi.com{path}"));
    let response = sandbox.handle(request.body(Bytes::from(body.to_owned())).unwrap()).unwrap();
    let (parts, body) = response.into_parts();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

fn token(sandbox: &Sandbox, form: &str) -> Answer {
    let HubSpotApp { client_id, client_secret, .. } = HubSpotApp::default();
    let form = format!("{form}&client_id={client_id}&client_secret={client_secret}");
    bare(sandbox, "POST", "/oauth/2026-09/token", &form)
}

/// Consents, and hands back the code.
fn code(sandbox: &Sandbox, further: &str) -> String {
    let id = HubSpotApp::default().client_id;
    let path = format!(
        "/oauth/authorize?client_id={id}&redirect_uri={BACK}&scope=crm.objects.deals.read%20oauth&state=s%2B1{further}"
    );
    let answer = bare(sandbox, "GET", &path, "");
    assert_eq!(answer.status, 302, "{}", answer.body);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    let (code, state) = location.strip_prefix(&format!("{BACK}?code=")).unwrap().split_once("&state=").unwrap();
    assert_eq!(state, "s%2B1");
    code.replace("%2D", "-")
}

fn exchange(sandbox: &Sandbox, code: &str, further: &str) -> Answer {
    token(sandbox, &format!("grant_type=authorization_code&code={code}&redirect_uri={BACK}{further}"))
}

fn status(sandbox: &Sandbox, token: &Value, path: &str) -> u16 {
    send_as(sandbox, token.as_str().unwrap(), "GET", path, "").unwrap().status
}

#[test]
fn a_code_gives_tokens_once_and_they_are_good_for_half_an_hour_within_their_scopes() {
    let sandbox = sandbox();
    let code = code(&sandbox, "");
    let tokens = exchange(&sandbox, &code, "").expect(200);
    assert_eq!((&tokens["expires_in"], &tokens["hub_id"]), (&1800.into(), &147_893_286.into()));
    assert_eq!(exchange(&sandbox, &code, "").expect(400)["status"], "BAD_AUTH_CODE");
    let access = &tokens["access_token"];
    assert_eq!(status(&sandbox, access, DEALS), 200);
    assert_eq!(status(&sandbox, access, "/crm/owners/2026-09"), 403);
    pass(&sandbox, TimeDelta::seconds(1800));
    let refused = send_as(&sandbox, access.as_str().unwrap(), "GET", DEALS, "").unwrap().expect(401);
    assert_eq!(refused["category"], "EXPIRED_AUTHENTICATION");
    let form = format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap());
    let renewed = token(&sandbox, &form).expect(200);
    assert_eq!(renewed["refresh_token"], tokens["refresh_token"]);
    assert_eq!(status(&sandbox, &renewed["access_token"], DEALS), 200);
}

#[test]
fn a_code_that_was_asked_for_with_a_challenge_is_given_for_its_proof_only() {
    // The pair of RFC 7636, appendix B.
    let challenge = "&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let sandbox = sandbox();
    let proof = "&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    exchange(&sandbox, &code(&sandbox, challenge), proof).expect(200);
    let refused = exchange(&sandbox, &code(&sandbox, challenge), "&code_verifier=guess").expect(400);
    assert_eq!(refused["status"], "BAD_CODE_VERIFIER");
    assert_eq!(exchange(&sandbox, &code(&sandbox, challenge), "").expect(400)["status"], "BAD_CODE_VERIFIER");
}

#[test]
fn a_refresh_token_that_rotates_is_good_once() {
    let sandbox = with(|options| options.app.rotates = true);
    let tokens = exchange(&sandbox, &code(&sandbox, ""), "").expect(200);
    let form = format!("grant_type=refresh_token&refresh_token={}", tokens["refresh_token"].as_str().unwrap());
    assert_ne!(token(&sandbox, &form).expect(200)["refresh_token"], tokens["refresh_token"]);
    let refused = token(&sandbox, &form).expect(400);
    assert_eq!((&refused["status"], &refused["error"]), (&"BAD_REFRESH_TOKEN".into(), &"invalid_grant".into()));
}

#[test]
fn whatever_is_wrong_with_a_login_is_said() {
    let sandbox = sandbox();
    let id = HubSpotApp::default().client_id;
    let check = |answer: Answer, word: &str| assert_eq!(answer.expect(400)["status"], word);
    let ask = |form: &str| bare(&sandbox, "POST", "/oauth/2026-09/token", form);
    check(ask("grant_type=refresh_token&client_id=other"), "BAD_CLIENT_ID");
    check(ask(&format!("grant_type=refresh_token&client_id={id}&client_secret=wrong")), "BAD_CLIENT_SECRET");
    check(token(&sandbox, "grant_type=refresh_token&refresh_token=none"), "BAD_REFRESH_TOKEN");
    check(token(&sandbox, "grant_type=password"), "BAD_GRANT_TYPE");
    check(token(&sandbox, "grant_type=client_credentials"), "BAD_SCOPES");
    let elsewhere = format!("/oauth/authorize?client_id={id}&redirect_uri=https://evil.example&scope=oauth");
    check(bare(&sandbox, "GET", &elsewhere, ""), "BAD_REDIRECT_URI");
}

#[test]
fn tokens_can_be_looked_up_and_taken_back() {
    let sandbox = sandbox();
    let tokens = exchange(&sandbox, &code(&sandbox, ""), "").expect(200);
    let HubSpotApp { client_id, client_secret, .. } = HubSpotApp::default();
    let ask = |what: &str, token: &str| {
        let form = format!("token={token}&client_id={client_id}&client_secret={client_secret}");
        bare(&sandbox, "POST", &format!("/oauth/2026-09/token/{what}"), &form).expect(200)
    };
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert_eq!(ask("introspect", access)["scopes"], serde_json::json!(["crm.objects.deals.read", "oauth"]));
    assert_eq!(ask("introspect", refresh)["active"], true);
    assert_eq!(ask("introspect", "other")["active"], false);
    ask("revoke", refresh);
    assert_eq!(ask("introspect", refresh)["active"], false);
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    assert_eq!(token(&sandbox, &form).expect(400)["status"], "BAD_REFRESH_TOKEN");
    assert_eq!(status(&sandbox, &tokens["access_token"], DEALS), 200, "an access token goes on until it runs out");
}
