//! Whether a task falls due on the day that its clock says: the last one in time, by the calendar of whoever has the task.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

use super::Ledger;
use super::compare::Expected;
use super::local;
use super::task::Task;

/// Whether a task that came of a reminder was made for another day.
pub(super) fn is_wrong(ledger: &Ledger<'_>, task: &Task<'_>, each: &Expected<'_, '_>) -> bool {
    // Where it cannot be told from which day to count, no day is wrong.
    if each.episode.vague {
        return false;
    }
    let at = task.created_at();
    !shows(ledger, task.first_due(), task.first_owner(), each.episode.deadline, at)
}

/// Whether a task shows another day now.
pub(super) fn is_off(ledger: &Ledger<'_>, task: &Task<'_>, deadline: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let value = |property| task.record.value(property);
    !shows(ledger, value(ledger.words.due), value(ledger.words.owner), deadline, now)
}

fn shows(
    ledger: &Ledger<'_>,
    due: Option<&str>,
    owner: Option<&str>,
    deadline: DateTime<Utc>,
    at: DateTime<Utc>,
) -> bool {
    let zones = [at, at - ledger.tolerance.people].map(|at| ledger.people.zone_at(owner, at));
    due.is_some_and(|due| zones.iter().any(|zone| is_last_day(due, deadline, *zone)))
}

/// Whether a due date, with or without a time of day, is the last day before a deadline.
fn is_last_day(due: &str, deadline: DateTime<Utc>, zone: Tz) -> bool {
    let last = local::date_of(deadline - Duration::seconds(1), zone);
    match due.parse::<DateTime<Utc>>() {
        // In another zone than the clock's, the hour of reminders may be behind the deadline, which then is due itself.
        Ok(due) => due <= deadline && (local::date_of(due, zone) == last || due == deadline),
        // A plain date says it all.
        Err(_) => due.parse::<NaiveDate>() == Ok(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, Asia::Tokyo};

    #[test]
    fn a_plain_date_is_enough_and_a_time_must_lie_on_the_day() {
        // The end of the 9th in New York.
        let deadline = "2026-03-10T04:00:00Z".parse().unwrap();
        let check = |due, zone, right| assert_eq!(is_last_day(due, deadline, zone), right, "{due} {zone}");
        check("2026-03-09", New_York, true);
        check("2026-03-10", New_York, false);
        check("2026-03-09T13:00:00Z", New_York, true);
        check("2026-03-09T03:00:00Z", New_York, false);
        check("2026-03-10T13:00:00Z", New_York, false);
        check("2026-03-10", Tokyo, true);
        check("2026-03-10T00:00:00Z", Tokyo, true);
        check("", New_York, false);
    }
}
