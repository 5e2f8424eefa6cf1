//! Months of virtual time in seconds: the real daemon's steps, a real store, seeded faults and crashes, and an auditor
//! who knows nothing of the daemon.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

#[path = "../support/world.rs"]
mod world;

use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::Duration;
use dealclock_sandbox::audit::{Matter, Tolerance, audit, digests, messages};
use dealclock_sandbox::company::CompanyOptions;
use dealclock_sandbox::{Crm, Fault, FaultRule, When};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use world::World;

/// What a run was, so that nobody trusts one in which nothing happened.
#[derive(Debug, Default, PartialEq)]
struct Run {
    reminders: u64,
    /// Requests for more time, grants that were ticked, and grants by hand that were set back.
    asked: u64,
    granted: u64,
    set_back: u64,
    /// Requests that people decided in the CRM's own approval process.
    in_process: u64,
    /// Discounts that one person approved, and those that took two.
    discounts: u64,
    discounts_twice: u64,
    /// Questions why a deal is late, digests and reports, each as it was read in the CRM.
    reasons: usize,
    digests: usize,
    reports: usize,
    faults: u64,
    crashes: u32,
    trace: u64,
}

/// Where trouble may come from; each fault befalls calls with its own small chance.
fn misfortunes(crm: Crm, has_process: bool) -> Vec<FaultRule> {
    let status = |code, applied| Fault::Status { code, retry_after: None, applied };
    let limited = Fault::Status { code: 429, retry_after: Some("7".to_owned()), applied: false };
    let everywhere = [
        Fault::Drop { applied: false },
        status(500, false),
        status(503, false),
        limited,
        status(429, false),
        Fault::Html { applied: false },
        Fault::Truncate,
    ];
    let of_creations = [
        Fault::Drop { applied: true },
        Fault::Hang { applied: true },
        status(502, true),
        Fault::Html { applied: true },
        Fault::Truncate,
        Fault::Partial { every: 2 },
        Fault::Reorder,
        Fault::Missing { results: 1 },
    ];
    let of_submissions = [
        Fault::Drop { applied: true },
        Fault::Hang { applied: true },
        status(502, true),
        Fault::Html { applied: true },
        Fault::Truncate,
    ];
    let of_updates = [Fault::Drop { applied: true }, status(502, true), Fault::Partial { every: 2 }];
    // One reads by searches, which are posted; the other by queries, which are not.
    let (creations, updates, method) = match crm {
        Crm::HubSpot => ("/crm/objects/tasks/batch/create", "/crm/objects/deals/batch/update", Some("POST")),
        Crm::Salesforce => ("sf.collections.create", "sf.collections.update", None),
    };
    let rule = |path: Option<&str>, chance, fault| FaultRule {
        method: method.map(str::to_owned),
        path: path.map(str::to_owned),
        when: When::Chance(chance),
        times: None,
        fault,
    };
    let creations = of_creations.into_iter().map(|fault| rule(Some(creations), 0.08, fault));
    let others = everywhere.into_iter().map(|fault| rule(None, 0.004, fault));
    let updates = of_updates.into_iter().map(|fault| rule(Some(updates), 0.05, fault));
    let submissions = of_submissions.into_iter().filter(|_| has_process);
    let submissions = submissions.map(|fault| rule(Some("sf.approvals"), 0.1, fault));
    creations.chain(updates).chain(others).chain(submissions).collect()
}

/// What befalls a run.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    /// Nothing.
    None,
    /// Faults of the CRM.
    Faults,
    /// Those, and crashes of the daemon after steps chosen by the seed.
    FaultsAndCrashes,
}

/// One run; every second company decides about more time in Salesforce's own approval process.
async fn simulate(crm: Crm, seed: u64, trouble: Trouble) -> Run {
    let has_process = crm == Crm::Salesforce && seed.is_multiple_of(2);
    let options =
        CompanyOptions { days: 10, reps: 6, standing: 16, deals_per_day: 5, has_process, ..CompanyOptions::default() };
    let mut world = World::new(crm, seed, &options).await;
    let mut chance = StdRng::seed_from_u64(seed);
    let mut crashes = 0;
    let mut crash = || {
        let now = trouble == Trouble::FaultsAndCrashes && crashes < 12 && chance.random_bool(0.0012);
        crashes += u32::from(now);
        now
    };
    // From its first sight of them the daemon counts standing deals, and only without faults is that the start.
    world.settle(&mut crash).await;
    if trouble != Trouble::None {
        world.sandbox.set_faults(misfortunes(crm, has_process));
    }
    world.run(&mut crash).await;

    let grace = if trouble == Trouble::None { Duration::minutes(10) } else { Duration::minutes(45) };
    let tolerance = Tolerance { grace, ..Tolerance::usual(world.company.start) };
    let dump = world.sandbox.dump();
    let rule = world.rule(&dump);
    let report = audit(&dump, &rule, &tolerance);
    let wrong: Vec<_> = report.faults().collect();
    assert!(wrong.is_empty(), "{crm:?}, seed {seed}: {wrong:#?}");
    assert_eq!((report.reminders_duplicate, report.reminders_missing), (0, 0), "{crm:?}, seed {seed}");
    let calls = world.sandbox.calls();
    let bad = |status: u16| !(200..300).contains(&status) && status != 404 && status != 400;
    let faults = calls.statuses.iter().filter(|(status, _)| bad(**status)).map(|(_, count)| count).sum();
    let mut trace = DefaultHasher::new();
    serde_json::to_string(&dump).unwrap().hash(&mut trace);
    Run {
        reminders: report.reminders_created,
        asked: report.requests.asked,
        granted: report.requests.granted,
        set_back: report.requests.set_back,
        in_process: report.requests.decided_in_process,
        discounts: report.requests.discounts_granted,
        discounts_twice: report.requests.discounts_granted_twice,
        reasons: messages(&dump, &rule, "Why was ").len(),
        digests: digests(&dump, &rule).len(),
        reports: messages(&dump, &rule, "Complex share").len(),
        faults,
        crashes,
        trace: trace.finish(),
    }
}

