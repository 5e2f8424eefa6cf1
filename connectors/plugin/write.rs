//! Writing in batches, with one result for each, whatever the answer as a whole was worth.

use std::collections::HashMap;

use dealclock_connector::{Connector, Error, Result};
use dealclock_model::{EffectId, Receipt, Write};
use serde::Deserialize;

use crate::Plugin;
use crate::api::Verb;
use crate::errors::kind;
use crate::translate::write::{receipt, write};
use crate::wire::question::Writes;
use crate::wire::{Applied, Settled};

impl Plugin {
    /// Applies writes; one result for each, in order.
    pub(crate) async fn apply_writes(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        if let Err(error) = self.client.introduction(Verb::Apply).await {
            return writes.iter().map(|_| Err(error.clone())).collect();
        }
        let mut results = Vec::with_capacity(writes.len());
        for writes in writes.chunks(self.descriptor().apply_batch) {
            results.extend(self.apply_batch(writes).await);
        }
        results
    }

    async fn apply_batch(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        let batch: Vec<_> = writes.iter().filter_map(|(key, what)| write(*key, what)).collect();
        let answer = match batch.is_empty() {
            true => Ok(Applied { results: Vec::new() }),
            false => self.client.ask::<Applied>(Verb::Apply, Writes { writes: batch }).await,
        };
        let mut settled = match answer {
            Ok(answer) => by_key(answer),
            Err(error) => {
                return writes.iter().map(|(_, what)| refused_mail(what).unwrap_or(Err(error.clone()))).collect();
            }
        };
        let result = |(key, what): &(EffectId, Write)| match refused_mail(what) {
            Some(refused) => refused,
            None => self.result(settled.remove(key).flatten(), what),
        };
        writes.iter().map(result).collect()
    }

    /// What the program said of one write. Only what it clearly said counts; anything else leaves it open.
    fn result(&self, settled: Option<Settled>, what: &Write) -> Result<Receipt> {
        let unclear = || Error::unknown("apply: the program said nothing clear about this one");
        match settled {
            Some(Settled { receipt: Some(sent), error: None, .. }) => {
                receipt(sent, matches!(what, Write::CreateTask(_))).ok_or_else(unclear)
            }
            Some(Settled { receipt: None, error: Some(complaint), .. }) => {
                let kind = kind(&complaint.remedy, self.client.now());
                Err(Error::new(kind, format!("apply: {}", self.client.clean(&complaint.message))))
            }
            Some(_) | None => Err(unclear()),
        }
    }
}

/// Entries by key; `None` for a key that comes twice.
fn by_key(answer: Applied) -> HashMap<EffectId, Option<Settled>> {
    let mut settled: HashMap<EffectId, Option<Settled>> = HashMap::with_capacity(answer.results.len());
    for entry in answer.results.iter().filter_map(|entry| Settled::deserialize(entry).ok()) {
        settled.entry(entry.key).and_modify(|known| *known = None).or_insert(Some(entry));
    }
    settled
}

fn refused_mail(what: &Write) -> Option<Result<Receipt>> {
    match what {
        Write::SendEmail(_) | Write::SubmitApproval(_) | Write::Notify(_) | Write::SendCrmEmail(_) => {
            Some(Err(Error::rejected("apply: mail does not leave through a CRM")))
        }
        Write::CreateTask(_) | Write::UpdateTask(_) | Write::UpdateRecord(_) => None,
    }
}
