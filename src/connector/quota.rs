//! Our share of an account's limits: one budget with named buckets, counted on our clock, adjusted by what answers say.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::Duration as Span;
use dealclock_model::Instant;
use governor::clock::{Clock as _, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota as Rate, RateLimiter};

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<governor::nanos::Nanos>>;

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
    /// Polls for changes.
    Poll,
    /// Writes, and the reads just before them: they never stop by themselves.
    Write,
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
    /// The account's daily limit.
    pub daily: Option<u64>,
    /// Calls left today.
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
/// allows, and over time no more than our share of it.
pub struct Quota {
    share: f64,
    state: Mutex<State>,
}

struct State {
    time: FakeRelativeClock,
    shown: Option<Instant>,
    paused: Option<Instant>,
    daily: Option<Daily>,
    buckets: [Counter; 3],
}

struct Counter {
    limit: Limit,
    burst: NonZeroU32,
    limiter: Limiter,
    paused: Option<Instant>,
    debt: u32,
}

/// A pause further ahead than this came from a clock that has since been set back.
const LONGEST_PAUSE: Span = Span::hours(25);

/// What an answer said about the day is believed for this long; then one call may look again.
const DAILY_IS_STALE: Span = Span::minutes(15);

/// One jump of the clock refills the buckets at most by this; the limiters' own arithmetic must not overflow.
const LONGEST_JUMP: Duration = Duration::from_secs(3600);

impl Quota {
    /// A budget with the limits that hold until answers say otherwise; `share` is above 0 and at most 1.
    pub fn new(share: f64, limit_of: impl Fn(Bucket) -> Limit) -> Quota {
        let time = FakeRelativeClock::default();
        let share = share.clamp(0.01, 1.0);
        let buckets = Bucket::ALL.map(|bucket| Counter::new(limit_of(bucket), share, &time));
        Quota { share, state: Mutex::new(State { time, shown: None, paused: None, daily: None, buckets }) }
    }

    /// Takes one call from a bucket, or says when to ask again.
    pub fn check(&self, bucket: Bucket, priority: Priority, now: Instant) -> Result<(), Instant> {
        let mut state = self.state();
        state.show(now);
        state.check_pauses(bucket, now)?;
        state.check_daily(priority, now)?;
        let time = state.time.clone();
        let wait = state.counter(bucket).take(&time);
        wait.map_or(Ok(()), |wait| Err(now + wait))
    }

