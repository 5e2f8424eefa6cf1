//! The calls about tokens: consent, codes, renewal, and what else can be asked about a token.
//!
//! <https://developers.hubspot.com/docs/api-reference/latest/authentication/manage-oauth-tokens>

use std::collections::BTreeSet;

use axum::extract::Query;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderValue, Request, Response, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::app::AppEndpoint;
use crate::hubspot::HubSpot;
use crate::portal::grants::LIFETIME;
use crate::sandbox::json as write;

/// The person who consents.
const USER: u64 = 293_199;

/// Why no token is given: the CRM's own word, the standard's, and a description.
struct Refused {
    status: u16,
    word: &'static str,
    error: &'static str,
    says: &'static str,
}

impl Refused {
    const fn new(word: &'static str, error: &'static str, says: &'static str) -> Refused {
        Refused { status: 400, word, error, says }
    }

    fn answer(&self) -> Response<Bytes> {
        let body = json!({
            "status": self.word,
            "message": self.says,
            "error": self.error,
            "error_description": self.says,
        });
        write(self.status, Some(&body))
    }
}

const WRONG_CLIENT: Refused = Refused::new("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id");
const WRONG_SECRET: Refused = Refused::new("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret");
const WRONG_CODE: Refused = Refused::new("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code");
const WRONG_REFRESH: Refused =
    Refused::new("BAD_REFRESH_TOKEN", "invalid_grant", "refresh token is invalid, expired or revoked");
const WRONG_REDIRECT: Refused = Refused::new("BAD_REDIRECT_URI", "invalid_request", "missing or invalid redirect uri");
const WRONG_VERIFIER: Refused = Refused::new("BAD_CODE_VERIFIER", "invalid_grant", "missing or invalid code verifier");
const WRONG_SCOPES: Refused = Refused::new("BAD_SCOPES", "invalid_scope", "missing or unknown scopes");
const WRONG_GRANT: Refused = Refused::new("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type");

