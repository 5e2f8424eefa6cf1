//! Writes that were refused and records that cannot be judged: told in the log, and counted so that `status` shows them.

use std::collections::BTreeMap;

use dealclock_model::{Case, CaseId, ConnectionId, Effect, Instant, Write};
use dealclock_store::{Batch, StoreError};
use serde::{Deserialize, Serialize};

use super::{Connection, Runtime, names};

/// How often something went wrong with one record on a connection, and with which it did last; durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mishaps {
    /// How many: of refused writes since the store began, of records that cannot be judged now.
    pub count: u64,
    /// When it happened last.
    pub at: Instant,
    /// The record, as `dealclock explain` takes it.
    pub record: String,
    /// Why, as a sentence's part.
    pub reason: String,
}

impl Mishaps {
    /// One more.
    fn another(known: Option<Mishaps>, case: &CaseId, reason: &str, at: Instant) -> Mishaps {
        let count = known.map_or(0, |known| known.count) + 1;
        Mishaps { count, at, record: case.to_string(), reason: reason.to_owned() }
    }
}

/// Whether something is lost with a write that is refused. A task that a person deleted cannot be changed any more, and
/// nothing is lost with that.
fn is_lost(effect: &Effect) -> bool {
    match effect.write {
        Write::CreateTask(_)
        | Write::UpdateRecord(_)
        | Write::SendEmail(_)
        | Write::SubmitApproval(_)
        | Write::Notify(_)
        | Write::SendCrmEmail(_) => true,
        Write::UpdateTask(_) => false,
    }
}

/// Tells the log that a write was refused for good.
pub(super) fn tell_refused(effect: &Effect, reason: &str) {
    let (connection, record) = (effect.case.connection(), &effect.case);
    if is_lost(effect) {
        tracing::warn!(%connection, %record, rule = %effect.rule, step = %effect.step, "a write was refused: {reason}");
    } else {
        tracing::info!(%connection, %record, rule = %effect.rule, step = %effect.step, "a change of a task was refused: {reason}");
    }
}

impl Runtime {
    /// Counts writes that were refused, in the batch that settles them.
    pub(super) fn count_refused<'a>(
        &self,
        connection: &Connection,
        refused: impl IntoIterator<Item = (&'a Effect, &'a str)>,
        now: Instant,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let name = names::refused(connection.id());
        let mut refused = refused.into_iter().filter(|(effect, _)| is_lost(effect)).peekable();
        if refused.peek().is_none() {
            return Ok(());
        }
        let known: Option<Mishaps> = self.store.meta(&name)?;
        let all = refused.fold(known, |known, (effect, why)| Some(Mishaps::another(known, &effect.case, why, now)));
        batch.put_meta(&name, &all);
        Ok(())
    }

    /// Counts records that came to be judged or not any more, in the batch of the decision.
    pub(super) fn count_parked(&self, turns: Turns, now: Instant, batch: &mut Batch) -> Result<(), StoreError> {
        for (connection, turns) in turns.0 {
            let name = names::parked(&connection);
            let mut known: Option<Mishaps> = self.store.meta(&name)?;
            for turn in turns {
                known = match turn {
                    Turn::Parked { case, reason } => {
                        let all = Mishaps::another(known, &case, &reason, now);
                        // A wrong mapping parks every record at once; the log need not hold them all.
                        if all.count.is_power_of_two() {
                            let (record, parked) = (&all.record, all.count);
                            tracing::warn!(%connection, %record, parked, "a record cannot be judged: {reason}");
                        }
                        Some(all)
                    }
                    Turn::Judged => known
                        .map(|known| Mishaps { count: known.count.saturating_sub(1), ..known })
                        .filter(|known| known.count > 0),
                };
            }
            match known {
                Some(known) => batch.put_meta(&name, &known),
                None => batch.remove_meta(&name),
            };
        }
        Ok(())
    }
}

/// Records that came to be judged, or not any more, with decisions that are not committed yet.
#[derive(Default)]
pub(super) struct Turns(BTreeMap<ConnectionId, Vec<Turn>>);

enum Turn {
    Parked { case: CaseId, reason: String },
    Judged,
}

impl Turns {
    /// Takes note of what a decision changed.
    pub(super) fn note(&mut self, id: &CaseId, before: &Case, after: &Case) {
        let turn = match (parked(before), parked(after)) {
            (None, Some(reason)) => Turn::Parked { case: id.clone(), reason: reason.to_owned() },
            (Some(_), None) => Turn::Judged,
            (None, None) | (Some(_), Some(_)) => return,
        };
        self.0.entry(id.connection().clone()).or_default().push(turn);
    }
}

/// Why a record that is there cannot be judged.
fn parked(case: &Case) -> Option<&str> {
    let case = case.as_record().filter(|case| case.gone.is_none())?;
    case.record.as_ref()?.parked.as_deref()
}
