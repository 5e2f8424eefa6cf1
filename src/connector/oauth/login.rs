//! One app's logins to one account: the requests that bring tokens.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use dealclock_model::{ConnectionId, Instant};
use http::Uri;
use http::header::{ACCEPT, CONTENT_TYPE};
use jsonwebtoken::EncodingKey;
use oauth2::basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse};
use oauth2::url::form_urlencoded;
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    RefreshToken, RequestTokenError, Scope, StandardRevocableToken, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::answer::{Answer, read, send};
use super::assertion;
use super::dialect::{Dialect, GrantKind};
use super::refusal::{Counterpart, Trouble};
use super::tokens::Tokens;
use crate::{Clock, Transport};

/// What a login is made from.
pub struct LoginSettings {
    /// The connection's name.
    pub connection: ConnectionId,
    /// How the CRM speaks.
    pub dialect: &'static Dialect,
    /// Where people log in and tokens are fetched, when not at the dialect's own hosts.
    pub login_url: Option<String>,
    /// The app's id.
    pub client_id: String,
    /// The app's secret, where it has one.
    pub client_secret: Option<SecretString>,
    /// The way to a token.
    pub grant: Grant,
    /// What is asked for; for a person the dialect's own list where empty.
    pub scopes: Vec<String>,
    /// How calls leave.
    pub transport: Arc<dyn Transport>,
    /// The clock that lifetimes are counted on.
    pub clock: Arc<dyn Clock>,
}

/// The way to a token, with what it needs.
pub enum Grant {
    /// A person allows the app once.
    AuthorizationCode,
    /// The app's own id and secret.
    ClientCredentials,
    /// An assertion signed for a user.
    JwtBearer {
        /// The user as whom the app acts.
        username: String,
        /// The app's RSA private key in PEM.
        private_key: SecretString,
    },
}

/// One app's logins to one account.
pub struct Login {
    pub(super) connection: ConnectionId,
    pub(super) dialect: &'static Dialect,
    pub(super) app: App,
    pub(super) scopes: Vec<String>,
    pub(super) clock: Arc<dyn Clock>,
    grant: Way,
    address: String,
    host: String,
    client_secret: Option<SecretString>,
    transport: Arc<dyn Transport>,
}

/// A grant whose key was read.
enum Way {
    Code,
    Credentials,
    Assertion { username: String, key: EncodingKey },
}

pub(super) type App = oauth2::Client<
    BasicErrorResponse,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

impl Login {
    /// Checks the settings; the message says which one is wrong.
    pub fn new(settings: LoginSettings) -> Result<Login, String> {
        let LoginSettings { connection, dialect, login_url, client_id, client_secret, grant, scopes, transport, clock } =
            settings;
        let own = login_url.as_deref().map(|url| url.trim_end_matches('/'));
        let address = own.unwrap_or(dialect.token_host).to_owned();
        let authority = address.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
        let host = authority.ok_or_else(|| "`login_url` is not an absolute address".to_owned())?;
        let wrong = |_| "`login_url` is not an absolute address".to_owned();
        let authorize = format!("{}{}", own.unwrap_or(dialect.authorize_host), dialect.authorize_path);
        let mut app: App = oauth2::Client::new(ClientId::new(client_id))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(authorize).map_err(wrong)?)
            .set_token_uri(TokenUrl::new(format!("{address}{}", dialect.token_path)).map_err(wrong)?);
        if let Some(secret) = &client_secret {
            app = app.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        let grant = match grant {
            Grant::AuthorizationCode => Way::Code,
            Grant::ClientCredentials => Way::Credentials,
            Grant::JwtBearer { username, private_key } => {
                Way::Assertion { username, key: assertion::read_key(&private_key)? }
            }
        };
        Ok(Login { connection, dialect, app, scopes, clock, grant, address, host, client_secret, transport })
    }

    /// The way to a token.
    pub fn kind(&self) -> GrantKind {
        match self.grant {
            Way::Code => GrantKind::AuthorizationCode,
            Way::Credentials => GrantKind::ClientCredentials,
            Way::Assertion { .. } => GrantKind::JwtBearer,
        }
    }

