//! Reads changes: everything once, then what moved since the cursor.

use dealclock_connector::{Cursor, Next};
use dealclock_model::Object;
use dealclock_model::event::Origin;
use dealclock_store::Batch;

use super::gate::{Gate, live};
use super::hints::put_hints;
use super::ingest::{IngestError, Page};
use super::signals::LoopId;
use super::{Connection, Phase, Runtime, RuntimeError, Step, names};

/// The work that polls are, by name.
pub(super) const WORK: &str = "poll";

impl Runtime {
    pub(super) async fn poll_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let reads = |phase: &Phase| match phase {
            Phase::FirstRead | Phase::Live => true,
            Phase::ReadBack { .. } => false,
        };
        let now = match self.gate(connection, WORK, reads)? {
            Gate::Continue(now) => now,
            Gate::Break(rest) => return Ok(rest),
        };
        let origin = if live(&self.phase(connection)?) { Origin::Poll } else { Origin::FirstRead };
        if let Some(at) = connection.next_poll(now).filter(|at| *at > now) {
            return Ok(Step::Rest(Some(at)));
        }
        match self.read_page(connection, origin).await {
            Ok(true) => Ok(Step::Again),
            Ok(false) => {
                connection.recovered(WORK);
                connection.state().last_poll = Some(self.clock.now());
                if origin == Origin::FirstRead {
                    self.end_first_read(connection)?;
                }
                Ok(Step::Again)
            }
            Err(IngestError::Crm(error)) => Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
            Err(IngestError::Store(error)) => Err(error.into()),
        }
    }

    /// Reads one page and takes it in; tells whether there is more now.
    async fn read_page(&self, connection: &Connection, origin: Origin) -> Result<bool, IngestError> {
        let object = Object::Opportunity;
        let name = names::cursor(connection.id(), object);
        let since: Option<Cursor> = self.store.meta(&name)?;
        let page = connection.spec.connector.changes(object, since.as_ref()).await?;
        let more = matches!(page.next, Next::More(_));
        let mut last = Batch::new();
        last.put_meta(&name, page.next.cursor());
        put_hints(&mut last, connection, &page.hints);
        let taken = self.take_in(connection, Page { changes: page.changes, origin, as_of: page.as_of, last }).await?;
        if !page.hints.is_empty() {
            self.signals.raise(&LoopId::Hints(connection.id().clone()));
        }
        tracing::debug!(connection = %connection.id(), changed = taken.changed, more, "read a page");
        if !more {
            connection.state().as_of = Some(page.as_of);
        }
        Ok(more)
    }

    fn end_first_read(&self, connection: &Connection) -> Result<(), RuntimeError> {
        let mut batch = Batch::new();
        batch.put_meta(&names::phase(connection.id()), &Phase::ReadBack { after: None });
        self.store.commit(batch)?;
        tracing::info!(connection = %connection.id(), "first read is complete");
        self.signals.raise(&LoopId::Recover(connection.id().clone()));
        Ok(())
    }
}
