//! Every scenario of the repository, and the runner's own manners.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dealclock_model::fault::Source;

use super::{Verdict, run_tests};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = root().join(folder).read_dir().unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

#[expect(clippy::disallowed_methods, reason = "the engine reads no files; its tests do")]
fn source(path: &Path) -> Arc<Source> {
    Source::new(path.file_name().unwrap().to_string_lossy(), std::fs::read_to_string(path).unwrap())
}

fn nothing(path: &str) -> Result<String, String> {
    Err(format!("{path} cannot be read in a test"))
}

/// The text of every test of some sources that did not pass, and how many passed.
fn run(sources: &[Arc<Source>]) -> (usize, Vec<String>) {
    let results = match run_tests(sources, &BTreeMap::new(), &nothing) {
        Ok(results) => results,
        Err(faults) => return (0, faults.iter().map(ToString::to_string).collect()),
    };
    let mut passed = 0;
    let mut failed = Vec::new();
    for result in results {
        match result.verdict {
            Verdict::Passed => passed += 1,
            Verdict::Failed(diff) => failed.push(format!("{}: {}\n{diff}", result.source.name, result.name)),
            Verdict::Faulty(faults) => failed.extend(faults.iter().map(ToString::to_string)),
        }
    }
    (passed, failed)
}

#[test]
fn every_scenario_comes_out_as_it_is_written() {
    let mut failures = Vec::new();
    for path in files("fixtures/scenarios") {
        let (passed, failed) = run(&[source(&path)]);
        if passed == 0 && failed.is_empty() {
            failures.push(format!("{}: has no test", path.display()));
        }
        failures.extend(failed);
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

#[test]
fn the_tests_in_the_example_rules_pass() {
    // Together, as the daemon reads them: one file may name what another defines.
    let sources: Vec<_> = files("config/rules").iter().map(|path| source(path)).collect();
    let (passed, failed) = run(&sources);
    assert!(failed.is_empty(), "\n{}", failed.join("\n\n"));
    assert!(passed > 0);
}

const RULE: &str = r#"
[rule.proposal]
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
until = "proposal_sent_at != null"
deadline = "5d"

[[rule.proposal.remind]]
at = "1d"
to = ["owner"]
via = ["task"]
subject = "Prepare a proposal for {{ record.name }}"
"#;

#[test]
fn what_is_missing_and_what_is_too_much_stand_in_the_lines_of_the_run() {
    let text = format!(
        "{RULE}\n{}",
        r#"[[test]]
name = "wrong"
timeline = [{ at = "2026-06-01 10:00", set = { stage = "Open", amount = 60000, owner = "rep" } }]
expect = [{ at = "2026-06-03 09:00", task = "1d", to = "rep" }]
"#
    );
    let (passed, failed) = run(&[Source::new("wrong.toml", text)]);
    assert_eq!(passed, 0);
    let diff = &failed[0];
    assert!(diff.contains("+ 2026-06-02 09:00  A: task 1d to rep, due 2026-06-06"), "{diff}");
    assert!(diff.contains("- 2026-06-03 09:00  any: task 1d to rep"), "{diff}");
}

#[test]
fn a_fault_in_a_test_names_its_place() {
    let check = |block: &str, expected: &str| {
        let text = format!("{RULE}\n[[test]]\n{block}\n");
        let (passed, failed) = run(&[Source::new("faulty.toml", text)]);
        assert_eq!(passed, 0);
        assert!(failed.iter().any(|fault| fault.contains(expected)), "{failed:#?} lacks {expected}");
    };
    check("name = 'x'\nexpect = []", "`[test]` has no `timeline`");
    check("name = 'x'\ntimeline = [{ at = 'soon', delete = true }]\nexpect = []", "`soon` is no time");
    check(
        "name = 'x'\ntimeline = [{ at = '2026-06-01 10:00', set = { amuont = 1 } }]\nexpect = []",
        "unknown field `amuont`",
    );
    check("name = 'x'\ntimeline = [{ at = '2026-06-01 10:00' }]\nexpect = []", "exactly one deed");
    check("name = 'x'\ntimeline = []\nexpect = [{ at = '2026-06-01 10:00', says = 'mett' }]", "knows no `mett`");
}
