//! Changes on their way into the inbox: what a case already knows is dropped, past values are asked for where they matter.

use std::collections::BTreeMap;

use dealclock_connector::{Error, ErrorKind};
use dealclock_engine::Ruleset;
use dealclock_engine::rules::Backlog;
use dealclock_model::case::RecordCase;
use dealclock_model::effect::Lane;
use dealclock_model::event::Origin;
use dealclock_model::record::{FieldHistory, field};
use dealclock_model::{Case, CaseId, Change, ChangeState, Event, FieldName, Instant, Record, RecordRef};
use dealclock_store::{Batch, StoreError};

use super::decider::Work;
use super::signals::LoopId;
use super::{Connection, Runtime};

/// Operations after which a batch of events is committed.
const BATCH_OPERATIONS: usize = 90;

/// A CRM or the store failed while changes were taken in; nothing was lost, as the cursor did not move.
#[derive(Debug, thiserror::Error)]
pub(super) enum IngestError {
    #[error(transparent)]
    Crm(#[from] Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A page of changes with what the CRM said about it.
pub(super) struct Page {
    pub(super) changes: Vec<Change>,
    pub(super) origin: Origin,
    pub(super) as_of: Instant,
    /// What is written once everything of the page is in, such as the cursor.
    pub(super) last: Batch,
}

/// What became of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Changes that told the store something new.
    pub(super) changed: usize,
}

impl Runtime {
    /// Takes a page in. The cursor moves in the batch that holds the page's last change, never before.
    pub(super) async fn take_in(&self, connection: &Connection, page: Page) -> Result<Taken, IngestError> {
        let ruleset = self.ruleset();
        let mut news = Vec::new();
        for change in page.changes {
            let known = self.store.case(&CaseId::Record(change.record.clone()))?;
            let known = known.as_ref().and_then(Case::as_record);
            match novelty(known, &change, &ruleset) {
                Novelty::None => {}
                Novelty::State { ask_history } => news.push((change, ask_history, known.and_then(|case| case.stamp))),
            }
        }
        self.look_for_strangers(connection, news.iter().map(|(change, ..)| change));
        let asked =
            news.iter().filter(
                |(change, ask, _)| {
                    if page.origin == Origin::FirstRead { as_if_wants(&ruleset, change) } else { *ask }
                },
            );
        let asked: Vec<_> = asked.map(|(change, ..)| change.record.clone()).collect();
        let mut histories = self.read_history(connection, &ruleset, &asked).await?;
        let taken = Taken { changed: news.len() };

        let mut events = Vec::with_capacity(news.len());
        for (change, _, since) in news {
            let history = trim(histories.remove(&change.record).unwrap_or_default(), since);
            let case = CaseId::Record(change.record.clone());
            // A re-read or a wiggle may show no more than the mirror does; without history it says nothing.
            let event = Event::Changed { change: Box::new(change), history, origin: page.origin, as_of: page.as_of };
            events.push((case, event));
        }
        if page.origin == Origin::FirstRead {
            let work = events.into_iter().map(|(case, event)| Work { seq: None, case, event }).collect();
            self.decide_at_once(work, page.last).map_err(unwrap_store)?;
        } else {
            self.enqueue(connection, events, page.last)?;
        }
        Ok(taken)
    }

    /// Lets people be read anew for owners whom nobody knows: reminders of somebody new must not go to others for long.
    fn look_for_strangers<'a>(&self, connection: &Connection, changes: impl Iterator<Item = &'a Change>) {
        let owners = changes.filter_map(|change| match &change.state {
            ChangeState::Present(record) => record.owner.as_ref(),
            ChangeState::Deleted | ChangeState::Merged { .. } => None,
        });
        if owners.filter(|owner| connection.meets_stranger(owner)).count() > 0 {
            self.hurry_steward(connection);
        }
    }

    /// Puts events into the inbox in small batches; `last` goes with the last of them.
    ///
    /// Writes that wait for a locked record may go once anything of the record changed.
    pub(super) fn enqueue(
        &self,
        connection: &Connection,
        events: Vec<(CaseId, Event)>,
        last: Batch,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let any = !events.is_empty();
        let mut batch = Batch::new();
        let mut unlocked = false;
        for (case, event) in events {
            batch.put_event(&case, &event);
            if matches!(event, Event::Changed { .. }) {
                batch.unlock(&case, now);
            }
            if batch.len() >= BATCH_OPERATIONS {
                unlocked |= !self.store.commit(std::mem::take(&mut batch))?.unlocked.is_empty();
            }
        }
        batch.append(last);
        if !batch.is_empty() {
            unlocked |= !self.store.commit(batch)?.unlocked.is_empty();
        }
        if any {
            self.signals.raise(&LoopId::Decide);
        }
        if unlocked {
            self.signals.raise(&LoopId::Deliver(Lane::Crm(connection.id().clone())));
        }
        Ok(())
    }

