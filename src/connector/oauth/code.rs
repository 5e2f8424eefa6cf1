//! The code flow for people, and what can be done with an authorization afterwards.

use std::borrow::Cow;
use std::fmt;

use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::answer::read;
use super::login::{Login, Wire, understood};
use super::refusal::Trouble;
use super::tokens::Tokens;

/// An authorization that a person is asked for.
pub struct Begun {
    /// The address that the person opens.
    pub address: String,
    /// What must come back with the code.
    pub state: String,
    /// What the code is exchanged with.
    pub verifier: Verifier,
}

/// What a code is exchanged with: where it was sent, and the secret behind its challenge.
pub struct Verifier {
    redirect: RedirectUrl,
    challenge: Option<PkceCodeVerifier>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("redirect", &self.redirect).finish_non_exhaustive()
    }
}

/// What the CRM says about a token of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspected {
    /// Whether it lets calls in.
    pub active: bool,
    /// What it allows.
    pub scopes: Vec<String>,
}

impl Login {
    /// Asks for an authorization; the code comes to `redirect`.
    pub(super) fn begin(&self, redirect: &str) -> Result<Begun, String> {
        let wrong = |_| format!("`{redirect}` is no address that a browser can be sent to");
        let redirect = RedirectUrl::new(redirect.to_owned()).map_err(wrong)?;
        let scopes: Vec<Scope> = if self.scopes.is_empty() {
            self.dialect.scopes.iter().map(|scope| Scope::new((*scope).to_owned())).collect()
        } else {
            self.scopes.iter().cloned().map(Scope::new).collect()
        };
        let mut asking = self.app.authorize_url(CsrfToken::new_random);
        asking = asking.add_scopes(scopes).set_redirect_uri(Cow::Borrowed(&redirect));
        let mut verifier = None;
        if self.dialect.challenge {
            let (challenge, secret) = PkceCodeChallenge::new_random_sha256();
            asking = asking.set_pkce_challenge(challenge);
            verifier = Some(secret);
        }
        let (address, state) = asking.url();
        let state = state.secret().to_owned();
        Ok(Begun { address: address.into(), state, verifier: Verifier { redirect, challenge: verifier } })
    }

    /// Exchanges a code for tokens.
    pub(super) async fn finish(&self, code: &str, verifier: Verifier) -> Result<Tokens, Trouble> {
        let mut exchange = self.app.exchange_code(AuthorizationCode::new(code.to_owned()));
        exchange = exchange.set_redirect_uri(Cow::Owned(verifier.redirect));
        if let Some(secret) = verifier.challenge {
            exchange = exchange.set_pkce_verifier(secret);
        }
        let answer = understood(exchange.request_async(&Wire(self)).await)?;
        Ok(read(self.dialect, &answer, None, self.clock.now()))
    }

    /// Takes a token back; where the CRM has no way to, `false`.
    pub(super) async fn revoke(&self, tokens: &Tokens) -> Result<bool, Trouble> {
        let Some(path) = self.dialect.revoke_path else { return Ok(false) };
        // Revoking the refresh token ends its access tokens as well.
        let refresh = tokens.refresh.as_ref().map(|token| (token, "refresh_token"));
        let access = tokens.access.as_ref().map(|token| (token, "access_token"));
        let Some((token, hint)) = refresh.or(access) else { return Ok(true) };
        let form = [("token", token.expose_secret()), ("token_type_hint", hint)];
        self.post_as_app(path, &form).await.map(|_| true)
    }

    /// What the CRM says about an access token, where its answer can be relied on.
    pub(super) async fn introspect(&self, access: &SecretString) -> Result<Option<Introspected>, Trouble> {
        let Some(path) = self.dialect.introspect_path else { return Ok(None) };
        let form = [("token", access.expose_secret()), ("token_type_hint", "access_token")];
        let answer = self.post_as_app(path, &form).await?;
        let active = answer.get("active").and_then(Value::as_bool).unwrap_or_default();
        let scopes = match (answer.get("scope"), answer.get("scopes")) {
            (Some(Value::String(text)), _) => text.split_whitespace().map(str::to_owned).collect(),
            (_, Some(Value::Array(list))) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        Ok(Some(Introspected { active, scopes }))
    }
}
