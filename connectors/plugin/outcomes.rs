//! What people decided in their tasks, where the program can tell.

use std::collections::HashMap;

use async_trait::async_trait;
use dealclock_connector::approval::ruling;
use dealclock_connector::{Connector, Error, Outcomes, Result};
use dealclock_model::request::TaskSeen;

use crate::Plugin;
use crate::api::Verb;
use crate::wire::question::Tasks;
use crate::wire::{AskedTask, Decided};

#[async_trait]
impl Outcomes for Plugin {
    /// A task that the answer leaves out fails the verb: taken for gone, nobody would wait for its decision.
    async fn look(&self, tasks: &[String]) -> Result<Vec<Option<TaskSeen>>> {
        let mut found: HashMap<String, Option<TaskSeen>> = HashMap::with_capacity(tasks.len());
        for tasks in tasks.chunks(self.descriptor().fetch_batch) {
            let answer: Decided = self.client.ask(Verb::Outcomes, Tasks { tasks }).await?;
            found.extend(answer.tasks.into_iter().map(seen));
        }
        let missing = |task: &String| Error::transient(format!("outcomes: no answer about the task {task}"));
        tasks.iter().map(|task| found.get(task).cloned().ok_or_else(|| missing(task))).collect()
    }
}

fn seen(asked: AskedTask) -> (String, Option<TaskSeen>) {
    let seen = asked.seen.map(|seen| TaskSeen {
        task: asked.task.clone(),
        done: seen.done,
        outcome: seen.outcome.as_deref().and_then(ruling),
        owner: seen.owner.map(|owner| owner.as_str().into()),
        at: seen.at,
    });
    (asked.task, seen)
}
