//! A first read of 100,000 deals, stored durably and planned, and the polls that follow it.
//!
//! The sandbox runs in a process of its own, so that only the daemon's work is counted, and its limits count in virtual
//! time: whenever the daemon waits for a limit, both clocks are turned to where it waits for.
#![allow(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::collections::BTreeMap;
use std::error::Error;
use std::process::Command;
use std::sync::Arc;

use chrono::Duration;
use dealclock_connector::Clock;
use dealclock_daemon::clock::HandClock;
use dealclock_daemon::config::{Environment, Loaded};
use dealclock_daemon::kit::{Kind, Kit};
use dealclock_daemon::launch::launch;
use dealclock_daemon::runtime::{Phase, Runtime, Step, names};
use dealclock_model::{ConnectionId, Instant, Object, RecordId};

use account::Account;
use process::{Mark, Spent, peak_megabytes};

mod account;
#[path = "../support/machine.rs"]
mod machine;
mod process;

const DEALS: usize = 100_000;
const CHANGED: usize = 100;
/// Longer than the configured time between two polls, and than the search index lags.
const BETWEEN_POLLS: Duration = Duration::minutes(5);
/// How this program asks itself to do the work in a clean process.
const WORK: &str = "--work-in-this-process";

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().any(|argument| argument == WORK) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        return tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure());
    }
    if !machine::is_asked_for() {
        return Ok(());
    }
    println!("read: {DEALS} deals over loopback from the sandbox in another process; {}\n", machine::describe());
    let ended = Command::new(std::env::current_exe()?).arg(WORK).status()?;
    if ended.success() { Ok(()) } else { Err(format!("the measured process ended with {ended}").into()) }
}

async fn measure() -> Result<(), Box<dyn Error>> {
    // Not in the system's directory for passing files: that is often memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let account = Account::open(DEALS)?;
    let config = account.prepare(directory.path())?;
    account.take_calls().await?;
    let daemon = Daemon::start(&config, account)?;

    let mut lines = Vec::new();
    lines.push(daemon.until("first read", |phase| phase != Phase::FirstRead).await?);
    lines.push(daemon.until("read back of keys", |phase| phase == Phase::Live).await?);
    let peak = peak_megabytes()?;
    lines.push(daemon.poll("first poll").await?);
    let changed = daemon.change_some().await?;
    lines.push(daemon.poll(&format!("poll, {changed} changed")).await?);
    for _ in 0..3 {
        lines.push(daemon.poll("poll, nothing changed").await?);
    }
    print(&lines);
    println!("peak memory until the first read was planned: {peak} MB; at the end: {} MB", peak_megabytes()?);
    daemon.print_store()
}

/// What one stretch of work took.
struct Line {
    what: String,
    spent: Spent,
    virtual_time: Duration,
    calls: BTreeMap<String, u64>,
}

/// The real daemon's inside, with a clock that is turned together with the account's.
struct Daemon {
    runtime: Arc<Runtime>,
    clock: Arc<HandClock>,
    account: Account,
    connection: ConnectionId,
}

impl Daemon {
    fn start(config: &std::path::Path, account: Account) -> Result<Daemon, Box<dyn Error>> {
        let loaded = Loaded::load(Some(config), &Environment::default(), &["hubspot"])?;
        let clock = Arc::new(HandClock::new(account.start));
        let shown: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let runtime = launch(loaded, &kit(), &Environment::default(), &shown)?;
        Ok(Daemon { runtime, clock, account, connection: "acme".into() })
    }

    /// Works until the connection has come to a phase and everything is durable.
    async fn until(&self, what: &str, reached: impl Fn(Phase) -> bool) -> Result<Line, Box<dyn Error>> {
        let (mark, begun) = (Mark::set()?, self.clock.now());
        let phase = names::phase(&self.connection);
        while !reached(self.runtime.store().meta(&phase)?.unwrap_or_default()) {
            if let Some(until) = self.take_a_turn().await? {
                self.turn_to(until).await?;
            }
        }
        self.finish(what, mark, begun).await
    }

    /// Every loop takes one step; tells until when all of them rest, when they do.
    async fn take_a_turn(&self) -> Result<Option<Instant>, Box<dyn Error>> {
        let (mut earliest, mut again) = (None::<Instant>, false);
        for id in self.runtime.loops() {
            match self.runtime.step(id).await? {
                Step::Again => again = true,
                Step::Rest(until) => earliest = earliest.into_iter().chain(until).min(),
            }
        }
        Ok(earliest.filter(|_| !again))
    }

    /// Lets the time between two polls pass, then does whatever there is to do.
    async fn poll(&self, what: &str) -> Result<Line, Box<dyn Error>> {
        self.turn_to(self.clock.now() + BETWEEN_POLLS).await?;
        let (mark, begun) = (Mark::set()?, self.clock.now());
        self.runtime.settle().await?;
        self.finish(what, mark, begun).await
    }

    async fn finish(&self, what: &str, mark: Mark, begun: Instant) -> Result<Line, Box<dyn Error>> {
        self.runtime.store().durable().await?;
        let spent = mark.spent()?;
        let virtual_time = self.clock.now() - begun;
        Ok(Line { what: what.to_owned(), spent, virtual_time, calls: self.account.take_calls().await? })
    }

    async fn turn_to(&self, instant: Instant) -> Result<(), reqwest::Error> {
        self.account.set_time(instant).await?;
        self.clock.set(instant);
        Ok(())
    }

    /// People change the amounts of deals from the whole account; tells of how many.
    async fn change_some(&self) -> Result<usize, Box<dyn Error>> {
        let ids = self.runtime.store().record_ids(&self.connection, Object::Opportunity, None, DEALS)?;
        let some: Vec<&RecordId> = ids.iter().step_by((ids.len() / CHANGED).max(1)).take(CHANGED).collect();
        for (id, amount) in some.iter().zip(300_000u32..) {
            self.account.change_amount(id.as_str(), amount).await?;
        }
        Ok(some.len())
    }

    fn print_store(&self) -> Result<(), Box<dyn Error>> {
        let store = self.runtime.store();
        let records = store.record_ids(&self.connection, Object::Opportunity, None, usize::MAX)?.len();
        let timers = store.due_on(&self.connection, self.clock.now() + Duration::days(365), usize::MAX)?.len();
        println!("in the store: {records} deals, {timers} with a timer of the rule");
        Ok(())
    }
}

fn kit() -> Kit {
    let open = Kind { open: dealclock_hubspot::connect, hosts: dealclock_hubspot::HOSTS };
    Kit {
        connectors: [("hubspot", open)].into(),
        sandboxes: &["hubspot"],
        demo: |_, _| Box::pin(async { unreachable!("nobody asks for a demo here") }),
        sandbox: |_, _| Box::pin(async { unreachable!("nobody asks for a sandbox here") }),
    }
}

fn print(lines: &[Line]) {
    println!("{:24} {:>10} {:>10} {:>12} {:>8}", "", "CPU, ms", "wall, ms", "virtual, s", "calls");
    for Line { what, spent, virtual_time, calls } in lines {
        let (cpu, wall) = (spent.cpu.as_millis(), spent.wall.as_millis());
        let virtual_seconds = virtual_time.num_milliseconds() as f64 / 1e3;
        println!("{what:24} {cpu:>10} {wall:>10} {virtual_seconds:>12.1} {:>8}", calls.values().sum::<u64>());
    }
    println!("CPU is counted in steps of 10 ms; the sandbox's is not in it.\n");
    for line in lines {
        for (endpoint, calls) in &line.calls {
            println!("{:24} {calls:>6}  {endpoint}", line.what);
        }
    }
    println!();
}
