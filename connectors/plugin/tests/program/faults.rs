//! What the program does wrong, and what its caller is told.

use std::time::Duration;

use dealclock_connector::{Error, ErrorKind};
use dealclock_model::Object;
use dealclock_plugin::Bounds;

use crate::support::{Tiny, deal, reminder, start};

const LATER: ErrorKind = ErrorKind::Transient { retry_at: None };

async fn poll(tiny: &Tiny) -> Result<(), Error> {
    tiny.connector.changes(Object::Opportunity, None).await.map(drop)
}

async fn write(tiny: &Tiny) -> Vec<Result<(), ErrorKind>> {
    let results = tiny.connector.apply(&[reminder("1"), reminder("2")]).await;
    results.into_iter().map(|result| result.map(drop).map_err(|error| error.kind)).collect()
}

#[tokio::test]
async fn a_failed_read_is_transient_and_says_what_the_program_did() {
    for (fault, part) in [
        ("crash", "changes: the program ended (exit status: 3)"),
        ("cut", "changes: the program ended (exit status: 0)"),
        ("nonsense", "a line that is no JSON-RPC message"),
        ("endless", "a line of more than 16 MB"),
        ("shape", "another shape than documented: the whole of it"),
        ("stuck", "does not move on"),
        ("unreadable", "parse error"),
    ] {
        let tiny = Tiny::with(&format!("changes={fault}"));
        let first = tiny.connector.changes(Object::Opportunity, None).await;
        let error = match first {
            // It stands still only where it was before.
            Ok(page) => tiny.connector.changes(Object::Opportunity, Some(page.next.cursor())).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!(error.kind, LATER, "{fault}: {error}");
        assert!(error.message.contains(part), "{fault}: {error}");
    }
}

#[tokio::test]
async fn whatever_befalls_the_program_amid_a_write_leaves_the_write_open() {
    for fault in ["crash", "cut", "nonsense", "shape", "unreadable"] {
        let tiny = Tiny::with(&format!("apply={fault}"));
        assert_eq!(write(&tiny).await, [Err(ErrorKind::Unknown), Err(ErrorKind::Unknown)], "{fault}");
        // The next question finds it well again, or resting for a moment.
        tiny.clock.pass(2);
        poll(&tiny).await.unwrap();
    }
}

#[tokio::test]
async fn of_a_partial_answer_only_what_is_clear_counts() {
    for (fault, expected) in [
        ("missing", [Ok(()), Err(ErrorKind::Unknown)]),
        ("twice", [Err(ErrorKind::Unknown), Ok(())]),
        ("without_id", [Err(ErrorKind::Unknown), Ok(())]),
        ("extra", [Ok(()), Ok(())]),
    ] {
        assert_eq!(write(&Tiny::with(&format!("apply={fault}"))).await, expected, "{fault}");
    }
}

#[tokio::test]
async fn a_read_that_leaves_something_out_fails_rather_than_guesses() {
    let records = [deal("1"), deal("2")];
    let tiny = Tiny::with("fetch=missing");
    assert_eq!(tiny.connector.fetch(&records).await.unwrap_err().to_string(), "fetch: no answer about 1");
    let tiny = Tiny::with("find=missing");
    let error = tiny.connector.find(&[reminder("1"), reminder("2")]).await.unwrap_err();
    assert_eq!((error.kind, error.message.contains("no answer about")), (LATER, true), "{error}");
    let tiny = Tiny::with("written=missing");
    assert!(tiny.connector.written(&records).await.is_err());
    let tiny = Tiny::with("history=missing");
    assert!(tiny.connector.history().unwrap().history(&records, &["stage".into()]).await.is_err());
}

#[tokio::test]
async fn what_was_not_asked_for_is_skipped() {
    let tiny = Tiny::with("fetch=extra");
    let found = tiny.connector.fetch(&[deal("1"), deal("2"), deal("1")]).await.unwrap();
    assert_eq!(found.iter().map(|change| change.record.id.as_str()).collect::<Vec<_>>(), ["1", "2", "1"]);
    poll(&Tiny::with("changes=talk")).await.unwrap();
}

#[tokio::test]
async fn an_error_of_the_programs_keeps_its_kind() {
    let until = start() - chrono::Duration::minutes(59);
    for (name, kind) in [
        ("transient", ErrorKind::Transient { retry_at: Some(until) }),
        ("throttled", ErrorKind::Throttled { until }),
        ("unauthorized", ErrorKind::Unauthorized),
        ("conflict", ErrorKind::Conflict),
        ("locked", ErrorKind::Locked),
        ("rejected", ErrorKind::Rejected),
        ("unknown", ErrorKind::Unknown),
    ] {
        assert_eq!(poll(&Tiny::with(&format!("changes={name}"))).await.unwrap_err().kind, kind);
        assert_eq!(write(&Tiny::with(&format!("apply={name}"))).await, [Err(kind), Err(kind)]);
    }
}

#[tokio::test]
async fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let bounds = Bounds { answer: Duration::from_secs(3), end: Duration::from_secs(1) };
    let tiny = Tiny::within("apply=hang", bounds);
    assert_eq!(write(&tiny).await, [Err(ErrorKind::Unknown), Err(ErrorKind::Unknown)]);
    let processes = tiny.processes();
    assert_eq!(processes.len(), 2, "{:?}", tiny.log());
    assert!(!crate::life::is_alive(processes[0]));
    crate::life::dies(processes[1]).await;
}

#[tokio::test]
async fn a_program_that_left_its_group_is_killed_as_well() {
    let bounds = Bounds { answer: Duration::from_secs(3), end: Duration::from_secs(1) };
    let tiny = Tiny::within("apply=emigrate", bounds);
    let written = tokio::time::timeout(Duration::from_secs(30), write(&tiny)).await.unwrap();
    assert_eq!(written, [Err(ErrorKind::Unknown), Err(ErrorKind::Unknown)]);
    let processes = tiny.processes();
    assert!(!crate::life::is_alive(processes[0]));
    // What it started elsewhere is out of reach, but for this test.
    kill(processes[1]);
}

fn kill(process: u32) {
    let id = process.to_string();
    assert!(std::process::Command::new("kill").args(["-9", &id]).status().unwrap().success());
}

#[tokio::test]
async fn nothing_is_known_of_the_time_to_come() {
    let page = Tiny::with("changes=future").connector.changes(Object::Opportunity, None).await.unwrap();
    assert_eq!(page.as_of, start());
}

#[tokio::test]
async fn secrets_that_the_program_repeats_go_no_further() {
    let error = poll(&Tiny::with("changes=secret")).await.unwrap_err();
    assert_eq!(error.to_string(), "changes: no, <secret>");
}
