//! What `check --online` finds, as a table for a person and as data for a program.

use std::fmt;

use dealclock_connector::{Once, Problem};
use owo_colors::OwoColorize;
use serde::Serialize;

use super::{Output, table};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Reminders go out, and something is not as it was meant.
    Warning,
    /// Rules would be judged wrongly, or reminders cannot be delivered.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that is not right, with the way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) what: String,
    pub(super) way_out: String,
}

impl Finding {
    pub(super) fn error(what: impl Into<String>, way_out: impl Into<String>) -> Finding {
        Finding { severity: Severity::Error, what: what.into(), way_out: way_out.into() }
    }

    pub(super) fn warning(what: impl Into<String>, way_out: impl Into<String>) -> Finding {
        Finding { severity: Severity::Warning, what: what.into(), way_out: way_out.into() }
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Finding {
        let severity = if problem.fatal { Severity::Error } else { Severity::Warning };
        Finding { severity, what: problem.what, way_out: problem.way_out }
    }
}

/// What was found out about one connection.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) connection: String,
    pub(super) kind: String,
    /// The account's id, zone and currency.
    pub(super) account: String,
    pub(super) zone: String,
    pub(super) currency: String,
    /// Whether tasks appear exactly once.
    pub(super) once: Once,
    pub(super) people: usize,
    pub(super) findings: Vec<Finding>,
}

impl Report {
    /// Prints the report for a person.
    pub(super) fn print(&self, output: Output) {
        let Report { connection, kind, account, zone, currency, people, .. } = self;
        output.text(format_args!(
            "\n{} ({kind}, account {account}, {zone}, {currency}, {people} people)",
            connection.bold()
        ));
        match &self.once {
            Once::Exactly => output.text("  reminder tasks appear exactly once"),
            Once::AtLeastOnce(why) => output.text(format_args!(
                "  {}: reminder tasks may appear twice after a lost answer: {why}",
                "at least once".yellow()
            )),
        }
        if self.findings.is_empty() {
            return output.text(format_args!("  {}", "everything that the rules need is there".green()));
        }
        let mut rows = table(&["", "what", "way out"]);
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Warning => finding.severity.yellow().to_string(),
                Severity::Error => finding.severity.red().to_string(),
            };
            rows.add_row([&severity, &finding.what, &finding.way_out]);
        }
        output.text(rows);
    }

    /// Whether anything found keeps rules from working as they are meant.
    pub(super) fn is_bad(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
