//! `dealclock explain`.

use super::{Context, Exit, ExplainArgs, Failure};

/// Carries the command out.
pub(super) async fn run(_args: ExplainArgs, _context: Context) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Broken, "`explain` is not part of this build"))
}
