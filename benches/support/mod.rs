//! What the benchmarks of the daemon beside a CRM share.

pub mod account;
pub mod daemon;
pub mod machine;
pub mod process;
pub mod run;
