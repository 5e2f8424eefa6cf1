//! Time that passes while a clock stands still, counted as its deadline counts: given back afterwards in the same unit.

use chrono::{Days, Duration, NaiveDate, NaiveTime};
use dealclock_model::{Instant, Unit};

use super::local::{add_days, far, first_instant_of, later, local_date, local_time, resolve};
use super::reckon::Reckoning;
use super::workdays::Workdays;

/// A clock that stood still for longer has its time given back as if every day counted.
const MOST_DAYS: u32 = 3_660;

impl<'a> Reckoning<'a> {
    /// The days that a unit of days counts; `None` for hours and minutes.
    pub fn days_of(&self, unit: Unit) -> Option<Workdays<'a>> {
        match unit {
            Unit::Days => Some(self.days),
            Unit::BusinessDays => Some(self.office),
            Unit::Hours | Unit::BusinessHours | Unit::Minutes => None,
        }
    }

    /// How much of a unit's time lies between two instants: for days the time by the clock on the wall on the days that
    /// count, so that a day with an hour more or less is one day; for business hours the working time.
    pub fn counted(&self, from: Instant, to: Instant, unit: Unit) -> Duration {
        if to <= from {
            return Duration::zero();
        }
        match (unit, self.days_of(unit)) {
            (_, Some(days)) => self.wall_time(from, to, &days),
            (Unit::BusinessHours, None) => self.working_time_between(from, to),
            (Unit::Days | Unit::BusinessDays | Unit::Hours | Unit::Minutes, None) => to - from,
        }
    }

    /// The instant at which so much of a unit's time has passed since `from`.
    pub fn after(&self, from: Instant, time: Duration, unit: Unit) -> Instant {
        match (unit, self.days_of(unit)) {
            (_, Some(days)) => self.after_wall_time(from, time, &days),
            (Unit::BusinessHours, None) => self.working_time(from, time),
            (Unit::Days | Unit::BusinessDays | Unit::Hours | Unit::Minutes, None) => later(from, time),
        }
    }

    /// The instant from which on so much of a unit's time passes until `to`.
    pub fn before(&self, to: Instant, time: Duration, unit: Unit) -> Instant {
        match unit {
            Unit::BusinessHours => self.before_working_time(to, time),
            Unit::Days | Unit::BusinessDays | Unit::Hours | Unit::Minutes => later(to, -time),
        }
    }

    /// A deadline in a unit of days ends at the end of a day that counts, or at its time of day: the first such instant not
    /// before this one. Deadlines in hours are left as they are.
    pub fn rounded_up(&self, deadline: Instant, unit: Unit, time: Option<NaiveTime>) -> Instant {
        let Some(days) = self.days_of(unit) else { return deadline };
        let last = local_date(later(deadline, Duration::seconds(-1)), self.zone);
        match time {
            None => first_instant_of(add_days(days.first_from(last), 1), self.zone),
            Some(time) => {
                let date = days.first_from(last);
                let end = resolve(date, time, self.zone);
                if deadline <= end { end } else { resolve(days.first_from(add_days(date, 1)), time, self.zone) }
            }
        }
    }

    fn wall_time(&self, from: Instant, to: Instant, days: &Workdays<'_>) -> Duration {
        let (from, to) = (local_time(from, self.zone), local_time(to, self.zone));
        if days.is_every_day() || to.date() - from.date() > Duration::days(i64::from(MOST_DAYS)) {
            return (to - from).max(Duration::zero());
        }
        let dates = from.date().iter_days().take_while(|date| *date <= to.date());
        let counting = dates.filter(|date| days.is_working(*date));
        counting.fold(Duration::zero(), |sum, date| {
            let end = date.checked_add_days(Days::new(1)).unwrap_or(date).and_time(NaiveTime::MIN);
            let part = to.min(end) - from.max(date.and_time(NaiveTime::MIN));
            sum + part.max(Duration::zero())
        })
    }

    fn after_wall_time(&self, from: Instant, time: Duration, days: &Workdays<'_>) -> Instant {
        if time <= Duration::zero() {
            return from;
        }
        let start = local_time(from, self.zone);
        let mut left = time;
        let mut date = start.date();
        for _ in 0..MOST_DAYS {
            if days.is_every_day() {
                break;
            }
            if days.is_working(date) {
                let begin = start.max(date.and_time(NaiveTime::MIN));
                let rest = date.checked_add_days(Days::new(1)).unwrap_or(date).and_time(NaiveTime::MIN) - begin;
                if left <= rest {
                    return self.local(begin + left);
                }
                left -= rest;
            }
            date = add_days(date, 1);
        }
        let begin = start.max(date.and_time(NaiveTime::MIN));
        begin.checked_add_signed(left).map_or_else(far, |local| self.local(local))
    }

    fn local(&self, local: chrono::NaiveDateTime) -> Instant {
        resolve(local.date(), local.time(), self.zone)
    }

    fn working_time_between(&self, from: Instant, to: Instant) -> Duration {
        let last = local_date(to, self.zone);
        let dates = local_date(from, self.zone).iter_days().take(MOST_DAYS as usize);
        let spells = dates.take_while(|date| *date <= last).flat_map(|date| self.spells(date));
        spells.fold(Duration::zero(), |sum, (begin, end)| sum + (end.min(to) - begin.max(from)).max(Duration::zero()))
    }

    fn before_working_time(&self, to: Instant, time: Duration) -> Instant {
        let mut left = time;
        let dates = std::iter::successors(Some(local_date(to, self.zone)), NaiveDate::pred_opt);
        for date in dates.take(MOST_DAYS as usize) {
            for (begin, end) in self.spells(date).into_iter().rev() {
                let end = end.min(to);
                if begin < end {
                    if end - begin >= left {
                        return end - left;
                    }
                    left -= end - begin;
                }
            }
        }
        later(to, -time)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;
    use dealclock_model::time::WorkingHours;

    use super::*;

    fn at(text: &str) -> Instant {
        resolve(text[..10].parse().unwrap(), text[11..].parse().unwrap(), chrono_tz::Europe::Berlin)
    }

    fn office_hours() -> WorkingHours {
        use chrono::Weekday::{Fri, Mon, Thu, Tue, Wed};
        let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        WorkingHours { ranges: [Mon, Tue, Wed, Thu, Fri].map(|day| (day, time(9), time(17))).to_vec() }
    }

    /// A deadline of a unit, and a spell for which its clock stood still: the deadline afterwards.
    fn check(unit: Unit, time: Option<&str>, deadline: &str, spell: (&str, &str), expected: &str) {
        let hours = office_hours();
        let zone: Tz = chrono_tz::Europe::Berlin;
        let office = Workdays { hours: Some(&hours), ..Workdays::default() };
        let reckoning = Reckoning { zone, office, days: Workdays::default() };
        let time = time.map(|time| time.parse().unwrap());
        let stood = reckoning.counted(at(spell.0), at(spell.1), unit);
        let after = reckoning.after(at(deadline), stood, unit);
        assert_eq!(reckoning.rounded_up(after, unit, time), at(expected), "{unit:?} {deadline} {spell:?}");
    }

    #[test]
    fn time_that_a_clock_stood_still_is_given_back_in_the_unit_of_its_deadline() {
        // Days: half a day is rounded up to a whole one, a whole one is one, also over the change of the clocks.
        check(
            Unit::Days,
            None,
            "2026-06-06T00:00:00",
            ("2026-06-02T10:00:00", "2026-06-02T15:00:00"),
            "2026-06-07T00:00:00",
        );
        check(
            Unit::Days,
            None,
            "2026-06-06T00:00:00",
            ("2026-06-02T10:00:00", "2026-06-04T10:00:00"),
            "2026-06-08T00:00:00",
        );
        check(
            Unit::Days,
            None,
            "2026-10-29T00:00:00",
            ("2026-10-24T12:00:00", "2026-10-25T12:00:00"),
            "2026-10-30T00:00:00",
        );
        check(
            Unit::Days,
            None,
            "2026-03-31T00:00:00",
            ("2026-03-28T12:00:00", "2026-03-29T12:00:00"),
            "2026-04-01T00:00:00",
        );
        check(
            Unit::Days,
            Some("17:00:00"),
            "2026-06-05T17:00:00",
            ("2026-06-02T10:00:00", "2026-06-02T15:00:00"),
            "2026-06-06T17:00:00",
        );
        // Business days: a weekend in between is nobody's.
        check(
            Unit::BusinessDays,
            None,
            "2026-06-11T00:00:00",
            ("2026-06-05T12:00:00", "2026-06-08T12:00:00"),
            "2026-06-12T00:00:00",
        );
        check(
            Unit::BusinessDays,
            None,
            "2026-06-06T00:00:00",
            ("2026-06-03T12:00:00", "2026-06-04T12:00:00"),
            "2026-06-09T00:00:00",
        );
        // Hours go by the hour, business hours by working hours: 2 on Thursday, 1 on Friday.
        check(
            Unit::Hours,
            None,
            "2026-06-05T16:30:00",
            ("2026-06-04T15:00:00", "2026-06-05T10:00:00"),
            "2026-06-06T11:30:00",
        );
        check(
            Unit::BusinessHours,
            None,
            "2026-06-05T16:00:00",
            ("2026-06-04T15:00:00", "2026-06-05T10:00:00"),
            "2026-06-08T11:00:00",
        );
    }

    #[test]
    fn working_time_is_walked_back_over_nights_and_weekends() {
        let hours = office_hours();
        let office = Workdays { hours: Some(&hours), ..Workdays::default() };
        let reckoning = Reckoning { zone: chrono_tz::Europe::Berlin, office, days: Workdays::default() };
        let back = |to: &str, hours| reckoning.before(at(to), Duration::hours(hours), Unit::BusinessHours);
        assert_eq!(back("2026-06-08T11:00:00", 1), at("2026-06-08T10:00:00"));
        assert_eq!(back("2026-06-08T11:00:00", 4), at("2026-06-05T15:00:00"));
        assert_eq!(back("2026-06-07T11:00:00", 9), at("2026-06-04T16:00:00"));
        assert_eq!(office.nth_before("2026-06-08".parse().unwrap(), 2), "2026-06-04".parse().unwrap());
        assert_eq!(office.count_between("2026-06-04".parse().unwrap(), "2026-06-08".parse().unwrap()), 2);
    }
}
