//! sandbox

pub mod company;
pub mod edit;
