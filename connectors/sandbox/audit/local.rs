//! Local dates and times, written apart from the engine's so that a mistake there is not repeated here.

use chrono::{DateTime, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// The date on the wall in a zone.
pub(super) fn date_of(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// A date some days later.
pub(super) fn days_after(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_add_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MAX)
}

/// A date some days earlier.
pub(super) fn days_before(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_sub_days(Days::new(u64::from(days))).unwrap_or(NaiveDate::MIN)
}

/// The end of a local day: of the one some days after an instant's own.
pub(super) fn end_of_days(from: DateTime<Utc>, days: u32, zone: Tz) -> DateTime<Utc> {
    instant_of(days_after(date_of(from, zone), days + 1), NaiveTime::MIN, zone)
}

/// How much time clocks on the wall show between two instants.
pub(super) fn shown_between(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Duration {
    let shown = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    shown(to) - shown(from)
}

/// The end of the local day that clocks on the wall show so much time after the end of another.
pub(super) fn end_of_day_after(end: DateTime<Utc>, time: Duration, zone: Tz) -> DateTime<Utc> {
    // The instant before its end lies on the day itself.
    let last = (end - Duration::milliseconds(1)).with_timezone(&zone).naive_local();
    let date = last.checked_add_signed(time).map_or(NaiveDate::MAX, |shown| shown.date());
    instant_of(days_after(date, 1), NaiveTime::MIN, zone)
}

/// The instant at which clocks in the zone show this time: the first of two, and the end of the gap when there is none.
pub(super) fn instant_of(date: NaiveDate, time: NaiveTime, zone: Tz) -> DateTime<Utc> {
    let local = date.and_time(time);
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => end_of_gap(local, zone),
    }
}

/// Walks forward minute by minute until clocks show a time again; no gap is longer than a day and an hour.
fn end_of_gap(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    let minutes = (1..=25 * 60).map(|minutes| local + Duration::minutes(minutes));
    let shown = minutes.map(|later| zone.from_local_datetime(&later).earliest()).find_map(|at| at);
    shown.map_or_else(|| Utc.from_utc_datetime(&local), |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::{America::New_York, America::Sao_Paulo, Europe::Berlin, Pacific::Apia};

    #[test]
    fn gaps_end_late_and_double_hours_begin_early() {
        let check = |date: &str, time: &str, zone: Tz, expected: &str| {
            let at = instant_of(date.parse().unwrap(), time.parse().unwrap(), zone);
            assert_eq!(at, expected.parse::<DateTime<Utc>>().unwrap(), "{date} {time} {zone}");
        };
        check("2026-03-02", "09:00:00", Berlin, "2026-03-02T08:00:00Z");
        check("2026-03-29", "02:30:00", Berlin, "2026-03-29T01:00:00Z");
        check("2026-03-30", "09:00:00", Berlin, "2026-03-30T07:00:00Z");
        check("2026-11-01", "01:30:00", New_York, "2026-11-01T05:30:00Z");
        check("2018-11-04", "00:00:00", Sao_Paulo, "2018-11-04T03:00:00Z");
        check("2011-12-30", "09:00:00", Apia, "2011-12-30T10:00:00Z");
    }

    #[test]
    fn a_night_that_is_an_hour_short_takes_no_hour_away() {
        let saturday: DateTime<Utc> = "2026-03-08T05:00:00Z".parse().unwrap();
        let check = |minutes, expected: &str| {
            let end = end_of_day_after(saturday, Duration::minutes(minutes), New_York);
            assert_eq!(end, expected.parse::<DateTime<Utc>>().unwrap(), "{minutes}");
        };
        check(0, "2026-03-08T05:00:00Z");
        check(1, "2026-03-09T04:00:00Z");
        check(24 * 60 - 10, "2026-03-09T04:00:00Z");
        check(24 * 60 + 10, "2026-03-10T04:00:00Z");
        let noons = ["2026-03-07T17:00:00Z", "2026-03-08T16:00:00Z"].map(|at| at.parse().unwrap());
        assert_eq!(shown_between(noons[0], noons[1], New_York), Duration::days(1));
    }
}
