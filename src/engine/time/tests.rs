//! The arithmetic against a naive minute-by-minute reference, in zones with every kind of transition.

use chrono::{Datelike, Duration, NaiveDate, NaiveTime, Weekday};
use chrono_tz::Tz;
use dealclock_model::time::{DailyRange, DateRange, WorkingHours};
use dealclock_model::{Instant, Span, Unit};
use proptest::prelude::*;

use super::{Allowed, Reckoning, Workdays, first_instant_of, local, resolve};

const ZONES: [Tz; 16] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::Europe__London,
    Tz::Europe__Dublin,
    Tz::America__New_York,
    Tz::America__Sao_Paulo,
    Tz::America__St_Johns,
    Tz::America__Santiago,
    Tz::Australia__Lord_Howe,
    Tz::Pacific__Apia,
    Tz::Pacific__Kiritimati,
    Tz::Asia__Kathmandu,
    Tz::Asia__Beirut,
    Tz::Africa__Casablanca,
    Tz::Antarctica__Troll,
    Tz::Asia__Tokyo,
];

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn time(hour: u32, minute: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

fn office() -> WorkingHours {
    let week = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    let halves = |day| [(day, time(9, 0), time(12, 30)), (day, time(13, 30), time(17, 0))];
    WorkingHours { ranges: week.into_iter().flat_map(halves).collect() }
}

fn every_day(zone: Tz) -> Reckoning<'static> {
    Reckoning { zone, office: Workdays::default(), days: Workdays::default() }
}

#[test]
fn a_time_in_a_gap_is_the_first_instant_after_it() {
    let check = |date: &str, hour, minute, zone, expected: &str| {
        assert_eq!(resolve(day(date), time(hour, minute), zone), at(expected), "{date} {hour}:{minute} in {zone}");
    };
    check("2026-03-29", 2, 30, Tz::Europe__Berlin, "2026-03-29T01:00:00Z");
    check("2026-10-25", 2, 30, Tz::Europe__Berlin, "2026-10-25T00:30:00Z");
    check("2026-03-08", 2, 0, Tz::America__New_York, "2026-03-08T07:00:00Z");
    check("2011-12-30", 9, 0, Tz::Pacific__Apia, "2011-12-30T10:00:00Z");
    check("2018-11-04", 0, 0, Tz::America__Sao_Paulo, "2018-11-04T03:00:00Z");
    check("2026-10-04", 2, 15, Tz::Australia__Lord_Howe, "2026-10-03T15:30:00Z");
}

#[test]
fn a_day_deadline_is_the_first_instant_of_the_following_date() {
    let check = |zone, zero: &str, span: Span, expected: &str| {
        assert_eq!(every_day(zone).deadline(at(zero), span, None), at(expected), "{zero} + {span} in {zone}");
    };
    check(Tz::Europe__Berlin, "2026-06-01T08:00:00Z", Span::days(5), "2026-06-06T22:00:00Z");
    check(Tz::Europe__Berlin, "2026-03-27T12:00:00Z", Span::days(1), "2026-03-28T23:00:00Z");
    check(Tz::Europe__Berlin, "2026-03-27T12:00:00Z", Span::days(2), "2026-03-29T22:00:00Z");
    check(Tz::Pacific__Kiritimati, "2026-06-01T10:00:00Z", Span::days(1), "2026-06-03T10:00:00Z");
    check(Tz::UTC, "2028-02-28T10:00:00Z", Span::days(1), "2028-03-01T00:00:00Z");
    check(Tz::UTC, "2026-06-01T10:00:00Z", Span::hours(36), "2026-06-02T22:00:00Z");
    let timed = every_day(Tz::UTC).deadline(at("2026-06-01T10:00:00Z"), Span::days(5), Some(time(18, 0)));
    assert_eq!(timed, at("2026-06-06T18:00:00Z"));
}

#[test]
fn business_spans_count_only_what_the_calendar_works() {
    let hours = office();
    let holidays = [day("2026-06-04")];
    let office = Workdays { hours: Some(&hours), holidays: &holidays, ..Workdays::default() };
    let reckoning = Reckoning { zone: Tz::UTC, office, days: Workdays::default() };
    let check = |zero: &str, span: &str, expected: &str| {
        assert_eq!(reckoning.deadline(at(zero), span.parse().unwrap(), None), at(expected), "{zero} + {span}");
    };
    // 2026-06-01 is a Monday.
    check("2026-06-01T10:00:00Z", "5bd", "2026-06-10T00:00:00Z");
    check("2026-06-05T18:00:00Z", "1bd", "2026-06-09T00:00:00Z");
    check("2026-06-06T10:00:00Z", "0bd", "2026-06-09T00:00:00Z");
    check("2026-06-01T09:00:00Z", "7bh", "2026-06-01T17:00:00Z");
    check("2026-06-01T12:00:00Z", "8bh", "2026-06-02T14:00:00Z");
    check("2026-06-03T16:00:00Z", "2bh", "2026-06-05T10:00:00Z");
}

