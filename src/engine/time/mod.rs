//! The arithmetic of local days, working time and allowed hours; pure, and total for every date a CRM may hold.

pub mod allowed;
pub mod local;
pub mod pause;
pub mod reckon;
pub mod schedule;
pub mod workdays;

pub use allowed::Allowed;
pub use local::{clamp, first_instant_of, local_date, resolve};
pub use reckon::Reckoning;
pub use schedule::Schedule;
pub use workdays::Workdays;

#[cfg(test)]
mod tests;
