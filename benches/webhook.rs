//! Webhooks a second: the real listener with HubSpot's signature checked, and the fsync before each answer.
//!
//! The sender is a process of its own, so that only the daemon's work is counted. Every request is another change.
#![allow(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dealclock_connector::{Clock, Once};
use dealclock_daemon::clock::SystemClock;
use dealclock_daemon::config::{Environment, Loaded};
use dealclock_daemon::kit::{Kind, Kit};
use dealclock_daemon::launch::launch;
use dealclock_daemon::runtime::{KnownAccount, Runtime, names};
use dealclock_daemon::web;
use dealclock_store::Batch;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use process::Mark;

#[path = "support/machine.rs"]
mod machine;
#[path = "support/process.rs"]
mod process;

/// How long requests are sent.
const SPELL: Duration = Duration::from_secs(8);
/// HubSpot sends at most ten at a time for one account; the listener serves all accounts.
const SENDERS: u32 = 32;
const CONNECTION: &str = "acme";
const ACCOUNT: u32 = 62_515;
const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
/// How this program asks itself to send.
const SEND: &str = "--send-to";

const CONFIG: &str = r#"
[store]
path = "store"
[web]
listen = "127.0.0.1:0"
[connection.acme]
kind = "hubspot"
token = { env = "TOKEN" }
webhook_secret = { env = "SECRET" }
"#;

const RULE: &str = r#"
[rule.proposal]
object = "opportunity"
when = 'stage == "Open"'
until = "is_won"
deadline = "5d"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(at) = arguments.iter().position(|argument| argument == SEND) {
        let url = arguments.get(at + 1).ok_or("no address")?;
        return runtime.block_on(send_for_a_spell(url));
    }
    if !machine::is_asked_for() {
        return Ok(());
    }
    println!("webhook: {SENDERS} senders over loopback from another process; {}\n", machine::describe());
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn Error>> {
    // Not in the system's directory for passing files: that is often memory, where an fsync costs nothing.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let loaded = prepare(directory.path())?;
    let config = loaded.config.web.clone().ok_or("nobody listens")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let runtime = launch(loaded, &kit(), &environment(), &clock)?;
    know_the_account(&runtime)?;
    let listening = web::listen(&config, Arc::clone(&runtime)).await?;
    let shown = web::address(&config, runtime.store(), &CONNECTION.into())?.ok_or("there is no address")?;
    let url = shown.replace(&config.listen.to_string(), &listening.address().to_string());

    let mark = Mark::set()?;
    let sent = tokio::process::Command::new(std::env::current_exe()?).arg(SEND).arg(&url).output().await?;
    let spent = mark.spent()?;
    listening.close().await;
    print!("{}", String::from_utf8_lossy(&sent.stdout));
    let taken = runtime.connections()[CONNECTION].state().hooks.received;
    let (each, busy) = (spent.cpu.as_secs_f64() / taken as f64, spent.cpu.as_secs_f64() / spent.wall.as_secs_f64());
    println!("{taken} taken in, each durable before its answer; {:.0} µs of CPU each, {busy:.2} cores", each * 1e6);
    println!("peak memory {} MB", process::peak_megabytes()?);
    match sent.status.success() {
        true => Ok(()),
        false => Err(format!("the sender failed: {}", String::from_utf8_lossy(&sent.stderr)).into()),
    }
}

fn prepare(directory: &Path) -> Result<Loaded, Box<dyn Error>> {
    fs::create_dir_all(directory.join("rules"))?;
    fs::write(directory.join("rules/proposal.toml"), RULE)?;
    let config = directory.join("dealclock.toml");
    fs::write(&config, CONFIG)?;
    Ok(Loaded::load(Some(&config), &environment(), &["hubspot"])?)
}

fn environment() -> Environment {
    [("TOKEN", "pat-na1-measured"), ("SECRET", SECRET)].into_iter().collect()
}

fn kit() -> Kit {
    let hubspot = Kind { open: dealclock_hubspot::connect, hosts: dealclock_hubspot::HOSTS, auth: None };
    Kit {
        connectors: BTreeMap::from([("hubspot", hubspot)]),
        sandboxes: &["hubspot"],
        demo: |_, _| unreachable!("a benchmark shows no demo"),
        sandbox: |_, _| unreachable!("a benchmark has no sandbox"),
    }
}

/// What a first check of the account leaves in the store.
fn know_the_account(runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let account = KnownAccount { id: ACCOUNT.to_string(), once: Once::Exactly, problems: Vec::new() };
    let mut batch = Batch::new();
    batch.put_meta(&names::account(&CONNECTION.into()), &account);
    runtime.store().commit(batch)?;
    Ok(())
}

/// Every sender has a connection of its own and waits for each answer.
async fn send_for_a_spell(url: &str) -> Result<(), Box<dyn Error>> {
    let mut senders = JoinSet::new();
    let begun = Instant::now();
    for number in 0..SENDERS {
        let url = url.to_owned();
        senders.spawn(async move { send(&url, number, begun).await.map_err(|error| error.to_string()) });
    }
    let mut waits = Vec::new();
    while let Some(ended) = senders.join_next().await {
        waits.extend(ended??);
    }
    let rate = waits.len() as f64 / begun.elapsed().as_secs_f64();
    waits.sort_unstable();
    let at = |part: usize| waits.get(waits.len() * part / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!("{rate:.0} requests/s; answered in {:.1} ms (p50), {:.1} ms (p99)", at(50), at(99));
    Ok(())
}

/// Sends one change after the other; how long each answer took.
async fn send(url: &str, number: u32, begun: Instant) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (host, path) = url.trim_start_matches("http://").split_once('/').ok_or("an address without a path")?;
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut waits = Vec::new();
    while begun.elapsed() < SPELL {
        let deal = u64::from(number) * 10_000_000 + waits.len() as u64;
        let request = signed(url, host, path, &body(deal));
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        read_answer(&mut stream).await?;
        waits.push(sent.elapsed());
    }
    Ok(waits)
}

fn body(deal: u64) -> String {
    format!(
        r#"[{{"eventId":{deal},"subscriptionId":22,"portalId":{ACCOUNT},"appId":54321,"occurredAt":1564113600000,"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":{deal},"propertyName":"dealstage","propertyValue":"closedwon","changeSource":"CRM_UI"}}]"#
    )
}

/// A request with HubSpot's signature of version 3.
fn signed(url: &str, host: &str, path: &str, body: &str) -> String {
    let timestamp = SystemClock.now().timestamp_millis();
    let mut hmac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes a key of any length");
    hmac.update(format!("POST{url}{body}{timestamp}").as_bytes());
    let signature = STANDARD.encode(hmac.finalize().into_bytes());
    format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         x-hubspot-request-timestamp: {timestamp}\r\nx-hubspot-signature-v3: {signature}\r\n\r\n{body}",
        body.len()
    )
}

/// Reads the head of an answer, which has no body when all is well.
async fn read_answer(stream: &mut BufReader<TcpStream>) -> Result<(), Box<dyn Error>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await? == 0 {
            return Err("the listener closed the connection".into());
        }
    }
    match head.starts_with("HTTP/1.1 200 ") {
        true => Ok(()),
        false => Err(format!("not taken in: {}", head.lines().next().unwrap_or_default()).into()),
    }
}
