//! Deadlines and nominal step times: a span counted from a clock's zero.

use chrono::{Duration, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use dealclock_model::{Instant, Span, Unit};

use super::local::{add_days, far, first_instant_of, later, local_date, resolve};
use super::workdays::Workdays;

/// More local dates than ten thousand working hours can be spread over, unless a calendar works minutes a week.
const MOST_DAYS: u32 = 36_600;

/// How one clock counts.
#[derive(Clone, Copy, Debug)]
pub struct Reckoning<'a> {
    /// The zone in which dates are counted.
    pub zone: Tz,
    /// The calendar by which business spans are counted.
    pub office: Workdays<'a>,
    /// The days by which plain days are counted; every day unless the owner's absences are left out.
    pub days: Workdays<'a>,
}

impl Reckoning<'_> {
    /// The first instant that is too late: the end of the last local date, unless a time of day is given.
    pub fn deadline(&self, zero: Instant, span: Span, time: Option<NaiveTime>) -> Instant {
        let deadline = match (self.date(zero, span), time) {
            (Some(date), Some(time)) => resolve(date, time, self.zone),
            (Some(date), None) => first_instant_of(add_days(date, 1), self.zone),
            (None, _) => self.hours(zero, span),
        };
        deadline.max(zero)
    }

    /// When a step is due before quiet and working hours are looked at: days at the send time in the reader's zone.
    pub fn nominal(&self, zero: Instant, span: Span, send_time: NaiveTime, reader: Tz) -> Instant {
        match self.date(zero, span) {
            Some(date) => resolve(date, send_time, reader).max(zero),
            None => self.hours(zero, span),
        }
    }

    /// The local date on which a span of days ends; `None` for hours and minutes.
    pub fn date(&self, zero: Instant, span: Span) -> Option<NaiveDate> {
        let from = local_date(zero, self.zone);
        match span.unit {
            Unit::Days if span.count == 0 => Some(from),
            Unit::Days => Some(self.days.nth_after(from, span.count)),
            Unit::BusinessDays => Some(self.office.nth_after(from, span.count)),
            Unit::Hours | Unit::BusinessHours | Unit::Minutes => None,
        }
    }

    fn hours(&self, zero: Instant, span: Span) -> Instant {
        let length = match span.unit {
            Unit::Minutes => Duration::minutes(i64::from(span.count)),
            Unit::Days | Unit::BusinessDays | Unit::Hours | Unit::BusinessHours => {
                Duration::hours(i64::from(span.count))
            }
        };
        match span.unit {
            Unit::BusinessHours => self.working_time(zero, length),
            Unit::Days | Unit::BusinessDays | Unit::Hours | Unit::Minutes => later(zero, length),
        }
    }

    /// The instant at which so much working time has passed.
    pub(super) fn working_time(&self, zero: Instant, length: Duration) -> Instant {
        let mut left = length;
        if left <= Duration::zero() {
            return zero;
        }
        let mut date = local_date(zero, self.zone);
        for _ in 0..MOST_DAYS {
            for (from, to) in self.spells(date) {
                let from = from.max(zero);
                if from < to {
                    if to - from >= left {
                        return later(from, left);
                    }
                    left -= to - from;
                }
            }
            date = add_days(date, 1);
        }
        far()
    }

    /// The working spells of a date as instants, in order and without overlap.
    pub(super) fn spells(&self, date: NaiveDate) -> Vec<(Instant, Instant)> {
        let mut ranges = self.office.ranges(date);
        ranges.sort_unstable();
        let mut spells: Vec<(Instant, Instant)> = Vec::with_capacity(ranges.len());
        for (from, to) in ranges {
            let from = resolve(date, from, self.zone);
            let to = match to {
                NaiveTime::MIN => first_instant_of(add_days(date, 1), self.zone),
                to => resolve(date, to, self.zone),
            };
            let from = spells.last().map_or(from, |(_, end)| from.max(*end));
            if from < to {
                spells.push((from, to));
            }
        }
        spells
    }
}