    /// The host that gives out tokens, with its port where it has one of its own.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Fetches a token in place of the last one; `kept` is what is known of the authorization so far.
    pub(super) async fn fetch(&self, kept: Option<&Tokens>) -> Result<Tokens, Trouble> {
        let now = self.clock.now();
        let answer = match &self.grant {
            Way::Code => self.refresh(kept).await,
            Way::Credentials => {
                let scopes = self.scopes.iter().cloned().map(Scope::new);
                understood(self.app.exchange_client_credentials().add_scopes(scopes).request_async(&Wire(self)).await)
            }
            Way::Assertion { username, key } => self.assert(username, key, now).await,
        }?;
        Ok(read(self.dialect, &answer, kept, now))
    }

    async fn refresh(&self, kept: Option<&Tokens>) -> Result<Answer, Trouble> {
        let Some(token) = kept.and_then(|tokens| tokens.refresh.as_ref()) else {
            return Err(Trouble::Refused { ended: true, message: self.not_allowed_yet() });
        };
        let token = RefreshToken::new(token.expose_secret().to_owned());
        understood(self.app.exchange_refresh_token(&token).request_async(&Wire(self)).await)
    }

    /// The crate knows no such grant (RFC 7523).
    async fn assert(&self, username: &str, key: &EncodingKey, now: Instant) -> Result<Answer, Trouble> {
        let uri: Uri = self.address.parse().unwrap_or_default();
        let audience = self.dialect.audience(&uri, &self.address);
        let signed = assertion::sign(key, self.app.client_id(), username, audience, now).map_err(Trouble::refused)?;
        let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &signed)];
        let answer = self.post(self.dialect.token_path, &form).await?;
        serde_json::from_slice(answer.body()).map_err(|_| unreadable())
    }

    /// Posts a form with the app's id and secret in it.
    pub(super) async fn post_as_app(&self, path: &str, form: &[(&str, &str)]) -> Result<Value, Trouble> {
        let secret = self.client_secret.as_ref().map(|secret| ("client_secret", secret.expose_secret()));
        let own = [("client_id", self.app.client_id().as_str())].into_iter().chain(secret);
        let answer = self.post(path, &form.iter().copied().chain(own).collect::<Vec<_>>()).await?;
        // A revocation is answered with an empty body.
        Ok(serde_json::from_slice(answer.body()).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<HttpResponse, Trouble> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes();
        let request = http::Request::post(format!("{}{path}", self.address))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
            .map_err(|error| Trouble::refused(format!("`login_url` gives no address for a token: {error}")))?;
        self.send(request).await
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Trouble> {
        let counterpart = Counterpart {
            dialect: self.dialect,
            connection: self.connection.as_str(),
            host: &self.host,
            by_person: matches!(self.grant, Way::Code),
        };
        send(self.transport.as_ref(), &counterpart, request, self.clock.now()).await
    }

    pub(super) fn not_allowed_yet(&self) -> String {
        format!("nobody has allowed access yet; run `dealclock auth {}`", self.connection)
    }
}

/// The way of the `oauth2` crate's requests: over the connection's own transport.
pub(super) struct Wire<'a>(pub(super) &'a Login);

impl<'c> AsyncHttpClient<'c> for Wire<'_> {
    type Error = Trouble;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Trouble>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.0.send(request))
    }
}

/// What the crate made of an exchange. What is no token was judged where it arrived.
pub(super) fn understood(
    read: Result<Answer, RequestTokenError<Trouble, BasicErrorResponse>>,
) -> Result<Answer, Trouble> {
    read.map_err(|error| match error {
        RequestTokenError::Request(trouble) => trouble,
        RequestTokenError::ServerResponse(_) | RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            unreadable()
        }
    })
}

/// An answer that was good and holds no token that can be read: it may have been given out.
fn unreadable() -> Trouble {
    Trouble::Lost("failed to log in: the answer holds no token".to_owned())
}
