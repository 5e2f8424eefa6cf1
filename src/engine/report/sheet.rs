//! A finished report: tables with typed cells and bars, ready to be shown as HTML, CSV or JSON.

use dealclock_model::{ConnectionId, Instant};

use super::{Period, Share};
use crate::rules::ReportKind;

/// A finished report.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What it is about.
    pub kind: ReportKind,
    /// What people call it.
    pub title: String,
    /// The connection.
    pub connection: ConnectionId,
    /// The days it is about.
    pub period: Period,
    /// When it was made.
    pub made_at: Instant,
    /// What it says, in a few lines.
    pub summary: Vec<String>,
    /// Its tables.
    pub sections: Vec<Section>,
    /// The names of the reps at the mark, with their ids and what is to be said of each.
    pub marked: Vec<Marked>,
}

/// A rep at the mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The rep.
    pub person: dealclock_model::PersonId,
    /// Their share.
    pub share: Share,
}

/// One table.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name for programs.
    pub key: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What its numbers mean.
    pub note: &'static str,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for every column.
    pub rows: Vec<Vec<Cell>>,
    /// Its bars, where it has any.
    pub bars: Option<Bars>,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name for programs; stable.
    pub key: &'static str,
    /// What people read.
    pub title: &'static str,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing to say.
    Empty,
    /// Text.
    Text(String),
    /// A count.
    Count(u64),
    /// A share.
    Share(Share),
    /// A fraction that is not exact: an end of an interval.
    Fraction(f64),
    /// A duration in seconds.
    Secs(i64),
    /// Yes or no.
    Flag(bool),
}

/// Horizontal bars.
#[derive(Clone, Debug)]
pub struct Bars {
    /// What they show.
    pub title: String,
    /// The bars.
    pub bars: Vec<Bar>,
    /// Where a line stands, as a share; `None` for no line.
    pub line: Option<rust_decimal::Decimal>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is about.
    pub label: String,
    /// How long it is.
    pub share: Share,
    /// What stands beside it.
    pub value: String,
    /// It has reached the mark.
    pub marked: bool,
}

/// The row of records that have no owner.
pub(super) const NOBODY: &str = "(nobody)";
/// The row of reps without a manager.
pub(super) const NO_MANAGER: &str = "(no manager)";
/// The row of records whose stage is not known.
pub(super) const UNKNOWN_STAGE: &str = "(unknown)";
/// The row of reasons without a value of the picklist.
pub(super) const OWN_WORDS: &str = "(own words)";
/// The row of decisions without a person.
pub(super) const UNTOLD: &str = "(the CRM does not tell)";

/// What stands for something that has no name, and what it means.
const UNNAMED: [(&str, &str); 5] = [
    (NOBODY, "(nobody): records that had no owner then."),
    (
        NO_MANAGER,
        "(no manager): reps who have no manager in the CRM or in the configuration, and records without an owner.",
    ),
    (UNKNOWN_STAGE, "(unknown): records whose stage is not known, such as those that are gone."),
    (OWN_WORDS, "(own words): a reason in the text field, without a value of the picklist."),
    (UNTOLD, "(the CRM does not tell): decisions of which the CRM names no person, such as those in a field."),
];

impl Section {
    /// What those of its rows mean that have no name.
    pub fn unnamed(&self) -> impl Iterator<Item = &'static str> {
        let has = |name: &str| self.rows.iter().flatten().any(|cell| matches!(cell, Cell::Text(text) if text == name));
        UNNAMED.into_iter().filter(move |(name, _)| has(name)).map(|(_, meaning)| meaning)
    }

    /// A table without rows yet.
    pub(super) fn new(
        key: &'static str,
        title: &'static str,
        note: &'static str,
        columns: &[(&'static str, &'static str)],
    ) -> Section {
        let columns = columns.iter().map(|(key, title)| Column { key, title }).collect();
        Section { key, title, note, columns, rows: Vec::new(), bars: None }
    }
}

impl From<Option<i64>> for Cell {
    fn from(secs: Option<i64>) -> Cell {
        secs.map_or(Cell::Empty, Cell::Secs)
    }
}
