//! Granted checkboxes that are ticked while no grant is known: the CRM's own approval is read first, then they are set back.

use std::collections::BTreeMap;

use dealclock_model::case::{RecordCase, Tampering, TamperingState};
use dealclock_model::effect::{Channel, RecordUpdate, Subject};
use dealclock_model::request::NativeSeen;
use dealclock_model::{
    CaseId, Effect, EffectId, Entry, Fact, FieldName, Happened, Instant, Outcome, Record, RecordRef, Request,
    RequestState, RuleKey, Ruling, StepName, Value, What, Write,
};

use super::request::Hearing;
use super::{Desk, Draft};

/// The recipient slot of writes to the record itself.
const RECORD: &str = "record";

/// Looks at the granted checkbox of a rule's way out or an approval as it is since `at`.
///
/// Suspicious is a tick that is news: the box was not ticked before, or what it grants has only just begun (`fresh`). Our own
/// tick comes back while the request is granted; one that comes back while a write of ours is under way is none either.
pub(super) fn watch(
    hearing: &Hearing<'_>,
    case: &mut RecordCase,
    before: Option<&Record>,
    at: Instant,
    fresh: bool,
    out: &mut Draft,
) {
    let Some(field) = hearing.granted_as() else { return };
    let ticked = is_ticked(hearing.record, field);
    let suspected = case.tampering.get_mut(&hearing.key).filter(|known| known.state == TamperingState::Suspected);
    match suspected {
        Some(known) if !ticked => {
            known.state = TamperingState::Settled;
            let why =
                format!("`{field}` was ticked without a grant and cleared again before anything was done about it");
            out.journal.push(entry(hearing, 0, What::Tampered, why));
        }
        Some(_) => {}
        None => {
            let news = ticked && (fresh || before.is_none_or(|before| !is_ticked(before, field)));
            if news && !is_known(case.requests.get(&hearing.key)) {
                let count = case.tampering.get(&hearing.key).map_or(0, |known| known.count).saturating_add(1);
                let known = Tampering { count, since: at, state: TamperingState::Suspected };
                case.tampering.insert(hearing.key.clone(), known);
            }
        }
    }
}

/// Whether a tick is explained: by a grant, or by a write of ours that is still under way.
fn is_known(request: Option<&Request>) -> bool {
    request.is_some_and(|request| request.state == RequestState::Granted || !request.pending.is_empty())
}

fn is_ticked(record: &Record, field: &FieldName) -> bool {
    record.get(field.as_str()) == &Value::Bool(true)
}

/// What the CRM's own approval process says about a suspicion.
pub(super) enum Finding<'a> {
    /// There is nothing to look into, or the answer is older than the tick.
    Nothing,
    /// The process granted it: that is the decision.
    Granted(&'a NativeSeen),
    /// Nobody granted it.
    Unfounded,
}

/// What a look at the CRM says about a checkbox; `since` is when the clock or the request began.
pub(super) fn find<'n>(
    case: &RecordCase,
    key: &RuleKey,
    native: &'n [NativeSeen],
    since: Option<Instant>,
    as_of: Instant,
) -> Finding<'n> {
    let suspected = |known: &&Tampering| known.state == TamperingState::Suspected && known.since <= as_of;
    if case.tampering.get(key).filter(suspected).is_none() {
        return Finding::Nothing;
    }
    let approved =
        |run: &&NativeSeen| run.ruling == Some(Ruling::Approve) && since.is_none_or(|since| since <= run.submitted_at);
    native.iter().find(approved).map_or(Finding::Unfounded, Finding::Granted)
}

/// The suspicion was unfounded: the box is ticked because it was granted.
pub(super) fn acquit(case: &mut RecordCase, key: &RuleKey) {
    if let Some(known) = case.tampering.get_mut(key) {
        known.state = TamperingState::Settled;
    }
}

/// Sets the checkbox back, and says so.
pub(super) fn set_back(hearing: &Hearing<'_>, case: &mut RecordCase, out: &mut Draft) {
    let Some(field) = hearing.granted_as() else { return };
    let episode = episode(case, &hearing.key);
    let Some(known) = case.tampering.get_mut(&hearing.key) else { return };
    let step = StepName::from(format!("tampering-{}/revert", known.count));
    let subject = Subject::Record(hearing.id);
    let effect =
        EffectId::new(&hearing.id.connection, &hearing.key, subject, episode, 0, &step, RECORD, Channel::Record);
    known.state = TamperingState::Reverting { effect };
    let why = format!("`{field}` was ticked, and nobody had granted anything");
    out.journal.push(entry(hearing, episode, What::Tampered, why));
    let why = format!("`{field}` is cleared, unless somebody changes it before");
    let set_back =
        Entry { step: Some(step.clone()), effect: Some(effect), ..entry(hearing, episode, What::SetBack, why) };
    out.journal.push(set_back);
    out.facts.push(Fact {
        at: known.since,
        owner: hearing.record.owner.clone(),
        rule: Some(hearing.key.clone()),
        episode,
        what: Happened::Tampered,
    });
    out.effects.push(Effect {
        id: effect,
        case: CaseId::Record(hearing.id.clone()),
        rule: hearing.key.clone(),
        step,
        decided_at: hearing.desk.now,
        write: Write::UpdateRecord(RecordUpdate {
            record: hearing.id.clone(),
            expect: BTreeMap::from([(field.clone(), Value::Bool(true))]),
            set: BTreeMap::from([(field.clone(), Value::Bool(false))]),
        }),
    });
}

/// The episode that a rule's clock or an approval's request is in.
fn episode(case: &RecordCase, key: &RuleKey) -> u32 {
    let of_clock = case.clocks.get(key).map(|clock| clock.episode);
    of_clock.or(case.requests.get(key).map(|request| request.episode)).unwrap_or(0)
}

/// An effect has an outcome; whether it was one that sets a checkbox back.
pub(super) fn settle(
    desk: Desk<'_>,
    case: &mut RecordCase,
    effect: EffectId,
    outcome: &Outcome,
    out: &mut Draft,
) -> bool {
    let reverting = |known: &Tampering| known.state == TamperingState::Reverting { effect };
    let Some((key, known)) = case.tampering.iter_mut().find(|(_, known)| reverting(known)) else { return false };
    known.state = TamperingState::Settled;
    let (what, why) = match outcome {
        Outcome::Applied(receipt) if receipt.kept.is_empty() => (What::Applied, "the checkbox is cleared".to_owned()),
        Outcome::Applied(_) => (What::LeftAlone, "somebody had changed the checkbox again".to_owned()),
        Outcome::Refused { reason } => (What::Refused, reason.clone()),
    };
    let (rule, at) = (Some(key.clone()), desk.now);
    let step = Some(StepName::from(format!("tampering-{}/revert", known.count)));
    out.journal.push(Entry { at, rule, episode: effect.episode(), step, effect: Some(effect), what, why });
    true
}

/// The rule or approval is no more: nothing is looked into.
pub(super) fn drop_unknown(desk: Desk<'_>, id: &RecordRef, record: &Record, case: &mut RecordCase) {
    for (key, known) in &mut case.tampering {
        if known.state == TamperingState::Suspected && Hearing::of_key(desk, id, record, key).is_none() {
            known.state = TamperingState::Settled;
        }
    }
}

fn entry(hearing: &Hearing<'_>, episode: u32, what: What, why: String) -> Entry {
    let rule = Some(hearing.key.clone());
    Entry { at: hearing.desk.now, rule, episode, step: None, effect: None, what, why }
}
