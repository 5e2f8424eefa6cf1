//! Reading records: page by page since a cursor, and some by their ids.

use std::collections::HashMap;

use dealclock_connector::{ChangePage, Cursor, Error, Hint, Next, Result};
use dealclock_model::{Change, Object, RecordRef};

use crate::Plugin;
use crate::api::Verb;
use crate::translate::write::named;
use crate::wire::question::{About, Since};
use crate::wire::{Fetched, Page};

impl Plugin {
    /// One page of changes.
    pub(crate) async fn read_changes(&self, object: Object, since: Option<&Cursor>) -> Result<ChangePage> {
        let asked_at = self.client.now();
        let page: Page =
            self.client.ask(Verb::Changes, Since { object, cursor: since.map(|cursor| &cursor.0) }).await?;
        if page.more && since.is_some_and(|since| since.0 == page.cursor) {
            // It would be asked for the same page without end.
            return Err(Error::transient("changes: the program says there is more and does not move on"));
        }
        let cursor = Cursor(page.cursor);
        let people = page.people_changed.then_some(Hint::People);
        let unlocked = page.unlocked.iter().map(|id| Hint::Unlocked(self.reading.reference(id)));
        Ok(ChangePage {
            changes: page.changes.into_iter().map(|change| self.reading.change(change)).collect(),
            next: if page.more { Next::More(cursor) } else { Next::Later(cursor) },
            // Nothing is known of the time to come, whatever the program's clock shows.
            as_of: page.as_of.min(asked_at),
            hints: people.into_iter().chain(unlocked).collect(),
        })
    }

    /// The state of records now, in the order asked.
    pub(crate) async fn fetch_records(&self, records: &[RecordRef]) -> Result<Vec<Change>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.client.introduction(Verb::Fetch).await?;
        let batch = dealclock_connector::Connector::descriptor(self).fetch_batch;
        let mut found = HashMap::with_capacity(records.len());
        for records in records.chunks(batch) {
            let about = About { records: records.iter().map(named).collect() };
            let fetched: Fetched = self.client.ask(Verb::Fetch, about).await?;
            let changes = fetched.changes.into_iter().map(|change| self.reading.change(change));
            found.extend(changes.map(|change| (change.record.id.clone(), change)));
        }
        let missing = |record: &RecordRef| Error::transient(format!("fetch: no answer about {}", record.id));
        records.iter().map(|record| found.get(&record.id).cloned().ok_or_else(|| missing(record))).collect()
    }
}
