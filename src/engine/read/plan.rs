//! Reading of `every`: when a digest or a report comes, as five fields of a calendar expression.

use dealclock_model::Instant;
use dealclock_model::fault::Fault;

use super::section::Section;
use crate::time::Schedule;

/// The fields in their order, and what each may hold.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31, or L for the last"),
    ("month", "1 to 12, or JAN to DEC"),
    ("weekday", "0 to 7 or SUN to SAT, where 0 and 7 are Sunday"),
];

/// Reads a plan, of which an example shows what would be right.
pub(super) fn read(section: &Section<'_>, example: &str, faults: &mut Vec<Fault>) -> Option<Schedule> {
    section.require("every", example, faults);
    let text = section.text("every", example, faults)?;
    let help = format!("write minute, hour, day of month, month and weekday: `{example}`");
    match text.value.parse::<Schedule>() {
        Ok(schedule) if comes(&schedule) => Some(schedule),
        Ok(_) => {
            faults.push(section.fault(text.span, format!("`{}` never comes", text.value)).help(help));
            None
        }
        Err(_) => {
            let message = format!("`{}` is not a plan: {}", text.value, what_is_wrong(text.value));
            faults.push(section.fault(text.span, message).help(help));
            None
        }
    }
}

/// Whether a plan ever comes: not so on the 30th of February.
fn comes(schedule: &Schedule) -> bool {
    schedule.next_after(Instant::UNIX_EPOCH, chrono_tz::Tz::UTC).is_some()
}

/// The first field that is wrong by itself, in our own words: those of a library speak of its insides.
fn what_is_wrong(text: &str) -> String {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.len() != FIELDS.len() {
        let count = fields.len();
        return format!("it has {count} {}, and a plan has five", if count == 1 { "field" } else { "fields" });
    }
    let wrong = fields.iter().enumerate().find(|(place, field)| {
        let mut alone = ["*"; FIELDS.len()];
        alone[*place] = field;
        alone.join(" ").parse::<Schedule>().is_err()
    });
    match wrong {
        Some((place, field)) => {
            let (name, range) = FIELDS[place];
            format!("`{field}` is no {name}; that is {range}")
        }
        None => "its fields do not go together".to_owned(),
    }
}
