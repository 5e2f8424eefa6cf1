//! A CRM of our own that speaks HubSpot's dialect: for the demo, the tests and the simulation.

pub mod audit;
pub mod company;
pub mod dump;
pub mod edit;
mod limits;
mod options;
mod people_at_work;
mod portal;
mod refusal;
mod routes;
mod sandbox;
mod snapshot;

pub use options::{Limits, Options, Scope, Token};
pub use people_at_work::EditRefused;
pub use sandbox::{Dropped, Sandbox};
