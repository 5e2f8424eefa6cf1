//! The org's holidays as dates, recurring ones for two years.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

use super::value::date;
use crate::wire::Row;

/// For how long ahead recurring holidays are told.
const AHEAD: Months = Months::new(24);

/// The dates of rows of `Holiday` from a year before `today` to two years after, sorted; only whole days count.
pub fn holidays<'a, 'r: 'a>(rows: impl Iterator<Item = &'a Row<'r>>, today: NaiveDate) -> Vec<NaiveDate> {
    let from = today.checked_sub_months(Months::new(12)).unwrap_or(today);
    let until = today.checked_add_months(AHEAD).unwrap_or(today);
    let mut dates: Vec<NaiveDate> =
        rows.filter(|row| row.flag("IsAllDay")).flat_map(|row| of(row, from, until)).collect();
    dates.sort_unstable();
    dates.dedup();
    dates
}

fn of(row: &Row<'_>, from: NaiveDate, until: NaiveDate) -> Vec<NaiveDate> {
    if !row.flag("IsRecurrence") {
        return row.text("ActivityDate").and_then(date).into_iter().collect();
    }
    let Some(recurrence) = Recurrence::of(row) else { return Vec::new() };
    let last = recurrence.end.map_or(until, |end| end.min(until));
    let mut dates = Vec::new();
    let mut day = recurrence.start;
    while day <= last {
        if from <= day && recurrence.falls_on(day) {
            dates.push(day);
        }
        match day.succ_opt() {
            Some(next) => day = next,
            None => break,
        }
    }
    dates
}

/// When a holiday comes again.
struct Recurrence {
    start: NaiveDate,
    end: Option<NaiveDate>,
    pattern: Pattern,
}

/// The ways in which [holidays recur](https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_holiday.htm).
enum Pattern {
    Daily { every: i64 },
    Weekdays,
    Weekly { every: i64, days: DayMask },
    Monthly { every: i64, day: u32 },
    MonthlyNth { every: i64, which: Which, days: DayMask },
    Yearly { month: u32, day: u32 },
    YearlyNth { month: u32, which: Which, days: DayMask },
}

/// Weekdays: Sunday is 1, Saturday is 64.
#[derive(Clone, Copy)]
struct DayMask(i64);

impl DayMask {
    fn has(self, weekday: Weekday) -> bool {
        self.0 & (1 << weekday.num_days_from_sunday()) != 0
    }
}

/// Which of the month's days that fit.
#[derive(Clone, Copy)]
enum Which {
    Nth(usize),
    Last,
}

impl Recurrence {
    fn of(row: &Row<'_>) -> Option<Recurrence> {
        let start = row.text("RecurrenceStartDate").or(row.text("ActivityDate")).and_then(date)?;
        let end = row.text("RecurrenceEndDateOnly").and_then(date);
        let every = row.whole("RecurrenceInterval").unwrap_or(1).max(1);
        let days = || row.whole("RecurrenceDayOfWeekMask").map(DayMask);
        let day = || row.whole("RecurrenceDayOfMonth").and_then(|day| u32::try_from(day).ok());
        let month = || row.text("RecurrenceMonthOfYear").and_then(month);
        let which = || row.text("RecurrenceInstance").and_then(which);
        let pattern = match row.text("RecurrenceType")? {
            "RecursDaily" => Pattern::Daily { every },
            "RecursEveryWeekday" => Pattern::Weekdays,
            "RecursWeekly" => Pattern::Weekly { every, days: days()? },
            "RecursMonthly" => Pattern::Monthly { every, day: day()? },
            "RecursMonthlyNth" => Pattern::MonthlyNth { every, which: which()?, days: days()? },
            "RecursYearly" => Pattern::Yearly { month: month()?, day: day()? },
            "RecursYearlyNth" => Pattern::YearlyNth { month: month()?, which: which()?, days: days()? },
            _ => return None,
        };
        Some(Recurrence { start, end, pattern })
    }

    fn falls_on(&self, day: NaiveDate) -> bool {
        match self.pattern {
            Pattern::Daily { every } => (day - self.start).num_days() % every == 0,
            Pattern::Weekdays => !matches!(day.weekday(), Weekday::Sat | Weekday::Sun),
            Pattern::Weekly { every, days } => self.weeks_to(day) % every == 0 && days.has(day.weekday()),
            Pattern::Monthly { every, day: of_month } => self.months_to(day) % every == 0 && day.day() == of_month,
            Pattern::MonthlyNth { every, which, days } => {
                self.months_to(day) % every == 0 && is_which(day, which, days)
            }
            Pattern::Yearly { month, day: of_month } => day.month() == month && day.day() == of_month,
            Pattern::YearlyNth { month, which, days } => day.month() == month && is_which(day, which, days),
        }
    }

    fn weeks_to(&self, day: NaiveDate) -> i64 {
        let week = |day: NaiveDate| {
            day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_sunday()))).unwrap_or(day)
        };
        (week(day) - week(self.start)).num_days() / 7
    }

    fn months_to(&self, day: NaiveDate) -> i64 {
        let months = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
        months(day) - months(self.start)
    }
}

