//! The machine that a benchmark runs on, for the line above its figures.

use std::fs;

/// The machine's size and system: `2 cores, 24105 MB of memory, linux x86_64`.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let (system, processor) = (std::env::consts::OS, std::env::consts::ARCH);
    match memory_megabytes() {
        Some(memory) => format!("{cores} cores, {memory} MB of memory, {system} {processor}"),
        None => format!("{cores} cores, {system} {processor}"),
    }
}

/// Whether cargo asked for benchmarks: `cargo test --all-targets` starts these programs too.
pub fn is_asked_for() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

fn memory_megabytes() -> Option<u64> {
    let all = fs::read_to_string("/proc/meminfo").ok()?;
    let line = all.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}
