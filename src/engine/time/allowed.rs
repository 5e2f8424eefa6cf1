//! When a reminder may reach a person: inside working hours, outside quiet hours, by the clock on their wall.

use std::collections::BTreeSet;

use chrono::{Datelike, Duration, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use dealclock_model::Instant;
use dealclock_model::time::DailyRange;

use super::local::{add_days, clamp, first_instant_of, local_date, local_time, occurrences, transition};
use super::workdays::Workdays;

/// How far an allowed instant is looked for. Somebody who is away longer gets what is due at its own time.
const MOST_DAYS: u32 = 400;

/// The instants at which a reminder may go out to one person.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    /// The person's zone.
    pub zone: Tz,
    /// Working hours, where any are known.
    pub working: Workdays<'a>,
    /// Quiet hours, where any are set.
    pub quiet: Option<DailyRange>,
}

impl Allowed<'_> {
    /// When a reminder goes out that is nominally due at `nominal`: then if it may, else at the next allowed instant; if
    /// that is not before the deadline, at the last allowed one before; if there is none since zero, nominally.
    pub fn move_to(&self, nominal: Instant, zero: Instant, deadline: Instant) -> Instant {
        if self.contains(nominal) && nominal < deadline {
            return nominal;
        }
        match self.next(nominal) {
            Some(next) if next < deadline => next,
            Some(_) | None => self.last_before(nominal.min(deadline), zero).unwrap_or(nominal),
        }
    }

    /// Whether a reminder may go out at an instant.
    pub fn contains(&self, instant: Instant) -> bool {
        let local = local_time(instant, self.zone);
        self.working.contains(local.date(), local.time())
            && !self.quiet.is_some_and(|quiet| quiet.contains(local.time()))
    }

    /// The first allowed instant at or after `from`.
    pub fn next(&self, from: Instant) -> Option<Instant> {
        if self.contains(from) {
            return Some(from);
        }
        let date = local_date(from, self.zone);
        // A day back, since a zone that is set back over midnight returns to the date before.
        let dates = (0..MOST_DAYS).map(|days| add_days(date.pred_opt().unwrap_or(date), days));
        dates.flat_map(|date| self.windows(date)).find(|(_, end)| *end > from).map(|(start, _)| start.max(from))
    }

    /// The last allowed minute that lies before `before` and not before `floor`.
    pub fn last_before(&self, before: Instant, floor: Instant) -> Option<Instant> {
        let mut date = add_days(local_date(before, self.zone), 1);
        for _ in 0..MOST_DAYS {
            for (start, end) in self.windows(date).into_iter().rev() {
                let end = end.min(before);
                if start < end && floor < end {
                    return Some((end - Duration::minutes(1)).max(start).max(floor));
                }
            }
            if first_instant_of(date, self.zone) <= floor {
                return None;
            }
            date = date.pred_opt()?;
        }
        None
    }

    /// The allowed spells among the instants from the first of a date to the first of the next, half open, in order.
    fn windows(&self, date: NaiveDate) -> Vec<(Instant, Instant)> {
        let (first, end) = (first_instant_of(date, self.zone), first_instant_of(add_days(date, 1), self.zone));
        let mut breaks = self.breaks(date, first, end);
        breaks.insert(end);
        let mut windows: Vec<(Instant, Instant)> = Vec::new();
        let mut start = first;
        for next in breaks {
            if start < next && self.contains(start) {
                match windows.last_mut() {
                    Some((_, last)) if *last == start => *last = next,
                    Some(_) | None => windows.push((start, next)),
                }
            }
            start = next;
        }
        windows
    }

    /// The instants in `first..end` at which a reminder may cease or begin to be allowed.
    fn breaks(&self, date: NaiveDate, first: Instant, end: Instant) -> BTreeSet<Instant> {
        let quiet = self.quiet.into_iter().flat_map(|range| [range.from, range.to]);
        let times: Vec<NaiveTime> = self.times(date).into_iter().chain(quiet).chain([NaiveTime::MIN]).collect();
        let dates = [date.pred_opt(), Some(date), date.succ_opt()];
        let locals = dates.into_iter().flatten().flat_map(|date| times.iter().map(move |time| date.and_time(*time)));
        locals
            .flat_map(|local: NaiveDateTime| occurrences(local, self.zone))
            .chain(transition(first, end, self.zone))
            .map(clamp)
            .filter(|instant| first < *instant && *instant < end)
            .collect()
    }

    /// Times of day at which working hours begin or end around a date.
    fn times(&self, date: NaiveDate) -> Vec<NaiveTime> {
        let days = [date.pred_opt(), Some(date), date.succ_opt()].map(|date| date.map(|date| date.weekday()));
        let ranges = self.working.hours.into_iter().flat_map(|hours| &hours.ranges);
        ranges.filter(|(day, ..)| days.contains(&Some(*day))).flat_map(|(_, from, to)| [*from, *to]).collect()
    }
}
