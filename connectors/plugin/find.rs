//! Which tasks are there already, by key.

use std::collections::HashMap;

use dealclock_connector::{Connector, Error, Result};
use dealclock_model::{EffectId, Receipt, RecordRef, Write};

use crate::Plugin;
use crate::api::Verb;
use crate::translate::write::{named, receipt, write};
use crate::wire::question::{About, Writes};
use crate::wire::{Found, Written};

impl Plugin {
    /// Whether creations were applied. A key that the answer leaves out fails the verb: taken for absent, its task would
    /// be made a second time.
    pub(crate) async fn find_tasks(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        self.client.introduction(Verb::Find).await?;
        let creations: Vec<&(EffectId, Write)> =
            effects.iter().filter(|(_, what)| matches!(what, Write::CreateTask(_))).collect();
        let mut found = HashMap::with_capacity(creations.len());
        for batch in creations.chunks(self.descriptor().apply_batch) {
            let writes = Writes { writes: batch.iter().filter_map(|(key, what)| write(*key, what)).collect() };
            let answer: Found = self.client.ask(Verb::Find, writes).await?;
            found.extend(answer.found.into_iter().map(|sought| (sought.key, sought.receipt)));
        }
        let of = |(key, what): &(EffectId, Write)| {
            if !matches!(what, Write::CreateTask(_)) {
                return Ok(None);
            }
            let missing = || Error::transient(format!("find: no answer about {key}"));
            let Some(sent) = found.remove(key).ok_or_else(missing)? else { return Ok(None) };
            let without_id = || Error::transient(format!("find: no id of the task with the key {key}"));
            receipt(sent, true).map(|receipt| Some(Receipt { found: true, ..receipt })).ok_or_else(without_id)
        };
        effects.iter().map(of).collect()
    }

    /// The keys of ours on the records' tasks, with the tasks' ids.
    pub(crate) async fn find_written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        self.client.introduction(Verb::Written).await?;
        let mut found = HashMap::with_capacity(records.len());
        for records in records.chunks(self.descriptor().fetch_batch) {
            let about = About { records: records.iter().map(named).collect() };
            let answer: Written = self.client.ask(Verb::Written, about).await?;
            found.extend(answer.written.into_iter().map(|on| {
                let keys = on.tasks.into_iter().filter_map(|entry| Some((entry.key.parse().ok()?, entry.task)));
                (on.record, keys.collect::<Vec<(EffectId, String)>>())
            }));
        }
        let missing = |record: &RecordRef| Error::transient(format!("written: no answer about {}", record.id));
        records.iter().map(|record| found.get(record.id.as_str()).cloned().ok_or_else(|| missing(record))).collect()
    }
}
