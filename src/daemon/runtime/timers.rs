//! Turns due timers into events, after the records they are about were read again.

use std::collections::BTreeMap;

use chrono::Duration;
use dealclock_model::event::Origin;
use dealclock_model::{CaseId, Event, Instant, RecordRef};
use dealclock_store::Batch;

use super::gate::{Gate, live};
use super::ingest::{IngestError, Page};
use super::requests::CASES;
use super::{Connection, Runtime, RuntimeError, Step};

const WORK: &str = "timers";

/// Most timers in one step, however many records the CRM shows in a call.
const MOST_AT_ONCE: usize = 2_000;

impl Runtime {
    pub(super) async fn timers_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let now = match self.gate(connection, WORK, live)? {
            Gate::Continue(now) => now,
            Gate::Break(Step::Rest(Some(until))) => return self.wait_for_data(connection, until),
            Gate::Break(rest) => return Ok(rest),
        };
        let limit = connection.spec.connector.descriptor().fetch_batch.clamp(1, MOST_AT_ONCE);
        let due = self.store.due_on(connection.id(), now, limit)?;
        if due.is_empty() {
            // Whatever could not be read is no longer waited for.
            connection.recovered(WORK);
            return Ok(Step::Rest(self.store.next_timer_on(connection.id(), None)?));
        }
        let records: Vec<RecordRef> = due.iter().filter_map(|(_, case)| case.record().cloned()).collect();
        match self.read_before_due(connection, &due, &records).await {
            Ok(()) => connection.recovered(WORK),
            Err(IngestError::Store(error)) => return Err(error.into()),
            Err(IngestError::Crm(error)) => {
                let retry_at = connection.failed(WORK, &error, self.clock.now());
                return self.wait_for_data(connection, retry_at);
            }
        }
        if let Some(rest) = self.clock_ahead(connection) {
            return Ok(rest);
        }
        self.wake(due, |_| Event::Due { as_of: now, waited: false })?;
        Ok(Step::Again)
    }

    /// Reads what timers are about. An answer that stands in the CRM, but was not seen yet, comes before a time-out.
    async fn read_before_due(
        &self,
        connection: &Connection,
        due: &[(Instant, CaseId)],
        records: &[RecordRef],
    ) -> Result<(), IngestError> {
        self.reread(connection, records).await?;
        let cases: Vec<CaseId> = due.iter().map(|(_, case)| case.clone()).collect();
        for some in cases.chunks(CASES) {
            self.look_at(connection, some).await?;
        }
        Ok(())
    }

    /// Reads records directly and takes in what differs; afterwards they count as fresh.
    pub(super) async fn reread(&self, connection: &Connection, records: &[RecordRef]) -> Result<(), IngestError> {
        let connector = &connection.spec.connector;
        for some in records.chunks(connector.descriptor().fetch_batch.max(1)) {
            let as_of = self.clock.now();
            let changes = connector.fetch(some).await?;
            self.take_in(connection, Page { changes, origin: Origin::Reread, as_of, last: Batch::new() }).await?;
            connection.note_fresh(some.iter().map(|record| &record.id), as_of);
        }
        Ok(())
    }

    /// The records cannot be read now. A reminder waits so long; afterwards it is decided on what is known.
    ///
    /// When what rules ask for cannot be read at all, such as a field deleted in the CRM, nothing is known on which to
    /// decide, and the wait has no end.
    fn wait_for_data(&self, connection: &Connection, retry_at: Instant) -> Result<Step, RuntimeError> {
        if connection.needs_mending(WORK) {
            return Ok(Step::Rest(Some(retry_at)));
        }
        let now = self.clock.now();
        let max_wait = connection.people().map_or(0, |people| people.profile.max_wait_secs);
        let max_wait = Duration::seconds(max_wait.into());
        let due = self.store.due_on(connection.id(), now, 100)?;
        let (overdue, waiting): (Vec<_>, Vec<_>) = due.into_iter().partition(|(at, _)| *at + max_wait <= now);
        let next = self.store.next_timer_on(connection.id(), Some(now))?.into_iter();
        let give_up_at = waiting.iter().map(|(at, _)| *at).chain(next).map(|at| at + max_wait).min();
        let as_of = connection.state().as_of;
        self.wake(overdue, |at| Event::Due { as_of: as_of.unwrap_or(at).min(now), waited: true })?;
        let until = give_up_at.map_or(retry_at, |at| at.min(retry_at));
        Ok(Step::Rest(Some(until.max(now + Duration::milliseconds(10)))))
    }

    /// Puts an event into the inbox for each timer, and takes the timer away in the same batch.
    fn wake(&self, due: Vec<(Instant, CaseId)>, event: impl Fn(Instant) -> Event) -> Result<(), RuntimeError> {
        // A case has one timer, yet the same case may stand twice in a list read while it was moved.
        let due: BTreeMap<CaseId, Instant> = due.into_iter().map(|(at, case)| (case, at)).collect();
        for some in due.into_iter().collect::<Vec<_>>().chunks(30) {
            let mut batch = Batch::new();
            for (case, at) in some {
                batch.put_event(case, &event(*at));
                batch.set_timer(case, None);
            }
            self.store.commit(batch)?;
        }
        self.signals.raise(&super::signals::LoopId::Decide);
        Ok(())
    }
}
