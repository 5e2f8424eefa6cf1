//! A deal over time: spells in which nothing that the rule looks at changes.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::rule::AuditedRule;
use super::words::Words;
use crate::dump::{LifeEvent, RecordDump};

/// A deal with its spells.
#[derive(Debug)]
pub(super) struct Deal<'a> {
    pub(super) record: &'a RecordDump,
    words: &'static Words,
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
    /// Whether the checkbox that silences the rule is ticked.
    pub(super) silenced: bool,
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
        rule: &AuditedRule,
        words: &'static Words,
        end: DateTime<Utc>,
    ) -> Deal<'a> {
        let watched = [words.stage, words.amount, words.owner, rule.silenced_while.as_str()];
        let histories = watched.iter().filter_map(|property| record.history.get(*property));
        let changes = histories.flatten().map(|version| version.at).chain(record.life.iter().map(|life| life.at));
        let mut starts: BTreeSet<DateTime<Utc>> = changes.chain([record.created_at]).collect();
        starts.retain(|at| *at < end);
        let ends = starts.iter().copied().skip(1).chain([end]);
        let spells = starts.iter().zip(ends).map(|(from, to)| spell(record, rule, words, *from, to)).collect();
        Deal { record, words, spells }
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
        silenced: record.value_at(&rule.silenced_while, from) == Some("true"),
    }
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
