//! Facts about the dialect that the sandbox speaks, told as calls and answers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod batch;
mod caller;
mod faults;
mod guards;
mod journal;
mod login;
mod objects;
mod people;
mod search;
mod server;
mod webhooks;
