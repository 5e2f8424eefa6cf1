//! A deal over time: spells in which nothing that the rule looks at changes.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::rule::AuditedRule;
use super::run::Run;
use super::task::Task;
use super::words::Words;
use crate::dump::{LifeEvent, RecordDump};

/// A deal with its spells.
#[derive(Debug)]
pub(super) struct Deal<'a> {
    pub(super) record: &'a RecordDump,
    words: &'static Words,
    /// When people decided about the deal: in its field, in a task that asked them, or in the CRM's own process.
    decisions: BTreeSet<DateTime<Utc>>,
    /// What became of it in the CRM's own approval process, in the order of the runs.
    pub(super) runs: Vec<Run>,
    /// In order and without gaps, from the deal's creation to the end of what is known.
    pub(super) spells: Vec<Spell<'a>>,
}

/// What holds from one instant until before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spell<'a> {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) presence: Presence,
    /// The stage, by id.
    pub(super) stage: Option<&'a str>,
    /// Since when it is in its stage.
    pub(super) stage_since: DateTime<Utc>,
    pub(super) amount: Option<Decimal>,
    pub(super) owner: Option<&'a str>,
    /// Whether the rule applies to it.
    pub(super) applies: bool,
    /// Whether it has ever entered a stage that means that the work is done.
    pub(super) sent: bool,
    /// The checkbox that silences the rule.
    pub(super) asks: Tick,
    /// The checkbox that only a decision ticks; nobody's where the rule has no way out.
    pub(super) granted: Tick,
}

/// A checkbox, and whether a person gave it the value that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) ticked: bool,
    pub(super) by_hand: bool,
}

/// Whether a deal is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Deleted,
    Merged,
}

impl<'a> Deal<'a> {
    pub(super) fn read(
        record: &'a RecordDump,
        asking: &[&Task<'a>],
        runs: Vec<Run>,
        rule: &AuditedRule,
        words: &'static Words,
        end: DateTime<Utc>,
    ) -> Deal<'a> {
        let granted_as = rule.way_out.as_ref().map(|way_out| way_out.granted_as.as_str());
        let watched = [words.stage, words.amount, words.owner, rule.silenced_while.as_str()];
        let histories = watched.iter().chain(&granted_as).filter_map(|property| record.history.get(*property));
        let changes = histories.flatten().map(|version| version.at).chain(record.life.iter().map(|life| life.at));
        let mut starts: BTreeSet<DateTime<Utc>> = changes.chain([record.created_at]).collect();
        starts.retain(|at| *at < end);
        let ends = starts.iter().copied().skip(1).chain([end]);
        let spells = starts.iter().zip(ends).map(|(from, to)| spell(record, rule, words, *from, to)).collect();
        let mut decisions = decisions(record, asking, rule, words);
        decisions.extend(runs.iter().filter_map(|run| run.decided).map(|decided| decided.at));
        Deal { record, words, decisions, runs, spells }
    }

    /// When the decision was taken that the daemon has carried out by an instant; that instant where nobody decided.
    pub(super) fn decided_at(&self, asked: DateTime<Utc>, carried_out: DateTime<Utc>) -> DateTime<Utc> {
        self.decisions.range(asked..=carried_out).next_back().copied().unwrap_or(carried_out)
    }

    /// Whether nobody had decided between the asking and an instant.
    pub(super) fn is_undecided_before(&self, asked: DateTime<Utc>, at: DateTime<Utc>) -> bool {
        self.decisions.range(asked.min(at)..at).next().is_none()
    }

    /// The deal's name at an instant.
    pub(super) fn name_at(&self, at: DateTime<Utc>) -> &'a str {
        self.record.value_at(self.words.name, at).unwrap_or("(no name)")
    }
}

fn spell<'a>(
    record: &'a RecordDump,
    rule: &AuditedRule,
    words: &Words,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Spell<'a> {
    let presence = presence_at(record, from);
    let stage = record.value_at(words.stage, from);
    let amount: Option<Decimal> = record.value_at(words.amount, from).and_then(|amount| amount.parse().ok());
    let open = stage.is_some_and(|stage| rule.open_stages.contains(stage));
    let large = amount.is_some_and(|amount| amount >= rule.threshold);
    Spell {
        from,
        to,
        presence,
        stage,
        stage_since: stage_since(record, words, from),
        amount,
        owner: record.value_at(words.owner, from).filter(|owner| !owner.is_empty()),
        applies: presence == Presence::Present && open && large,
        sent: was_sent(record, rule, words, from),
        asks: tick(record, &rule.silenced_while, words, from),
        granted: rule
            .way_out
            .as_ref()
            .map(|way_out| tick(record, &way_out.granted_as, words, from))
            .unwrap_or_default(),
    }
}

fn decisions(record: &RecordDump, asking: &[&Task<'_>], rule: &AuditedRule, words: &Words) -> BTreeSet<DateTime<Utc>> {
    let Some(way_out) = &rule.way_out else { return BTreeSet::new() };
    let by_field = record.history.get(&way_out.decision.0).map_or(&[][..], Vec::as_slice);
    let by_field = by_field.iter().filter(|version| version.source == words.by_hand).map(|version| version.at);
    let by_task = asking.iter().filter_map(|task| task.completed_by_person()).map(|version| version.at);
    by_field.chain(by_task).collect()
}

fn tick(record: &RecordDump, property: &str, words: &Words, at: DateTime<Utc>) -> Tick {
    let versions = record.history.get(property).map_or(&[][..], Vec::as_slice);
    let Some(version) = versions.iter().rfind(|version| version.at <= at) else { return Tick::default() };
    Tick { ticked: version.value.as_deref() == Some("true"), by_hand: version.source == words.by_hand }
}

fn presence_at(record: &RecordDump, at: DateTime<Utc>) -> Presence {
    let mut presence = Presence::Present;
    for life in record.life.iter().filter(|life| life.at <= at) {
        match &life.event {
            LifeEvent::Deleted => presence = Presence::Deleted,
            LifeEvent::Restored => presence = Presence::Present,
            LifeEvent::MergedInto(_) => presence = Presence::Merged,
            LifeEvent::Absorbed(_) => {}
        }
    }
    presence
}

/// When the deal entered the stage that it is in at an instant.
fn stage_since(record: &RecordDump, words: &Words, at: DateTime<Utc>) -> DateTime<Utc> {
    let versions = record.history.get(words.stage).map_or(&[][..], Vec::as_slice);
    let mut since = record.created_at;
    let mut stage = None;
    for version in versions.iter().filter(|version| version.at <= at) {
        if version.value != stage {
            since = version.at;
            stage.clone_from(&version.value);
        }
    }
    since
}

fn was_sent(record: &RecordDump, rule: &AuditedRule, words: &Words, at: DateTime<Utc>) -> bool {
    let versions = record.history.get(words.stage).map_or(&[][..], Vec::as_slice);
    let stages = versions.iter().filter(|version| version.at <= at).filter_map(|version| version.value.as_ref());
    stages.into_iter().any(|stage| rule.sent_stages.contains(stage))
}
