//! Which reminders an episode owes: when, to whom, and whether not sending it would be right as well.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::episode::{Episode, Mode, Stretch};
use super::local;
use super::people::People;
use super::rule::{AuditedRule, AuditedStep, Tolerance};

/// A reminder that must come, or may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reminder<'a> {
    /// The earliest instant at which it may come.
    pub(super) due: DateTime<Utc>,
    /// The latest.
    pub(super) until: DateTime<Utc>,
    /// Whether it must come; else either is right, since a change was under way.
    pub(super) owed: bool,
    /// Who may get it: several while a change of the owner is under way.
    pub(super) recipients: BTreeSet<&'a str>,
}

/// What an episode owes for one step; `None` when it must not come.
pub(super) fn owed<'a>(
    episode: &Episode<'a>,
    step: &AuditedStep,
    people: &People<'a>,
    rule: &AuditedRule,
    tolerance: &Tolerance,
) -> Option<Reminder<'a>> {
    let mut scenes = scenes(episode, step, people, rule, tolerance);
    let mut found: Option<Reminder<'a>> = None;
    let dues: BTreeSet<DateTime<Utc>> = scenes.iter().map(|scene| scene.due).collect();
    scenes.push(after_the_end(episode, tolerance));
    for due in dues {
        let until = tolerance.latest(due);
        let touched: Vec<&Scene<'a>> = scenes.iter().filter(|scene| scene.from <= until && due < scene.reach).collect();
        let recipients: BTreeSet<&str> = touched.iter().filter_map(|scene| scene.sends_at(due)).collect();
        if recipients.is_empty() {
            let silenced = |scene: &&Scene<'a>| scene.part == Part::Silenced && scene.due == due;
            if !touched.is_empty() && touched.iter().all(silenced) {
                // It fell into a silence and is not saved up.
                return found;
            }
            continue;
        }
        let undisturbed = due >= episode.entered + tolerance.grace
            && touched.iter().all(|scene| scene.sends_at(due).is_some())
            && !overtaken(episode, due, until, step, rule, tolerance);
        let owed = undisturbed && found.is_none() && !episode.vague;
        add(&mut found, Reminder { due, until, owed, recipients });
        if undisturbed {
            break;
        }
    }
    if episode.round > 0 {
        add_halfway(&mut found, episode, step, &scenes, rule, tolerance);
    } else if !found.as_ref().is_some_and(|reminder| reminder.owed) {
        add_belated(&mut found, episode, &scenes, tolerance);
    }
    found.map(|reminder| blur(reminder, episode))
}

/// A part of the episode with what this step looks like in it.
#[derive(Debug)]
struct Scene<'a> {
    from: DateTime<Utc>,
    /// Until when the daemon may still act on what held here: the end, and the time a change takes to be noticed.
    reach: DateTime<Utc>,
    part: Part,
    due: DateTime<Utc>,
    recipient: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Running,
    Silenced,
    Away,
    /// The episode is over, or nobody knows how it goes on.
    Over,
}

impl<'a> Scene<'a> {
    /// Who gets the step when it goes out here at `due`.
    fn sends_at(&self, due: DateTime<Utc>) -> Option<&'a str> {
        if self.part == Part::Running && self.due == due { self.recipient } else { None }
    }
}

fn scenes<'a>(
    episode: &Episode<'a>,
    step: &AuditedStep,
    people: &People<'a>,
    rule: &AuditedRule,
    tolerance: &Tolerance,
) -> Vec<Scene<'a>> {
    let changes = people.changes();
    let mut scenes = Vec::new();
    for stretch in &episode.stretches {
        let inner = changes.iter().copied().filter(|at| stretch.from < *at && *at < stretch.to);
        let starts: Vec<DateTime<Utc>> = std::iter::once(stretch.from).chain(inner).collect();
        for (index, from) in starts.iter().enumerate() {
            let reach = match starts.get(index + 1) {
                Some(change) => *change + tolerance.people,
                None => stretch.to + tolerance.grace,
            };
            scenes.push(scene(episode, stretch, step, people, rule, *from, reach));
        }
    }
    scenes
}

