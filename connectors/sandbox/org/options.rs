//! What an org is made with.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::process::ApprovalProcess;

/// The settings of an org.
#[derive(Clone, Debug)]
pub struct OrgOptions {
    /// The virtual instant at which the org begins.
    pub start: DateTime<Utc>,
    /// Decides every random choice: the instance that the ids bear, tokens.
    pub seed: u64,
    /// The org's time zone, an IANA name.
    pub time_zone: String,
    /// The address that tokens are told to call; the one that was called where there is none.
    pub instance_url: Option<String>,
    /// The user that callers act as.
    pub user: OrgUser,
    /// The application that callers get tokens for.
    pub app: App,
    /// Tokens of that user that are let in from the start and do not run out.
    pub tokens: Vec<String>,
    /// How long a session lives without a call.
    pub session_lifetime: Duration,
    /// How much may be asked.
    pub limits: OrgLimits,
    /// Fields that the profile of that user does not see: `Opportunity.Amount`.
    pub hidden_fields: BTreeSet<String>,
    /// How long what people change takes to become visible.
    pub commit_lag: Duration,
    /// The approval processes that are active.
    pub approvals: Vec<ApprovalProcess>,
}

impl OrgOptions {
    /// The usual settings: one token, one application, the daily limit of fifteen Enterprise licences.
    pub fn new(token: impl Into<String>, start: DateTime<Utc>) -> OrgOptions {
        OrgOptions {
            start,
            seed: 1,
            time_zone: "America/New_York".to_owned(),
            instance_url: None,
            user: OrgUser::default(),
            app: App::default(),
            tokens: vec![token.into()],
            session_lifetime: Duration::from_secs(2 * 3600),
            limits: OrgLimits::default(),
            hidden_fields: BTreeSet::new(),
            commit_lag: Duration::ZERO,
            approvals: Vec::new(),
        }
    }
}

/// A user that a program acts as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrgUser {
    /// The name to log in with.
    pub username: String,
    /// The password, as only the oldest way to log in takes it.
    pub password: String,
    /// Whether the profile lets the user call the API at all.
    pub api_enabled: bool,
    /// Whether the user sees the records of everybody.
    pub view_all: bool,
    /// Whether the user may change everything, also records that an approval locks.
    pub modify_all: bool,
}

impl Default for OrgUser {
    fn default() -> OrgUser {
        OrgUser {
            username: "integration@acme.example".to_owned(),
            password: "correct-horse".to_owned(),
            api_enabled: true,
            view_all: true,
            modify_all: false,
        }
    }
}

/// An application that an administrator let in: an External Client App.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// The consumer key.
    pub client_id: String,
    /// The consumer secret.
    pub client_secret: String,
    /// Where authorization codes may be sent; one that ends with a star admits whatever begins so.
    pub redirect_urls: Vec<String>,
    /// The key that signed assertions are checked with, as PEM.
    pub public_key: Option<String>,
    /// Whether each exchange of a refresh token gives a new one, and the reuse of an old one revokes all.
    pub rotates: bool,
    /// Whether a code is refused without a proof of who asked for it.
    pub requires_proof: bool,
}

impl Default for App {
    fn default() -> App {
        App {
            client_id: "3MVG9dealclock".to_owned(),
            client_secret: "7C1A55E2B0".to_owned(),
            redirect_urls: vec!["http://127.0.0.1:*".to_owned(), "http://localhost:*".to_owned()],
            public_key: None,
            rotates: false,
            requires_proof: false,
        }
    }
}

/// How much may be asked of an org.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrgLimits {
    /// Calls in any 24 hours; no limit where there is none.
    pub daily: Option<u32>,
    /// Whether answers tell about bursts too, beside the calls of the day.
    pub tells_bursts: bool,
}

impl Default for OrgLimits {
    fn default() -> OrgLimits {
        OrgLimits { daily: Some(115_000), tells_bursts: false }
    }
}
