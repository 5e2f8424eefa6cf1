//! The protocol's names and bounds: its version, its verbs, how long a line may be and an answer may take.

use std::time::Duration;

/// The version of the protocol that this connector speaks; `PROTOCOL.md` describes it.
pub const VERSION: u32 = 1;

/// The longest line that is read from the program, in bytes.
pub const LONGEST_LINE: usize = 16 << 20;

/// The most records or writes in one call, unless the program asks for fewer.
pub const BATCH: usize = 100;

/// The message that asks the program to end; it has no answer.
pub const SHUTDOWN: &str = "shutdown";

/// What the program may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Who are you, and what can you do? Always the first.
    Initialize,
    /// Is everything allowed that will be needed?
    Check,
    /// Which fields, stages and people are there?
    Discover,
    /// What changed since a cursor?
    Changes,
    /// What is the state of some records now?
    Fetch,
    /// Carry writes out.
    Apply,
    /// Were creations carried out?
    Find,
    /// Which keys of ours stand on the tasks of some records?
    Written,
    /// Which values did fields have before?
    History,
    /// What was decided in some tasks?
    Outcomes,
    /// Which fields are missing?
    Plan,
    /// Make a missing field.
    Make,
}

impl Verb {
    /// The method's name on the line.
    pub fn method(self) -> &'static str {
        match self {
            Verb::Initialize => "initialize",
            Verb::Check => "check",
            Verb::Discover => "discover",
            Verb::Changes => "changes",
            Verb::Fetch => "fetch",
            Verb::Apply => "apply",
            Verb::Find => "find",
            Verb::Written => "written",
            Verb::History => "history",
            Verb::Outcomes => "outcomes",
            Verb::Plan => "provision.plan",
            Verb::Make => "provision.make",
        }
    }

    /// Whether a call whose answer is missing may have changed something that a second call would change again.
    pub fn creates(self) -> bool {
        match self {
            Verb::Apply => true,
            Verb::Initialize
            | Verb::Check
            | Verb::Discover
            | Verb::Changes
            | Verb::Fetch
            | Verb::Find
            | Verb::Written
            | Verb::History
            | Verb::Outcomes
            | Verb::Plan
            | Verb::Make => false,
        }
    }
}

/// How long the program may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Until the whole answer to one call is there, the start of the program included.
    pub answer: Duration,
    /// Until it has ended by itself once it was told to.
    pub end: Duration,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { answer: Duration::from_secs(60), end: Duration::from_secs(2) }
    }
}
