//! Follows hints: looks where the CRM said that something changed, long before a poll would see it.
//!
//! A hint is never the truth. It is taken away in the batch that holds what the look showed, so that what was answered
//! for is acted on through any crash.

use std::collections::BTreeSet;

use chrono::Duration;
use dealclock_connector::{Error, ErrorKind, Hint};
use dealclock_model::event::Origin;
use dealclock_model::{CaseId, Instant, RecordRef};
use dealclock_store::{Batch, WaitingHint};

use super::gate::{Gate, live};
use super::ingest::{IngestError, Page};
use super::signals::LoopId;
use super::{CROWDED, Connection, Runtime, RuntimeError, Step};

const WORK: &str = "hints";
/// After a look, hints gather for so long before the next: one call then follows many of them.
const GATHER: Duration = Duration::seconds(5);

impl Runtime {
    pub(super) async fn hints_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        // What comes before the connection is live waits: the first read may have been past the record already.
        let now = match self.gate(connection, WORK, live)? {
            Gate::Continue(now) => now,
            Gate::Break(rest) => return Ok(rest),
        };
        let waiting = self.store.hints(connection.id(), connection.hints_at_once())?;
        if waiting.is_empty() {
            connection.recovered(WORK);
            return Ok(Step::Rest(None));
        }
        if self.is_crowded()? {
            return Ok(Step::Rest(Some(now + CROWDED)));
        }
        if let Some(at) = gathers_until(connection, now) {
            return Ok(Step::Rest(Some(at)));
        }
        match self.follow(connection, &waiting).await {
            Ok(()) => {
                connection.recovered(WORK);
                connection.follow_more();
                Ok(Step::Again)
            }
            Err(IngestError::Store(error)) => Err(error.into()),
            Err(IngestError::Crm(error)) if error.kind == ErrorKind::Rejected => {
                self.single_out(connection, &waiting, &error)
            }
            Err(IngestError::Crm(error)) => Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
        }
    }

    /// Looks where some hints point, and takes them away together with what was seen.
    async fn follow(&self, connection: &Connection, waiting: &[WaitingHint]) -> Result<(), IngestError> {
        let now = self.clock.now();
        let mut followed = Batch::new();
        let mut records = BTreeSet::new();
        for hint in waiting {
            followed.take_hint(connection.id(), hint);
            match hint.read::<Hint>() {
                Some(Hint::Record(record)) => drop(records.insert(record)),
                Some(Hint::Unlocked(record)) => {
                    followed.unlock(&CaseId::Record(record.clone()), now);
                    records.insert(record);
                }
                Some(Hint::People) => self.hurry_steward(connection),
                // A later version put it; the poll tells the same.
                None => {}
            }
        }
        let records: Vec<RecordRef> = records.into_iter().collect();
        let changes = match records.is_empty() {
            true => Vec::new(),
            false => connection.spec.connector.fetch(&records).await?,
        };
        connection.state().last_look = (!records.is_empty()).then_some(now);
        self.take_in(connection, Page { changes, origin: Origin::Poll, as_of: now, last: followed }).await?;
        connection.note_fresh(records.iter().map(|record| &record.id), now);
        Ok(())
    }

    /// Something among these hints cannot be looked at: fewer are tried, until it is found. It is let go, since polls and
    /// reconciles tell the truth without it.
    fn single_out(
        &self,
        connection: &Connection,
        waiting: &[WaitingHint],
        error: &Error,
    ) -> Result<Step, RuntimeError> {
        let [only] = waiting else {
            connection.state().fewer_hints = Some(waiting.len() / 2);
            return Ok(Step::Again);
        };
        tracing::warn!(connection = %connection.id(), "a hint cannot be followed and is let go: {error}");
        let mut batch = Batch::new();
        batch.take_hint(connection.id(), only);
        self.store.commit(batch)?;
        connection.follow_more();
        Ok(Step::Again)
    }

    /// People changed: the steward looks now, and at most once a minute.
    pub(super) fn hurry_steward(&self, connection: &Connection) {
        connection.state().people_changed = true;
        self.signals.raise(&LoopId::Steward(connection.id().clone()));
    }
}

/// Adds hints to a batch, but for those about another connection's records, which no connector should give.
pub(super) fn put_hints(batch: &mut Batch, connection: &Connection, hints: &[Hint]) {
    for hint in hints {
        let ours = match hint {
            Hint::Record(record) | Hint::Unlocked(record) => record.connection == *connection.id(),
            Hint::People => true,
        };
        if ours {
            batch.put_hint(connection.id(), hint);
        }
    }
}

/// Until when hints gather; the day's budget stretches it like the time between polls.
fn gathers_until(connection: &Connection, now: Instant) -> Option<Instant> {
    let last = connection.state().last_look.filter(|last| *last <= now)?;
    Some(last + connection.paced(GATHER, now)).filter(|at| *at > now)
}
