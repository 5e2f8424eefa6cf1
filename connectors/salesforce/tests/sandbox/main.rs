//! The connector against the sandbox: everything that the contract promises, and what may go wrong on the way.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

mod account;
mod approvals;
mod deciding;
mod misfortune;
mod notices;
mod outbound;
mod provision;
mod reading;
mod support;
mod updating;
mod writing;
