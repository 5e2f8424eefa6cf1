//! Virtual time leaves nothing out, whoever follows it.

use std::collections::BTreeMap;

use axum::body::Body;
use http::Request;
use tower::ServiceExt;

use super::*;
use crate::company::{Company, CompanyOptions};
use crate::edit::{DealName, Edit, TimedEdit};
use crate::{Options, Sandbox};

fn company() -> Company {
    Company::new(5, &CompanyOptions { days: 2, ..CompanyOptions::default() })
}

fn sandbox(company: &Company) -> Sandbox {
    Sandbox::new(Options::new("token", company.founded))
}

/// The instants at which each deal was created, by handle.
fn created(sandbox: &Sandbox) -> BTreeMap<String, DateTime<Utc>> {
    let dump = sandbox.dump();
    let by_id: BTreeMap<&str, DateTime<Utc>> =
        dump.records["deals"].iter().map(|deal| (deal.id.as_str(), deal.created_at)).collect();
    dump.handles.iter().map(|(handle, id)| (handle.clone(), by_id[id.as_str()])).collect()
}

/// The instants at which the timeline creates each deal, by handle.
fn to_create(timeline: &[TimedEdit]) -> BTreeMap<String, DateTime<Utc>> {
    let creation = |timed: &TimedEdit| match &timed.edit {
        Edit::CreateDeal { handle, .. } => Some((handle.clone(), timed.at)),
        _ => None,
    };
    timeline.iter().filter_map(creation).collect()
}

#[test]
fn a_director_lets_everything_happen_at_its_own_instant() {
    let company = company();
    let sandbox = sandbox(&company);
    let mut director = Director::new(sandbox.clone(), company.timeline.clone());
    assert_eq!(director.next_edit(), Some(company.founded));
    director.advance_to(company.start);
    assert!(director.next_edit().is_some_and(|next| next > company.start));
    assert_eq!(sandbox.now(), company.start);
    director.advance_to(company.end);
    director.advance_to(company.start);
    assert_eq!((director.next_edit(), sandbox.now()), (None, company.end));
    assert_eq!(created(&sandbox), to_create(&company.timeline));
}

/// Follows in steps of its own until the end; gives back the instants at which it was awake.
async fn follow(time: VirtualTime, name: &'static str, step: TimeDelta) -> Vec<DateTime<Utc>> {
    let mut awake = vec![time.now()];
    loop {
        let until = awake[awake.len() - 1] + step;
        let wake = time.sleep(name, until).await;
        assert!(wake.ended || wake.now == until, "{name} slept until {until} and woke at {}", wake.now);
        awake.push(wake.now);
        // Whoever is awake may look around for as long as it likes: time stands.
        tokio::task::yield_now().await;
        assert_eq!(time.now(), wake.now);
        if wake.ended {
            return awake;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_followers_in_lockstep_meet_every_edit_at_its_instant() {
    let company = company();
    let sandbox = sandbox(&company);
    let mut director = Director::new(sandbox.clone(), company.timeline.clone());
    director.advance_to(company.start);
    let time = VirtualTime::new(director, TimeMode::Lockstep { expected_followers: 2 }, Some(company.end));
    let slow = tokio::spawn(follow(time.clone(), "slow", TimeDelta::minutes(7)));
    let fast = tokio::spawn(follow(time.clone(), "fast", TimeDelta::minutes(3)));
    let (slow, fast) = (slow.await.unwrap(), fast.await.unwrap());
    assert_eq!((slow.len(), fast.len()), (1 + 412, 1 + 960));
    assert!(time.show().ended);
    assert_eq!(created(&sandbox), to_create(&company.timeline));
}

#[tokio::test]
async fn time_stands_until_everybody_expected_has_come_and_while_anybody_is_awake() {
    let company = company();
    let director = Director::new(sandbox(&company), Vec::new());
    let time = VirtualTime::new(director, TimeMode::Lockstep { expected_followers: 2 }, None);
    let later = company.founded + TimeDelta::hours(1);
    let first = tokio::spawn({
        let time = time.clone();
        async move { time.sleep("first", later).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(time.now(), company.founded);
    let soon = company.founded + TimeDelta::minutes(5);
    assert_eq!(time.sleep("second", soon).await, Wake { now: soon, ended: false });
    assert_eq!(time.now(), soon);
    time.leave("second");
    assert_eq!(first.await.unwrap(), Wake { now: later, ended: false });
}

#[tokio::test]
async fn a_sleep_that_is_broken_off_leaves_the_follower_awake() {
    let company = company();
    let time = VirtualTime::new(
        Director::new(sandbox(&company), Vec::new()),
        TimeMode::Lockstep { expected_followers: 2 },
        None,
    );
    let later = company.founded + TimeDelta::hours(1);
    let broken = tokio::time::timeout(Duration::from_millis(1), time.sleep("first", later)).await;
    assert!(broken.is_err());
    let other = tokio::time::timeout(Duration::from_millis(50), time.sleep("second", later)).await;
    assert!(other.is_err(), "the first follower is awake, so time must stand");
    assert_eq!(time.now(), company.founded);
}

#[tokio::test]
async fn paced_time_passes_by_itself_until_the_end() {
    let company = company();
    let sandbox = sandbox(&company);
    let director = Director::new(sandbox.clone(), company.timeline.clone());
    let time = VirtualTime::new(director, TimeMode::Paced { seconds_per_second: 10_000_000 }, Some(company.end));
    let woken = tokio::join!(time.run(), time.sleep("one", company.start)).1;
    assert!(woken.now >= company.start);
    assert_eq!(time.now(), company.end);
    assert_eq!(created(&sandbox), to_create(&company.timeline));
}

/// Asks over HTTP, without a socket.
async fn call(time: &VirtualTime, method: &str, path: &str, body: &str) -> serde_json::Value {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let response = routes(time.clone()).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let bytes = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into())
}

#[tokio::test]
async fn time_is_read_moved_and_followed_over_http() {
    let start: DateTime<Utc> = "2026-03-02T06:00:00Z".parse().unwrap();
    let deal = DealName::handle("nothing");
    let edits = vec![TimedEdit { at: start, edit: Edit::DeleteDeal { deal, by: "1".to_owned() } }];
    let director = Director::new(Sandbox::new(Options::new("token", start)), edits);
    let time = VirtualTime::new(director, TimeMode::Manual, None);
    let shown = call(&time, "GET", "/sandbox/time", "").await;
    let expected = serde_json::json!({ "now": "2026-03-02T06:00:00Z", "mode": "manual", "end": null, "ended": false });
    assert_eq!(shown, expected);
    let moved = call(&time, "POST", "/sandbox/time", r#"{"advance_seconds":60}"#).await;
    assert_eq!(moved["now"], "2026-03-02T06:01:00Z");
    let woken = call(&time, "POST", "/sandbox/time/sleep", r#"{"follower":"a","until":"2026-03-02T06:00:30Z"}"#).await;
    assert_eq!(woken, serde_json::json!({ "now": "2026-03-02T06:01:00Z", "ended": false }));
    call(&time, "POST", "/sandbox/time", r#"{"set":"2026-03-02T06:00:00Z"}"#).await;
    assert_eq!(time.now(), start);
    assert!(call(&time, "POST", "/sandbox/time", r#"{"set":"soon"}"#).await.is_string());
}
