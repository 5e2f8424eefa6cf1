//! Which days count, and which hours of them: a calendar's or a person's, without holidays and days away.

use chrono::{Datelike, Days, NaiveDate, NaiveTime};
use dealclock_model::Profile;
use dealclock_model::time::{DateRange, WorkingHours};

use crate::rules::Calendar;

use super::local::{add_days, far};

/// A century: nobody has so many days off in a row, and a calendar without any working day must not search for ever.
const MOST_DAYS: u32 = 36_600;

/// Days and hours that count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Workdays<'a> {
    /// Working hours by weekday; `None` when every day counts, around the clock.
    pub hours: Option<&'a WorkingHours>,
    /// Days off, sorted.
    pub holidays: &'a [NaiveDate],
    /// Further days off, sorted: those that the CRM knows.
    pub crm_holidays: &'a [NaiveDate],
    /// Days away.
    pub absences: &'a [DateRange],
}

impl<'a> Workdays<'a> {
    /// A calendar's, without the days off that the CRM of a connection knows.
    pub fn of(calendar: &'a Calendar, profile: &'a Profile) -> Workdays<'a> {
        let Calendar { hours, holidays } = calendar;
        Workdays { hours: Some(hours), holidays, crm_holidays: &profile.holidays, absences: &[] }
    }
}

impl Workdays<'_> {
    /// Whether every day counts, around the clock.
    pub fn is_every_day(&self) -> bool {
        let holidays = [self.holidays, self.crm_holidays];
        self.hours.is_none() && holidays.iter().all(|days| days.is_empty()) && self.absences.is_empty()
    }

    /// Whether a date counts.
    pub fn is_working(&self, date: NaiveDate) -> bool {
        self.hours.is_none_or(|hours| hours.ranges.iter().any(|(weekday, ..)| *weekday == date.weekday()))
            && [self.holidays, self.crm_holidays].iter().all(|days| days.binary_search(&date).is_err())
            && !self.absences.iter().any(|range| range.contains(date))
    }

    /// The local times of a date that count, half open; a `to` of 00:00 is the end of the date.
    pub fn ranges(&self, date: NaiveDate) -> Vec<(NaiveTime, NaiveTime)> {
        if !self.is_working(date) {
            return Vec::new();
        }
        match self.hours {
            None => vec![(NaiveTime::MIN, NaiveTime::MIN)],
            Some(hours) => {
                let of_day = hours.ranges.iter().filter(|(weekday, ..)| *weekday == date.weekday());
                of_day.map(|(_, from, to)| (*from, *to)).collect()
            }
        }
    }

    /// Whether a local time of a date counts.
    pub fn contains(&self, date: NaiveDate, time: NaiveTime) -> bool {
        let inside = |from: NaiveTime, to: NaiveTime| from <= time && (time < to || to == NaiveTime::MIN);
        self.is_working(date)
            && self.hours.is_none_or(|hours| {
                let mut of_day = hours.ranges.iter().filter(|(weekday, ..)| *weekday == date.weekday());
                of_day.any(|(_, from, to)| inside(*from, *to))
            })
    }

    /// The `count`th counting date after `date`; with 0 the date itself or the next that counts.
    pub fn nth_after(&self, date: NaiveDate, count: u32) -> NaiveDate {
        if self.is_every_day() {
            return add_days(date, count);
        }
        if count == 0 {
            return self.first_from(date);
        }
        (0..count).fold(date, |date, _| self.first_from(add_days(date, 1)))
    }

    /// The `count`th counting date before `date`.
    pub fn nth_before(&self, date: NaiveDate, count: u32) -> NaiveDate {
        if self.is_every_day() {
            return date.checked_sub_days(Days::new(u64::from(count))).unwrap_or(date);
        }
        (0..count).fold(date, |date, _| {
            let mut earlier = std::iter::successors(date.pred_opt(), NaiveDate::pred_opt).take(MOST_DAYS as usize);
            earlier.find(|date| self.is_working(*date)).unwrap_or(date)
        })
    }

    /// How many counting dates lie after `from` and not after `to`.
    pub fn count_between(&self, from: NaiveDate, to: NaiveDate) -> u32 {
        if to <= from {
            return 0;
        }
        if self.is_every_day() {
            return u32::try_from((to - from).num_days()).unwrap_or(u32::MAX);
        }
        let dates = from.iter_days().skip(1).take_while(|date| *date <= to);
        u32::try_from(dates.filter(|date| self.is_working(*date)).count()).unwrap_or(u32::MAX)
    }

    /// The date itself or the next that counts.
    pub fn first_from(&self, date: NaiveDate) -> NaiveDate {
        let mut candidates = (0..MOST_DAYS).map(|days| add_days(date, days));
        candidates.find(|date| self.is_working(*date)).unwrap_or_else(|| far().date_naive())
    }
}
