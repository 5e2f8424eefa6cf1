//! Which tasks are there already: by their unique key, or by the reference in their text. Never by search, whose index
//! shows a new task late.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dealclock_connector::{Bucket, Error, Priority, Result, as_one};
use dealclock_model::{EffectId, Receipt, RecordRef, Write};
use http::StatusCode;
use serde_json::{Value, json};

use crate::HubSpot;
use crate::api::{self, ASSOCIATIONS_BATCH, BATCH, KEY, Kind, objects, properties, task};
use crate::client::{Call, Steps};
use crate::read::{Archived, read_batch};
use crate::translate::task::{KeyPlace, key_of};
use crate::wire::{Associations, Batch, Object, Property};

/// Where keys of tasks stand on this account; asked once, and again by `check`.
///
/// It does not change between two checks: a connection that suddenly could promise less must say so first.
pub(crate) type Keyed = tokio::sync::Mutex<Option<KeyPlace>>;

impl HubSpot {
    /// Where keys stand, as last asked.
    pub(crate) async fn key_place(&self) -> Result<KeyPlace> {
        let mut keyed = self.keyed.lock().await;
        if let Some(place) = *keyed {
            return Ok(place);
        }
        let place = self.ask_key_place().await?;
        *keyed = Some(place);
        Ok(place)
    }

    /// Asks where keys stand now, and remembers it.
    pub(crate) async fn learn_key_place(&self) -> Result<KeyPlace> {
        let place = self.ask_key_place().await?;
        *self.keyed.lock().await = Some(place);
        Ok(place)
    }

