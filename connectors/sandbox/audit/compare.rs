//! Lays the tasks that exist beside the reminders that were owed.

use std::collections::{BTreeSet, HashSet};

use super::discounts;
use super::due;
use super::episode::{Episode, Mode};
use super::process;
use super::quiet;
use super::reminder::{Reminder, owed};
use super::report::{AuditReport, Finding, Matter, ViolationFound};
use super::requests;
use super::task::Task;
use super::upkeep;
use super::{Ledger, Told};
use crate::dump::LifeEvent;

/// A reminder that must or may come, with the task that came of it.
pub(super) struct Expected<'a, 'l> {
    pub(super) deal: &'a str,
    /// The episode, by its place among the deal's.
    pub(super) number: usize,
    pub(super) episode: &'l Episode<'a>,
    pub(super) step: usize,
    pub(super) reminder: Reminder<'a>,
    /// The first task that came of it, by its place among the tasks.
    pub(super) task: Option<usize>,
}

/// Compares what was owed with what is there.
pub(super) fn compare<'a>(ledger: &Ledger<'a>, tasks: &[Task<'a>]) -> AuditReport {
    let mut report = AuditReport::default();
    let mut expected = expected(ledger);
    assign(ledger, tasks, &mut expected, &mut report);
    for each in &expected {
        settle(ledger, tasks, each, &mut report);
    }
    for found in upkeep::inspect(ledger, tasks, &expected) {
        report.tasks_left_open += u64::from(found.what == Matter::LeftOpen);
        report.details.push(found);
    }
    report.details.extend(requests::inspect(ledger, tasks, &mut report.requests));
    report.details.extend(process::inspect(ledger, &mut report.requests));
    report.details.extend(discounts::inspect(ledger, tasks, &mut report.requests));
    report.details.extend(quiet::inspect(ledger, tasks));
    report.tasks_completed = count(tasks.iter().filter(|task| task.completed_by_daemon_at().is_some()));
    report.violated = violations(ledger, tasks, &expected);
    report.violations_borderline = count(report.violated.iter().filter(|violation| violation.borderline));
    report.violations = count(report.violated.iter()) - report.violations_borderline;
    report
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count, _| count + 1)
}

/// Every reminder that must or may come.
pub(super) fn expected<'a, 'l>(ledger: &'l Ledger<'a>) -> Vec<Expected<'a, 'l>> {
    let mut expected = Vec::new();
    for (deal, Told { episodes, .. }) in &ledger.deals {
        for (number, episode) in episodes.iter().enumerate() {
            for (step, rule_step) in ledger.rule.steps.iter().enumerate() {
                if let Some(reminder) = owed(episode, rule_step, &ledger.people, ledger.rule, ledger.tolerance) {
                    expected.push(Expected { deal, number, episode, step, reminder, task: None });
                }
            }
        }
    }
    spare_after_merges(ledger, &mut expected);
    expected
}

/// No step is sent twice over a merge: what the absorbed deal was reminded of, the survivor need not be.
fn spare_after_merges(ledger: &Ledger<'_>, expected: &mut [Expected<'_, '_>]) {
    let mut spared = HashSet::new();
    for (survivor, Told { deal, .. }) in &ledger.deals {
        for life in &deal.record.life {
            let LifeEvent::Absorbed(absorbed) = &life.event else { continue };
            let sent_before = |each: &&Expected<'_, '_>| each.deal == absorbed && each.reminder.due <= life.at;
            let steps: BTreeSet<usize> = expected.iter().filter(sent_before).map(|each| each.step).collect();
            let after = |each: &Expected<'_, '_>| {
                each.deal == *survivor && steps.contains(&each.step) && each.reminder.until >= life.at
            };
            spared.extend(expected.iter().enumerate().filter(|(_, each)| after(each)).map(|(index, _)| index));
        }
    }
    for index in spared {
        expected[index].reminder.owed = false;
    }
}

/// Finds for each task the reminder that it is.
fn assign<'a>(ledger: &Ledger<'a>, tasks: &[Task<'a>], expected: &mut [Expected<'a, '_>], report: &mut AuditReport) {
    let mut identities = HashSet::new();
    for (index, task) in tasks.iter().enumerate() {
        let Some(step) = task.step else { continue };
        report.reminders_created += 1;
        let place = place_of(ledger, task, step, expected);
        let again = !identities.insert(task.key);
        let (what, place) = match place {
            Some(place) if again || expected[place.index].task.is_some() => (Some(Matter::Duplicate), Some(place)),
            None if again => (Some(Matter::Duplicate), None),
            None => (Some(Matter::Unexpected), None),
            Some(place) => {
                expected[place.index].task = Some(index);
                (place.late.then_some(Matter::Late), Some(place))
            }
        };
        let each = place.map(|place| &expected[place.index]);
        let finding = |what| finding(ledger, what, each, Some(task));
        report.reminders_duplicate += u64::from(what == Some(Matter::Duplicate));
        report.reminders_unexpected += u64::from(what == Some(Matter::Unexpected));
        report.reminders_late += u64::from(what == Some(Matter::Late));
        report.details.extend(what.map(finding));
        let knows = |each: &Expected<'_, '_>| task.first_owner().is_some_and(|o| each.reminder.recipients.contains(o));
        if what.is_none() && !each.is_some_and(knows) {
            report.details.push(finding(Matter::WrongRecipient));
        }
        if what.is_none() && each.is_some_and(|each| due::is_wrong(ledger, task, each)) {
            report.details.push(finding(Matter::WrongDueDate));
        }
    }
}

