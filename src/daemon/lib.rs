//! The daemon: configuration, command line and mail, and the loops that carry rules out. It names no CRM.

pub mod config;
pub mod log;
pub mod needs;
pub mod people;
