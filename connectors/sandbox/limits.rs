//! The limits of the CRM: rolling windows and a count that starts anew at the account's midnight.

use std::collections::VecDeque;

use chrono::{Duration, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::options::Limits;
use crate::portal::instant::{Millis, to_datetime};
use crate::routes::endpoint::Budget;

/// A limit that is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    Daily,
    TenSecondly,
    Secondly,
}

impl Exhausted {
    /// The body of the answer.
    /// <https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines>
    pub(crate) fn to_body(self, correlation_id: &str) -> Value {
        let (policy, words) = match self {
            Exhausted::Daily => ("DAILY", "daily"),
            Exhausted::TenSecondly => ("TEN_SECONDLY_ROLLING", "ten_secondly_rolling"),
            Exhausted::Secondly => ("SECONDLY", "secondly"),
        };
        json!({
            "status": "error",
            "message": format!("You have reached your {words} limit."),
            "errorType": "RATE_LIMIT",
            "correlationId": correlation_id,
            "policyName": policy,
            "requestId": correlation_id,
        })
    }
}

/// How much of the day's calls is used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) daily_limit: u32,
    pub(crate) daily_used: u32,
    pub(crate) resets_at: Millis,
}

/// Counts calls against the limits.
#[derive(Debug)]
pub(crate) struct Counters {
    zone: Tz,
    general: Window,
    associations: Window,
    search: Window,
    daily_limit: Option<u32>,
    day: NaiveDate,
    used_today: u32,
}

impl Counters {
    pub(crate) fn new(limits: Limits, zone: &str) -> Counters {
        Counters {
            zone: zone.parse().unwrap_or(Tz::UTC),
            general: Window::new(limits.general, 10_000),
            associations: Window::new(limits.associations, 10_000),
            search: Window::new(limits.search, 1_000),
            daily_limit: limits.daily,
            day: NaiveDate::MIN,
            used_today: 0,
        }
    }

    /// Counts a call, or tells which limit forbids it; a forbidden call is not counted.
    pub(crate) fn count(&mut self, budget: Budget, now: Millis) -> Result<(), Exhausted> {
        self.turn_day(now);
        if self.daily_limit.is_some_and(|limit| self.used_today >= limit) {
            return Err(Exhausted::Daily);
        }
        let (window, exhausted) = match budget {
            Budget::General => (&mut self.general, Exhausted::TenSecondly),
            Budget::Associations => (&mut self.associations, Exhausted::TenSecondly),
            Budget::Search => (&mut self.search, Exhausted::Secondly),
        };
        if !window.admit(now) {
            return Err(exhausted);
        }
        self.used_today += 1;
        Ok(())
    }

    /// Tells a caller what is left; searches tell nothing.
    pub(crate) fn write_headers(&self, budget: Budget, headers: &mut HeaderMap) {
        let window = match budget {
            Budget::General => &self.general,
            Budget::Associations => &self.associations,
            Budget::Search => return,
        };
        if let Some(limit) = window.limit {
            headers.insert(HeaderName::from_static("x-hubspot-ratelimit-max"), limit.into());
            let remaining = HeaderValue::from(limit.saturating_sub(window.used()));
            headers.insert(HeaderName::from_static("x-hubspot-ratelimit-remaining"), remaining);
            let interval = HeaderValue::from(window.length);
            headers.insert(HeaderName::from_static("x-hubspot-ratelimit-interval-milliseconds"), interval);
        }
        if let Some(limit) = self.daily_limit {
            headers.insert(HeaderName::from_static("x-hubspot-ratelimit-daily"), limit.into());
            let remaining = HeaderValue::from(limit.saturating_sub(self.used_today));
            headers.insert(HeaderName::from_static("x-hubspot-ratelimit-daily-remaining"), remaining);
        }
    }

    pub(crate) fn usage(&mut self, now: Millis) -> Usage {
        self.turn_day(now);
        let midnight = (self.day + Duration::days(1)).and_time(NaiveTime::MIN);
        // Where midnight does not exist, the day begins an hour later.
        let resets_at = self
            .zone
            .from_local_datetime(&midnight)
            .earliest()
            .or_else(|| self.zone.from_local_datetime(&(midnight + Duration::hours(1))).earliest());
        Usage {
            daily_limit: self.daily_limit.unwrap_or(u32::MAX),
            daily_used: self.used_today,
            resets_at: resets_at.map_or(now, |at| at.timestamp_millis()),
        }
    }

    fn turn_day(&mut self, now: Millis) {
        let day = to_datetime(now).with_timezone(&self.zone).date_naive();
        if day != self.day {
            self.day = day;
            self.used_today = 0;
        }
    }
}

/// The calls of the last so many milliseconds.
#[derive(Debug)]
struct Window {
    limit: Option<u32>,
    length: i64,
    calls: VecDeque<Millis>,
}

impl Window {
    fn new(limit: Option<u32>, length: i64) -> Window {
        Window { limit, length, calls: VecDeque::new() }
    }

    fn admit(&mut self, now: Millis) -> bool {
        let Some(limit) = self.limit else { return true };
        while self.calls.front().is_some_and(|first| *first <= now - self.length) {
            self.calls.pop_front();
        }
        let admitted = self.used() < limit;
        if admitted {
            self.calls.push_back(now);
        }
        admitted
    }

    fn used(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = 1_773_300_000_000;

    #[test]
    fn a_window_rolls() {
        let mut counters = Counters::new(Limits { search: Some(2), ..Limits::default() }, "UTC");
        assert_eq!(counters.count(Budget::Search, NOON), Ok(()));
        assert_eq!(counters.count(Budget::Search, NOON + 600), Ok(()));
        assert_eq!(counters.count(Budget::Search, NOON + 999), Err(Exhausted::Secondly));
        assert_eq!(counters.count(Budget::Search, NOON + 1000), Ok(()));
        assert_eq!(counters.count(Budget::Search, NOON + 1001), Err(Exhausted::Secondly));
    }

    #[test]
    fn the_day_turns_at_the_midnight_of_the_account() {
        // 23:59:59 in New York, where it is 04:59:59 in UTC.
        let before_midnight = 1_772_254_799_000;
        let mut counters = Counters::new(Limits { daily: Some(1), ..Limits::default() }, "US/Eastern");
        assert_eq!(counters.count(Budget::General, before_midnight), Ok(()));
        assert_eq!(counters.count(Budget::General, before_midnight), Err(Exhausted::Daily));
        assert_eq!(counters.usage(before_midnight).resets_at, before_midnight + 1000);
        assert_eq!(counters.count(Budget::General, before_midnight + 1000), Ok(()));
    }

    #[test]
    fn one_budget_does_not_use_up_another() {
        let mut counters = Counters::new(Limits { general: Some(1), ..Limits::default() }, "UTC");
        assert_eq!(counters.count(Budget::General, NOON), Ok(()));
        assert_eq!(counters.count(Budget::General, NOON), Err(Exhausted::TenSecondly));
        assert_eq!(counters.count(Budget::Associations, NOON), Ok(()));
    }
}
