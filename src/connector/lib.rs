//! The contract between the daemon and the code for a kind of CRM, and what every such code shares.
//!
//! A connector translates; it never sleeps, retries, stores, or logs a secret. The daemon owns retry, order and life
//! cycle. Everything a CRM sends is parsed in one file of its connector, and partial answers are split there.

pub mod answer;
pub mod approval;
pub mod auth;
pub mod clock;
pub mod contract;
pub mod error;
pub mod hint;
pub mod http;
pub mod lost;
pub mod mapping;
pub mod oauth;
pub mod origin;
pub mod provision;
pub mod quota;
pub mod redact;
pub mod transport;
pub mod unfinished;
pub mod value;

pub use approval::{NativeApproval, NativeApprovals, Outcomes, Standing, WorkItem};
pub use auth::{Access, Authorizer, StaticToken};
pub use clock::Clock;
pub use contract::{
    Account, ChangePage, Connector, CrmField, Cursor, Descriptor, Discovery, History, Next, Once, Pipeline, Problem,
    Settings, Stage,
};
pub use error::{Error, ErrorKind, Result};
pub use hint::{Acknowledgement, Feed, FeedPage, Hint, Incoming, Received, Refused, Webhooks};
pub use http::{Bounds, ReqwestTransport};
pub use lost::IfLost;
pub use mapping::{FieldSource, Mapping};
pub use origin::Origin;
pub use provision::{Need, Plan, PlanItem, PlanState, Provision};
pub use quota::{Bucket, Limit, Observed, Part, Priority, Quota, Spent, Today, as_one};
pub use redact::redact;
pub use transport::{Transport, TransportError};
pub use unfinished::{Step, Unfinished};
