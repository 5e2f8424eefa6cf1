//! What lets calls into an account: a token that stays, or one that is fetched and renewed.

use std::fmt;

use async_trait::async_trait;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, Result};

/// What lets a call in, as of now.
#[derive(Clone)]
pub struct Access {
    /// Sent as `Authorization: Bearer`, by [`Access::bearer`].
    pub token: SecretString,
    /// Where the account lives, when the CRM told it together with the token: scheme and host, no slash at the end.
    ///
    /// It was held against the list of hosts that the connector may call.
    pub home: Option<String>,
    /// Counts the tokens of one connection, so that a refusal is matched to the token that was refused.
    pub generation: u64,
}

impl Access {
    /// What is sent as `Authorization`; nothing that shows headers shows it.
    pub fn bearer(&self) -> Result<HeaderValue> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", self.token.expose_secret()))
            .map_err(|_| Error::unauthorized("the token holds characters that no token has"))?;
        bearer.set_sensitive(true);
        Ok(bearer)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("home", &self.home).field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// Gives access to one account; one of these for each connection, shared by all that call.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// The access to use now. It is fetched first, or renewed, where the last one is missing or about to expire.
    async fn access(&self) -> Result<Access>;

    /// Another access after the CRM refused this one, so that the call is repeated once; `None` where there is no other.
    ///
    /// Many callers may report the same refusal; only the first fetches. An error of the kind
    /// [`Unauthorized`](crate::ErrorKind::Unauthorized) means that an administrator must act.
    async fn renew(&self, refused: &Access) -> Result<Option<Access>>;
}

/// A token that stays until an administrator exchanges it.
pub struct StaticToken(SecretString);

impl StaticToken {
    /// Access by this token and no other.
    pub fn new(token: SecretString) -> StaticToken {
        StaticToken(token)
    }
}

#[async_trait]
impl Authorizer for StaticToken {
    async fn access(&self) -> Result<Access> {
        Ok(Access { token: self.0.clone(), home: None, generation: 0 })
    }

    async fn renew(&self, _refused: &Access) -> Result<Option<Access>> {
        Ok(None)
    }
}
