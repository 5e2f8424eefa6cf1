//! Turns a batch into rows, checks what it relies on, and writes it.

use std::collections::BTreeSet;

use dealclock_model::{CaseId, EffectId, Instant, PersonId};

use crate::batch::{Change, Operation, split_persons};
use crate::key::{Key, Table, instant_bytes, instant_from};
use crate::outbox::Delivery;
use crate::plan::Plan;
use crate::read::Rows;
use crate::{Committed, Expectation, Result, Seq, StoreError, facts, hints, replays, watched};

/// Plans every change of a batch in order.
pub(crate) fn plan(rows: &Rows, plan: &mut Plan<'_>, operations: Vec<Operation>) -> Result<Committed> {
    let mut committed = Committed::default();
    for operation in operations {
        apply(rows, plan, operation, &mut committed)?;
    }
    Ok(committed)
}

fn apply(rows: &Rows, plan: &mut Plan<'_>, operation: Operation, committed: &mut Committed) -> Result<()> {
    match operation {
        Operation::ExpectMeta { name, body } => {
            let found = plan.body(&Key::new(Table::Meta).text(&name))?;
            if found == body { Ok(()) } else { Err(StoreError::Unexpected(Expectation::MetaIs(name))) }
        }
        Operation::PutCase { id, persons, watched, body } => {
            watched::mark(plan, &id, watched)?;
            put_case(rows, plan, &id, persons, &body)
        }
        Operation::PutEvent { body } => {
            let seq = plan.number()?;
            committed.events.push(Seq(seq));
            plan.put_new(Key::new(Table::Inbox).number(seq), &body)
        }
        Operation::TakeEvent { seq } => {
            let key = Key::new(Table::Inbox).number(seq.0);
            if plan.value(key.as_bytes())?.is_none() {
                return Err(StoreError::Unexpected(Expectation::EventWaits(seq)));
            }
            plan.remove(key)
        }
        Operation::SetTimer { case, due } => set_timer(rows, plan, &case, due),
        // Law 7: an id that waits or was settled is never taken again.
        Operation::PutEffect { id, lane, not_before, body } => {
            if let Some(known) = delivery(plan, &id)? {
                committed.known.push(id);
                // Decided again after all: it is no longer to go when its attempt wrote nothing.
                let revived = Delivery { superseded: false, ..known };
                return put_delivery(plan, &id, &revived);
            }
            if plan.value(Key::new(Table::Settled).effect(&id).as_bytes())?.is_some() {
                committed.known.push(id);
                return Ok(());
            }
            let seq = plan.number()?;
            let delivery = Delivery {
                lane,
                seq,
                attempts: 0,
                begun: false,
                superseded: false,
                not_before,
                locked: None,
                parked: None,
                note: None,
            };
            plan.put_new(Key::new(Table::Effect).effect(&id), &body)?;
            put_delivery(plan, &id, &delivery)
        }
        Operation::ChangeDelivery { id, change } => {
            let before = waiting(plan, &id)?;
            if before.superseded && matches!(change, Change::Release { .. } | Change::Lock { .. }) {
                return remove_entry(plan, &id, &before);
            }
            remove_indexes(plan, &id, &before)?;
            put_delivery(plan, &id, &changed(before, change))
        }
        Operation::SettleEffect { id, body } => {
            let delivery = waiting(plan, &id)?;
            remove_entry(plan, &id, &delivery)?;
            plan.put_new(Key::new(Table::Settled).effect(&id), &body)
        }
        Operation::RemoveEffect { id } => match delivery(plan, &id)? {
            Some(delivery) if delivery.begun => {
                committed.kept.push(id);
                put_delivery(plan, &id, &Delivery { superseded: true, ..delivery })
            }
            Some(delivery) => remove_entry(plan, &id, &delivery),
            None => Ok(()),
        },
        Operation::AppendJournal { case, body } => {
            let seq = plan.number()?;
            plan.put_new(Key::new(Table::Journal).case(&case).number(seq), &body)
        }
        Operation::AppendFact { connection, at, body } => facts::append(plan, &connection, at, &body),
        Operation::PutMeta { name, body } => {
            let key = Key::new(Table::Meta).text(&name);
            match body {
                Some(body) => plan.put(key, &body),
                None => plan.remove(key),
            }
        }
        Operation::PutHint { connection, text } => hints::put(plan, &connection, &text),
        Operation::TakeHint { connection, hint } => hints::take(plan, &connection, &hint),
        Operation::PutReplay { connection, key, at } => replays::put(plan, &connection, &key, at),
        Operation::ForgetReplay(replay) => replays::forget(plan, &replay),
        Operation::Unlock { case, now } => unlock(rows, plan, &case, now, committed),
    }
}

