//! The command against a login server on this machine: a person who allows, a login without one, and taking it back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::routing::post;
use axum::{Json, Router};
use dealclock_connector::oauth::{Dialect, Identity};
use serde_json::Value;

use super::*;
use crate::cli::tests::open as small;
use crate::config::Environment;
use crate::kit::{Kind, Kit};

static DIALECT: Dialect = DIALECT_OF_TESTS;

const DIALECT_OF_TESTS: Dialect = Dialect {
    authorize_host: "https://login.crm.example",
    token_host: "https://login.crm.example",
    authorize_path: "/authorize",
    token_path: "/token",
    revoke_path: Some("/revoke"),
    introspect_path: Some("/introspect"),
    grants: &[GrantKind::AuthorizationCode, GrantKind::ClientCredentials],
    scopes: &["deals"],
    app_scopes: &[],
    challenge: true,
    audiences: &[],
    home: None,
    identity: Identity::Fields { account: "hub_id", person: "user_id" },
    lifetime: None,
    permanent: &[],
    advice: &[],
};

/// The forms that a login server got, by the path.
type Asked = Arc<Mutex<Vec<(&'static str, BTreeMap<String, String>)>>>;

/// A login server that gives a token to everybody.
async fn server() -> (String, Asked) {
    let asked = Asked::default();
    let answer = |path: &'static str, answer: Value| {
        post(move |State(asked): State<Asked>, Form(form): Form<BTreeMap<String, String>>| async move {
            asked.lock().unwrap().push((path, form));
            Json(answer)
        })
    };
    let token = json!({
        "access_token": "canary-access", "refresh_token": "canary-refresh", "token_type": "bearer", "hub_id": 7,
        "expires_in": 1800,
    });
    let app = Router::new()
        .route("/token", answer("/token", token))
        .route("/revoke", answer("/revoke", json!({})))
        .route("/introspect", answer("/introspect", json!({ "active": true })))
        .with_state(Arc::clone(&asked));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, asked)
}

/// A configuration with one connection that logs in at a server.
fn context(directory: &tempfile::TempDir, server: &str, grant: &str) -> Context {
    let text = format!(
        "[connection.acme]\nkind = \"small\"\nallow_local = true\n[connection.acme.auth]\ngrant = \"{grant}\"\n\
         client_id = \"app\"\nclient_secret = {{ env = \"S\" }}\nlogin_url = \"{server}\"\n"
    );
    let config = directory.path().join("dealclock.toml");
    std::fs::write(&config, text).unwrap();
    let kit = Kit {
        connectors: [("small", Kind { open: small, hosts: &[], auth: Some(&DIALECT) })].into(),
        sandboxes: &["small"],
        demo: |_, _| Box::pin(async { Ok(Exit::Ok) }),
        sandbox: |_, _| Box::pin(async { Ok(Exit::Ok) }),
    };
    let environment: Environment = [("S", "canary-client-secret")].into_iter().collect();
    Context { kit, environment, config: Some(config), output: Output::new(true) }
}

fn args() -> AuthArgs {
    AuthArgs { connection: "acme".into(), paste: false, port: 0, status: false, revoke: false }
}

fn status() -> AuthArgs {
    AuthArgs { status: true, ..args() }
}

/// A browser whose user allows everything at once.
fn allow(address: &str) {
    let address = reqwest::Url::parse(address).unwrap();
    let asked: BTreeMap<_, _> = address.query_pairs().into_owned().collect();
    let back =
        format!("{}?code=the-code&state={}", asked["redirect_uri"].replace("localhost", "127.0.0.1"), asked["state"]);
    tokio::spawn(async move { reqwest::get(back).await.unwrap() });
}

fn nobody(_address: &str) {}

