//! A first read of 100,000 deals, stored durably and planned, and the polls that follow it, on either CRM.
//!
//! The sandbox runs in a process of its own, so that only the daemon's work is counted, and its limits count in virtual
//! time: whenever the daemon waits for a limit, both clocks are turned to where it waits for.
#![allow(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::error::Error;

use chrono::Duration;
use dealclock_daemon::runtime::Phase;
use dealclock_model::{Object, RecordId};
use dealclock_sandbox::Crm;

use support::account::Account;
use support::daemon::{Daemon, load, print};
use support::process::peak_megabytes;
use support::run::for_each_crm;

#[path = "../support/mod.rs"]
mod support;

const DEALS: usize = 100_000;
const CHANGED: usize = 100;
/// The configured time between two polls; longer than the search index lags.
const BETWEEN_POLLS: Duration = Duration::minutes(5);
const KEYS: &str = r#"poll = "5m""#;

const RULES: &str = r#"
[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
start = "stage_entered_at"
until = "proposal_sent_at != null"
deadline = "5d"

[[rule.proposal.remind]]
at = "1d"
subject = "Prepare a proposal for {{ record.name }}"

[[rule.proposal.remind]]
at = "4d"
subject = "Proposal for {{ record.name }} is due {{ due | date }}"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    for_each_crm("read", DEALS, measure)
}

async fn measure(crm: Crm, deals: usize) -> Result<(), Box<dyn Error>> {
    // Not in the system's directory for passing files: that is often memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let account = Account::open(crm, deals)?;
    let config = account.prepare(directory.path(), RULES, KEYS)?;
    account.take_calls().await?;
    let daemon = Daemon::start(load(&config)?, account)?;

    let mut lines = Vec::new();
    lines.push(daemon.until_phase("first read", |phase| phase != Phase::FirstRead).await?);
    lines.push(daemon.until_phase("read back of keys", |phase| phase == Phase::Live).await?);
    let peak = peak_megabytes()?;
    lines.push(daemon.pass("first poll", BETWEEN_POLLS).await?);
    let changed = change_some(&daemon).await?;
    lines.push(daemon.pass(&format!("poll, {changed} changed"), BETWEEN_POLLS).await?);
    for _ in 0..3 {
        lines.push(daemon.pass("poll, nothing changed", BETWEEN_POLLS).await?);
    }
    print(&lines);
    println!("peak memory until the first read was planned: {peak} MB; at the end: {} MB", peak_megabytes()?);
    let timers = daemon.deals_with_timer()?.len();
    println!("in the store: {} deals, {timers} with a timer of the rule", known_deals(&daemon)?.len());
    Ok(())
}

/// People change the amounts of deals from the whole account; tells of how many.
async fn change_some(daemon: &Daemon) -> Result<usize, Box<dyn Error>> {
    let ids = known_deals(daemon)?;
    let some: Vec<&RecordId> = ids.iter().step_by((ids.len() / CHANGED).max(1)).take(CHANGED).collect();
    for (id, amount) in some.iter().zip(300_000u32..) {
        daemon.account.change_amount(id.as_str(), amount).await?;
    }
    Ok(some.len())
}

fn known_deals(daemon: &Daemon) -> Result<Vec<RecordId>, Box<dyn Error>> {
    Ok(daemon.runtime.store().record_ids(&daemon.connection, Object::Opportunity, None, usize::MAX)?)
}
