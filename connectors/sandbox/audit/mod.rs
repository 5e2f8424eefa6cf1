//! The independent oracle: what the rule owed by the CRM's own history, compared with the tasks that are there.
//!
//! It knows neither the engine nor any connector; what a rule means is written here a second time, from its description.

mod asking;
mod compare;
mod deal;
mod discounts;
mod due;
mod episode;
mod errands;
mod hours;
mod local;
mod people;
mod process;
mod quiet;
mod reading;
mod reminder;
mod report;
mod requests;
mod rule;
mod run;
mod stories;
mod task;
mod upkeep;
mod words;

pub use reading::{Message, digests, messages};
pub use report::{AuditReport, Finding, Matter, RequestsFound, ViolationFound};
pub use rule::{AuditedDiscount, AuditedRule, AuditedStep, AuditedWayOut, Tolerance};
pub use stories::{Story, StoryKind, stories};

use std::collections::BTreeMap;

use crate::dump::Dump;
use asking::Asked;
use deal::Deal;
use episode::Episode;
use people::People;
use task::Task;
use words::Words;

/// Judges an account by its dump.
pub fn audit(dump: &Dump, rule: &AuditedRule, tolerance: &Tolerance) -> AuditReport {
    let tasks = task::read(dump, rule);
    let ledger = Ledger::read(dump, &tasks, rule, tolerance);
    compare::compare(&ledger, &tasks)
}

/// What the CRM's history says, read once.
struct Ledger<'a> {
    dump: &'a Dump,
    words: &'static Words,
    rule: &'a AuditedRule,
    tolerance: &'a Tolerance,
    people: People<'a>,
    /// Deals with what the rule means for them, by id.
    deals: BTreeMap<&'a str, Told<'a>>,
}

/// A deal with what the rule means for it.
struct Told<'a> {
    deal: Deal<'a>,
    episodes: Vec<Episode<'a>>,
    /// When somebody waited for a decision.
    asked: Vec<Asked>,
}

impl<'a> Ledger<'a> {
    fn read(dump: &'a Dump, tasks: &[Task<'a>], rule: &'a AuditedRule, tolerance: &'a Tolerance) -> Ledger<'a> {
        let words = Words::of(dump.crm);
        let people = People::read(dump, rule, words);
        let records = dump.records.get(words.deals).map_or(&[][..], Vec::as_slice);
        let asking = task::asking(tasks);
        let runs = run::read(dump);
        let deals = records.iter().map(|record| {
            let asking = asking.get(record.id.as_str()).map_or(&[][..], Vec::as_slice);
            let runs = runs.get(record.id.as_str()).cloned().unwrap_or_default();
            let deal = Deal::read(record, asking, runs, rule, words, dump.at);
            let (episodes, asked) = episode::episodes(&deal, &people, rule, tolerance);
            (record.id.as_str(), Told { deal, episodes, asked })
        });
        let deals = deals.collect();
        Ledger { dump, words, rule, tolerance, people, deals }
    }
}

#[cfg(test)]
mod tests;
