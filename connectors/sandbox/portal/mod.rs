//! The account in memory: records with their histories, properties, pipelines, owners and associations.

pub(crate) mod associations;
pub(crate) mod builtin;
pub(crate) mod calculate;
pub(crate) mod grants;
pub(crate) mod happening;
pub(crate) mod instant;
pub(crate) mod journal;
pub(crate) mod kind;
pub(crate) mod life;
pub(crate) mod people;
pub(crate) mod pipelines;
pub(crate) mod pushes;
pub(crate) mod query;
pub(crate) mod record;
pub(crate) mod schema;
pub(crate) mod values;
pub(crate) mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;

use crate::options::Options;
use associations::Associations;
use instant::Millis;
use kind::{Kind, RecordId};
use people::Owner;
use pipelines::{Pipeline, Stage};
use record::Record;
use schema::{PropertyId, Schema};

/// Ids look like those of today's accounts: twelve digits.
const FIRST_RECORD_ID: u64 = 493_561_800_000;

/// The records of one type.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) schema: Schema,
    pub(crate) records: BTreeMap<RecordId, Record>,
    /// Every record by when it last changed.
    by_update: BTreeSet<(Millis, RecordId)>,
    /// Every record that holds a value of a unique property, deleted ones included.
    by_unique_value: HashMap<(PropertyId, Arc<str>), Vec<RecordId>>,
}

/// The properties that the sandbox itself works with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) deal_name: PropertyId,
    pub(crate) deal_stage: PropertyId,
    pub(crate) deal_pipeline: PropertyId,
    pub(crate) deal_amount: PropertyId,
    pub(crate) deal_close_date: PropertyId,
    pub(crate) deal_currency: PropertyId,
    pub(crate) deal_owner: PropertyId,
    pub(crate) deal_last_activity: PropertyId,
    pub(crate) task_status: PropertyId,
    pub(crate) task_due: PropertyId,
    pub(crate) user_zone: PropertyId,
}

/// The account.
#[derive(Debug)]
pub(crate) struct Portal {
    pub(crate) portal_id: u64,
    pub(crate) time_zone: String,
    pub(crate) currency: String,
    pub(crate) exchange_rates: BTreeMap<String, Decimal>,
    pub(crate) unique_task_properties: bool,
    index_lag: Millis,
    /// Records that the search index takes up later or sooner than the others.
    own_lags: HashMap<(Kind, RecordId), Millis>,
    pub(crate) now: Millis,
    pub(crate) pipelines: Vec<Pipeline>,
    pub(crate) owners: BTreeMap<u64, Owner>,
    pub(crate) associations: Associations,
    pub(crate) handles: BTreeMap<String, RecordId>,
    pub(crate) known: Known,
    pub(crate) news: happening::News,
    stores: BTreeMap<Kind, Store>,
    texts: HashSet<Arc<str>>,
    last_id: u64,
    chance: SmallRng,
}

impl Portal {
    /// A fresh account with the CRM's own properties and its sales pipeline.
    pub(crate) fn new(options: &Options) -> Portal {
        let mut currencies = vec![options.currency.clone()];
        currencies.extend(options.exchange_rates.keys().filter(|code| **code != options.currency).cloned());
        let stores: BTreeMap<_, _> = Kind::ALL
            .into_iter()
            .map(|kind| (kind, Store { schema: builtin::schema(kind, &currencies), ..Store::default() }))
            .collect();
        let known = |kind, name| find_known(&stores, kind, name);
        let known = Known {
            deal_name: known(Kind::Deal, "dealname"),
            deal_stage: known(Kind::Deal, "dealstage"),
            deal_pipeline: known(Kind::Deal, "pipeline"),
            deal_amount: known(Kind::Deal, "amount"),
            deal_close_date: known(Kind::Deal, "closedate"),
            deal_currency: known(Kind::Deal, "deal_currency_code"),
            deal_owner: known(Kind::Deal, "hubspot_owner_id"),
            deal_last_activity: known(Kind::Deal, "notes_last_updated"),
            task_status: known(Kind::Task, "hs_task_status"),
            task_due: known(Kind::Task, "hs_timestamp"),
            user_zone: known(Kind::User, "hs_standard_time_zone"),
        };
        let mut portal = Portal {
            portal_id: options.portal_id,
            time_zone: options.time_zone.clone(),
            currency: options.currency.clone(),
            exchange_rates: options.exchange_rates.clone(),
            unique_task_properties: options.unique_task_properties,
            index_lag: to_millis(options.index_lag),
            own_lags: HashMap::new(),
            now: options.start.timestamp_millis(),
            pipelines: Vec::new(),
            owners: BTreeMap::new(),
            associations: Associations::default(),
            handles: BTreeMap::new(),
            known,
            news: happening::News::default(),
            stores,
            texts: HashSet::new(),
            last_id: FIRST_RECORD_ID,
            chance: SmallRng::seed_from_u64(options.seed),
        };
        portal.put_pipeline(builtin::sales_pipeline());
        portal
    }

