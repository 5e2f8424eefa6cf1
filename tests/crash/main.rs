//! The daemon is killed twenty times amid its work; every reminder still appears once.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

#[path = "../support/process.rs"]
mod process;

use dealclock_sandbox::Crm;
use process::{Progress, World};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const SEED: u64 = 11;
const DAYS: u32 = 8;
const KILLS: u32 = 20;

#[tokio::test]
async fn twenty_kills_neither_lose_nor_double_nor_delay_a_reminder_in_hubspot() {
    survive(Crm::HubSpot).await;
}

#[tokio::test]
async fn twenty_kills_neither_lose_nor_double_nor_delay_a_reminder_in_salesforce() {
    survive(Crm::Salesforce).await;
}

async fn survive(crm: Crm) {
    let world = World::start(crm, SEED, DAYS).await;
    let mut random = StdRng::seed_from_u64(SEED);
    for kill in 0..KILLS {
        let mut daemon = world.daemon();
        // Right after a task was made a crash hurts most: the daemon may not know of it yet.
        let (progress, times) = if kill % 2 == 0 {
            (Progress::Calls, random.random_range(1..=120))
        } else {
            (Progress::Made, random.random_range(1..=2))
        };
        daemon.gets_on(&world, progress, times).await;
        daemon.kill().await;
    }
    // Nobody kills this one: it goes on to the end of the play, and ends with it.
    world.daemon().end().await;

    let dump = world.dump().await;
    let found = world.audit(&dump);
    let faults: Vec<_> = found.faults().collect();
    assert!(found.is_clean(), "{faults:?}");
    assert_eq!(found.reminders_late, 0, "{faults:?}");
    assert!(found.reminders_due >= 20, "only {} reminders were due", found.reminders_due);
}
