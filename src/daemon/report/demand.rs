//! A report that somebody asks for, over any days.

use chrono::NaiveDate;
use dealclock_engine::Ruleset;
use dealclock_engine::report::{Order, Period};
use dealclock_engine::rules::ReportKind;
use dealclock_model::{Instant, People};
use dealclock_store::{Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{Format, count, show};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// What it is about.
    pub kind: ReportKind,
    /// The first local date of the connection.
    pub from: NaiveDate,
    /// The last one.
    pub to: NaiveDate,
    /// The connection; needed where there are several.
    #[serde(default)]
    pub connection: Option<String>,
    /// How it is shown.
    pub format: Format,
}

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DemandError {
    /// The last day lies before the first.
    #[error("the last day, {to}, lies before the first, {from}")]
    Backwards {
        /// The first.
        from: NaiveDate,
        /// The last.
        to: NaiveDate,
    },
    /// No connection of this name.
    #[error("there is no connection `{name}`; configured: {}", connections.join(", "))]
    NoConnection {
        /// What was asked for.
        name: String,
        /// The connections.
        connections: Vec<String>,
    },
    /// Several, and none was named.
    #[error("say which connection is meant with --connection; configured: {}", .0.join(", "))]
    WhichConnection(Vec<String>),
    /// The connection was never read.
    #[error(
        "the people of connection `{0}` are not known yet; check with `dealclock status` that the first read is complete"
    )]
    NoPeople(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be shown.
    #[error("failed to put the page together: {0}")]
    Page(#[from] askama::Error),
}

impl Wanted {
    /// Whether the days can be those of a report.
    pub fn judge(&self) -> Result<(), DemandError> {
        let (from, to) = (self.from, self.to);
        if to < from { Err(DemandError::Backwards { from, to }) } else { Ok(()) }
    }

    /// The connection that is meant.
    pub fn connection<'a>(&self, connections: impl Iterator<Item = &'a str>) -> Result<&'a str, DemandError> {
        let connections: Vec<&str> = connections.collect();
        let names = || connections.iter().map(|name| (*name).to_owned()).collect();
        match (&self.connection, &connections[..]) {
            (Some(name), _) => {
                let found = connections.iter().find(|known| *known == name).copied();
                found.ok_or_else(|| DemandError::NoConnection { name: name.clone(), connections: names() })
            }
            (None, [only]) => Ok(*only),
            (None, _) => Err(DemandError::WhichConnection(names())),
        }
    }
}

/// Counts and shows what is asked for.
pub fn answer(
    store: &Store,
    ruleset: &Ruleset,
    people: &People,
    wanted: &Wanted,
    now: Instant,
) -> Result<String, DemandError> {
    let Wanted { kind, from, to, connection: _, format } = wanted;
    let (kind, from, to, format) = (*kind, *from, *to, *format);
    wanted.judge()?;
    let period = Period { from, to, zone: people.profile.zone };
    let defined =
        ruleset.reports.values().find(|report| report.kind == kind && report.is_on(&people.profile.connection));
    let sheet = count(store, Order::on_demand(&ruleset.rules, defined, people, kind, period, now))?;
    Ok(show(&sheet, format)?)
}