/// The parameters of a call; what is missing is empty.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(request: &Request<Bytes>) -> Parameters {
        let mut pairs = form(request.uri().query().unwrap_or_default());
        pairs.extend(form(&String::from_utf8_lossy(request.body())));
        Parameters(pairs)
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    fn words(&self, name: &str) -> BTreeSet<String> {
        self.get(name).split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

fn form(text: &str) -> Vec<(String, String)> {
    let uri = format!("http://form/?{}", text.trim()).parse::<Uri>().ok();
    let read = uri.and_then(|uri| Query::<Vec<(String, String)>>::try_from_uri(&uri).ok());
    read.map(|Query(pairs)| pairs).unwrap_or_default()
}

impl HubSpot {
    /// Answers a call about tokens; `None` for any other.
    pub(crate) fn answer_login(&mut self, request: &Request<Bytes>, call: AppEndpoint<'_>) -> Option<Response<Bytes>> {
        let parameters = Parameters::of(request);
        let answered = match call {
            AppEndpoint::Authorize => self.authorize(&parameters),
            AppEndpoint::Token => self.token(&parameters),
            AppEndpoint::Introspect => self.introspect(&parameters),
            AppEndpoint::Revoke => self.revoke(&parameters),
            AppEndpoint::Subscriptions
            | AppEndpoint::Subscribe
            | AppEndpoint::Unsubscribe(_)
            | AppEndpoint::Earliest
            | AppEndpoint::Latest
            | AppEndpoint::Next(_)
            | AppEndpoint::File(_) => return None,
        };
        Some(answered.unwrap_or_else(|refused| refused.answer()))
    }

    /// Sends the browser back with a code at once, as if a person had consented.
    fn authorize(&mut self, parameters: &Parameters) -> Result<Response<Bytes>, Refused> {
        if parameters.get("client_id") != self.grants.app.client_id {
            return Err(WRONG_CLIENT);
        }
        let redirect = parameters.get("redirect_uri");
        if !self.grants.app.redirect_urls.iter().any(|known| admits(known, redirect)) {
            return Err(WRONG_REDIRECT);
        }
        let scopes = parameters.words("scope");
        if scopes.is_empty() {
            return Err(WRONG_SCOPES);
        }
        let challenge = Some(parameters.get("code_challenge")).filter(|challenge| !challenge.is_empty());
        let code = self.grants.consent(redirect, challenge.map(str::to_owned), scopes, self.portal.now);
        let tie = if redirect.contains('?') { '&' } else { '?' };
        let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let state = Some(parameters.get("state")).filter(|state| !state.is_empty());
        let state = state.map_or_else(String::new, |state| format!("&state={}", escape(state)));
        let mut response = write(302, None);
        if let Ok(location) = HeaderValue::try_from(format!("{redirect}{tie}code={}{state}", escape(&code))) {
            response.headers_mut().insert(LOCATION, location);
        }
        Ok(response)
    }

    fn token(&mut self, parameters: &Parameters) -> Result<Response<Bytes>, Refused> {
        self.check_client(parameters)?;
        let (refresh, scopes) = match parameters.get("grant_type") {
            "authorization_code" => {
                let scopes = self.exchange_code(parameters)?;
                (Some(self.grants.allow(scopes.clone())), scopes)
            }
            "refresh_token" => {
                let (refresh, scopes) = self.grants.renew(parameters.get("refresh_token")).ok_or(WRONG_REFRESH)?;
                (Some(refresh), scopes)
            }
            "client_credentials" => match parameters.words("scope") {
                scopes if scopes.is_empty() => return Err(WRONG_SCOPES),
                scopes => (None, scopes),
            },
            _ => return Err(WRONG_GRANT),
        };
        let access = self.grants.give(scopes.clone(), refresh.is_none(), self.portal.now);
        let mut body = json!({
            "token_type": "bearer",
            "access_token": access,
            "expires_in": LIFETIME / 1000,
            "scopes": scopes,
            "token_use": "access_token",
        });
        if let Some(refresh) = refresh {
            body["refresh_token"] = refresh.into();
            body["hub_id"] = self.portal.portal_id.into();
            body["user_id"] = USER.into();
        }
        Ok(write(200, Some(&body)))
    }

    fn check_client(&self, parameters: &Parameters) -> Result<(), Refused> {
        if parameters.get("client_id") != self.grants.app.client_id {
            return Err(WRONG_CLIENT);
        }
        if parameters.get("client_secret") != self.grants.app.client_secret {
            return Err(WRONG_SECRET);
        }
        Ok(())
    }

    fn exchange_code(&mut self, parameters: &Parameters) -> Result<BTreeSet<String>, Refused> {
        let code = self.grants.take_code(parameters.get("code"), self.portal.now).ok_or(WRONG_CODE)?;
        if code.redirect != parameters.get("redirect_uri") {
            return Err(WRONG_REDIRECT);
        }
        let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(parameters.get("code_verifier").as_bytes()));
        match code.challenge {
            Some(challenge) if challenge != proof => Err(WRONG_VERIFIER),
            Some(_) | None => Ok(code.scopes),
        }
    }

    fn introspect(&self, parameters: &Parameters) -> Result<Response<Bytes>, Refused> {
        self.check_client(parameters)?;
        let token = parameters.get("token");
        let granted = self.grants.granted(token).filter(|granted| self.portal.now < granted.until);
        let body: Value = match (granted, self.grants.refresh_scopes(token)) {
            (Some(granted), _) => json!({
                "active": true,
                "token_use": "access_token",
                "hub_id": self.portal.portal_id,
                "user_id": USER,
                "app_id": self.grants.app.app_id,
                "scopes": granted.scopes,
                "expires_in": (granted.until - self.portal.now) / 1000,
            }),
            (None, Some(scopes)) => json!({
                "active": true,
                "token_use": "refresh_token",
                "hub_id": self.portal.portal_id,
                "user_id": USER,
                "app_id": self.grants.app.app_id,
                "scopes": scopes,
            }),
            (None, None) => json!({ "active": false }),
        };
        Ok(write(200, Some(&body)))
    }

    fn revoke(&mut self, parameters: &Parameters) -> Result<Response<Bytes>, Refused> {
        self.check_client(parameters)?;
        // A token that is not known is revoked already, as RFC 7009 has it.
        self.grants.revoke(parameters.get("token"));
        Ok(write(200, None))
    }
}

/// An address that ends with a star admits whatever begins so.
fn admits(known: &str, address: &str) -> bool {
    known.strip_suffix('*').map_or(known == address, |beginning| address.starts_with(beginning))
}
