//! Queries and their pages.

use std::io::Write;

use serde_json::{Value, json};

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::errors::Failure;
use super::id::Id;
use super::soql::{Bound, Select, bind, parse};

impl Org {
    /// Answers a query with its first page; `deleted` includes what lies in the recycle bin.
    pub(super) fn query(&mut self, call: &Call<'_>, deleted: bool) -> Outcome {
        let text = call
            .parameter("q")
            .ok_or_else(|| Failure::invalid("MALFORMED_QUERY", "SOQL statements cannot be empty"))?;
        let sight = self.sight(call.author.user);
        let query = bind(self, &sight, text, &parse(text)?)?;
        let ids = self.found(&query, deleted);
        match &query.select {
            Select::Total => Ok(Answer::ok(&json!({ "totalSize": ids.len(), "done": true, "records": [] }))),
            Select::Count(path, name) => {
                let table = self.table(query.kind);
                let rows = ids.iter().filter_map(|id| table.get(*id));
                let count = rows.filter(|row| !path.read(self, query.kind, row).is_null()).count();
                let mut record = json!({ "attributes": { "type": "AggregateResult" } });
                record[name] = Value::from(count);
                Ok(Answer::ok(&json!({ "totalSize": 1, "done": true, "records": [record] })))
            }
            Select::Columns(..) if ids.len() <= call.page => Ok(self.page(call, &query, &ids, 0, deleted, None)),
            Select::Columns(..) => {
                let (instance, now) = (self.instance, self.now);
                let cursor = self.cursors.open(query.clone(), ids.clone(), deleted, instance, now);
                Ok(self.page(call, &query, &ids, 0, deleted, Some(cursor)))
            }
        }
    }

    /// Answers a further page of a query: `01g...-2000`.
    pub(super) fn query_more(&self, call: &Call<'_>, locator: &str) -> Outcome {
        let lost = || Failure::invalid("INVALID_QUERY_LOCATOR", "invalid query locator");
        let (id, from) = locator.split_once('-').ok_or_else(lost)?;
        let (id, from) = (Id::parse(id).ok_or_else(lost)?, from.parse().map_err(|_| lost())?);
        let cursor = self.cursors.get(id, self.now).filter(|cursor| from <= cursor.ids.len()).ok_or_else(lost)?;
        Ok(self.page(call, &cursor.query, &cursor.ids, from, cursor.deleted, Some(id)))
    }

    fn page(
        &self,
        call: &Call<'_>,
        query: &Bound,
        ids: &[Id],
        from: usize,
        deleted: bool,
        cursor: Option<Id>,
    ) -> Answer {
        let until = ids.len().min(from.saturating_add(call.page));
        let page = ids.get(from..until).unwrap_or_default();
        let mut body = Vec::with_capacity(256 + page.len() * 512);
        // Writing to memory does not fail.
        drop(write!(body, "{{\"totalSize\":{},\"done\":{}", ids.len(), until == ids.len()));
        if let Some(cursor) = cursor.filter(|_| until < ids.len()) {
            drop(write!(body, ",\"nextRecordsUrl\":\"/services/data/{}/query/{cursor}-{until}\"", call.version));
        }
        body.extend_from_slice(b",\"records\":");
        self.write_records(&mut body, query, page, deleted, &call.version);
        body.push(b'}');
        Answer::written(body)
    }
}
