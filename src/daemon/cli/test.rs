//! `dealclock test`: runs the tests that stand in rule files.

use std::path::PathBuf;
use std::sync::Arc;

use dealclock_engine::read::Catalogs;
use dealclock_engine::scenario::{TestResult, Verdict, run_tests};
use dealclock_model::Fault;
use dealclock_model::fault::Source;
use owo_colors::OwoColorize;
use serde_json::json;

use super::output::described;
use super::{Context, Exit, Failure, TestArgs};
use crate::config::{Faults, cannot_be_read, catalogs, load_calendar, rule_sources};

/// Carries the command out.
pub(super) fn run(args: &TestArgs, context: &Context) -> Result<Exit, Failure> {
    let (sources, catalogs) = subjects(args, context)?;
    let results = run_tests(&sources, &catalogs, &load_calendar).map_err(Faults::sorted)?;
    let output = context.output;
    for result in &results {
        show(result, context);
    }
    let failed = results.iter().filter(|result| !is_passed(result)).count();
    let passed = results.len() - failed;
    if results.is_empty() {
        output.text("There is no [[test]] block in these files.");
    } else {
        output.text(format_args!("\n{passed} passed, {failed} failed"));
    }
    let tests: Vec<serde_json::Value> = results.iter().map(described_result).collect();
    output.document(&json!({ "passed": passed, "failed": failed, "tests": tests }));
    Ok(if failed == 0 { Exit::Ok } else { Exit::Found })
}

/// The rule files, and what rules may name in them. Files named on the command line need no configuration.
fn subjects(args: &TestArgs, context: &Context) -> Result<(Vec<Arc<Source>>, Catalogs), Failure> {
    if args.files.is_empty() {
        let config = context.config()?;
        return Ok((rule_sources(&config)?, catalogs(&config)));
    }
    let catalogs = match &context.config {
        Some(_) => catalogs(&context.config()?),
        None => Catalogs::new(),
    };
    let (sources, faults): (Vec<_>, Vec<_>) = args.files.iter().map(open).partition(Result::is_ok);
    Faults::unless_empty(faults.into_iter().filter_map(Result::err).collect())?;
    Ok((sources.into_iter().filter_map(Result::ok).collect(), catalogs))
}

fn open(path: &PathBuf) -> Result<Arc<Source>, Fault> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => Err(Fault::new(&Source::new(name, ""), 0..0, cannot_be_read(&error))),
    }
}

fn is_passed(result: &TestResult) -> bool {
    matches!(result.verdict, Verdict::Passed)
}

fn show(result: &TestResult, context: &Context) {
    let (line, _) = result.source.line_column(result.span.start);
    let place = format!("{}:{line}", result.source.name);
    match &result.verdict {
        Verdict::Passed => context.output.text(format_args!("{}  {}", "ok".green(), result.name)),
        Verdict::Failed(lines) => {
            context.output.text(format_args!("{}  {} ({place})\n{lines}", "failed".red().bold(), result.name));
        }
        Verdict::Faulty(faults) => {
            context.output.text(format_args!("{}  {} ({place})", "faulty".red().bold(), result.name));
            faults.iter().for_each(|fault| context.output.text(format_args!("{fault}\n")));
        }
    }
}

fn described_result(result: &TestResult) -> serde_json::Value {
    let (line, _) = result.source.line_column(result.span.start);
    let (verdict, difference, faults) = match &result.verdict {
        Verdict::Passed => ("passed", None, Vec::new()),
        Verdict::Failed(lines) => ("failed", Some(lines), Vec::new()),
        Verdict::Faulty(faults) => ("faulty", None, faults.iter().map(described).collect()),
    };
    json!({
        "name": result.name,
        "file": result.source.name,
        "line": line,
        "verdict": verdict,
        "difference": difference,
        "faults": faults,
    })
}
