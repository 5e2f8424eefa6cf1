//! HubSpot: deals are opportunities, owners are people, reminders are tasks.
//!
//! [`connect`] makes the connector from a static token (a service key or a private app). What HubSpot sends is parsed
//! in [`wire`], what it means is decided in [`translate`] and [`errors`], and the verbs stand in the files of their
//! names. What could not be verified without a real account is listed in the README beside this file.

pub mod api;
mod check;
pub mod client;
pub mod cursor;
mod discover;
pub mod errors;
mod find;
mod history;
mod provision;
mod read;
pub mod schema;
mod schemas;
pub mod translate;
pub mod wire;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use dealclock_connector::{
    Account, ChangePage, Connector, Cursor, Descriptor, Discovery, History, Mapping, Origin, Provision, Result,
    Settings,
};
use dealclock_model::{Change, ConnectionId, EffectId, Object, Receipt, RecordRef, Write};
use http::Uri;

pub use crate::api::HOSTS;
use crate::client::Client;
use crate::find::Keyed;
use crate::schemas::Schemas;

/// What HubSpot's connector is.
static DESCRIPTOR: Descriptor = Descriptor {
    kind: "hubspot",
    label: Cow::Borrowed("HubSpot"),
    fetch_batch: api::BATCH,
    apply_batch: api::BATCH,
    history_batch: api::HISTORY_BATCH,
};

/// Makes the connector; the message says which setting is wrong.
pub fn connect(settings: Settings) -> std::result::Result<Arc<dyn Connector>, String> {
    let base = settings.base_url.as_deref().unwrap_or(api::BASE_URL).trim_end_matches('/').to_owned();
    let uri: Uri = base.parse().map_err(|_| format!("base_url: `{base}` is no address"))?;
    // The token goes to HubSpot or to this machine; whether this machine is allowed, the transport knows.
    Origin::new(HOSTS.iter().copied(), true).admit(&uri).map_err(|why| format!("base_url: {why}"))?;
    if !(settings.share > 0.0 && settings.share <= 1.0) {
        return Err(format!("share: {} is not above 0 and at most 1", settings.share));
    }
    let client = Client::new(base, settings.auth, settings.share, settings.transport, settings.clock);
    Ok(Arc::new(HubSpot {
        connection: settings.connection,
        mapping: settings.mapping,
        client,
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
}
