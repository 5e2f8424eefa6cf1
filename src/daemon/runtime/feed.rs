//! Reads the log of changes that a CRM keeps, where it keeps one: hints and cursor go into the store in one batch.

use chrono::Duration;
use dealclock_connector::{Cursor, Feed, FeedPage, Next, Result as CrmResult};
use dealclock_store::{Batch, StoreError};

use super::gate::Gate;
use super::hints::put_hints;
use super::signals::LoopId;
use super::{Connection, Runtime, RuntimeError, Step, names};

const WORK: &str = "feed";
/// The time between two readings of a log at whose end we are.
const INTERVAL: Duration = Duration::seconds(20);
/// Hints that are committed in one batch.
const AT_ONCE: usize = 80;

impl Runtime {
    pub(super) async fn feed_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let Some(feed) = connection.feed() else { return Ok(Step::Rest(None)) };
        // It is followed from the start: what changes during the first read must not be missed.
        let now = match self.gate(connection, WORK, |_| true)? {
            Gate::Continue(now) => now,
            Gate::Break(rest) => return Ok(rest),
        };
        let last = connection.state().last_feed.filter(|last| *last <= now);
        if let Some(at) = last.map(|last| last + connection.paced(INTERVAL, now)).filter(|at| *at > now) {
            return Ok(Step::Rest(Some(at)));
        }
        match self.read_feed(connection, feed).await? {
            Ok(more) => {
                connection.recovered(WORK);
                connection.state().last_feed = (!more).then(|| self.clock.now());
                Ok(Step::Again)
            }
            Err(error) => Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
        }
    }

    /// Reads one page; tells whether there is more now.
    async fn read_feed(&self, connection: &Connection, feed: &dyn Feed) -> Result<CrmResult<bool>, StoreError> {
        let name = names::feed(connection.id());
        let since: Option<Cursor> = self.store.meta(&name)?;
        let page = match feed.hints(since.as_ref()).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        self.keep_page(connection, &name, &page)?;
        Ok(Ok(matches!(page.next, Next::More(_))))
    }

    /// The cursor moves in the batch that holds the page's last hint.
    fn keep_page(&self, connection: &Connection, name: &str, page: &FeedPage) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for some in page.hints.chunks(AT_ONCE) {
            if !batch.is_empty() {
                self.store.commit(std::mem::take(&mut batch))?;
            }
            put_hints(&mut batch, connection, some);
        }
        batch.put_meta(name, page.next.cursor());
        if page.gap {
            tracing::warn!(connection = %connection.id(), "the CRM's log does not reach back far enough; all is compared");
            batch.put_meta(&names::reconcile_due(connection.id()), &self.clock.now());
        }
        self.store.commit(batch)?;
        if page.gap {
            self.signals.raise(&LoopId::Reconcile(connection.id().clone()));
        }
        if !page.hints.is_empty() {
            self.signals.raise(&LoopId::Hints(connection.id().clone()));
        }
        Ok(())
    }
}
