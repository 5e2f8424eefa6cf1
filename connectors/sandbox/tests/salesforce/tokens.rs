//! The ways to get a token, and to lose it.

use crate::caller::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use dealclock_sandbox::Sandbox;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ID: &str = "3MVG9dealclock";
const SECRET: &str = "7C1A55E2B0";
const BACK: &str = "http://127.0.0.1:8765/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn form(sandbox: &Sandbox, path: &str, pairs: &[(&str, &str)]) -> Answer {
    let body: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    send(sandbox, "POST", &format!("/services/oauth2/{path}"), &headers, &body.join("&"))
}

fn token(sandbox: &Sandbox, pairs: &[(&str, &str)]) -> Answer {
    form(sandbox, "token", pairs)
}

fn client_credentials(sandbox: &Sandbox) -> Value {
    let pairs = [("grant_type", "client_credentials"), ("client_id", ID), ("client_secret", SECRET)];
    token(sandbox, &pairs).expect(200)
}

fn refresh(sandbox: &Sandbox, refresh_token: &str) -> Answer {
    token(sandbox, &[("grant_type", "refresh_token"), ("client_id", ID), ("refresh_token", refresh_token)])
}

fn use_token(sandbox: &Sandbox, token: &Value) -> u16 {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    send(sandbox, "GET", &format!("{DATA}/limits"), &[("authorization", &bearer)], "").status
}

/// Asks for consent and hands back the code.
fn code(sandbox: &Sandbox) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let path = format!(
        "/services/oauth2/authorize?response_type=code&client_id={ID}&redirect_uri={}&scope=api%20refresh_token&state=st&code_challenge={challenge}",
        escape(BACK)
    );
    let answer = send(sandbox, "GET", &path, &[], "");
    assert_eq!(answer.status, 302, "{}", answer.text);
    let location = answer.header("location").strip_prefix(&format!("{BACK}?code=")).unwrap().to_owned();
    let code = location.strip_suffix("&state=st").unwrap();
    percent_encoding::percent_decode_str(code).decode_utf8_lossy().into_owned()
}

fn exchange(sandbox: &Sandbox, code: &str, verifier: &str) -> Answer {
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("client_id", ID),
        ("client_secret", SECRET),
        ("redirect_uri", BACK),
        ("code_verifier", verifier),
    ];
    token(sandbox, &pairs)
}

#[test]
fn a_client_gets_a_token_for_its_own_user() {
    let org = org();
    let given = client_credentials(&org);
    assert_eq!(given["instance_url"], HOME);
    assert_eq!(given["token_type"], "Bearer");
    assert!(given.get("refresh_token").is_none() && given.get("expires_in").is_none());
    assert!(given["issued_at"].as_str().unwrap().parse::<i64>().is_ok());
    assert_eq!(use_token(&org, &given["access_token"]), 200);
    let bearer = format!("Bearer {}", given["access_token"].as_str().unwrap());
    let info = send(&org, "GET", "/services/oauth2/userinfo", &[("authorization", &bearer)], "").expect(200);
    let parts: Vec<_> = given["id"].as_str().unwrap().rsplit('/').collect();
    assert_eq!([&info["user_id"], &info["organization_id"]], [parts[0], parts[1]]);
}

#[test]
fn a_wrong_client_gets_nothing() {
    let org = org();
    for (id, secret, error) in
        [("x", SECRET, "invalid_client_id"), (ID, "x", "invalid_client"), (ID, "", "invalid_client")]
    {
        let pairs = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        assert_eq!(token(&org, &pairs).expect(400)["error"], error);
    }
    assert_eq!(token(&org, &[("grant_type", "magic")]).expect(400)["error"], "unsupported_grant_type");
}

#[test]
fn a_code_is_exchanged_once_by_whoever_asked_for_it() {
    let org = org();
    assert_eq!(exchange(&org, &code(&org), "wrong").expect(400)["error"], "invalid_request");
    assert_eq!(exchange(&org, &code(&org), "").expect(400)["error"], "invalid_grant");
    let late = code(&org);
    pass(&org, TimeDelta::minutes(15));
    assert_eq!(exchange(&org, &late, VERIFIER).expect(400)["error_description"], "expired authorization code");
    let code = code(&org);
    let given = exchange(&org, &code, VERIFIER).expect(200);
    assert_eq!(given["scope"], "refresh_token api");
    assert_eq!(use_token(&org, &given["access_token"]), 200);
    assert_eq!(exchange(&org, &code, VERIFIER).expect(400)["error"], "invalid_grant");
    let path =
        format!("/services/oauth2/authorize?response_type=code&client_id={ID}&redirect_uri=https%3A%2F%2Fevil.example");
    assert_eq!(send(&org, "GET", &path, &[], "").expect(400)["error"], "redirect_uri_mismatch");
}

#[test]
fn a_refresh_token_stays_unless_it_rotates() {
    let org = org();
    let given = exchange(&org, &code(&org), VERIFIER).expect(200);
    let first = given["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        let renewed = refresh(&org, first).expect(200);
        assert!(renewed.get("refresh_token").is_none());
        assert_eq!(use_token(&org, &renewed["access_token"]), 200);
    }
    assert_eq!(refresh(&org, "unknown").expect(400)["error_description"], "expired access/refresh token");
}