fn scene<'a>(
    episode: &Episode<'a>,
    stretch: &Stretch<'a>,
    step: &AuditedStep,
    people: &People<'a>,
    rule: &AuditedRule,
    from: DateTime<Utc>,
    reach: DateTime<Utc>,
) -> Scene<'a> {
    let recipient = people.recipient_at(stretch.owner, from);
    // Days are counted in the clock's zone, the time of day in the reader's.
    let date = episode.date_of_step(step.days, rule);
    let zone = people.zone_at(recipient.or(stretch.owner), from);
    let nominal = local::instant_of(date, rule.send_time, zone).max(episode.zero);
    let hours = recipient.and_then(|recipient| people.hours_at(recipient, from));
    // A round plans nothing before it begins.
    let first = if episode.round == 0 { episode.zero } else { episode.entered };
    let due = hours.map_or(nominal, |hours| hours.move_to(nominal, first, episode.deadline));
    let part = match stretch.mode {
        Mode::Running => Part::Running,
        Mode::Silenced => Part::Silenced,
        Mode::Away => Part::Away,
    };
    Scene { from, reach, part, due, recipient }
}

/// What comes after the last stretch.
fn after_the_end<'a>(episode: &Episode<'a>, tolerance: &Tolerance) -> Scene<'a> {
    let known_to = episode.stretches.last().map_or(episode.entered, |stretch| stretch.to);
    let from = episode.end.map_or(known_to, |end| end.at);
    let forever = DateTime::<Utc>::MAX_UTC - tolerance.grace;
    Scene { from, reach: forever, part: Part::Over, due: forever, recipient: None }
}

/// Whether an outage lasts so long that a later step, or the deadline, makes this one useless.
fn overtaken(
    episode: &Episode<'_>,
    due: DateTime<Utc>,
    until: DateTime<Utc>,
    step: &AuditedStep,
    rule: &AuditedRule,
    tolerance: &Tolerance,
) -> bool {
    let outage = until > due + tolerance.grace;
    let later = rule
        .steps
        .iter()
        .filter(|other| other.days > step.days)
        .map(|other| local::instant_of(episode.date_of_step(other.days, rule), rule.send_time, episode.zone));
    outage && later.chain([episode.deadline]).any(|at| at <= until + chrono::Duration::days(1))
}

/// A clock that is handed to somebody whose time for the step is over already: sending it at once and dropping it are
/// both right. What fell due before the clock started, or while it was away, is not sent.
fn add_belated<'a>(
    found: &mut Option<Reminder<'a>>,
    episode: &Episode<'a>,
    scenes: &[Scene<'a>],
    tolerance: &Tolerance,
) {
    for pair in scenes.windows(2) {
        let [before, scene] = pair else { continue };
        let Some(recipient) = scene.recipient.filter(|_| scene.part == Part::Running) else { continue };
        let gone_by = scene.due < scene.from && episode.entered <= scene.due && scene.from < before.due;
        if gone_by && before.part != Part::Away && scene.from < episode.deadline {
            let until = tolerance.latest(scene.from) + tolerance.people;
            let recipients = BTreeSet::from([recipient]);
            add(found, Reminder { due: scene.from, until, owed: false, recipients });
        }
    }
}

/// A round in which no reminder is left has one halfway to its deadline; by which name it goes is not said.
fn add_halfway<'a>(
    found: &mut Option<Reminder<'a>>,
    episode: &Episode<'a>,
    step: &AuditedStep,
    scenes: &[Scene<'a>],
    rule: &AuditedRule,
    tolerance: &Tolerance,
) {
    let is_last = rule.steps.last().is_some_and(|last| last.name == step.name);
    let left = scenes.iter().any(|scene| scene.part != Part::Over && episode.entered + tolerance.grace < scene.due);
    if is_last && !left {
        let recipients: BTreeSet<&str> = scenes.iter().filter_map(|scene| scene.recipient).collect();
        add(found, Reminder { due: episode.entered, until: episode.deadline, owed: false, recipients });
    }
}

fn add<'a>(found: &mut Option<Reminder<'a>>, reminder: Reminder<'a>) {
    match found {
        None => *found = Some(reminder),
        Some(known) => {
            known.due = known.due.min(reminder.due);
            known.until = known.until.max(reminder.until);
            known.recipients.extend(reminder.recipients);
        }
    }
}

/// When it is not known on which date a clock started, a day either way is right.
fn blur<'a>(reminder: Reminder<'a>, episode: &Episode<'a>) -> Reminder<'a> {
    if !episode.vague {
        return reminder;
    }
    let day = chrono::Duration::days(1);
    Reminder { due: reminder.due - day, until: reminder.until + day, owed: false, ..reminder }
}
