//! Budgets that are spent, exhausted, observed and paced.

use http::HeaderMap;
use http::header::DATE;

use super::*;

const TEN_SECONDS: Duration = Duration::from_secs(10);

fn start() -> Instant {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn quota(calls: u32, share: f64) -> Quota {
    Quota::new(share, |_| Limit { calls, window: TEN_SECONDS })
}

/// Calls that leave within `span` when someone asks again as soon as told.
fn spend(quota: &Quota, from: Instant, span: Span) -> Vec<Instant> {
    let (mut now, mut left) = (from, Vec::new());
    while now < from + span {
        match quota.check(Bucket::General, Priority::Write, now) {
            Ok(()) => left.push(now),
            Err(until) => {
                assert!(until > now, "asking again must be later");
                now = until;
            }
        }
    }
    left
}

fn most_in_a_window(left: &[Instant]) -> usize {
    left.iter()
        .map(|first| left.iter().filter(|at| *first <= **at && **at < *first + TEN_SECONDS).count())
        .max()
        .unwrap_or(0)
}

#[test]
fn no_window_holds_more_than_the_limit_and_the_mean_is_our_share() {
    for (calls, share) in [(100, 0.8), (190, 0.8), (100, 0.5), (190, 1.0), (5, 0.8), (3, 1.0)] {
        let left = spend(&quota(calls, share), start(), Span::seconds(100));
        assert!(most_in_a_window(&left) <= calls as usize, "{calls} at {share}: {}", most_in_a_window(&left));
        let expected = f64::from(calls) * share * 10.0;
        assert!(left.len() as f64 >= expected * 0.6, "{calls} at {share}: {} of {expected}", left.len());
    }
}

#[test]
fn a_pause_holds_up_its_bucket_only_and_an_account_pause_all() {
    let quota = quota(100, 0.8);
    let until = start() + Span::seconds(30);
    quota.pause(Some(Bucket::Search), until);
    assert_eq!(quota.check(Bucket::Search, Priority::Write, start()), Err(until));
    assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Ok(()));
    quota.pause(None, until);
    assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Err(until));
    assert_eq!(quota.follow_up(Bucket::General, start()), Err(until));
    assert_eq!(quota.check(Bucket::General, Priority::Write, until), Ok(()));
}

#[test]
fn a_learned_limit_takes_effect_without_a_burst() {
    let quota = quota(100, 0.8);
    let limit = Some(Limit { calls: 190, window: TEN_SECONDS });
    quota.observe(Bucket::General, Observed { limit, ..Observed::default() }, start());
    assert!(quota.check(Bucket::General, Priority::Write, start()).is_err(), "a swap is no burst");
    let left = spend(&quota, start(), Span::seconds(100));
    assert!(left.len() > 1_300, "{}", left.len());
}

#[test]
fn a_small_move_of_the_limit_changes_nothing() {
    let quota = quota(100, 0.8);
    let limit = Some(Limit { calls: 110, window: TEN_SECONDS });
    quota.observe(Bucket::General, Observed { limit, ..Observed::default() }, start());
    assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Ok(()));
}

#[test]
fn an_empty_window_waits_for_a_part_of_it() {
    let quota = quota(100, 0.8);
    quota.observe(Bucket::General, Observed { remaining: Some(0), ..Observed::default() }, start());
    assert_eq!(quota.check(Bucket::General, Priority::Write, start()), Err(start() + Span::seconds(1)));
}

#[test]
fn when_the_day_runs_out_background_stops_first_and_writes_never() {
    let check = |remaining, priority, allowed: bool| {
        let quota = quota(100, 0.8);
        let observed = Observed { daily: Some(1000), daily_remaining: Some(remaining), ..Observed::default() };
        quota.observe(Bucket::General, observed, start());
        let got = quota.check(Bucket::General, priority, start() + Span::seconds(1));
        assert_eq!(got.is_ok(), allowed, "{remaining} left for {priority:?}");
        // What was said of the day grows old; then one call may look again.
        assert_eq!(quota.check(Bucket::General, priority, start() + day::SAYING_STOPS_FOR), Ok(()));
    };
    check(201, Priority::Background, true);
    check(200, Priority::Background, false);
    check(200, Priority::Poll, true);
    check(50, Priority::Poll, false);
    check(0, Priority::Write, true);
}