/// Every property holds on either CRM: the engine and the daemon know of none.
macro_rules! on_either_crm {
    ($($property:ident),+ $(,)?) => {
        mod hubspot { $(#[tokio::test] async fn $property() { super::$property(super::Crm::HubSpot).await; })+ }
        mod salesforce { $(#[tokio::test] async fn $property() { super::$property(super::Crm::Salesforce).await; })+ }
    };
}

on_either_crm! {
    without_trouble_every_reminder_appears_once,
    through_faults_and_crashes_every_reminder_appears_once,
    the_same_seed_gives_the_same_trace,
    a_lost_store_brings_no_reminder_a_second_time,
}

async fn without_trouble_every_reminder_appears_once(crm: Crm) {
    let run = simulate(crm, 1, Trouble::None).await;
    assert!(run.reminders >= 20, "too little happened to prove anything: {run:?}");
}

async fn through_faults_and_crashes_every_reminder_appears_once(crm: Crm) {
    let mut total = Run::default();
    for seed in 1..=5 {
        let run = simulate(crm, seed, Trouble::FaultsAndCrashes).await;
        total.reminders += run.reminders;
        total.asked += run.asked;
        total.granted += run.granted;
        total.set_back += run.set_back;
        total.in_process += run.in_process;
        total.discounts += run.discounts;
        total.discounts_twice += run.discounts_twice;
        total.reasons += run.reasons;
        total.digests += run.digests;
        total.reports += run.reports;
        total.faults += run.faults;
        total.crashes += run.crashes;
    }
    assert!(total.reminders >= 150 && total.faults >= 50 && total.crashes >= 20, "vacuous: {total:?}");
    assert!(total.asked >= 25 && total.granted >= 8 && total.set_back >= 2, "vacuous: {total:?}");
    assert!(total.discounts >= 10 && total.discounts_twice >= 4, "vacuous: {total:?}");
    assert!(total.reasons >= 30 && total.digests >= 50 && total.reports >= 5, "vacuous: {total:?}");
    let in_process = match crm {
        Crm::HubSpot => total.in_process == 0,
        Crm::Salesforce => total.in_process >= 8,
    };
    assert!(in_process, "vacuous: {total:?}");
}

async fn the_same_seed_gives_the_same_trace(crm: Crm) {
    // Without crashes: how far the disk was when one comes is the machine's business.
    let trouble = Trouble::Faults;
    assert_eq!(simulate(crm, 11, trouble).await, simulate(crm, 11, trouble).await);
}

async fn a_lost_store_brings_no_reminder_a_second_time(crm: Crm) {
    let options = CompanyOptions { days: 8, reps: 6, standing: 16, deals_per_day: 5, ..CompanyOptions::default() };
    // In this play a person deletes a reminder, so that it stands on no record any more.
    let mut world = World::new(crm, 11, &options).await;
    let end = world.company.end;
    world.company.end = world.company.start + Duration::days(4);
    world.run(|| false).await;
    let before = world.audit(&Tolerance::usual(world.company.start)).reminders_created;
    world.lose_store();
    world.company.end = end;
    world.run(|| false).await;
    let report = world.audit(&Tolerance::usual(world.company.start));
    let doubled: Vec<_> = report.faults().filter(|finding| finding.what == Matter::Duplicate).collect();
    assert!(before >= 10 && report.reminders_created > before, "too little happened: {before}");
    assert!(doubled.is_empty(), "{doubled:#?}");
}

#[tokio::test]
async fn what_a_process_locks_is_ticked_as_soon_as_somebody_decides_there() {
    let sizes = CompanyOptions { days: 8, reps: 6, standing: 16, deals_per_day: 5, ..CompanyOptions::default() };
    let options = CompanyOptions { has_process: true, ..sizes };
    let mut world = World::with_rights(Crm::Salesforce, 2, &options, false).await;
    world.run(|| false).await;
    let report = world.audit(&Tolerance::usual(world.company.start));
    // What was decided in another way cannot be seen on the deal before it is unlocked, so its clock is not judged here.
    let of_clocks = |what| {
        matches!(
            what,
            Matter::Unexpected | Matter::Missing | Matter::ClosedTooEarly | Matter::DueNotMoved | Matter::LeftOpen
        )
    };
    let wrong: Vec<_> = report.faults().filter(|finding| !of_clocks(finding.what)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(report.requests.granted >= 3 && report.requests.decided_in_process >= 5, "vacuous: {:?}", report.requests);
}
