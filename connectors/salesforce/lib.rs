//! Salesforce: opportunities with their users, and reminders as tasks that bear a unique key.
//!
//! [`connect`] makes the connector; how it is let in, by any of the OAuth grants, is the authorizer's business. What
//! Salesforce sends is parsed in [`wire`], what it means is decided in [`translate`] and [`errors`], and the verbs stand
//! in the files of their names. What could not be verified without a real org is listed in the README beside this file.

pub mod api;
mod approvals;
pub mod auth;
mod check;
pub mod client;
pub mod composite;
pub mod cursor;
mod discover;
pub mod errors;
mod find;
mod history;
mod identity;
mod ids;
mod notices;
mod outcomes;
mod provision;
mod queries;
mod read;
pub mod schema;
mod schemas;
mod seen;
pub mod soql;
pub mod translate;
mod update;
mod webhooks;
pub mod wire;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use dealclock_connector::{
    Account, ChangePage, Connector, Cursor, Descriptor, Discovery, History, Mapping, NativeApprovals, Outcomes,
    Provision, Quota, Result, Settings, Webhooks,
};
use dealclock_model::effect::Channel;
use dealclock_model::{Change, ConnectionId, EffectId, Object, Receipt, RecordRef, Write};

pub use crate::api::HOSTS;
use crate::client::Client;
use crate::identity::Identities;
use crate::schemas::Schemas;
use crate::seen::{Parents, Seen};
use crate::webhooks::OutboundMessages;

/// What Salesforce's connector is.
static DESCRIPTOR: Descriptor = Descriptor {
    kind: "salesforce",
    label: Cow::Borrowed("Salesforce"),
    fetch_batch: api::FETCH_BATCH,
    apply_batch: api::APPLY_BATCH,
    history_batch: api::HISTORY_BATCH,
    channels: &[Channel::Notification, Channel::CrmEmail],
};

/// Makes the connector; the message says which setting is wrong.
pub fn connect(settings: Settings) -> std::result::Result<Arc<dyn Connector>, String> {
    settings.check_shares()?;
    let base = settings.base_within(HOSTS)?;
    let quota = client::quota(settings.share, settings.daily_share);
    Ok(Arc::new(Salesforce {
        outbound: OutboundMessages::new(settings.connection.clone()),
        connection: settings.connection,
        mapping: settings.mapping,
        client: Client::new(base, settings.auth, quota, settings.transport, settings.clock),
        schemas: Schemas::default(),
        identities: Identities::default(),
        seen: Seen::default(),
        parents: Parents::default(),
    }))
}

/// One org on Salesforce.
pub(crate) struct Salesforce {
    connection: ConnectionId,
    mapping: Mapping,
    client: Client,
    schemas: Schemas,
    identities: Identities,
    seen: Seen,
    parents: Parents,
    outbound: OutboundMessages,
}

#[async_trait]
impl Connector for Salesforce {
    fn descriptor(&self) -> &Descriptor {
        &DESCRIPTOR
    }

    async fn check(&self) -> Result<Account> {
        self.check_org().await
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
        self.fetch_opportunities(records).await
    }

    async fn apply(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        self.apply_writes(writes).await
    }

    async fn find(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        self.find_writes(effects).await
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
        Some(&self.outbound)
    }

    fn approvals(&self) -> Option<&dyn NativeApprovals> {
        Some(self)
    }

    fn outcomes(&self) -> Option<&dyn Outcomes> {
        Some(self)
    }

    fn quota(&self) -> Option<&Quota> {
        Some(self.client.quota())
    }
}
