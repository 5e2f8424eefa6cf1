//! Everything that Salesforce sends, and the only place where it is parsed; every field may be missing.

pub mod action;
pub mod approval;
pub mod describe;
pub mod failure;
pub mod org;
pub mod outbound;
pub mod row;
pub mod saved;
pub mod tooling;
pub mod xml;

pub use describe::{Describe, Field};
pub use failure::{Code, Failure, Failures};
pub use org::{UserInfo, Version};
pub use row::{Cell, Page, Row};
pub use saved::{Body, Composite, Part, Saved};
