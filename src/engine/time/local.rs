//! Local dates and times of day as instants, with a rule for times that a zone skips or repeats.

use chrono::{DateTime, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use dealclock_model::Instant;

/// Seconds since 1970 of 0001-01-02 and 9999-12-30: a day's room on both sides, so that no zone leaves the four-digit years.
const EARLIEST: i64 = -62_135_510_400;
const LATEST: i64 = 253_402_128_000;

/// The latest instant that is ever planned.
pub fn far() -> Instant {
    DateTime::from_timestamp(LATEST, 0).unwrap_or(DateTime::UNIX_EPOCH)
}

/// An instant within the years that CRMs and files can write; anything beyond is pulled to the nearest end.
pub fn clamp(instant: Instant) -> Instant {
    let earliest = DateTime::from_timestamp(EARLIEST, 0).unwrap_or(DateTime::UNIX_EPOCH);
    instant.clamp(earliest, far())
}

/// An instant later by a duration, within the same years.
pub fn later(instant: Instant, by: Duration) -> Instant {
    instant.checked_add_signed(by).map_or_else(far, clamp)
}

/// The local date of an instant.
pub fn local_date(instant: Instant, zone: Tz) -> NaiveDate {
    clamp(instant).with_timezone(&zone).date_naive()
}

/// The local date and time of an instant.
pub fn local_time(instant: Instant, zone: Tz) -> NaiveDateTime {
    clamp(instant).with_timezone(&zone).naive_local()
}

/// A date later by some days, at most the last one that is ever planned.
pub fn add_days(date: NaiveDate, days: u32) -> NaiveDate {
    let last = far().date_naive();
    date.checked_add_days(Days::new(u64::from(days))).map_or(last, |date| date.min(last))
}

/// The instant of a local date and time of day: the first instant after the gap when the zone skips it, the first when
/// it occurs twice.
pub fn resolve(date: NaiveDate, time: NaiveTime, zone: Tz) -> Instant {
    let local = date.and_time(time);
    let instant = match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) => instant.to_utc(),
        LocalResult::Ambiguous(one, other) => one.min(other).to_utc(),
        LocalResult::None => after_gap(local, zone),
    };
    clamp(instant)
}

/// The first instant of a local date.
pub fn first_instant_of(date: NaiveDate, zone: Tz) -> Instant {
    resolve(date, NaiveTime::MIN, zone)
}

/// Every instant at which the zone's clocks show a local time: none, one or two.
pub(super) fn occurrences(local: NaiveDateTime, zone: Tz) -> impl Iterator<Item = Instant> {
    let (one, other) = match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) => (Some(instant), None),
        LocalResult::Ambiguous(one, other) => (Some(one), Some(other)),
        LocalResult::None => (None, None),
    };
    one.into_iter().chain(other).map(|instant| instant.to_utc())
}

/// The first instant in `from..to` at which the zone's offset differs from the one at `from`.
pub(super) fn transition(from: Instant, to: Instant, zone: Tz) -> Option<Instant> {
    let offset = |instant: Instant| {
        let local = instant.with_timezone(&zone).naive_local();
        local - instant.naive_utc()
    };
    let before = offset(from);
    (offset(to) != before).then(|| first_second(from, to, |instant| offset(instant) != before))
}

/// The first instant whose local time is at or after one that the zone skips.
fn after_gap(local: NaiveDateTime, zone: Tz) -> Instant {
    // No zone is further than 26 hours from another, and the longest gap is the day that Samoa left out in 2011.
    let reach = Duration::hours(30);
    let middle = local.and_utc();
    let (from, to) = (clamp(middle - reach), clamp(middle + reach));
    first_second(from, to, |instant| local_time(instant, zone) >= local)
}

/// The first whole second in `from..=to` for which a condition holds that holds at `to` and never ceases to.
fn first_second(from: Instant, to: Instant, holds: impl Fn(Instant) -> bool) -> Instant {
    let (mut low, mut high) = (from.timestamp(), to.timestamp());
    while low < high {
        let middle = low + (high - low) / 2;
        if DateTime::from_timestamp(middle, 0).is_some_and(&holds) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    DateTime::from_timestamp(high, 0).unwrap_or(to)
}
