//! What a command prints: tables and sentences for a person, or one JSON document; messages go to stderr.

use std::fmt::Display;
use std::io::Write;

use comfy_table::{Cell, ContentArrangement, Table, TableStyle};
use dealclock_connector::Error as CrmError;
use dealclock_model::{Fault, Instant};
use owo_colors::OwoColorize;
use serde::Serialize;
use serde_json::json;

use super::Failure;

/// Where and how a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    json: bool,
}

impl Output {
    /// For a person, or for a program.
    pub fn new(json: bool) -> Output {
        Output { json }
    }

    /// Whether one JSON document is wanted.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints for a person; nothing when JSON is wanted. A reader that went away is no error.
    pub fn text(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(anstream::stdout(), "{text}");
        }
    }

    /// Prints what has its own format already, whatever is wanted. A reader that went away is no error.
    pub fn raw(self, text: impl Display) {
        let _ = writeln!(anstream::stdout(), "{text}");
    }

    /// Prints the JSON document; nothing when it is not wanted.
    pub fn document(self, value: &impl Serialize) {
        if self.json {
            let text = serde_json::to_string_pretty(value)
                .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
            let _ = writeln!(anstream::stdout(), "{text}");
        }
    }

    /// Prints a message beside the result.
    pub fn note(self, text: impl Display) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Prints that a CRM is waited for, which would look like a command that hangs.
    pub(super) fn waiting(self, connection: &str) -> impl Fn(&CrmError, Instant) + Sync {
        move |error, again| {
            let again = again.format("%H:%M:%S UTC");
            self.note(format_args!("connection `{connection}`: throttled ({error}); trying again at {again}"));
        }
    }

    /// Prints why the command failed.
    pub(super) fn failure(self, failure: &Failure) {
        match failure {
            Failure::Faulty(faults) => {
                for fault in &faults.0 {
                    self.note(format_args!("{}\n", painted(fault)));
                }
                let count = faults.0.len();
                self.note(format_args!("{count} {}", if count == 1 { "fault" } else { "faults" }));
                self.document(&json!({ "faults": faults.0.iter().map(described).collect::<Vec<_>>() }));
            }
            Failure::Other { exit, message } => {
                self.note(format_args!("{} {message}", "error:".red().bold()));
                self.document(&json!({ "error": { "kind": exit, "message": message } }));
            }
        }
    }
}

/// A table without more lines than it needs.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|name| Cell::new(name.bold())));
    table
}

/// A fault as a person sees it, with colour where the terminal has some.
fn painted(fault: &Fault) -> String {
    let text = fault.to_string();
    let paint = |(number, line): (usize, &str)| match line.trim_start() {
        _ if number == 0 => line.bold().to_string(),
        rest if rest.starts_with("help: ") => line.cyan().to_string(),
        rest if rest.starts_with("| ") && rest.ends_with('^') => line.red().to_string(),
        _ => line.to_owned(),
    };
    text.lines().enumerate().map(paint).collect::<Vec<_>>().join("\n")
}

/// A fault for a program.
pub(super) fn described(fault: &Fault) -> serde_json::Value {
    let (line, column) = fault.source.line_column(fault.span.start);
    json!({
        "file": fault.source.name,
        "line": line,
        "column": column,
        "message": fault.message,
        "help": fault.help,
        "text": fault.source.text.lines().nth(line - 1),
    })
}
