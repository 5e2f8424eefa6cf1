//! Newtype identifiers, so that a record id can never be passed where a person id is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<T: AsRef<str>> From<T> for $name {
            fn from(text: T) -> Self {
                Self(Arc::from(text.as_ref()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// The name of a connection in the configuration, such as `acme`.
    ConnectionId
}
text_id! {
    /// A record's id in its CRM; opaque text.
    RecordId
}
text_id! {
    /// A person's id in their CRM, as records name their owner (on HubSpot the owner id, not the user id).
    PersonId
}
text_id! {
    /// A rule's key in its file: `proposal` for `[rule.proposal]`.
    RuleKey
}
text_id! {
    /// A step's name, unique in its rule; by default its `at`.
    StepName
}
text_id! {
    /// A recipient by role, such as `owner` or `owner.manager`; part of an effect's identity, unlike the person.
    SlotName
}
text_id! {
    /// An approval's key in its file: `more-time` for `[approval.more-time]`.
    ApprovalKey
}
text_id! {
    /// A digest's key in its file: `managers` for `[digest.managers]`.
    DigestKey
}
text_id! {
    /// A report's key in its file: `complex-share` for `[report.complex-share]`.
    ReportKey
}
text_id! {
    /// A field's canonical name as rules see it, such as `amount`.
    FieldName
}

/// A kind of record, under its canonical name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// A deal on HubSpot, an Opportunity on Salesforce.
    Opportunity,
}

impl Object {
    /// Every kind of record that rules can be about.
    pub const ALL: [Object; 1] = [Object::Opportunity];

    /// The canonical name as written in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            Object::Opportunity => "opportunity",
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which record of which connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordRef {
    /// The connection that the record is read through.
    pub connection: ConnectionId,
    /// The kind of record.
    pub object: Object,
    /// The record's id in the CRM.
    pub id: RecordId,
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.connection, self.object, self.id)
    }
}

/// Which case an event, a timer or an effect belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseId {
    /// A record with its clocks.
    Record(RecordRef),
    /// A person on one connection: daily count of reminders, the overflow list.
    Person {
        /// The connection whose user this is.
        connection: ConnectionId,
        /// The user.
        person: PersonId,
    },
    /// One rule on one connection: the storm guard.
    Intake {
        /// The connection.
        connection: ConnectionId,
        /// The rule.
        rule: RuleKey,
    },
    /// One reader of one digest: what the reader was told and what is still to be told.
    Digest {
        /// The connection.
        connection: ConnectionId,
        /// The digest.
        digest: DigestKey,
        /// The reader.
        person: PersonId,
    },
    /// One report on one connection: to whom it was delivered.
    Report {
        /// The connection.
        connection: ConnectionId,
        /// The report.
        report: ReportKey,
    },
}

impl CaseId {
    /// The connection that the case lives on; a case never spans two.
    pub fn connection(&self) -> &ConnectionId {
        match self {
            CaseId::Record(record) => &record.connection,
            CaseId::Person { connection, .. }
            | CaseId::Intake { connection, .. }
            | CaseId::Digest { connection, .. }
            | CaseId::Report { connection, .. } => connection,
        }
    }

    /// The record, when the case is one.
    pub fn record(&self) -> Option<&RecordRef> {
        match self {
            CaseId::Record(record) => Some(record),
            CaseId::Person { .. } | CaseId::Intake { .. } | CaseId::Digest { .. } | CaseId::Report { .. } => None,
        }
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CaseId::Record(record) => write!(f, "{record}"),
            CaseId::Person { connection, person } => write!(f, "{connection}/person/{person}"),
            CaseId::Intake { connection, rule } => write!(f, "{connection}/intake/{rule}"),
            CaseId::Digest { connection, digest, person } => write!(f, "{connection}/digest/{digest}/{person}"),
            CaseId::Report { connection, report } => write!(f, "{connection}/report/{report}"),
        }
    }
}
