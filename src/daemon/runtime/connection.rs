//! One connection at run time: its connector, what is known of the account, and how it is faring.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Duration;
use dealclock_connector::{Account, Connector, Discovery, Error, ErrorKind, Feed};
use dealclock_model::{ConnectionId, Instant, People, PersonId, RecordId};
use serde::{Deserialize, Serialize};

/// Makes the people directory of a connection from what its CRM tells and what the configuration adds.
pub type Assemble = Box<dyn Fn(&Account, &Discovery) -> People + Send + Sync>;

/// What a connection is made from.
pub struct ConnectionSpec {
    /// Its name.
    pub id: ConnectionId,
    /// The code that speaks to its CRM.
    pub connector: Arc<dyn Connector>,
    /// Time between two polls.
    pub poll: Duration,
    /// Time between two full reconciles.
    pub reconcile: Duration,
    /// Time between two readings of people, stages and fields.
    pub refresh: Duration,
    /// Whether the CRM's own log of changes is read, where it keeps one.
    pub feed: bool,
    /// Makes the people directory.
    pub assemble: Assemble,
}

/// One connection at run time.
pub struct Connection {
    /// What it was made from.
    pub spec: ConnectionSpec,
    people: Mutex<Option<Arc<People>>>,
    state: Mutex<State>,
}

/// What a connection remembers while it runs; all of it can be lost without harm.
#[derive(Default)]
pub struct State {
    /// When the last poll ended.
    pub last_poll: Option<Instant>,
    /// When the account was last checked.
    pub last_check: Option<Instant>,
    /// People changed since then, as the CRM says.
    pub people_changed: bool,
    /// Owners of records whom the directory did not have; people are read anew once for each of them.
    pub strangers: BTreeSet<PersonId>,
    /// When the end of the CRM's log of changes was last read.
    pub last_feed: Option<Instant>,
    /// When hints were last followed by a call.
    pub last_look: Option<Instant>,
    /// How many hints are followed at once while one among them cannot be; `None` as a rule.
    pub fewer_hints: Option<usize>,
    /// When the day's calls were last written.
    pub calls_kept: Option<Instant>,
    /// What came by webhook.
    pub hooks: HookCounts,
    /// The account, while a check that succeeded waits for the discovery that belongs to it.
    pub checked: Option<Account>,
    /// The moment up to which the connection's data is complete.
    pub as_of: Option<Instant>,
    /// When records were last read directly, so that they are not read twice for one reminder.
    pub fresh: BTreeMap<RecordId, Instant>,
    /// The account was checked since the start and is the one that the store knows.
    pub verified: bool,
    /// What went wrong last, by loop.
    pub troubles: BTreeMap<&'static str, Trouble>,
    /// What was asked about requests.
    pub asking: super::requests::Asking,
    /// The reconcile that is under way.
    pub reconcile: Option<super::reconcile::Progress>,
}

impl State {
    /// Until when a loop's trouble makes it pause. Trouble that lies ahead was met before the machine's clock stepped back.
    fn pause(&self, work: &'static str, now: Instant) -> Option<Instant> {
        let trouble = self.troubles.get(work)?;
        (trouble.at <= now && trouble.retry_at > now).then_some(trouble.retry_at)
    }
}

/// Requests that came by webhook since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookCounts {
    /// Taken in.
    pub received: u64,
    /// Received before, and answered again.
    pub replayed: u64,
    /// Not genuine, too old, or not readable.
    pub refused: u64,
    /// Messages about other accounts.
    pub foreign: u64,
    /// When one was last taken in.
    pub last: Option<Instant>,
}

/// A loop's present trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When it last failed.
    pub at: Instant,
    /// What went wrong.
    pub message: String,
    /// How often in a row.
    pub failures: u32,
    /// When it is tried again.
    pub retry_at: Instant,
    /// Nothing will come of it until somebody mends what the message names.
    #[serde(default)]
    pub needs_mending: bool,
}

/// How far a connection has come; durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Every record is being read for the first time; nothing is written.
    #[default]
    FirstRead,
    /// Keys that an earlier store wrote are being read back; nothing is written.
    ReadBack {
        /// The last record that was looked at.
        after: Option<RecordId>,
    },
    /// Changes are followed, timers fire, effects are written.
    Live,
}

/// An administrator has to act before an attempt can succeed; until then it is repeated this often.
const SLOW_RETRY: Duration = Duration::minutes(15);
/// The longest pause between attempts that may succeed by themselves.
const LONGEST_BACKOFF: Duration = Duration::minutes(5);
/// How long a direct read of a record counts as recent.
pub const FRESH_FOR: Duration = Duration::seconds(60);

impl Connection {
    /// A connection that has not spoken to its CRM yet.
    pub fn new(spec: ConnectionSpec) -> Connection {
        Connection { spec, people: Mutex::default(), state: Mutex::default() }
    }

    /// Its name.
    pub fn id(&self) -> &ConnectionId {
        &self.spec.id
    }

    /// The CRM's log of changes, where it keeps one and it is to be read.
    pub fn feed(&self) -> Option<&dyn Feed> {
        self.spec.connector.feed().filter(|_| self.spec.feed)
    }

    /// A time between two calls, stretched as the day's budget goes.
    pub fn paced(&self, interval: Duration, now: Instant) -> Duration {
        self.spec.connector.quota().map_or(interval, |quota| quota.pace(interval, now))
    }

    /// When the next poll is due; a poll that lies ahead ended before the machine's clock stepped back.
    pub fn next_poll(&self, now: Instant) -> Option<Instant> {
        let last = self.state().last_poll.filter(|last| *last <= now)?;
        Some(last + self.paced(self.spec.poll, now))
    }