#[tokio::test]
async fn a_person_allows_access_and_it_is_shown_and_taken_back() {
    let directory = tempfile::tempdir().unwrap();
    let (server, asked) = server().await;
    let context = context(&directory, &server, "authorization_code");
    let run = async |args: AuthArgs| carry_out(&args, &context, allow).await.unwrap();
    assert_eq!(run(status()).await, Exit::Found, "nobody has allowed it yet");
    assert_eq!(run(args()).await, Exit::Ok);
    {
        let asked = asked.lock().unwrap();
        let (path, form) = &asked[0];
        assert_eq!((*path, &form["code"][..], form.contains_key("code_verifier")), ("/token", "the-code", true));
    }
    assert_eq!(run(status()).await, Exit::Ok);
    assert_eq!(run(AuthArgs { revoke: true, ..args() }).await, Exit::Ok);
    assert_eq!(run(status()).await, Exit::Found);
    let paths: Vec<_> = asked.lock().unwrap().iter().map(|(path, _)| *path).collect();
    assert_eq!(paths, ["/token", "/introspect", "/revoke"]);
    let kept = std::fs::read_dir(directory.path().join("dealclock.store.tokens")).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["acme.lock"]);
}

#[tokio::test]
async fn a_login_without_a_person_is_tried_and_nothing_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (server, asked) = server().await;
    let context = context(&directory, &server, "client_credentials");
    assert_eq!(carry_out(&args(), &context, nobody).await.unwrap(), Exit::Ok);
    assert_eq!(asked.lock().unwrap()[0].1["grant_type"], "client_credentials");
    assert_eq!(carry_out(&status(), &context, nobody).await.unwrap(), Exit::Ok);
    assert!(!directory.path().join("dealclock.store.tokens").exists());
    assert!(!directory.path().join("dealclock.store.key").exists());
}

#[tokio::test]
async fn what_is_revoked_while_the_crm_is_down_is_forgotten_and_told() {
    let directory = tempfile::tempdir().unwrap();
    let (server, _) = server().await;
    let up = context(&directory, &server, "authorization_code");
    carry_out(&args(), &up, allow).await.unwrap();
    let down = context(&directory, "http://127.0.0.1:9", "authorization_code");
    let revoke = AuthArgs { revoke: true, ..args() };
    assert_eq!(carry_out(&revoke, &down, nobody).await.unwrap(), Exit::Crm);
    assert_eq!(carry_out(&status(), &down, nobody).await.unwrap(), Exit::Found);
}

#[tokio::test]
async fn a_grant_that_the_connector_does_not_know_is_a_fault_at_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let context = context(&directory, "http://127.0.0.1:9", "client_credentials");
    let text = std::fs::read_to_string(context.config.as_ref().unwrap()).unwrap();
    let text = text.replace("client_credentials", "jwt_bearer").replace("client_secret = { env = \"S\" }\n", "");
    let keys = "username = \"u\"\nprivate_key = { env = \"S\" }\n";
    std::fs::write(context.config.as_ref().unwrap(), text + keys).unwrap();
    let failure = carry_out(&args(), &context, nobody).await.unwrap_err().to_string();
    assert!(failure.contains("dealclock.toml:5:9: the connector for `small` does not know the grant `jwt_bearer`"));
    assert!(failure.contains("write \"authorization_code\" or \"client_credentials\""), "{failure}");
}

#[tokio::test]
async fn a_private_key_that_is_none_is_a_fault_at_its_line() {
    static SIGNING: Dialect = Dialect { grants: &[GrantKind::JwtBearer], ..DIALECT_OF_TESTS };
    let directory = tempfile::tempdir().unwrap();
    let mut context = context(&directory, "http://127.0.0.1:9", "jwt_bearer");
    let config = context.config.as_ref().unwrap();
    let text = std::fs::read_to_string(config).unwrap().replace("client_secret", "username = \"u\"\nprivate_key");
    std::fs::write(config, text).unwrap();
    context.kit.connectors = [("small", Kind { open: small, hosts: &[], auth: Some(&SIGNING) })].into();
    let failure = carry_out(&args(), &context, nobody).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Faulty);
    let told = failure.to_string();
    assert!(told.contains("dealclock.toml:8:15: `private_key` is not an RSA private key in PEM"), "{told}");
    assert!(!told.contains("canary"), "{told}");
}

#[tokio::test]
async fn a_connection_with_a_token_has_nothing_to_log_in() {
    let directory = tempfile::tempdir().unwrap();
    let context = context(&directory, "http://127.0.0.1:9", "client_credentials");
    let text = "[connection.acme]\nkind = \"small\"\ntoken = { env = \"S\" }\n";
    std::fs::write(context.config.as_ref().unwrap(), text).unwrap();
    let failure = carry_out(&args(), &context, nobody).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(failure.to_string().contains("[connection.acme.auth]"), "{failure}");
}
