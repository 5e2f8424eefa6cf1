//! Whether requests are decided in the CRM's own approval process where the rule wants it: handed in once for each
//! asking, never without one, and what is decided there holds.

use chrono::{DateTime, Utc};

use super::asking::Asked;
use super::deal::{Spell, Tick};
use super::report::{Finding, Matter, RequestsFound};
use super::run::{Decided, Run};
use super::{Ledger, Told};

/// Everything that is wrong with runs of the process; counts those that decided.
pub(super) fn inspect(ledger: &Ledger<'_>, found: &mut RequestsFound) -> Vec<Finding> {
    if !ledger.rule.way_out.as_ref().is_some_and(|way_out| way_out.in_process) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (id, told) in &ledger.deals {
        let case = Case { ledger, told };
        found.decided_in_process += case.decided().count() as u64;
        let wrong = case.not_handed_in().chain(case.handed_in_wrongly()).chain(case.unheeded());
        findings.extend(wrong.map(|what| Finding {
            what,
            deal: Some((*id).to_owned()),
            step: None,
            due: None,
            task: None,
        }));
    }
    findings
}

/// One deal with its runs.
struct Case<'c, 'a> {
    ledger: &'c Ledger<'a>,
    told: &'c Told<'a>,
}

impl<'c> Case<'c, '_> {
    /// Requests that were open for long while no run was.
    fn not_handed_in(&self) -> impl Iterator<Item = Matter> {
        let overlooked = self.told.asked.iter().filter(|asked| {
            let latest = self.latest(asked.from);
            // A run that was open when something was taken back goes on for what is asked next.
            let waits =
                |run: &Run| run.submitted <= latest && run.decided.is_none_or(|decided| asked.from <= decided.at);
            latest < asked.to.unwrap_or(self.ledger.dump.at) && !self.told.deal.runs.iter().any(waits)
        });
        overlooked.map(|_| Matter::NotHandedIn)
    }

    /// Runs beyond the first of an asking, and runs that nobody asked for.
    fn handed_in_wrongly(&self) -> impl Iterator<Item = Matter> {
        let runs = &self.told.deal.runs;
        runs.iter().enumerate().filter_map(|(index, run)| {
            let asked = self.asked_by(run);
            let Some(asked) = asked.filter(|asked| asked.to.is_none_or(|to| run.submitted <= self.latest(to))) else {
                return Some(Matter::HandedInUnasked);
            };
            let again = runs[..index].iter().any(|earlier| self.asked_by(earlier) == Some(asked));
            again.then_some(Matter::HandedInTwice)
        })
    }

    /// Decisions that were the first word about a request and after which the deal does not say so.
    fn unheeded(&self) -> impl Iterator<Item = Matter> {
        let unheeded = self.decided().filter(|(_, decided)| {
            let latest = self.latest(decided.at);
            let said = |spell: &&Spell<'_>| {
                let over = spell.sent || !spell.applies;
                over || if decided.granted { is_ours(spell.granted, true) } else { is_ours(spell.asks, false) }
            };
            let mut since = self.told.deal.spells.iter().filter(|spell| decided.at < spell.to && spell.from <= latest);
            latest < self.ledger.dump.at && !since.any(|spell| said(&spell))
        });
        unheeded.map(|_| Matter::DecisionUnheeded)
    }

    /// The decisions that were the first word about a request, each with what was asked.
    fn decided(&self) -> impl Iterator<Item = (&'c Asked, Decided)> {
        let decided = self.told.deal.runs.iter().filter_map(|run| run.decided);
        decided.filter_map(|decided| {
            let asked = self.told.asked.iter().rfind(|asked| asked.from <= decided.at)?;
            let open = asked.to.is_none_or(|to| decided.at <= to);
            let first = self.told.deal.is_undecided_before(asked.from, decided.at);
            (open && first).then_some((asked, decided))
        })
    }

    /// What was asked when a run began.
    fn asked_by(&self, run: &Run) -> Option<&'c Asked> {
        self.told.asked.iter().rfind(|asked| asked.from <= run.submitted)
    }

    fn latest(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.ledger.tolerance.latest(at)
    }
}

/// Whether a checkbox is in this state and no person has put it there.
fn is_ours(tick: Tick, ticked: bool) -> bool {
    tick.ticked == ticked && !tick.by_hand
}