    /// Asks where keys stand now: in the unique property, where that exists.
    pub(crate) async fn ask_key_place(&self) -> Result<KeyPlace> {
        let call = Call::get("read the key property of tasks", properties(Kind::Tasks, &format!("/{KEY}")));
        match self.client.ask::<Property>(call.priority(Priority::Write).follows()).await {
            Ok(found) if found.has_unique_value && !found.archived => Ok(KeyPlace::Property),
            Ok(_) => Ok(KeyPlace::Body),
            Err(refusal) if refusal.is(StatusCode::NOT_FOUND) => Ok(KeyPlace::Body),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Whether creations were applied.
    pub(crate) async fn find_tasks(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        as_one(self.look_up_tasks(effects)).await
    }

    async fn look_up_tasks(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        let creations: BTreeMap<EffectId, Option<&RecordRef>> = effects
            .iter()
            .filter_map(|(effect, write)| match write {
                Write::CreateTask(new) => Some((*effect, new.record.as_ref())),
                // Their values say whether they were applied, so they need no key; and mail leaves elsewhere.
                Write::UpdateTask(_)
                | Write::UpdateRecord(_)
                | Write::SendEmail(_)
                | Write::SubmitApproval(_)
                | Write::Notify(_)
                | Write::SendCrmEmail(_) => None,
            })
            .collect();
        let mut found = match self.key_place().await? {
            KeyPlace::Property => self.find_by_key(creations.keys().copied()).await?,
            KeyPlace::Body => HashMap::new(),
        };
        // Tasks from before the unique property was made bear their key in the text.
        let records: BTreeSet<&str> = creations
            .iter()
            .filter(|(effect, _)| !found.contains_key(*effect))
            .filter_map(|(_, record)| record.map(|record| record.id.as_str()))
            .collect();
        for (_, effect, id) in self.find_by_record(records, None).await? {
            found.entry(effect).or_insert_with(|| receipt(&id, false));
        }
        Ok(effects.iter().map(|(effect, _)| found.get(effect).cloned()).collect())
    }

    /// Tasks by the unique property, those in the recycle bin included: a task that a person deleted was made once.
    pub(crate) async fn find_by_key(
        &self,
        effects: impl Iterator<Item = EffectId>,
    ) -> Result<HashMap<EffectId, Receipt>> {
        let mut missing: BTreeSet<EffectId> = effects.collect();
        let mut found = HashMap::with_capacity(missing.len());
        for archived in [Archived::No, Archived::Yes] {
            let asked: Vec<EffectId> = missing.iter().copied().collect();
            for effects in asked.chunks(BATCH) {
                let inputs: Vec<Value> = effects.iter().map(|effect| json!({ "id": effect })).collect();
                let body = json!({ "idProperty": KEY, "properties": [KEY], "inputs": inputs });
                let path = match archived {
                    Archived::No => objects(Kind::Tasks, "/batch/read"),
                    Archived::Yes => objects(Kind::Tasks, "/batch/read?archived=true"),
                };
                let call = Call::post("look tasks up by key", path, body).priority(Priority::Write);
                for task in self.client.ask::<Batch>(call).await?.results {
                    if let (Some(effect), Some(id)) = (key_of(&task), task.id.as_str()) {
                        missing.remove(&effect);
                        found.insert(effect, receipt(id, archived == Archived::Yes));
                    }
                }
            }
        }
        Ok(found)
    }

    /// The keys of ours on the records' tasks, with the tasks' ids.
    pub(crate) async fn find_written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        let steps = self.client.steps("written");
        let ids = records.iter().map(|record| record.id.as_str()).collect();
        let mut written: HashMap<String, Vec<(EffectId, String)>> = HashMap::new();
        for (deal, effect, id) in self.find_by_record(ids, Some(&steps)).await? {
            written.entry(deal).or_default().push((effect, id));
        }
        steps.finish();
        Ok(records.iter().map(|record| written.get(record.id.as_str()).cloned().unwrap_or_default()).collect())
    }

    /// `(deal, key, task)` for every task of ours on the deals.
    async fn find_by_record(
        &self,
        deals: BTreeSet<&str>,
        steps: Option<&Steps<'_>>,
    ) -> Result<Vec<(String, EffectId, String)>> {
        let pairs = self.tasks_of(deals, steps).await?;
        let mut keys: HashMap<String, EffectId> = HashMap::new();
        let tasks: BTreeSet<&str> = pairs.iter().map(|(_, task)| task.as_str()).collect();
        let tasks: Vec<&str> = tasks.into_iter().collect();
        let wanted = [KEY.to_owned(), task::BODY.to_owned()];
        for ids in tasks.chunks(BATCH) {
            let call = read_batch("read tasks", Kind::Tasks, &wanted, ids, Archived::No);
            let batch: Batch = self.ask_in(steps, call.priority(Priority::Write)).await?;
            let keyed = |task: &Object| Some((task.id.as_str()?.to_owned(), key_of(task)?));
            keys.extend(batch.results.iter().filter_map(keyed));
        }
        Ok(pairs.into_iter().filter_map(|(deal, task)| Some((deal, *keys.get(&task)?, task))).collect())
    }

    /// `(deal, task)` for every task that hangs on the deals.
    async fn tasks_of(&self, deals: BTreeSet<&str>, steps: Option<&Steps<'_>>) -> Result<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        let mut followed = BTreeSet::new();
        let mut inputs: Vec<Value> = deals.into_iter().map(|id| json!({ "id": id })).collect();
        while !inputs.is_empty() {
            let mut more = Vec::new();
            for inputs in inputs.chunks(ASSOCIATIONS_BATCH) {
                let call = Call::post("read the tasks of deals", api::tasks_of_deals(), json!({ "inputs": inputs }));
                let call = call.bucket(Bucket::Associations).priority(Priority::Write);
                for association in self.ask_in::<Associations>(steps, call).await?.results {
                    let deal = association.from.id.text();
                    let tasks = association.to.iter().filter_map(|end| end.id.as_str());
                    pairs.extend(tasks.map(|task| (deal.to_owned(), task.to_owned())));
                    if let Some(after) = association.paging.after().filter(|_| !association.to.is_empty()) {
                        if !followed.insert((deal.to_owned(), after.to_owned())) {
                            let message = "read the tasks of deals: the pages lead back to one that was read";
                            return Err(Error::transient(message));
                        }
                        more.push(json!({ "id": deal, "after": after }));
                    }
                }
            }
            inputs = more;
        }
        Ok(pairs)
    }

    async fn ask_in<T: serde::de::DeserializeOwned>(&self, steps: Option<&Steps<'_>>, call: Call) -> Result<T> {
        let answer = match steps {
            Some(steps) => steps.ask(call).await,
            None => self.client.ask(call).await,
        };
        answer.map_err(Error::from)
    }
}

fn receipt(id: &str, is_deleted: bool) -> Receipt {
    let kept = if is_deleted { vec!["the task was deleted".to_owned()] } else { Vec::new() };
    Receipt { id: Some(id.to_owned()), found: true, kept }
}
