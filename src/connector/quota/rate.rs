//! The limit of one bucket: calls in a window, with what follow-up calls borrowed.

use std::num::NonZeroU32;
use std::time::Duration;

use dealclock_model::Instant;
use governor::clock::{Clock as _, FakeRelativeClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota as Rate, RateLimiter};

use super::Limit;

type Limiter = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, NoOpMiddleware<governor::nanos::Nanos>>;

/// Waiting for less than this would be a busy loop.
const SHORTEST_WAIT: Duration = Duration::from_millis(20);

/// What one bucket has left.
pub(super) struct Counter {
    pub(super) limit: Limit,
    pub(super) paused: Option<Instant>,
    pub(super) debt: u32,
    burst: NonZeroU32,
    limiter: Limiter,
}

/// How much a call may borrow from what comes.
#[derive(Clone, Copy)]
pub(super) enum Credit {
    /// Nothing.
    None,
    /// As much as a burst.
    Burst,
    /// Whatever it takes.
    Endless,
}

impl Counter {
    pub(super) fn new(limit: Limit, share: f64, time: &FakeRelativeClock) -> Counter {
        let rate = rate(limit, share);
        let limiter = RateLimiter::direct_with_clock(rate, time.clone());
        Counter { limit, burst: rate.burst_size(), limiter, paused: None, debt: 0 }
    }

    /// Takes one call of begun work: from what there is, else on credit; else the time to wait.
    pub(super) fn take_on(&mut self, credit: Credit, time: &FakeRelativeClock) -> Option<Duration> {
        let wait = self.take(time)?;
        let lends = match credit {
            Credit::None => false,
            Credit::Burst => self.debt < self.burst.get(),
            Credit::Endless => true,
        };
        if !lends {
            return Some(wait);
        }
        self.debt = self.debt.saturating_add(1);
        None
    }

    /// Pays the debt, then takes one call; else the time to wait.
    fn take(&mut self, time: &FakeRelativeClock) -> Option<Duration> {
        while let Some(debt) = NonZeroU32::new(self.debt) {
            let part = debt.min(self.burst);
            if let Some(wait) = self.wait_for(part, time) {
                return Some(wait);
            }
            self.debt -= part.get();
        }
        self.wait_for(NonZeroU32::MIN, time)
    }

    /// Takes so many calls at once, or tells how long to wait for them.
    fn wait_for(&self, calls: NonZeroU32, time: &FakeRelativeClock) -> Option<Duration> {
        match self.limiter.check_n(calls) {
            Ok(Ok(())) => None,
            Ok(Err(not_until)) => Some(not_until.wait_time_from(time.now()).max(SHORTEST_WAIT)),
            Err(_more_than_the_burst) => Some(SHORTEST_WAIT),
        }
    }

    /// Swaps the limiter when the limit moved by more than a fifth; a new one begins empty, or each swap were a burst.
    pub(super) fn adopt(&mut self, limit: Limit, share: f64, time: &FakeRelativeClock) {
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

fn per_second(limit: Limit) -> f64 {
    f64::from(limit.calls) / limit.window.as_secs_f64().max(0.001)
}

/// The refill is our share of the limit; the burst is the room between the share and the limit, so that a full burst
/// and the refill of one window together stay within the limit.
fn rate(limit: Limit, share: f64) -> Rate {
    let calls = f64::from(limit.calls.max(1));
    let most = (calls / 2.0).max(1.0);
    let burst = (calls * (1.0 - share)).clamp(most.min(2.0), most).floor();
    let refill = (calls * share).min(calls - burst).max(0.5);
    let window = limit.window.max(Duration::from_millis(1));
    let burst = NonZeroU32::new(burst as u32).unwrap_or(NonZeroU32::MIN);
    Rate::with_period(window.div_f64(refill)).unwrap_or(Rate::per_second(NonZeroU32::MIN)).allow_burst(burst)
}
