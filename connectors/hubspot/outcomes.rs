//! What people decided in their tasks: whether a task is completed, and what its outcome property says.

use std::collections::HashMap;

use async_trait::async_trait;
use dealclock_connector::{Outcomes, Priority, Result};
use dealclock_model::request::TaskSeen;

use crate::HubSpot;
use crate::api::{BATCH, Kind, OUTCOME, task};
use crate::read::{Archived, read_batch};
use crate::translate::task::seen;
use crate::wire::Batch;

#[async_trait]
impl Outcomes for HubSpot {
    /// An account without the property leaves it out of the answer; its tasks say then only whether they are completed.
    async fn look(&self, tasks: &[String]) -> Result<Vec<Option<TaskSeen>>> {
        let wanted = [task::STATUS, task::OWNER, task::MODIFIED, OUTCOME].map(str::to_owned);
        let mut found: HashMap<String, TaskSeen> = HashMap::with_capacity(tasks.len());
        let steps = self.client.steps("outcomes");
        for some in tasks.chunks(BATCH) {
            let ids: Vec<&str> = some.iter().map(String::as_str).collect();
            let call = read_batch("look at tasks", Kind::Tasks, &wanted, &ids, Archived::No).priority(Priority::Write);
            let batch: Batch = steps.ask(call).await?;
            found.extend(batch.results.iter().filter_map(seen).map(|seen| (seen.task.clone(), seen)));
        }
        steps.finish();
        Ok(tasks.iter().map(|task| found.get(task).cloned()).collect())
    }
}
