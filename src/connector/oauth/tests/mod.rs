//! Logins against a scripted CRM.

mod grants;
mod keeping;
mod refusals;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Duration;
use dealclock_model::Instant;
use oauth2::url::form_urlencoded;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::*;
use crate::{Access, Authorizer, Clock, Error, ErrorKind, Origin, Transport, TransportError};

static DIALECT: Dialect = DIALECT_OF_TESTS;

const DIALECT_OF_TESTS: Dialect = Dialect {
    authorize_host: "https://app.crm.example",
    token_host: "https://login.crm.example",
    authorize_path: "/authorize",
    token_path: "/token",
    revoke_path: Some("/revoke"),
    introspect_path: Some("/introspect"),
    grants: &GrantKind::ALL,
    scopes: &["deals", "refresh_token"],
    app_scopes: &[],
    challenge: true,
    audiences: &[("sandbox.crm.example", "https://test.crm.example"), ("crm.example", "https://login.crm.example")],
    home: Some("instance_url"),
    identity: Identity::Address("id"),
    lifetime: None,
    permanent: &["inactive_user", "BAD_HUB"],
    advice: &[
        Advice {
            error: "invalid_grant",
            says: "not supported on this domain",
            way_out: "set `login_url` to the account's own address",
        },
        Advice { error: "invalid_grant", says: "approved", way_out: "approve the app for the user" },
    ],
};

/// What the CRM does with a login.
enum Reply {
    Json(u16, Value),
    Page(u16, &'static [(&'static str, &'static str)], &'static str),
    Raw(u16, &'static [(&'static str, &'static str)], String),
    Lost,
    NotSent,
    /// Answers once a permit is given.
    Gated(Arc<Semaphore>, Value),
}

/// A CRM that answers logins one after the other, and remembers what was asked.
#[derive(Default)]
struct Crm {
    replies: Mutex<VecDeque<Reply>>,
    asked: Mutex<Vec<(String, BTreeMap<String, String>)>>,
}

impl Crm {
    fn will(&self, reply: Reply) {
        self.replies.lock().unwrap().push_back(reply);
    }

    /// The path and the form of every request so far.
    fn asked(&self) -> Vec<(String, BTreeMap<String, String>)> {
        self.asked.lock().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn last(&self, field: &str) -> Option<String> {
        self.asked.lock().unwrap().last().and_then(|(_, form)| form.get(field).cloned())
    }
}

#[async_trait]
impl Transport for Crm {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let form = form_urlencoded::parse(request.body()).into_owned().collect();
        self.asked.lock().unwrap().push((request.uri().to_string(), form));
        let reply = self.replies.lock().unwrap().pop_front().expect("a login that the script does not know");
        let host = request.uri().host().unwrap().to_owned();
        let answer = |status: u16, headers: &[(&str, &str)], body: String| {
            let mut builder = http::Response::builder().status(status);
            for (name, value) in headers {
                builder = builder.header(*name, *value);
            }
            Ok(builder.body(Bytes::from(body)).unwrap())
        };
        let is_json = [("content-type", "application/json;charset=UTF-8")];
        match reply {
            Reply::Json(status, body) => answer(status, &is_json, body.to_string()),
            Reply::Page(status, headers, body) => answer(status, headers, body.to_owned()),
            Reply::Raw(status, headers, body) => answer(status, headers, body),
            Reply::Lost => Err(TransportError::Lost { host, reason: "timed out".into() }),
            Reply::NotSent => Err(TransportError::NotSent { host, reason: "connection refused".into() }),
            Reply::Gated(gate, body) => {
                gate.acquire().await.unwrap().forget();
                answer(200, &is_json, body.to_string())
            }
        }
    }
}

/// A clock that is turned by hand.
struct Hand(Mutex<Instant>);

impl Hand {
    fn turn(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

#[async_trait]
impl Clock for Hand {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }

    async fn sleep_until(&self, _until: Instant) {
        unreachable!("a login never sleeps");
    }
}

/// A vault in memory whose disk can refuse, and which remembers every refresh token that it was given.
#[derive(Default)]
struct Memory {
    kept: Mutex<Option<Tokens>>,
    saved: Mutex<Vec<String>>,
    is_full: Mutex<bool>,
    has_lost_key: Mutex<bool>,
}

impl Memory {
    fn refresh(&self) -> Option<String> {
        let kept = self.kept.lock().unwrap();
        kept.as_ref().and_then(|tokens| tokens.refresh.as_ref()).map(|token| token.expose_secret().to_owned())
    }

    fn lose_key(&self) {
        *self.has_lost_key.lock().unwrap() = true;
    }

