//! Hints, the CRM's log, locked records and the day's calls, on a real store beside a scripted CRM.

use chrono::Duration;
use dealclock_connector::{Acknowledgement, Bucket, Cursor, Error, FeedPage, Hint, Next, Observed, Received};
use dealclock_model::effect::Lane;

use super::connection::Phase;
use super::mishaps::Mishaps;
use super::names;
use super::script::{Stage, deal, start};
use super::signals::LoopId;

fn received(hints: Vec<Hint>) -> Received {
    let answer = Acknowledgement { content_type: "", body: "" };
    Received { hints, keys: Vec::new(), foreign: 0, answer }
}

fn hint(stage: &Stage, hint: Hint) {
    let connection = &stage.runtime.connections()["acme"];
    assert!(stage.runtime.receive(connection, &received(vec![hint])).unwrap());
}

fn waiting(stage: &Stage) -> u64 {
    stage.runtime.store().hints_len(&"acme".into()).unwrap()
}

fn page(hints: Vec<Hint>, at: u64, more: bool, gap: bool) -> FeedPage {
    let cursor = Cursor(at.into());
    FeedPage { hints, next: if more { Next::More(cursor) } else { Next::Later(cursor) }, gap }
}

#[tokio::test]
async fn a_hint_is_looked_at_at_once_and_taken_away_with_what_was_seen() {
    let stage = Stage::live().await;
    stage.crm.now().deals.insert("1", "Open");
    hint(&stage, Hint::Record(deal("1")));
    assert_eq!(waiting(&stage), 1);
    stage.settle().await;
    assert_eq!(stage.stage_of("1").as_deref(), Some("Open"));
    assert_eq!(waiting(&stage), 0);
    stage.crm.now().deals.remove("1");
    hint(&stage, Hint::Record(deal("1")));
    stage.pass(Duration::seconds(10)).await;
    let case = stage.runtime.store().case(&dealclock_model::CaseId::Record(deal("1"))).unwrap().unwrap();
    assert!(case.as_record().unwrap().gone.is_some(), "no poll shows a deletion");
}

#[tokio::test]
async fn many_hints_cost_few_calls() {
    let stage = Stage::live().await;
    for id in ["1", "2", "3", "1", "2"] {
        hint(&stage, Hint::Record(deal(id)));
    }
    stage.settle().await;
    for id in ["4", "5"] {
        hint(&stage, Hint::Record(deal(id)));
        stage.pass(Duration::seconds(1)).await;
    }
    assert_eq!(stage.crm.now().looks, [["1", "2", "3"].as_slice()], "the next ones gather");
    stage.pass(Duration::seconds(5)).await;
    assert_eq!(stage.crm.now().looks.len(), 2);
}

