//! The CRM's own approval process: hand a record in, see how it stands, decide where we may.

use async_trait::async_trait;
use dealclock_model::effect::Submission;
use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::{EffectId, Instant, PersonId, RecordRef, Ruling};
use serde::{Deserialize, Serialize};

use crate::{Problem, Result};

/// How a handed-in record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Somebody has still to decide.
    Pending,
    /// Granted.
    Approved,
    /// Refused.
    Rejected,
    /// Taken back.
    Recalled,
}

/// One run of an approval process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeApproval {
    /// The CRM's id of the run.
    pub id: String,
    /// The record.
    pub record: RecordRef,
    /// The effect that handed it in, where it was one of ours.
    #[serde(default)]
    pub effect: Option<EffectId>,
    /// How it stands.
    pub standing: Standing,
    /// Whose decision is open, in order; empty once decided.
    pub waiting: Vec<WorkItem>,
    /// Who decided last, and what they said.
    pub decided_by: Option<PersonId>,
    /// The last comment.
    pub comment: Option<String>,
    /// When it was handed in.
    pub submitted_at: Instant,
    /// When it was decided.
    pub completed_at: Option<Instant>,
}

/// A decision that somebody has still to take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    /// The CRM's id of it.
    pub id: String,
    /// Who is asked: a person, or a queue.
    pub actor: PersonId,
}

/// An optional ability: the CRM's own approval process.
#[async_trait]
pub trait NativeApprovals: Send + Sync {
    /// Hands a record in. Not idempotent: after [`ErrorKind::Unknown`](crate::ErrorKind::Unknown), `observe` first; the
    /// effect's id is put into the comment, so that the run is recognised. A record that is in an open run of the same rule
    /// already is handed in.
    async fn submit(&self, id: &EffectId, submission: &Submission) -> Result<NativeApproval>;

    /// The runs of some records, in the order asked, the newest first.
    async fn observe(&self, records: &[RecordRef]) -> Result<Vec<Vec<NativeApproval>>>;

    /// Decides an open item; refused with a clear message unless the integration's own user is asked there.
    async fn decide(&self, item: &WorkItem, ruling: Ruling, comment: &str) -> Result<NativeApproval>;
}

impl NativeApproval {
    /// What the engine is told of the run.
    pub fn seen(&self) -> NativeSeen {
        NativeSeen {
            id: self.id.clone(),
            effect: self.effect,
            ruling: match self.standing {
                Standing::Approved => Some(Ruling::Approve),
                Standing::Rejected => Some(Ruling::Reject),
                Standing::Pending | Standing::Recalled => None,
            },
            by: self.decided_by.clone(),
            comment: self.comment.clone(),
            submitted_at: self.submitted_at,
            decided_at: self.completed_at,
        }
    }
}

/// What an approver says by a value of the field in which tasks are decided.
///
/// `None` for a value that is none of them: whoever wrote it has decided nothing.
pub fn ruling(outcome: &str) -> Option<Ruling> {
    const WORDS: [(&str, Ruling); 3] =
        [("approved", Ruling::Approve), ("refused", Ruling::Reject), ("rejected", Ruling::Reject)];
    WORDS.into_iter().find(|(word, _)| outcome.trim().eq_ignore_ascii_case(word)).map(|(_, ruling)| ruling)
}

/// An optional ability: tasks with a field in which a person says what they decide.
#[async_trait]
pub trait Outcomes: Send + Sync {
    /// Tasks of ours as they stand now, by their ids, in the order asked; `None` for one that is gone. Not from a search
    /// index.
    async fn look(&self, tasks: &[String]) -> Result<Vec<Option<TaskSeen>>>;

    /// What keeps people from deciding in tasks now, such as a field that was not made yet. Asked only where a rule lets
    /// them.
    async fn hindrance(&self) -> Result<Option<Problem>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_in_any_case_and_another_value_decides_nothing() {
        let check = |text: &str, expected| assert_eq!(ruling(text), expected, "{text}");
        check("approved", Some(Ruling::Approve));
        check("Refused ", Some(Ruling::Reject));
        check("Rejected", Some(Ruling::Reject));
        check("maybe", None);
        check("", None);
    }
}
