//! Takes events, decides them, and commits each decision with everything that follows from it in one batch.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use dealclock_engine::decide::{Decision, decide};
use dealclock_model::{Case, CaseId, ConnectionId, EffectId, Entry, Event, What};
use dealclock_store::{Batch, Seq, StoreError};

use super::mishaps::Turns;
use super::signals::LoopId;
use super::{Runtime, RuntimeError, Step};

/// Events looked at in one step.
const HEAD: usize = 64;
/// Operations after which a batch is committed; sled's memory grows with the size of its batches.
const BATCH_OPERATIONS: usize = 80;

/// One event to decide; without a sequence number when it comes straight from a page of the first read.
pub(super) struct Work {
    pub(super) seq: Option<Seq>,
    pub(super) case: CaseId,
    pub(super) event: Event,
}

impl Runtime {
    pub(super) fn decide_step(&self) -> Result<Step, RuntimeError> {
        let _one_at_a_time = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let head = self.store.inbox_head(HEAD)?;
        if head.is_empty() {
            return Ok(Step::Rest(None));
        }
        let work = head.into_iter().map(|(seq, case, event)| Work { seq: Some(seq), case, event }).collect();
        self.carry_out(work, Batch::new())?;
        Ok(Step::Again)
    }

    /// Decides events that never were in the inbox: a page of the first read, whose cursor is in `last`.
    pub(super) fn decide_at_once(&self, work: Vec<Work>, last: Batch) -> Result<(), RuntimeError> {
        let _one_at_a_time = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.carry_out(work, last)?)
    }

    /// Decides events in order. A decision is never split over two batches; `last` goes with the last of them.
    fn carry_out(&self, work: Vec<Work>, last: Batch) -> Result<(), StoreError> {
        let mut pending = Pending::default();
        for item in work {
            let mut own = Batch::new();
            let decided = self.decide_one(&mut pending, item, &mut own)?;
            if !pending.batch.is_empty() && pending.batch.len() + own.len() > BATCH_OPERATIONS {
                self.commit_decisions(&mut pending)?;
            }
            pending.batch.append(own);
            if let Some((id, case)) = decided {
                pending.cases.insert(id, case);
            }
        }
        pending.batch.append(last);
        self.commit_decisions(&mut pending)
    }

    fn decide_one(
        &self,
        pending: &mut Pending,
        item: Work,
        batch: &mut Batch,
    ) -> Result<Option<(CaseId, Case)>, StoreError> {
        let Work { seq, case: id, event } = item;
        if let Some(seq) = seq {
            batch.take_event(seq);
        }
        let Some(people) = self.connections.get(id.connection()).and_then(super::Connection::people) else {
            // The connection is no longer configured. Reading it anew, should it come back, tells all there is to know.
            tracing::warn!(case = %id, "event of a connection that is not configured is set aside");
            self.forget_cursors(id.connection(), batch);
            return Ok(None);
        };
        let known = match pending.cases.remove(&id) {
            Some(case) => Some(case),
            None => self.store.case(&id)?,
        };
        let fresh;
        let before = match &known {
            Some(case) => case,
            None => {
                fresh = Case::new(&id);
                &fresh
            }
        };
        let now = self.clock.now();
        let ruleset = self.ruleset.load();
        let decision = catch_unwind(AssertUnwindSafe(|| {
            decide(&ruleset.rules, &ruleset.calendars, &people, &id, before, &event, now)
        }));
        let Ok(decision) = decision else {
            // The engine promises never to panic. Should it all the same, this one record stands still and nothing else.
            tracing::error!(case = %id, "the engine failed on an event; the event is set aside");
            batch.append_journal(&id, &set_aside(now));
            return Ok(known.map(|case| (id, case)));
        };
        let Decision { case, effects, superseded, posts, wake_at, journal, facts: _ } = decision;
        pending.turns.note(&id, before, &case);
        batch.put_case(&id, &case);
        batch.set_timer(&id, wake_at);
        if wake_at.is_some() {
            pending.raise(LoopId::Timers(id.connection().clone()));
        }
        for effect in &superseded {
            batch.remove_effect(effect);
        }
        for effect in &effects {
            batch.put_effect(effect, now);
            pending.effects.insert(effect.id, id.clone());
            pending.raise(LoopId::Deliver(effect.lane()));
        }
        if !posts.is_empty() {
            pending.raise(LoopId::Decide);
        }
        for (to, event) in &posts {
            batch.put_event(to, event);
        }
        for entry in &journal {
            batch.append_journal(&id, entry);
        }
        Ok(Some((id, case)))
    }

    /// An effect that was settled before is not written again; its case is told the outcome that is known.
    fn tell_again(&self, known: &[EffectId], cases: &BTreeMap<EffectId, CaseId>) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        for effect in known {
            if let (Some(settlement), Some(case)) = (self.store.settled(effect)?, cases.get(effect)) {
                batch.put_event(case, &Event::Settled { effect: *effect, outcome: settlement.outcome });
            }
        }
        if !batch.is_empty() {
            self.store.commit(batch)?;
            self.signals.raise(&LoopId::Decide);
        }
        Ok(())
    }

    fn forget_cursors(&self, connection: &ConnectionId, batch: &mut Batch) {
        for object in dealclock_model::Object::ALL {
            batch.remove_meta(&super::names::cursor(connection, object));
        }
        batch.remove_meta(&super::names::phase(connection));
    }

    fn commit_decisions(&self, pending: &mut Pending) -> Result<(), StoreError> {
        let turns = std::mem::take(&mut pending.turns);
        self.count_parked(turns, self.clock.now(), &mut pending.batch)?;
        let committed = self.store.commit(std::mem::take(&mut pending.batch))?;
        self.tell_again(&committed.known, &std::mem::take(&mut pending.effects))?;
        for id in std::mem::take(&mut pending.raised) {
            self.signals.raise(&id);
        }
        Ok(())
    }
}

/// Decisions that are not committed yet.
#[derive(Default)]
struct Pending {
    batch: Batch,
    cases: BTreeMap<CaseId, Case>,
    effects: BTreeMap<EffectId, CaseId>,
    raised: Vec<LoopId>,
    turns: Turns,
}

impl Pending {
    fn raise(&mut self, id: LoopId) {
        if !self.raised.contains(&id) {
            self.raised.push(id);
        }
    }
}

fn set_aside(now: dealclock_model::Instant) -> Entry {
    Entry {
        at: now,
        rule: None,
        episode: 0,
        step: None,
        effect: None,
        what: What::Parked,
        why: "an event could not be judged because of a defect in Dealclock; please report it with the daemon's log"
            .into(),
    }
}