#[tokio::test]
async fn a_hint_waits_for_the_end_of_the_first_read_and_survives_a_crash() {
    let stage = Stage::new();
    stage.crm.now().deals.insert("1", "Open");
    hint(&stage, Hint::Record(deal("1")));
    let stage = stage.restarted();
    assert_eq!(waiting(&stage), 1);
    stage.settle().await;
    assert_eq!(stage.runtime.store().meta::<Phase>(&names::phase(&"acme".into())).unwrap(), Some(Phase::Live));
    assert_eq!((stage.stage_of("1").as_deref(), waiting(&stage)), (Some("Open"), 0));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_holds_up_no_other() {
    let stage = Stage::live().await;
    stage.crm.now().deals.extend([("1", "Open"), ("3", "Open")]);
    stage.crm.now().poisoned.insert("2");
    for id in ["1", "2", "3"] {
        hint(&stage, Hint::Record(deal(id)));
    }
    stage.pass(Duration::seconds(30)).await;
    assert_eq!(waiting(&stage), 0);
    assert_eq!([stage.stage_of("1"), stage.stage_of("3")].map(|stage| stage.is_some()), [true, true]);
    for _ in 0..2 {
        hint(&stage, Hint::Record(deal("1")));
        stage.pass(Duration::seconds(10)).await;
    }
    assert_eq!(stage.runtime.connections()["acme"].hints_at_once(), 10, "all is as before");
}

#[tokio::test]
async fn people_are_read_when_the_crm_says_so_and_at_most_once_a_minute() {
    let stage = Stage::live().await;
    let discoveries = || stage.crm.now().discoveries;
    assert_eq!(discoveries(), 1);
    for _ in 0..50 {
        hint(&stage, Hint::People);
        stage.pass(Duration::seconds(1)).await;
    }
    assert_eq!(discoveries(), 1);
    stage.pass(Duration::seconds(10)).await;
    assert_eq!(discoveries(), 2);
    stage.pass(Duration::minutes(50)).await;
    assert_eq!(discoveries(), 2);
}

#[tokio::test]
async fn people_are_read_once_for_an_owner_who_is_not_among_them() {
    let stage = Stage::live().await;
    stage.crm.now().owners.extend([("1", "zed"), ("2", "zed"), ("3", "new")]);
    for (id, discoveries) in [("1", 2), ("2", 2), ("3", 3)] {
        stage.crm.now().deals.insert(id, "Open");
        hint(&stage, Hint::Record(deal(id)));
        stage.pass(Duration::minutes(2)).await;
        assert_eq!(stage.crm.now().discoveries, discoveries, "after deal {id}");
    }
}

#[tokio::test]
async fn what_a_page_of_changes_shows_beside_them_is_followed() {
    let stage = Stage::live().await;
    stage.crm.now().deals.insert("9", "Won");
    stage.crm.now().beside = vec![Hint::Unlocked(deal("9"))];
    stage.pass(Duration::minutes(2)).await;
    assert_eq!(stage.stage_of("9").as_deref(), Some("Won"));
}

#[tokio::test]
async fn a_log_is_read_on_from_its_cursor_and_a_gap_makes_all_be_compared() {
    let stage = Stage::live().await;
    stage.crm.now().deals.extend([("1", "Open"), ("2", "Open")]);
    let before = stage.crm.now().full_reads;
    stage.crm.now().pages.extend([
        page(vec![Hint::Record(deal("1"))], 7, true, false),
        page(vec![Hint::Record(deal("2"))], 8, false, true),
    ]);
    stage.pass(Duration::seconds(40)).await;
    assert_eq!([stage.stage_of("1"), stage.stage_of("2")].map(|stage| stage.is_some()), [true, true]);
    let cursor: Option<Cursor> = stage.runtime.store().meta(&names::feed(&"acme".into())).unwrap();
    assert_eq!(cursor, Some(Cursor(8.into())));
    assert_eq!(stage.crm.now().full_reads, before + 1, "once, and not again and again");
    stage.pass(Duration::minutes(10)).await;
    assert_eq!(stage.crm.now().full_reads, before + 1);
}

#[tokio::test]
async fn a_write_to_a_locked_record_waits_and_the_others_go_on() {
    let stage = Stage::live().await;
    stage.crm.now().deals.insert("1", "Open");
    stage.crm.now().locked.insert("1");
    stage.put_update("1");
    stage.put_update("2");
    stage.pass(Duration::minutes(1)).await;
    assert_eq!(stage.crm.now().written, ["2"]);
    assert_eq!(stage.runtime.connections()["acme"].state().troubles.get("deliver"), None, "it is no trouble");
    stage.crm.now().locked.clear();
    stage.pass(Duration::minutes(5)).await;
    assert_eq!(stage.crm.now().written, ["2"], "nobody said that it was unlocked");
    hint(&stage, Hint::Unlocked(deal("1")));
    stage.pass(Duration::seconds(10)).await;
    assert_eq!(stage.crm.now().written, ["2", "1"]);
}

#[tokio::test]
async fn a_locked_write_goes_after_a_change_of_its_record_or_after_an_hour() {
    let stage = Stage::live().await;
    stage.crm.now().locked.extend(["1", "2"]);
    stage.put_update("1");
    stage.put_update("2");
    stage.pass(Duration::minutes(1)).await;
    stage.crm.now().locked.clear();
    stage.crm.now().deals.insert("1", "Approved");
    hint(&stage, Hint::Record(deal("1")));
    stage.pass(Duration::minutes(1)).await;
    assert_eq!(stage.crm.now().written, ["1"]);
    stage.pass(Duration::minutes(60)).await;
    assert_eq!(stage.crm.now().written, ["1", "2"]);
}

fn counted(stage: &Stage, name: &str) -> Option<(u64, String, String)> {
    let known: Option<Mishaps> = stage.runtime.store().meta(name).unwrap();
    known.map(|known| (known.count, known.record, known.reason))
}

#[tokio::test]
async fn refused_reminders_are_counted_with_the_reason_of_the_last() {
    let stage = Stage::live().await;
    let refused = names::refused(&"acme".into());
    assert_eq!(counted(&stage, &refused), None);
    stage.crm.now().deals.extend([("1", "Open"), ("2", "Open")]);
    stage.put_creation("1");
    stage.pass(Duration::minutes(1)).await;
    stage.put_creation("2");
    stage.put_update("1");
    stage.pass(Duration::minutes(1)).await;
    let last = (2, deal("2").to_string(), "there is no person zed".to_owned());
    assert_eq!(counted(&stage, &refused), Some(last));
}

#[tokio::test]
async fn records_that_cannot_be_judged_are_counted_until_they_can() {
    let stage = Stage::live().await;
    let parked = names::parked(&"acme".into());
    stage.crm.now().deals.extend([("1", "Open"), ("2", "Open"), ("3", "Open")]);
    stage.crm.now().unreadable.extend(["1", "2"]);
    let look = async || {
        for id in ["1", "2", "3"] {
            hint(&stage, Hint::Record(deal(id)));
        }
        stage.pass(Duration::minutes(1)).await;
        counted(&stage, &parked).map(|(count, ..)| count)
    };
    assert_eq!(look().await, Some(2));
    assert_eq!(look().await, Some(2), "once each");
    stage.crm.now().unreadable.remove("1");
    assert_eq!(look().await, Some(1));
    stage.crm.now().deals.remove("2");
    assert_eq!(look().await, None, "it is gone");
}

#[tokio::test]
async fn polls_slow_down_as_the_day_goes_and_a_restart_knows_what_was_spent() {
    let stage = Stage::live().await;
    let told = Observed { daily: Some(1_000), daily_remaining: Some(50), ..Observed::default() };
    stage.quota().observe(Bucket::General, told, start());
    let before = stage.crm.now().polls;
    stage.pass(Duration::minutes(20)).await;
    assert!(stage.crm.now().polls - before <= 1, "{} polls", stage.crm.now().polls - before);
    for _ in 0..5 {
        stage.quota().follow_up(Bucket::General, start()).unwrap();
    }
    stage.pass(Duration::minutes(20)).await;
    let stage = stage.restarted();
    assert_eq!(stage.quota().today(start()).ours, 5);
}

#[tokio::test]
async fn the_next_poll_is_told_as_late_as_a_limit_makes_it() {
    let stage = Stage::live().await;
    let (connection, now) = (&stage.runtime.connections()["acme"], stage.runtime.now());
    assert_eq!(connection.next_attempt(now), Some(now + Duration::minutes(1)));
    let tomorrow = now + Duration::days(1);
    connection.failed("poll", &Error::throttled(tomorrow, "the day's calls are used up"), now);
    assert_eq!(connection.next_attempt(now), Some(tomorrow));
}

#[tokio::test]
async fn a_clock_that_is_ahead_of_the_crms_fires_and_writes_nothing() {
    let stage = Stage::live().await;
    let hear = |date: &str| {
        let date = (http::header::DATE, date.parse().unwrap());
        stage.quota().hear_date(&http::HeaderMap::from_iter([date]), stage.runtime.now());
    };
    let due = || stage.runtime.store().due(stage.runtime.now(), 9).unwrap().len();
    hear("Mon, 02 Mar 2026 08:54:00 GMT");
    let mut batch = dealclock_store::Batch::new();
    batch.set_timer(&dealclock_model::CaseId::Record(deal("1")), Some(start()));
    stage.runtime.store().commit(batch).unwrap();
    stage.put_update("2");
    stage.pass(Duration::minutes(10)).await;
    let trouble = stage.runtime.connections()["acme"].state().troubles.get("clock").cloned();
    assert!(trouble.unwrap().message.contains("6 minutes ahead"));
    assert_eq!((due(), stage.crm.now().written.len()), (1, 0));
    hear("Mon, 02 Mar 2026 09:09:00 GMT");
    stage.pass(Duration::minutes(10)).await;
    assert_eq!((due(), stage.crm.now().written.len()), (0, 1));
    assert_eq!(stage.runtime.connections()["acme"].state().troubles.get("clock"), None);
}

/// Events that decide nothing, more than one step of the decider takes.
fn many_events(stage: &Stage) {
    let mut batch = dealclock_store::Batch::new();
    let case = dealclock_model::CaseId::Record(deal("1"));
    for _ in 0..100 {
        batch.put_event(&case, &dealclock_model::Event::Due { as_of: start(), waited: false });
    }
    stage.runtime.store().commit(batch).unwrap();
}

#[tokio::test]
async fn a_batch_that_is_not_full_waits_a_moment_for_what_is_being_decided() {
    let stage = Stage::live().await;
    let deliver = LoopId::Deliver(Lane::Crm("acme".into()));
    many_events(&stage);
    stage.put_update("2");
    stage.runtime.step(&deliver).await.unwrap();
    assert_eq!(stage.crm.now().written, [""; 0]);
    stage.clock.set(start() + Duration::seconds(1));
    stage.runtime.step(&deliver).await.unwrap();
    assert_eq!(stage.crm.now().written, ["2"], "there is no end of events that it would wait for");
    let full: Vec<String> = (10..20).map(|id| id.to_string()).collect();
    for id in &full {
        stage.put_update(id);
    }
    stage.runtime.step(&deliver).await.unwrap();
    assert_eq!(stage.crm.now().written[1..], full, "nothing can be added to a full batch");
}

#[tokio::test]
async fn no_write_of_a_batch_is_begun_when_one_of_them_was_taken_back() {
    let stage = Stage::live().await;
    for id in 0..60 {
        stage.put_update(&id.to_string());
    }
    let store = stage.runtime.store();
    let lane = Lane::Crm("acme".into());
    let entries = store.outbox(&lane, start(), 100).unwrap();
    let mut batch = dealclock_store::Batch::new();
    batch.remove_effect(&entries[59].effect.id);
    store.commit(batch).unwrap();
    assert!(!stage.runtime.begin(&entries).await.unwrap());
    let left = store.outbox(&lane, start(), 100).unwrap();
    assert_eq!((left.len(), left.iter().filter(|entry| entry.begun).count()), (59, 0));
}