#[test]
fn days_away_count_as_days_off() {
    let away = [DateRange { from: day("2026-06-02"), to: day("2026-06-08") }];
    let days = Workdays { absences: &away, ..Workdays::default() };
    let reckoning = Reckoning { zone: Tz::UTC, office: days, days };
    assert_eq!(reckoning.deadline(at("2026-06-01T10:00:00Z"), Span::days(2), None), at("2026-06-11T00:00:00Z"));
}

#[test]
fn a_reminder_moves_into_the_allowed_hours() {
    let hours = office();
    let working = Workdays { hours: Some(&hours), ..Workdays::default() };
    let quiet = Some(DailyRange { from: time(16, 0), to: time(10, 0) });
    let allowed = Allowed { zone: Tz::UTC, working, quiet };
    let check = |nominal: &str, zero: &str, deadline: &str, expected: &str| {
        assert_eq!(allowed.move_to(at(nominal), at(zero), at(deadline)), at(expected), "{nominal}");
    };
    let (monday, end) = ("2026-06-01T08:00:00Z", "2026-06-20T00:00:00Z");
    check("2026-06-02T11:00:00Z", monday, end, "2026-06-02T11:00:00Z");
    check("2026-06-02T09:00:00Z", monday, end, "2026-06-02T10:00:00Z");
    check("2026-06-02T12:45:00Z", monday, end, "2026-06-02T13:30:00Z");
    check("2026-06-06T11:00:00Z", monday, end, "2026-06-08T10:00:00Z");
    check("2026-06-06T11:00:00Z", monday, "2026-06-08T00:00:00Z", "2026-06-05T15:59:00Z");
    check("2026-06-06T11:00:00Z", "2026-06-06T10:00:00Z", "2026-06-08T00:00:00Z", "2026-06-06T11:00:00Z");
}

#[test]
fn the_ends_of_the_calendar_do_not_panic() {
    let hours = office();
    let office = Workdays { hours: Some(&hours), ..Workdays::default() };
    for zero in [
        chrono::DateTime::<chrono::Utc>::MIN_UTC,
        chrono::DateTime::<chrono::Utc>::MAX_UTC,
        at("0001-01-01T00:00:00Z"),
        at("9999-12-31T23:59:59Z"),
    ] {
        for zone in ZONES {
            let zero = super::clamp(zero);
            let reckoning = Reckoning { zone, office, days: Workdays::default() };
            let allowed = Allowed { zone, working: office, quiet: None };
            for unit in [Unit::Days, Unit::BusinessDays, Unit::Hours, Unit::BusinessHours, Unit::Minutes] {
                let span = Span { count: 400, unit };
                let deadline = reckoning.deadline(zero, span, None);
                let nominal = reckoning.nominal(zero, span, time(9, 0), zone);
                assert!(deadline >= zero && deadline <= local::far());
                let _ = allowed.move_to(nominal, zero, deadline);
            }
        }
    }
    let nobody = WorkingHours::default();
    let never = Workdays { hours: Some(&nobody), ..Workdays::default() };
    let reckoning = Reckoning { zone: Tz::UTC, office: never, days: Workdays::default() };
    let far = reckoning.deadline(at("2026-06-01T00:00:00Z"), Span { count: 1, unit: Unit::BusinessHours }, None);
    assert_eq!(far, local::far());
}

/// An instant near a transition of some zone, or anywhere in a few years.
fn moment() -> impl Strategy<Value = Instant> {
    let turns = [
        "2011-12-29T00:00:00Z",
        "2018-11-03T00:00:00Z",
        "2026-03-07T00:00:00Z",
        "2026-03-28T00:00:00Z",
        "2026-04-04T00:00:00Z",
        "2026-10-03T00:00:00Z",
        "2026-10-24T00:00:00Z",
        "2028-02-27T00:00:00Z",
        "2006-10-28T00:00:00Z",
    ];
    (0..turns.len(), 0..4 * 1440i64).prop_map(move |(turn, minutes)| at(turns[turn]) + Duration::minutes(minutes))
}

