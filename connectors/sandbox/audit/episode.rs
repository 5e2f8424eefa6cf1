//! What the rule means for one deal: episodes with their deadlines, silences, ends and violations.

use chrono::{DateTime, NaiveTime, Utc};
use chrono_tz::Tz;

use super::deal::{Deal, Presence, Spell};
use super::local;
use super::people::People;
use super::rule::{AuditedRule, Tolerance};

/// The rule applying to a deal, from its start until it ends for good.
#[derive(Debug)]
pub(super) struct Episode<'a> {
    /// The instant from which days are counted.
    pub(super) zero: DateTime<Utc>,
    /// When the rule began to apply; later than zero when a deal grows while it is open.
    pub(super) entered: DateTime<Utc>,
    /// The zone in which days are counted: the owner's at the start.
    pub(super) zone: Tz,
    /// The first instant that is too late.
    pub(super) deadline: DateTime<Utc>,
    /// Whether it cannot be told on which date the daemon first saw the deal.
    pub(super) vague: bool,
    /// In order and without gaps.
    pub(super) stretches: Vec<Stretch<'a>>,
    pub(super) end: Option<End>,
    pub(super) violated: Option<Violated>,
}

/// A part of an episode in which nothing changes.
#[derive(Clone, Debug)]
pub(super) struct Stretch<'a> {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) mode: Mode,
    pub(super) owner: Option<&'a str>,
}

/// What a clock does in a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Reminders go out and the deadline counts.
    Running,
    /// Nothing goes out and nothing is violated.
    Silenced,
    /// The rule does not apply, or the deal is deleted, but the same episode goes on later.
    Away,
}

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: DateTime<Utc>,
    pub(super) why: EndReason,
}

/// Why an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndReason {
    Met,
    MetLate,
    /// The rule no longer applies.
    OutOfScope,
    Deleted,
    Merged,
}

/// A violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violated {
    pub(super) at: DateTime<Utc>,
    /// Whether it must have been noticed by now, and is known to the day.
    pub(super) certain: bool,
}

/// Every episode of a deal since it is watched, in order.
pub(super) fn episodes<'a>(
    deal: &Deal<'a>,
    people: &People<'a>,
    rule: &AuditedRule,
    tolerance: &Tolerance,
) -> Vec<Episode<'a>> {
    let since = tolerance.watched_since;
    let mut episodes: Vec<Episode<'a>> = Vec::new();
    for spell in deal.spells.iter().filter(|spell| spell.to > since) {
        let spell = Spell { from: spell.from.max(since), ..spell.clone() };
        let running = episodes.last_mut().filter(|episode| episode.end.is_none());
        match running {
            Some(episode) if spell.sent => episode.end_by_work(spell.from),
            Some(episode) if !spell.applies => episode.end_without_result(&spell),
            Some(episode) => episode.go_on(&spell),
            None if spell.sent || !spell.applies => {}
            None => match episodes.last_mut().filter(|episode| episode.goes_on_at(spell.from, rule)) {
                Some(episode) => episode.resume(&spell),
                None => episodes.push(Episode::start(&spell, people, rule, tolerance)),
            },
        }
    }
    let known_to = deal.spells.last().map_or(since, |spell| spell.to);
    for violated in episodes.iter_mut().filter_map(|episode| episode.violated.as_mut()) {
        violated.certain &= tolerance.latest(violated.at) <= known_to;
    }
    episodes
}

impl<'a> Episode<'a> {
    fn start(spell: &Spell<'a>, people: &People<'a>, rule: &AuditedRule, tolerance: &Tolerance) -> Episode<'a> {
        let since = tolerance.watched_since;
        // What the rule applied to at the first sight counts from then: nobody is reminded of last month's work.
        let zero = if spell.from <= since { since } else { spell.stage_since };
        let zone = people.zone_at(spell.owner, spell.from);
        let first_sight_may_end = since + tolerance.grace;
        let first_sight = [zero, since, first_sight_may_end].map(|at| local::date_of(at, zone));
        let mut episode = Episode {
            zero,
            entered: spell.from,
            zone,
            deadline: deadline(zero, zone, rule),
            vague: spell.from <= first_sight_may_end && first_sight.iter().any(|date| *date != first_sight[0]),
            stretches: Vec::new(),
            end: None,
            violated: None,
        };
        episode.go_on(spell);
        episode
    }

    fn go_on(&mut self, spell: &Spell<'a>) {
        let mode = if spell.silenced { Mode::Silenced } else { Mode::Running };
        let stretch = Stretch { from: spell.from, to: spell.to, mode, owner: spell.owner };
        if mode == Mode::Running && self.violated.is_none() && self.deadline < stretch.to {
            // Who enters late, comes back late or ends a silence late is late at that instant: zero stays where it is.
            self.violated = Some(Violated { at: self.deadline.max(stretch.from), certain: !self.vague });
        }
        self.stretches.push(stretch);
    }

    fn end_by_work(&mut self, at: DateTime<Utc>) {
        let why = if self.violated.is_some() { EndReason::MetLate } else { EndReason::Met };
        self.end = Some(End { at, why });
    }

    fn end_without_result(&mut self, spell: &Spell<'a>) {
        let why = match spell.presence {
            Presence::Present => EndReason::OutOfScope,
            Presence::Deleted => EndReason::Deleted,
            Presence::Merged => EndReason::Merged,
        };
        self.end = Some(End { at: spell.from, why });
    }

    /// Whether a deal that the rule applies to again goes on with this episode.
    fn goes_on_at(&self, at: DateTime<Utc>, rule: &AuditedRule) -> bool {
        self.end.is_some_and(|end| match end.why {
            EndReason::OutOfScope => at - end.at < rule.reopen_window,
            EndReason::Deleted => true,
            EndReason::Met | EndReason::MetLate | EndReason::Merged => false,
        })
    }

    fn resume(&mut self, spell: &Spell<'a>) {
        if let Some(end) = self.end.take() {
            self.stretches.push(Stretch { from: end.at, to: spell.from, mode: Mode::Away, owner: spell.owner });
        }
        self.go_on(spell);
    }
}

/// The end of the last day in time.
fn deadline(zero: DateTime<Utc>, zone: Tz, rule: &AuditedRule) -> DateTime<Utc> {
    let day_after = local::days_after(local::date_of(zero, zone), rule.deadline_days + 1);
    local::instant_of(day_after, NaiveTime::MIN, zone)
}
