//! How one kind of CRM speaks OAuth 2.0, as constants that its connector declares.

use std::fmt;

use serde::Deserialize;

/// How one kind of CRM speaks OAuth 2.0; declared by each connector in its `auth.rs`.
#[derive(Debug)]
pub struct Dialect {
    /// Where people log in and allow the app: scheme and host, no slash at the end.
    pub authorize_host: &'static str,
    /// Where tokens are fetched: scheme and host, no slash at the end. The same as `authorize_host` as a rule.
    ///
    /// A `login_url` of the configuration, or a sandbox's address, stands for both.
    pub token_host: &'static str,
    /// The path at which people allow the app.
    pub authorize_path: &'static str,
    /// The path at which tokens are fetched.
    pub token_path: &'static str,
    /// The path at which tokens are revoked, where there is one.
    pub revoke_path: Option<&'static str>,
    /// The path at which tokens are looked up, where the answer can be relied on.
    pub introspect_path: Option<&'static str>,
    /// The grants that the CRM knows, the recommended one first.
    pub grants: &'static [GrantKind],
    /// The scopes that people are asked for when the configuration names none.
    pub scopes: &'static [&'static str],
    /// The scopes of the app's own token beside the account's, where the CRM has such a token; else empty.
    pub app_scopes: &'static [&'static str],
    /// Whether the code is guarded by a challenge (PKCE, S256).
    pub challenge: bool,
    /// What a signed assertion names as its audience, by the end of the login host; the first that fits counts.
    ///
    /// The login address itself where none fits.
    pub audiences: &'static [(&'static str, &'static str)],
    /// The field of a token's answer that says where the account lives, where there is one.
    pub home: Option<&'static str>,
    /// Where a token's answer says whose it is.
    pub identity: Identity,
    /// How long a token is good when the answer does not say, in seconds; `None` until it is refused.
    pub lifetime: Option<u32>,
    /// Errors that only an administrator can mend, beside those of the standard; `error` or `status` of the answer.
    pub permanent: &'static [&'static str],
    /// What an administrator does about errors that the standard's words do not explain; the first that fits counts.
    pub advice: &'static [Advice],
}

/// Where a token's answer says whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// In two fields: the account's id and the person's.
    Fields {
        /// The field of the account's id.
        account: &'static str,
        /// The field of the person's id.
        person: &'static str,
    },
    /// In a field that holds an address whose path ends in the account's and the person's id.
    Address(&'static str),
}

/// What an administrator does about one error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// `error` or `status` of the answer.
    pub error: &'static str,
    /// A part of its description in lower case; empty for any.
    pub says: &'static str,
    /// What to do about it; `NAME` stands for the connection's name.
    pub way_out: &'static str,
}

/// A way to a token, as the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// A person allows the app once, and the token is renewed from then on.
    AuthorizationCode,
    /// The app's own id and secret.
    ClientCredentials,
    /// An assertion that the app signs with its private key.
    JwtBearer,
}

impl GrantKind {
    /// Every grant.
    pub const ALL: [GrantKind; 3] = [GrantKind::AuthorizationCode, GrantKind::ClientCredentials, GrantKind::JwtBearer];

    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            GrantKind::AuthorizationCode => "authorization_code",
            GrantKind::ClientCredentials => "client_credentials",
            GrantKind::JwtBearer => "jwt_bearer",
        }
    }
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Dialect {
    /// What an assertion for a login host names as its audience.
    pub(super) fn audience<'a>(&self, login: &'a http::Uri, address: &'a str) -> &'a str
    where
        'static: 'a,
    {
        let host = login.host().unwrap_or_default();
        let fits = |(end, _): &&(&'static str, &'static str)| host.ends_with(end);
        self.audiences.iter().find(fits).map_or(address, |(_, audience)| audience)
    }
}
