//! The CRMs that the suite is run against.

pub mod csv;
pub mod hubspot;
pub mod remote;
pub mod salesforce;
pub mod table;
