//! The rule engine: rules are read, checked and compiled; `decide` carries them out as a pure, total function.
//!
//! Nothing here reads a clock, does I/O, is async, draws random numbers, or knows a store or a connector.

pub mod condition;
pub mod decide;
pub mod flaw;
pub mod read;
pub mod report;
pub mod rules;
pub mod scenario;
mod suggest;
pub mod template;
pub mod time;

pub use decide::{Decision, decide};
pub use rules::{Calendars, Rule, Rules, Ruleset};
