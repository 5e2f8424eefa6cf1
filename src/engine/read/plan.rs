//! Reading of `every`: when a digest or a report comes, as five fields of a calendar expression.

use dealclock_model::Instant;
use dealclock_model::fault::Fault;

use super::section::Section;
use crate::time::Schedule;

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
        Err(reason) => {
            let message = format!("`{}` is not a plan: {}", text.value, lower(reason.trim_end_matches('.')));
            faults.push(section.fault(text.span, message).help(help));
            None
        }
    }
}

/// Whether a plan ever comes: not so on the 30th of February.
fn comes(schedule: &Schedule) -> bool {
    schedule.next_after(Instant::UNIX_EPOCH, chrono_tz::Tz::UTC).is_some()
}

/// With a small first letter, as the rest of a sentence has it.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
