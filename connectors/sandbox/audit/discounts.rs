//! Whether discounts are put to those who have to approve them, and approved by as many as it takes.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::report::{Finding, Matter, RequestsFound};
use super::rule::AuditedDiscount;
use super::task::{self, Task};
use super::{Ledger, Told};
use crate::dump::VersionDump;

/// Everything that is wrong with discounts; counts them.
pub(super) fn inspect(ledger: &Ledger<'_>, tasks: &[Task<'_>], found: &mut RequestsFound) -> Vec<Finding> {
    let Some(discount) = &ledger.rule.discount else { return Vec::new() };
    let asking = task::asking(tasks);
    let mut findings = Vec::new();
    for (id, told) in &ledger.deals {
        let asking = asking.get(id).map_or(&[][..], Vec::as_slice);
        let case = Case { ledger, discount, told, asking };
        case.count(found);
        findings.extend(case.not_asked().chain(case.undecided()).map(|what| Finding {
            what,
            deal: Some((*id).to_owned()),
            step: None,
            due: None,
            task: None,
        }));
    }
    findings
}

/// One deal, with the tasks that ask for a decision about it.
struct Case<'c, 'a> {
    ledger: &'c Ledger<'a>,
    discount: &'c AuditedDiscount,
    told: &'c Told<'a>,
    asking: &'c [&'c Task<'a>],
}

impl<'a> Case<'_, 'a> {
    fn count(&self, found: &mut RequestsFound) {
        found.discounts_granted += self.ours().count() as u64;
        found.discounts_granted_twice += self.ours().filter(|version| self.needed_at(version.at) > 1).count() as u64;
    }

    /// Discounts that stood long enough for somebody to be asked, and nobody was.
    fn not_asked(&self) -> impl Iterator<Item = Matter> {
        let versions = self.versions(&self.discount.field);
        let large = versions.iter().enumerate().filter(|(_, version)| percent(version) > self.discount.one_above);
        let overlooked = large.filter(|(index, version)| {
            let latest = self.ledger.tolerance.latest(version.at);
            let until = versions.get(index + 1).map_or(self.ledger.dump.at, |next| next.at);
            let gone = self.told.deal.record.life.iter().any(|life| life.at <= latest);
            let was_asked = self.asking.iter().any(|task| {
                let open = task.completed().is_none_or(|done| version.at <= done.at);
                task.created_at() <= latest && open
            });
            self.ledger.tolerance.watched_since <= version.at && latest < until && !gone && !was_asked
        });
        overlooked.map(|_| Matter::NotAsked)
    }

    /// Approvals that the daemon ticked although not enough people had approved.
    fn undecided(&self) -> impl Iterator<Item = Matter> {
        let undecided = self.ours().filter(|version| self.approved_by(version.at) < self.needed_at(version.at));
        undecided.map(|_| Matter::GrantedUndecided)
    }

    /// Approvals that the daemon ticked.
    fn ours(&self) -> impl Iterator<Item = &'a VersionDump> {
        let by_hand = self.ledger.words.by_hand;
        let ticked = self.versions(&self.discount.granted_as).iter();
        ticked.filter(move |version| version.value.as_deref() == Some("true") && version.source != by_hand)
    }

    /// How many people have approved by an instant.
    fn approved_by(&self, at: DateTime<Utc>) -> usize {
        let Some(way_out) = &self.ledger.rule.way_out else { return 0 };
        let (outcome, approved) = &way_out.outcome;
        let said = |task: &&&Task<'_>| task.set_by_person(outcome, approved).is_some_and(|said| said <= at);
        let people: BTreeSet<_> = self.asking.iter().filter(said).map(|task| task.first_owner()).collect();
        people.len()
    }

    fn needed_at(&self, at: DateTime<Utc>) -> usize {
        let mut versions = self.versions(&self.discount.field).iter();
        // A discount that is lowered about the time of the approval was approved as it was.
        let before = at - self.ledger.tolerance.grace;
        let known = versions.rfind(|version| version.at <= before).map_or(Decimal::ZERO, percent);
        usize::from(known > self.discount.one_above) + usize::from(known > self.discount.two_above)
    }

    fn versions(&self, property: &str) -> &'a [VersionDump] {
        self.told.deal.record.history.get(property).map_or(&[], Vec::as_slice)
    }
}

fn percent(version: &VersionDump) -> Decimal {
    version.value.as_deref().and_then(|value| value.parse().ok()).unwrap_or_default()
}
