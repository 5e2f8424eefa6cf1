//! Tokens: the four ways to get one, and what else can be asked about them.
//!
//! <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_authenticate.htm>

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, Request};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Org;
use super::answer::Answer;
use super::cell::Cell;
use super::id::Id;
use super::kind::Kind;
use super::routes::form;
use super::session::Code;
use crate::portal::instant::Millis;

const CODE_LIFETIME: Millis = 15 * 60_000;
/// An assertion may not be valid for longer.
const LONGEST_ASSERTION: i64 = 5 * 60;
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const LOGIN_HOSTS: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];

/// Why no token is given: the error and its description.
type Refused = (&'static str, &'static str);

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
}

impl Org {
    /// Answers a call about tokens.
    pub(super) fn authorize(&mut self, request: &Request<Bytes>) -> Answer {
        let mut parameters = form(request.uri().query().unwrap_or_default().as_bytes());
        parameters.extend(form(request.body()));
        let home = self.home(request);
        let parameters = Parameters(parameters);
        match (request.method().as_str(), request.uri().path().trim_end_matches('/')) {
            ("GET" | "POST", "/services/oauth2/authorize") => self.consent(&parameters),
            ("POST", "/services/oauth2/token") => {
                self.token(&parameters, request.headers(), &home).unwrap_or_else(refuse)
            }
            ("GET" | "POST", "/services/oauth2/revoke") => match self.sessions.revoke(parameters.get("token")) {
                true => Answer::empty(200),
                false => refuse(("unsupported_token_type", "this token type is not supported")),
            },
            ("POST", "/services/oauth2/introspect") => self.introspect(&parameters, request.headers(), &home),
            ("GET" | "POST", path) if path == "/services/oauth2/userinfo" || path.starts_with("/id/") => {
                self.user_info(request.headers(), &home)
            }
            _ => Answer::from(super::errors::Failure::not_found()),
        }
    }

    /// The address that programs are told to call.
    pub(super) fn home(&self, request: &Request<Bytes>) -> String {
        if let Some(home) = &self.instance_url {
            return home.clone();
        }
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let authority = request.uri().authority().map(|authority| authority.as_str()).or(host);
        format!("{}://{}", request.uri().scheme_str().unwrap_or("http"), authority.unwrap_or("acme.my.salesforce.com"))
    }

    /// Sends the browser back with a code at once, as if the user had consented.
    fn consent(&mut self, parameters: &Parameters) -> Answer {
        let (client, back) = (parameters.get("client_id"), parameters.get("redirect_uri"));
        if client != self.app.client_id {
            return refuse(("invalid_client_id", "client identifier invalid"));
        }
        if !self.app.redirect_urls.iter().any(|known| admits(known, back)) {
            return refuse(("redirect_uri_mismatch", "redirect_uri must match configuration"));
        }
        let state = parameters.get("state");
        let challenge = Some(parameters.get("code_challenge")).filter(|challenge| !challenge.is_empty());
        let answer = if parameters.get("response_type") != "code" {
            "error=unsupported_response_type&error_description=response+type+not+supported".to_owned()
        } else if self.app.requires_proof && challenge.is_none() {
            "error=invalid_request&error_description=missing+required+code+challenge".to_owned()
        } else {
            let code = format!("aPrx{}==", self.secret(48));
            let kept = Code {
                user: self.integration,
                redirect_url: back.to_owned(),
                challenge: challenge.map(str::to_owned),
                until: self.now + CODE_LIFETIME,
            };
            self.sessions.keep_code(code.clone(), kept);
            format!("code={}", escape(&code))
        };
        let tie = if back.contains('?') { '&' } else { '?' };
        let state = if state.is_empty() { String::new() } else { format!("&state={}", escape(state)) };
        Answer::empty(302).with_header("location", format!("{back}{tie}{answer}{state}"))
    }

