//! Scenarios: `[[test]]` blocks in rule files, a timeline and what must come of it, run against the real engine.
//!
//! The runner plays a small CRM: records with their history, people, tasks that stay as people leave them. Time jumps from
//! one deed or wake-up to the next, so that months pass at once.

mod acts;
mod compare;
mod crm;
mod parse;
mod script;
mod world;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use dealclock_model::fault::{Fault, Source};
use toml_edit::Document;

use crate::read::section::Section;
use crate::read::{Catalogs, Load};
use crate::rules::Ruleset;

/// What became of one `[[test]]` block.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The test's name.
    pub name: String,
    /// The file.
    pub source: Arc<Source>,
    /// Where its header stands.
    pub span: Range<usize>,
    /// What became of it.
    pub verdict: Verdict,
}

/// Whether a test passed.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// What was expected came, and nothing else.
    Passed,
    /// Something else came: the lines of the run, with `-` before what is missing and `+` before what is too much.
    Failed(String),
    /// The block itself, or an edit of the rules in it, is at fault.
    Faulty(Vec<Fault>),
}

/// Runs the tests of all files. A file's tests see the rules of that file, and the calendars of all.
///
/// The rules themselves must be free of faults; otherwise those are what comes back.
pub fn run_tests(sources: &[Arc<Source>], catalogs: &Catalogs, load: Load<'_>) -> Result<Vec<TestResult>, Vec<Fault>> {
    Ruleset::read(sources, catalogs, load)?;
    let mut results = Vec::new();
    for source in sources {
        let Ok(document) = Document::parse(source.text.as_str()) else { continue };
        let root = Section::root(source, document.as_table());
        let bench = Bench { sources, source, catalogs, load };
        let mut faults = Vec::new();
        let blocks = root.tables("test", &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        results.extend(blocks.iter().map(|block| bench.run(block)));
    }
    Ok(results)
}

/// What a test runs with.
#[derive(Clone, Copy)]
struct Bench<'a> {
    sources: &'a [Arc<Source>],
    source: &'a Arc<Source>,
    catalogs: &'a Catalogs,
    load: Load<'a>,
}

impl Bench<'_> {
    fn run(&self, block: &Section<'_>) -> TestResult {
        let mut faults = Vec::new();
        let script = parse::read(block, self.catalogs, &mut faults);
        let name = script.as_ref().map_or_else(|| "test without a name".to_owned(), |script| script.name.clone());
        let verdict = match script {
            Some(script) if faults.is_empty() => match world::play(self, &script) {
                Ok(seen) => compare::compare(&script, &seen),
                Err(faults) => Verdict::Faulty(faults),
            },
            Some(_) | None => Verdict::Faulty(faults),
        };
        TestResult { name, source: Arc::clone(self.source), span: block.head.clone(), verdict }
    }

    /// The rules of the test's file, whose text may have been edited meanwhile.
    fn ruleset(&self, text: &str) -> Result<Ruleset, Vec<Fault>> {
        let edited = Source::new(self.source.name.clone(), text);
        let replace = |source: &Arc<Source>| if Arc::ptr_eq(source, self.source) { &edited } else { source }.clone();
        let sources: Vec<_> = self.sources.iter().map(replace).collect();
        let mut ruleset = Ruleset::read(&sources, self.catalogs, self.load)?;
        let document = Document::parse(text).ok();
        let own = document.as_ref().and_then(|document| document.get("rule")).and_then(|rules| rules.as_table_like());
        ruleset.rules.by_key.retain(|key, _| own.is_some_and(|own| own.contains_key(key.as_str())));
        Ok(ruleset)
    }
}