#[test]
fn what_a_follow_up_took_is_paid_by_the_next_call() {
    let with_follow_ups = quota(100, 0.8);
    let mut calls = 0;
    let mut now = start();
    while now < start() + Span::seconds(100) {
        match with_follow_ups.check(Bucket::General, Priority::Write, now) {
            Ok(()) => {
                with_follow_ups.follow_up(Bucket::General, now).unwrap();
                calls += 2;
            }
            Err(until) => now = until,
        }
    }
    assert!((700..=830).contains(&calls), "{calls}");
}

/// Rounds, each at the instant at which somebody was told to ask again, of three works of three calls each that start
/// over when a call is throttled; how many were finished, and every call that left.
async fn compete(quota: &Quota, rounds: usize, whole: bool) -> (usize, Vec<Instant>) {
    let (mut now, mut finished, left) = (start(), 0, std::cell::RefCell::new(Vec::new()));
    let call = |now| {
        quota.check(Bucket::General, Priority::Write, now)?;
        left.borrow_mut().push(now);
        Ok::<_, Instant>(())
    };
    for _ in 0..rounds {
        let work = || async {
            for _ in 0..3 {
                call(now)?;
                // The others have their turn while an answer is waited for.
                tokio::task::yield_now().await;
            }
            Ok::<_, Instant>(())
        };
        let ended = match whole {
            true => tokio::join!(as_one(work()), as_one(work()), as_one(work())),
            false => tokio::join!(work(), work(), work()),
        };
        let ended = [ended.0, ended.1, ended.2];
        finished += ended.iter().filter(|end| end.is_ok()).count();
        now = ended.iter().filter_map(|end| end.err()).min().unwrap_or(now);
    }
    (finished, left.into_inner())
}

#[tokio::test]
async fn works_that_start_over_come_to_their_ends_though_the_bucket_is_empty() {
    for (calls, share) in [(100, 0.8), (190, 0.8), (190, 1.0), (400, 0.5)] {
        let (finished, left) = compete(&quota(calls, share), 1_000, true).await;
        assert!(finished >= 300, "{calls} at {share}: {finished} of {} calls", left.len());
        // Three works may borrow two calls each.
        assert!(most_in_a_window(&left) <= calls as usize + 6, "{calls} at {share}: {}", most_in_a_window(&left));
    }
    let (finished, left) = compete(&quota(100, 0.8), 1_000, false).await;
    assert!(finished < 50, "{finished} of {} calls: then nothing is proved", left.len());
}

#[test]
fn a_clock_set_back_frees_nothing_and_blocks_nothing_for_long() {
    let quota = quota(10, 0.5);
    let late = start() + Span::days(3000);
    while quota.check(Bucket::General, Priority::Write, late).is_ok() {}
    quota.pause(None, late + Span::hours(1));
    assert!(quota.check(Bucket::General, Priority::Write, start()).is_err());
    assert_eq!(quota.check(Bucket::General, Priority::Write, start() + Span::seconds(10)), Ok(()));
}

/// A budget of `budget` calls in a day, of which `used` were made in the present hour.
fn used_up(budget: u64, used: u64) -> Quota {
    let quota = Quota::new(0.8, |_| Limit { calls: 1_000_000, window: TEN_SECONDS }).with_daily_share(0.02);
    let observed = Observed { daily: Some(budget * 50), daily_remaining: Some(budget * 50), ..Observed::default() };
    quota.observe(Bucket::General, observed, start());
    for _ in 0..used {
        quota.follow_up(Bucket::General, start()).unwrap();
    }
    quota
}

