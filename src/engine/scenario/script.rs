//! A scenario as it was written: who is there, what happens when, and what must come of it.

use chrono::NaiveDate;
use chrono_tz::Tz;
use dealclock_model::effect::Channel;
use dealclock_model::event::StormAnswer;
use dealclock_model::time::{DateRange, WorkingHours};
use dealclock_model::{Instant, People, PersonId, RecordId, RuleKey, Ruling, Value, Way, What};

/// One `[[test]]` block.
pub(super) struct Script {
    pub(super) name: String,
    /// The zone in which its times are written: the connection's.
    pub(super) zone: Tz,
    /// The people, with the connection's profile.
    pub(super) people: People,
    /// Whether the CRM keeps field history.
    pub(super) history: bool,
    /// When the daemon reads the CRM for the first time; from the beginning unless told.
    pub(super) started: Option<Instant>,
    /// What happens, in the order of time.
    pub(super) timeline: Vec<Moment>,
    /// What must come of it, in the order of time.
    pub(super) expect: Vec<Expected>,
    /// The run ends then.
    pub(super) until: Instant,
}

/// Something that happens.
pub(super) struct Moment {
    pub(super) at: Instant,
    /// When Dealclock can see it at the earliest.
    pub(super) seen: Instant,
    pub(super) deed: Deed,
}

/// What happens.
pub(super) enum Deed {
    /// Somebody makes or edits records, all in the same way.
    Set { records: Vec<RecordId>, values: Vec<(String, Value)>, owner: Option<Option<PersonId>> },
    /// Somebody deletes a record.
    Delete(RecordId),
    /// Somebody restores a record.
    Restore(RecordId),
    /// Somebody merges a record into another.
    Merge(RecordId, RecordId),
    /// A person completes the task of a step, by hand.
    Complete(RecordId, String),
    /// An administrator changes a person.
    Person(PersonId, PersonEdit),
    /// The rules are edited: keys of rules are replaced.
    EditRules(Vec<(String, String, toml_edit::Item)>),
    /// A rule is removed.
    RemoveRule(String),
    /// Dealclock does not run until then.
    Down(Instant),
    /// The CRM does not answer until then.
    CrmDown(Instant),
    /// An administrator answers a storm.
    Answer(RuleKey, StormAnswer),
    /// The store is lost, and the CRM is read anew.
    LoseStore,
    /// Somebody decides a request, or completes its task without saying what.
    Rule { record: RecordId, request: RuleKey, by: PersonId, ruling: Option<Ruling>, way: Way, comment: Option<String> },
    /// An administrator stops a rule.
    Stop(RuleKey),
    /// An administrator starts a rule again.
    Start(RuleKey),
    /// The mail server refuses every mail until then.
    MailRefused(Instant),
    /// The CRM takes no record in at its own approval process, or does again.
    NoApprovalProcess(bool),
}

/// A change of a person.
#[derive(Clone, Debug, Default)]
pub(super) struct PersonEdit {
    pub(super) active: Option<bool>,
    pub(super) zone: Option<Tz>,
    pub(super) manager: Option<PersonId>,
    pub(super) deputy: Option<PersonId>,
    pub(super) absent: Option<Vec<DateRange>>,
    pub(super) hours: Option<WorkingHours>,
}

/// Something that must come.
pub(super) struct Expected {
    pub(super) at: Instant,
    /// The record, unless any will do.
    pub(super) record: Option<String>,
    pub(super) what: Wanted,
}

/// What must come; what is `None` may be anything.
pub(super) enum Wanted {
    Task { step: String, to: Option<String>, due: Option<NaiveDate> },
    Mail { step: String, to: Option<String> },
    Done { step: String },
    Moved { step: String, due: Option<NaiveDate> },
    HandedOver { step: String, to: Option<String> },
    TakenBack { step: String },
    List { to: String },
    Digest { to: String, urgent: bool, via: Option<Channel>, has: Vec<String>, hasnt: Vec<String> },
    Field { field: String, value: Value },
    HandedIn { to: Option<String> },
    Notified { to: String },
    Said { what: What, step: Option<String>, why: Option<String> },
}

/// Something that came.
pub(super) struct Seen {
    pub(super) at: Instant,
    /// The record, or the person where it is about none.
    pub(super) record: String,
    pub(super) what: Act,
}

/// What came.
pub(super) enum Act {
    Task { step: String, to: String, due: NaiveDate },
    Mail { step: String, to: String },
    Done { step: String },
    Moved { step: String, due: NaiveDate },
    HandedOver { step: String, to: String },
    TakenBack { step: String },
    List { to: String },
    Digest { to: String, urgent: bool, via: Channel, text: String },
    Field { field: String, value: Value },
    HandedIn { to: Vec<String> },
    Notified { to: String },
    Said { what: What, step: Option<String>, why: String },
}
