//! Past values of records, where the program knows them.

use std::collections::HashMap;

use async_trait::async_trait;
use dealclock_connector::{Connector, Error, History, Result};
use dealclock_model::record::FieldHistory;
use dealclock_model::{FieldName, RecordRef};

use crate::Plugin;
use crate::api::Verb;
use crate::translate::write::named;
use crate::wire::question::PastOf;
use crate::wire::{Ability, Pasts};

#[async_trait]
impl History for Plugin {
    async fn history(&self, records: &[RecordRef], fields: &[FieldName]) -> Result<Vec<Vec<FieldHistory>>> {
        if !self.client.introduction(Verb::History).await?.can(Ability::History) {
            return Ok(records.iter().map(|_| Vec::new()).collect());
        }
        let mut found = HashMap::with_capacity(records.len());
        for records in records.chunks(self.descriptor().history_batch.max(1)) {
            let names = fields.iter().map(ToString::to_string).collect();
            let asked = PastOf { records: records.iter().map(named).collect(), fields: names };
            let answer: Pasts = self.client.ask(Verb::History, asked).await?;
            found.extend(answer.history.iter().map(|past| (past.record.clone(), self.reading.history(past, fields))));
        }
        let missing = |record: &RecordRef| Error::transient(format!("history: no answer about {}", record.id));
        records.iter().map(|record| found.get(record.id.as_str()).cloned().ok_or_else(|| missing(record))).collect()
    }
}
