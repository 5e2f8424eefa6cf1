//! Digests and reports: what a reader was told, and what is still to be told.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::case::TaskMemo;
use crate::effect::Channel;
use crate::{DigestKey, EffectId, Instant, PersonId, RecordRef, RuleKey, SlotName};

/// One thing that a digest tells, told again when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What makes it the same thing when it is told again.
    pub key: NoticeKey,
    /// How it stands now.
    pub state: NoticeState,
    /// Since when there is something to tell, by the CRM's time: the deadline, the opening of the request, the tampering.
    pub since: Instant,
    /// When it came to stand as it does.
    pub at: Instant,
    /// The record's owner it is about: at the deadline for a violation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// Who owned the record before, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_owner: Option<PersonId>,
    /// The record's name.
    pub name: String,
    /// Where a person opens the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The record's amount in home currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal>,
    /// Whether it reaches the reader at once as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// The reason that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// One more sentence: why a violation was withdrawn, who decided, the share at the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What makes a notice the same one when it is told again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NoticeKey {
    /// The rule, or `approval/<key>`.
    pub rule: RuleKey,
    /// What kind of thing it is; digests list them in this order.
    pub kind: NoticeKind,
    /// The record; `None` for a rep at the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordRef>,
    /// The person, for a rep at the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The episode; the count of tamperings for one.
    pub episode: u32,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A violation that belongs to the owner.
    Violation,
    /// A violation that no reminder of the episode had preceded.
    NotEnforceable,
    /// A request that waits for a decision.
    Request,
    /// A granted checkbox that was ticked without a grant.
    Tampering,
    /// A rep whose Complex share has reached the mark.
    Mark,
}

/// How a notice stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Still to be dealt with.
    Open,
    /// Done, decided, or no longer there.
    Settled,
    /// Taken back: it was never so.
    Withdrawn,
}

/// A reason as it stands on a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The value of the picklist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picklist: Option<String>,
    /// The rep's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl Reason {
    /// Whether neither a value nor words stand there.
    pub fn is_empty(&self) -> bool {
        self.picklist.is_none() && self.text.is_none()
    }
}

/// A notice as a record's case posted it last, so that the same is not told again and what becomes of it reaches those
/// who were told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The digest.
    pub digest: DigestKey,
    /// Who was told; nobody while nobody is there to be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<PersonId>,
    /// What was told.
    pub notice: Notice,
}

/// One reader of one digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestCase {
    /// What there is to tell, and what was told and is still open. A JSON list, since its keys are no text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Told>,
    /// How many more there are than are kept in detail, by rule.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unlisted: BTreeMap<RuleKey, u32>,
    /// The local date of the last digest that was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<NaiveDate>,
    /// When the next is due, by the digest's plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Instant>,
    /// When the urgent notices that wait are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent_at: Option<Instant>,
    /// How many urgent messages were sent, so that each has its own effect id.
    #[serde(default)]
    pub urgent_count: u32,
    /// Digests on their way: each holds what it tells until its outcome is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sending: BTreeMap<EffectId, NaiveDate>,
    /// Tasks that carry a digest, until they are completed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<EffectId, TaskMemo>,
    /// The fingerprint of the digest that planned `next`.
    #[serde(default)]
    pub digest_version: u64,
}

/// A notice with what the reader knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The notice as it stands now.
    pub notice: Notice,
    /// The state that a digest told last, delivered or on its way; `None` while it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<NoticeState>,
    /// The local date of the digest that told it, until it is delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_digest: Option<NaiveDate>,
    /// What was told before that digest; it counts again when the digest cannot be delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_before: Option<NoticeState>,
    /// It was sent at once as an urgent one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sent_urgently: bool,
}

/// One report on one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportCase {
    /// The local date of the last that was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<NaiveDate>,
    /// How many were delivered.
    #[serde(default)]
    pub made: u32,
    /// The reps who were at the mark in the last one, as the readers of digests were told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Notice>,
}

/// A report that was made, to be delivered to its readers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The first local date that it is about.
    pub from: NaiveDate,
    /// The last local date that it is about.
    pub to: NaiveDate,
    /// The local date for which it was due.
    pub due: NaiveDate,
    /// Its title.
    pub title: String,
    /// What it says, in a few lines.
    pub summary: Vec<String>,
    /// Where its files stand.
    pub files: Vec<String>,
    /// Who gets it, by role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<SlotName>,
    /// How it reaches them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Channel>,
    /// The reps at the mark, where it has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<AtMark>,
}

/// A rep at the mark of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtMark {
    /// The rep.
    pub person: PersonId,
    /// The share with its cases and the period.
    pub detail: String,
}
