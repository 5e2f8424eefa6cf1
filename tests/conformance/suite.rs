//! The cases and the subjects, and how a case is run: alone, in a world of its own.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use crate::cases;
use crate::log;
use crate::subject::Subject;
use crate::subjects::{csv::Csv, hubspot::HubSpot, salesforce::Salesforce};
use crate::world::World;

/// A case while it runs.
pub type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One case: what it shows, and how.
pub struct Case {
    /// The group, as README shows it.
    pub group: &'static str,
    /// What the connector is shown to cope with; the name by which subjects say that they cannot have it.
    pub name: &'static str,
    /// The case itself.
    pub run: for<'a> fn(&'a mut World) -> Running<'a>,
}

/// One connector.
pub struct Candidate {
    /// The name to run it by.
    pub key: &'static str,
    /// The name as README shows it.
    pub label: &'static str,
    lacks: fn(&str) -> Option<&'static str>,
    new: fn(bool) -> Box<dyn Subject>,
}

impl Candidate {
    const fn of<S: Subject + 'static>(key: &'static str, label: &'static str) -> Candidate {
        Candidate { key, label, lacks: S::lacks, new: |is_limited| Box::new(S::new(is_limited)) }
    }
}

/// Every connector.
pub const CANDIDATES: &[Candidate] = &[
    Candidate::of::<HubSpot>("hubspot", "HubSpot"),
    Candidate::of::<Salesforce>("salesforce", "Salesforce"),
    Candidate::of::<Csv>("csv", "plug-in (CSV)"),
];

/// How a case went with a candidate.
pub struct Outcome {
    /// The candidate, by its place.
    pub candidate: usize,
    /// The group.
    pub group: &'static str,
    /// The case.
    pub case: &'static str,
    /// How it went.
    pub verdict: Verdict,
}

/// How a case went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// The CRM cannot have it, and why.
    Lacking(&'static str),
}

impl Outcome {
    /// Whether the suite fails by it.
    pub fn is_failure(&self) -> bool {
        self.verdict == Verdict::Failed
    }
}

/// Runs the cases whose names are wanted, with every candidate.
pub fn run(is_wanted: impl Fn(&str) -> bool) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (place, candidate) in CANDIDATES.iter().enumerate() {
        for case in cases::all() {
            let name = format!("{}: {}: {}", candidate.key, case.group, case.name);
            if !is_wanted(&name) {
                continue;
            }
            let verdict = match (candidate.lacks)(case.name) {
                Some(why) => Verdict::Lacking(why),
                None if passes(candidate, &case) => Verdict::Passed,
                None => Verdict::Failed,
            };
            let word = match verdict {
                Verdict::Passed => "ok".to_owned(),
                Verdict::Failed => "FAILED".to_owned(),
                Verdict::Lacking(why) => format!("n/a, {why}"),
            };
            println!("{name} ... {word}");
            outcomes.push(Outcome { candidate: place, group: case.group, case: case.name, verdict });
        }
    }
    outcomes
}

fn passes(candidate: &Candidate, case: &Case) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    log::taken();
    let alone = || {
        runtime.block_on(async {
            let mut world = World::new((candidate.new)(case.name == cases::LIMITED));
            (case.run)(&mut world).await;
            world.assert_discreet();
        });
    };
    std::panic::catch_unwind(AssertUnwindSafe(alone)).is_ok()
}
