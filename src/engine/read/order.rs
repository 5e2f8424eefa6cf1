//! What can be said of the order of two spans without knowing when they begin.
//!
//! A local day has 23 to 25 hours, and a step at `1d` may fall just after midnight; working time has no upper bound, since
//! a calendar may be closed for weeks.

use dealclock_model::time::{Span, Unit};

/// Whether a step at `at` certainly comes too late for a deadline.
///
/// A step on the deadline's last day is in time. One at the very hour of an hour deadline is not: the deadline is the
/// first instant that is too late.
pub(super) fn is_too_late(at: Span, deadline: Span) -> bool {
    match (at.unit, deadline.unit) {
        (Unit::Days | Unit::BusinessDays, Unit::Days) | (Unit::BusinessDays, Unit::BusinessDays) => {
            at.count > deadline.count
        }
        (Unit::BusinessHours, Unit::BusinessHours) => at.count >= deadline.count,
        (
            Unit::Days | Unit::BusinessDays | Unit::Hours | Unit::BusinessHours | Unit::Minutes,
            Unit::Days | Unit::BusinessDays | Unit::Hours | Unit::BusinessHours | Unit::Minutes,
        ) => longest(deadline).is_some_and(|longest| shortest(at) >= longest),
    }
}

/// Whether a span certainly ends no later than another that begins with it.
pub(super) fn is_no_longer(span: Span, other: Span) -> bool {
    if span.unit == other.unit {
        return span.count <= other.count;
    }
    longest(span).is_some_and(|longest| longest <= shortest(other))
}

/// The fewest minutes after which a step may come.
fn shortest(span: Span) -> u64 {
    let count = u64::from(span.count);
    match span.unit {
        // The first of the days may have only just been left.
        Unit::Days | Unit::BusinessDays => count.saturating_sub(1) * 23 * 60,
        Unit::Hours => count * 60,
        // The clocks may go forward within the working hours.
        Unit::BusinessHours => (count * 60).saturating_sub(60),
        Unit::Minutes => count,
    }
}

/// The most minutes after which a deadline may come; `None` where there is no bound.
fn longest(span: Span) -> Option<u64> {
    let count = u64::from(span.count);
    match span.unit {
        // The last day counts whole.
        Unit::Days => Some((count + 1) * 25 * 60),
        Unit::Hours => Some(count * 60),
        Unit::Minutes => Some(count),
        Unit::BusinessDays | Unit::BusinessHours => None,
    }
}

/// A length in minutes by which steps of different units are put in order: five working days of eight hours a week.
pub(super) fn usual_minutes(span: Span) -> u64 {
    let each = match span.unit {
        Unit::Minutes => 1,
        Unit::Hours => 60,
        Unit::BusinessHours => 7 * 24 * 60 / 40,
        Unit::Days => 24 * 60,
        Unit::BusinessDays => 7 * 24 * 60 / 5,
    };
    u64::from(span.count) * each
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at: &str, deadline: &str, too_late: bool) {
        assert_eq!(is_too_late(at.parse().unwrap(), deadline.parse().unwrap()), too_late, "{at} of {deadline}");
    }

    #[test]
    fn only_what_is_certainly_too_late_is_too_late() {
        check("5d", "5d", false);
        check("6d", "5d", true);
        check("5bd", "5bd", false);
        check("6bd", "5bd", true);
        check("6bd", "5d", true);
        check("5bd", "5d", false);
        check("7d", "5bd", false);
        check("35h", "36h", false);
        check("36h", "36h", true);
        check("8bh", "8bh", true);
        check("7bh", "8bh", false);
        check("9bh", "8h", true);
        check("8bh", "8h", false);
        check("60m", "1h", true);
        check("59m", "1h", false);
        check("36h", "1d", false);
        check("49h", "1d", false);
        check("50h", "1d", true);
        check("3d", "24h", true);
        check("2d", "24h", false);
        check("1d", "1m", false);
        check("10000h", "1bd", false);
        check("0d", "1m", false);
    }

    #[test]
    fn only_what_certainly_grants_nothing_is_no_longer() {
        let no_longer = |span: &str, other: &str| is_no_longer(span.parse().unwrap(), other.parse().unwrap());
        for (span, other) in [("5d", "5d"), ("4bd", "5bd"), ("24h", "5d"), ("48h", "2880m"), ("36h", "36h")] {
            assert!(no_longer(span, other), "{span} of {other}");
        }
        for (span, other) in [("10d", "5d"), ("7d", "5bd"), ("6bd", "5d"), ("120h", "5d"), ("40bh", "5bd")] {
            assert!(!no_longer(span, other), "{span} of {other}");
        }
    }

    #[test]
    fn steps_are_ordered_by_what_their_units_usually_are() {
        let mut spans: Vec<Span> = ["2bd", "3d", "90m", "1h", "1d", "8bh"].map(|text| text.parse().unwrap()).to_vec();
        spans.sort_by_key(|span| usual_minutes(*span));
        assert_eq!(spans.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1h", "90m", "1d", "8bh", "2bd", "3d"]);
    }
}
