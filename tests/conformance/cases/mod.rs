//! The cases, by group.

mod deciding;
mod failing;
mod hearing;
mod people;
mod reading;
mod sharing;
mod writing;

pub use reading::{MARK, megabyte};
pub use sharing::LIMITED;

use crate::suite::Case;

/// All cases in README's order.
pub fn all() -> Vec<Case> {
    [reading::CASES, people::CASES, writing::CASES, deciding::CASES, failing::CASES, hearing::CASES, sharing::CASES]
        .into_iter()
        .flatten()
        .map(|(group, name, run)| Case { group, name, run: *run })
        .collect()
}

/// A case as the files list it.
type Listed = (&'static str, &'static str, for<'a> fn(&'a mut crate::world::World) -> crate::suite::Running<'a>);