#[test]
fn the_reuse_of_a_rotated_token_ends_everything() {
    let org = with(|options| options.app.rotates = true);
    let given = exchange(&org, &code(&org), VERIFIER).expect(200);
    let first = given["refresh_token"].as_str().unwrap();
    let renewed = refresh(&org, first).expect(200);
    let second = renewed["refresh_token"].as_str().unwrap();
    let again = refresh(&org, second).expect(200);
    assert_eq!(use_token(&org, &again["access_token"]), 200);
    assert_eq!(refresh(&org, first).expect(400)["error"], "invalid_grant");
    assert_eq!(use_token(&org, &again["access_token"]), 401);
    assert_eq!(refresh(&org, again["refresh_token"].as_str().unwrap()).expect(400)["error"], "invalid_grant");
}

#[test]
fn a_session_ends_when_nobody_uses_it() {
    let org = org();
    let given = client_credentials(&org);
    for minutes in [119, 119, 120] {
        let expected = if minutes < 120 { 200 } else { 401 };
        pass(&org, TimeDelta::minutes(minutes));
        assert_eq!(use_token(&org, &given["access_token"]), expected);
    }
    get(&org, "/limits").expect(200);
}

#[test]
fn a_revoked_token_is_worth_nothing() {
    let org = org();
    let given = exchange(&org, &code(&org), VERIFIER).expect(200);
    let introspect = |token: &Value| {
        let pairs = [("token", token.as_str().unwrap()), ("client_id", ID), ("client_secret", SECRET)];
        form(&org, "introspect", &pairs).expect(200)
    };
    assert_eq!(introspect(&given["access_token"])["active"], true);
    form(&org, "revoke", &[("token", given["refresh_token"].as_str().unwrap())]).expect(200);
    assert_eq!(use_token(&org, &given["access_token"]), 401);
    assert_eq!(introspect(&given["access_token"])["active"], false);
}

#[test]
fn a_password_opens_a_session_as_in_old_times() {
    let org = org();
    let log_in = |password: &str| {
        let body = format!(
            "<se:Envelope xmlns:se=\"http://schemas.xmlsoap.org/soap/envelope/\"><se:Body>\
             <login xmlns=\"urn:partner.soap.sforce.com\"><username>integration@acme.example</username>\
             <password>{password}</password></login></se:Body></se:Envelope>"
        );
        send(&org, "POST", "/services/Soap/u/50.0", &[("content-type", "text/xml"), ("soapaction", "\"\"")], &body)
    };
    let answer = log_in("correct-horse");
    assert_eq!(answer.status, 200);
    let session = answer.text.split("<sessionId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    assert_eq!(use_token(&org, &Value::from(session.as_str())), 200);
    let log_out = format!(
        "<se:Envelope xmlns:se=\"http://schemas.xmlsoap.org/soap/envelope/\"><se:Header>\
         <SessionHeader><sessionId>{session}</sessionId></SessionHeader></se:Header>\
         <se:Body><logout xmlns=\"urn:partner.soap.sforce.com\"/></se:Body></se:Envelope>"
    );
    assert_eq!(send(&org, "POST", "/services/Soap/u/50.0", &[], &log_out).status, 200);
    assert_eq!(use_token(&org, &Value::from(session)), 401);
    assert_eq!(send(&org, "POST", "/services/Soap/u/50.0", &[], &log_out).status, 500);
    let refused = log_in("wrong");
    assert_eq!(refused.status, 500);
    assert!(refused.text.contains("INVALID_LOGIN"));
}

#[test]
fn a_signed_assertion_is_worth_a_token_for_the_user_that_it_names() {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let other = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let org = with(|options| options.app.public_key = Some(key.public_key_pem()));
    let exchange = |claims: Value, key: &KeyPair| {
        let key = EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap();
        let assertion = jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap();
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        token(&org, &[("grant_type", grant), ("assertion", assertion.as_str())])
    };
    let now = start().timestamp();
    let good = json!({
        "iss": ID,
        "sub": "integration@acme.example",
        "aud": "https://login.salesforce.com",
        "exp": now + 180,
    });
    let given = exchange(good.clone(), &key).expect(200);
    assert!(given.get("refresh_token").is_none());
    assert_eq!(use_token(&org, &given["access_token"]), 200);
    assert_eq!(exchange(good.clone(), &other).expect(400)["error_description"], "invalid assertion");
    for (claim, value, error, description) in [
        ("exp", json!(now), "invalid_grant", "expired authorization code"),
        ("exp", json!(now + 3600), "invalid_grant", "invalid assertion"),
        ("aud", json!("https://example.com"), "invalid_grant", "audience is invalid"),
        ("sub", json!("nobody@acme.example"), "invalid_grant", "user hasn't approved this consumer"),
        ("iss", json!("x"), "invalid_client_id", "client identifier invalid"),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        let refused = exchange(claims, &key).expect(400);
        assert_eq!((&refused["error"], &refused["error_description"]), (&json!(error), &json!(description)));
    }
}