fn put_case(rows: &Rows, plan: &mut Plan<'_>, id: &CaseId, persons: Vec<PersonId>, body: &[u8]) -> Result<()> {
    let key = Key::new(Table::Case).case(id);
    let old = match plan.body(&key)? {
        Some(old) => split_persons(&old).ok_or_else(|| rows.damaged("a case cannot be read"))?.0,
        None => Vec::new(),
    };
    if old != persons {
        let old: BTreeSet<PersonId> = old.into_iter().collect();
        let new: BTreeSet<PersonId> = persons.into_iter().collect();
        for person in old.difference(&new) {
            plan.remove_index(naming_key(id, person));
        }
        for person in new.difference(&old) {
            plan.put_new(naming_key(id, person), &[])?;
        }
    }
    plan.put(key, body)
}

fn naming_key(id: &CaseId, person: &PersonId) -> Key {
    Key::new(Table::Naming).text(id.connection().as_str()).text(person.as_str()).case(id)
}

fn set_timer(rows: &Rows, plan: &mut Plan<'_>, case: &CaseId, due: Option<Instant>) -> Result<()> {
    let wake = Key::new(Table::Wake).case(case);
    let old = match plan.body(&wake)? {
        Some(bytes) => {
            let instant = bytes.try_into().ok().and_then(instant_from);
            Some(instant.ok_or_else(|| rows.damaged("a timer cannot be read"))?)
        }
        None => None,
    };
    if old == due {
        return Ok(());
    }
    if let Some(old) = old {
        plan.remove_index(timer_key(case, old));
    }
    match due {
        Some(due) => {
            plan.put_new(timer_key(case, due), &[])?;
            plan.put_new(wake, &instant_bytes(due))
        }
        None => {
            plan.remove_index(wake);
            Ok(())
        }
    }
}

fn timer_key(case: &CaseId, due: Instant) -> Key {
    Key::new(Table::Timer).text(case.connection().as_str()).instant(due).case(case)
}

fn delivery(plan: &Plan<'_>, id: &EffectId) -> Result<Option<Delivery>> {
    plan.json(&Key::new(Table::Delivery).effect(id))
}

fn waiting(plan: &Plan<'_>, id: &EffectId) -> Result<Delivery> {
    delivery(plan, id)?.ok_or(StoreError::Unexpected(Expectation::EffectWaits(*id)))
}

pub(crate) fn put_delivery(plan: &mut Plan<'_>, id: &EffectId, delivery: &Delivery) -> Result<()> {
    plan.put_json(&Key::new(Table::Delivery).effect(id), "a delivery", delivery)?;
    if let Some(case) = &delivery.locked {
        plan.put_new(locked_key(case, id), &[])?;
    }
    if delivery.parked.is_none() { plan.index_delivery(id, delivery, true) } else { Ok(()) }
}

fn remove_entry(plan: &mut Plan<'_>, id: &EffectId, delivery: &Delivery) -> Result<()> {
    remove_indexes(plan, id, delivery)?;
    plan.remove(Key::new(Table::Delivery).effect(id))?;
    plan.remove(Key::new(Table::Effect).effect(id))
}

/// Removes the rows by which a delivery is found: by its time, and by the record that it waits for.
fn remove_indexes(plan: &mut Plan<'_>, id: &EffectId, delivery: &Delivery) -> Result<()> {
    if let Some(case) = &delivery.locked {
        plan.remove_index(locked_key(case, id));
    }
    plan.index_delivery(id, delivery, false)
}

fn locked_key(case: &CaseId, id: &EffectId) -> Key {
    Key::new(Table::Locked).case(case).effect(id)
}

/// Makes ready what waits for a case's record.
fn unlock(rows: &Rows, plan: &mut Plan<'_>, case: &CaseId, now: Instant, committed: &mut Committed) -> Result<()> {
    for id in rows.locked(case)? {
        let Some(before) = delivery(plan, &id)?.filter(|delivery| delivery.locked.is_some()) else { continue };
        remove_indexes(plan, &id, &before)?;
        put_delivery(plan, &id, &Delivery { not_before: now, locked: None, ..before })?;
        committed.unlocked.push(id);
    }
    Ok(())
}

fn changed(before: Delivery, change: Change) -> Delivery {
    let free = Delivery { locked: None, ..before };
    match change {
        Change::Begin => Delivery { attempts: free.attempts.saturating_add(1), begun: true, ..free },
        Change::Defer { not_before, note } => Delivery { not_before, note: Some(note), parked: None, ..free },
        Change::Release { not_before, note } => {
            Delivery { not_before, note: Some(note), parked: None, begun: false, ..free }
        }
        Change::Park { reason } => Delivery { parked: Some(reason), ..free },
        Change::Lock { case, not_before, note } => {
            Delivery { not_before, note: Some(note), parked: None, begun: false, locked: Some(case), ..free }
        }
    }
}
