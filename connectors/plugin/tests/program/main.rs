//! The connector against real programs: one that works, one that does what no program should, and the documented talk.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

mod csv;
mod deciding;
mod faults;
mod life;
mod support;
mod transcript;
