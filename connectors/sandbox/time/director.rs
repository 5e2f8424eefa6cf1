//! Lets people do what they do at their own instants, as time is moved on.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::Sandbox;
use crate::edit::TimedEdit;

/// Carries out timelines on sandboxes that share one time; for simulations that turn the clock by hand.
pub struct Director {
    first: Scene,
    others: Vec<Scene>,
}

/// A sandbox with what is still to come there, in order.
struct Scene {
    sandbox: Sandbox,
    edits: VecDeque<TimedEdit>,
}

impl Director {
    /// A timeline to be carried out on a sandbox, in the order of its instants.
    pub fn new(sandbox: Sandbox, timeline: Vec<TimedEdit>) -> Director {
        Director { first: Scene::new(sandbox, timeline), others: Vec::new() }
    }

    /// Another sandbox that lives in the same time, with a timeline of its own.
    pub fn with(mut self, sandbox: Sandbox, timeline: Vec<TimedEdit>) -> Director {
        self.others.push(Scene::new(sandbox, timeline));
        self
    }

    /// The virtual instant.
    pub fn now(&self) -> DateTime<Utc> {
        self.first.sandbox.now()
    }

    /// When somebody next does something.
    pub fn next_edit(&self) -> Option<DateTime<Utc>> {
        self.scenes().filter_map(Scene::next_edit).min()
    }

    /// Moves time on; everything that people do until then, and at that very instant, happens at its own instant.
    ///
    /// An instant that has passed already changes nothing.
    pub fn advance_to(&mut self, to: DateTime<Utc>) {
        for scene in self.scenes_mut() {
            scene.advance_to(to);
        }
    }

    /// Moves time to an instant, also backwards, as a machine's clock may jump.
    pub(super) fn move_to(&mut self, to: DateTime<Utc>) {
        self.advance_to(to);
        for scene in self.scenes_mut().filter(|scene| to < scene.sandbox.now()) {
            scene.sandbox.set_now(to);
        }
    }

    fn scenes(&self) -> impl Iterator<Item = &Scene> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn scenes_mut(&mut self) -> impl Iterator<Item = &mut Scene> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }
}

impl Scene {
    fn new(sandbox: Sandbox, mut timeline: Vec<TimedEdit>) -> Scene {
        timeline.sort_by_key(|edit| edit.at);
        Scene { sandbox, edits: timeline.into() }
    }

    fn next_edit(&self) -> Option<DateTime<Utc>> {
        self.edits.front().map(|edit| edit.at)
    }

    fn advance_to(&mut self, to: DateTime<Utc>) {
        while self.next_edit().is_some_and(|next| next <= to) {
            let Some(TimedEdit { at, edit }) = self.edits.pop_front() else { break };
            let at = at.max(self.sandbox.now());
            if let Err(refused) = self.sandbox.edit_at(at, &edit) {
                // A person whom the CRM lets not do something goes on with their day.
                tracing::debug!(%refused, %at, "a person could not do what they wanted");
            }
        }
        if self.sandbox.now() < to {
            self.sandbox.set_now(to);
        }
    }
}
