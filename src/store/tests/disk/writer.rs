//! The child process: commits decisions, waits until they are durable, and acknowledges each in one line.

use std::io::Write;
use std::path::PathBuf;
use std::thread;

use dealclock_model::CaseId;
use dealclock_store::{Batch, Store, StoreError};

use crate::samples::{self, at, deal, due_event, effect, entry, record_case};

/// What to write.
pub struct Work {
    store: PathBuf,
    first: u64,
    last: u64,
}

/// Threads that write at the same time, each with records of its own.
pub const THREADS: u64 = 2;

impl Work {
    /// `STORE FIRST LAST`: each thread writes the decisions from the first to the last.
    pub fn from_arguments() -> Option<Work> {
        let arguments: Vec<String> = std::env::args().collect();
        let [_program, store, first, last] = arguments.as_slice() else { return None };
        Some(Work { store: store.into(), first: first.parse().ok()?, last: last.parse().ok()? })
    }

    pub fn run(&self) {
        let result = Store::open(&samples::small(&self.store)).and_then(|store| {
            thread::scope(|scope| {
                let threads: Vec<_> = (0..THREADS)
                    .map(|thread| {
                        scope.spawn({
                            let store = store.clone();
                            move || self.write(&store, thread)
                        })
                    })
                    .collect();
                threads.into_iter().try_for_each(|thread| thread.join().unwrap())
            })
        });
        if let Err(error) = result {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            say(&format!("refused: {error}: {cause}"));
        }
    }

    fn write(&self, store: &Store, thread: u64) -> Result<(), StoreError> {
        for number in self.first..self.last {
            store.commit(decision(thread, number))?;
            store.durable_blocking()?;
            say(&format!("{thread} {number}"));
        }
        Ok(())
    }
}

/// One line, which reaches the pipe whole.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// A decision with all that a decision can hold; every fifth has a case of several pieces.
fn decision(thread: u64, number: u64) -> Batch {
    let (id, name) = subject(thread, number);
    let size = if number.is_multiple_of(5) { 12_000 } else { 200 };
    let mut batch = Batch::new();
    batch.put_case(&id, &record_case("anna", size)).set_timer(&id, Some(at(60)));
    batch.put_effect(&effect(&name, "1d"), at(5)).append_journal(&id, &entry(5));
    batch.put_event(&id, &due_event()).put_meta(&format!("seen/{name}"), &number);
    batch
}

fn subject(thread: u64, number: u64) -> (CaseId, String) {
    let name = format!("{thread}-{number}");
    (deal(&name), name)
}

/// Whether a decision is there; one that is there in part is a fault.
pub fn is_there(store: &Store, thread: u64, number: u64) -> bool {
    let (id, name) = subject(thread, number);
    let parts = [
        store.case(&id).unwrap().is_some(),
        store.timer(&id).unwrap().is_some(),
        store.outbox_get(&effect(&name, "1d").id).unwrap().is_some(),
        !store.journal(&id, None, 1).unwrap().is_empty(),
        store.meta::<u64>(&format!("seen/{name}")).unwrap().is_some(),
    ];
    assert!(parts.iter().all(|part| *part == parts[0]), "decision {name} is there in part: {parts:?}");
    parts[0]
}