#[test]
fn as_our_budget_goes_background_stops_then_polls_and_writes_never() {
    let check = |used, background: bool, poll: bool| {
        let quota = used_up(100, used);
        let ok = |priority| quota.check(Bucket::Search, priority, start()).is_ok();
        assert_eq!((ok(Priority::Background), ok(Priority::Poll)), (background, poll), "{used}");
        assert!(ok(Priority::Write), "{used}");
    };
    check(80, true, true);
    check(85, false, true);
    check(100, false, false);
    check(300, false, false);
}

#[test]
fn what_was_spent_gives_room_again_after_a_day_and_not_before() {
    let quota = used_up(100, 100);
    let check = |hours| quota.check(Bucket::Search, Priority::Poll, start() + Span::hours(hours));
    assert_eq!(check(0), Err(start() + Span::hours(1)));
    assert!(check(24).is_err());
    assert!(check(25).is_ok());
}

#[test]
fn a_poll_of_five_kinds_each_minute_fits_into_two_percent_of_a_small_org() {
    // Five kinds are one composite call; 115,000 calls are those of fifteen licences.
    let quota = used_up(2_300, 1_440);
    assert_eq!(quota.pace(Span::seconds(60), start()), Span::seconds(60));
}

#[test]
fn polls_slow_down_smoothly_and_thirtyfold_at_most() {
    let pace = |used| used_up(1_000, used).pace(Span::seconds(60), start()).num_seconds();
    let paces: Vec<i64> = [0, 700, 750, 850, 950, 1_000, 5_000].map(pace).into();
    assert_eq!(paces, [60, 60, 105, 328, 1021, 1800, 1800]);
}

#[test]
fn polls_slow_down_when_others_use_up_the_account() {
    let quota = quota(100, 0.8);
    let observed = Observed { daily: Some(1000), daily_remaining: Some(40), ..Observed::default() };
    quota.observe(Bucket::General, observed, start());
    let pace = |later| quota.pace(Span::seconds(60), start() + later);
    assert_eq!(pace(Span::minutes(30)), Span::minutes(30));
    assert_eq!(pace(Span::hours(3)), Span::minutes(1), "what was said long ago says nothing");
}

#[test]
fn a_restart_does_not_forget_what_was_spent() {
    let before = used_up(100, 90);
    let kept = serde_json::to_string(&before.spent()).unwrap();
    let after = used_up(100, 15);
    after.restore(&serde_json::from_str(&kept).unwrap());
    let told = Today { ours: 105, budget: Some(100), all: Some(0), limit: Some(5_000) };
    assert_eq!(after.today(start()), told);
    assert!(after.check(Bucket::Search, Priority::Poll, start()).is_err());
}

#[test]
fn calls_counted_by_a_clock_that_was_ahead_do_not_count_for_ever() {
    let quota = used_up(100, 0);
    let ahead = start() + Span::days(400);
    for _ in 0..100 {
        quota.follow_up(Bucket::General, ahead).unwrap();
    }
    assert_eq!(quota.today(start()).ours, 0);
}

#[test]
fn before_the_limit_is_known_nothing_is_held_back() {
    let quota = quota(100, 0.8).with_daily_share(0.01);
    assert_eq!(quota.check(Bucket::General, Priority::Background, start()), Ok(()));
    assert_eq!(quota.today(start()), Today { ours: 1, ..Today::default() });
}

#[test]
fn our_clock_is_held_against_the_crms() {
    let quota = quota(100, 0.8);
    let hear = |date: &str| {
        let date = (DATE, date.parse().unwrap());
        quota.hear_date(&HeaderMap::from_iter([date]), start());
        quota.clock_ahead().map(|ahead| ahead.num_minutes())
    };
    assert_eq!(quota.clock_ahead(), None);
    assert_eq!(hear("Mon, 02 Mar 2026 08:00:00 GMT"), Some(60));
    assert_eq!(hear("Mon, 02 Mar 2026 09:10:00 GMT"), Some(-10));
    assert_eq!(hear("yesterday"), Some(-10), "what says nothing changes nothing");
}
