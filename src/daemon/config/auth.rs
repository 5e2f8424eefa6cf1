//! What lets a connection in: a token that stays, or a login by OAuth 2.0.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use dealclock_connector::oauth::GrantKind;
use dealclock_model::Fault;

use super::build::Building;
use super::places::Place;
use super::{Secret, layers};
use crate::vault::KeyPlace;

/// The kind whose connector is a program of the person's own.
const PROGRAM: &str = "plugin";

/// What lets a connection in.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Nothing that we know of: the connector is a program, and what it needs is in its environment.
    None,
    /// A token that stays until an administrator exchanges it.
    Token(Secret),
    /// A login that brings tokens.
    Login(Box<Auth>),
}

/// How an app logs in to an account.
#[derive(Clone, Debug)]
pub struct Auth {
    /// The app's id.
    pub client_id: String,
    /// The way to a token, with what it needs.
    pub grant: GrantKeys,
    /// Where to log in, when not at the CRM's usual address.
    pub login_url: Option<String>,
    /// What is asked for; empty for all that is needed.
    pub scopes: Vec<String>,
    /// The directory of the token files.
    pub tokens: PathBuf,
    /// The key that they are encrypted with.
    pub key: KeyPlace,
    place: Place,
}

/// The way to a token, with what the configuration names for it.
#[derive(Clone, Debug)]
pub enum GrantKeys {
    /// A person allows the app once.
    AuthorizationCode {
        /// The app's secret, where it has one.
        client_secret: Option<Secret>,
    },
    /// The app's own id and secret.
    ClientCredentials {
        /// The app's secret.
        client_secret: Secret,
    },
    /// An assertion that the app signs for a user.
    JwtBearer {
        /// The user as whom it acts.
        username: String,
        /// The private key that it signs with.
        private_key: Secret,
    },
}

impl Auth {
    /// A fault at the grant.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        self.place.fault(message)
    }

    /// A fault in what a login is made from: at the private key where the message speaks of it, else at the grant.
    pub(crate) fn fault_of_login(&self, message: String) -> Fault {
        match &self.grant {
            GrantKeys::JwtBearer { private_key, .. } if message.starts_with("`private_key`") => private_key
                .place
                .fault(message)
                .help("name the file with the key that belongs to the app's certificate, `-----BEGIN` line included"),
            GrantKeys::AuthorizationCode { .. } | GrantKeys::ClientCredentials { .. } | GrantKeys::JwtBearer { .. } => {
                self.fault(message).help("give `login_url` as scheme and host, or leave it out")
            }
        }
    }
}

impl GrantKeys {
    /// Which grant it is.
    pub fn kind(&self) -> GrantKind {
        match self {
            GrantKeys::AuthorizationCode { .. } => GrantKind::AuthorizationCode,
            GrantKeys::ClientCredentials { .. } => GrantKind::ClientCredentials,
            GrantKeys::JwtBearer { .. } => GrantKind::JwtBearer,
        }
    }

    fn secret(&self) -> Option<&Secret> {
        match self {
            GrantKeys::AuthorizationCode { client_secret } => client_secret.as_ref(),
            GrantKeys::ClientCredentials { client_secret } => Some(client_secret),
            GrantKeys::JwtBearer { private_key, .. } => Some(private_key),
        }
    }
}

impl Credentials {
    /// The key behind which they stand.
    pub(super) fn key(&self) -> &'static str {
        match self {
            Credentials::None => "command",
            Credentials::Token(_) => "token",
            Credentials::Login(_) => "auth",
        }
    }

    /// The secrets that they name.
    pub(super) fn secrets(&self) -> Option<&Secret> {
        match self {
            Credentials::None => None,
            Credentials::Token(token) => Some(token),
            Credentials::Login(auth) => auth.grant.secret(),
        }
    }

    /// Whether both let in to one account, as far as the configuration tells.
    pub(super) fn leads_to_the_account_of(&self, other: &Credentials) -> bool {
        match (self, other) {
            (Credentials::Token(one), Credentials::Token(other)) => one.from == other.from,
            (Credentials::Login(one), Credentials::Login(other)) => one.is_same_account(other),
            (Credentials::None | Credentials::Token(_) | Credentials::Login(_), _) => false,
        }
    }
}

impl Auth {
    fn is_same_account(&self, other: &Auth) -> bool {
        let same_app = self.client_id == other.client_id && self.login_url == other.login_url;
        match (&self.grant, &other.grant) {
            (GrantKeys::ClientCredentials { .. }, GrantKeys::ClientCredentials { .. }) => same_app,
            (GrantKeys::JwtBearer { username: one, .. }, GrantKeys::JwtBearer { username: other, .. }) => {
                same_app && one == other
            }
            // A person may have allowed one app on many accounts.
            (
                GrantKeys::AuthorizationCode { .. } | GrantKeys::ClientCredentials { .. } | GrantKeys::JwtBearer { .. },
                _,
            ) => false,
        }
    }
}

