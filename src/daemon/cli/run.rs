//! `dealclock run`.

use super::{Context, Exit, Failure, RunArgs};

/// Carries the command out.
pub(super) async fn run(_args: RunArgs, _context: Context) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Broken, "`run` is not part of this build"))
}
