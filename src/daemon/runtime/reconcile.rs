//! Compares everything, now and then: proves that nothing was missed, finds deletions and merges, and counts the drift.

use std::collections::BTreeSet;

use chrono::Duration;
use dealclock_connector::{Cursor, Next};
use dealclock_model::event::Origin;
use dealclock_model::{Case, CaseId, Instant, Object, RecordId, RecordRef};
use dealclock_store::{Batch, StoreError};
use serde::{Deserialize, Serialize};

use super::gate::{Gate, live};
use super::ingest::{IngestError, Page};
use super::{CROWDED, Connection, Runtime, RuntimeError, Step, names};

const WORK: &str = "reconcile";

/// A reconcile that is under way. A restart begins it anew.
#[derive(Debug, Default)]
pub struct Progress {
    begun: Option<Instant>,
    cursor: Option<Cursor>,
    seen: BTreeSet<RecordId>,
    drift: Drift,
    /// Set once every page was read: the last record that was looked for in the store.
    unseen_after: Option<Option<RecordId>>,
}

/// What a reconcile found that polls had not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Records read.
    pub records: usize,
    /// Records whose state differed from what was known.
    pub changed: usize,
    /// Records that were gone.
    pub gone: usize,
}

/// The last complete reconcile; durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciled {
    /// When it ended.
    pub at: Instant,
    /// What it found.
    pub drift: Drift,
}

impl Runtime {
    pub(super) async fn reconcile_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let now = match self.gate(connection, WORK, live)? {
            Gate::Continue(now) => now,
            Gate::Break(rest) => return Ok(rest),
        };
        if self.is_crowded()? {
            return Ok(Step::Rest(Some(now + CROWDED)));
        }
        let under_way = connection.state().reconcile.take();
        let mut progress = match under_way {
            Some(progress) => progress,
            None => match self.next_reconcile(connection, now)? {
                at if at > now => return Ok(Step::Rest(Some(at))),
                _ => Progress { begun: Some(now), ..Progress::default() },
            },
        };
        let result = match progress.unseen_after.clone() {
            None => self.compare_page(connection, &mut progress).await,
            Some(after) => self.look_for_unseen(connection, &mut progress, after.as_ref()).await,
        };
        match result {
            Ok(false) => {
                connection.recovered(WORK);
                connection.state().reconcile = Some(progress);
                Ok(Step::Again)
            }
            Ok(true) => {
                connection.recovered(WORK);
                self.end_reconcile(connection, &progress)?;
                Ok(Step::Again)
            }
            Err(IngestError::Crm(error)) => {
                connection.state().reconcile = Some(progress);
                Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now()))))
            }
            Err(IngestError::Store(error)) => Err(error.into()),
        }
    }

    /// The first one is due a whole interval after the first read, which compared everything by itself.
    fn next_reconcile(&self, connection: &Connection, now: Instant) -> Result<Instant, StoreError> {
        let name = names::reconciled(connection.id());
        let last: Option<Reconciled> = self.store.meta(&name)?;
        if let Some(last) = last {
            let asked_for: Option<Instant> = self.store.meta(&names::reconcile_due(connection.id()))?;
            return Ok(asked_for.into_iter().chain([last.at + connection.spec.reconcile]).min().unwrap_or(now));
        }
        let mut batch = Batch::new();
        batch.put_meta(&name, &Reconciled { at: now, drift: Drift::default() });
        self.store.commit(batch)?;
        Ok(now + connection.spec.reconcile.max(Duration::seconds(1)))
    }

    async fn compare_page(&self, connection: &Connection, progress: &mut Progress) -> Result<bool, IngestError> {
        let page = connection.spec.connector.changes(Object::Opportunity, progress.cursor.as_ref()).await?;
        progress.drift.records += page.changes.len();
        progress.seen.extend(page.changes.iter().map(|change| change.record.id.clone()));
        let taken = Page { changes: page.changes, origin: Origin::Reconcile, as_of: page.as_of, last: Batch::new() };
        progress.drift.changed += self.take_in(connection, taken).await?.changed;
        match page.next {
            Next::More(cursor) => progress.cursor = Some(cursor),
            Next::Later(_) => progress.unseen_after = Some(None),
        }
        Ok(false)
    }

    /// Asks about records that the store has and the CRM did not show; tells whether all were asked about.
    async fn look_for_unseen(
        &self,
        connection: &Connection,
        progress: &mut Progress,
        after: Option<&RecordId>,
    ) -> Result<bool, IngestError> {
        let limit = connection.spec.connector.descriptor().fetch_batch.clamp(1, 100);
        let mut unseen = Vec::new();
        let mut last = after.cloned();
        loop {
            let ids = self.store.record_ids(connection.id(), Object::Opportunity, last.as_ref(), 500)?;
            let Some(end) = ids.last().cloned() else { break };
            for id in ids {
                if unseen.len() == limit {
                    break;
                }
                last = Some(id.clone());
                if !progress.seen.contains(&id) {
                    unseen.extend(self.still_there(connection, id)?);
                }
            }
            if unseen.len() == limit && last.as_ref() != Some(&end) {
                break;
            }
        }
        let complete = unseen.len() < limit;
        if !unseen.is_empty() {
            let as_of = self.clock.now();
            let changes = connection.spec.connector.fetch(&unseen).await?;
            let page = Page { changes, origin: Origin::Reconcile, as_of, last: Batch::new() };
            progress.drift.gone += self.take_in(connection, page).await?.changed;
        }
        progress.unseen_after = Some(last);
        Ok(complete)
    }

    fn still_there(&self, connection: &Connection, id: RecordId) -> Result<Option<RecordRef>, StoreError> {
        let record = RecordRef { connection: connection.id().clone(), object: Object::Opportunity, id };
        let case = self.store.case(&CaseId::Record(record.clone()))?;
        let there = case.as_ref().and_then(Case::as_record).is_some_and(|case| case.gone.is_none());
        Ok(there.then_some(record))
    }

    fn end_reconcile(&self, connection: &Connection, progress: &Progress) -> Result<(), StoreError> {
        let (at, drift) = (self.clock.now(), progress.drift);
        let Drift { records, changed, gone } = drift;
        tracing::info!(connection = %connection.id(), records, changed, gone, "reconciled");
        let mut batch = Batch::new();
        batch.put_meta(&names::reconciled(connection.id()), &Reconciled { at, drift });
        let due = names::reconcile_due(connection.id());
        let asked_for: Option<Instant> = self.store.meta(&due)?;
        // What was asked for after this one began was not met by it.
        if asked_for.is_some_and(|asked_for| progress.begun.is_some_and(|begun| asked_for <= begun)) {
            batch.remove_meta(&due);
        }
        self.store.commit(batch)?;
        Ok(())
    }
}
