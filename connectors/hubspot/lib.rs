//! HubSpot: deals are opportunities, owners are people, reminders are tasks.
//!
//! [`connect`] makes the connector; it is let in by a static token (a service key or a private app) or by OAuth. What
//! HubSpot sends is parsed in [`wire`], what it means is decided in [`translate`] and [`errors`], and the verbs stand in
//! the files of their names. Hints come by webhooks or from the Webhooks Journal, which only an app has. What could not be verified without a real account is listed in the README beside this file.

pub mod api;
pub mod auth;
mod check;
pub mod client;
pub mod cursor;
mod discover;
pub mod errors;
mod feed;
mod find;
mod history;
mod outcomes;
mod provision;
mod read;
pub mod schema;
mod schemas;
pub mod signature;
pub mod translate;
mod update;
mod webhooks;
pub mod wire;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use dealclock_connector::{
    Account, ChangePage, Connector, Cursor, Descriptor, Discovery, Feed, History, Mapping, Outcomes, Provision, Quota,
    Result, Settings, Webhooks, origin,
};
use dealclock_model::{Change, ConnectionId, EffectId, Object, Receipt, RecordRef, Write};
use http::Uri;

pub use crate::api::HOSTS;
use crate::client::{Client, quota};
use crate::feed::Journal;
use crate::find::Keyed;
use crate::schemas::Schemas;
use crate::webhooks::Events;

/// What HubSpot's connector is.
static DESCRIPTOR: Descriptor = Descriptor {
    kind: "hubspot",
    label: Cow::Borrowed("HubSpot"),
    fetch_batch: api::BATCH,
    apply_batch: api::BATCH,
    history_batch: api::HISTORY_BATCH,
    channels: &[],
};

/// Makes the connector; the message says which setting is wrong.
pub fn connect(settings: Settings) -> std::result::Result<Arc<dyn Connector>, String> {
    settings.check_shares()?;
    let base = settings.base_within(api::TOKEN_HOSTS)?.unwrap_or_else(|| api::BASE_URL.to_owned());
    let is_local = base.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(origin::is_loopback));
    let client = |auth, quota| {
        Client::new(base.clone(), auth, quota, Arc::clone(&settings.transport), Arc::clone(&settings.clock))
    };
    let account = client(settings.auth, quota(settings.share, settings.daily_share));
    // The journal is the app's; what it costs is not taken from the account's calls.
    let journal = settings.app_auth.map(|auth| Journal::new(client(auth, quota(settings.share, 1.0)), is_local));
    Ok(Arc::new(HubSpot {
        events: settings.webhook_secret.map(|secret| Events::new(settings.connection.clone(), secret)),
        connection: settings.connection,
        mapping: settings.mapping,
        client: account,
        journal,
        schemas: Schemas::default(),
        keyed: Keyed::default(),
        rights: check::Rights::default(),
    }))
}

/// One account on HubSpot.
struct HubSpot {
    connection: ConnectionId,
    mapping: Mapping,
    client: Client,
    journal: Option<Journal>,
    events: Option<Events>,
    schemas: Schemas,
    keyed: Keyed,
    rights: check::Rights,
}

#[async_trait]
impl Connector for HubSpot {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    async fn check(&self) -> Result<Account> {
        self.check_account().await
    }

    async fn discover(&self) -> Result<Discovery> {
        self.discover_all().await
    }

    async fn changes(&self, object: Object, since: Option<&Cursor>) -> Result<ChangePage> {
        match object {
            Object::Opportunity => self.read_changes(since).await,
        }
    }

    async fn fetch(&self, records: &[RecordRef]) -> Result<Vec<Change>> {
        self.fetch_deals(records).await
    }

    async fn apply(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        self.apply_writes(writes).await
    }

    async fn find(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        self.find_tasks(effects).await
    }

    async fn written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        self.find_written(records).await
    }

    fn history(&self) -> Option<&dyn History> {
        Some(self)
    }

    fn provision(&self) -> Option<&dyn Provision> {
        Some(self)
    }

    fn webhooks(&self) -> Option<&dyn Webhooks> {
        self.events.as_ref().map(|events| events as &dyn Webhooks)
    }

    fn feed(&self) -> Option<&dyn Feed> {
        self.journal.as_ref().map(|_| self as &dyn Feed)
    }

    fn outcomes(&self) -> Option<&dyn Outcomes> {
        Some(self)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(self.client.quota())
    }
}