    /// Takes one call that finishes what an admitted call began; the next admitted call pays for it.
    ///
    /// A verb of two calls would otherwise use up its first call each time the second finds no room.
    pub fn follow_up(&self, bucket: Bucket, now: Instant) -> Result<(), Instant> {
        let mut state = self.state();
        state.show(now);
        state.check_pauses(bucket, now)?;
        let counter = state.counter(bucket);
        counter.debt = counter.debt.saturating_add(1);
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
            state.daily = Some(Daily { limit, remaining, seen_at: now });
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

    /// What is left of the day, as last told.
    pub fn daily(&self) -> Option<Daily> {
        self.state().daily
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

    fn check_daily(&self, priority: Priority, now: Instant) -> Result<(), Instant> {
        let Some(daily) = self.daily else { return Ok(()) };
        let reserve = match priority {
            Priority::Background => daily.limit / 5,
            Priority::Poll => daily.limit / 20,
            Priority::Write => 0,
        };
        let until = daily.seen_at + DAILY_IS_STALE;
        if priority == Priority::Write || daily.remaining > reserve || now < daily.seen_at || until <= now {
            Ok(())
        } else {
            Err(until)
        }
    }
}

impl Counter {
    fn new(limit: Limit, share: f64, time: &FakeRelativeClock) -> Counter {
        let rate = rate(limit, share);
        let limiter = RateLimiter::direct_with_clock(rate, time.clone());
        Counter { limit, burst: rate.burst_size(), limiter, paused: None, debt: 0 }
    }

    /// Takes one call and pays the debt with it; else the time to wait.
    fn take(&mut self, time: &FakeRelativeClock) -> Option<Duration> {
        let wanted = NonZeroU32::MIN.saturating_add(self.debt).min(self.burst);
        match self.limiter.check_n(wanted) {
            Ok(Ok(())) => {
                self.debt = (self.debt + 1).saturating_sub(wanted.get());
                None
            }
            Ok(Err(not_until)) => Some(not_until.wait_time_from(time.now()).max(SHORTEST_WAIT)),
            Err(_more_than_the_burst) => Some(SHORTEST_WAIT),
        }
    }

    /// Swaps the limiter when the limit moved by more than a fifth; a new one begins empty, or each swap were a burst.
    fn adopt(&mut self, limit: Limit, share: f64, time: &FakeRelativeClock) {
        let (old, new) = (per_second(self.limit), per_second(limit));
        if limit.calls == 0 || limit.window.is_zero() || (new - old).abs() <= old * 0.2 {
            return;
        }
        let swapped = Counter::new(limit, share, time);
        let emptied = swapped.limiter.check_n(swapped.burst);
        debug_assert!(matches!(emptied, Ok(Ok(()))), "a new limiter holds its whole burst");
        *self = Counter { paused: self.paused, debt: self.debt, ..swapped };
    }
}

/// Waiting for less than this would be a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

fn per_second(limit: Limit) -> f64 {
    f64::from(limit.calls) / limit.window.as_secs_f64().max(0.001)
}

/// The refill is our share of the limit; the burst is the room between the share and the limit, so that a full burst
/// and the refill of one window together stay within the limit.
fn rate(limit: Limit, share: f64) -> Rate {
    let calls = f64::from(limit.calls.max(1));
    let most = (calls / 2.0).max(1.0);
    // A burst of two lets the debt of a follow-up be paid.
    let burst = (calls * (1.0 - share)).clamp(most.min(2.0), most).floor();
    let refill = (calls * share).min(calls - burst).max(0.5);
    let window = limit.window.max(Duration::from_millis(1));
    let burst = NonZeroU32::new(burst as u32).unwrap_or(NonZeroU32::MIN);
    Rate::with_period(window.div_f64(refill)).unwrap_or(Rate::per_second(NonZeroU32::MIN)).allow_burst(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_SECONDS: Duration = Duration::from_secs(10);

    fn start() -> Instant {
        "2026-03-02T09:00:00Z".parse().unwrap()
    }

    fn quota(calls: u32, share: f64) -> Quota {
        Quota::new(share, |_| Limit { calls, window: TEN_SECONDS })
    }

    /// Calls that leave within `span` when someone asks again as soon as told.
    fn spend(quota: &Quota, from: Instant, span: Span) -> Vec<Instant> {
        let (mut now, mut left) = (from, Vec::new());
        while now < from + span {
            match quota.check(Bucket::General, Priority::Write, now) {
                Ok(()) => left.push(now),
                Err(until) => {
                    assert!(until > now, "asking again must be later");
                    now = until;
                }
            }
        }
        left
    }

    fn most_in_a_window(left: &[Instant]) -> usize {
        left.iter()
            .map(|first| left.iter().filter(|at| *first <= **at && **at < *first + TEN_SECONDS).count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn no_window_holds_more_than_the_limit_and_the_mean_is_our_share() {
        for (calls, share) in [(100, 0.8), (190, 0.8), (100, 0.5), (190, 1.0), (5, 0.8), (3, 1.0)] {
            let left = spend(&quota(calls, share), start(), Span::seconds(100));
            assert!(most_in_a_window(&left) <= calls as usize, "{calls} at {share}: {}", most_in_a_window(&left));
            let expected = f64::from(calls) * share * 10.0;
            assert!(left.len() as f64 >= expected * 0.6, "{calls} at {share}: {} of {expected}", left.len());
        }
    }

    #[test]
    fn a_pause_holds_up_its_bucket_only_and_an_account_pause_all() {
        let quota = quota(100, 0.8);
        let until = start() + Span::seconds(30);
        quota.pause(Some(Bucket::Search), until);
        assert_eq!(quota.check(Bucket::Search, Priority::Write, start()), Err(until));
        assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Ok(()));
        quota.pause(None, until);
        assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Err(until));
        assert_eq!(quota.follow_up(Bucket::General, start()), Err(until));
        assert_eq!(quota.check(Bucket::General, Priority::Write, until), Ok(()));
    }

    #[test]
    fn a_learned_limit_takes_effect_without_a_burst() {
        let quota = quota(100, 0.8);
        let limit = Some(Limit { calls: 190, window: TEN_SECONDS });
        quota.observe(Bucket::General, Observed { limit, ..Observed::default() }, start());
        assert!(quota.check(Bucket::General, Priority::Write, start()).is_err(), "a swap is no burst");
        let left = spend(&quota, start(), Span::seconds(100));
        assert!(left.len() > 1_300, "{}", left.len());
    }

    #[test]
    fn a_small_move_of_the_limit_changes_nothing() {
        let quota = quota(100, 0.8);
        let limit = Some(Limit { calls: 110, window: TEN_SECONDS });
        quota.observe(Bucket::General, Observed { limit, ..Observed::default() }, start());
        assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Ok(()));
    }

    #[test]
    fn an_empty_window_waits_for_a_part_of_it() {
        let quota = quota(100, 0.8);
        quota.observe(Bucket::General, Observed { remaining: Some(0), ..Observed::default() }, start());
        assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Err(start() + Span::seconds(1)));
    }

    #[test]
    fn when_the_day_runs_out_background_stops_first_and_writes_never() {
        let check = |remaining, priority, allowed: bool| {
            let quota = quota(100, 0.8);
            let observed = Observed { daily: Some(1000), daily_remaining: Some(remaining), ..Observed::default() };
            quota.observe(Bucket::General, observed, start());
            let got = quota.check(Bucket::General, priority, start() + Span::seconds(1));
            assert_eq!(got.is_ok(), allowed, "{remaining} left for {priority:?}");
            // What was said of the day grows old; then one call may look again.
            assert_eq!(quota.check(Bucket::General, priority, start() + DAILY_IS_STALE), Ok(()));
        };
        check(201, Priority::Background, true);
        check(200, Priority::Background, false);
        check(200, Priority::Poll, true);
        check(50, Priority::Poll, false);
        check(0, Priority::Write, true);
    }

    #[test]
    fn what_a_follow_up_took_is_paid_by_the_next_call() {
        let with_follow_ups = quota(100, 0.8);
        let mut calls = 0;
        let mut now = start();
        while now < start() + Span::seconds(100) {
            match with_follow_ups.check(Bucket::General, Priority::Write, now) {
                Ok(()) => {
                    with_follow_ups.follow_up(Bucket::General, now).unwrap();
                    calls += 2;
                }
                Err(until) => now = until,
            }
        }
        assert!((700..=830).contains(&calls), "{calls}");
    }

    #[test]
    fn a_clock_set_back_frees_nothing_and_blocks_nothing_for_long() {
        let quota = quota(10, 0.5);
        let late = start() + Span::days(3000);
        while quota.check(Bucket::General, Priority::Write, late).is_ok() {}
        quota.pause(None, late + Span::hours(1));
        assert!(quota.check(Bucket::General, Priority::Write, start()).is_err());
        assert_eq!(quota.check(Bucket::General, Priority::Write, start() + Span::seconds(10)), Ok(()));
    }
}