/// Where a task belongs.
#[derive(Clone, Copy)]
struct Place {
    /// The reminder, by its place among the expected ones.
    index: usize,
    late: bool,
}

fn place_of(ledger: &Ledger<'_>, task: &Task<'_>, step: usize, expected: &[Expected<'_, '_>]) -> Option<Place> {
    let at = task.created_at();
    let of_step = |each: &Expected<'_, '_>| each.step == step && task.deals.contains(&each.deal);
    let mut candidates: Vec<usize> = (0..expected.len()).filter(|index| of_step(&expected[*index])).collect();
    // After a merge, tasks of both deals hang on the survivor; the subject still tells whose they are.
    let named = |index: &usize| {
        let name = ledger.deals.get(expected[*index].deal).map(|told| told.deal.name_at(at));
        name.is_some_and(|name| task.subject().contains(name))
    };
    candidates.sort_by_key(|index| !named(index));
    let in_time = |index: &&usize| {
        let reminder = &expected[**index].reminder;
        reminder.due <= at && at <= reminder.until
    };
    if let Some(index) = candidates.iter().find(in_time) {
        return Some(Place { index: *index, late: false });
    }
    let late = |index: &&usize| {
        let each = &expected[**index];
        let running = each.episode.stretches.iter().any(|stretch| {
            stretch.mode == Mode::Running && stretch.from <= at && at < ledger.tolerance.latest(stretch.to)
        });
        running && each.reminder.until < at && at < each.episode.deadline
    };
    candidates.iter().rfind(late).map(|index| Place { index: *index, late: true })
}

/// Counts an expected reminder by whether it came.
fn settle<'a>(ledger: &Ledger<'a>, tasks: &[Task<'a>], each: &Expected<'a, '_>, report: &mut AuditReport) {
    let sent = each.task.is_some();
    report.reminders_due += u64::from(each.reminder.owed || sent);
    report.borderline += u64::from(!each.reminder.owed);
    let listed = || tasks.iter().find(|task| lists(ledger, task, each));
    let (what, task) = match (each.reminder.owed, each.task) {
        (true, Some(_)) => return,
        (false, Some(index)) => (Matter::BorderlineSent, Some(&tasks[index])),
        (false, None) => (Matter::BorderlineNotSent, None),
        (true, None) => match listed() {
            Some(task) => (Matter::Listed, Some(task)),
            None => (Matter::Missing, None),
        },
    };
    report.reminders_missing += u64::from(what == Matter::Missing);
    report.reminders_listed += u64::from(what == Matter::Listed);
    report.details.push(finding(ledger, what, Some(each), task));
}

/// Whether a task of another kind lists this reminder: people get a list once a day brings too many.
fn lists(ledger: &Ledger<'_>, task: &Task<'_>, each: &Expected<'_, '_>) -> bool {
    let day = chrono::Duration::days(1);
    let that_day = each.reminder.due <= task.created_at() + day && task.created_at() <= each.reminder.due + day;
    let theirs = task.first_owner().is_some_and(|owner| each.reminder.recipients.contains(owner));
    let named = || {
        let name = ledger.deals.get(each.deal).map(|told| told.deal.name_at(each.reminder.due)).unwrap_or_default();
        let escaped = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let body = task.record.value(ledger.words.body).unwrap_or_default();
        body.contains(name) || body.contains(&escaped)
    };
    task.step.is_none() && that_day && theirs && named()
}

fn violations<'a>(ledger: &Ledger<'a>, tasks: &[Task<'a>], expected: &[Expected<'a, '_>]) -> Vec<ViolationFound> {
    let mut found = Vec::new();
    for (deal, Told { episodes, .. }) in &ledger.deals {
        for episode in episodes {
            let Some(violated) = episode.violated else { continue };
            let stretch = episode.stretches.iter().rfind(|stretch| stretch.from <= violated.at);
            let owner = stretch.and_then(|stretch| stretch.owner);
            let of_clock = |each: &&Expected<'a, '_>| each.deal == *deal && each.episode.clock == episode.clock;
            let sent = expected.iter().filter(of_clock).filter_map(|each| Some(&tasks[each.task?]));
            let reached = |task: &Task<'_>| task.created_at() < violated.at && task.first_owner() == owner;
            found.push(ViolationFound {
                deal: (*deal).to_owned(),
                at: violated.at,
                owner: owner.map(str::to_owned),
                reminded: sent.into_iter().any(reached),
                borderline: !violated.certain,
            });
        }
    }
    found.sort_by_key(|violation| violation.at);
    found
}

/// Writes a finding down.
pub(super) fn finding(
    ledger: &Ledger<'_>,
    what: Matter,
    each: Option<&Expected<'_, '_>>,
    task: Option<&Task<'_>>,
) -> Finding {
    let deal = each.map(|each| each.deal).or_else(|| task?.deals.first().copied());
    let step = each.map(|each| each.step).or_else(|| task?.step);
    Finding {
        what,
        deal: deal.map(str::to_owned),
        step: step.map(|step| ledger.rule.steps[step].name.clone()),
        due: each.map(|each| each.reminder.due),
        task: task.map(|task| task.record.id.clone()),
    }
}
