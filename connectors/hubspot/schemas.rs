//! The account's shape, read when first needed and again when it is old or in doubt.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_connector::{Error, Priority, Result};
use dealclock_model::Instant;

use crate::HubSpot;
use crate::api::{self, Kind, properties};
use crate::client::{Call, Steps};
use crate::schema::{Reading, Schema};
use crate::wire::{Account, Page, Pipeline, Property};

/// Pipelines show up in no change feed, and a property may be deleted any day.
const GOOD_FOR: Duration = Duration::hours(1);

/// A stage that is in no pipeline, or a mapping that cannot be served, is looked up again after this.
const LOOK_AGAIN: Duration = Duration::minutes(1);

/// The account's shape as last read.
#[derive(Default)]
pub(crate) struct Schemas {
    /// One load at a time: the lock is held while it runs.
    current: tokio::sync::Mutex<Option<Arc<Schema>>>,
    doubted: AtomicBool,
    tolerated: Mutex<BTreeSet<String>>,
}

impl Schemas {
    /// Lets the next reader look again.
    pub(crate) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Makes the next reader look again whatever the age.
    pub(crate) async fn forget(&self) {
        *self.current.lock().await = None;
    }

    /// Replaces what is known.
    pub(crate) async fn put(&self, schema: Arc<Schema>) {
        *self.current.lock().await = Some(schema);
    }

    /// Whether it is worth looking again for a stage that is not known.
    pub(crate) fn may_look_again(&self, schema: &Schema, now: Instant) -> bool {
        schema.loaded_at + LOOK_AGAIN <= now
    }

    /// Whether mapped properties are absent that were not known to be left out while they exist.
    pub(crate) fn is_news(&self, absent: &[&str], reading: &Reading) -> bool {
        let mut tolerated = self.tolerated();
        for present in reading.mapped().filter(|name| !absent.contains(name)) {
            tolerated.remove(present);
        }
        absent.iter().any(|name| !tolerated.contains(*name))
    }

    /// Remembers properties that exist although answers leave them out.
    pub(crate) fn tolerate(&self, absent: &[&str]) {
        self.tolerated().extend(absent.iter().map(|name| (*name).to_owned()));
    }

    fn tolerated(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.tolerated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_good(&self, schema: &Schema, now: Instant) -> bool {
        let age = if schema.reading.is_ok() { GOOD_FOR } else { LOOK_AGAIN };
        !self.doubted.load(Ordering::Relaxed) && schema.loaded_at <= now && now < schema.loaded_at + age
    }
}

impl HubSpot {
    /// The account's shape.
    pub(crate) async fn schema(&self) -> Result<Arc<Schema>> {
        let mut current = self.schemas.current.lock().await;
        if let Some(schema) = current.as_ref().filter(|schema| self.schemas.is_good(schema, self.client.now())) {
            return Ok(Arc::clone(schema));
        }
        let steps = self.client.steps("schema");
        let schema = Arc::new(self.load_schema(&steps).await?);
        steps.finish();
        self.schemas.doubted.store(false, Ordering::Relaxed);
        *current = Some(Arc::clone(&schema));
        Ok(schema)
    }

    /// The account's shape with what to read of each deal; an error when the mapping cannot be served.
    pub(crate) async fn reading(&self) -> Result<(Arc<Schema>, Reading)> {
        let schema = self.schema().await?;
        let reading = schema.reading.clone().map_err(|why| Error::rejected(format!("read deals: {why}")))?;
        Ok((schema, reading))
    }

    /// The account's id.
    pub(crate) async fn account_id(&self) -> Result<String> {
        let call = Call::get("read the account", api::account()).priority(Priority::Poll);
        let account: Account = self.client.ask(call).await?;
        Ok(account.portal_id.text().to_owned())
    }

    /// Reads account, properties and pipelines; writes wait for them too, so they wait for nobody.
    pub(crate) async fn load_schema(&self, steps: &Steps<'_>) -> Result<Schema> {
        let loaded_at = self.client.now();
        let get = |what, path| Call::get(what, path).priority(Priority::Write);
        let account: Account = steps.ask(get("read the account", api::account())).await?;
        let (zone, currency) = home(&account);
        self.client.learn_zone(zone);
        let path = properties(Kind::Deals, "?archived=false");
        let properties: Page<Property> = steps.ask(get("read the properties of deals", path)).await?;
        let pipelines: Page<Pipeline> = steps.ask(get("read the pipelines of deals", api::pipelines())).await?;
        Ok(Schema::new(loaded_at, (zone, currency), properties.results, pipelines.results, &self.mapping))
    }
}

/// The account's zone and home currency. An unknown zone counts as UTC; `check` says so.
pub(crate) fn home(account: &Account) -> (Tz, String) {
    let zone = account.time_zone.text().parse().unwrap_or(Tz::UTC);
    (zone, account.company_currency.as_str().unwrap_or("USD").to_owned())
}
