//! What a disk can do to the store: lose what was not synced, or run full.
//!
//! A child process (this program again) writes and acknowledges over a pipe, on a disk that `shim.c` makes. Therefore
//! it has a main function of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "this is the test runner as well")]

mod disk;
mod no_room;
mod power_loss;
#[path = "../store/samples.rs"]
mod samples;
mod writer;

/// A test with its name.
type Test = (&'static str, fn(&disk::Shim));

fn main() {
    if let Some(work) = writer::Work::from_arguments() {
        return work.run();
    }
    let shim = disk::Shim::compile();
    let tests: [Test; 3] = [
        ("what_was_acknowledged_survives_a_loss_of_power", power_loss::what_was_acknowledged_survives),
        ("without_the_sync_the_same_disk_loses_it", power_loss::without_the_sync_it_is_lost),
        ("a_full_disk_is_an_error_and_loses_nothing", no_room::a_full_disk_loses_nothing),
    ];
    // Like any test program, it can be told which to run by a part of their names.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    for (name, test) in tests.into_iter().filter(|(name, _)| name.contains(&wanted)) {
        test(&shim);
        println!("test {name} ... ok");
    }
}
