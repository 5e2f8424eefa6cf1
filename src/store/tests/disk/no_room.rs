//! A disk that runs full: an error that says so, and nothing acknowledged is lost.

use std::io::Read;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::disk::{Disk, Fault, Shim};
use crate::writer::is_there;

/// Room in bytes: for nothing, for less than the empty store, and for more and more decisions.
const ROOM: [u64; 8] = [0, 50, 5_000, 400_000, 700_000, 1_100_000, 1_900_000, 3_000_000];

/// How long one disk may take to run full: longer than the store waits for an answer of the engine, which may hang.
const LIMIT: Duration = Duration::from_secs(90);

pub fn a_full_disk_loses_nothing(shim: &Shim) {
    let mut acknowledged = 0;
    for room in ROOM {
        acknowledged += fill(shim, room);
    }
    assert!(acknowledged > 100, "only {acknowledged} decisions were acknowledged before the disks ran full");
}

/// Writes until the disk is full; how many decisions were acknowledged before.
fn fill(shim: &Shim, room: u64) -> usize {
    let disk = Disk::new();
    let mut child = disk.start_writer(shim, &Fault::Room(room), &["0".to_owned(), "100000".to_owned()]);
    let mut out = child.stdout.take().unwrap();
    let (send, said) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| send.send(text)).ok()
    });
    let Ok(said) = said.recv_timeout(LIMIT) else {
        child.kill().unwrap();
        panic!("room for {room}: the writer hangs");
    };
    let output = child.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "room for {room}: {}: {complaint}", output.status);

    let (acknowledged, rest): (Vec<_>, Vec<_>) = said.lines().partition(|line| !line.starts_with("refused: "));
    assert_eq!(rest.len(), 1, "room for {room}: {rest:?}");
    let says_why = rest[0].contains("No space left") || rest[0].contains("gave no answer");
    assert!(says_why, "room for {room}: {}", rest[0]);

    let store = disk.open().unwrap_or_else(|error| panic!("room for {room}: {error}"));
    for line in &acknowledged {
        let (thread, number) = line.split_once(' ').unwrap();
        assert!(is_there(&store, thread.parse().unwrap(), number.parse().unwrap()), "room for {room}: lost {line}");
    }
    acknowledged.len()
}