    fn token(&mut self, parameters: &Parameters, headers: &HeaderMap, home: &str) -> Result<Answer, Refused> {
        match parameters.get("grant_type") {
            "client_credentials" => {
                if self.my_domain.as_ref().is_some_and(|own| own != home) {
                    return Err(("invalid_grant", "request not supported on this domain"));
                }
                self.check_client(parameters, headers, true)?;
                let user = self.active(self.integration)?;
                Ok(self.give(user, None, None, home))
            }
            "authorization_code" => {
                let user = self.exchange_code(parameters, headers)?;
                let (grant, refresh) = (self.sessions.next_grant(), format!("5Aep861{}", self.secret(64)));
                self.sessions.keep_refresh(refresh.clone(), user, grant);
                Ok(self.give(user, Some(grant), Some(refresh), home))
            }
            "refresh_token" => {
                self.check_client(parameters, headers, false)?;
                let (user, grant, refresh) = self.exchange_refresh(parameters.get("refresh_token"))?;
                Ok(self.give(user, Some(grant), refresh, home))
            }
            JWT_BEARER => {
                let user = self.exchange_assertion(parameters.get("assertion"), home)?;
                Ok(self.give(user, None, None, home))
            }
            _ => Err(("unsupported_grant_type", "grant type not supported")),
        }
    }

