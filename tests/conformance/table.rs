//! README's table connector x case, made from how the cases went.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::suite::{CANDIDATES, Outcome, Verdict};

const BEGIN: &str = "<!-- conformance: made by `BLESS=1 cargo test --test conformance` -->\n";
const END: &str = "<!-- /conformance -->";

/// Compares README with how the cases went; with `BLESS` in the environment README is written.
pub fn check(outcomes: &[Outcome]) -> Result<(), String> {
    let readme = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&readme).map_err(|error| format!("README.md: {error}"))?;
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no place for the table of cases")?;
    let (_, after) = rest.split_once(END).ok_or("README.md's table of cases has no end")?;
    let wanted = format!("{before}{BEGIN}{}{END}{after}", render(outcomes));
    if wanted == text {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_none() {
        return Err("README.md shows another table; `BLESS=1 cargo test --test conformance` writes it".to_owned());
    }
    std::fs::write(&readme, wanted).map_err(|error| format!("README.md: {error}"))
}

fn render(outcomes: &[Outcome]) -> String {
    let mut table = String::from("\n| |");
    for candidate in CANDIDATES {
        let _ = write!(table, " {} |", candidate.label);
    }
    let _ = writeln!(table, "\n|---|{}", "---|".repeat(CANDIDATES.len()));
    let mut reasons = Reasons::default();
    for (group, case) in rows(outcomes) {
        let _ = write!(table, "| {group}: {case} |");
        for place in 0..CANDIDATES.len() {
            let of = |outcome: &&Outcome| (outcome.candidate, outcome.case) == (place, case);
            let cell = match outcomes.iter().find(of).map(|outcome| outcome.verdict) {
                Some(Verdict::Passed) => "passes".to_owned(),
                Some(Verdict::Failed) => "**fails**".to_owned(),
                Some(Verdict::Lacking(why)) => format!("n/a ({})", reasons.number(why)),
                None => String::new(),
            };
            let _ = write!(table, " {cell} |");
        }
        table.push('\n');
    }
    table.push('\n');
    for (number, reason) in reasons.in_order {
        let _ = writeln!(table, "{number}. {reason}");
    }
    table
}

fn rows(outcomes: &[Outcome]) -> Vec<(&'static str, &'static str)> {
    let mut rows = Vec::new();
    for outcome in outcomes {
        if !rows.contains(&(outcome.group, outcome.case)) {
            rows.push((outcome.group, outcome.case));
        }
    }
    rows
}

#[derive(Default)]
struct Reasons {
    in_order: BTreeMap<usize, &'static str>,
}

impl Reasons {
    fn number(&mut self, reason: &'static str) -> usize {
        let known = self.in_order.iter().find(|(_, known)| **known == reason).map(|(number, _)| *number);
        known.unwrap_or_else(|| {
            let number = self.in_order.len() + 1;
            self.in_order.insert(number, reason);
            number
        })
    }
}
