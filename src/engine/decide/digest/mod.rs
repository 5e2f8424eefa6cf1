//! One reader of one digest: what there is to tell, when it is told, and what was told.

use dealclock_model::digest::DigestCase;
use dealclock_model::{Case, ConnectionId, DigestKey, Event, PersonId};

use super::{Decision, Desk, Draft};

/// Decides what follows from an event of a digest's reader.
pub(super) fn decide(
    desk: Desk<'_>,
    connection: &ConnectionId,
    digest: &DigestKey,
    person: &PersonId,
    case: &DigestCase,
    event: &Event,
) -> Decision {
    let _ = (connection, digest, person, event);
    Draft::default().conclude(Case::Digest(Box::new(case.clone())), None, desk.now)
}
