//! What a sandbox is made with.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The CRM whose dialect a sandbox speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crm {
    /// HubSpot.
    #[default]
    HubSpot,
    /// Salesforce.
    Salesforce,
}

impl Crm {
    /// What people call it.
    pub fn label(self) -> &'static str {
        match self {
            Crm::HubSpot => "HubSpot",
            Crm::Salesforce => "Salesforce",
        }
    }
}

/// The settings of a sandbox that speaks HubSpot's dialect.
#[derive(Clone)]
pub struct Options {
    /// The tokens that are let in.
    pub tokens: Vec<Token>,
    /// Decides every random choice: ids, seeded records, faults with a probability.
    pub seed: u64,
    /// The account's id.
    pub portal_id: u64,
    /// The account's time zone; the daily limit starts anew at its midnight.
    pub time_zone: String,
    /// The account's home currency.
    pub currency: String,
    /// What one unit of a foreign currency is worth in the home currency.
    pub exchange_rates: BTreeMap<String, Decimal>,
    /// How long a change takes to become visible to search.
    pub index_lag: Duration,
    /// How much may be asked.
    pub limits: Limits,
    /// The virtual instant at which the account begins.
    pub start: DateTime<Utc>,
    /// Whether tasks admit a property of which no two records hold the same value.
    pub unique_task_properties: bool,
    /// The application that people can allow.
    pub app: HubSpotApp,
}

impl Options {
    /// The usual settings: one token that may do everything, the limits of a Professional account, no index lag.
    pub fn new(token: impl Into<String>, start: DateTime<Utc>) -> Options {
        Options {
            tokens: vec![Token::with_all_scopes(token)],
            seed: 1,
            portal_id: 147_893_286,
            time_zone: "US/Eastern".to_owned(),
            currency: "USD".to_owned(),
            exchange_rates: BTreeMap::from([("EUR".to_owned(), Decimal::new(125, 2))]),
            index_lag: Duration::ZERO,
            limits: Limits::default(),
            start,
            unique_task_properties: true,
            app: HubSpotApp::default(),
        }
    }
}

/// The id of the application in whose name programs write, unless it is said otherwise.
pub(crate) const APP_ID: u64 = 18_221_010;

/// An application that people can allow by OAuth, and whose own token reads the Webhooks Journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSpotApp {
    /// Its id.
    pub app_id: u64,
    /// The client id.
    pub client_id: String,
    /// The client secret.
    pub client_secret: String,
    /// Where codes may be sent; one that ends with a star admits whatever begins so.
    pub redirect_urls: Vec<String>,
    /// Whether each exchange of a refresh token gives a new one.
    pub rotates: bool,
}

impl Default for HubSpotApp {
    fn default() -> HubSpotApp {
        HubSpotApp {
            app_id: APP_ID,
            client_id: "7fff1e36-2d40-4ae1-bbb1-5266d59564fb".to_owned(),
            client_secret: "7c3ce02c-0f0c-4c9f-9700-92440c9bdf2d".to_owned(),
            redirect_urls: vec!["http://127.0.0.1:*".to_owned(), "http://localhost:*".to_owned()],
            rotates: false,
        }
    }
}

/// A token and what it may do.
#[derive(Clone)]
pub struct Token {
    /// What the caller sends.
    pub value: String,
    /// What it may do.
    pub scopes: BTreeSet<Scope>,
    /// Whether it has run out.
    pub expired: bool,
    /// The application in whose name it writes.
    pub app_id: u64,
}

impl Token {
    /// A token with the given scopes.
    pub fn new(value: impl Into<String>, scopes: impl IntoIterator<Item = Scope>) -> Token {
        Token { value: value.into(), scopes: scopes.into_iter().collect(), expired: false, app_id: APP_ID }
    }

    /// A token that may do everything.
    pub fn with_all_scopes(value: impl Into<String>) -> Token {
        Token::new(value, Scope::ALL)
    }
}

/// A right that an administrator grants to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Read contacts, tasks and notes.
    ContactsRead,
    /// Write contacts, tasks and notes.
    ContactsWrite,
    /// Read companies.
    CompaniesRead,
    /// Write companies.
    CompaniesWrite,
    /// Read deals.
    DealsRead,
    /// Write deals.
    DealsWrite,
    /// Read the properties of deals and the pipelines.
    DealSchemasRead,
    /// Make and change properties of deals.
    DealSchemasWrite,
    /// Read owners.
    OwnersRead,
    /// Read users.
    UsersRead,
    /// Write users.
    UsersWrite,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 11] = [
        Scope::ContactsRead,
        Scope::ContactsWrite,
        Scope::CompaniesRead,
        Scope::CompaniesWrite,
        Scope::DealsRead,
        Scope::DealsWrite,
        Scope::DealSchemasRead,
        Scope::DealSchemasWrite,
        Scope::OwnersRead,
        Scope::UsersRead,
        Scope::UsersWrite,
    ];

    /// The name that the CRM gives it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::ContactsRead => "crm.objects.contacts.read",
            Scope::ContactsWrite => "crm.objects.contacts.write",
            Scope::CompaniesRead => "crm.objects.companies.read",
            Scope::CompaniesWrite => "crm.objects.companies.write",
            Scope::DealsRead => "crm.objects.deals.read",
            Scope::DealsWrite => "crm.objects.deals.write",
            Scope::DealSchemasRead => "crm.schemas.deals.read",
            Scope::DealSchemasWrite => "crm.schemas.deals.write",
            Scope::OwnersRead => "crm.objects.owners.read",
            Scope::UsersRead => "crm.objects.users.read",
            Scope::UsersWrite => "crm.objects.users.write",
        }
    }
}

/// How much may be asked of an account; `None` lifts a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in any 10 seconds.
    pub general: Option<u32>,
    /// Calls of the associations endpoints in any 10 seconds.
    pub associations: Option<u32>,
    /// Searches in any second.
    pub search: Option<u32>,
    /// Calls on one day of the account's zone.
    pub daily: Option<u32>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { general: Some(190), associations: Some(150), search: Some(5), daily: Some(625_000) }
    }
}

impl Limits {
    /// No limit at all.
    pub const NONE: Limits = Limits { general: None, associations: None, search: None, daily: None };
}
