//! The day's budget: what the CRM says of all who use the account, and what we used of our own part.
//!
//! A CRM's day ends at midnight somewhere, or rolls. Ours always rolls over 24 hours, so that it holds for both.

use std::collections::BTreeMap;

use chrono::Duration as Span;
use dealclock_model::Instant;
use serde::{Deserialize, Serialize};

use super::{Daily, Priority};

/// What an answer said about the day stops a call for so long; then one call may look again.
pub(super) const SAYING_STOPS_FOR: Span = Span::minutes(15);
/// What an answer said about the day slows polls down for so long: the slowest poll must still find it.
const SAYING_SLOWS_FOR: Span = Span::hours(2);

/// Polls keep their interval until this part of a budget is used, and are slowest at its end.
const SLOW_FROM: f64 = 0.7;
/// How much longer the interval between polls can become.
const SLOWEST: f64 = 30.0;
/// The part of our budget that work in the background may use.
const FOR_BACKGROUND: f64 = 0.85;
/// The part of the account's day, used by all, at which polls are slowest; behind it they stop.
const POLLS_STOP_AT: f64 = 0.95;

/// Our own calls of the last 24 hours, by hour; what a daemon keeps over a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spent {
    hours: BTreeMap<i64, u64>,
}

/// The day's calls, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Today {
    /// Our own calls of the last 24 hours.
    pub ours: u64,
    /// How many of them may be ours, where the account's limit is known.
    pub budget: Option<u64>,
    /// The calls of all who use the account, as last told.
    pub all: Option<u64>,
    /// The account's limit.
    pub limit: Option<u64>,
}

/// What is known of the day.
#[derive(Debug)]
pub(super) struct Day {
    pub(super) share: f64,
    pub(super) told: Option<Daily>,
    pub(super) spent: Spent,
}

impl Spent {
    /// Counts one call, and forgets hours that no longer matter.
    pub(super) fn count(&mut self, now: Instant) {
        let hour = hour(now);
        *self.hours.entry(hour).or_default() += 1;
        self.hours.retain(|at, _| matters(hour, *at));
    }

    /// The calls of at least the last 24 hours.
    pub fn total(&self, now: Instant) -> u64 {
        let hour = hour(now);
        self.hours.iter().filter(|(at, _)| matters(hour, **at)).map(|(_, calls)| calls).sum()
    }

    /// Adds what an earlier run had spent.
    pub(super) fn add(&mut self, earlier: &Spent) {
        for (hour, calls) in &earlier.hours {
            *self.hours.entry(*hour).or_default() += calls;
        }
    }
}

impl Day {
    pub(super) fn new() -> Day {
        Day { share: 1.0, told: None, spent: Spent::default() }
    }

    /// Whether a call may leave, or when to ask again.
    pub(super) fn check(&self, priority: Priority, now: Instant) -> Result<(), Instant> {
        self.check_ours(priority, now)?;
        self.check_account(priority, now)
    }

    /// By how much polls slow down now, at least 1.
    pub(super) fn stretch(&self, now: Instant) -> f64 {
        let told = self.told.filter(|told| is_recent(told, now, SAYING_SLOWS_FOR));
        let all = told.map_or(0.0, |told| part(told.limit.saturating_sub(told.remaining), told.limit));
        slowdown(self.used(now), 1.0).max(slowdown(all, POLLS_STOP_AT))
    }

    pub(super) fn today(&self, now: Instant) -> Today {
        Today {
            ours: self.spent.total(now),
            budget: self.budget(),
            all: self.told.map(|told| told.limit.saturating_sub(told.remaining)),
            limit: self.told.map(|told| told.limit),
        }
    }

    fn check_ours(&self, priority: Priority, now: Instant) -> Result<(), Instant> {
        let stops_at = match priority {
            Priority::Background => FOR_BACKGROUND,
            Priority::Poll => 1.0,
            Priority::Write => return Ok(()),
        };
        // Room comes when the oldest hour leaves the day.
        if self.used(now) < stops_at { Ok(()) } else { Err(next_hour(now)) }
    }

    fn check_account(&self, priority: Priority, now: Instant) -> Result<(), Instant> {
        let Some(told) = self.told else { return Ok(()) };
        let reserve = match priority {
            Priority::Background => told.limit / 5,
            Priority::Poll => told.limit / 20,
            Priority::Write => return Ok(()),
        };
        let stops = told.remaining <= reserve && is_recent(&told, now, SAYING_STOPS_FOR);
        if stops { Err(told.seen_at + SAYING_STOPS_FOR) } else { Ok(()) }
    }

    /// The part of our own budget that is used; nothing is known of it before the CRM named its limit.
    fn used(&self, now: Instant) -> f64 {
        self.budget().map_or(0.0, |budget| part(self.spent.total(now), budget))
    }

    fn budget(&self) -> Option<u64> {
        // No CRM allows more than 2^53 calls a day.
        self.told.map(|told| ((told.limit as f64 * self.share) as u64).max(1))
    }
}

/// From 1 to the slowest, smoothly: each further part of the budget slows down by the same factor.
fn slowdown(used: f64, slowest_at: f64) -> f64 {
    SLOWEST.powf(((used - SLOW_FROM) / (slowest_at - SLOW_FROM)).clamp(0.0, 1.0))
}

fn part(used: u64, of: u64) -> f64 {
    used as f64 / of.max(1) as f64
}

fn is_recent(told: &Daily, now: Instant, span: Span) -> bool {
    told.seen_at <= now && now < told.seen_at + span
}

fn hour(instant: Instant) -> i64 {
    instant.timestamp().div_euclid(3600)
}

/// The hour that is under way and 24 whole ones. One further ahead was counted before the clock was set back.
fn matters(hour: i64, at: i64) -> bool {
    (hour - 24..=hour + 1).contains(&at)
}

fn next_hour(now: Instant) -> Instant {
    Instant::from_timestamp((hour(now) + 1).saturating_mul(3600), 0).unwrap_or(now + Span::hours(1))
}