    /// When changes are read next, for people: a poll that failed waits longer than one that is due.
    pub fn next_attempt(&self, now: Instant) -> Option<Instant> {
        self.next_poll(now).into_iter().chain(self.waits(super::poll::WORK, now)).max()
    }

    /// How many hints are followed at once.
    pub fn hints_at_once(&self) -> usize {
        let most = self.spec.connector.descriptor().fetch_batch.clamp(1, 80);
        self.state().fewer_hints.map_or(most, |fewer| fewer.clamp(1, most))
    }

    /// Twice as many hints may be followed at once as before, up to what one call takes.
    pub fn follow_more(&self) {
        let more = self.hints_at_once() * 2;
        let most = self.spec.connector.descriptor().fetch_batch;
        self.state().fewer_hints = Some(more).filter(|more| *more < most);
    }

    /// The people directory, once known.
    pub fn people(&self) -> Option<Arc<People>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of a record's owner; whether they are not in the directory, and were not found missing before.
    pub fn meets_stranger(&self, owner: &PersonId) -> bool {
        let is_known = self.people().is_none_or(|people| people.get(owner).is_some());
        !is_known && self.state().strangers.insert(owner.clone())
    }

    /// Replaces the people directory.
    pub fn set_people(&self, people: Arc<People>) {
        *self.people.lock().unwrap_or_else(PoisonError::into_inner) = Some(people);
    }

    /// The state, locked; never held across a call.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a loop succeeded.
    pub fn recovered(&self, work: &'static str) {
        if let Some(trouble) = self.state().troubles.remove(work) {
            tracing::info!(connection = %self.id(), work, failures = trouble.failures, "works again");
        }
    }

    /// Notes that a loop failed, and tells when to try again.
    pub fn failed(&self, work: &'static str, error: &Error, now: Instant) -> Instant {
        let mut state = self.state();
        let failures = state.troubles.get(work).map_or(0, |trouble| trouble.failures) + 1;
        let retry_at = retry_at(error, failures, now);
        // Keeping to a limit is no trouble, as long as it does not last.
        if matches!(error.kind, ErrorKind::Throttled { until } if until < now + FRESH_FOR) {
            tracing::debug!(connection = %self.id(), work, %retry_at, "{error}");
        } else if failures.is_power_of_two() {
            tracing::warn!(connection = %self.id(), work, failures, %retry_at, "{error}");
        }
        state.troubles.insert(
            work,
            Trouble {
                at: now,
                message: error.to_string(),
                failures,
                retry_at,
                needs_mending: error.kind == ErrorKind::Rejected,
            },
        );
        retry_at
    }

    /// Notes that one piece of a loop's work failed, while the loop itself goes on.
    pub fn failed_in_part(&self, work: &'static str, error: &Error, now: Instant) {
        self.failed(work, error, now);
        if let Some(trouble) = self.state().troubles.get_mut(work) {
            trouble.retry_at = now;
        }
    }

    /// When a loop that failed may try again; `None` when it may now.
    pub fn waits(&self, work: &'static str, now: Instant) -> Option<Instant> {
        self.state().pause(work, now)
    }

    /// Whether a loop's trouble lasts until somebody mends what it names.
    pub fn needs_mending(&self, work: &'static str) -> bool {
        self.state().troubles.get(work).is_some_and(|trouble| trouble.needs_mending)
    }

    /// Notes that records were read directly at an instant.
    pub fn note_fresh<'a>(&self, records: impl IntoIterator<Item = &'a RecordId>, at: Instant) {
        let mut state = self.state();
        state.fresh.retain(|_, read| *read + FRESH_FOR > at);
        state.fresh.extend(records.into_iter().map(|record| (record.clone(), at)));
    }

    /// Whether a record was read directly not long ago.
    pub fn is_fresh(&self, record: &RecordId, now: Instant) -> bool {
        self.state().fresh.get(record).is_some_and(|read| *read + FRESH_FOR > now && *read <= now)
    }
}

/// When an attempt that failed `failures` times in a row is worth repeating.
pub fn retry_at(error: &Error, failures: u32, now: Instant) -> Instant {
    let backoff = Duration::seconds(1i64 << failures.min(10)).min(LONGEST_BACKOFF);
    let wanted = match error.kind {
        ErrorKind::Transient { retry_at: Some(at) } | ErrorKind::Throttled { until: at } => at,
        ErrorKind::Transient { retry_at: None } | ErrorKind::Conflict | ErrorKind::Unknown => now + backoff,
        ErrorKind::Unauthorized | ErrorKind::Rejected | ErrorKind::Locked => now + SLOW_RETRY.min(backoff * 4),
    };
    // A limit that ends now, or in the past by the CRM's clock, must not become a busy loop.
    wanted.max(now + Duration::milliseconds(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let error = Error::transient("no answer");
        let pauses: Vec<_> = (1..12).map(|n| (retry_at(&error, n, at(0)) - at(0)).num_seconds()).collect();
        assert_eq!(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_prolong_a_pause() {
        let trouble =
            |at_, retry_at| Trouble { at: at_, message: String::new(), failures: 1, retry_at, needs_mending: false };
        let mut state = State::default();
        state.troubles.insert("poll", trouble(at(1000), at(1300)));
        assert_eq!(state.pause("poll", at(1100)), Some(at(1300)));
        assert_eq!(state.pause("poll", at(1300)), None);
        assert_eq!(state.pause("poll", at(10)), None);
    }

    #[test]
    fn the_crm_says_how_long_to_wait() {
        assert_eq!(retry_at(&Error::throttled(at(70), "too many"), 1, at(0)), at(70));
        assert!(retry_at(&Error::throttled(at(-5), "too many"), 1, at(0)) > at(0));
    }
}
