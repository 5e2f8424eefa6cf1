//! The program's words into Dealclock's and back; pure.

pub mod person;
pub mod record;
pub mod value;
pub mod write;
