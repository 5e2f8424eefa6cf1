//! Facts about the Salesforce dialect that the sandbox speaks, told as calls and answers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod activity;
mod caller;
mod collections;
mod composite;
mod describe;
mod guards;
mod query;
mod records;
mod rejections;
mod tokens;
