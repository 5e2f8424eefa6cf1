//! Our share of an account's limits: one budget with named buckets, counted on our clock, adjusted by what answers say.

mod day;
mod rate;
#[cfg(test)]
mod tests;
mod whole;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Duration as Span};
use dealclock_model::Instant;
use governor::clock::FakeRelativeClock;
use http::HeaderMap;
use http::header::DATE;

use day::Day;
pub use day::{Spent, Today};
use rate::{Counter, Credit};
pub use whole::as_one;

/// What a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// The limit that most calls share.
    General,
    /// The limit of search calls.
    Search,
    /// The limit of calls about associations.
    Associations,
}

impl Bucket {
    const ALL: [Bucket; 3] = [Bucket::General, Bucket::Search, Bucket::Associations];
}

/// How far a call may wait for others when the day's budget runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Full reads, history, discovery: they stop first.
    Background,
    /// Polls for changes: they slow down long before they stop.
    Poll,
    /// Writes, and the reads just before them: our own share never stops them, only the CRM does.
    Write,
}

/// What a call is to the work that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// It begins work, or goes on with it.
    Own,
    /// It finishes what another call of the same verb began.
    FollowUp,
    /// It is one of many of a verb that goes on where it stopped, and so needs less credit.
    Resumed,
}

/// A limit as the CRM states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Calls in any window.
    pub calls: u32,
    /// The length of the window.
    pub window: Duration,
}

/// What an answer said about the limits; whatever it did not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The bucket's limit.
    pub limit: Option<Limit>,
    /// Calls left in the bucket's present window.
    pub remaining: Option<u32>,
    /// The account's daily limit, whether its day ends at midnight or rolls.
    pub daily: Option<u64>,
    /// Calls left today, of all that use the account.
    pub daily_remaining: Option<u64>,
}

/// How many of the day's calls are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Daily {
    /// The account's daily limit.
    pub limit: u64,
    /// Calls left today, of all that use the account.
    pub remaining: u64,
    /// When an answer said so.
    pub seen_at: Instant,
}

/// The budget of one account.
///
/// It never sleeps: a call that does not fit is told when it would. In any window no more calls leave than the limit
/// allows, but for the few that finish work that was begun ([`as_one`]), and over time no more than our share of it.
///
/// The day is divided as well: of the account's calls in any 24 hours only our share may be ours. As it goes, polls
/// slow down ([`Quota::pace`]), then work in the background stops, then polls stop; writes and the reads before them
/// go on for as long as the CRM lets them.
///
/// A connector makes one with [`Quota::new`] and [`Quota::with_daily_share`] from its
/// [`Settings`](crate::Settings), asks it before each call, tells it what each answer said, and shows it to the daemon
/// as [`Connector::quota`](crate::Connector::quota).
pub struct Quota {
    share: f64,
    state: Mutex<State>,
}

struct State {
    time: FakeRelativeClock,
    shown: Option<Instant>,
    paused: Option<Instant>,
    ahead: Option<Span>,
    day: Day,
    buckets: [Counter; 3],
}

/// A pause further ahead than this came from a clock that has since been set back.
const LONGEST_PAUSE: Span = Span::hours(25);

/// One jump of the clock refills the buckets at most by this; the limiters' own arithmetic must not overflow.
const LONGEST_JUMP: Duration = Duration::from_secs(3600);

impl Quota {
    /// A budget with the limits that hold until answers say otherwise; `share` is above 0 and at most 1.
    ///
    /// Of the day's calls all may be ours; [`Quota::with_daily_share`] leaves the others some.
    pub fn new(share: f64, limit_of: impl Fn(Bucket) -> Limit) -> Quota {
        let time = FakeRelativeClock::default();
        let share = share.clamp(0.01, 1.0);
        let buckets = Bucket::ALL.map(|bucket| Counter::new(limit_of(bucket), share, &time));
        let state = State { time, shown: None, paused: None, ahead: None, day: Day::new(), buckets };
        Quota { share, state: Mutex::new(state) }
    }

    /// The same, with only a part of the account's calls in 24 hours being ours; above 0 and at most 1.
    ///
    /// It holds from the first answer that names the account's limit ([`Observed::daily`]).
    pub fn with_daily_share(self, daily_share: f64) -> Quota {
        self.state().day.share = daily_share.clamp(0.000_1, 1.0);
        self
    }

    /// Takes one call from a bucket, or says when to ask again. A further call of begun work ([`as_one`]) gets credit.
    pub fn check(&self, bucket: Bucket, priority: Priority, now: Instant) -> Result<(), Instant> {
        self.admit(Part::Own, bucket, priority, now)
    }