impl Building<'_> {
    /// What lets a connection in: exactly one of `token` and `auth`; neither is needed beside a `command`.
    pub(super) fn credentials(&mut self, name: &str, keys: &layers::Connection) -> Option<Credentials> {
        let section = ["connection", name];
        match (&keys.token, &keys.auth) {
            (Some(_), Some(_)) => {
                let message = format!("[connection.{name}] has both `token` and `auth`");
                let help = "keep `token` for a token that stays, or `auth` for a login";
                self.fault(&[&section[..], &["auth"]].concat(), message, help);
                None
            }
            (Some(token), None) => self.secret(&[&section[..], &["token"]].concat(), token).map(Credentials::Token),
            (None, Some(auth)) => self.auth(name, keys, auth).map(|auth| Credentials::Login(Box::new(auth))),
            (None, None) if !keys.command.list().is_empty() => Some(Credentials::None),
            (None, None) if keys.kind.as_deref() == Some(PROGRAM) => {
                self.missing(&section, "command", "", r#"add for example command = ["python3", "crm.py"]"#);
                None
            }
            (None, None) => {
                if !self.places.is_bad(&["connection", name, "auth"]) {
                    let help = format!(
                        r#"add for example token = {{ env = "CRM_TOKEN" }}, or a section [connection.{name}.auth]"#
                    );
                    self.missing(&section, "token", " and no `auth`", &help);
                }
                None
            }
        }
    }

    fn auth(&mut self, name: &str, keys: &layers::Connection, auth: &layers::Auth) -> Option<Auth> {
        let section = ["connection", name, "auth"];
        let at = |key: &'static str| ["connection", name, "auth", key];
        let login_url = auth.login_url.clone().or_else(|| keys.base_url.clone());
        if let Some(address) = &auth.login_url {
            self.reach(&at("login_url"), address, keys.allow_local);
        }
        if auth.grant.is_none() {
            let grants = GrantKind::ALL.map(|grant| format!("grant = \"{grant}\"")).join(", ");
            self.missing(&section, "grant", "", &format!("add one of: {grants}"));
        }
        if auth.client_id.is_none() {
            self.missing(&section, "client_id", "", "add the app's id; the CRM shows it with the app");
        }
        let grant = self.grant(name, auth);
        Some(Auth {
            client_id: auth.client_id.clone()?,
            grant: grant?,
            login_url,
            scopes: auth.scopes.list().into_iter().map(str::to_owned).collect(),
            tokens: beside(&self.store, ".tokens"),
            key: match &self.key {
                Some(secret) => KeyPlace::Configured(secret.clone()),
                None => KeyPlace::Beside(beside(&self.store, ".key")),
            },
            place: self.places.of(&at("grant")),
        })
    }

    fn grant(&mut self, name: &str, auth: &layers::Auth) -> Option<GrantKeys> {
        let section = ["connection", name, "auth"];
        let at = |key: &'static str| ["connection", name, "auth", key];
        let client_secret = auth.client_secret.as_ref().and_then(|key| self.secret(&at("client_secret"), key));
        let private_key = auth.private_key.as_ref().and_then(|key| self.secret(&at("private_key"), key));
        let grant = auth.grant?;
        let why = format!(", and its grant is `{grant}`");
        let (takes_secret, takes_key) = match grant {
            GrantKind::AuthorizationCode | GrantKind::ClientCredentials => (true, false),
            GrantKind::JwtBearer => (false, true),
        };
        for (key, stands, takes) in [
            ("client_secret", auth.client_secret.is_some(), takes_secret),
            ("private_key", auth.private_key.is_some(), takes_key),
            ("username", auth.username.is_some(), takes_key),
        ] {
            if stands && !takes {
                self.fault(&at(key), format!("`{key}` is of no use to the grant `{grant}`"), "remove it");
            }
        }
        match grant {
            GrantKind::AuthorizationCode => Some(GrantKeys::AuthorizationCode { client_secret }),
            GrantKind::ClientCredentials => {
                if auth.client_secret.is_none() {
                    let help = r#"add for example client_secret = { env = "CRM_CLIENT_SECRET" }"#;
                    self.missing(&section, "client_secret", &why, help);
                }
                Some(GrantKeys::ClientCredentials { client_secret: client_secret? })
            }
            GrantKind::JwtBearer => {
                if auth.username.is_none() {
                    self.missing(&section, "username", &why, "add the user as whom the app acts");
                }
                if auth.private_key.is_none() {
                    let help = r#"add for example private_key = { file = "app.pem" }"#;
                    self.missing(&section, "private_key", &why, help);
                }
                Some(GrantKeys::JwtBearer { username: auth.username.clone()?, private_key: private_key? })
            }
        }
    }
}

/// A path with an end added to its last part.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(end);
    PathBuf::from(path)
}
