//! sandbox

pub mod edit;
