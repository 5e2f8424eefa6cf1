//! What reps and managers see, told from the CRM's data alone.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::asking::Turn;
use super::compare::{Expected, expected};
use super::deal::{Deal, Presence, Spell};
use super::episode::{EndReason, Episode, Mode};
use super::errands;
use super::local;
use super::rule::{AuditedRule, Tolerance};
use super::task::{self, Task};
use super::{Ledger, Told};
use crate::dump::Dump;

/// One thing that somebody in the company would notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// When.
    pub at: DateTime<Utc>,
    /// The zone of whoever it concerns, in which `at` is best shown.
    pub zone: Tz,
    /// The deal, by id.
    pub deal: String,
    /// What kind of thing.
    pub kind: StoryKind,
    /// One line for a person to read.
    pub text: String,
}

/// The kinds of things to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryKind {
    /// The rule begins to apply to a deal.
    Opened,
    /// The first reminder appears among the recipient's tasks.
    FirstReminder,
    /// The second one appears.
    SecondReminder,
    /// A third or later one appears.
    FurtherReminder,
    /// A person ticks a reminder off.
    TickedOff,
    /// The work is done, in time or late.
    ProposalSent {
        /// Whether it was in time.
        in_time: bool,
        /// How many open reminder tasks were completed by themselves.
        tasks_completed: usize,
    },
    /// The deadline has passed.
    Violated,
    /// The rep ticks Complex: nothing comes until it is decided or unticked.
    SilencedByComplex,
    /// Complex is unticked.
    SilenceEnds,
    /// Somebody is asked to decide.
    Asked,
    /// Somebody decides: for or against.
    Decided {
        /// Whether it was for.
        granted: bool,
    },
    /// More time was granted, and the deadline moves.
    Granted,
    /// More time was refused, by somebody or because nobody decided.
    Refused,
    /// The rep gives a grant back.
    TakenBack,
    /// Somebody ticked what only an approval ticks.
    Tampered,
    /// The daemon set it back.
    SetBack,
    /// The rep enters a discount that somebody has to allow.
    Discount,
    /// The discount is allowed.
    DiscountGranted,
    /// The rep says why.
    ReasonGiven,
    /// Another owner takes over.
    HandedOver,
    /// The rule no longer applies: lost, withdrawn, too small, deleted or merged.
    NoLongerNeeded,
}

/// Tells what happened since the account is watched, in order of time.
pub fn stories(dump: &Dump, rule: &AuditedRule, tolerance: &Tolerance) -> Vec<Story> {
    let tasks = task::read(dump, rule);
    let ledger = Ledger::read(dump, &tasks, rule, tolerance);
    let expected = expected(&ledger);
    let mut stories = Vec::new();
    for Told { deal, episodes, .. } in ledger.deals.values() {
        for (number, episode) in episodes.iter().enumerate() {
            let of_episode = |each: &&Expected<'_, '_>| each.deal == deal.record.id && each.number == number;
            let reminders: Vec<&Expected<'_, '_>> = expected.iter().filter(of_episode).collect();
            let mine = tasks.iter().filter(|task| belongs(task, deal, &reminders)).collect();
            Teller { ledger: &ledger, deal, episode, tasks: mine, stories: &mut stories }.tell();
        }
    }
    errands::tell(&ledger, &tasks, &mut stories);
    stories.sort_by(|a, b| (a.at, &a.deal, a.kind).cmp(&(b.at, &b.deal, b.kind)));
    stories
}

/// Whether a task is one of these reminders of the deal.
fn belongs(task: &Task<'_>, deal: &Deal<'_>, reminders: &[&Expected<'_, '_>]) -> bool {
    let at = task.created_at();
    let fits = |each: &&Expected<'_, '_>| {
        Some(each.step) == task.step && each.reminder.due <= at && at <= each.episode.deadline.max(each.reminder.until)
    };
    let own = task.deals.len() == 1 || task.subject().contains(deal.name_at(at));
    own && task.deals.contains(&deal.record.id.as_str()) && reminders.iter().any(fits)
}

