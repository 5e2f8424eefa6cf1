//! The daemon: configuration, command line and mail, and the loops that carry rules out. It names no CRM.

pub mod cli;
pub mod clock;
pub mod config;
pub mod connect;
pub mod control;
pub mod explain;
pub mod follow;
pub mod kit;
pub mod launch;
pub mod log;
pub mod needs;
pub mod notify;
pub mod patience;
pub mod people;
pub mod report;
pub mod runtime;
pub mod status;
pub mod vault;
pub mod web;
