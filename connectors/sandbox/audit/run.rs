//! The runs of the CRM's own approval process, read from the CRM alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::dump::{Dump, RecordDump};

/// The type of its records, in the one CRM that has such a process.
const RUNS: &str = "ProcessInstance";

/// A deal that was handed in at the CRM's own approval process.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// When it was handed in.
    pub(super) submitted: DateTime<Utc>,
    /// What somebody decided there; nothing while they are asked.
    pub(super) decided: Option<Decided>,
}

/// What somebody decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decided {
    pub(super) at: DateTime<Utc>,
    pub(super) granted: bool,
}

/// Every run, by the deal that it is about, in the order of their beginnings.
pub(super) fn read(dump: &Dump) -> BTreeMap<&str, Vec<Run>> {
    let records = dump.records.get(RUNS).map_or(&[][..], Vec::as_slice);
    let mut runs: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
    for record in records {
        let Some(deal) = record.value("TargetObjectId") else { continue };
        runs.entry(deal).or_default().push(Run { submitted: record.created_at, decided: decided(record) });
    }
    for runs in runs.values_mut() {
        runs.sort_by_key(|run| run.submitted);
    }
    runs
}

fn decided(record: &RecordDump) -> Option<Decided> {
    let versions = record.history.get("Status").map_or(&[][..], Vec::as_slice);
    versions.iter().find_map(|version| match version.value.as_deref() {
        Some("Approved") => Some(Decided { at: version.at, granted: true }),
        Some("Rejected") => Some(Decided { at: version.at, granted: false }),
        Some(_) | None => None,
    })
}
