//! HubSpot's words into Dealclock's and back; pure.

pub mod deal;
pub mod person;
pub mod record;
pub mod task;
pub mod value;
