//! From a record to the readers of digests: what they are told, and told again when it changes.

use dealclock_model::case::RecordCase;
use dealclock_model::digest::Notice;
use dealclock_model::{ConnectionId, PersonId, RecordRef};

use super::{Desk, Draft};
use crate::rules::Digest;

/// Tells the readers of digests what is to be told about a record now and was not told yet: violations, what became of
/// them, requests that wait, tampering.
///
/// It compares the case with what it posted last, so that nothing else has to remember to tell anything. Called after
/// each state that the record was in (at the end of `arrive`), and once more at the end of every sitting; each time after
/// [`reason::attend`](super::reason::attend).
pub(super) fn tell(desk: Desk<'_>, id: &RecordRef, case: &mut RecordCase, out: &mut Draft) {
    let _ = (desk, id, case, out);
}

/// Posts one notice to the readers of a digest; who they are.
pub(super) fn post(
    desk: Desk<'_>,
    connection: &ConnectionId,
    digest: &Digest,
    notice: &Notice,
    out: &mut Draft,
) -> Vec<PersonId> {
    let _ = (desk, connection, digest, notice, out);
    Vec::new()
}
