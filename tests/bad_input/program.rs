//! What the program itself says, and the exit code that it ends with: the real binary, and accounts over HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use dealclock_sandbox::{Fault, FaultRule, Scope, serve};
use tokio::net::TcpListener;

use crate::account::Account;
use crate::daemon::at;
use crate::files::{Files, RULE};

/// An address at which nobody answers.
const NOWHERE: &str = "http://127.0.0.1:9";

fn dealclock(files: &Files) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dealclock"));
    command.env_clear().arg("--config").arg(files.config()).current_dir(files.path()).stdin(Stdio::null());
    command
}

/// Everything that was printed, on one line, as a table breaks sentences where it likes.
fn said(output: &Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    text.replace(['│', '┆', '|'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Runs a command and looks at its exit code and its words.
pub fn check(files: &Files, arguments: &[&str], code: i32, words: &[&str]) {
    let output = dealclock(files).args(arguments).output().unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} does not say `{word}`: {said}");
    }
}

/// Answers for an account over HTTP; the address.
async fn open(account: &Account) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(account.sandbox.clone(), listener));
    address
}

/// Two sound accounts, `acme` and `beta`, and the files for both.
async fn two_accounts() -> (Account, Files) {
    let (acme, beta) = (Account::new(at("Mon 08:00")), Account::new(at("Mon 08:00")));
    let files = Files::new(&[("acme", &open(&acme).await), ("beta", &open(&beta).await)]);
    (acme, files)
}

/// Asks the accounts; whatever is wrong with `acme`, `beta` is reported as sound.
async fn check_online(files: Files, code: i32, words: &'static [&'static str]) {
    let checked = tokio::task::spawn_blocking(move || {
        check(&files, &["check", "--online"], code, words);
        check(
            &files,
            &["check", "--online"],
            code,
            &["beta (hubspot, account", "everything that the rules need is there"],
        );
    });
    checked.await.unwrap();
}

#[test]
fn faults_of_a_rule_are_told_with_their_place_and_their_way_out() {
    for (from, to, words) in [
        ("silenced_while", "silence_while", &["proposal.toml:8:1", "`silence_while`", "`silenced_while`"][..]),
        ("amount >=", "amuont >=", &["proposal.toml:4:", "`amuont`", "`amount`"]),
        ("50000", "\"50000\"", &["proposal.toml:4:", "amount", "number"]),
        ("at = \"1d\"", "at = \"6d\"", &["proposal.toml:11:", "6d", "5d", "deadline"]),
    ] {
        let files = Files::new(&[("acme", NOWHERE)]);
        assert!(RULE.contains(from), "{from}");
        files.set_rule(&RULE.replacen(from, to, 1));
        check(&files, &["check"], 3, words);
        check(&files, &["run"], 3, words);
        assert!(!files.path().join("dealclock.store").exists(), "a daemon with faulty rules has no business on a disk");
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_for_its_connection_and_never_shown() {
    let (_, files) = two_accounts().await;
    files.set_token("acme", "pat-na1-canary");
    let output = dealclock(&files).args(["check"]).output().unwrap();
    assert!(!said(&output).contains("canary"));
    check_online(files, 5, &["connection `acme`", "the token is wrong, expired or revoked", "check the token"]).await;
}

#[tokio::test]
async fn a_missing_scope_is_told_with_where_to_add_it() {
    let (acme, files) = two_accounts().await;
    acme.revoke(Scope::OwnersRead);
    check_online(files, 5, &["connection `acme`", "the token lacks the scope crm.objects.owners.read"]).await;
    let (acme, files) = two_accounts().await;
    acme.revoke(Scope::ContactsWrite);
    check_online(files, 1, &["it lacks the scope", "crm.objects.contacts.write", "HubSpot's settings"]).await;
}

#[tokio::test]
async fn a_stage_that_does_not_exist_is_told_with_the_nearest_one() {
    let (_, files) = two_accounts().await;
    files.change_config("\n[connection.beta]\n", "Sent = [\"contractsend\"]\n[connection.beta]\n");
    check_online(files, 1, &["contractsend", "did you mean `contractsent`?"]).await;
}

#[tokio::test]
async fn a_web_page_in_place_of_json_is_called_so() {
    let (acme, files) = two_accounts().await;
    acme.sandbox.set_faults(vec![FaultRule::always("/", Fault::Html { applied: false })]);
    check_online(files, 5, &["connection `acme`", "a web page came in place of JSON", "try again"]).await;
}

#[test]
fn a_second_daemon_on_a_store_is_refused_and_the_first_goes_on() {
    let files = Files::new(&[("acme", NOWHERE)]);
    let mut first = dealclock(&files).arg("run").stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(first.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("running") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the first daemon ended");
    }
    check(&files, &["run"], 4, &["is in use", "a daemon is running on it: stop that one"]);
    check(&files, &["status"], 0, &["The daemon is running."]);
    let stopped = Command::new("kill").arg(first.id().to_string()).status().unwrap();
    assert!(stopped.success());
    // A pipe that nobody empties would keep it from ending.
    log.read_to_string(&mut line).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0), "{line}");
}

#[test]
fn a_damaged_store_is_refused_and_left_as_it_is() {
    let files = Files::new(&[("acme", NOWHERE)]);
    check(&files, &["status"], 0, &["No daemon is running on this store."]);
    let data = files.path().join("dealclock.store/data/db");
    let mut bytes = fs::read(&data).unwrap();
    bytes[20] ^= 0x10;
    fs::write(&data, &bytes).unwrap();
    for command in ["run", "status"] {
        check(&files, &[command], 4, &["is damaged", "move the directory aside", "import the last export"]);
    }
    assert_eq!(fs::read(&data).unwrap(), bytes);
}

#[test]
fn an_export_of_a_newer_format_is_refused() {
    let files = Files::new(&[("acme", NOWHERE)]);
    fs::write(files.path().join("newer.jsonl"), "{\"store\":{\"format\":2}}\n").unwrap();
    check(
        &files,
        &["store", "import", "newer.jsonl"],
        4,
        &["written by a newer version", "run that version or a later"],
    );
}
