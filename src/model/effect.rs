//! What the engine wants written to the world, and the identity that makes each write happen once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{CaseId, ConnectionId, FieldName, Instant, PersonId, RecordRef, RuleKey, StepName, Value};

/// The identity of an effect, and the key under which the CRM holds what it made.
///
/// Two hashes with the episode and round between them, legible on purpose: after the store was lost, episode and
/// round are read back from these keys in the CRM. The first hash covers connection, rule and subject, the second step,
/// recipient slot and channel. Nothing that can differ between two runs enters: no clock, no index, no CRM stamp.
///
/// As text: `<20 hex>-e<episode>-r<round>-<12 hex>`, at most 64 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId {
    clock: [u8; 10],
    episode: u32,
    round: u32,
    step: [u8; 6],
}

/// What an effect's subject is: the third ingredient of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A record.
    Record(&'a RecordRef),
    /// A person.
    Person(&'a PersonId),
}

impl EffectId {
    /// Makes the id; a pure function of its arguments.
    #[expect(
        clippy::too_many_arguments,
        reason = "these are the eight ingredients of an identity, no more and no less"
    )]
    pub fn new(
        connection: &ConnectionId,
        rule: &RuleKey,
        subject: Subject<'_>,
        episode: u32,
        round: u32,
        step: &StepName,
        slot: &str,
        channel: Channel,
    ) -> EffectId {
        let step = digest(&[step.as_str(), slot, channel.as_str()]);
        EffectId { clock: Self::clock_part(connection, rule, subject), episode, round, step }
    }

    /// The part of the id that all effects of one rule on one subject share.
    pub fn clock_part(connection: &ConnectionId, rule: &RuleKey, subject: Subject<'_>) -> [u8; 10] {
        let (kind, id) = match subject {
            Subject::Record(record) => (record.object.as_str(), record.id.as_str()),
            Subject::Person(person) => ("person", person.as_str()),
        };
        digest(&[connection.as_str(), rule.as_str(), kind, id])
    }

    /// Whether the effect belongs to this rule and subject.
    pub fn is_of(&self, clock: [u8; 10]) -> bool {
        self.clock == clock
    }

    /// Whether both belong to one rule on one subject, whatever their episodes and rounds.
    pub fn is_beside(&self, other: &EffectId) -> bool {
        self.clock == other.clock
    }

    /// The episode that the effect belongs to.
    pub fn episode(&self) -> u32 {
        self.episode
    }

    /// The round that the effect belongs to.
    pub fn round(&self) -> u32 {
        self.round
    }
}

/// The first `N` bytes of the SHA-256 of length-prefixed parts, so that no two lists of parts read alike.
fn digest<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let full = hash.finalize();
    let mut out = [0; N];
    out.copy_from_slice(&full[..N]);
    out
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.clock {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "-e{}-r{}-", self.episode, self.round)?;
        for byte in self.step {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not an effect id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAnEffectId;

impl fmt::Display for NotAnEffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an effect id of the form <20 hex>-e<number>-r<number>-<12 hex>")
    }
}

impl std::error::Error for NotAnEffectId {}

fn unhex<const N: usize>(text: &str) -> Result<[u8; N], NotAnEffectId> {
    let bytes = text.as_bytes();
    if bytes.len() != 2 * N {
        return Err(NotAnEffectId);
    }
    let digit = |b: u8| match b {
        b'0'..=b'9' => Ok(b - b'0'),
        b'a'..=b'f' => Ok(b - b'a' + 10),
        _ => Err(NotAnEffectId),
    };
    let mut out = [0; N];
    for (i, pair) in bytes.chunks_exact(2).enumerate() {
        out[i] = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(out)
}

impl FromStr for EffectId {
    type Err = NotAnEffectId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(NotAnEffectId);
        let (clock, episode, round, step) = (part()?, part()?, part()?, part()?);
        let number =
            |text: &str, prefix| text.strip_prefix(prefix).and_then(|digits| digits.parse().ok()).ok_or(NotAnEffectId);
        let id = EffectId {
            clock: unhex(clock)?,
            episode: number(episode, 'e')?,
            round: number(round, 'r')?,
            step: unhex(step)?,
        };
        if parts.next().is_some() { Err(NotAnEffectId) } else { Ok(id) }
    }
}

