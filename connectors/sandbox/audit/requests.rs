//! Whether requests are put to somebody once, and whether what was granted was decided.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::compare::finding;
use super::report::{Finding, Matter, RequestsFound};
use super::rule::AuditedWayOut;
use super::task::{self, Task};
use super::{Ledger, Told};
use crate::dump::{RecordDump, VersionDump};

/// Everything that is wrong with requests and grants; counts them.
pub(super) fn inspect(ledger: &Ledger<'_>, tasks: &[Task<'_>], found: &mut RequestsFound) -> Vec<Finding> {
    let mut findings = asked_twice(ledger, tasks);
    let Some(way_out) = &ledger.rule.way_out else { return findings };
    let asking = task::asking(tasks);
    for (id, told) in &ledger.deals {
        let asking = asking.get(id).map_or(&[][..], Vec::as_slice);
        let case = Case { ledger, way_out, told, asking };
        case.count(found);
        let wrong =
            case.not_asked().chain(case.granted_undecided()).chain(case.tampering_stands()).chain(case.left_open());
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

/// One person is asked once for one decision, and never by two tasks at a time.
fn asked_twice(ledger: &Ledger<'_>, tasks: &[Task<'_>]) -> Vec<Finding> {
    let mut last: HashMap<_, &Task<'_>> = HashMap::new();
    let mut findings = Vec::new();
    for task in tasks.iter().filter(|task| task.asks()) {
        let Some(earlier) = last.insert((task.family(), task.first_owner()), task) else { continue };
        let closed = earlier.completed().map(|version| version.at).or(earlier.record.archived_at);
        let stands = closed.is_none_or(|at| ledger.tolerance.latest(task.created_at()) < at);
        if earlier.key == task.key || stands {
            findings.push(finding(ledger, Matter::AskedTwice, None, Some(task)));
        }
    }
    findings
}

/// One deal, with the tasks that ask for a decision about it.
struct Case<'c, 'a> {
    ledger: &'c Ledger<'a>,
    way_out: &'c AuditedWayOut,
    told: &'c Told<'a>,
    asking: &'c [&'c Task<'a>],
}

impl Case<'_, '_> {
    fn count(&self, found: &mut RequestsFound) {
        found.asked += self.told.asked.len() as u64;
        let ours = |property: &str, value: &str| {
            let versions = self.versions(property).iter();
            versions.filter(|version| !self.by_hand(version) && version.value.as_deref() == Some(value)).count() as u64
        };
        found.granted += ours(&self.way_out.granted_as, "true");
        found.refused += ours(&self.ledger.rule.silenced_while, "false");
        let pairs = self.versions(&self.way_out.granted_as).windows(2);
        let set_back = |pair: &&[VersionDump]| is_ticked(&pair[0]) && self.by_hand(&pair[0]) && !self.by_hand(&pair[1]);
        found.set_back += pairs.filter(set_back).count() as u64;
    }

    /// A request that was open long enough for somebody to be asked, and nobody was.
    fn not_asked(&self) -> impl Iterator<Item = Matter> {
        let overdue = self.told.asked.iter().filter(|asked| {
            let latest = self.ledger.tolerance.latest(asked.from);
            let was_asked =
                self.asking.iter().any(|task| asked.from <= task.created_at() && task.created_at() <= latest);
            latest < asked.to.unwrap_or(self.ledger.dump.at) && !was_asked
        });
        overdue.map(|_| Matter::NotAsked)
    }

    /// A grant of ours that no decision of a person had preceded.
    fn granted_undecided(&self) -> impl Iterator<Item = Matter> {
        let granted = self.versions(&self.way_out.granted_as).iter();
        let ours = granted.filter(|version| is_ticked(version) && !self.by_hand(version));
        ours.filter(|version| !self.is_decided_by(version.at)).map(|_| Matter::GrantedUndecided)
    }

    fn is_decided_by(&self, at: DateTime<Utc>) -> bool {
        let (outcome, approved) = &self.way_out.outcome;
        let by_task =
            self.asking.iter().filter_map(|task| task.set_by_person(outcome, approved)).any(|said| said <= at);
        let (decision, granted) = &self.way_out.decision;
        let by_field = self
            .versions(decision)
            .iter()
            .any(|version| self.by_hand(version) && version.at <= at && version.value.as_deref() == Some(granted));
        let in_process = self.told.deal.runs.iter().filter_map(|run| run.decided);
        let in_process = in_process.into_iter().any(|decided| decided.granted && decided.at <= at);
        by_task || by_field || in_process
    }

    /// A grant that a person ticked and that the daemon has left standing for too long.
    fn tampering_stands(&self) -> impl Iterator<Item = Matter> {
        let versions = self.versions(&self.way_out.granted_as);
        let by_hand = versions.iter().enumerate().filter(|(_, version)| is_ticked(version) && self.by_hand(version));
        let stands = by_hand.filter(|(index, version)| {
            let latest = self.ledger.tolerance.latest(version.at);
            let until = versions.get(index + 1).map_or(self.ledger.dump.at, |next| next.at);
            let repeated = index.checked_sub(1).is_some_and(|before| is_ticked(&versions[before]));
            let watched = self.ledger.tolerance.watched_since <= version.at;
            watched && !repeated && latest < until && self.is_there_at(latest)
        });
        stands.map(|_| Matter::TamperingStands)
    }

    /// Tasks that still ask for a decision although there is none to take any more.
    fn left_open(&self) -> impl Iterator<Item = Matter> {
        // Where a discount is asked for as well, it cannot be told which of them a task is about.
        let discount = self.ledger.rule.discount.as_ref();
        let has_discount = discount.is_some_and(|discount| !self.versions(&discount.field).is_empty());
        let plain = !has_discount && self.told.deal.record.life.is_empty();
        let asked = self.told.asked.iter().filter(move |_| plain);
        let closed = asked.filter_map(|asked| Some((asked.from, asked.to?)));
        closed.flat_map(|(from, to)| self.open_beyond(from, to)).map(|_| Matter::LeftOpen)
    }

    /// The tasks that asked between two instants and still ask a while after the second.
    fn open_beyond(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<&Task<'_>> {
        let latest = self.ledger.tolerance.latest(to);
        let put = self.asking.iter().copied().filter(|task| from <= task.created_at() && task.created_at() <= to);
        let over = put.filter(|task| {
            let open = task.completed().is_none_or(|done| latest < done.at);
            let theirs = task.touched_by_person(self.ledger.words.status).is_some();
            latest < self.ledger.dump.at && open && !theirs
        });
        over.collect()
    }

    fn is_there_at(&self, at: DateTime<Utc>) -> bool {
        let record: &RecordDump = self.told.deal.record;
        record.life.iter().all(|life| at < life.at)
    }

    fn versions(&self, property: &str) -> &[VersionDump] {
        self.told.deal.record.history.get(property).map_or(&[], Vec::as_slice)
    }

    fn by_hand(&self, version: &VersionDump) -> bool {
        version.source == self.ledger.words.by_hand
    }
}

fn is_ticked(version: &VersionDump) -> bool {
    version.value.as_deref() == Some("true")
}
