//! Instants at which people do things: local times of day that no poll meets by design.

use std::ops::Range;

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use rand::Rng;

/// A random instant within these local hours of a date, with seconds and milliseconds of its own.
pub(super) fn within(hours: Range<u32>, date: NaiveDate, zone: Tz, rng: &mut impl Rng) -> DateTime<Utc> {
    let minute = rng.random_range(hours.start * 60..hours.end * 60);
    at_minute(minute, date, zone) + oddly(rng)
}

/// A random instant between two, the earlier one when there is no room between them.
pub(super) fn between(from: DateTime<Utc>, to: DateTime<Utc>, rng: &mut impl Rng) -> DateTime<Utc> {
    let room = (to - from).num_milliseconds();
    if room <= 1 { from } else { from + Duration::milliseconds(rng.random_range(1..room)) }
}

/// The first instant at or after `from` at which clocks in the zone show this full hour.
pub(super) fn next_hour_of_day(hour: u32, from: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let date = from.with_timezone(&zone).date_naive();
    let candidates = date.iter_days().take(3).map(|date| at_minute(hour * 60, date, zone));
    candidates.into_iter().find(|at| *at >= from).unwrap_or(from)
}

/// Seconds and milliseconds away from the full minute.
fn oddly(rng: &mut impl Rng) -> Duration {
    Duration::milliseconds(rng.random_range(1_000..59_000))
}

/// A minute of a local date; one that the clocks leave out becomes one an hour later.
fn at_minute(minute: u32, date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let local = date.and_time(NaiveTime::MIN) + Duration::minutes(i64::from(minute));
    let found = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at,
        LocalResult::None => {
            let later = zone.from_local_datetime(&(local + Duration::hours(1)));
            later.earliest().unwrap_or_else(|| zone.from_utc_datetime(&local))
        }
    };
    found.with_timezone(&Utc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::America::Los_Angeles;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn an_instant_lies_within_its_local_hours_also_on_the_day_of_a_change() {
        let date = NaiveDate::from_ymd_opt(2026, 3, 8).unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            let at = within(9..17, date, Los_Angeles, &mut rng).with_timezone(&Los_Angeles);
            assert!(at.date_naive() == date && (9..17).contains(&chrono::Timelike::hour(&at)), "{at}");
        }
    }

    #[test]
    fn the_next_nine_o_clock_is_within_a_day() {
        let from = Utc.with_ymd_and_hms(2026, 3, 2, 6, 0, 0).unwrap();
        let next = next_hour_of_day(9, from, Los_Angeles);
        assert_eq!(next, Utc.with_ymd_and_hms(2026, 3, 2, 17, 0, 0).unwrap());
    }
}
