//! Past values of opportunities, with Salesforce's own times.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use dealclock_connector::{History, Priority, Result};
use dealclock_model::record::FieldHistory;
use dealclock_model::{FieldName, RecordRef};

use crate::Salesforce;
use crate::api::{IN_LIST, opportunity};
use crate::queries::{Query, Run};
use crate::soql;
use crate::translate::past::{Past, tracked_name};

/// Which of the two histories a query reads.
#[derive(Clone, Copy)]
enum Kind {
    /// `OpportunityHistory`: stage, amount and close date of every opportunity.
    Stages,
    /// `OpportunityFieldHistory`: the fields that the company tracks.
    Tracked,
}

#[async_trait]
impl History for Salesforce {
    async fn history(&self, records: &[RecordRef], fields: &[FieldName]) -> Result<Vec<Vec<FieldHistory>>> {
        let (schema, reading) = self.reading(Priority::Background).await?;
        let tracked: BTreeSet<&str> = fields.iter().filter_map(|name| tracked_name(&reading, name)).collect();
        let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let has_currencies = schema.opportunity.field(opportunity::CURRENCY).is_some();
        let currency = if has_currencies { ", Opportunity.CurrencyIsoCode" } else { "" };
        let stages = |list: &str| {
            format!(
                "SELECT OpportunityId, StageName, Amount, CloseDate, CreatedDate{currency} FROM OpportunityHistory \
                 WHERE OpportunityId IN {list} ORDER BY OpportunityId, CreatedDate, Id"
            )
        };
        let changed = |list: &str| {
            format!(
                "SELECT OpportunityId, Field, OldValue, NewValue, CreatedDate FROM OpportunityFieldHistory \
                 WHERE Field IN {} AND OpportunityId IN {list} ORDER BY OpportunityId, CreatedDate, Id",
                soql::list(tracked.iter().copied()),
            )
        };
        let (mut kinds, mut queries) = (Vec::new(), Vec::new());
        for ids in soql::lists(&ids, IN_LIST, &stages("").max(changed(""))) {
            let list = soql::list(ids.iter().copied());
            kinds.push(Kind::Stages);
            queries.push(Query::live(stages(&list)).optional());
            if !tracked.is_empty() {
                kinds.push(Kind::Tracked);
                // Where the company tracks no field, the object does not exist.
                queries.push(Query::live(changed(&list)).optional());
            }
        }
        let mut pasts: HashMap<String, Past> = HashMap::with_capacity(ids.len());
        let run = Run::new("read the history of opportunities");
        self.run(run, &queries, |query, row| {
            let Some(id) = row.text("OpportunityId") else { return };
            let past = pasts.entry(id.to_owned()).or_default();
            match kinds[query] {
                Kind::Stages => past.add_stage(row),
                Kind::Tracked => past.add_tracked(row),
            }
        })
        .await
        .map_err(|refusal| self.distrust(refusal))?;
        let of = |record: &RecordRef| {
            pasts.get(record.id.as_str()).map(|past| past.history(fields, &schema, &reading)).unwrap_or_default()
        };
        Ok(records.iter().map(of).collect())
    }
}
