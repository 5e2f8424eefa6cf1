//! Reports as people and programs read them: counted from the store, shown as HTML, CSV or JSON, written to files.

mod csv;
mod demand;
mod files;
mod html;
mod json;
#[cfg(test)]
mod tests;
mod text;

use std::ffi::OsStr;

use dealclock_engine::report::{Counting, Order, Sheet};
use dealclock_model::CaseId;
use dealclock_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

pub use demand::{DemandError, Wanted, answer};
pub use files::{FileError, write_all, write_file};

/// Rows read at once.
const PAGE: usize = 500;

/// How a report is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Tables for a terminal.
    Text,
    /// A page with charts, complete in itself.
    Html,
    /// One table with a column that names the section.
    Csv,
    /// One document.
    Json,
}

impl Format {
    /// The formats of a scheduled report's files.
    pub const FILES: [Format; 3] = [Format::Html, Format::Csv, Format::Json];

    /// The format of a file with this extension, in large letters too.
    pub fn of_extension(extension: &OsStr) -> Option<Format> {
        let all = [Format::Text, Format::Html, Format::Csv, Format::Json];
        all.into_iter().find(|format| extension.eq_ignore_ascii_case(format.as_str()))
    }

    /// The format's name, and the extension of its files.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Text => "txt",
            Format::Html => "html",
            Format::Csv => "csv",
            Format::Json => "json",
        }
    }
}

/// Counts a report from the store: all cases of its connection, and the facts from its first day on.
pub fn count(store: &Store, order: Order<'_>) -> Result<Sheet, StoreError> {
    let connection = order.people.profile.connection.clone();
    let mut counting = Counting::new(order);
    let mut after = None;
    // Records stand before every other case.
    'cases: loop {
        let page = store.cases(&connection, after.as_ref(), PAGE)?;
        for (id, case) in &page {
            let (CaseId::Record(record), Some(case)) = (id, case.as_record()) else { break 'cases };
            counting.look(record, case);
        }
        match page.into_iter().last() {
            Some((last, _)) => after = Some(last),
            None => break,
        }
    }
    let (mut place, from) = (None, Some(counting.from()));
    loop {
        let page = store.facts(&connection, place, from, PAGE)?;
        for (_, case, fact) in &page {
            counting.note(case, fact);
        }
        match page.last() {
            Some((last, ..)) => place = Some(*last),
            None => return Ok(counting.finish()),
        }
    }
}

/// Shows a report in a format.
pub fn show(sheet: &Sheet, format: Format) -> Result<String, askama::Error> {
    match format {
        Format::Text => Ok(text::show(sheet)),
        Format::Html => html::show(sheet),
        Format::Csv => Ok(csv::show(sheet)),
        Format::Json => Ok(json::show(sheet)),
    }
}
