//! The independent oracle: what the rule owed by the CRM's own history, compared with the tasks that are there.
//!
//! It knows neither the engine nor any connector; what a rule means is written here a second time, from its description.

mod compare;
mod deal;
mod due;
mod episode;
mod hours;
mod local;
mod people;
mod reminder;
mod report;
mod rule;
mod stories;
mod task;
mod upkeep;
mod words;

pub use report::{AuditReport, Finding, Matter, ViolationFound};
pub use rule::{AuditedRule, AuditedStep, Tolerance};
pub use stories::{Story, StoryKind, stories};

use std::collections::BTreeMap;

use crate::dump::Dump;
use deal::Deal;
use episode::Episode;
use people::People;
use words::Words;

/// Judges an account by its dump.
pub fn audit(dump: &Dump, rule: &AuditedRule, tolerance: &Tolerance) -> AuditReport {
    let ledger = Ledger::read(dump, rule, tolerance);
    compare::compare(&ledger, &task::read(dump, rule))
}

/// What the CRM's history says, read once.
struct Ledger<'a> {
    dump: &'a Dump,
    words: &'static Words,
    rule: &'a AuditedRule,
    tolerance: &'a Tolerance,
    people: People<'a>,
    /// Deals with their episodes, by id.
    deals: BTreeMap<&'a str, (Deal<'a>, Vec<Episode<'a>>)>,
}

impl<'a> Ledger<'a> {
    fn read(dump: &'a Dump, rule: &'a AuditedRule, tolerance: &'a Tolerance) -> Ledger<'a> {
        let words = Words::of(dump.crm);
        let people = People::read(dump, rule, words);
        let records = dump.records.get(words.deals).map_or(&[][..], Vec::as_slice);
        let deals = records.iter().map(|record| {
            let deal = Deal::read(record, rule, words, dump.at);
            let episodes = episode::episodes(&deal, &people, rule, tolerance);
            (record.id.as_str(), (deal, episodes))
        });
        let deals = deals.collect();
        Ledger { dump, words, rule, tolerance, people, deals }
    }
}

#[cfg(test)]
mod tests;