/// Tells one episode.
struct Teller<'t, 'a> {
    ledger: &'t Ledger<'a>,
    deal: &'t Deal<'a>,
    episode: &'t Episode<'a>,
    tasks: Vec<&'t Task<'a>>,
    stories: &'t mut Vec<Story>,
}

impl<'a> Teller<'_, 'a> {
    fn tell(mut self) {
        match self.episode.because {
            None => self.opening(),
            Some(turn) => self.decision(turn),
        }
        self.reminders();
        self.changes();
        self.violation();
        self.ending();
    }

    fn opening(&mut self) {
        let at = self.episode.entered;
        let last_day = local::date_of(self.episode.deadline - Duration::seconds(1), self.episode.zone);
        let amount = self.spell_at(at).and_then(|spell| spell.amount).map(money).unwrap_or_default();
        let text = format!(
            "{} has {} open, worth {amount}: a proposal is due by {}",
            self.owner_name(at),
            self.title(at),
            last_day.format("%a %e %b"),
        );
        self.add(at, StoryKind::Opened, text);
    }

    fn decision(&mut self, turn: Turn) {
        let at = self.episode.entered;
        let last_day = local::date_of(self.episode.deadline - Duration::seconds(1), self.episode.zone);
        let (title, until) = (self.title(at), last_day.format("%a %e %b"));
        let (kind, text) = match turn {
            Turn::Granted { .. } => {
                (StoryKind::Granted, format!("Request approved is ticked on {title}: there is time until {until}"))
            }
            Turn::Refused { .. } => (
                StoryKind::Refused,
                format!("Complex is cleared on {title}, for more time is refused: it is due by {until}"),
            ),
            Turn::TakenBack { .. } => {
                let who = self.owner_name(at);
                (StoryKind::TakenBack, format!("{who} gives the extra time for {title} back: it is due by {until}"))
            }
        };
        self.add(at, kind, text);
    }

    fn reminders(&mut self) {
        for task in self.tasks.clone() {
            let (kind, count) = match task.step {
                Some(0) => (StoryKind::FirstReminder, "first"),
                Some(1) => (StoryKind::SecondReminder, "second"),
                Some(_) | None => (StoryKind::FurtherReminder, "further"),
            };
            let who = self.ledger.people.name(task.first_owner());
            self.add(task.created_at(), kind, format!("{who} finds a {count} reminder: \"{}\"", task.subject()));
            if let Some(done) = task.completed_by_person() {
                let text = format!("{who} ticks off the reminder of {}", self.title(done.at));
                self.add(done.at, StoryKind::TickedOff, text);
            }
        }
    }

    /// Silences and changes of the owner.
    fn changes(&mut self) {
        for pair in self.episode.stretches.windows(2) {
            let [before, after] = pair else { continue };
            let (at, who, title) = (after.from, self.owner_name(after.from), self.title(after.from));
            match (before.mode, after.mode) {
                (Mode::Running | Mode::Away, Mode::Silenced) => {
                    self.add(
                        at,
                        StoryKind::SilencedByComplex,
                        format!("{who} ticks Complex on {title}: its clock stands still"),
                    );
                }
                (Mode::Silenced, Mode::Running) => {
                    self.add(
                        at,
                        StoryKind::SilenceEnds,
                        format!("{who} unticks Complex on {title}: its clock counts again"),
                    );
                }
                (Mode::Running | Mode::Silenced | Mode::Away, Mode::Running | Mode::Silenced | Mode::Away) => {}
            }
            if before.owner != after.owner {
                let from = self.ledger.people.name(before.owner);
                let text = match (before.owner, after.owner) {
                    (None, _) => format!("{who} takes {title}, which nobody had"),
                    (Some(_), None) => format!("{from} gives {title} up, and nobody has it"),
                    (Some(_), Some(_)) => format!("{who} takes {title} over from {from}"),
                };
                self.add(at, StoryKind::HandedOver, text);
            }
        }
        if let Some(first) = self.episode.stretches.first().filter(|first| first.mode == Mode::Silenced) {
            let text = format!("{} is Complex from the beginning: its clock stands still", self.title(first.from));
            self.add(first.from, StoryKind::SilencedByComplex, text);
        }
    }

    fn violation(&mut self) {
        if let Some(violated) = self.episode.violated {
            let text = format!("no proposal for {}: {} is late", self.title(violated.at), self.owner_name(violated.at));
            self.add(violated.at, StoryKind::Violated, text);
        }
    }

    fn ending(&mut self) {
        let Some(end) = self.episode.end else { return };
        let (who, title) = (self.owner_name(end.at), self.title(end.at));
        match end.why {
            EndReason::Met | EndReason::MetLate => {
                let in_time = end.why == EndReason::Met;
                let completed = |task: &&&Task<'_>| task.completed_by_daemon_at().is_some_and(|at| at >= end.at);
                let tasks_completed = self.tasks.iter().filter(completed).count();
                let when = if in_time { "in time" } else { "late" };
                let tasks = match tasks_completed {
                    0 => String::new(),
                    1 => "; the reminder is completed by itself".to_owned(),
                    many => format!("; {many} reminders are completed by themselves"),
                };
                let text = format!("{who} sends the proposal for {title} {when}{tasks}");
                self.add(end.at, StoryKind::ProposalSent { in_time, tasks_completed }, text);
            }
            EndReason::OutOfScope => {
                let text = format!("{title} wants no proposal any more: {}", self.reason_at(end.at));
                self.add(end.at, StoryKind::NoLongerNeeded, text);
            }
            EndReason::Replanned => {}
            EndReason::Deleted => self.add(end.at, StoryKind::NoLongerNeeded, format!("{title} is deleted")),
            EndReason::Merged => {
                self.add(end.at, StoryKind::NoLongerNeeded, format!("{title} is merged into another deal"));
            }
        }
    }

    /// Why the rule no longer applies to a deal that is still there.
    fn reason_at(&self, at: DateTime<Utc>) -> String {
        let Some(spell) = self.spell_at(at).filter(|spell| spell.presence == Presence::Present) else {
            return "it is gone".to_owned();
        };
        match spell.stage.filter(|stage| !self.ledger.rule.open_stages.contains(*stage)) {
            Some(stage) => format!("it is in {}", self.stage_label(stage)),
            None => spell
                .amount
                .map_or_else(|| "its amount is empty".to_owned(), |amount| format!("it is worth {}", money(amount))),
        }
    }

    fn stage_label(&self, stage: &str) -> String {
        let mut stages = self.ledger.dump.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
        stages.find(|known| known.id == stage).map_or_else(|| stage.to_owned(), |known| known.label.clone())
    }

    fn spell_at(&self, at: DateTime<Utc>) -> Option<&Spell<'a>> {
        self.deal.spells.iter().rfind(|spell| spell.from <= at)
    }

    fn owner_at(&self, at: DateTime<Utc>) -> Option<&'a str> {
        self.spell_at(at).and_then(|spell| spell.owner)
    }

    fn owner_name(&self, at: DateTime<Utc>) -> String {
        self.ledger.people.name(self.owner_at(at))
    }

    fn title(&self, at: DateTime<Utc>) -> String {
        format!("\"{}\"", self.deal.name_at(at))
    }

    fn add(&mut self, at: DateTime<Utc>, kind: StoryKind, text: String) {
        let zone = self.ledger.people.zone_at(self.owner_at(at), at);
        self.stories.push(Story { at, zone, deal: self.deal.record.id.clone(), kind, text });
    }
}

/// An amount with its thousands apart.
pub(super) fn money(amount: Decimal) -> String {
    let text = amount.round_dp(2).normalize().to_string();
    let (whole, cents) = text.split_once('.').map_or((text.as_str(), ""), |(whole, cents)| (whole, cents));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if cents.is_empty() { grouped } else { format!("{grouped}.{cents:0<2}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_their_thousands_apart() {
        for (amount, text) in [("50000", "50,000"), ("999", "999"), ("1234567.5", "1,234,567.50"), ("-1000", "-1,000")]
        {
            assert_eq!(money(amount.parse().unwrap()), text);
        }
    }
}
