//! How loops wake each other, and how one can tell that all of them rest.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dealclock_connector::Clock;
use dealclock_model::effect::Lane;
use dealclock_model::{ConnectionId, Instant};
use tokio::sync::Notify;

/// The name of a loop. The order is the order in which a hand-turned runtime takes its steps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoopId {
    /// Takes events from the inbox and decides them.
    Decide,
    /// Checks the account, and keeps people, stages and fields up to date.
    Steward(ConnectionId),
    /// Carries changed rules to the records that stand in the store.
    Rollout(ConnectionId),
    /// Reads changes.
    Poll(ConnectionId),
    /// Reads the log of changes that the CRM keeps.
    Feed(ConnectionId),
    /// Looks where the CRM said that something changed.
    Hints(ConnectionId),
    /// Reads back, once, what an earlier store had written.
    Recover(ConnectionId),
    /// Turns due timers into events.
    Timers(ConnectionId),
    /// Asks what became of requests, where people decide in the CRM.
    Requests(ConnectionId),
    /// Writes what was decided.
    Deliver(Lane),
    /// Compares everything, now and then.
    Reconcile(ConnectionId),
    /// Makes the reports that are due.
    Reports(ConnectionId),
}

impl LoopId {
    /// Every loop that works for a connection, in order.
    pub fn of(connection: &ConnectionId) -> [LoopId; 11] {
        let id = || connection.clone();
        [
            LoopId::Steward(id()),
            LoopId::Rollout(id()),
            LoopId::Poll(id()),
            LoopId::Feed(id()),
            LoopId::Hints(id()),
            LoopId::Recover(id()),
            LoopId::Timers(id()),
            LoopId::Requests(id()),
            LoopId::Deliver(Lane::Crm(id())),
            LoopId::Reconcile(id()),
            LoopId::Reports(id()),
        ]
    }

    /// The connection that the loop works for.
    pub fn connection(&self) -> Option<&ConnectionId> {
        match self {
            LoopId::Decide | LoopId::Deliver(Lane::Mail) => None,
            LoopId::Steward(connection)
            | LoopId::Rollout(connection)
            | LoopId::Poll(connection)
            | LoopId::Feed(connection)
            | LoopId::Hints(connection)
            | LoopId::Recover(connection)
            | LoopId::Timers(connection)
            | LoopId::Requests(connection)
            | LoopId::Deliver(Lane::Crm(connection))
            | LoopId::Reconcile(connection)
            | LoopId::Reports(connection) => Some(connection),
        }
    }
}

impl fmt::Display for LoopId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoopId::Decide => f.write_str("decide"),
            LoopId::Steward(connection) => write!(f, "steward {connection}"),
            LoopId::Rollout(connection) => write!(f, "rollout {connection}"),
            LoopId::Poll(connection) => write!(f, "poll {connection}"),
            LoopId::Feed(connection) => write!(f, "feed {connection}"),
            LoopId::Hints(connection) => write!(f, "hints {connection}"),
            LoopId::Recover(connection) => write!(f, "recover {connection}"),
            LoopId::Timers(connection) => write!(f, "timers {connection}"),
            LoopId::Requests(connection) => write!(f, "requests {connection}"),
            LoopId::Deliver(lane) => write!(f, "deliver {lane}"),
            LoopId::Reconcile(connection) => write!(f, "reconcile {connection}"),
            LoopId::Reports(connection) => write!(f, "reports {connection}"),
        }
    }
}

/// The state of every loop.
#[derive(Default)]
pub struct Signals {
    loops: Mutex<BTreeMap<LoopId, Waiting>>,
    changed: Notify,
}

/// Forgets a loop when dropped.
pub struct Known<'a> {
    /// Where it is known.
    pub signals: &'a Signals,
    /// The loop.
    pub id: &'a LoopId,
}

impl Drop for Known<'_> {
    fn drop(&mut self) {
        self.signals.remove(self.id);
    }
}

