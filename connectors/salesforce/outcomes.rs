//! What people decided in their tasks: whether a task is completed, and what its outcome field says.

use std::collections::HashMap;

use async_trait::async_trait;
use dealclock_connector::approval::ruling;
use dealclock_connector::{Outcomes, Priority, Problem, Result};
use dealclock_model::request::TaskSeen;

use crate::Salesforce;
use crate::api::{IN_LIST, OUTCOME, common, task};
use crate::ids;
use crate::queries::{Query, Run};
use crate::soql;
use crate::translate::value::instant;
use crate::wire::Row;

#[async_trait]
impl Outcomes for Salesforce {
    /// In an org without the field, tasks say only whether they are completed.
    async fn look(&self, tasks: &[String]) -> Result<Vec<Option<TaskSeen>>> {
        let schema = self.schema(Priority::Write).await?;
        let mut columns = vec![common::ID, common::OWNER, common::MODIFIED, task::IS_CLOSED];
        columns.extend(schema.task.field(OUTCOME).map(|_| OUTCOME));
        let query = |list: &str| format!("SELECT {} FROM Task WHERE Id IN {list}", columns.join(", "));
        let ids: Vec<&str> = tasks.iter().map(String::as_str).collect();
        let lists = soql::lists(&ids, IN_LIST, &query(""));
        let queries: Vec<Query> =
            lists.into_iter().map(|ids| Query::live(query(&soql::list(ids.iter().copied())))).collect();
        let mut found: HashMap<String, TaskSeen> = HashMap::with_capacity(tasks.len());
        let steps = self.client.steps("outcomes");
        let run = Run::new("look at tasks").priority(Priority::Write).steps(&steps);
        self.run(run, &queries, |_, row| found.extend(seen(row).map(|seen| (seen.task.clone(), seen))))
            .await
            .map_err(|refusal| self.distrust(refusal))?;
        steps.finish();
        Ok(tasks.iter().map(|id| found.get(&ids::long(id)).cloned()).collect())
    }

    /// Without the field, approvers decide in the other ways.
    async fn hindrance(&self) -> Result<Option<Problem>> {
        let schema = self.schema(Priority::Write).await?;
        let missing = schema.task.field(OUTCOME).is_none();
        Ok(missing.then(|| Problem {
            what: format!(
                "tasks have no field `{OUTCOME}`, or the integration user may not see it, so requests cannot be decided \
                 in tasks"
            ),
            way_out: "run `dealclock setup` for the connection".to_owned(),
            fatal: false,
        }))
    }
}

/// A task as it stands; `None` for one without the time of its state.
fn seen(row: &Row<'_>) -> Option<TaskSeen> {
    Some(TaskSeen {
        task: ids::long(row.id()),
        done: row.flag(task::IS_CLOSED),
        outcome: row.text(OUTCOME).and_then(ruling),
        owner: row.text(common::OWNER).map(|owner| ids::long(owner).into()),
        at: row.text(common::MODIFIED).and_then(instant)?,
    })
}
