//! Which tasks are there already, asked by their unique key; the recycle bin and the archive count.

use std::collections::{BTreeSet, HashMap};

use dealclock_connector::{Priority, Result};
use dealclock_model::{EffectId, Receipt, RecordRef, Write};

use crate::Salesforce;
use crate::api::{IN_LIST, KEY, common, task};
use crate::errors::Refusal;
use crate::queries::{Query, Run};
use crate::soql;
use crate::translate::task::key_of;
use crate::wire::Row;

impl Salesforce {
    /// Whether what bears a key was made: tasks, and runs of approval processes.
    pub(crate) async fn find_writes(&self, effects: &[(EffectId, Write)]) -> Result<Vec<Option<Receipt>>> {
        let mut found = self.find_tasks(effects).await?;
        found.extend(self.find_submissions(effects).await?);
        Ok(effects.iter().map(|(effect, _)| found.get(effect).cloned()).collect())
    }

    async fn find_tasks(&self, effects: &[(EffectId, Write)]) -> Result<HashMap<EffectId, Receipt>> {
        let creations = effects.iter().filter_map(|(effect, write)| match write {
            Write::CreateTask(_) => Some(*effect),
            // Values say whether they were applied, so they need no key; notices and mails have none.
            Write::UpdateTask(_)
            | Write::UpdateRecord(_)
            | Write::SendEmail(_)
            | Write::SubmitApproval(_)
            | Write::Notify(_)
            | Write::SendCrmEmail(_) => None,
        });
        Ok(self.find_by_key(creations, false).await?)
    }

    /// Tasks by their keys, deleted ones included: a task that a person deleted was made once.
    ///
    /// Two tasks may share a key when one of them lies in the recycle bin; the live one counts then.
    pub(crate) async fn find_by_key(
        &self,
        effects: impl Iterator<Item = EffectId> + Send,
        follows: bool,
    ) -> std::result::Result<HashMap<EffectId, Receipt>, Refusal> {
        let keys: BTreeSet<String> = effects.map(|effect| effect.to_string()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let select = format!("SELECT Id, IsDeleted, {KEY} FROM Task WHERE {KEY} IN ");
        let lists = soql::lists(&keys, IN_LIST, &select);
        let queries: Vec<Query> =
            lists.into_iter().map(|keys| Query::all(format!("{select}{}", soql::list(keys.iter().copied())))).collect();
        let run = Run::new("look tasks up by key").priority(Priority::Write);
        let mut found: HashMap<EffectId, Receipt> = HashMap::with_capacity(keys.len());
        self.run(if follows { run.follows() } else { run }, &queries, |_, row| {
            let Some(effect) = key_of(row) else { return };
            let is_live = !row.flag(common::IS_DELETED);
            if is_live || !found.contains_key(&effect) {
                found.insert(effect, receipt(row));
            }
        })
        .await?;
        Ok(found)
    }

    /// The keys of ours on the records' tasks, with the tasks' ids. Deleted tasks count too: they were written.
    pub(crate) async fn find_written(&self, records: &[RecordRef]) -> Result<Vec<Vec<(EffectId, String)>>> {
        let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let query = |list: &str| format!("SELECT Id, WhatId, {KEY} FROM Task WHERE {KEY} != null AND WhatId IN {list}");
        let lists = soql::lists(&ids, IN_LIST, &query(""));
        let queries: Vec<Query> =
            lists.into_iter().map(|ids| Query::all(query(&soql::list(ids.iter().copied())))).collect();
        let mut written: HashMap<String, Vec<(EffectId, String)>> = HashMap::new();
        let steps = self.client.steps("written");
        let run = Run::new("read the tasks of opportunities").priority(Priority::Write).steps(&steps);
        self.run(run, &queries, |_, row| {
            if let (Some(effect), Some(about)) = (key_of(row), row.text(task::ABOUT)) {
                written.entry(about.to_owned()).or_default().push((effect, row.id().to_owned()));
            }
        })
        .await
        .map_err(|refusal| self.distrust(refusal))?;
        steps.finish();
        Ok(records.iter().map(|record| written.remove(record.id.as_str()).unwrap_or_default()).collect())
    }
}

fn receipt(row: &Row<'_>) -> Receipt {
    let kept = if row.flag(common::IS_DELETED) { vec!["the task was deleted".to_owned()] } else { Vec::new() };
    Receipt { id: Some(row.id().to_owned()), found: true, kept }
}
