//! The connector against the sandbox: the same calls as over HTTP, without sockets and on a clock turned by hand.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

mod account;
mod app;
mod deciding;
mod feed;
mod misfortune;
mod reading;
mod support;
mod updating;
mod webhooks;
mod writing;
