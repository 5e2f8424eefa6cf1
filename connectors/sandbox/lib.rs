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
mod sender;
mod serve;
mod snapshot;
pub mod time;
mod tls;

pub use control::Calls;
pub use faults::{Fault, FaultRule, When};
pub use options::{Crm, HubSpotApp, Limits, Options, Scope, Token};
pub use org::admin::AdminAct;
pub use org::options::{App, OrgLimits, OrgOptions, OrgUser};
pub use org::outbound::OutboundMessage;
pub use org::process::{ApprovalProcess, Approver};
pub use people_at_work::EditRefused;
pub use sandbox::{Dropped, Sandbox};
pub use serve::{serve, serve_tls, serve_with};
pub use tls::Identity;
