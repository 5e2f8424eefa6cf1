//! Changing tasks of ours and fields of deals, each only while it holds what was expected.
//!
//! HubSpot has no conditional write: what is there is read first, and the difference is written at once.

use std::collections::HashMap;

use dealclock_connector::{Error, Priority};
use dealclock_model::effect::{RecordUpdate, TaskUpdate};
use dealclock_model::{EffectId, Receipt};
use serde_json::{Map, Value, json};

use crate::HubSpot;
use crate::api::{BATCH, Kind, task};
use crate::errors::Refusal;
use crate::read::{Archived, read_batch};
use crate::translate::deal::{plan_record, property_of};
use crate::translate::task::plan_update;
use crate::wire::{Batch, Object};
use crate::write::{Batched, Input, Outcomes};

/// What is to be done about one effect, as far as the present state tells.
enum Verdict {
    Done(Receipt),
    Refused(Error),
    Write { id: String, properties: Map<String, Value>, kept: Vec<String> },
}

impl HubSpot {
    /// Changes tasks of ours; no two of one task.
    pub(crate) async fn update_tasks(&self, updates: &[(EffectId, &TaskUpdate)], outcomes: &mut Outcomes) {
        let wanted = [task::STATUS, task::OWNER, task::DUE, task::BODY].map(str::to_owned);
        for updates in updates.chunks(BATCH) {
            let ids: Vec<&str> = updates.iter().map(|(_, update)| update.task.as_str()).collect();
            let read = self.read_present("read tasks before an update", Kind::Tasks, &wanted, &ids).await;
            let present = match read {
                Ok(present) => present,
                Err(refusal) => {
                    give_to_all(updates, &refusal.error, outcomes);
                    continue;
                }
            };
            let now = self.client.now();
            let decide = |update: &TaskUpdate| match present.iter().find(|found| found.id.text() == update.task) {
                None => Verdict::Done(left_alone(&update.task, "the task was deleted")),
                Some(found) => {
                    let plan = plan_update(found, &update.expect, &update.set, now);
                    let properties = plan.properties.into_iter();
                    let properties = properties.map(|(name, text)| (name.to_owned(), Value::String(text))).collect();
                    verdict(&update.task, properties, plan.kept)
                }
            };
            let verdicts = updates.iter().map(|(effect, update)| (*effect, decide(update))).collect();
            self.carry_out(&Batched::UPDATE_TASKS, verdicts, outcomes).await;
        }
    }

    /// Changes fields of deals; no two changes of one deal.
    pub(crate) async fn update_deals(&self, updates: &[(EffectId, &RecordUpdate)], outcomes: &mut Outcomes) {
        let (schema, reading) = match self.reading().await {
            Ok(shape) => shape,
            Err(error) => return give_to_all(updates, &error, outcomes),
        };
        for updates in updates.chunks(BATCH) {
            let ids: Vec<&str> = updates.iter().map(|(_, update)| update.record.id.as_str()).collect();
            let named = updates.iter().flat_map(|(_, update)| update.set.keys());
            let mut wanted: Vec<String> =
                named.filter_map(|name| Some(property_of(&reading, name)?.0.to_owned())).collect();
            wanted.sort_unstable();
            wanted.dedup();
            let read = self.read_present("read deals before an update", Kind::Deals, &wanted, &ids).await;
            let present = match read {
                Ok(present) => present,
                Err(refusal) => {
                    give_to_all(updates, &self.distrust(refusal), outcomes);
                    continue;
                }
            };
            let decide = |update: &RecordUpdate| {
                let id = update.record.id.as_str();
                match present.iter().find(|found| found.id.text() == id) {
                    None => Verdict::Done(left_alone(id, "the deal was deleted")),
                    Some(found) => match plan_record(found, update, &schema, &reading) {
                        Ok(plan) => verdict(id, plan.properties, plan.kept),
                        Err(error) => Verdict::Refused(error),
                    },
                }
            };
            let verdicts = updates.iter().map(|(effect, update)| (*effect, decide(update))).collect();
            self.carry_out(&Batched::UPDATE_DEALS, verdicts, outcomes).await;
        }
    }

    async fn read_present(
        &self,
        what: &'static str,
        kind: Kind,
        properties: &[String],
        ids: &[&str],
    ) -> Result<Vec<Object>, Refusal> {
        let call = read_batch(what, kind, properties, ids, Archived::No).priority(Priority::Write);
        Ok(self.client.ask::<Batch>(call).await?.results)
    }

    async fn carry_out(&self, kind: &Batched, verdicts: Vec<(EffectId, Verdict)>, outcomes: &mut Outcomes) {
        let mut inputs = Vec::new();
        let mut left = HashMap::new();
        for (effect, verdict) in verdicts {
            match verdict {
                Verdict::Done(receipt) => drop(outcomes.insert(effect, Ok(receipt))),
                Verdict::Refused(error) => drop(outcomes.insert(effect, Err(error))),
                Verdict::Write { id, properties, kept } => {
                    left.insert(effect, kept);
                    let trace = effect.to_string();
                    let body = json!({ "id": id, "properties": properties, "objectWriteTraceId": trace });
                    inputs.push(Input { effect, body });
                }
            }
        }
        let mut refused = Vec::new();
        self.send_batch(kind, &inputs, outcomes, &mut refused).await;
        outcomes.extend(refused.into_iter().map(|(effect, error)| (effect, Err(error))));
        for (effect, kept) in left {
            if let Some(Ok(receipt)) = outcomes.get_mut(&effect) {
                receipt.kept.extend(kept);
            }
        }
    }
}

/// Nothing left to write counts as written, and as found where nothing was kept from it either.
fn verdict(id: &str, properties: Map<String, Value>, kept: Vec<String>) -> Verdict {
    let id = id.to_owned();
    if properties.is_empty() {
        Verdict::Done(Receipt { id: Some(id), found: kept.is_empty(), kept })
    } else {
        Verdict::Write { id, properties, kept }
    }
}

fn left_alone(id: &str, why: &str) -> Receipt {
    Receipt { id: Some(id.to_owned()), found: false, kept: vec![why.to_owned()] }
}

fn give_to_all<T>(updates: &[(EffectId, T)], error: &Error, outcomes: &mut Outcomes) {
    outcomes.extend(updates.iter().map(|(effect, _)| (*effect, Err(error.clone()))));
}

/// HubSpot refuses two inputs about one record in a batch; a second update of it waits for the first.
pub(crate) fn waves<'a, T>(
    updates: &[(EffectId, &'a T)],
    id: impl Fn(&'a T) -> &'a str,
) -> Vec<Vec<(EffectId, &'a T)>> {
    let mut waves: Vec<Vec<(EffectId, &T)>> = Vec::new();
    let mut earlier: HashMap<&str, usize> = HashMap::new();
    for (effect, update) in updates {
        let count = earlier.entry(id(update)).or_default();
        if *count == waves.len() {
            waves.push(Vec::new());
        }
        waves[*count].push((*effect, *update));
        *count += 1;
    }
    waves
}