struct Waiting {
    raised: bool,
    /// `Some` while the loop rests: until an instant, or until it is woken.
    resting: Option<Option<Instant>>,
    wake: Arc<Notify>,
}

impl Signals {
    /// Makes a loop known; it counts as busy until it first rests.
    pub fn add(&self, id: LoopId) {
        let waiting = Waiting { raised: false, resting: None, wake: Arc::new(Notify::new()) };
        self.lock().insert(id, waiting);
    }

    /// Forgets a loop that has ended, so that nobody waits for it to rest.
    pub fn remove(&self, id: &LoopId) {
        self.lock().remove(id);
        self.changed.notify_one();
    }

    /// Wakes a loop, or keeps it from resting once.
    pub fn raise(&self, id: &LoopId) {
        if let Some(waiting) = self.lock().get_mut(id) {
            waiting.raised = true;
            waiting.wake.notify_one();
        }
    }

    /// Wakes every loop, such as for a shutdown.
    pub fn raise_all(&self) {
        for waiting in self.lock().values_mut() {
            waiting.raised = true;
            waiting.wake.notify_one();
        }
    }

    /// Rests until the loop is raised or the clock shows `until`.
    pub async fn rest(&self, id: &LoopId, until: Option<Instant>, clock: &dyn Clock) {
        let wake = {
            let mut loops = self.lock();
            let Some(waiting) = loops.get_mut(id) else { return };
            if std::mem::take(&mut waiting.raised) {
                return;
            }
            waiting.resting = Some(until);
            Arc::clone(&waiting.wake)
        };
        self.changed.notify_one();
        match until {
            Some(until) => tokio::select! {
                () = wake.notified() => {}
                () = clock.sleep_until(until) => {}
            },
            None => wake.notified().await,
        }
        if let Some(waiting) = self.lock().get_mut(id) {
            waiting.resting = None;
            waiting.raised = false;
        }
    }

    /// Waits until every loop rests beyond `clock.now()`, and tells the earliest instant that one of them waits for.
    pub async fn all_resting(&self, clock: &dyn Clock) -> Option<Instant> {
        loop {
            if let Some(earliest) = self.earliest_rest(clock.now()) {
                return earliest;
            }
            self.changed.notified().await;
        }
    }

    /// `None` while any loop is busy.
    fn earliest_rest(&self, now: Instant) -> Option<Option<Instant>> {
        let mut earliest: Option<Instant> = None;
        for waiting in self.lock().values() {
            let until = waiting.resting.filter(|_| !waiting.raised)?;
            if let Some(until) = until {
                if until <= now {
                    return None;
                }
                earliest = Some(earliest.map_or(until, |earliest| earliest.min(until)));
            }
        }
        Some(earliest)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LoopId, Waiting>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HandClock;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    #[tokio::test]
    async fn a_signal_raised_while_busy_is_not_lost() {
        let (signals, clock) = (Signals::default(), HandClock::new(at(0)));
        signals.add(LoopId::Decide);
        signals.raise(&LoopId::Decide);
        signals.rest(&LoopId::Decide, None, &clock).await;
    }

    #[tokio::test]
    async fn all_rest_only_when_none_was_raised() {
        let (signals, clock) = (Arc::new(Signals::default()), Arc::new(HandClock::new(at(0))));
        let poll = LoopId::Poll("acme".into());
        for id in [LoopId::Decide, poll.clone()] {
            signals.add(id);
        }
        let resting = |id: LoopId, until| {
            let (signals, clock) = (Arc::clone(&signals), Arc::clone(&clock));
            tokio::spawn(async move { signals.rest(&id, until, clock.as_ref()).await })
        };
        let decide = resting(LoopId::Decide, None);
        let polling = resting(poll, Some(at(60)));
        assert_eq!(signals.all_resting(clock.as_ref()).await, Some(at(60)));
        signals.raise(&LoopId::Decide);
        assert_eq!(signals.earliest_rest(at(0)), None);
        decide.await.unwrap();
        clock.set(at(60));
        polling.await.unwrap();
        assert_eq!(signals.earliest_rest(at(60)), None);
    }
}
