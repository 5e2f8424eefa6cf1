//! When a loop of a connection may work: the account is the known one, the connection has come far enough, and no
//! trouble makes the loop pause.

use std::ops::ControlFlow;

use dealclock_model::Instant;
use dealclock_store::StoreError;

use super::{Connection, Phase, Runtime, Step};

/// The present instant for a loop that may work, or the rest that it takes instead: until an instant when it pauses,
/// until a signal when the connection is not as far.
pub(super) type Gate = ControlFlow<Step, Instant>;

impl Runtime {
    /// Whether a loop may work in the connection's present phase.
    pub(super) fn gate(
        &self,
        connection: &Connection,
        work: &'static str,
        opens: impl FnOnce(&Phase) -> bool,
    ) -> Result<Gate, StoreError> {
        let now = self.clock.now();
        if !connection.state().verified || !opens(&self.phase(connection)?) {
            return Ok(Gate::Break(Step::Rest(None)));
        }
        Ok(match connection.waits(work, now) {
            Some(until) => Gate::Break(Step::Rest(Some(until))),
            None => Gate::Continue(now),
        })
    }
}

/// Opens once changes are followed.
pub(super) fn live(phase: &Phase) -> bool {
    match phase {
        Phase::Live => true,
        Phase::FirstRead | Phase::ReadBack { .. } => false,
    }
}
