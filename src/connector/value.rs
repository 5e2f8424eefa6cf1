//! Texts as values, where every CRM means the same by them.

use std::str::FromStr;

use chrono::{Duration, NaiveDate, NaiveTime};
use chrono_tz::Tz;
use dealclock_model::{Instant, ValueType};
use rust_decimal::Decimal;

/// What a CRM sent is no value of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotReadable(pub ValueType);

/// A checkbox.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// Exact up to 28 digits; longer ones, as probabilities come, are rounded.
pub fn number(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// The first instant of a local date; some zones skip midnight when summer begins.
pub fn begin_of(date: NaiveDate, zone: Tz) -> Option<Instant> {
    let midnight = date.and_time(NaiveTime::MIN);
    (0..4).find_map(|hours| {
        let local = midnight.checked_add_signed(Duration::hours(hours))?;
        local.and_local_timezone(zone).earliest().map(|at| at.to_utc())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_exact_or_rounded_and_never_guessed() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(number(text).map(|number| number.to_string()).as_deref(), expected, "{text}");
        };
        check("60000.50", Some("60000.50"));
        check("6.05e4", Some("60500"));
        check("60,000", None);
        check("", None);
    }

    #[test]
    fn a_date_begins_after_a_midnight_that_is_skipped() {
        let check = |date: &str, zone: Tz, expected: &str| {
            assert_eq!(begin_of(date.parse().unwrap(), zone), Some(expected.parse().unwrap()), "{date} in {zone}");
        };
        check("2026-03-02", chrono_tz::America::New_York, "2026-03-02T05:00:00Z");
        // Clocks went from 00:00 to 01:00.
        check("2018-11-04", chrono_tz::America::Sao_Paulo, "2018-11-04T03:00:00Z");
    }
}
