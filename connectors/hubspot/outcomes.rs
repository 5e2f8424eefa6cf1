//! What people decided in their tasks: whether a task is completed, and what its outcome property says.

use std::collections::HashMap;

use async_trait::async_trait;
use dealclock_connector::{Outcomes, Priority, Problem, Result};
use dealclock_model::request::TaskSeen;
use http::StatusCode;
use serde::de::IgnoredAny;

use crate::HubSpot;
use crate::api::{BATCH, Kind, OUTCOME, properties, task};
use crate::client::Call;
use crate::errors::Refusal;
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

    /// Without the property, approvers decide in the other ways. That it cannot be read is a problem that `check` tells.
    async fn hindrance(&self) -> Result<Option<Problem>> {
        let path = properties(Kind::Tasks, &format!("/{OUTCOME}"));
        let call = Call::get("read the outcome property of tasks", path).priority(Priority::Write);
        let asked: std::result::Result<IgnoredAny, Refusal> = self.client.ask(call).await;
        match asked {
            Ok(_) => Ok(None),
            Err(refusal) if refusal.is(StatusCode::NOT_FOUND) => Ok(Some(Problem {
                what: format!("tasks have no property `{OUTCOME}`, so requests cannot be decided in tasks"),
                way_out: "run `dealclock setup` for the connection".to_owned(),
                fatal: false,
            })),
            Err(refusal) if refusal.is(StatusCode::FORBIDDEN) => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }
}
