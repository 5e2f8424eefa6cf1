//! Asking for reasons: why a deadline passed, or why more time is wanted.

use dealclock_model::case::RecordCase;
use dealclock_model::{EffectId, Instant, Outcome, RecordRef};

use super::{Desk, Draft};

/// Asks for the reasons that are missing, takes note of those that were given, and ends what is asked for nothing.
///
/// Called after each state that the record was in (at the end of `arrive`), and once more at the end of every sitting.
pub(super) fn attend(desk: Desk<'_>, id: &RecordRef, case: &mut RecordCase, out: &mut Draft) {
    let _ = (desk, id, case, out);
}

/// An effect has an outcome; whether it was one of a task that asks for a reason. Called where effects settle.
pub(super) fn settle(
    desk: Desk<'_>,
    id: &RecordRef,
    case: &mut RecordCase,
    effect: EffectId,
    outcome: &Outcome,
    out: &mut Draft,
) -> bool {
    let _ = (desk, id, case, effect, outcome, out);
    false
}

/// When a reason is asked for again. Part of the record's next wake-up.
pub(super) fn next_at(case: &RecordCase) -> Option<Instant> {
    case.reasons.values().filter_map(|reason| reason.again_at).min()
}
