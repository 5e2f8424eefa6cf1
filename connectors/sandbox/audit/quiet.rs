//! What must never come: anything of a rule on trial, and a second digest for one reader on one day.

use std::collections::HashSet;

use super::Ledger;
use super::compare::finding;
use super::local;
use super::report::{Finding, Matter};
use super::task::Task;

/// Every task that must not be there, whatever the deals say.
pub(super) fn inspect(ledger: &Ledger<'_>, tasks: &[Task<'_>]) -> Vec<Finding> {
    let begins = |task: &Task<'_>, words: &Option<String>| {
        words.as_ref().is_some_and(|words| task.subject().starts_with(words.as_str()))
    };
    let on_trial = tasks.iter().filter(|task| begins(task, &ledger.rule.on_trial));
    let mut findings: Vec<Finding> =
        on_trial.map(|task| finding(ledger, Matter::FromTrial, None, Some(task))).collect();
    let mut read = HashSet::new();
    for task in tasks.iter().filter(|task| begins(task, &ledger.rule.digest)) {
        let reader = task.first_owner();
        let date = local::date_of(task.created_at(), ledger.people.zone_at(reader, task.created_at()));
        if !read.insert((reader, task.family(), date)) {
            findings.push(finding(ledger, Matter::DigestTwice, None, Some(task)));
        }
    }
    findings
}
