//! Takes events, decides them, and commits each decision with everything that follows from it in one batch.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;

use dealclock_engine::decide::{Decision, decide};
use dealclock_model::{Case, CaseId, ConnectionId, EffectId, Entry, Event, Instant, What};
use dealclock_store::{Batch, Seq, StoreError};

use super::mishaps::Turns;
use super::requests::is_suspected;
use super::signals::LoopId;
use super::{Runtime, RuntimeError, Step};

/// Events looked at in one step.
const HEAD: usize = 64;
/// Operations after which a batch is committed; sled's memory grows with the size of its batches.
const BATCH_OPERATIONS: usize = 80;

/// Of these, a case counts for so many at most: one that is large and hears of much must not be written for each event.
const SHARE: usize = 8;
/// The rows of a batch with large cases in it, well below what the store takes.
const LARGEST_BATCH: usize = dealclock_store::MAX_OPERATIONS * 3 / 5;

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
            let put = decided.as_ref().map(Decided::put);
            let change = decided.as_ref().map(|decided| &decided.id).zip(put.as_ref());
            if !pending.has_room_for(&own, change) {
                self.commit_decisions(&mut pending)?;
            }
            pending.batch.append(own);
            if let (Some(Decided { id, case, .. }), Some(put)) = (decided, put) {
                pending.puts.insert(id.clone(), put);
                pending.cases.insert(id, case);
            }
        }
        pending.batch.append(last);
        self.commit_decisions(&mut pending)
    }

    fn decide_one(&self, pending: &mut Pending, item: Work, batch: &mut Batch) -> Result<Option<Decided>, StoreError> {
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
            pending.cases.extend(known.map(|case| (id, case)));
            return Ok(None);
        };
        let Decision { case, effects, superseded, posts, wake_at, journal, facts } = decision;
        pending.turns.note(&id, before, &case);
        pending.note_watched(&id, before, &case);
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
        for fact in &facts {
            batch.append_fact(&id, fact);
        }
        Ok(Some(Decided { id, case, wake_at }))
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
        let mut batch = std::mem::take(&mut pending.batch);
        for put in std::mem::take(&mut pending.puts).into_values() {
            batch.append(put);
        }
        let committed = self.store.commit(batch)?;
        self.tell_again(&committed.known, &std::mem::take(&mut pending.effects))?;
        for case in std::mem::take(&mut pending.suspects) {
            if let Some(connection) = self.connections.get(case.connection()) {
                connection.state().asking.suspect(case);
            }
        }
        for id in std::mem::take(&mut pending.raised) {
            self.signals.raise(&id);
        }
        Ok(())
    }
}

/// What one decision leaves of its case.
struct Decided {
    id: CaseId,
    case: Case,
    wake_at: Option<Instant>,
}

impl Decided {
    /// The case and its timer as changes of the store.
    fn put(&self) -> Batch {
        let mut batch = Batch::new();
        batch.put_case(&self.id, &self.case).set_timer(&self.id, self.wake_at);
        batch
    }
}

/// Decisions that are not committed yet.
#[derive(Default)]
struct Pending {
    batch: Batch,
    /// Each case as it was decided last, with its timer: a large case that hears of much is written once for many events.
    puts: BTreeMap<CaseId, Batch>,
    cases: BTreeMap<CaseId, Case>,
    effects: BTreeMap<EffectId, CaseId>,
    suspects: Vec<CaseId>,
    raised: Vec<LoopId>,
    turns: Turns,
}

impl Pending {
    fn raise(&mut self, id: LoopId) {
        if !self.raised.contains(&id) {
            self.raised.push(id);
        }
    }

    /// Whether one more decision may share the batch; an empty one takes any.
    fn has_room_for(&self, own: &Batch, put: Option<(&CaseId, &Batch)>) -> bool {
        if self.batch.is_empty() && self.puts.is_empty() {
            return true;
        }
        // What is put again takes the place of what was put.
        let others = self.puts.iter().filter(|(id, _)| put.is_none_or(|(again, _)| again != *id));
        let rows = || others.clone().chain(put).map(|(_, put)| put.len());
        let beside = self.batch.len() + own.len();
        beside + rows().map(|rows| rows.min(SHARE)).sum::<usize>() <= BATCH_OPERATIONS
            && beside + rows().sum::<usize>() <= LARGEST_BATCH
    }

    /// Takes note of a record about which the CRM is to be asked from now on.
    fn note_watched(&mut self, id: &CaseId, before: &Case, after: &Case) {
        if !after.is_watched() {
            return;
        }
        let suspected = |case: &Case| case.as_record().is_some_and(is_suspected);
        if suspected(after) && !suspected(before) {
            self.suspects.push(id.clone());
        } else if before.is_watched() {
            return;
        }
        self.raise(LoopId::Requests(id.connection().clone()));
    }
}

fn set_aside(now: Instant) -> Entry {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Batch {
        let mut batch = Batch::new();
        for seq in 0..count {
            batch.take_event(Seq(seq as u64));
        }
        batch
    }

    #[test]
    fn a_large_case_that_hears_of_much_is_written_once_for_many_events() {
        let mut pending = Pending::default();
        let digest = |person: &str| CaseId::Digest {
            connection: "acme".into(),
            digest: "managers".into(),
            person: person.into(),
        };
        let mut decisions = 0;
        while pending.has_room_for(&rows(2), Some((&digest("anna"), &rows(300)))) {
            pending.batch.append(rows(2));
            pending.puts.insert(digest("anna"), rows(300));
            decisions += 1;
            assert!(decisions < 1000);
        }
        assert!(decisions > 30, "{decisions}");
        let mut whole = std::mem::take(&mut pending.batch);
        whole.append(rows(300));
        assert!(whole.len() < dealclock_store::MAX_OPERATIONS);
        let other = (&digest("bob"), &rows(400));
        assert!(!pending.has_room_for(&rows(2), Some(other)), "together they would be too large");
    }
}
