//! The sentences that people read: in journals, and in tasks whose rule has no text of its own.

use chrono::{Duration, SubsecRound};
use chrono_tz::Tz;
use dealclock_model::Instant;
use dealclock_model::case::{Clock, EndedBy};

use super::matter::Matter;

/// An instant as the journal writes it: the clock's own zone, to the minute.
pub(super) fn moment(instant: Instant, zone: Tz) -> String {
    instant.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// The last day or minute that is still in time.
pub(super) fn last_in_time(clock: &Clock) -> String {
    let last = (clock.deadline - Duration::seconds(1)).trunc_subsecs(0).with_timezone(&clock.zone);
    let end = clock.deadline.with_timezone(&clock.zone);
    if last.date_naive() < end.date_naive() {
        last.format("the end of %Y-%m-%d").to_string()
    } else {
        end.format("%Y-%m-%d %H:%M").to_string()
    }
}

/// Why a clock ended, for the journal and for tasks.
pub(super) fn ending(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Condition => "the rule does not apply any more",
        EndedBy::Closed => "the record was closed",
        EndedBy::Deleted => "the record was deleted",
        EndedBy::Merged => "the record was merged into another",
        EndedBy::Rule => "the rule was removed or disabled",
    }
}

impl Matter<'_> {
    /// The text of a reminder whose rule has none: what, why, by when, what to do if it cannot be done, and where.
    pub(super) fn standard_body(&self, clock: &Clock, subject: &str) -> String {
        let record = self.record.name();
        let zero = clock.zero.with_timezone(&clock.zone).format("%Y-%m-%d");
        let way_out = match (&self.rule.extension, &self.rule.silenced_while) {
            (Some(_), _) if clock.extended.is_some() => {
                "More time was decided about already; if that cannot be done, speak to your manager before then."
                    .to_owned()
            }
            (Some(extension), _) => format!(
                "If that cannot be done, ask for more time before then: tick `{}` on the record and say why.",
                extension.requested_by
            ),
            (None, Some(silence)) => format!(
                "If that cannot be done, say so on the record before then ({}), or speak to your manager.",
                silence.fields.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ")
            ),
            (None, None) => "If that cannot be done, speak to your manager before then.".to_owned(),
        };
        let mut paragraphs = vec![
            subject.to_owned(),
            format!("Why: the rule \"{}\" has been running for {record} since {zero}.", self.rule.title),
            format!("By when: {}.", last_in_time(clock)),
            way_out,
        ];
        paragraphs.extend(self.record.url.clone());
        paragraphs.join("\n\n")
    }

    /// One line for a list of many reminders.
    pub(super) fn list_line(&self, clock: &Clock, subject: &str) -> String {
        let mut line = format!("{subject} (by {})", last_in_time(clock));
        if let Some(url) = &self.record.url {
            line.push(' ');
            line.push_str(url);
        }
        line
    }
}
