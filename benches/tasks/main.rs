//! Reminders of 10,000 deals that are due at the same time, written as tasks, on either CRM.
//!
//! Every deal is read again before its reminder is decided. The sandbox's limits count in virtual time: whenever the
//! daemon waits for one, both clocks are turned to where it waits for.
#![allow(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::collections::BTreeSet;
use std::error::Error;

use chrono::Duration;
use dealclock_daemon::runtime::Phase;
use dealclock_model::effect::Lane;
use dealclock_sandbox::Crm;
use dealclock_sandbox::dump::Dump;
use dealclock_sandbox::edit::{Edit, NewPerson};

use support::account::Account;
use support::daemon::{Daemon, load, print};
use support::process::peak_megabytes;
use support::run::for_each_crm;

#[path = "../support/mod.rs"]
mod support;

const REMINDERS: usize = 10_000;
/// As many as get twenty reminders each.
const OWNERS: usize = 500;
/// What the guards would rightly make of so many reminders is measured nowhere: here all of them are meant.
const KEYS: &str = r#"poll = "5m"
refresh = "1d"
reconcile = "10d"
storm_above = 1000000
max_per_person_per_day = 1000"#;

const RULES: &str = r#"
[rule.attend]
title = "Attend within 2 days"
object = "opportunity"
when = "amount > 0"
until = "amount > 1000000000"
deadline = "48h"

[[rule.attend.remind]]
at = "1h"
subject = "Attend to {{ record.name }}"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    for_each_crm("tasks", REMINDERS, measure)
}

async fn measure(crm: Crm, reminders: usize) -> Result<(), Box<dyn Error>> {
    // Not in the system's directory for passing files: that is often memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    // The rule is not about deals that are closed or have no amount.
    let account = Account::open(crm, reminders * 9 / 5)?;
    share_out(crm, &account).await?;
    let config = account.prepare(directory.path(), RULES, KEYS)?;
    let daemon = Daemon::start(load(&config)?, account)?;
    daemon.until_phase("first read", |phase| phase == Phase::Live).await?;
    leave_so_many(&daemon, reminders).await?;
    daemon.pass("until shortly before", Duration::minutes(50)).await?;
    // Owners have their hours, from Tokyo to Los Angeles; the machine slept until it was day for the last of them.
    daemon.turn_to(daemon.now() + Duration::hours(12)).await?;
    let line = daemon.until("reminders", || is_all_written(&daemon)).await?;
    print(&[line]);
    println!("peak memory {} MB", peak_megabytes()?);
    count_tasks(crm, &daemon.account.ask("dump").await?.json().await?, reminders)
}

/// Invites owners, and gives them the deals in turns.
async fn share_out(crm: Crm, account: &Account) -> Result<(), Box<dyn Error>> {
    for number in 0..OWNERS {
        let owner = NewPerson {
            owner_id: owner_id(number),
            user_id: (38_000_000 + number).to_string(),
            first_name: "Robin".to_owned(),
            last_name: format!("Number {number}"),
            email: format!("robin.{number}@example.com"),
            job_title: "Account executive".to_owned(),
            team: None,
            zone: None,
        };
        account.edit(&Edit::AddPerson(owner)).await?;
    }
    let dump: Dump = account.ask("dump").await?.json().await?;
    let deals = dump.records.get(words(crm).deals).map_or(&[][..], Vec::as_slice);
    for (deal, number) in deals.iter().zip((0..OWNERS).cycle()) {
        account.change(&deal.id, "hubspot_owner_id", owner_id(number)).await?;
    }
    Ok(())
}

fn owner_id(number: usize) -> String {
    (74_000_000 + number).to_string()
}

/// Takes the amounts from deals until the rule is about so many.
async fn leave_so_many(daemon: &Daemon, reminders: usize) -> Result<(), Box<dyn Error>> {
    let deals = daemon.deals_with_timer()?;
    if deals.len() < reminders {
        return Err(format!("the rule is about {} deals only", deals.len()).into());
    }
    for deal in &deals[reminders..] {
        daemon.account.change_amount(deal.as_str(), 0).await?;
    }
    Ok(())
}

/// Nothing is due, undecided, or on its way out.
fn is_all_written(daemon: &Daemon) -> Result<bool, Box<dyn Error>> {
    let (store, now) = (daemon.runtime.store(), daemon.now());
    let is_due = !store.due_on(&daemon.connection, now, 1)?.is_empty();
    let is_undecided = !store.inbox_head(1)?.is_empty();
    let lane = Lane::Crm(daemon.connection.clone());
    let is_on_its_way = !store.outbox(&lane, now + Duration::days(1), 1)?.is_empty();
    Ok(!is_due && !is_undecided && !is_on_its_way)
}

/// Holds the account against what was promised: each deal has its task, and none has two.
fn count_tasks(crm: Crm, dump: &Dump, reminders: usize) -> Result<(), Box<dyn Error>> {
    let Words { tasks, deals, key } = words(crm);
    let written = dump.records.get(tasks).map_or(&[][..], Vec::as_slice);
    let keys: BTreeSet<&str> = written.iter().filter_map(|task| task.value(key)).collect();
    let links = dump.associations.iter().filter(|link| link.from_type == tasks && link.to_type == deals);
    let reminded: BTreeSet<&str> = links.map(|link| link.to.as_str()).collect();
    println!("in the account: {} tasks with {} keys, on {} deals", written.len(), keys.len(), reminded.len());
    match [written.len(), keys.len(), reminded.len()].iter().all(|count| *count == reminders) {
        true => Ok(()),
        false => Err(format!("{reminders} of each were due").into()),
    }
}

/// What a CRM calls types and our key.
struct Words {
    tasks: &'static str,
    deals: &'static str,
    key: &'static str,
}

fn words(crm: Crm) -> Words {
    match crm {
        Crm::HubSpot => Words { tasks: "tasks", deals: "deals", key: "dealclock_key" },
        Crm::Salesforce => Words { tasks: "Task", deals: "Opportunity", key: "Dealclock_Key__c" },
    }
}
