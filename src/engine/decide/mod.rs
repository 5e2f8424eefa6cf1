//! The heart: what follows from one event of one case, as a pure and total function.
//!
//! Whoever stores a decision stores the case, the timer, the effects, the posts and the journal in one batch, so that a
//! crash leaves either all of it or nothing.

mod absorb;
mod clock;
mod digest;
mod extension;
mod facts;
mod fire;
mod hearings;
mod intake;
mod judge;
mod matter;
mod notice;
mod outlook;
mod person;
mod plan;
mod reason;
mod recipient;
mod record;
mod replay;
mod report;
mod request;
mod settle;
mod shadow;
mod tamper;
mod tasks;
mod words;

#[cfg(test)]
mod bench;
#[cfg(test)]
mod laws;

use chrono::Duration;
use dealclock_model::{Case, CaseId, Effect, EffectId, Entry, Event, Fact, Instant, People};

use crate::rules::{Calendars, Rules};
use crate::time::local::later;

pub use outlook::{Upcoming, WhyNot, outlook, why_not};

/// What follows from an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The case as it is from now on.
    pub case: Case,
    /// What is to be written to the world.
    pub effects: Vec<Effect>,
    /// Effects of earlier decisions that are not to be written any more; one already under way is settled nevertheless.
    pub superseded: Vec<EffectId>,
    /// Events for other cases.
    pub posts: Vec<(CaseId, Event)>,
    /// When the case is to be woken; always later than now.
    pub wake_at: Option<Instant>,
    /// What happened or did not, and why.
    pub journal: Vec<Entry>,
    /// What happened, in the form that reports count.
    pub facts: Vec<Fact>,
}

/// Decides what follows from an event; equal arguments give equal decisions.
pub fn decide(
    rules: &Rules,
    calendars: &Calendars,
    people: &People,
    id: &CaseId,
    case: &Case,
    event: &Event,
    now: Instant,
) -> Decision {
    let desk = Desk { rules, calendars, people, now };
    match (id, case) {
        (CaseId::Record(id), Case::Record(case)) => record::decide(desk, id, case, event),
        (CaseId::Person { connection, person }, Case::Person(case)) => {
            person::decide(desk, connection, person, case, event)
        }
        (CaseId::Intake { connection, rule }, Case::Intake(case)) => {
            intake::decide(desk, connection, rule, case, event)
        }
        (CaseId::Digest { connection, digest, person }, Case::Digest(case)) => {
            digest::decide(desk, connection, digest, person, case, event)
        }
        (CaseId::Report { connection, report }, Case::Report(case)) => {
            report::decide(desk, connection, report, case, event)
        }
        (
            CaseId::Record(_)
            | CaseId::Person { .. }
            | CaseId::Intake { .. }
            | CaseId::Digest { .. }
            | CaseId::Report { .. },
            case,
        ) => Draft::default().conclude(case.clone(), None, now),
    }
}

/// What decisions are made from, beside the case itself.
#[derive(Clone, Copy)]
struct Desk<'a> {
    rules: &'a Rules,
    calendars: &'a Calendars,
    people: &'a People,
    now: Instant,
}

/// A decision in the making.
#[derive(Default)]
struct Draft {
    effects: Vec<Effect>,
    superseded: Vec<EffectId>,
    posts: Vec<(CaseId, Event)>,
    journal: Vec<Entry>,
    facts: Vec<Fact>,
}

impl Draft {
    fn conclude(self, case: Case, wake_at: Option<Instant>, now: Instant) -> Decision {
        let Draft { effects, superseded, posts, journal, facts } = self;
        let soonest = later(now, Duration::milliseconds(1));
        let wake_at = wake_at.map(|at| at.max(soonest)).filter(|at| *at > now);
        Decision { case, effects, superseded, posts, wake_at, journal, facts }
    }
}
