//! Only synced bytes survive: what was acknowledged must be among them.

use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use dealclock_store::StoreError;

use crate::disk::{Disk, Fault, Shim};
use crate::writer::{THREADS, is_there};

const POINTS: u64 = 50;
const LIVES: u64 = 10;
/// A slow machine takes fewer points, and never fewer than this.
const LEAST_POINTS: u64 = 20;
const TIME: Duration = Duration::from_secs(20);

/// A decision, by the thread that wrote it and its number there.
type Decision = (u64, u64);

/// Writes decisions from number `first` until some were acknowledged, then kills the writer and takes the power away.
///
/// Returns what was acknowledged.
fn write_and_lose_power(disk: &Disk, shim: &Shim, fault: &Fault, first: u64, enough: u64) -> Vec<Decision> {
    let mut child = disk.start_writer(shim, fault, &[first.to_string(), u64::MAX.to_string()]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged: Vec<_> = lines.by_ref().take(usize::try_from(enough).unwrap()).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.extend(lines);
    disk.lose_power();
    let read = |line: &String| line.split_once(' ').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    acknowledged.iter().map(|line| read(line).unwrap_or_else(|| panic!("the writer said {line}"))).collect()
}

/// Power goes at fifty moments; a store lives through ten of them.
pub fn what_was_acknowledged_survives(shim: &Shim) {
    let begun = Instant::now();
    let mut checked = 0;
    let mut points = 0;
    while points < POINTS && (begun.elapsed() < TIME || points < LEAST_POINTS) {
        let (disk, mut first, mut acknowledged) = (Disk::new(), 0, Vec::new());
        for life in 0..LIVES {
            acknowledged.extend(write_and_lose_power(&disk, shim, &Fault::Forgets, first, (points * 7 + life) % 30));
            let store = disk.open().unwrap_or_else(|error| panic!("point {points}: {error}"));
            for (thread, number) in &acknowledged {
                assert!(is_there(&store, *thread, *number), "point {points}: lost decision {thread}-{number}");
            }
            let last = acknowledged.iter().map(|(_, number)| number + 1).max().unwrap_or(first);
            for thread in 0..THREADS {
                // What was not acknowledged is there whole or not at all: this asserts it.
                for number in first..=last {
                    is_there(&store, thread, number);
                }
            }
            first = last + 1;
            points += 1;
            checked += acknowledged.len();
            assert_eq!(store.health().unwrap().blobs, 0);
        }
    }
    assert!(checked as u64 > points * 50, "only {checked} decisions checked at {points} points prove little");
}

/// The same disk, deaf to the one call that makes a flush durable: the test above can fail.
pub fn without_the_sync_it_is_lost(shim: &Shim) {
    let disk = Disk::new();
    let acknowledged = write_and_lose_power(&disk, shim, &Fault::ForgetsAndIsDeaf, 0, 10);
    assert!(acknowledged.len() >= 10);
    match disk.open() {
        Ok(store) => assert!(acknowledged.iter().any(|(thread, number)| !is_there(&store, *thread, *number))),
        Err(StoreError::Damaged { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}
