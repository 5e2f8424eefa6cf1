//! Lets people do what they do at their own instants, as time is moved on.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::Sandbox;
use crate::edit::TimedEdit;

/// Carries out a timeline on a sandbox; for simulations that turn the clock by hand.
pub struct Director {
    sandbox: Sandbox,
    /// What is still to come, in order.
    edits: VecDeque<TimedEdit>,
}

impl Director {
    /// A timeline to be carried out on a sandbox, in the order of its instants.
    pub fn new(sandbox: Sandbox, mut timeline: Vec<TimedEdit>) -> Director {
        timeline.sort_by_key(|edit| edit.at);
        Director { sandbox, edits: timeline.into() }
    }

    /// The virtual instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.sandbox.now()
    }

    /// When somebody next does something.
    pub fn next_edit(&self) -> Option<DateTime<Utc>> {
        self.edits.front().map(|edit| edit.at)
    }

    /// Moves time on; everything that people do until then, and at that very instant, happens at its own instant.
    ///
    /// An instant that has passed already changes nothing.
    pub fn advance_to(&mut self, to: DateTime<Utc>) {
        while self.next_edit().is_some_and(|next| next <= to) {
            let Some(TimedEdit { at, edit }) = self.edits.pop_front() else { break };
            let at = at.max(self.now());
            if let Err(refused) = self.sandbox.edit_at(at, &edit) {
                // A person whom the CRM lets not do something goes on with their day.
                tracing::debug!(%refused, %at, "a person could not do what they wanted");
            }
        }
        if self.now() < to {
            self.sandbox.set_now(to);
        }
    }

    /// Moves time to an instant, also backwards, as a machine's clock may jump.
    pub(super) fn move_to(&mut self, to: DateTime<Utc>) {
        self.advance_to(to);
        if to < self.now() {
            self.sandbox.set_now(to);
        }
    }
}
