//! The dealclock binary.
fn main() {}
