//! What an audit finds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The result of an audit.
///
/// As long as nothing is wrong, `reminders_created` equals `reminders_due`; else the difference is made of the
/// duplicate, missing, unexpected and listed ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    /// Reminders that had to come, and those of the borderline ones that came.
    pub reminders_due: u64,
    /// Reminder tasks that were ever created, deleted ones included.
    pub reminders_created: u64,
    /// Tasks beyond the first for one reminder.
    pub reminders_duplicate: u64,
    /// Reminders that had to come and never did.
    pub reminders_missing: u64,
    /// Tasks for reminders that were not due.
    pub reminders_unexpected: u64,
    /// Reminders that came, but after the grace; they are not counted as missing.
    pub reminders_late: u64,
    /// Reminders that stand in a person's list of the day instead of a task of their own.
    pub reminders_listed: u64,
    /// Reminders for which coming and not coming are both right, since something changed about the time they were due.
    pub borderline: u64,
    /// Reminder tasks that were completed by the daemon, not by a person.
    pub tasks_completed: u64,
    /// Tasks that are open although their work is done, their clock is over, or a later reminder has come.
    pub tasks_left_open: u64,
    /// Violations that must have been noticed.
    pub violations: u64,
    /// Further violations that may have been noticed: at the very end, or where it is not known from which day to count.
    pub violations_borderline: u64,
    /// Every violation, the borderline ones included, in order of time.
    pub violated: Vec<ViolationFound>,
    /// What became of requests.
    #[serde(default)]
    pub requests: RequestsFound,
    /// Everything that is wrong, and every borderline case.
    pub details: Vec<Finding>,
}

impl AuditReport {
    /// Whether nothing is wrong: no reminder twice, missing, unexpected or late, no task left open.
    pub fn is_clean(&self) -> bool {
        self.details.iter().all(|finding| finding.what.is_harmless())
    }

    /// The findings that are wrong, without the borderline cases.
    pub fn faults(&self) -> impl Iterator<Item = &Finding> {
        self.details.iter().filter(|finding| !finding.what.is_harmless())
    }
}

/// What became of requests for more time, and of discounts, by the checkboxes of the deals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestsFound {
    /// How often somebody waited for a decision.
    pub asked: u64,
    /// Grants that the daemon ticked.
    pub granted: u64,
    /// Requests that the daemon cleared, since they were refused or nobody decided.
    pub refused: u64,
    /// Grants that a person had ticked and the daemon set back.
    pub set_back: u64,
    /// Requests about which the first word was a decision in the CRM's own approval process.
    #[serde(default)]
    pub decided_in_process: u64,
    /// Discounts whose approval the daemon ticked.
    #[serde(default)]
    pub discounts_granted: u64,
    /// Those of them that took two people.
    #[serde(default)]
    pub discounts_granted_twice: u64,
}

/// A violation of the rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationFound {
    /// The deal, by id.
    pub deal: String,
    /// When it happened.
    pub at: DateTime<Utc>,
    /// The owner id of whose deal it was, if it was anybody's.
    pub owner: Option<String>,
    /// Whether a reminder of the episode had reached that owner.
    pub reminded: bool,
    /// Whether it is one of the borderline ones.
    pub borderline: bool,
}

/// One thing that an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is the matter.
    pub what: Matter,
    /// The deal, by id, where it is known.
    pub deal: Option<String>,
    /// The step, by name, where it is known.
    pub step: Option<String>,
    /// When the reminder was due, where it was.
    pub due: Option<DateTime<Utc>>,
    /// The task, by id, where there is one.
    pub task: Option<String>,
}

/// What may be the matter with a reminder or its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// A second task for the same reminder.
    Duplicate,
    /// No task for a reminder that was due.
    Missing,
    /// A task for a reminder that was not due.
    Unexpected,
    /// A task that came after the grace.
    Late,
    /// A task given to somebody else than the reminder's recipient.
    WrongRecipient,
    /// A task that is due on another day than the last one in time.
    WrongDueDate,
    /// A task that still belongs to the previous owner.
    NotHandedOver,
    /// A task that should have been completed.
    LeftOpen,
    /// A task that was completed although its clock still ran.
    ClosedTooEarly,
    /// An open task that still shows the deadline before a decision.
    DueNotMoved,
    /// A request that nobody was asked to decide.
    NotAsked,
    /// Somebody was asked twice for one decision.
    AskedTwice,
    /// A grant that the daemon ticked although nobody had decided so.
    GrantedUndecided,
    /// A grant that a person ticked and that still stands.
    TamperingStands,
    /// A request that was not handed in at the CRM's own approval process.
    NotHandedIn,
    /// A request that was handed in there twice.
    HandedInTwice,
    /// A deal that was handed in there although nobody asked, or after the end of what was asked.
    HandedInUnasked,
    /// A decision in that process that changed nothing on the deal.
    DecisionUnheeded,
    /// A second digest for one reader on one day.
    DigestTwice,
    /// A task of a rule that is on trial only.
    FromTrial,
    /// Nothing wrong: the reminder stands in the person's list of the day.
    Listed,
    /// Nothing wrong: something changed about the time the reminder was due, and it came.
    BorderlineSent,
    /// Nothing wrong: something changed about the time the reminder was due, and it did not come.
    BorderlineNotSent,
}

impl Matter {
    /// Whether it is no fault.
    pub fn is_harmless(self) -> bool {
        matches!(self, Matter::Listed | Matter::BorderlineSent | Matter::BorderlineNotSent)
    }
}
