//! Digests and reports as rule files define them.

use dealclock_model::effect::Channel;
use dealclock_model::{ConnectionId, DigestKey, ReportKey};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::Who;
use crate::time::Schedule;

/// A digest: many notices in one message to one reader.
#[derive(Clone, Debug)]
pub struct Digest {
    /// Its key in the file.
    pub key: DigestKey,
    /// What people call it.
    pub title: String,
    /// Who reads it: found from the owner of the record that a notice is about.
    pub to: Who,
    /// When, in the reader's zone.
    pub every: Schedule,
    /// How it reaches them. Default: task and e-mail.
    pub via: Vec<Channel>,
    /// The most notices of one kind that are listed, the largest amounts first; the rest is counted. Default 20.
    pub top: u32,
    /// A fingerprint of the plan.
    pub version: u64,
}

/// A report that is made on a schedule.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its key in the file.
    pub key: ReportKey,
    /// What people call it.
    pub title: String,
    /// What it is about.
    pub kind: ReportKind,
    /// The connections it is made for; `None` for all.
    pub connections: Option<Vec<ConnectionId>>,
    /// When, in the connection's zone.
    pub every: Schedule,
    /// Who gets it.
    pub to: Vec<Who>,
    /// How it reaches them. Default: e-mail.
    pub via: Vec<Channel>,
    /// The share from which a rep is marked. Default 0.40.
    pub mark: Decimal,
    /// Reps with fewer cases are not marked. Default 1.
    pub min_cases: u32,
}

impl Report {
    /// Whether the report is made for a connection.
    pub fn is_on(&self, connection: &ConnectionId) -> bool {
        self.connections.as_ref().is_none_or(|list| list.contains(connection))
    }
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// How the rules are followed.
    Compliance,
    /// The Complex share per rep.
    ComplexShare,
    /// Requests and how long they took.
    Requests,
    /// The reasons that were given.
    Reasons,
}

impl ReportKind {
    /// Every kind.
    pub const ALL: [ReportKind; 4] =
        [ReportKind::Compliance, ReportKind::ComplexShare, ReportKind::Requests, ReportKind::Reasons];

    /// The kind as written in rule files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportKind::Compliance => "compliance",
            ReportKind::ComplexShare => "complex-share",
            ReportKind::Requests => "requests",
            ReportKind::Reasons => "reasons",
        }
    }
}
