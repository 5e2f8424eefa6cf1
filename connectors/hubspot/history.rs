//! Past values of deals, with HubSpot's own times.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use dealclock_connector::{History, Result};
use dealclock_model::record::FieldHistory;
use dealclock_model::{FieldName, RecordRef};
use serde_json::json;

use crate::HubSpot;
use crate::api::{HISTORY_BATCH, Kind, deal, objects};
use crate::client::Call;
use crate::schema::history_property;
use crate::translate::record::history;
use crate::wire::Batch;

#[async_trait]
impl History for HubSpot {
    async fn history(&self, records: &[RecordRef], fields: &[FieldName]) -> Result<Vec<Vec<FieldHistory>>> {
        let (schema, reading) = self.reading().await?;
        let mut properties: BTreeSet<&str> =
            fields.iter().filter_map(|name| history_property(&reading, name)).map(|(property, _)| property).collect();
        if properties.is_empty() {
            return Ok(records.iter().map(|_| Vec::new()).collect());
        }
        if properties.contains(deal::AMOUNT_HOME) {
            properties.insert(deal::AMOUNT);
        }
        let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let ids: Vec<&str> = ids.into_iter().collect();
        let mut found = HashMap::with_capacity(ids.len());
        for (number, ids) in ids.chunks(HISTORY_BATCH).enumerate() {
            let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
            let body = json!({
                "properties": [deal::CURRENCY],
                "propertiesWithHistory": properties,
                "inputs": inputs,
            });
            let call = Call::post("read the history of deals", objects(Kind::Deals, "/batch/read"), body);
            let batch: Batch = self.client.ask(if number == 0 { call } else { call.follows() }).await?;
            for deal in batch.results {
                found.insert(deal.id.text().to_owned(), history(&deal, fields, &schema, &reading));
            }
        }
        Ok(records.iter().map(|record| found.get(record.id.as_str()).cloned().unwrap_or_default()).collect())
    }
}
