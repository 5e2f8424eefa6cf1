//! A record: its values with their whole history, stored compactly in the order in which they were set.

use std::sync::Arc;

use super::instant::Millis;
use super::kind::RecordId;
use super::schema::PropertyId;

/// Who set a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A person in the CRM's pages, by user id.
    Person(u64),
    /// An application, by its id.
    Application(u64),
    /// The CRM itself.
    Crm,
}

impl Source {
    /// The name of the source as histories write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Source::Person(_) => "CRM_UI",
            Source::Application(_) => "INTEGRATION",
            Source::Crm => "CALCULATED",
        }
    }

    /// The id of the source as histories write it.
    pub(crate) fn id(self) -> String {
        match self {
            Source::Person(user) => format!("userId:{user}"),
            Source::Application(app) => app.to_string(),
            Source::Crm => String::new(),
        }
    }
}

/// A value that a property took.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) at: Millis,
    pub(crate) property: PropertyId,
    pub(crate) source: Source,
    pub(crate) value: Option<Arc<str>>,
}

/// Something that happened to a record as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Deleted,
    Restored,
    MergedInto(RecordId),
    Absorbed(RecordId),
}

/// A record.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: RecordId,
    pub(crate) created: Millis,
    pub(crate) source: Source,
    pub(crate) archived: Option<Millis>,
    pub(crate) merged_into: Option<RecordId>,
    pub(crate) life: Vec<(Millis, Life)>,
    versions: Vec<Version>,
}

impl Record {
    pub(crate) fn new(id: RecordId, created: Millis, source: Source) -> Record {
        Record { id, created, source, archived: None, merged_into: None, life: Vec::new(), versions: Vec::new() }
    }

    /// Adds a value; its instant is not before that of any value already there.
    pub(crate) fn set(&mut self, version: Version) {
        self.versions.push(version);
    }

    /// All values ever set, oldest first.
    pub(crate) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The values of one property, newest first.
    pub(crate) fn history(&self, property: PropertyId) -> impl Iterator<Item = &Version> {
        self.versions.iter().rev().filter(move |version| version.property == property)
    }

    /// The value of a property at an instant.
    pub(crate) fn value_at(&self, property: PropertyId, at: Millis) -> Option<&Arc<str>> {
        self.history(property).find(|version| version.at <= at)?.value.as_ref()
    }

    /// The value of a property now.
    pub(crate) fn value(&self, property: PropertyId) -> Option<&Arc<str>> {
        self.value_at(property, Millis::MAX)
    }

    /// When the record last changed, seen from an instant.
    pub(crate) fn updated_at(&self, at: Millis) -> Millis {
        let value = self.versions.iter().rev().find(|version| version.at <= at).map(|version| version.at);
        let life = self.life.iter().rev().find(|(when, _)| *when <= at).map(|(when, _)| *when);
        value.max(life).unwrap_or(self.created).max(self.created)
    }

    /// When the record last changed.
    pub(crate) fn updated(&self) -> Millis {
        self.updated_at(Millis::MAX)
    }

    /// Whether the record can be read as one that is not deleted.
    pub(crate) fn is_live(&self) -> bool {
        self.archived.is_none() && self.merged_into.is_none()
    }

    /// Frees what growing the list of values left over.
    pub(crate) fn shrink(&mut self) {
        self.versions.shrink_to_fit();
    }
}
