//! Virtual time: turned by hand, in step with the daemons that follow it, or at a pace.

mod director;
mod follower;
mod routes;

pub use director::Director;
pub use routes::routes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use follower::{Followers, Ticket};

/// The longest that a follower is kept waiting before it hears how late it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often a pace, and the silence of vanished followers, is looked at.
const TICK: Duration = Duration::from_millis(20);

/// What makes time pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeMode {
    /// Only control calls.
    Manual,
    /// It jumps to the next moment at which anybody wants to be woken, as soon as all followers are asleep.
    Lockstep {
        /// How many followers must have come before time begins to pass.
        expected_followers: usize,
    },
    /// It passes by itself.
    Paced {
        /// How many virtual seconds pass in a real one.
        seconds_per_second: u32,
    },
}

/// What a follower hears when it is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The virtual instant; before the one that was asked for when the wait took too long in real time.
    pub now: DateTime<Utc>,
    /// Whether the play is over: time passes no more.
    pub ended: bool,
}

/// What anybody may know about virtual time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeShown {
    /// The virtual instant.
    pub now: DateTime<Utc>,
    /// What makes time pass.
    pub mode: TimeMode,
    /// When the play ends.
    pub end: Option<DateTime<Utc>>,
    /// Whether it has ended.
    pub ended: bool,
}

/// Virtual time with those who follow it; clones share it.
#[derive(Clone)]
pub struct VirtualTime {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    moved: Notify,
}

struct State {
    director: Director,
    mode: TimeMode,
    end: Option<DateTime<Utc>>,
    followers: Followers,
}

impl VirtualTime {
    /// Starts at the instant that the director's sandbox shows, and ends at `end`, where one is given.
    pub fn new(director: Director, mode: TimeMode, end: Option<DateTime<Utc>>) -> VirtualTime {
        let state = State { director, mode, end, followers: Followers::default() };
        VirtualTime { shared: Arc::new(Shared { state: Mutex::new(state), moved: Notify::new() }) }
    }

    /// The virtual instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.state().director.now()
    }

    /// Everything that may be known.
    pub fn show(&self) -> TimeShown {
        let state = self.state();
        TimeShown { now: state.director.now(), mode: state.mode, end: state.end, ended: state.has_ended() }
    }

    /// Moves time to an instant, whatever the mode; what people do until then happens at its own instants.
    pub fn set(&self, to: DateTime<Utc>) {
        self.state().director.move_to(to);
        self.shared.moved.notify_waiters();
    }

    /// Moves time on.
    pub fn advance(&self, by: TimeDelta) {
        let mut state = self.state();
        let to = state.director.now().checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC);
        state.director.move_to(to);
        drop(state);
        self.shared.moved.notify_waiters();
    }

    /// Sleeps until virtual time has come to `until`, or the play has ended.
    ///
    /// The first sleep of a follower makes it known. In lockstep, time stands while any follower is awake.
    pub async fn sleep(&self, follower: &str, until: DateTime<Utc>) -> Wake {
        loop {
            let wake = self.doze(follower, until).await;
            if wake.ended || wake.now >= until {
                return wake;
            }
        }
    }

    /// Sleeps like [`VirtualTime::sleep`], but for no more than twenty real seconds.
    ///
    /// That the play has ended is told at once, but only once: a follower that goes on sleeping waits in full.
    pub async fn doze(&self, follower: &str, until: DateTime<Utc>) -> Wake {
        let asleep = Asleep { time: self, follower, ticket: self.fall_asleep(follower, until) };
        let patience = Instant::now() + PATIENCE;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Asked for before looking, so that no move between the look and the wait goes unheard.
            let moved = self.shared.moved.notified();
            if let Some(wake) = asleep.look(until, Instant::now() >= patience) {
                return wake;
            }
            tokio::select! {
                () = moved => {}
                _ = tick.tick() => self.go_on(),
            }
        }
    }

    /// Forgets a follower that is done, so that nobody waits for it.
    pub fn leave(&self, follower: &str) {
        self.state().followers.forget(follower);
        self.go_on();
    }

    /// Lets time pass at its pace until the play ends; in the other modes time needs nobody to drive it.
    pub async fn run(&self) {
        let (started, mut from, mut pace) = (Instant::now(), self.now(), tokio::time::interval(TICK));
        while let TimeShown { mode: TimeMode::Paced { seconds_per_second }, ended: false, end, now } = self.show() {
            let passed = TimeDelta::from_std(started.elapsed() * seconds_per_second).unwrap_or(TimeDelta::zero());
            // Whoever sets the clock by hand meanwhile moves what comes after as well.
            from += (now - (from + passed)).max(TimeDelta::zero());
            let to = from.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC);
            self.set(end.map_or(to, |end| to.min(end)));
            pace.tick().await;
        }
    }

    fn fall_asleep(&self, follower: &str, until: DateTime<Utc>) -> Ticket {
        let ticket = self.state().followers.fall_asleep(follower, until, Instant::now());
        self.go_on();
        ticket
    }

    /// In lockstep: jumps to the next moment at which anybody wants to be woken, when all are asleep.
    fn go_on(&self) {
        let mut state = self.state();
        let TimeMode::Lockstep { expected_followers } = state.mode else { return };
        state.followers.forget_vanished(Instant::now());
        let Some(first) = state.followers.first_wake(expected_followers) else { return };
        let to = state.end.map_or(first, |end| first.min(end));
        if state.director.now() < to {
            state.director.move_to(to);
            drop(state);
            self.shared.moved.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_ended(&self) -> bool {
        self.end.is_some_and(|end| end <= self.director.now())
    }
}

/// A follower that is asleep; one that breaks off is awake, since nobody knows what it does.
struct Asleep<'a> {
    time: &'a VirtualTime,
    follower: &'a str,
    ticket: Ticket,
}

impl Asleep<'_> {
    /// What to tell the follower, when there is a reason to wake it.
    fn look(&self, until: DateTime<Utc>, impatient: bool) -> Option<Wake> {
        let mut state = self.time.state();
        let (now, ended) = (state.director.now(), state.has_ended());
        let news = ended && state.followers.hears_of_the_end(self.follower);
        (until <= now || news || impatient).then_some(Wake { now, ended })
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.time.state().followers.wake(self.follower, self.ticket, Instant::now());
    }
}

#[cfg(test)]
mod tests;
