//! The org's business hours into working hours.

use chrono::{NaiveTime, Weekday};
use dealclock_model::time::WorkingHours;

use crate::wire::Row;

/// The weekdays as the names of the fields begin.
pub const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "Monday"),
    (Weekday::Tue, "Tuesday"),
    (Weekday::Wed, "Wednesday"),
    (Weekday::Thu, "Thursday"),
    (Weekday::Fri, "Friday"),
    (Weekday::Sat, "Saturday"),
    (Weekday::Sun, "Sunday"),
];

/// The working hours of a row of `BusinessHours`.
///
/// `None` when they are not understood, when they are empty, and when they are all hours of all days: that is what an org
/// begins with, and it means that nobody has said anything.
pub fn working_hours(row: &Row<'_>) -> Option<WorkingHours> {
    let mut ranges = Vec::new();
    for (weekday, day) in DAYS {
        let (from, to) = (row.text(&format!("{day}StartTime")), row.text(&format!("{day}EndTime")));
        // Both empty: closed.
        let (Some(from), Some(to)) = (from, to) else { continue };
        let (from, to) = (time(from)?, time(to)?);
        if from < to || to == NaiveTime::MIN {
            ranges.push((weekday, from, to));
        } else {
            return None;
        }
    }
    let is_always = ranges.len() == DAYS.len()
        && ranges.iter().all(|(_, from, to)| *from == NaiveTime::MIN && *to == NaiveTime::MIN);
    (!ranges.is_empty() && !is_always).then_some(WorkingHours { ranges })
}

/// A time of day such as `09:00:00.000Z`; the `Z` means nothing, the time is local.
fn time(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text.trim_end_matches('Z'), "%H:%M:%S%.f").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(json: &str) -> Option<Vec<(Weekday, NaiveTime, NaiveTime)>> {
        working_hours(&serde_json::from_str(json).unwrap()).map(|hours| hours.ranges)
    }

    fn at(hour: u32) -> NaiveTime {
        NaiveTime::from_hms_opt(hour, 0, 0).unwrap()
    }

    #[test]
    fn days_have_their_hours_and_closed_days_have_none() {
        let json = r#"{"MondayStartTime":"09:00:00.000Z","MondayEndTime":"17:00:00.000Z","TuesdayStartTime":null,
            "TuesdayEndTime":null,"SaturdayStartTime":"00:00:00.000Z","SaturdayEndTime":"00:00:00.000Z"}"#;
        assert_eq!(hours(json), Some(vec![(Weekday::Mon, at(9), at(17)), (Weekday::Sat, at(0), at(0))]));
    }

    #[test]
    fn hours_that_say_nothing_are_no_hours() {
        assert_eq!(hours("{}"), None);
        assert_eq!(hours(r#"{"MondayStartTime":"noon","MondayEndTime":"17:00:00.000Z"}"#), None);
        let all: Vec<String> = DAYS
            .iter()
            .map(|(_, day)| format!("\"{day}StartTime\":\"00:00:00.000Z\",\"{day}EndTime\":\"00:00:00.000Z\""))
            .collect();
        assert_eq!(hours(&format!("{{{}}}", all.join(","))), None);
    }
}
