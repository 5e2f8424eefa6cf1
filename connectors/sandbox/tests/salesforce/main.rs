//! Facts about the Salesforce dialect that the sandbox speaks, told as calls and answers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod activity;
mod approvals;
mod caller;
mod collections;
mod composite;
mod describe;
mod faults;
mod guards;
mod outbound;
mod query;
mod records;
mod rejections;
mod tokens;
mod tooling;