fn hours_strategy() -> impl Strategy<Value = WorkingHours> {
    prop::collection::vec((0..7u8, 0..96u32, 1..97u32), 1..8).prop_map(|ranges| {
        let quarter = |n: u32| time(n / 4 % 24, n % 4 * 15);
        let ranges = ranges
            .into_iter()
            .filter(|(_, from, to)| from < to)
            .map(|(weekday, from, to)| (Weekday::try_from(weekday).unwrap(), quarter(from), quarter(to)));
        WorkingHours { ranges: ranges.collect() }
    })
}

/// Whether a minute counts, asked of the wall clock alone.
fn works(hours: &WorkingHours, zone: Tz, minute: Instant) -> bool {
    let local = minute.with_timezone(&zone).naive_local();
    hours.ranges.iter().any(|(weekday, from, to)| {
        *weekday == local.weekday() && *from <= local.time() && (local.time() < *to || *to == NaiveTime::MIN)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_next_and_last_allowed_instants_equal_a_walk_by_minutes(
        zone in 0..ZONES.len(), from in moment(), hours in hours_strategy(), quiet in prop::option::of((0..24u32, 0..24u32)),
    ) {
        let zone = ZONES[zone];
        let quiet = quiet.filter(|(a, b)| a != b).map(|(from, to)| DailyRange { from: time(from, 0), to: time(to, 30) });
        let working = Workdays { hours: Some(&hours), ..Workdays::default() };
        let allowed = Allowed { zone, working, quiet };
        let naive = |minute: Instant| works(&hours, zone, minute)
            && !quiet.is_some_and(|quiet| quiet.contains(minute.with_timezone(&zone).time()));
        let ahead = (0..8 * 1440).map(|minutes| from + Duration::minutes(minutes)).find(|minute| naive(*minute));
        if let Some(ahead) = ahead {
            prop_assert_eq!(allowed.next(from), Some(ahead), "next in {}", zone);
        }
        let floor = from - Duration::days(8);
        let behind = (1..8 * 1440).map(|minutes| from - Duration::minutes(minutes)).find(|minute| naive(*minute));
        if let Some(behind) = behind {
            prop_assert_eq!(allowed.last_before(from, floor), Some(behind), "last in {}", zone);
        }
    }

    #[test]
    fn working_time_equals_a_count_of_minutes(
        zone in 0..ZONES.len(), zero in moment(), hours in hours_strategy(), count in 1..30u32,
    ) {
        let zone = ZONES[zone];
        let office = Workdays { hours: Some(&hours), ..Workdays::default() };
        let reckoning = Reckoning { zone, office, days: Workdays::default() };
        let deadline = reckoning.deadline(zero, Span { count, unit: Unit::BusinessHours }, None);
        let mut left = i64::from(count) * 60;
        let mut minute = zero;
        for _ in 0..30 * 1440 {
            if left == 0 { break; }
            if counts(&hours, zone, minute) { left -= 1; }
            minute += Duration::minutes(1);
        }
        if left == 0 {
            prop_assert_eq!(deadline, minute, "{} hours in {}", count, zone);
        }
    }

    #[test]
    fn a_day_deadline_has_exactly_so_many_local_dates_before_it(
        zone in 0..ZONES.len(), zero in moment(), count in 0..40u32,
    ) {
        let zone = ZONES[zone];
        let deadline = every_day(zone).deadline(zero, Span::days(count), None);
        let last = local::local_date(zero, zone) + chrono::Days::new(u64::from(count));
        // Walk minute by minute to the first one that shows a later date.
        let start = first_instant_of(last, zone) - Duration::hours(2);
        let naive = (0..60 * 60).map(|n| start + Duration::minutes(n)).find(|t| t.with_timezone(&zone).date_naive() > last);
        prop_assert_eq!(Some(deadline), naive, "{} days in {}", count, zone);
    }
}

/// Whether a minute is working time: between the first instants that stand for the ends of a range of its date.
fn counts(hours: &WorkingHours, zone: Tz, minute: Instant) -> bool {
    let local = minute.with_timezone(&zone).naive_local();
    [local.date().pred_opt(), Some(local.date()), local.date().succ_opt()].into_iter().flatten().any(|date| {
        hours.ranges.iter().filter(|(weekday, ..)| *weekday == date.weekday()).any(|(_, from, to)| {
            let to = match *to {
                NaiveTime::MIN => first_instant_of(local::add_days(date, 1), zone),
                to => resolve(date, to, zone),
            };
            resolve(date, *from, zone) <= minute && minute < to
        })
    })
}