    pub(crate) fn store(&self, kind: Kind) -> &Store {
        self.stores.get(&kind).expect("every type has its store from the start")
    }

    pub(crate) fn store_mut(&mut self, kind: Kind) -> &mut Store {
        self.stores.get_mut(&kind).expect("every type has its store from the start")
    }

    pub(crate) fn schema(&self, kind: Kind) -> &Schema {
        &self.store(kind).schema
    }

    /// Finds a record by its own id, whatever became of it.
    pub(crate) fn record(&self, kind: Kind, id: RecordId) -> Option<&Record> {
        self.store(kind).records.get(&id)
    }

    /// Follows merges to the record that survived.
    pub(crate) fn survivor(&self, kind: Kind, id: RecordId) -> Option<&Record> {
        let mut record = self.record(kind, id)?;
        while let Some(next) = record.merged_into {
            record = self.record(kind, next)?;
        }
        Some(record)
    }

    /// Finds the records that hold a value of a unique property.
    pub(crate) fn holders(&self, kind: Kind, property: PropertyId, value: &str) -> impl Iterator<Item = &Record> {
        let store = self.store(kind);
        let ids = store.by_unique_value.get(&(property, Arc::from(value))).map_or(&[][..], Vec::as_slice);
        ids.iter().filter_map(|id| store.records.get(id))
    }

    /// The records of a type that changed at or after an instant, in the order of their last change.
    pub(crate) fn changed_since(&self, kind: Kind, since: Millis) -> impl Iterator<Item = &Record> {
        let store = self.store(kind);
        store.by_update.range((since, RecordId(0))..).filter_map(|(_, id)| store.records.get(id))
    }

    /// Finds a stage with its pipeline; ids of stages are unique in an account.
    pub(crate) fn stage(&self, id: &str) -> Option<(&Pipeline, &Stage)> {
        self.pipelines.iter().find_map(|pipeline| Some((pipeline, pipeline.stage(id)?)))
    }

    pub(crate) fn pipeline(&self, id: &str) -> Option<&Pipeline> {
        self.pipelines.iter().find(|pipeline| pipeline.id == id)
    }

    /// Adds a pipeline, or replaces the one with its id.
    pub(crate) fn put_pipeline(&mut self, pipeline: Pipeline) {
        for property in pipeline.stages.iter().flat_map(|stage| builtin::stage_properties(&pipeline, stage)) {
            let schema = &mut self.store_mut(Kind::Deal).schema;
            if schema.find_any(&property.name).is_none() {
                schema.add(property);
            }
        }
        match self.pipelines.iter_mut().find(|known| known.id == pipeline.id) {
            Some(known) => *known = pipeline,
            None => self.pipelines.push(pipeline),
        }
    }

    pub(crate) fn owner_by_user(&self, user_id: u64) -> Option<&Owner> {
        self.owners.values().find(|owner| owner.user_id == user_id)
    }

    /// Changes how far the search index is behind.
    pub(crate) fn set_index_lag(&mut self, lag: Duration) {
        self.index_lag = to_millis(lag);
    }

    /// Changes how far the search index is behind with one record.
    pub(crate) fn set_record_lag(&mut self, kind: Kind, id: RecordId, lag: Duration) {
        self.own_lags.insert((kind, id), to_millis(lag));
    }

    /// The instant up to which search has taken up what happened to a record.
    pub(crate) fn indexed_until(&self, kind: Kind, id: RecordId) -> Millis {
        let lag = self.own_lags.get(&(kind, id)).copied().unwrap_or(self.index_lag);
        self.now.saturating_sub(lag)
    }

    /// An id that no record has; ids grow, with gaps, over all types together.
    pub(crate) fn next_id(&mut self) -> RecordId {
        self.last_id += self.chance.random_range(1..40);
        RecordId(self.last_id)
    }

    /// A text that is stored once, however many records hold it.
    pub(crate) fn shared_text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = Arc::from(text);
        self.texts.insert(Arc::clone(&shared));
        shared
    }
}

fn to_millis(lag: Duration) -> Millis {
    Millis::try_from(lag.as_millis()).unwrap_or(Millis::MAX)
}

fn find_known(stores: &BTreeMap<Kind, Store>, kind: Kind, name: &str) -> PropertyId {
    stores.get(&kind).and_then(|store| store.schema.find(name)).expect("the built-in properties contain it")
}
