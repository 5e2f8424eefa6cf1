//! The working hours that the CRM knows of a person, and where a reminder moves that falls outside of them.

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use serde::Deserialize;

use super::local;
use crate::dump::RecordDump;

/// How many days around a reminder are searched for an hour at work.
const DAYS: u64 = 21;

/// How many minutes a day has.
const MINUTES: u32 = 24 * 60;

const DAY_NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// When a person works, by the clock on their wall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    zone: Tz,
    /// Weekdays with the minutes of the day from which and until when they are worked.
    spells: Vec<(Weekday, u32, u32)>,
}

/// One entry as the CRM keeps it.
/// <https://developers.hubspot.com/docs/api-reference/crm-users-v3/guide>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    days: String,
    start_minute: u32,
    end_minute: u32,
}

impl Hours {
    /// Reads the CRM's text; `None` when there is none, or none that says anything.
    pub(super) fn read(text: Option<&str>, zone: Tz) -> Option<Hours> {
        let entries: Vec<Entry> = serde_json::from_str(text?).ok()?;
        let spells = entries.iter().flat_map(|entry| {
            let days = weekdays(&entry.days).iter();
            days.map(|day| (*day, entry.start_minute, entry.end_minute))
        });
        let mut spells: Vec<(Weekday, u32, u32)> = spells.filter(|(_, from, to)| from < to).collect();
        spells.sort_by_key(|(day, from, _)| (day.num_days_from_monday(), *from));
        (!spells.is_empty()).then_some(Hours { zone, spells })
    }

    /// Reads the one record of the hours of all people, each of whom keeps them by the clock on their own wall; `None` when
    /// it says nothing, or that somebody is always there.
    pub(super) fn of_office(office: &RecordDump, at: DateTime<Utc>, zone: Tz) -> Option<Hours> {
        let minute = |day: &str, end: &str| {
            let time = office.value_at(&format!("{day}{end}Time"), at)?;
            let time = NaiveTime::parse_from_str(time.get(..5)?, "%H:%M").ok()?;
            Some(time.hour() * 60 + time.minute())
        };
        let spells = weekdays("EVERY_DAY").iter().zip(DAY_NAMES).filter_map(|(day, name)| {
            let (from, to) = (minute(name, "Start")?, minute(name, "End")?);
            // From midnight to midnight is the whole day.
            Some((*day, from, if to == 0 { MINUTES } else { to }))
        });
        let spells: Vec<_> = spells.collect();
        let always = spells.len() == DAY_NAMES.len() && spells.iter().all(|(_, from, to)| to - from == MINUTES);
        (!spells.is_empty() && !always).then_some(Hours { zone, spells })
    }

    /// When a reminder goes out that is due at `due`: then, if it is at work; else at the next hour at work; else, if that
    /// is not before the deadline, at the last minute at work before; else when it is due.
    pub(super) fn move_to(&self, due: DateTime<Utc>, zero: DateTime<Utc>, deadline: DateTime<Utc>) -> DateTime<Utc> {
        match self.next(due).filter(|next| *next < deadline) {
            Some(next) => next,
            None => self.last_before(due, zero).unwrap_or(due),
        }
    }

    fn next(&self, due: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let first = local::date_of(due, self.zone);
        let dates = first.iter_days().take(DAYS as usize);
        dates.flat_map(|date| self.on(date)).find(|(_, to)| due < *to).map(|(from, _)| from.max(due))
    }

    fn last_before(&self, due: DateTime<Utc>, zero: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let last = local::date_of(due, self.zone);
        let dates = (0..DAYS).filter_map(|days| last.checked_sub_days(chrono::Days::new(days)));
        let mut spells = dates.flat_map(|date| self.on(date).into_iter().rev());
        let (from, to) = spells.find(|(from, _)| *from < due).map(|(from, to)| (from, to.min(due)))?;
        (zero < to).then(|| (to - Duration::minutes(1)).max(from).max(zero))
    }

    /// The spells of a date, in order.
    fn on(&self, date: NaiveDate) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let today = self.spells.iter().filter(|(day, _, _)| *day == date.weekday());
        today.map(|(_, from, to)| (self.instant(date, *from), self.instant(date, *to))).collect()
    }

    fn instant(&self, date: NaiveDate, minute: u32) -> DateTime<Utc> {
        match NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0) {
            Some(time) => local::instant_of(date, time, self.zone),
            None => local::instant_of(local::days_after(date, 1), NaiveTime::MIN, self.zone),
        }
    }
}

fn weekdays(days: &str) -> &'static [Weekday] {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    match days {
        "MONDAY" => &[Mon],
        "TUESDAY" => &[Tue],
        "WEDNESDAY" => &[Wed],
        "THURSDAY" => &[Thu],
        "FRIDAY" => &[Fri],
        "SATURDAY" => &[Sat],
        "SUNDAY" => &[Sun],
        "MONDAY_TO_FRIDAY" => &[Mon, Tue, Wed, Thu, Fri],
        "SATURDAY_SUNDAY" => &[Sat, Sun],
        "EVERY_DAY" => &[Mon, Tue, Wed, Thu, Fri, Sat, Sun],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Europe::Berlin;

    #[test]
    fn a_reminder_outside_working_hours_moves_and_never_behind_the_deadline() {
        let text = r#"[{"days":"MONDAY_TO_FRIDAY","startMinute":540,"endMinute":1020}]"#;
        let hours = Hours::read(Some(text), Berlin).unwrap();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let check = |due: &str, zero: &str, deadline: &str, expected: &str| {
            assert_eq!(hours.move_to(at(due), at(zero), at(deadline)), at(expected), "{due}");
        };
        // On a Tuesday at nine, on a Saturday with Monday in time, on a Saturday with Monday too late.
        check("2026-03-03T08:00:00Z", "2026-03-02T08:00:00Z", "2026-03-07T23:00:00Z", "2026-03-03T08:00:00Z");
        check("2026-03-07T08:00:00Z", "2026-03-06T08:00:00Z", "2026-03-11T23:00:00Z", "2026-03-09T08:00:00Z");
        check("2026-03-07T08:00:00Z", "2026-03-03T08:00:00Z", "2026-03-08T23:00:00Z", "2026-03-06T15:59:00Z");
        check("2026-03-07T08:00:00Z", "2026-03-06T17:00:00Z", "2026-03-08T23:00:00Z", "2026-03-07T08:00:00Z");
    }

    #[test]
    fn hours_that_say_nothing_are_none() {
        for text in [None, Some(""), Some("[]"), Some(r#"[{"days":"NEVER","startMinute":1,"endMinute":2}]"#)] {
            assert_eq!(Hours::read(text, Berlin), None);
        }
    }
}
