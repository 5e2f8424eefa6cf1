//! What Salesforce's rows mean, and what a reminder looks like there; pure.

pub mod holiday;
pub mod hours;
pub mod past;
pub mod person;
pub mod record;
pub mod task;
pub mod value;

#[cfg(test)]
pub(crate) mod sample;
