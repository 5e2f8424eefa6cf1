//! What this process has used so far, as Linux counts it.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

/// Linux counts a process's time in hundredths of a second on every machine that Rust runs on.
const TICK: Duration = Duration::from_millis(10);

/// Processor and wall time since a moment.
pub struct Spent {
    /// In user and kernel, of every thread.
    pub cpu: Duration,
    /// On the wall.
    pub wall: Duration,
}

/// A moment to measure from.
pub struct Mark {
    cpu: Duration,
    wall: Instant,
}

impl Mark {
    /// Now.
    pub fn set() -> io::Result<Mark> {
        Ok(Mark { cpu: cpu()?, wall: Instant::now() })
    }

    /// What was spent since then.
    pub fn spent(&self) -> io::Result<Spent> {
        Ok(Spent { cpu: cpu()?.saturating_sub(self.cpu), wall: self.wall.elapsed() })
    }
}

/// The most memory that the process ever had, in megabytes.
pub fn peak_megabytes() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes / 1024).ok_or_else(|| odd("/proc/self/status"))
}

fn cpu() -> io::Result<Duration> {
    // The name in parentheses may hold spaces; `utime` and `stime` are the 12th and 13th field behind it.
    // https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    let stat = fs::read_to_string("/proc/self/stat")?;
    let behind = stat.rsplit_once(')').map(|(_, behind)| behind).ok_or_else(|| odd("/proc/self/stat"))?;
    let ticks: Vec<u32> = behind.split_whitespace().skip(11).take(2).filter_map(|part| part.parse().ok()).collect();
    Ok(TICK * ticks.iter().sum())
}

fn odd(file: &str) -> io::Error {
    io::Error::other(format!("{file} does not look like Linux's"))
}