    /// A client may prove who it is in the body or in a header; a public one has no secret.
    fn check_client(&self, parameters: &Parameters, headers: &HeaderMap, confidential: bool) -> Result<(), Refused> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let basic = header.and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok());
        let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok());
        let (id, secret) = match basic.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((id, secret)) => (unescape(id), unescape(secret)),
            None => (parameters.get("client_id").to_owned(), parameters.get("client_secret").to_owned()),
        };
        if id != self.app.client_id {
            return Err(("invalid_client_id", "client identifier invalid"));
        }
        if secret != self.app.client_secret && (confidential || !secret.is_empty()) {
            return Err(("invalid_client", "invalid client credentials"));
        }
        Ok(())
    }

    fn exchange_code(&mut self, parameters: &Parameters, headers: &HeaderMap) -> Result<Id, Refused> {
        self.check_client(parameters, headers, false)?;
        let code = self.sessions.take_code(parameters.get("code"));
        let code = code.ok_or(("invalid_grant", "invalid authorization code"))?;
        if code.until <= self.now {
            return Err(("invalid_grant", "expired authorization code"));
        }
        if code.redirect_url != parameters.get("redirect_uri") {
            return Err(("redirect_uri_mismatch", "redirect_uri must match configuration"));
        }
        if let Some(challenge) = code.challenge {
            let verifier = parameters.get("code_verifier");
            if verifier.is_empty() {
                return Err(("invalid_grant", "code verifier missing"));
            }
            if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())) != challenge {
                return Err(("invalid_request", "invalid code verifier"));
            }
        }
        self.active(code.user)
    }

    /// Where tokens rotate, an old one that comes again ends the whole authorization: somebody may have stolen it.
    fn exchange_refresh(&mut self, token: &str) -> Result<(Id, u64, Option<String>), Refused> {
        let expired = ("invalid_grant", "expired access/refresh token");
        let rotates = self.app.rotates;
        let known = self.sessions.refresh(token).ok_or(expired)?;
        let (user, grant) = (known.user, known.grant);
        if known.spent {
            self.sessions.revoke_grant(grant);
            return Err(expired);
        }
        known.spent = rotates;
        let user = self.active(user)?;
        let next = rotates.then(|| format!("5Aep861{}", self.secret(64)));
        if let Some(next) = &next {
            self.sessions.keep_refresh(next.clone(), user, grant);
        }
        Ok((user, grant, next))
    }

    fn exchange_assertion(&self, assertion: &str, home: &str) -> Result<Id, Refused> {
        let invalid = ("invalid_grant", "invalid assertion");
        let key = self.app.public_key.as_deref().and_then(|pem| DecodingKey::from_rsa_pem(pem.as_bytes()).ok());
        let mut validation = Validation::new(Algorithm::RS256);
        // Times are compared with the virtual clock, below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        let claims = jsonwebtoken::decode::<Claims>(assertion, &key.ok_or(invalid)?, &validation);
        let claims = claims.map_err(|_| invalid)?.claims;
        if claims.iss != self.app.client_id {
            return Err(("invalid_client_id", "client identifier invalid"));
        }
        if !LOGIN_HOSTS.contains(&claims.aud.as_str()) && claims.aud != home {
            return Err(("invalid_grant", "audience is invalid"));
        }
        let left = claims.exp - self.now.div_euclid(1000);
        if left <= 0 {
            return Err(("invalid_grant", "expired authorization code"));
        }
        if left > LONGEST_ASSERTION {
            return Err(invalid);
        }
        let user = self.user_named(&claims.sub).ok_or(("invalid_grant", "user hasn't approved this consumer"))?;
        self.active(user)
    }

    /// The user with a name to log in with.
    pub(super) fn user_named(&self, username: &str) -> Option<Id> {
        let users = self.table(Kind::User);
        users.holders(users.schema.known("Username"), &Cell::text(username)).next().map(|row| row.id)
    }

    fn active(&self, user: Id) -> Result<Id, Refused> {
        let users = self.table(Kind::User);
        let active = users.get(user).is_some_and(|row| row.get(users.schema.known("IsActive")).is_true());
        if active { Ok(user) } else { Err(("invalid_grant", "authentication failure")) }
    }

    /// Begins a session and tells all about it.
    fn give(&mut self, user: Id, grant: Option<u64>, refresh: Option<String>, home: &str) -> Answer {
        let token = self.new_session(user, grant);
        let id = format!("{home}/id/{}/{user}", self.id);
        let issued = self.now.to_string();
        let scope = if grant.is_some() { "refresh_token api" } else { "api" };
        let mut body = json!({
            "access_token": token,
            "signature": sign(&self.app.client_secret, &format!("{id}{issued}")),
            "scope": scope,
            "instance_url": home,
            "id": id,
            "token_type": "Bearer",
            "issued_at": issued,
        });
        if let Some(refresh) = refresh {
            body["refresh_token"] = refresh.into();
        }
        Answer::ok(&body)
    }

    /// A token that looks like those of the live CRM: the id of the org, then a secret.
    pub(super) fn new_session(&mut self, user: Id, grant: Option<u64>) -> String {
        let secret = self.secret(80);
        let token = format!("{}!AR8AQ{secret}", self.id.short());
        self.sessions.begin(&token, user, grant, self.now);
        token
    }

    fn introspect(&self, parameters: &Parameters, headers: &HeaderMap, home: &str) -> Answer {
        if let Err(refused) = self.check_client(parameters, headers, true) {
            return refuse(refused);
        }
        let session = self.sessions.ends(parameters.get("token")).filter(|(_, until)| *until > self.now);
        let Some((user, until)) = session else { return Answer::ok(&json!({ "active": false })) };
        let now = self.now.div_euclid(1000);
        Answer::ok(&json!({
            "active": true,
            "scope": "api",
            "client_id": self.app.client_id,
            "username": self.name_of(user, "Username"),
            "sub": format!("{home}/id/{}/{user}", self.id),
            "token_type": "access_token",
            "exp": until.div_euclid(1000),
            "iat": now,
            "nbf": now,
        }))
    }

    fn user_info(&mut self, headers: &HeaderMap, home: &str) -> Answer {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let now = self.now;
        let Some(user) = token.and_then(|token| self.sessions.user(token, now)) else {
            return Answer { body: Some(b"Bad_OAuth_Token".to_vec()), ..Answer::empty(403) };
        };
        Answer::ok(&json!({
            "sub": format!("{home}/id/{}/{user}", self.id),
            "user_id": user.to_string(),
            "organization_id": self.id.to_string(),
            "preferred_username": self.name_of(user, "Username"),
            "username": self.name_of(user, "Username"),
            "name": self.name_of(user, "Name"),
            "email": self.name_of(user, "Email"),
            "zoneinfo": self.name_of(user, "TimeZoneSidKey"),
            "active": true,
            "urls": { "rest": format!("{home}/services/data/v{{version}}/") },
        }))
    }

    pub(super) fn name_of(&self, user: Id, field: &str) -> String {
        let users = self.table(Kind::User);
        users.get(user).map(|row| row.get(users.schema.known(field)).to_text()).unwrap_or_default()
    }
}

/// Parameters of a call about tokens.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// A parameter; one that is missing is empty.
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }
}

fn refuse((error, description): Refused) -> Answer {
    Answer::with_status(400, &json!({ "error": error, "error_description": description }))
}

fn admits(known: &str, address: &str) -> bool {
    match known.strip_suffix('*') {
        Some(beginning) => address.starts_with(beginning),
        None => known == address,
    }
}

fn sign(secret: &str, text: &str) -> Value {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let signature = mac.map(|mut mac| {
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    });
    signature.map_or(Value::Null, Value::from)
}

fn escape(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn unescape(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}
