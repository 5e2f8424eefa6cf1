//! What a connection keeps of its authorization, and the place that keeps it across restarts.

use std::fmt;

use chrono::Duration;
use dealclock_model::Instant;
use secrecy::{ExposeSecret, SecretString};

/// A refresh token that nobody uses is taken back by some CRMs, so it is used at least this often.
///
/// [Salesforce may end one after 30 idle days](https://help.salesforce.com/s/articleView?id=xcloud.connected_app_limit_idle_ttl.htm).
const LONGEST_UNUSED: Duration = Duration::days(1);

/// Clocks of two processes may differ by this much.
const SKEW: Duration = Duration::minutes(5);

/// What a connection keeps of its authorization.
#[derive(Clone)]
pub struct Tokens {
    /// What new tokens are fetched with.
    pub refresh: Option<SecretString>,
    /// What lets calls in; absent when it must not be used.
    pub access: Option<SecretString>,
    /// Where the account lives, when the CRM said so.
    pub home: Option<String>,
    /// What was allowed.
    pub scopes: Vec<String>,
    /// When the access token was obtained.
    pub obtained_at: Instant,
    /// When it ends, where that is known.
    pub expires_at: Option<Instant>,
    /// The account's id.
    pub account_id: Option<String>,
    /// The id of the person who allowed it, or as whom it acts.
    pub identity: Option<String>,
    /// The CRM's refusal to renew it, which only a new authorization mends.
    pub refused: Option<Refused>,
}

/// The CRM's refusal to renew an authorization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When it refused.
    pub at: Instant,
    /// What it said, with the way out.
    pub reason: String,
}

impl Tokens {
    /// After three quarters of the access token's life, so that there is time to try again.
    pub(super) fn renew_at(&self) -> Option<Instant> {
        match self.expires_at {
            Some(end) => Some(self.obtained_at + (end - self.obtained_at) * 3 / 4),
            None => self.refresh.as_ref().map(|_| self.obtained_at + LONGEST_UNUSED),
        }
    }

    /// Whether they let calls in for a while; those of another time, as a sandbox may have, do not count.
    pub(super) fn is_usable(&self, now: Instant) -> bool {
        let has_begun = self.obtained_at <= now + SKEW;
        self.access.is_some() && self.refused.is_none() && has_begun && self.renew_at().is_none_or(|at| now < at)
    }

    /// Whether both hold the same secrets.
    pub(super) fn is_same(&self, other: &Tokens) -> bool {
        let same = |one: &Option<SecretString>, other: &Option<SecretString>| {
            one.as_ref().map(ExposeSecret::expose_secret) == other.as_ref().map(ExposeSecret::expose_secret)
        };
        same(&self.refresh, &other.refresh) && same(&self.access, &other.access)
    }
}

impl fmt::Debug for Tokens {
    /// Everything but the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("home", &self.home)
            .field("scopes", &self.scopes)
            .field("obtained_at", &self.obtained_at)
            .field("expires_at", &self.expires_at)
            .field("account_id", &self.account_id)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}

/// Keeps the tokens of one connection where a crash does not reach them.
pub trait Vault: Send + Sync {
    /// What is kept.
    fn load(&self) -> Result<Option<Tokens>, VaultError>;

    /// Replaces what is kept; once this returns, it survives a crash of the machine.
    fn save(&self, tokens: &Tokens) -> Result<(), VaultError>;

    /// Forgets everything.
    fn clear(&self) -> Result<(), VaultError>;

    /// Waits until no other process renews these tokens, and keeps the others out until the answer is dropped.
    fn lock(&self) -> Result<Box<dyn Send>, VaultError>;
}

/// What is kept cannot be read or replaced; the message names the file and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct VaultError(pub String);

/// Keeps nothing: for grants that need no more than what the configuration names.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVault;

impl Vault for NoVault {
    fn load(&self) -> Result<Option<Tokens>, VaultError> {
        Ok(None)
    }

    fn save(&self, _tokens: &Tokens) -> Result<(), VaultError> {
        Ok(())
    }

    fn clear(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send>, VaultError> {
        Ok(Box::new(()))
    }
}