impl Serialize for EffectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EffectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How an effect reaches a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A native task in the CRM.
    Task,
    /// An e-mail.
    Email,
    /// A notice of the CRM's own, where it has any: at least once, since it has no key.
    Notification,
    /// An e-mail that the CRM sends, where it sends any: at least once, since it has no key.
    CrmEmail,
    /// A write to fields of the record, or to the CRM's own approval process.
    Record,
}

impl Channel {
    /// The name as written in `via`.
    pub fn as_str(self) -> &'static str {
        match self {
            Channel::Task => "task",
            Channel::Email => "email",
            Channel::Notification => "notification",
            Channel::CrmEmail => "crm_email",
            Channel::Record => "record",
        }
    }
}

/// The way out of the daemon that an effect takes; each lane fails and waits on its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Written to the CRM of the connection.
    Crm(ConnectionId),
    /// Sent by SMTP.
    Mail,
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lane::Crm(connection) => write!(f, "crm/{connection}"),
            Lane::Mail => f.write_str("mail"),
        }
    }
}

/// A write that is decided and durable before it is begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Its identity, and its key in the CRM.
    pub id: EffectId,
    /// The case that decided it and hears of its outcome.
    pub case: CaseId,
    /// The rule it follows from.
    pub rule: RuleKey,
    /// The step it carries out.
    pub step: StepName,
    /// When it was decided; its record is read again before the write when this is no longer recent.
    pub decided_at: Instant,
    /// What to write.
    pub write: Write,
}

impl Effect {
    /// The lane the effect leaves through.
    pub fn lane(&self) -> Lane {
        match &self.write {
            Write::CreateTask(_)
            | Write::UpdateTask(_)
            | Write::UpdateRecord(_)
            | Write::SubmitApproval(_)
            | Write::Notify(_)
            | Write::SendCrmEmail(_) => Lane::Crm(self.case.connection().clone()),
            Write::SendEmail(_) => Lane::Mail,
        }
    }
}

/// One write to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// Creates a task, once, under the effect's id as key.
    CreateTask(NewTask),
    /// Changes fields of a task that we created, each only while it still holds what we last wrote.
    UpdateTask(TaskUpdate),
    /// Changes fields of a record, each only while it still holds what was last seen.
    UpdateRecord(RecordUpdate),
    /// Sends an e-mail whose Message-ID is made from the effect's id.
    SendEmail(Email),
    /// Hands a record in at the CRM's own approval process, once: the effect's id stands in the comment.
    SubmitApproval(Submission),
    /// Shows a notice of the CRM's own to a person. It has no key: at least once.
    Notify(Notification),
    /// Has the CRM send an e-mail. It has no key: at least once.
    SendCrmEmail(Email),
}

impl Write {
    /// Whether it makes something that `find` can recognise by the effect's id, so that it is looked up before it is
    /// written again.
    pub fn is_keyed(&self) -> bool {
        match self {
            Write::CreateTask(_) | Write::SubmitApproval(_) => true,
            Write::UpdateTask(_)
            | Write::UpdateRecord(_)
            | Write::SendEmail(_)
            | Write::Notify(_)
            | Write::SendCrmEmail(_) => false,
        }
    }
}

/// A record to hand in at the CRM's own approval process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The record.
    pub record: RecordRef,
    /// On whose behalf.
    pub submitter: Option<PersonId>,
    /// Who is to decide, where the process leaves it open.
    pub approvers: Vec<PersonId>,
    /// The process by name or id; the CRM chooses by its own criteria when absent.
    pub process: Option<String>,
    /// What the approvers read.
    pub comment: String,
}

/// A notice of the CRM's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Who gets it.
    pub to: PersonId,
    /// One line.
    pub title: String,
    /// Plain text.
    pub body: String,
    /// The record that it leads to, where it is about one.
    pub record: Option<RecordRef>,
}