    /// Takes one call that finishes what an admitted call began; the next admitted call pays for it.
    ///
    /// A verb of two calls would otherwise use up its first call each time the second finds no room.
    pub fn follow_up(&self, bucket: Bucket, now: Instant) -> Result<(), Instant> {
        self.admit(Part::FollowUp, bucket, Priority::Write, now)
    }

    /// Takes one call by what it is to its work, or says when to ask again.
    pub fn admit(&self, part: Part, bucket: Bucket, priority: Priority, now: Instant) -> Result<(), Instant> {
        let credit = match part {
            Part::FollowUp => Credit::Endless,
            Part::Own if whole::has_begun() => Credit::Endless,
            Part::Resumed if whole::has_begun() => Credit::Burst,
            Part::Own | Part::Resumed => Credit::None,
        };
        let mut state = self.state();
        state.show(now);
        state.check_pauses(bucket, now)?;
        if part != Part::FollowUp {
            state.day.check(priority, now)?;
        }
        let time = state.time.clone();
        if let Some(wait) = state.counter(bucket).take_on(credit, &time) {
            return Err(now + wait);
        }
        state.day.spent.count(now);
        if part != Part::FollowUp {
            whole::begin();
        }
        Ok(())
    }

    /// Lets nothing out of the bucket, or of the account where `None`, before `until`.
    pub fn pause(&self, bucket: Option<Bucket>, until: Instant) {
        let mut state = self.state();
        let paused = match bucket {
            Some(bucket) => &mut state.counter(bucket).paused,
            None => &mut state.paused,
        };
        *paused = (*paused).max(Some(until));
    }

    /// Learns from an answer of the bucket.
    pub fn observe(&self, bucket: Bucket, observed: Observed, now: Instant) {
        let mut state = self.state();
        state.show(now);
        if let (Some(limit), Some(remaining)) = (observed.daily, observed.daily_remaining) {
            state.day.told = Some(Daily { limit, remaining, seen_at: now });
        }
        let time = state.time.clone();
        let counter = state.counter(bucket);
        if let Some(limit) = observed.limit {
            counter.adopt(limit, self.share, &time);
        }
        if observed.remaining == Some(0) {
            // A rolling window frees some room after a part of its length.
            let until = now + counter.limit.window / 10;
            counter.paused = counter.paused.max(Some(until));
        }
    }

    /// Holds our clock against the `Date` of an answer, where it has one.
    pub fn hear_date(&self, headers: &HeaderMap, now: Instant) {
        let text = headers.get(DATE).and_then(|value| value.to_str().ok());
        if let Some(theirs) = text.and_then(|text| DateTime::parse_from_rfc2822(text).ok()) {
            self.state().ahead = Some(now - theirs.to_utc());
        }
    }

    /// By how much our clock was ahead of the CRM's when it last answered; negative where it was behind.
    pub fn clock_ahead(&self) -> Option<Span> {
        self.state().ahead
    }

    /// What is left of the day, as last told.
    pub fn daily(&self) -> Option<Daily> {
        self.state().day.told
    }

    /// The time between two polls that are `poll` apart while there is plenty: as the day's budget goes, ours or the
    /// account's, it grows smoothly up to thirty times as long.
    pub fn pace(&self, poll: Span, now: Instant) -> Span {
        let stretch = self.state().day.stretch(now);
        let stretched = poll.to_std().unwrap_or_default().mul_f64(stretch);
        Span::from_std(stretched).unwrap_or(poll)
    }

    /// The calls of the last 24 hours.
    pub fn today(&self, now: Instant) -> Today {
        self.state().day.today(now)
    }

    /// Our own calls, to be kept over a restart.
    pub fn spent(&self) -> Spent {
        self.state().day.spent.clone()
    }

    /// Goes on with what an earlier run had spent.
    pub fn restore(&self, earlier: &Spent) {
        self.state().day.spent.add(earlier);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can be left half changed by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Moves the limiters' time on; a step back of our clock stands still there.
    fn show(&mut self, now: Instant) {
        if let Some(shown) = self.shown {
            let passed = (now - shown).to_std().unwrap_or_default();
            self.time.advance(passed.min(LONGEST_JUMP));
        }
        self.shown = Some(now);
    }

    fn counter(&mut self, bucket: Bucket) -> &mut Counter {
        let index = match bucket {
            Bucket::General => 0,
            Bucket::Search => 1,
            Bucket::Associations => 2,
        };
        &mut self.buckets[index]
    }

    fn check_pauses(&mut self, bucket: Bucket, now: Instant) -> Result<(), Instant> {
        let account = self.paused;
        match account.max(self.counter(bucket).paused) {
            Some(until) if now < until && until - now <= LONGEST_PAUSE => Err(until),
            Some(_) | None => Ok(()),
        }
    }
}
