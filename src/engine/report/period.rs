//! The days that a report is about: local dates of the connection, both included.

use chrono::{Datelike, Days, Duration, NaiveDate};
use chrono_tz::Tz;
use dealclock_model::Instant;

use crate::time::local::add_days;
use crate::time::{Schedule, first_instant_of, local_date};

/// Local dates in a zone, the first and the last included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: NaiveDate,
    /// The last.
    pub to: NaiveDate,
    /// The zone whose days they are.
    pub zone: Tz,
}

impl Period {
    /// The first instant.
    pub fn start(&self) -> Instant {
        first_instant_of(self.from, self.zone)
    }

    /// The first instant that is not part of it any more.
    pub fn end(&self) -> Instant {
        first_instant_of(add_days(self.to, 1), self.zone)
    }

    /// Whether an instant lies in it.
    pub fn contains(&self, instant: Instant) -> bool {
        self.start() <= instant && instant < self.end()
    }

    /// How many local dates it has.
    pub fn days(&self) -> i64 {
        (self.to - self.from).num_days() + 1
    }

    /// The last whole month, week of seven days, or day before the date on which a report is due: whichever suits how often
    /// it recurs.
    pub fn before(due: Instant, every: &Schedule, zone: Tz) -> Period {
        let today = local_date(due, zone);
        let apart = every.next_after(due, zone).map_or(Duration::zero(), |next| next - due);
        // A week is an hour shorter or longer where the clocks change.
        let to = today.pred_opt().unwrap_or(today);
        let from = if apart >= Duration::days(28) - Duration::hours(1) {
            return last_month(today, zone);
        } else if apart >= Duration::days(7) - Duration::hours(1) {
            to.checked_sub_days(Days::new(6)).unwrap_or(to)
        } else {
            to
        };
        Period { from, to, zone }
    }
}

fn last_month(today: NaiveDate, zone: Tz) -> Period {
    let first = today.with_day(1).unwrap_or(today);
    let to = first.pred_opt().unwrap_or(first);
    Period { from: to.with_day(1).unwrap_or(to), to, zone }
}
