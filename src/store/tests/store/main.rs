//! What the store promises, on real files.

mod once;
mod samples;
