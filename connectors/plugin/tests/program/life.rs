//! When the program is started, started again, and ended; what it is started with.

use std::time::Duration;

use dealclock_connector::{ErrorKind, Once};
use dealclock_model::Object;

use crate::support::{Tiny, clock, deal, reminder, settings};

/// Whether a process exists, as a zombie too.
pub fn is_alive(process: u32) -> bool {
    std::path::Path::new(&format!("/proc/{process}")).exists()
}

/// Waits for the end of a process that nobody here is told of.
pub async fn dies(process: u32) {
    let gone = async {
        while is_alive(process) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.unwrap();
}

#[tokio::test]
async fn the_last_words_of_a_program_that_ends_are_told() {
    let command = ["python3", "/nowhere/crm.py"].map(str::to_owned).to_vec();
    let connector = dealclock_plugin::connect(settings(&clock(), command, &[])).unwrap();
    let error = connector.check().await.unwrap_err().to_string();
    assert!(error.contains("cannot be started") && error.contains("it said: "), "{error}");
    assert!(error.contains("can't open file") && error.contains("/nowhere/crm.py"), "{error}");
}

#[tokio::test]
async fn it_is_started_when_it_is_first_asked_and_asked_in_its_own_batches() {
    let tiny = Tiny::with("");
    assert_eq!(tiny.connector.descriptor().label, "the plug-in");
    assert!(tiny.log().is_empty());
    let records: Vec<_> = ["1", "2", "3"].map(deal).to_vec();
    assert_eq!(tiny.connector.fetch(&records).await.unwrap().len(), 3);
    assert_eq!(tiny.connector.apply(&[reminder("1"), reminder("2"), reminder("3")]).await.len(), 3);
    assert_eq!(tiny.methods(), ["started", "initialize", "fetch", "fetch", "apply", "apply"]);
    let descriptor = tiny.connector.descriptor();
    assert_eq!((descriptor.label.as_ref(), descriptor.fetch_batch, descriptor.apply_batch), ("Tiny", 2, 2));
    let account = tiny.connector.check().await.unwrap();
    assert_eq!((account.id.as_str(), account.once), ("tiny", Once::AtLeastOnce("it is tiny".into())));
    assert_eq!(tiny.connector.discover().await.unwrap().people.len(), 1);
}

#[tokio::test]
async fn a_program_that_keeps_failing_rests_longer_each_time() {
    let tiny = Tiny::with("changes=crash");
    let mut pauses = Vec::new();
    for _ in 0..12 {
        tiny.connector.changes(Object::Opportunity, None).await.unwrap_err();
        let error = tiny.connector.changes(Object::Opportunity, None).await.unwrap_err();
        let ErrorKind::Transient { retry_at: Some(until) } = error.kind else { panic!("{error}") };
        assert!(error.message.contains("the program ended"), "{error}");
        let pause = (until - dealclock_connector::Clock::now(tiny.clock.as_ref())).num_seconds();
        pauses.push(pause);
        tiny.clock.pass(pause);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    assert_eq!(tiny.processes().len(), 12);
    assert!(tiny.processes().into_iter().all(|process| !is_alive(process)), "a zombie stays");
}

#[tokio::test]
async fn a_write_to_a_program_that_does_not_start_was_not_applied() {
    let later = ErrorKind::Transient { retry_at: None };
    for fault in ["start=", "initialize=crash", "initialize=version", "initialize=nonsense", "initialize=shape"] {
        let tiny = Tiny::with(fault);
        let error = tiny.connector.apply(&[reminder("1")]).await.remove(0).unwrap_err();
        assert_eq!(error.kind, later, "{fault}: {error}");
        assert!(error.message.contains("cannot be started"), "{fault}: {error}");
    }
}

#[tokio::test]
async fn it_is_told_to_end_when_the_connection_closes() {
    let tiny = Tiny::with("");
    tiny.connector.check().await.unwrap();
    let process = tiny.processes()[0];
    let log = tiny.log().len();
    assert!(is_alive(process));
    let closed = tiny.close();
    dies(process).await;
    assert_eq!(closed.methods()[log..], ["shutdown"]);
}

#[tokio::test]
async fn whoever_stops_waiting_for_an_answer_does_not_get_it_for_the_next_question() {
    let tiny = Tiny::with("fetch=hang");
    let asked = [deal("1")];
    let mut fetch = tiny.connector.fetch(&asked);
    while !tiny.methods().contains(&"fetch".to_owned()) {
        let _ = tokio::time::timeout(Duration::from_millis(1), &mut fetch).await;
    }
    drop(fetch);
    assert_eq!(tiny.connector.check().await.unwrap().id, "tiny");
    assert_eq!(tiny.methods().iter().filter(|method| *method == "started").count(), 2);
}

#[tokio::test]
async fn it_sees_what_the_configuration_gives_it_and_no_secret_of_others() {
    let tiny = Tiny::with("check=env");
    let seen = tiny.connector.check().await.unwrap().id;
    let names: Vec<&str> = seen.split(',').collect();
    assert!(["FAULT", "LOG", "PATH", "SECRET"].iter().all(|name| names.contains(name)), "{names:?}");
    // Cargo gives the test this one.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!names.contains(&"CARGO_MANIFEST_DIR"), "{names:?}");
}

#[test]
fn a_command_that_cannot_be_run_is_a_wrong_setting() {
    let refused = |command: &[&str]| {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        dealclock_plugin::connect(settings(&clock(), command, &[])).err().unwrap()
    };
    assert!(refused(&[]).contains("the program to run is missing"));
    assert!(refused(&["no-such-program-7"]).contains("there is no program `no-such-program-7`"));
    assert!(refused(&["/no/such/file"]).contains("cannot be run: entity not found"));
    assert!(refused(&[concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]).contains("is not executable"));
    assert!(refused(&["/"]).contains("is not executable"));
}
