//! What others had sent: records merged into this one, and a store that was lost.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_model::case::{Clock, Gone, RecordCase, Sending, StepFate, StepState};
use dealclock_model::effect::{Channel, Subject, TaskFields, TaskStatus};
use dealclock_model::{CaseId, EffectId, Entry, Event, Instant, RecordId, RecordRef, RuleKey, What};

use super::clock::note;
use super::matter::{Matter, sending};
use super::plan::is_current;
use super::{Draft, tasks};
use crate::rules::Slot;

/// The steps that a record's clocks had sent, by rule, for the record that it was merged into.
pub(super) fn sent(case: &RecordCase) -> BTreeMap<RuleKey, BTreeSet<Sending>> {
    let of_clock = |clock: &Clock| {
        let sent = clock.steps.iter().filter(|state| state.fate.is_sent());
        sent.map(|state| state.sending.clone()).collect::<BTreeSet<_>>()
    };
    let clocks = case.clocks.iter().map(|(rule, clock)| (rule.clone(), of_clock(clock)));
    clocks.filter(|(_, sent)| !sent.is_empty()).collect()
}

/// Takes note of what a merged record had sent: now where a clock runs that sent nothing itself, else when one begins.
pub(super) fn absorb(
    id: &RecordRef,
    case: &mut RecordCase,
    loser: &RecordId,
    sent: &BTreeMap<RuleKey, BTreeSet<Sending>>,
    now: Instant,
    out: &mut Draft,
) {
    if let Some(Gone::Merged(into)) = &case.gone {
        let survivor = CaseId::Record(RecordRef { id: into.clone(), ..id.clone() });
        out.posts.push((survivor, Event::Absorbed { loser: loser.clone(), sent: sent.clone() }));
        return;
    }
    for (rule, sendings) in sent {
        match case.clocks.get_mut(rule) {
            Some(clock) if clock.state.is_live() => mark(rule, clock, sendings, now, out),
            Some(_) => {}
            None if case.record.is_none() => {
                case.absorbed.entry(rule.clone()).or_default().extend(sendings.iter().cloned());
            }
            None => {}
        }
    }
}

/// A clock begins on a record that another one with sent steps was merged into.
pub(super) fn note_absorbed(m: &Matter<'_>, case: &mut RecordCase, clock: &mut Clock, out: &mut Draft) {
    if let Some(sendings) = case.absorbed.remove(&m.rule.key) {
        mark(&m.rule.key, clock, &sendings, m.now(), out);
    }
}

fn mark(rule: &RuleKey, clock: &mut Clock, sendings: &BTreeSet<Sending>, now: Instant, out: &mut Draft) {
    if clock.steps.iter().any(|state| state.fate.is_sent()) {
        return;
    }
    for sending in sendings {
        out.journal.push(Entry {
            at: now,
            rule: Some(rule.clone()),
            episode: clock.episode,
            step: Some(sending.step.clone()),
            effect: None,
            what: What::Absorbed,
            why: "a record that was merged into this one had sent it".to_owned(),
        });
        clock.asked.retain(|_, reminder| reminder.sending != *sending);
        note(clock, StepState { sending: sending.clone(), at: now, fate: StepFate::Absorbed });
    }
}

/// A clock begins on a record whose earlier reminders were read back from the CRM after the store was lost.
///
/// On a first evaluation the earlier episode goes on; a later entry is a new one.
pub(super) fn note_recovered(m: &Matter<'_>, case: &mut RecordCase, clock: &mut Clock, first: bool, out: &mut Draft) {
    let keys = take_keys(m, case);
    let Some(last) = keys.keys().map(EffectId::episode).max() else { return };
    clock.episode = clock.episode.max(if first { last } else { last.saturating_add(1) });
    adopt(m, clock, &keys, out);
}

/// Takes note of recovered keys where clocks run already.
pub(super) fn recover(m: &Matter<'_>, case: &mut RecordCase, out: &mut Draft) {
    let Some(mut clock) = case.clocks.remove(&m.rule.key) else { return };
    let keys = take_keys(m, case);
    if let Some(last) = keys.keys().map(EffectId::episode).max() {
        clock.episode = clock.episode.max(last);
        adopt(m, &mut clock, &keys, out);
    }
    case.clocks.insert(m.rule.key.clone(), clock);
}

fn take_keys(m: &Matter<'_>, case: &mut RecordCase) -> BTreeMap<EffectId, String> {
    let part = EffectId::clock_part(&m.id.connection, &m.rule.key, Subject::Record(m.id));
    let ours = |effect: &EffectId| effect.is_of(part);
    let keys: BTreeMap<_, _> =
        case.recovered.iter().filter(|(effect, _)| ours(effect)).map(|(effect, id)| (*effect, id.clone())).collect();
    case.recovered.retain(|effect, _| !ours(effect));
    keys
}

/// Marks the steps whose keys were found as sent, and looks after their tasks' status again.
fn adopt(m: &Matter<'_>, clock: &mut Clock, keys: &BTreeMap<EffectId, String>, out: &mut Draft) {
    let rounds: BTreeSet<u32> =
        keys.keys().filter(|effect| effect.episode() == clock.episode).map(EffectId::round).collect();
    // A round that the store remembers is no earlier one, whatever stands in the CRM. Where the store was lost, what any round
    // sent counts as sent: a decision about a request that is heard of again plans what lies ahead anew.
    let Some(last) = rounds.last().copied().map(|last| last.max(clock.round)) else { return };
    let slots = [Slot::Owner, Slot::Manager, Slot::ManagersManager];
    for remind in &m.rule.remind {
        for (slot, round) in slots.into_iter().flat_map(|slot| rounds.iter().map(move |round| (slot, *round))) {
            clock.round = round;
            let effect = m.effect_id(clock, &remind.name, slot.as_str(), Channel::Task);
            let Some(task) = keys.get(&effect) else { continue };
            let sending = sending(&remind.name, slot);
            if is_current(clock, effect) {
                note(clock, StepState { sending: sending.clone(), at: m.now(), fate: StepFate::Fired });
            }
            let status = TaskFields { status: Some(TaskStatus::Open), ..TaskFields::default() };
            let memo = clock.tasks.entry(effect).or_insert_with(|| tasks::new_memo(sending, status));
            memo.id.get_or_insert_with(|| task.clone());
            let mut entry = m.step_entry(
                clock,
                &remind.name,
                What::Recovered,
                "its task was found in the CRM; it is not sent again",
            );
            entry.effect = Some(effect);
            out.journal.push(entry);
        }
    }
    clock.round = last;
}
