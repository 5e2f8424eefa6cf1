//! One suite for every connector: the same cases against each CRM, with scripted faults, and the table of them in README.
//!
//! `cargo test --test conformance` runs everything, `-- hubspot` or `-- merge` what has that in its name, and
//! `BLESS=1 cargo test --test conformance` writes the table into README.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]
#![allow(clippy::print_stdout, reason = "it is its own harness, and tells how each case went")]

mod cases;
mod clock;
mod log;
mod subject;
mod subjects;
mod suite;
mod table;
mod watched;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    log::capture();
    let outcomes = suite::run(|name| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())));
    let failed = outcomes.iter().filter(|outcome| outcome.is_failure()).count();
    println!("\n{} cases, {failed} failed", outcomes.len());
    // A part of the suite says nothing of the whole table.
    let table = if wanted.is_empty() { table::check(&outcomes) } else { Ok(()) };
    match table {
        Ok(()) if failed == 0 => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}
