//! What a day of polls a minute apart takes of an account's daily calls, on either CRM.
//!
//! On Salesforce one poll asks about five types at once. Once an hour people, stages and fields are read anew, and once
//! a day everything is compared; both are in the figures. The day is virtual.
#![allow(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::error::Error;

use chrono::Duration;
use dealclock_daemon::runtime::Phase;
use dealclock_sandbox::Crm;

use support::account::Account;
use support::daemon::{Daemon, Line, load, print};
use support::process::peak_megabytes;
use support::run::for_each_crm;

#[path = "../support/mod.rs"]
mod support;

const DEALS: usize = 2_000;
/// Deals that people change in each minute of a busy day.
const CHANGES: usize = 5;
const MINUTES: usize = 24 * 60;
/// The reminders of a year: none of them is due on the day.
const RULES: &str = r#"
[rule.attend]
title = "Attend within a year"
object = "opportunity"
when = 'amount > 0 && stage == "Open"'
until = "proposal_sent_at != null"
deadline = "365d"

[[rule.attend.remind]]
at = "360d"
subject = "Attend to {{ record.name }}"
"#;
const KEYS: &str = r#"poll = "60s"
storm_above = 1000000"#;

fn main() -> Result<(), Box<dyn Error>> {
    for_each_crm("quota", DEALS, measure)
}

async fn measure(crm: Crm, deals: usize) -> Result<(), Box<dyn Error>> {
    // Not in the system's directory for passing files: that is often memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let account = Account::open(crm, deals)?;
    let config = account.prepare(directory.path(), RULES, KEYS)?;
    let daemon = Daemon::start(load(&config)?, account)?;
    daemon.until_phase("first read", |phase| phase == Phase::Live).await?;
    let idle = daemon.pass("a day, nobody works", Duration::days(1)).await?;
    let busy = live_a_busy_day(&daemon).await?;
    let lines = [idle, busy];
    print(&lines);
    for (line, day) in lines.iter().zip(["an idle", "a busy"]) {
        let share = line.calls.values().sum::<u64>() as f64 * 100.0 / f64::from(daily_calls(crm));
        println!("{day} day takes {share:.2} % of {} calls", daily_calls(crm));
    }
    println!("peak memory {} MB", peak_megabytes()?);
    Ok(())
}

/// A day on which people change some deals in every minute.
async fn live_a_busy_day(daemon: &Daemon) -> Result<Line, Box<dyn Error>> {
    let deals = daemon.deals_with_timer()?;
    let mut changes = deals.iter().cycle().zip(300_000u32..);
    let begun = daemon.begin()?;
    for _ in 0..MINUTES {
        for (deal, amount) in changes.by_ref().take(CHANGES) {
            daemon.account.change_amount(deal.as_str(), amount).await?;
        }
        daemon.go_on(Duration::minutes(1)).await?;
    }
    daemon.finish("a day, changes all along", begun).await
}

/// The calls of a day: of a HubSpot account on Starter, which has the fewest, and of a Salesforce org with fifteen
/// Enterprise licences.
fn daily_calls(crm: Crm) -> u32 {
    match crm {
        Crm::HubSpot => 250_000,
        Crm::Salesforce => 115_000,
    }
}
