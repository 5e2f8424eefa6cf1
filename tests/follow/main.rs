//! `dealclock run` beside `dealclock sandbox`, each in its own process: the same reminders as in the demo, and its manners.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

#[path = "../support/process.rs"]
mod process;

use std::collections::BTreeSet;
use std::process::{Output, Stdio};

use dealclock_sandbox::Crm;
use dealclock_sandbox::dump::Dump;
use process::{Progress, World, dealclock, read_address};
use serde_json::Value;

const SEED: u64 = 5;
const DAYS: u32 = 2;

/// What makes a reminder the same reminder: its key, what it says, to whom and when. Other tasks ask and tell.
fn reminders(dump: &Dump) -> BTreeSet<[String; 4]> {
    let properties = ["dealclock_key", "hs_task_subject", "hubspot_owner_id", "hs_timestamp"];
    let reminds =
        |subject: &str| ["Prepare a proposal for ", "Proposal for "].iter().any(|begin| subject.starts_with(begin));
    let tasks = dump.records["tasks"].iter().filter(|task| task.value(properties[1]).is_some_and(reminds));
    tasks.map(|task| properties.map(|name| task.value(name).unwrap_or_default().to_owned())).collect()
}

/// Lets the daemon follow the sandbox to the end of its time.
async fn follow_to_the_end() -> BTreeSet<[String; 4]> {
    let world = World::start(Crm::HubSpot, SEED, DAYS).await;
    world.daemon().end().await;
    let dump = world.dump().await;
    let found = world.audit(&dump);
    assert!(found.is_clean(), "{:?}", found.faults().collect::<Vec<_>>());
    reminders(&dump)
}

/// The exit code and the words of a command.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

/// The JSON document of a command that ended well.
async fn answer(world: &World, arguments: &[&str]) -> Value {
    let output = world.ask(&[arguments, &["--json"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output).1);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_same_seed_brings_the_same_reminders_as_often_as_in_the_demo() {
    let first = follow_to_the_end().await;
    assert_eq!(first, follow_to_the_end().await);
    let (seed, days) = (SEED.to_string(), DAYS.to_string());
    let mut demo = dealclock();
    let output = demo.args(["demo", "--json", "--seed", &seed, "--days", &days]).output().await.unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(first.len() >= 10, "only {} reminders", first.len());
    assert_eq!(told["reminders_created"], first.len());
}

#[tokio::test]
async fn it_answers_while_it_runs_stops_when_told_and_leaves_a_store_that_answers() {
    let world = World::start(Crm::HubSpot, SEED, 60).await;
    let mut daemon = world.daemon();
    daemon.gets_on(&world, Progress::Made, 1).await;

    let (code, words) = said(&world.ask(&["run"]).await);
    assert_eq!(code, Some(4), "{words}");
    assert!(words.contains(world.store().to_str().unwrap()), "{words}");
    assert_eq!(answer(&world, &["held", "list"]).await, Value::Array(Vec::new()));
    assert_eq!(answer(&world, &["status"]).await["running"], true);
    let deal = reminded_deal(&world.dump().await);
    let told = answer(&world, &["explain", &deal]).await;
    assert!(!told["journal"].as_array().unwrap().is_empty(), "{told}");

    daemon.terminate().await;
    assert_eq!(answer(&world, &["status"]).await["running"], false);
    let afterwards = answer(&world, &["explain", &deal]).await;
    assert_eq!(afterwards["record"], told["record"]);
    assert!(afterwards["journal"].as_array().unwrap().len() >= told["journal"].as_array().unwrap().len());
    // What is held can only be answered by a daemon, so it is asked for at one.
    let (code, words) = said(&world.ask(&["held", "list"]).await);
    assert_eq!(code, Some(6), "{words}");
    assert!(words.contains("start it with `dealclock run`"), "{words}");
}

/// A connection to an org over HTTPS, with what it trusts.
fn org_over_https(address: &str, trust: &str) -> String {
    format!(
        "[connection.acme]\nkind = \"salesforce\"\nbase_url = \"{address}\"\n{trust}\nallow_local = true\n\
         [connection.acme.auth]\ngrant = \"client_credentials\"\nclient_id = \"3MVG9dealclock\"\n\
         client_secret = {{ env = \"SECRET\" }}\n"
    )
}

#[tokio::test]
async fn a_sandbox_over_https_is_spoken_to_only_where_its_authority_is_trusted() {
    let place = tempfile::tempdir().unwrap();
    let (authority, config) = (place.path().join("sandbox.pem"), place.path().join("dealclock.toml"));
    let mut sandbox = dealclock()
        .args(["sandbox", "--crm", "salesforce", "--listen", "127.0.0.1:0", "--json", "--tls", "--cert-out"])
        .arg(&authority)
        .args(["--time", "lockstep", "--days", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let address = read_address(&mut sandbox).await;
    assert!(address.starts_with("https://"), "{address}");
    std::fs::create_dir(place.path().join("rules")).unwrap();
    let rule = "[rule.big]\nobject = \"opportunity\"\nwhen = \"amount > 1\"\nuntil = \"is_won\"\ndeadline = \"5d\"\n";
    std::fs::write(place.path().join("rules/big.toml"), rule).unwrap();
    let asked = async |trust: &str, command: &[&str]| {
        let follow = format!("[clock]\nfollow = \"{address}\"\n");
        std::fs::write(&config, org_over_https(&address, trust) + &follow).unwrap();
        let mut asking = dealclock();
        asking.env("SECRET", "7C1A55E2B0").arg("--config").arg(&config).args(command);
        said(&asking.output().await.unwrap())
    };
    let setup = ["setup", "--connection", "acme", "--yes"];
    for command in [&setup[..], &["run"]] {
        let (code, words) = asked("", command).await;
        assert_eq!(code, Some(5), "{words}");
        assert!(words.contains("invalid peer certificate"), "{words}");
    }
    for command in [&setup[..], &["run"]] {
        let (code, words) = asked("ca_file = \"sandbox.pem\"", command).await;
        assert_eq!(code, Some(0), "{words}");
    }
}

/// A deal of which somebody was reminded.
fn reminded_deal(dump: &Dump) -> String {
    let mut named = dump.associations.iter().filter_map(|one| match (one.from_type.as_str(), one.to_type.as_str()) {
        ("tasks", "deals") => Some(&one.to),
        ("deals", "tasks") => Some(&one.from),
        _ => None,
    });
    named.next().unwrap().clone()
}
