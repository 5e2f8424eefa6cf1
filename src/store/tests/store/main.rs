//! What the store promises, on real files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod damage;
mod exported;
mod hints;
mod model;
mod once;
mod samples;
mod space;
