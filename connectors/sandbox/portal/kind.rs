//! The types of records that the sandbox keeps, and their ids.

use std::fmt;
use std::str::FromStr;

use crate::options::Scope;

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Contact,
    Company,
    Deal,
    Task,
    Note,
    User,
}

impl Kind {
    pub(crate) const ALL: [Kind; 6] = [Kind::Contact, Kind::Company, Kind::Deal, Kind::Task, Kind::Note, Kind::User];

    /// Reads a type as it stands in a path: its plural, its singular or its number.
    pub(crate) fn parse(text: &str) -> Option<Kind> {
        let lower = text.to_ascii_lowercase();
        Kind::ALL.into_iter().find(|kind| kind.plural() == lower || kind.singular() == lower || kind.number() == lower)
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Kind::Contact => "contacts",
            Kind::Company => "companies",
            Kind::Deal => "deals",
            Kind::Task => "tasks",
            Kind::Note => "notes",
            Kind::User => "users",
        }
    }

    pub(crate) fn singular(self) -> &'static str {
        match self {
            Kind::Contact => "contact",
            Kind::Company => "company",
            Kind::Deal => "deal",
            Kind::Task => "task",
            Kind::Note => "note",
            Kind::User => "user",
        }
    }

    /// The number that the CRM gives the type.
    pub(crate) fn number(self) -> &'static str {
        match self {
            Kind::Contact => "0-1",
            Kind::Company => "0-2",
            Kind::Deal => "0-3",
            Kind::Task => "0-27",
            Kind::Note => "0-46",
            Kind::User => "0-115",
        }
    }

    /// The scope that reading takes; the CRM counts tasks and notes among the contacts.
    pub(crate) fn read_scope(self) -> Scope {
        match self {
            Kind::Contact | Kind::Task | Kind::Note => Scope::ContactsRead,
            Kind::Company => Scope::CompaniesRead,
            Kind::Deal => Scope::DealsRead,
            Kind::User => Scope::UsersRead,
        }
    }

    /// The scope that writing takes.
    pub(crate) fn write_scope(self) -> Scope {
        match self {
            Kind::Contact | Kind::Task | Kind::Note => Scope::ContactsWrite,
            Kind::Company => Scope::CompaniesWrite,
            Kind::Deal => Scope::DealsWrite,
            Kind::User => Scope::UsersWrite,
        }
    }
}

/// The id of a record, unique over all types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId(pub(crate) u64);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RecordId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<RecordId, Self::Err> {
        text.parse().map(RecordId)
    }
}
