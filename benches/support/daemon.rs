//! The real daemon's inside beside a sandbox, with a clock that is turned together with the account's.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use chrono::Duration;
use dealclock_connector::Clock;
use dealclock_daemon::clock::HandClock;
use dealclock_daemon::config::{Environment, Loaded};
use dealclock_daemon::kit::{Kind, Kit};
use dealclock_daemon::launch::launch;
use dealclock_daemon::runtime::{Phase, Runtime, Step, names};
use dealclock_model::{ConnectionId, Instant, RecordId};

use super::account::Account;
use super::process::{Mark, Spent};

/// What one stretch of work took.
pub struct Line {
    what: String,
    /// Calls by endpoint.
    pub calls: BTreeMap<String, u64>,
    spent: Spent,
    virtual_time: Duration,
}

/// Where a stretch of work began.
pub struct Begun {
    mark: Mark,
    at: Instant,
}

/// A daemon without loops of its own: it takes its steps when it is told.
pub struct Daemon {
    /// Its inside.
    pub runtime: Arc<Runtime>,
    /// The account that it works with.
    pub account: Account,
    /// The connection to it.
    pub connection: ConnectionId,
    clock: Arc<HandClock>,
}

/// Reads the configuration of a daemon.
pub fn load(config: &Path) -> Result<Loaded, Box<dyn Error>> {
    Ok(Loaded::load(Some(config), &Environment::default(), &kit().kinds())?)
}

impl Daemon {
    /// Puts it together; nothing is asked of the account yet.
    pub fn start(loaded: Loaded, account: Account) -> Result<Daemon, Box<dyn Error>> {
        let clock = Arc::new(HandClock::new(account.start));
        let shown: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let runtime = launch(loaded, &kit(), &Environment::default(), &shown)?;
        Ok(Daemon { runtime, account, connection: "acme".into(), clock })
    }

    /// The present instant of both clocks.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Works until the connection has come to a phase and everything is durable.
    pub async fn until_phase(&self, what: &str, reached: impl Fn(Phase) -> bool) -> Result<Line, Box<dyn Error>> {
        let phase = names::phase(&self.connection);
        self.until(what, || Ok(reached(self.runtime.store().meta(&phase)?.unwrap_or_default()))).await
    }

    /// Works until something is so and everything is durable. Time passes only where the daemon waits for it.
    pub async fn until(
        &self,
        what: &str,
        is_so: impl Fn() -> Result<bool, Box<dyn Error>>,
    ) -> Result<Line, Box<dyn Error>> {
        let begun = self.begin()?;
        while !is_so()? {
            if let Some(until) = self.take_a_turn().await? {
                self.turn_to(until).await?;
            }
        }
        self.finish(what, begun).await
    }

    /// Lets time pass, with all that there is to do meanwhile and at its end.
    pub async fn pass(&self, what: &str, span: Duration) -> Result<Line, Box<dyn Error>> {
        let begun = self.begin()?;
        self.go_on(span).await?;
        self.finish(what, begun).await
    }

    /// Begins a stretch of work.
    pub fn begin(&self) -> Result<Begun, Box<dyn Error>> {
        Ok(Begun { mark: Mark::set()?, at: self.now() })
    }

    /// Lets a part of a stretch pass.
    pub async fn go_on(&self, span: Duration) -> Result<(), Box<dyn Error>> {
        let end = self.now() + span;
        loop {
            let next = self.runtime.settle().await?.map_or(end, |next| next.min(end));
            if self.now() >= end {
                return Ok(());
            }
            self.turn_to(next).await?;
        }
    }

    /// Ends a stretch of work: everything is durable, and counted.
    pub async fn finish(&self, what: &str, begun: Begun) -> Result<Line, Box<dyn Error>> {
        self.runtime.store().durable().await?;
        let spent = begun.mark.spent()?;
        let virtual_time = self.now() - begun.at;
        Ok(Line { what: what.to_owned(), spent, virtual_time, calls: self.account.take_calls().await? })
    }

    /// Turns both clocks at once, as for a daemon that slept.
    pub async fn turn_to(&self, instant: Instant) -> Result<(), reqwest::Error> {
        self.account.set_time(instant).await?;
        self.clock.set(instant);
        Ok(())
    }

    /// The deals that have a timer of a rule.
    pub fn deals_with_timer(&self) -> Result<Vec<RecordId>, Box<dyn Error>> {
        let due = self.runtime.store().due_on(&self.connection, self.now() + Duration::days(365), usize::MAX)?;
        Ok(due.into_iter().filter_map(|(_, case)| Some(case.record()?.id.clone())).collect())
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
}

/// Prints what stretches of work took, and to which endpoints the calls went.
pub fn print(lines: &[Line]) {
    println!("{:26} {:>10} {:>10} {:>12} {:>8}", "", "CPU, ms", "wall, ms", "virtual, s", "calls");
    for Line { what, spent, virtual_time, calls } in lines {
        let (cpu, wall) = (spent.cpu.as_millis(), spent.wall.as_millis());
        let virtual_seconds = virtual_time.num_milliseconds() as f64 / 1e3;
        println!("{what:26} {cpu:>10} {wall:>10} {virtual_seconds:>12.1} {:>8}", calls.values().sum::<u64>());
    }
    println!("CPU is counted in steps of 10 ms; the sandbox's is not in it.\n");
    for line in lines {
        for (endpoint, calls) in &line.calls {
            println!("{:26} {calls:>6}  {endpoint}", line.what);
        }
    }
    println!();
}

fn kit() -> Kit {
    let hubspot = Kind { open: dealclock_hubspot::connect, hosts: dealclock_hubspot::HOSTS, auth: None };
    let salesforce = Kind { open: dealclock_salesforce::connect, hosts: dealclock_salesforce::HOSTS, auth: None };
    Kit {
        connectors: BTreeMap::from([("hubspot", hubspot), ("salesforce", salesforce)]),
        sandboxes: &["hubspot", "salesforce"],
        demo: |_, _| unreachable!("a benchmark shows no demo"),
        sandbox: |_, _| unreachable!("the sandbox is another process"),
    }
}
