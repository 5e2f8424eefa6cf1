//! The three grants as the CRM sees them, and what is read from its answers.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use secrecy::SecretString;

use super::*;

/// A new RSA key: the private one in PEM, the public one to check signatures with.
fn rsa() -> (SecretString, DecodingKey) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", BASE64_STANDARD.encode(der.as_ref()));
    (pem.into(), DecodingKey::from_rsa_der(pair.public_key().as_ref()))
}

fn jwt(private_key: SecretString) -> Grant {
    Grant::JwtBearer { username: "clock@acme.example".into(), private_key }
}

#[tokio::test]
async fn client_credentials_go_in_the_body_and_the_home_comes_back() {
    let world = World::new(Grant::ClientCredentials);
    world.crm.will(Reply::Json(200, without(granted(1), "refresh_token")));
    let access = world.source.access().await.unwrap();
    assert_eq!(shown(&access), "access-1 1");
    assert_eq!(access.home.as_deref(), Some("https://acme.crm.example"));
    let (address, form) = &world.crm.asked()[0];
    assert_eq!(address, "https://login.crm.example/token");
    let expected =
        [("client_id", "the-app"), ("client_secret", "canary-client-secret"), ("grant_type", "client_credentials")];
    assert_eq!(form, &expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    assert_eq!(world.vault.saved.lock().unwrap().len(), 0, "nothing has to be kept");
}

#[tokio::test]
async fn an_assertion_is_signed_for_three_minutes_and_fetched_without_a_secret() {
    let (private, public) = rsa();
    for (login_url, audience) in [
        (None, "https://login.crm.example"),
        (Some("https://acme.sandbox.crm.example"), "https://test.crm.example"),
        (Some("http://127.0.0.1:9/"), "http://127.0.0.1:9"),
    ] {
        let world = World::at(login_url, jwt(private.clone()), &DIALECT);
        world.crm.will(Reply::Json(200, without(granted(1), "refresh_token")));
        assert_eq!(world.access().await, Ok("access-1 1".into()));
        let (address, form) = &world.crm.asked()[0];
        assert_eq!(
            address,
            &format!("{}/token", login_url.unwrap_or("https://login.crm.example").trim_end_matches('/'))
        );
        assert_eq!(form.keys().collect::<Vec<_>>(), ["assertion", "grant_type"]);
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        rules.set_audience(&[audience]);
        let claims = jsonwebtoken::decode::<Value>(&form["assertion"], &public, &rules).unwrap().claims;
        let expected = json!({
            "iss": "the-app",
            "sub": "clock@acme.example",
            "aud": audience,
            "exp": (world.clock.now() + Duration::minutes(3)).timestamp(),
        });
        assert_eq!(claims, expected);
    }
}

#[test]
fn a_key_that_is_none_is_refused_before_any_login_and_not_echoed() {
    let around = (Arc::default(), Arc::new(Hand(Mutex::new(Instant::UNIX_EPOCH))), Arc::default());
    for pem in ["canary", "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----"] {
        let error = source(None, jwt(pem.into()), &DIALECT, (&around.0, &around.1, &around.2)).err().unwrap();
        assert!(
            error.starts_with("`private_key` is not an RSA private key in PEM") && !error.contains("canary"),
            "{error}"
        );
    }
}

#[test]
fn a_challenge_is_that_of_the_standard() {
    // https://www.rfc-editor.org/rfc/rfc7636#appendix-B
    let verifier = PkceCodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
    assert_eq!(challenge.as_str(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[tokio::test]
async fn a_person_allows_once_and_the_code_becomes_tokens() {
    let world = World::new(Grant::AuthorizationCode);
    let begun = world.source.begin("http://localhost:8914/callback").unwrap();
    let address = oauth2::url::Url::parse(&begun.address).unwrap();
    assert_eq!((address.host_str(), address.path()), (Some("app.crm.example"), "/authorize"));
    let asked: BTreeMap<_, _> = address.query_pairs().into_owned().collect();
    assert_eq!(asked["scope"], "deals refresh_token");
    assert_eq!((&asked["response_type"][..], &asked["client_id"][..]), ("code", "the-app"));
    assert_eq!((&asked["redirect_uri"][..], &asked["state"]), ("http://localhost:8914/callback", &begun.state));
    assert_eq!(asked["code_challenge_method"], "S256");
    world.crm.will(Reply::Json(200, granted(1)));
    let tokens = world.source.finish("the-code", begun.verifier).await.unwrap();
    assert_eq!((tokens.account_id.as_deref(), tokens.identity.as_deref()), (Some("00D1"), Some("0051")));
    let form = &world.crm.asked()[0].1;
    assert_eq!((&form["grant_type"][..], &form["code"][..]), ("authorization_code", "the-code"));
    assert_eq!(form["redirect_uri"], "http://localhost:8914/callback");
    let verifier = PkceCodeVerifier::new(form["code_verifier"].clone());
    assert_eq!(PkceCodeChallenge::from_code_verifier_sha256(&verifier).as_str(), asked["code_challenge"]);
    assert_eq!(world.access().await, Ok("access-1 1".into()), "it is used at once");
    assert_eq!(world.vault.refresh().as_deref(), Some("refresh-1"));
}

#[tokio::test]
async fn two_attempts_share_neither_state_nor_challenge() {
    let world = World::new(Grant::AuthorizationCode);
    let begin = || world.source.begin("http://localhost:1/callback").unwrap();
    let (one, other) = (begin(), begin());
    assert!(one.state != other.state && one.state.len() >= 16);
    assert_ne!(one.address.split("code_challenge=").nth(1), other.address.split("code_challenge=").nth(1));
}

#[tokio::test]
async fn an_answer_in_the_other_spelling_is_read_as_well() {
    static OTHER: Dialect = Dialect {
        home: None,
        identity: Identity::Fields { account: "hub_id", person: "user_id" },
        challenge: false,
        ..DIALECT_OF_TESTS
    };
    let world = World::at(None, Grant::AuthorizationCode, &OTHER);
    let begun = world.source.begin("http://localhost:8914/callback").unwrap();
    assert!(!begun.address.contains("code_challenge"));
    world.crm.will(Reply::Json(
        200,
        json!({
            "token_type": "bearer", "refresh_token": "refresh-1", "access_token": "access-1", "hub_id": 1234567,
            "scopes": ["deals", "oauth"], "expires_in": 1800, "token_use": "access_token", "user_id": 293199,
        }),
    ));
    let tokens = world.source.finish("the-code", begun.verifier).await.unwrap();
    assert_eq!(tokens.scopes, ["deals", "oauth"]);
    assert_eq!((tokens.account_id.as_deref(), tokens.identity.as_deref()), (Some("1234567"), Some("293199")));
    assert_eq!(tokens.expires_at, Some(world.clock.now() + Duration::seconds(1800)));
    assert_eq!((tokens.home, world.crm.last("code_verifier")), (None, None));
}

#[tokio::test]
async fn revoking_takes_the_refresh_token_back_and_forgets_it() {
    let world = World::allowed();
    world.crm.will(Reply::Page(200, &[], ""));
    assert_eq!(world.source.revoke().await, Ok(Revoked::AtCrm));
    let (address, form) = &world.crm.asked()[0];
    assert_eq!((&address[..], &form["token"][..]), ("https://login.crm.example/revoke", "refresh-0"));
    assert_eq!(world.vault.refresh(), None);
    assert_eq!(world.access().await.unwrap_err().kind, ErrorKind::Unauthorized);
    assert_eq!(world.source.revoke().await, Ok(Revoked::Nothing));
}

#[tokio::test]
async fn revoking_forgets_the_token_even_when_the_crm_is_down() {
    let world = World::allowed();
    world.crm.will(Reply::NotSent);
    let Ok(Revoked::Failed(why)) = world.source.revoke().await else { panic!("it must have failed") };
    assert!(why.contains("connection refused"), "{why}");
    assert_eq!(world.vault.refresh(), None);
}

#[tokio::test]
async fn a_token_is_looked_up_where_the_crm_answers_that() {
    let world = World::allowed();
    world.crm.will(Reply::Json(200, json!({ "active": true, "scope": "deals oauth" })));
    let looked = world.source.introspect().await.unwrap();
    assert_eq!(looked, Some(Introspected { active: true, scopes: vec!["deals".into(), "oauth".into()] }));
    assert_eq!(world.crm.last("token").as_deref(), Some("access-of-the-past"));
}