/// A task to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// The record it is linked to; `None` for a task about several records.
    pub record: Option<RecordRef>,
    /// Whose task it is.
    pub owner: PersonId,
    /// One line.
    pub subject: String,
    /// Plain text, paragraphs separated by blank lines; the connector escapes it for its CRM.
    pub body: String,
    /// The due date in the owner's zone, for CRMs whose tasks have a plain date.
    pub due_date: NaiveDate,
    /// The send time on the due date, for CRMs whose tasks have an instant; also the popup where it is still ahead.
    pub due_at: Instant,
    /// Whether the task asks for a decision: then its outcome field decides, and the CRM shows it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asks: bool,
}

/// The fields of a task that Dealclock may change later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFields {
    /// Its status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TaskStatus>,
    /// Its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// Its due date and instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<(NaiveDate, Instant)>,
    /// Its plain-text body; only the overflow task's body changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A task's status, as far as Dealclock writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// Not started.
    Open,
    /// Completed.
    Done,
}

/// A change to a task that we created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskUpdate {
    /// The task's id in the CRM, from the receipt of its creation.
    pub task: String,
    /// What we last wrote; a field that holds anything else belongs to a person and is left alone.
    pub expect: TaskFields,
    /// What to write; only fields that are also in `expect`.
    pub set: TaskFields,
}

/// A change to fields of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordUpdate {
    /// The record.
    pub record: RecordRef,
    /// What was last seen in the fields to set; a field that holds anything else belongs to a person and is left alone.
    pub expect: BTreeMap<FieldName, Value>,
    /// What to write, by canonical name; a field that holds it already counts as written.
    pub set: BTreeMap<FieldName, Value>,
}

/// An e-mail to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    /// The person; the address is looked up when it is sent.
    pub to: PersonId,
    /// One line.
    pub subject: String,
    /// Plain text, paragraphs separated by blank lines; the HTML part is made from it.
    pub body: String,
    /// The record's page in the CRM.
    pub link: Option<String>,
    /// The question that the reader may answer by a signed link; the link is made when the mail is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
}

/// A request that one person is asked to decide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Question {
    /// The record.
    pub record: RecordRef,
    /// The rule, or `approval/<key>`, under which the record's case keeps the request.
    pub rule: RuleKey,
    /// The request's episode.
    pub episode: u32,
    /// The request's round.
    pub round: u32,
    /// The step that is being decided.
    pub step: StepName,
    /// Who is asked.
    pub person: PersonId,
    /// From when on a link answers nothing any more.
    pub expires: Instant,
}

/// What became of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done; also when it was found done.
    Applied(Receipt),
    /// The world will not take it, and repeating it unchanged is useless.
    Refused {
        /// What the CRM or mail server said, fit for a person; no secrets, no payload.
        reason: String,
    },
}

/// The world's proof that an effect was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The id of what was made or changed, where it has one.
    pub id: Option<String>,
    /// Whether it was found to be there already rather than made by this attempt.
    #[serde(default)]
    pub found: bool,
    /// What a person had changed or deleted and we therefore left alone, in words; empty as a rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, RecordId};

    fn id(rule: &str, record: &str, step: &str) -> EffectId {
        let record = RecordRef { connection: "acme".into(), object: Object::Opportunity, id: RecordId::from(record) };
        EffectId::new(
            &record.connection,
            &rule.into(),
            Subject::Record(&record),
            2,
            3,
            &step.into(),
            "owner",
            Channel::Task,
        )
    }

    #[test]
    fn the_id_is_stable_across_releases() {
        // Keys with this value stand in customers' CRMs: a change here doubles every open reminder.
        assert_eq!(id("proposal", "42", "1d").to_string(), "b613f36e3cbcb3146043-e2-r3-f849bd2dc48b");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(id("ab", "c", "1d"), id("a", "bc", "1d"));
    }

    proptest::proptest! {
        #[test]
        fn an_id_survives_text(rule in "\\PC{0,12}", record in "\\PC{0,12}", step in "\\PC{0,12}") {
            let id = id(&rule, &record, &step);
            proptest::prop_assert_eq!(id.to_string().parse(), Ok(id));
            proptest::prop_assert!(id.to_string().len() <= 64);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = text.parse::<EffectId>();
        }
    }
}