/// Whether the day is the first, second or last of its month's days that fit.
fn is_which(day: NaiveDate, which: Which, days: DayMask) -> bool {
    if !days.has(day.weekday()) {
        return false;
    }
    let fits = |of_month: u32| day.with_day(of_month).is_some_and(|other| days.has(other.weekday()));
    match which {
        Which::Nth(n) => (1..=day.day()).filter(|of_month| fits(*of_month)).count() == n,
        Which::Last => !(day.day() + 1..=31).any(fits),
    }
}

fn which(text: &str) -> Option<Which> {
    match text {
        "First" => Some(Which::Nth(1)),
        "Second" => Some(Which::Nth(2)),
        "Third" => Some(Which::Nth(3)),
        "Fourth" => Some(Which::Nth(4)),
        "Last" => Some(Which::Last),
        _ => None,
    }
}

fn month(text: &str) -> Option<u32> {
    text.parse::<chrono::Month>().ok().map(|month| month.number_from_month())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(json: &str) -> Vec<String> {
        let row: Row<'_> = serde_json::from_str(json).unwrap();
        let today = "2026-03-01".parse().unwrap();
        holidays([row].iter(), today).iter().map(NaiveDate::to_string).collect()
    }

    fn recurring(more: &str) -> Vec<String> {
        dates(&format!(
            r#"{{"IsAllDay":true,"IsRecurrence":true,"RecurrenceStartDate":"2025-11-01","RecurrenceEndDateOnly":"2027-12-31",{more}}}"#
        ))
    }

    #[test]
    fn a_single_holiday_is_its_date_and_a_part_of_a_day_is_none() {
        assert_eq!(dates(r#"{"ActivityDate":"2026-12-25","IsAllDay":true,"IsRecurrence":false}"#), ["2026-12-25"]);
        assert!(dates(r#"{"ActivityDate":"2026-12-25","IsAllDay":false,"IsRecurrence":false}"#).is_empty());
        assert!(dates("{}").is_empty());
    }

    #[test]
    fn holidays_recur_by_date_and_by_weekday() {
        let yearly = r#""RecurrenceType":"RecursYearly","RecurrenceMonthOfYear":"December","RecurrenceDayOfMonth":25"#;
        assert_eq!(recurring(yearly), ["2025-12-25", "2026-12-25", "2027-12-25"]);
        // Thanksgiving: the fourth Thursday of November; Thursday is 16.
        let fourth = r#""RecurrenceType":"RecursYearlyNth","RecurrenceMonthOfYear":"November","RecurrenceInstance":"Fourth","RecurrenceDayOfWeekMask":16"#;
        assert_eq!(recurring(fourth), ["2025-11-27", "2026-11-26", "2027-11-25"]);
        let last = r#""RecurrenceType":"RecursYearlyNth","RecurrenceMonthOfYear":"May","RecurrenceInstance":"Last","RecurrenceDayOfWeekMask":2"#;
        assert_eq!(recurring(last), ["2026-05-25", "2027-05-31"]);
        let months = r#""RecurrenceType":"RecursMonthly","RecurrenceInterval":6,"RecurrenceDayOfMonth":1"#;
        assert_eq!(recurring(months), ["2025-11-01", "2026-05-01", "2026-11-01", "2027-05-01", "2027-11-01"]);
        let nth = r#""RecurrenceType":"RecursMonthlyNth","RecurrenceInterval":12,"RecurrenceInstance":"First","RecurrenceDayOfWeekMask":1"#;
        assert_eq!(recurring(nth), ["2025-11-02", "2026-11-01", "2027-11-07"]);
    }

    #[test]
    fn holidays_recur_by_days_and_weeks() {
        let daily = |every: i64| recurring(&format!(r#""RecurrenceType":"RecursDaily","RecurrenceInterval":{every}"#));
        assert_eq!(daily(200), ["2025-11-01", "2026-05-20", "2026-12-06", "2027-06-24"]);
        assert_eq!(daily(1).len(), 791);
        let weekly = recurring(r#""RecurrenceType":"RecursWeekly","RecurrenceInterval":2,"RecurrenceDayOfWeekMask":2"#);
        assert_eq!(&weekly[..2], ["2025-11-10", "2025-11-24"], "every second week, counted from the week of the start");
        let weekdays = recurring(r#""RecurrenceType":"RecursEveryWeekday""#);
        assert_eq!(&weekdays[..2], ["2025-11-03", "2025-11-04"]);
    }

    #[test]
    fn what_is_not_understood_is_no_holiday() {
        for more in [
            r#""RecurrenceType":"RecursSometimes""#,
            r#""RecurrenceType":"RecursYearly","RecurrenceMonthOfYear":"Smarch","RecurrenceDayOfMonth":1"#,
            r#""RecurrenceType":"RecursYearlyNth","RecurrenceMonthOfYear":"May","RecurrenceInstance":"Ninth","RecurrenceDayOfWeekMask":2"#,
            r#""RecurrenceType":"RecursMonthly","RecurrenceDayOfMonth":-4"#,
        ] {
            assert!(recurring(more).is_empty(), "{more}");
        }
    }
}
