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
use crate::wire::{Ability, Applied, Introduction, Settled};

impl Plugin {
    /// Applies writes; one result for each, in order.
    pub(crate) async fn apply_writes(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        let introduction = match self.client.introduction(Verb::Apply).await {
            Ok(introduction) => introduction,
            Err(error) => return writes.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut results = Vec::with_capacity(writes.len());
        for writes in writes.chunks(self.descriptor().apply_batch) {
            results.extend(self.apply_batch(introduction, writes).await);
        }
        results
    }

    async fn apply_batch(&self, introduction: &Introduction, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        let is_sent = |what: &Write| refusal(introduction, what).is_none();
        let sent = writes.iter().filter(|(_, what)| is_sent(what));
        let batch: Vec<_> = sent.filter_map(|(key, what)| write(*key, what)).collect();
        let answer = match batch.is_empty() {
            true => Ok(Applied { results: Vec::new() }),
            false => self.client.ask::<Applied>(Verb::Apply, Writes { writes: batch }).await,
        };
        let mut settled = match answer {
            Ok(answer) => by_key(answer),
            Err(error) => {
                let result = |what| Err(refusal(introduction, what).unwrap_or_else(|| error.clone()));
                return writes.iter().map(|(_, what)| result(what)).collect();
            }
        };
        let result = |(key, what): &(EffectId, Write)| match refusal(introduction, what) {
            Some(refusal) => Err(refusal),
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

/// Why a program is not even asked for a write.
fn refusal(introduction: &Introduction, what: &Write) -> Option<Error> {
    let lacks = |ability, words: &str| (!introduction.can(ability)).then(|| Error::rejected(words));
    match what {
        Write::CreateTask(_) | Write::UpdateTask(_) | Write::UpdateRecord(_) => None,
        Write::Notify(_) => lacks(Ability::Notify, "show a notice: the program has not the ability `notify`"),
        Write::SendCrmEmail(_) => {
            lacks(Ability::SendMail, "send a mail by the CRM: the program has not the ability `send_mail`")
        }
        Write::SubmitApproval(_) => {
            Some(Error::rejected("hand in a record: the protocol of plug-ins knows no approval processes"))
        }
        Write::SendEmail(_) => Some(Error::rejected("apply: mail does not leave through a CRM")),
    }
}
