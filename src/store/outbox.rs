//! Effects on their way out, and what is remembered of them afterwards.

use dealclock_model::effect::Lane;
use dealclock_model::{CaseId, Effect, Instant, Outcome};
use serde::{Deserialize, Serialize};

/// An effect that waits to be delivered, with the state of its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// What to write.
    pub effect: Effect,
    /// How often a delivery was begun.
    pub attempts: u32,
    /// An attempt was begun and may have reached the world: ask before writing again.
    pub begun: bool,
    /// A later decision took it back while it was begun: when the attempt wrote nothing, it goes.
    pub superseded: bool,
    /// Not to be tried before this instant.
    pub not_before: Instant,
    /// It waits until its record is unlocked, or until `not_before`.
    pub locked: bool,
    /// Why it is not tried any more until a person says so.
    pub parked: Option<String>,
    /// What the last attempt ran into.
    pub note: Option<String>,
}

/// How many effects of one lane stand where; each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboxCounts {
    /// Not begun, whether due now or later.
    pub waiting: u64,
    /// Begun without a known outcome.
    pub begun: u64,
    /// Waiting until their record is unlocked.
    pub locked: u64,
    /// Parked.
    pub parked: u64,
}

/// What became of an effect; kept for ever, so that no id is ever carried out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// When it was settled, by our clock.
    pub at: Instant,
    /// What became of it.
    pub outcome: Outcome,
}

/// The part of an outbox entry that changes; in a row of its own, so that the effect is written once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) lane: Lane,
    pub(crate) seq: u64,
    #[serde(default)]
    pub(crate) attempts: u32,
    #[serde(default)]
    pub(crate) begun: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) superseded: bool,
    pub(crate) not_before: Instant,
    /// The case whose record is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) locked: Option<CaseId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
}

impl Delivery {
    /// Joins the state with its effect.
    pub(crate) fn entry(self, effect: Effect) -> OutboxEntry {
        let Delivery { lane: _, seq: _, attempts, begun, superseded, not_before, locked, parked, note } = self;
        OutboxEntry { effect, attempts, begun, superseded, not_before, locked: locked.is_some(), parked, note }
    }
}

impl OutboxCounts {
    /// Counts one more.
    pub(crate) fn count(&mut self, delivery: &Delivery) {
        let place = match delivery {
            Delivery { parked: Some(_), .. } => &mut self.parked,
            Delivery { begun: true, .. } => &mut self.begun,
            Delivery { locked: Some(_), .. } => &mut self.locked,
            Delivery { .. } => &mut self.waiting,
        };
        *place += 1;
    }
}
