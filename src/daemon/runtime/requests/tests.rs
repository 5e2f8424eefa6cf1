//! Asking about requests, on a real store beside a scripted CRM.

use chrono::Duration;
use dealclock_model::case::{RecordCase, Tampering, TamperingState};
use dealclock_model::{Case, CaseId, Event, Request};
use dealclock_store::Batch;
use serde_json::json;

use crate::runtime::Step;
use crate::runtime::script::{Stage, deal, start};
use crate::runtime::signals::LoopId;

/// One step of the loop.
async fn step(stage: &Stage) -> Step {
    stage.runtime.step(&LoopId::Requests("acme".into())).await.unwrap()
}

fn put(stage: &Stage, id: &str, case: RecordCase) {
    let mut batch = Batch::new();
    batch.put_case(&CaseId::Record(deal(id)), &Case::Record(Box::new(case)));
    stage.runtime.store().commit(batch).unwrap();
}

/// A case whose request waits for a decision, with a task that asks for it.
fn asking(task: &str) -> RecordCase {
    let memo = json!({ "step": "ask", "slot": "owner", "id": task, "wrote": {}, "want": {}, "open": true });
    let effect = "b613f36e3cbcb3146043-e1-r0-f849bd2dc48b";
    let request = json!({
        "approval": "more-time", "episode": 1, "round": 0, "state": "open", "opened_at": start(),
        "tasks": { effect: memo },
    });
    let request: Request = serde_json::from_value(request).unwrap();
    RecordCase { requests: [("r".into(), request)].into(), ..RecordCase::default() }
}

#[tokio::test]
async fn a_request_is_asked_about_once_an_interval_and_news_is_told_once() {
    let stage = Stage::live().await;
    assert_eq!((step(&stage).await, stage.crm.now().outcomes), (Step::Rest(None), 0), "nothing waits");
    put(&stage, "1", asking("t1"));
    assert_eq!(step(&stage).await, Step::Again);
    assert_eq!(step(&stage).await, Step::Rest(Some(start() + Duration::minutes(1))));
    assert_eq!((stage.crm.now().outcomes, stage.events_of("1")), (1, Vec::new()), "nobody has said anything");
    stage.crm.now().approved.insert("t1");
    for asked in 2..4 {
        stage.clock.set(start() + Duration::minutes(asked.into()));
        assert_eq!(step(&stage).await, Step::Again);
        assert_eq!(stage.crm.now().outcomes, asked);
        let told = stage.events_of("1");
        let [Event::Looked { tasks, .. }] = told.as_slice() else { panic!("told {told:?}") };
        assert!(tasks.len() == 1 && tasks[0].task == "t1" && tasks[0].done);
    }
}

#[tokio::test]
async fn a_suspicion_is_answered_at_once_where_the_crm_has_no_approvals() {
    let stage = Stage::live().await;
    put(&stage, "1", asking("t1"));
    step(&stage).await;
    let tampering = Tampering { count: 1, since: start(), state: TamperingState::Suspected };
    put(&stage, "2", RecordCase { tampering: [("r".into(), tampering)].into(), ..RecordCase::default() });
    let suspect = CaseId::Record(deal("2"));
    stage.runtime.connections()["acme"].state().asking.suspect(suspect);
    assert_eq!(step(&stage).await, Step::Again);
    let told = stage.events_of("2");
    assert!(matches!(told.as_slice(), [Event::Looked { native, tasks, .. }] if native.is_empty() && tasks.is_empty()));
    assert_eq!(step(&stage).await, Step::Rest(Some(start() + Duration::minutes(1))), "the others wait for their time");
}

#[tokio::test]
async fn an_answer_that_was_not_seen_yet_comes_before_the_time_out() {
    let stage = Stage::live().await;
    put(&stage, "1", asking("t1"));
    step(&stage).await;
    stage.crm.now().approved.insert("t1");
    let mut batch = Batch::new();
    batch.set_timer(&CaseId::Record(deal("1")), Some(start()));
    stage.runtime.store().commit(batch).unwrap();
    assert_eq!(stage.runtime.step(&LoopId::Timers("acme".into())).await.unwrap(), Step::Again);
    let told = stage.events_of("1");
    assert!(matches!(told.as_slice(), [.., Event::Looked { .. }, Event::Due { .. }]), "told {told:?}");
}
