//! `dealclock status`.

use super::{Context, Exit, Failure, StatusArgs};

/// Carries the command out.
pub(super) async fn run(_args: StatusArgs, _context: Context) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Broken, "`status` is not part of this build"))
}
