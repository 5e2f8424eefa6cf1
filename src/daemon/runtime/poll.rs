//! Reads changes: everything once, then what moved since the cursor.

use dealclock_connector::{Cursor, Next};
use dealclock_model::Object;
use dealclock_model::event::Origin;

use super::ingest::{IngestError, Page};
use super::signals::LoopId;
use super::{Connection, Phase, Runtime, RuntimeError, Step, names};

const WORK: &str = "poll";

impl Runtime {
    pub(super) async fn poll_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let now = self.clock.now();
        if !connection.state().verified {
            return Ok(Step::Rest(None));
        }
        if let Some(until) = connection.waits(WORK, now) {
            return Ok(Step::Rest(Some(until)));
        }
        let phase = self.phase(connection)?;
        let origin = match phase {
            Phase::FirstRead => Origin::FirstRead,
            Phase::ReadBack { .. } => return Ok(Step::Rest(None)),
            Phase::Live => Origin::Poll,
        };
        let next_poll = connection.state().next_poll;
        // A time further ahead than the interval was set before the machine's clock stepped back.
        if let Some(at) = next_poll.filter(|at| *at > now && *at - now <= connection.spec.poll) {
            return Ok(Step::Rest(Some(at)));
        }
        match self.read_page(connection, origin).await {
            Ok(true) => Ok(Step::Again),
            Ok(false) => {
                connection.recovered(WORK);
                let at = self.clock.now() + connection.spec.poll;
                connection.state().next_poll = Some(at);
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
        let cursor = Some((name, page.next.cursor().clone()));
        let taken = self.take_in(connection, Page { changes: page.changes, origin, as_of: page.as_of, cursor }).await?;
        tracing::debug!(connection = %connection.id(), changed = taken.changed, more, "read a page");
        if !more {
            connection.state().as_of = Some(page.as_of);
        }
        Ok(more)
    }

    fn end_first_read(&self, connection: &Connection) -> Result<(), RuntimeError> {
        let mut batch = dealclock_store::Batch::new();
        batch.put_meta(&names::phase(connection.id()), &Phase::ReadBack { after: None });
        self.store.commit(batch)?;
        tracing::info!(connection = %connection.id(), "first read is complete");
        self.signals.raise(&LoopId::Recover(connection.id().clone()));
        Ok(())
    }
}