    async fn read_history(
        &self,
        connection: &Connection,
        ruleset: &Ruleset,
        records: &[RecordRef],
    ) -> Result<BTreeMap<RecordRef, Vec<FieldHistory>>, Error> {
        let connector = &connection.spec.connector;
        let Some(ability) = connector.history() else { return Ok(BTreeMap::new()) };
        let fields = history_fields(ruleset);
        let mut found = BTreeMap::new();
        if fields.is_empty() {
            return Ok(found);
        }
        for some in records.chunks(connector.descriptor().history_batch.max(1)) {
            match ability.history(some, &fields).await {
                Ok(histories) => found.extend(some.iter().cloned().zip(histories)),
                // The present state is worth more than its past: a history that is refused for good is done without.
                Err(error) if error.kind == ErrorKind::Rejected => {
                    tracing::warn!(connection = %connection.id(), "done without field history: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

fn unwrap_store(error: super::RuntimeError) -> StoreError {
    match error {
        super::RuntimeError::Store(error) => error,
        super::RuntimeError::Broke(..) => unreachable!("deciding fails only in the store"),
    }
}

enum Novelty {
    None,
    State { ask_history: bool },
}

/// Whether a change tells more than the case knows, and whether its past matters.
fn novelty(known: Option<&RecordCase>, change: &Change, ruleset: &Ruleset) -> Novelty {
    let Some(case) = known else {
        let new_and_gone = matches!(change.state, ChangeState::Deleted | ChangeState::Merged { .. });
        return if new_and_gone { Novelty::None } else { Novelty::State { ask_history: true } };
    };
    let ChangeState::Present(record) = &change.state else {
        return if case.gone.is_some() { Novelty::None } else { Novelty::State { ask_history: false } };
    };
    let watched = &ruleset.rules.layout.slots;
    let same = case.gone.is_none() && case.record.as_ref().is_some_and(|mirror| says_the_same(mirror, record, watched));
    let moved = case.stamp.is_none_or(|stamp| change.stamp > stamp);
    let has_clock = case.clocks.values().any(|clock| clock.state.is_live() || clock.violation.is_some());
    match (same, moved && has_clock) {
        // Nothing differs, but something happened: it may have moved away and back again.
        (true, true) => Novelty::State { ask_history: true },
        (true, false) => Novelty::None,
        (false, _) => Novelty::State { ask_history: true },
    }
}

/// Whether two states are the same for people and rules. CRMs touch the modification stamp for much that is neither.
fn says_the_same(a: &Record, b: &Record, watched: &BTreeMap<FieldName, usize>) -> bool {
    let relevant = |record: &Record| -> Vec<_> {
        let matters = |name: &FieldName| name.as_str() != field::MODIFIED_AT || watched.contains_key(name);
        record.fields.iter().filter(|(name, _)| matters(name)).map(|(n, v)| (n.clone(), v.clone())).collect()
    };
    a.owner == b.owner && a.parked == b.parked && a.url == b.url && relevant(a) == relevant(b)
}

/// The fields whose past can move a clock. A stamp of the CRM is its own history.
fn history_fields(ruleset: &Ruleset) -> Vec<FieldName> {
    let own_history = [field::STAGE_ENTERED_AT, field::CREATED_AT, field::MODIFIED_AT, field::NAME];
    let watched = ruleset.rules.layout.slots.keys();
    let watched = watched.filter(|name| !name.as_str().starts_with("owner.") && !own_history.contains(&name.as_str()));
    let mut fields: Vec<_> = watched.cloned().collect();
    if !fields.is_empty() {
        // Who owned the record at a deadline decides whose violation it is.
        fields.push(FieldName::from("owner.id"));
    }
    fields
}

/// On a first read the past matters only to rules that want the true start of what they find.
fn as_if_wants(ruleset: &Ruleset, change: &Change) -> bool {
    let ChangeState::Present(record) = &change.state else { return false };
    let row = ruleset.rules.layout.row(record, None);
    ruleset
        .rules
        .about(change.record.object, &change.record.connection)
        .any(|rule| rule.backlog == Backlog::AsIf && rule.start.is_none() && rule.when.eval(&row).holds())
}

/// Leaves out what lies before the state that is known, but for the value that held then.
fn trim(histories: Vec<FieldHistory>, since: Option<Instant>) -> Vec<FieldHistory> {
    let Some(since) = since else { return histories };
    let trimmed = histories.into_iter().map(|mut history| {
        let known = history.entries.iter().rposition(|(at, _)| *at <= since).unwrap_or(0);
        history.entries.drain(..known);
        history
    });
    trimmed.filter(|history| !history.entries.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dealclock_model::Value;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn history_before_the_known_state_is_left_out_but_for_the_value_that_held_then() {
        let entries = (0..5).map(|n| (at(n * 10), Value::text(n.to_string()))).collect();
        let trimmed = trim(vec![FieldHistory { field: "stage".into(), entries }], Some(at(25)));
        let times: Vec<_> = trimmed[0].entries.iter().map(|(at, _)| at.timestamp()).collect();
        assert_eq!(times, [20, 30, 40]);
    }
}
