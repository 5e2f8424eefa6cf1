//! A CRM of our own that speaks HubSpot's dialect or Salesforce's: for the demo, the tests and the simulation.

pub mod audit;
pub mod company;
mod control;
mod dialect;
pub mod dump;
pub mod edit;
mod faults;
mod hubspot;
mod limits;
mod misfortune;
mod options;
mod org;
mod people_at_work;
mod portal;
mod refusal;
mod routes;
mod sandbox;
mod seed;
mod serve;
mod snapshot;
pub mod time;

pub use control::Calls;
pub use faults::{Fault, FaultRule, When};
pub use options::{Crm, Limits, Options, Scope, Token};
pub use people_at_work::EditRefused;
pub use sandbox::{Dropped, Sandbox};
pub use serve::{serve, serve_with};