    fn fill(&self, is_full: bool) {
        *self.is_full.lock().unwrap() = is_full;
    }
}

impl Vault for Memory {
    fn load(&self) -> Result<Option<Tokens>, VaultError> {
        let kept = self.kept.lock().unwrap().clone();
        if kept.is_some() && *self.has_lost_key.lock().unwrap() {
            return Err(VaultError("the token file tokens/acme has lost its key".into()));
        }
        Ok(kept)
    }

    fn save(&self, tokens: &Tokens) -> Result<(), VaultError> {
        if *self.is_full.lock().unwrap() {
            return Err(VaultError("failed to write tokens/acme: no space left".into()));
        }
        *self.kept.lock().unwrap() = Some(tokens.clone());
        self.saved.lock().unwrap().extend(self.refresh());
        Ok(())
    }

    fn clear(&self) -> Result<(), VaultError> {
        *self.kept.lock().unwrap() = None;
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send>, VaultError> {
        Ok(Box::new(()))
    }
}

/// One login with everything around it.
struct World {
    crm: Arc<Crm>,
    clock: Arc<Hand>,
    vault: Arc<Memory>,
    source: Arc<TokenSource>,
}

impl World {
    fn new(grant: Grant) -> World {
        World::at(None, grant, &DIALECT)
    }

    /// A person has allowed access: `refresh-0` is kept, and its access token was used up.
    fn allowed() -> World {
        let world = World::new(Grant::AuthorizationCode);
        world.keep("refresh-0");
        world
    }

    fn at(login_url: Option<&str>, grant: Grant, dialect: &'static Dialect) -> World {
        let (crm, vault) = (Arc::new(Crm::default()), Arc::new(Memory::default()));
        let clock = Arc::new(Hand(Mutex::new("2026-03-02T09:00:00Z".parse().unwrap())));
        let source = Arc::new(source(login_url, grant, dialect, (&crm, &clock, &vault)).unwrap());
        World { crm, clock, vault, source }
    }

    /// As after a restart: only what the vault keeps is still known.
    fn restart(&mut self) {
        let around = (&self.crm, &self.clock, &self.vault);
        self.source = Arc::new(source(None, Grant::AuthorizationCode, &DIALECT, around).unwrap());
    }

    fn keep(&self, refresh: &str) {
        let obtained_at = self.clock.now() - Duration::days(2);
        *self.vault.kept.lock().unwrap() = Some(Tokens {
            refresh: Some(refresh.into()),
            access: Some("access-of-the-past".into()),
            home: Some("https://acme.crm.example".into()),
            scopes: Vec::new(),
            obtained_at,
            expires_at: Some(obtained_at + Duration::hours(1)),
            account_id: Some("00D1".into()),
            identity: None,
            refused: None,
        });
    }

    async fn access(&self) -> crate::Result<String> {
        self.source.access().await.map(|access| shown(&access))
    }

    async fn renew(&self, generation: u64) -> crate::Result<String> {
        let refused = Access { token: "refused".into(), home: None, generation };
        Ok(self.source.renew(&refused).await?.map(|access| shown(&access)).unwrap())
    }
}

fn source(
    login_url: Option<&str>,
    grant: Grant,
    dialect: &'static Dialect,
    (crm, clock, vault): (&Arc<Crm>, &Arc<Hand>, &Arc<Memory>),
) -> Result<TokenSource, String> {
    let login = Login::new(LoginSettings {
        connection: "acme".into(),
        dialect,
        login_url: login_url.map(str::to_owned),
        client_id: "the-app".into(),
        client_secret: Some("canary-client-secret".into()),
        grant,
        scopes: Vec::new(),
        transport: Arc::clone(crm) as Arc<dyn Transport>,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
    })?;
    Ok(TokenSource::new(login, Origin::new(["crm.example"], false), Arc::clone(vault) as Arc<dyn Vault>))
}

/// Token and generation in short.
fn shown(access: &Access) -> String {
    format!("{} {}", access.token.expose_secret(), access.generation)
}

/// An answer with tokens of one number.
fn granted(number: u32) -> Value {
    json!({
        "access_token": format!("access-{number}"),
        "refresh_token": format!("refresh-{number}"),
        "instance_url": "https://acme.crm.example",
        "id": "https://login.crm.example/id/00D1/0051",
        "token_type": "Bearer",
        "issued_at": "1278448832702",
        "signature": "canary-signature",
        "scope": "deals refresh_token",
        "expires_in": 1800,
    })
}

fn without(mut answer: Value, field: &str) -> Value {
    answer.as_object_mut().unwrap().remove(field);
    answer
}

fn with(mut answer: Value, field: &str, value: Value) -> Value {
    answer.as_object_mut().unwrap().insert(field.to_owned(), value);
    answer
}

fn refusal(error: &str, description: &str) -> Reply {
    Reply::Json(400, json!({ "error": error, "error_description": description }))
}
