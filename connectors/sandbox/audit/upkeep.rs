//! Whether tasks are looked after: completed when their work is done or over, left alone else, handed over with the deal.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::Ledger;
use super::compare::{Expected, finding};
use super::due;
use super::episode::{EndReason, Episode, Mode};
use super::report::{Finding, Matter};
use super::task::Task;

/// Everything that is wrong with the tasks that came of expected reminders.
pub(super) fn inspect<'a>(ledger: &Ledger<'a>, tasks: &[Task<'a>], expected: &[Expected<'a, '_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for each in expected {
        let Some(task) = each.task.map(|index| &tasks[index]) else { continue };
        let later = || later_reminders(each, expected).map(|index| tasks[index].created_at());
        let faults = [
            left_open(ledger, task, each, later().min()).then_some(Matter::LeftOpen),
            closed_too_early(ledger, task, each, later().min()).then_some(Matter::ClosedTooEarly),
            not_handed_over(ledger, task, each).then_some(Matter::NotHandedOver),
            due_not_moved(ledger, task, each).then_some(Matter::DueNotMoved),
        ];
        findings.extend(faults.into_iter().flatten().map(|what| finding(ledger, what, Some(each), Some(task))));
    }
    findings
}

/// The tasks of later steps of the same clock, in this round or another.
fn later_reminders<'e>(
    each: &'e Expected<'_, '_>,
    expected: &'e [Expected<'_, '_>],
) -> impl Iterator<Item = usize> + 'e {
    let of_clock =
        move |other: &&Expected<'_, '_>| other.deal == each.deal && other.episode.clock == each.episode.clock;
    let place = |each: &Expected<'_, '_>| (each.episode.round, each.step);
    expected.iter().filter(of_clock).filter(move |other| place(other) > place(each)).filter_map(|other| other.task)
}

/// The rounds of a task's clock, in order.
fn rounds<'l, 'a>(ledger: &'l Ledger<'a>, each: &'l Expected<'a, '_>) -> impl Iterator<Item = &'l Episode<'a>> + Clone {
    let episodes = ledger.deals.get(each.deal).map_or(&[][..], |told| told.episodes.as_slice());
    episodes.iter().filter(move |round| round.clock == each.episode.clock)
}

/// Whether the task stands open although its clock is over or a later reminder took its place.
fn left_open(ledger: &Ledger<'_>, task: &Task<'_>, each: &Expected<'_, '_>, later: Option<DateTime<Utc>>) -> bool {
    let ended = rounds(ledger, each).filter_map(|round| round.end).filter_map(|end| match end.why {
        EndReason::Met | EndReason::MetLate | EndReason::OutOfScope => Some(ledger.tolerance.latest(end.at)),
        EndReason::Deleted | EndReason::Merged => Some(ledger.tolerance.latest(end.at + ledger.tolerance.reconcile)),
        EndReason::Replanned => None,
    });
    let overtaken = later.map(|at| ledger.tolerance.latest(at));
    let Some(over) = ended.chain(overtaken).min() else { return false };
    let latest = over.max(ledger.tolerance.latest(task.created_at()));
    // What a person did to the status, or to the task as a whole, stands.
    let theirs = task.touched_by_person(ledger.words.status).is_some();
    let completed = task.completed_by_daemon_at().is_some_and(|at| at <= latest);
    latest < ledger.dump.at && !theirs && !completed
}

/// Whether the daemon completed the task although its clock still ran and no later reminder came.
fn closed_too_early(
    ledger: &Ledger<'_>,
    task: &Task<'_>,
    each: &Expected<'_, '_>,
    later: Option<DateTime<Utc>>,
) -> bool {
    let Some(closed) = task.completed_by_daemon_at() else { return false };
    let grace = ledger.tolerance.grace;
    let ends = rounds(ledger, each).filter_map(|round| round.end).filter(|end| end.why != EndReason::Replanned);
    let over = ends.into_iter().any(|end| end.at <= closed);
    let overtaken = later.is_some_and(|at| at <= closed + grace);
    let away = rounds(ledger, each).flat_map(|round| &round.stretches).any(|stretch| {
        stretch.mode == Mode::Away && stretch.from <= closed && closed <= ledger.tolerance.latest(stretch.to)
    });
    !over && !overtaken && !away
}

/// Whether the task still belongs to somebody who has not been its recipient for a while.
fn not_handed_over(ledger: &Ledger<'_>, task: &Task<'_>, each: &Expected<'_, '_>) -> bool {
    let Some(round) = rounds(ledger, each).last() else { return false };
    let violated = rounds(ledger, each).any(|round| round.violated.is_some());
    let theirs = task.touched_by_person(ledger.words.owner).is_some() || task.completed().is_some();
    if round.end.is_some() || violated || theirs {
        return false;
    }
    let now = ledger.dump.at;
    let since = now - ledger.tolerance.people.max(ledger.tolerance.grace);
    let recent = round.stretches.iter().filter(|stretch| stretch.to > since);
    let recipients = recent.flat_map(|stretch| [since, now].map(|at| ledger.people.recipient_at(stretch.owner, at)));
    let recipients: BTreeSet<&str> = recipients.flatten().collect();
    let holder = task.record.value(ledger.words.owner);
    !recipients.is_empty() && !holder.is_some_and(|holder| recipients.contains(holder))
}

/// Whether the task is open and still shows the deadline before the last decision.
fn due_not_moved(ledger: &Ledger<'_>, task: &Task<'_>, each: &Expected<'_, '_>) -> bool {
    let Some(round) = rounds(ledger, each).last() else { return false };
    let moved = each.episode.round < round.round && !round.vague;
    let settled = ledger.tolerance.latest(round.entered) < ledger.dump.at && round.end.is_none();
    let theirs = task.touched_by_person(ledger.words.due).is_some() || task.completed().is_some();
    moved && settled && !theirs && due::is_off(ledger, task, round.deadline, ledger.dump.at)
}
