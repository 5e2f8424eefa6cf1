//! Durable commits a second, with the raw cost of the disk's fsync beside them.
#![allow(clippy::print_stdout, reason = "a benchmark's output is its purpose")]

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use dealclock_model::event::Origin;
use dealclock_model::record::field;
use dealclock_model::{CaseId, Change, ChangeState, Event, Object, Record, RecordRef, Value};
use dealclock_store::{Batch, Options, Store};
use tokio::task::JoinSet;

#[path = "support/machine.rs"]
mod machine;

/// How long each row is measured.
const SPELL: Duration = Duration::from_secs(3);

fn main() -> Result<(), Box<dyn Error>> {
    if !machine::is_asked_for() {
        return Ok(());
    }
    println!("store: durable commits; {}\n", machine::describe());
    // Not in the system's directory for passing files: that is often memory, where an fsync costs nothing.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    print_disk("before", directory.path())?;
    let store = Store::open(&Options::new(directory.path().join("store")))?;
    println!("{:>16} {:>18} {:>14}", "waiting at once", "durable commits/s", "mean wait, ms");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for waiters in [1u32, 8, 64] {
        let (commits, took) = runtime.block_on(commit_for_a_spell(&store, waiters))?;
        let rate = commits as f64 / took.as_secs_f64();
        println!("{waiters:>16} {rate:>18.0} {:>14.2}", f64::from(waiters) / rate * 1e3);
    }
    println!("Each commit puts one changed deal into the inbox and waits until a loss of power cannot undo it.");
    drop(store);
    print_disk("after", directory.path())
}

/// So many tasks commit and wait, again and again; gives the commits and how long they took.
async fn commit_for_a_spell(store: &Store, waiters: u32) -> Result<(u64, Duration), Box<dyn Error>> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for waiter in 0..waiters {
        let store = store.clone();
        tasks.spawn(async move {
            let (case, event) = changed(waiter);
            let mut commits = 0u64;
            while begun.elapsed() < SPELL {
                let mut batch = Batch::new();
                batch.put_event(&case, &event);
                store.commit(batch)?;
                store.durable().await?;
                commits += 1;
            }
            Ok::<_, dealclock_store::StoreError>(commits)
        });
    }
    let mut commits = 0;
    while let Some(ended) = tasks.join_next().await {
        commits += ended??;
    }
    Ok((commits, begun.elapsed()))
}

/// What the disk itself takes: 4 KiB written to the end of a file, then synced.
fn print_disk(when: &str, directory: &Path) -> Result<(), Box<dyn Error>> {
    let mut file = File::create(directory.join("raw"))?;
    let begun = Instant::now();
    let mut waits = Vec::new();
    while begun.elapsed() < SPELL {
        let started = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        waits.push(started.elapsed());
    }
    waits.sort();
    let rate = waits.len() as f64 / begun.elapsed().as_secs_f64();
    let part = |hundredths: usize| waits[(waits.len() - 1) * hundredths / 100].as_secs_f64() * 1e3;
    println!(
        "the disk, {when}: write 4 KiB + fsync: {rate:.0} a second, p50 {:.2} ms, p99 {:.2} ms\n",
        part(50),
        part(99)
    );
    Ok(())
}

fn changed(number: u32) -> (CaseId, Event) {
    let record =
        RecordRef { connection: "acme".into(), object: Object::Opportunity, id: number.to_string().as_str().into() };
    let stamp = dealclock_model::Instant::UNIX_EPOCH;
    let fields = [
        (field::NAME, Value::text("Nordlicht GmbH: rollout")),
        (field::AMOUNT, Value::Number(80_000.into())),
        (field::STAGE, Value::text("Open")),
        (field::STAGE_ENTERED_AT, Value::Time(stamp)),
        (field::CREATED_AT, Value::Time(stamp)),
        (field::MODIFIED_AT, Value::Time(stamp)),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    let state = ChangeState::Present(Record { owner: Some("rep".into()), fields, url: None, parked: None });
    let change = Box::new(Change { record: record.clone(), stamp, state });
    let event = Event::Changed { change, history: Vec::new(), origin: Origin::Poll, as_of: stamp };
    (CaseId::Record(record), event)
}
