//! Reading of `[calendar.NAME]`: working days, working hours and holidays.

use std::path::Path;

use chrono::{NaiveDate, NaiveTime, Weekday};
use dealclock_model::fault::Fault;
use dealclock_model::time::WorkingHours;
use toml_edit::Value;

use super::section::{Placed, Section, read_time};
use super::{Load, holidays};
use crate::rules::Calendar;

const KEYS: [&str; 4] = ["days", "hours", "holidays", "holidays_ics"];
const HOURS_EXAMPLE: &str = "hours = \"09:00-17:00\"";
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MON", Weekday::Mon),
    ("TUE", Weekday::Tue),
    ("WED", Weekday::Wed),
    ("THU", Weekday::Thu),
    ("FRI", Weekday::Fri),
    ("SAT", Weekday::Sat),
    ("SUN", Weekday::Sun),
];

/// From and to within one day.
type Range = (NaiveTime, NaiveTime);

/// Reads one calendar. Without keys it is Monday to Friday from nine to five, without holidays.
pub(super) fn read(section: &Section<'_>, load: Load<'_>, faults: &mut Vec<Fault>) -> Option<Calendar> {
    let before = faults.len();
    section.allow(&KEYS, faults);
    let hours = WorkingHours { ranges: read_hours(section, faults) };
    let mut holidays = read_holidays(section, faults);
    holidays.extend(read_ics(section, load, faults));
    holidays.sort_unstable();
    holidays.dedup();
    (faults.len() == before).then_some(Calendar { hours, holidays })
}

fn read_hours(section: &Section<'_>, faults: &mut Vec<Fault>) -> Vec<(Weekday, NaiveTime, NaiveTime)> {
    if let Some(by_day) = section.section_if_table("hours") {
        if section.has("days") {
            let fault = section.fault(section.key_span("days"), "`days` beside hours by day");
            faults.push(fault.help("remove `days`: the days are those that `hours` names"));
        }
        by_day.allow(&WEEKDAYS.map(|(name, _)| name), faults);
        let days = WEEKDAYS.into_iter().filter(|(name, _)| by_day.has(name));
        return days.flat_map(|(name, day)| of_day(day, &ranges(&by_day, name, faults))).collect();
    }
    let days = section.choices("days", &WEEKDAYS, faults);
    let days = days.unwrap_or_else(|| WEEKDAYS.iter().take(5).map(|(_, day)| *day).collect());
    let hours = if section.has("hours") { ranges(section, "hours", faults) } else { vec![nine_to_five()] };
    WEEKDAYS.into_iter().filter(|(_, day)| days.contains(day)).flat_map(|(_, day)| of_day(day, &hours)).collect()
}

fn of_day(day: Weekday, ranges: &[Range]) -> Vec<(Weekday, NaiveTime, NaiveTime)> {
    ranges.iter().map(|(from, to)| (day, *from, *to)).collect()
}

fn nine_to_five() -> Range {
    let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).expect("9 and 17 are hours");
    (hour(9), hour(17))
}

/// One range or several, in order and apart from each other.
fn ranges(section: &Section<'_>, key: &str, faults: &mut Vec<Fault>) -> Vec<Range> {
    let texts = if section.is_list(key) {
        section.texts(key, "hours = [\"09:00-12:00\", \"13:00-17:00\"]", faults).unwrap_or_default()
    } else {
        section.text(key, HOURS_EXAMPLE, faults).into_iter().collect()
    };
    let mut ranges: Vec<Range> = Vec::new();
    for text in texts {
        match read_range(text.value) {
            Some(range) if ranges.last().is_none_or(|last| ends_before(*last, range.0)) => ranges.push(range),
            Some(_) => {
                let fault = section.fault(text.span, format!("`{}` begins before the hours before it end", text.value));
                faults.push(fault.help("write the hours of a day in order"));
            }
            None => {
                let fault = section.fault(text.span, format!("`{}` is not a range of hours", text.value));
                faults.push(fault.help(format!("write `{HOURS_EXAMPLE}`; a day ends at 24:00 at the latest")));
            }
        }
    }
    ranges
}

/// Whether a range has ended by a time; one that ends with its day never has.
fn ends_before((_, to): Range, time: NaiveTime) -> bool {
    to != NaiveTime::MIN && to <= time
}

/// `09:00-17:00`; a range that ends with its day is written to 24:00 or 00:00, and kept as 00:00.
fn read_range(text: &str) -> Option<Range> {
    let (from, to) = text.split_once('-')?;
    let from = read_time(from.trim())?;
    let to = match to.trim() {
        "24:00" => NaiveTime::MIN,
        to => read_time(to)?,
    };
    (from < to || to == NaiveTime::MIN).then_some((from, to))
}

fn read_holidays(section: &Section<'_>, faults: &mut Vec<Fault>) -> Vec<NaiveDate> {
    let example = "holidays = [\"2026-12-25\"]";
    let list = section.list("holidays", example, faults).unwrap_or_default();
    let mut dates = Vec::with_capacity(list.len());
    for item in list {
        match read_date(&item) {
            Some(date) => dates.push(date),
            None => {
                let message = format!("{} is not a date", item.value.to_string().trim());
                faults.push(section.fault(item.span, message).help(format!("write `{example}`")));
            }
        }
    }
    dates
}

fn read_date(item: &Placed<&Value>) -> Option<NaiveDate> {
    let text = match item.value {
        Value::String(text) => text.value().clone(),
        Value::Datetime(date) => date.value().to_string(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_) | Value::InlineTable(_) => {
            return None;
        }
    };
    NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok()
}

fn read_ics(section: &Section<'_>, load: Load<'_>, faults: &mut Vec<Fault>) -> Vec<NaiveDate> {
    let Some(file) = section.text("holidays_ics", "holidays_ics = \"holidays.ics\"", faults) else {
        return Vec::new();
    };
    // A file that is named in a rule file stands beside it.
    let path = Path::new(&section.source.name).with_file_name(file.value);
    let dates = load(&path.to_string_lossy()).and_then(|text| holidays::read(&text));
    dates.unwrap_or_else(|reason| {
        faults.push(section.fault(file.span, format!("the holidays of `{}`: {reason}", file.value)));
        Vec::new()
    })
}
