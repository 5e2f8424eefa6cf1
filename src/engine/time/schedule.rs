//! Plans by calendar expression: `0 8 * * MON-FRI` in a reader's zone.

use std::str::FromStr;

use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use dealclock_model::Instant;

/// When something recurs: five fields, minute, hour, day of month, month and weekday.
///
/// A time that a zone skips comes at the first instant after the gap; one that occurs twice comes once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    cron: Cron,
}

impl Schedule {
    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time later than `after` in a zone; `None` for a plan that never comes.
    pub fn next_after(&self, after: Instant, zone: Tz) -> Option<Instant> {
        let local = after.with_timezone(&zone);
        self.cron.find_next_occurrence(&local, false).ok().map(|next| next.to_utc())
    }
}

impl FromStr for Schedule {
    type Err = String;

    /// The message says what is wrong with the expression.
    fn from_str(text: &str) -> Result<Schedule, String> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| error.to_string())?;
        Ok(Schedule { text: text.to_owned(), cron })
    }
}
