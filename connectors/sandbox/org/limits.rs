//! How many calls were made in the last 24 hours, and how many may be.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::errors::Failure;
use super::options::OrgLimits;
use crate::portal::instant::Millis;

const HOUR: Millis = 3_600_000;
const DAY: Millis = 24 * HOUR;

/// The calls of the last 24 hours, by the hour.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) limits: OrgLimits,
    hours: VecDeque<(Millis, u32)>,
}

impl Usage {
    pub(crate) fn new(limits: OrgLimits) -> Usage {
        Usage { limits, hours: VecDeque::new() }
    }

    /// Counts a call, or tells that the day's calls are used up; a refused call is not counted.
    /// <https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm>
    pub(crate) fn count(&mut self, now: Millis) -> Result<(), Failure> {
        if self.limits.daily.is_some_and(|limit| self.used(now) >= limit) {
            return Err(Failure::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
        }
        self.count_further(1, now);
        Ok(())
    }

    /// Counts calls that are carried out whatever the limit says.
    pub(crate) fn count_further(&mut self, calls: u32, now: Millis) {
        let hour = now.div_euclid(HOUR);
        match self.hours.back_mut() {
            Some((last, count)) if *last == hour => *count = count.saturating_add(calls),
            Some(_) | None => self.hours.push_back((hour, calls)),
        }
    }

    /// What each answer tells: `api-usage=10018/100000`.
    pub(crate) fn header(&mut self, now: Millis) -> String {
        let (used, limit) = (self.used(now), self.limits.daily.unwrap_or(u32::MAX));
        match self.limits.tells_bursts {
            true => format!("api-usage={used}/{limit}; api-bursts=1/750"),
            false => format!("api-usage={used}/{limit}"),
        }
    }

    /// What the resource of that name tells.
    pub(crate) fn report(&mut self, now: Millis) -> Value {
        let limit = self.limits.daily.unwrap_or(u32::MAX);
        let remaining = limit.saturating_sub(self.used(now));
        let untouched = |max: u32| json!({ "Max": max, "Remaining": max });
        json!({
            "DailyApiRequests": { "Max": limit, "Remaining": remaining },
            "DailyBulkV2QueryJobs": untouched(10_000),
            "DailyWorkflowEmails": untouched(15_000),
            "SingleEmail": untouched(5_000),
        })
    }

    fn used(&mut self, now: Millis) -> u32 {
        let oldest = (now - DAY).div_euclid(HOUR);
        while self.hours.front().is_some_and(|(hour, _)| *hour <= oldest) {
            self.hours.pop_front();
        }
        self.hours.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_rolls() {
        let mut usage = Usage::new(OrgLimits { daily: Some(2), tells_bursts: true });
        let noon = 1_773_300_000_000;
        assert_eq!(usage.count(noon), Ok(()));
        assert_eq!(usage.count(noon + HOUR), Ok(()));
        assert_eq!(usage.header(noon + HOUR), "api-usage=2/2; api-bursts=1/750");
        assert_eq!(usage.count(noon + 2 * HOUR).map_err(|failure| failure.status), Err(403));
        assert_eq!(usage.count(noon + DAY), Ok(()));
    }
}
