//! What the rule means for one deal: episodes with their rounds, deadlines, silences, ends and violations.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::asking::{Asked, Asking, Turn};
use super::deal::{Deal, Presence, Spell};
use super::local;
use super::people::People;
use super::rule::{AuditedRule, Tolerance};

/// The rule applying to a deal, from its start until it ends for good or a decision gives it another deadline: then
/// another round begins.
#[derive(Debug)]
pub(super) struct Episode<'a> {
    /// Which of the deal's clocks it belongs to; the rounds of one clock follow each other.
    pub(super) clock: usize,
    /// Which round of its clock it is, from 0.
    pub(super) round: u32,
    /// The decision that began the round; `None` for the first.
    pub(super) because: Option<Turn>,
    /// The instant from which days are counted.
    pub(super) zero: DateTime<Utc>,
    /// When the rule began to apply, or the round began; later than zero when a deal grows while it is open.
    pub(super) entered: DateTime<Utc>,
    /// The zone in which days are counted: the owner's at the start.
    pub(super) zone: Tz,
    /// The first instant that is too late.
    pub(super) deadline: DateTime<Utc>,
    /// Whether it cannot be told on which date the daemon first saw the deal, or heard of the decision.
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
    /// A decision gave it another deadline.
    Replanned,
}

/// A violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Violated {
    pub(super) at: DateTime<Utc>,
    /// Whether it must have been noticed by now, and is known to the day.
    pub(super) certain: bool,
}

/// Every episode of a deal since it is watched, in order, each with its rounds.
pub(super) fn episodes<'a>(
    deal: &Deal<'a>,
    people: &People<'a>,
    rule: &AuditedRule,
    tolerance: &Tolerance,
) -> (Vec<Episode<'a>>, Vec<Asked>) {
    let since = tolerance.watched_since;
    let mut episodes: Vec<Episode<'a>> = Vec::new();
    let mut asking = Asking::default();
    let mut clocks = 0;
    for spell in deal.spells.iter().filter(|spell| spell.to > since) {
        let spell = Spell { from: spell.from.max(since), ..spell.clone() };
        let running = episodes.last().is_some_and(|episode| episode.end.is_none());
        let over = spell.sent || !spell.applies;
        if running && over {
            asking.close(spell.from);
            if let Some(episode) = episodes.last_mut() {
                episode.end_at(&spell);
            }
        } else if running {
            let turn = asking.hear(&spell, rule);
            if let Some(episode) = episodes.last() {
                asking.remember(episode.deadline);
            }
            follow(&mut episodes, turn, deal, &spell, rule, tolerance);
            go_on(&mut episodes, &spell, &asking, rule);
        } else if !over {
            match episodes.last_mut().filter(|episode| episode.goes_on_at(spell.from, rule)) {
                Some(episode) => episode.come_back(&spell),
                None => {
                    asking.forget();
                    episodes.push(Episode::start(clocks, &spell, people, rule, tolerance));
                    clocks += 1;
                }
            }
            asking.hear(&spell, rule);
            go_on(&mut episodes, &spell, &asking, rule);
        }
    }
    let known_to = deal.spells.last().map_or(since, |spell| spell.to);
    for violated in episodes.iter_mut().filter_map(|episode| episode.violated.as_mut()) {
        violated.certain &= tolerance.latest(violated.at) <= known_to;
    }
    (episodes, asking.asked)
}

/// Begins another round where a decision gives the clock another deadline.
fn follow<'a>(
    episodes: &mut Vec<Episode<'a>>,
    turn: Option<Turn>,
    deal: &Deal<'_>,
    spell: &Spell<'a>,
    rule: &AuditedRule,
    tolerance: &Tolerance,
) {
    let (Some(turn), Some(episode)) = (turn, episodes.last_mut()) else { return };
    // Who asked late and is refused has changed nothing.
    if matches!(turn, Turn::Refused { since, .. } if episode.violated.is_some_and(|violated| violated.at <= since)) {
        return;
    }
    let at = spell.from;
    let decided = turn.asked_at().map_or(at, |asked| deal.decided_at(asked, at));
    let next = |at| turn.deadline(episode.zero, episode.zone, episode.deadline, at, rule);
    // The clock stands still until the daemon hears of a decision, somewhat before it carries it out; where nobody decided,
    // the time ran out somewhat before that.
    let (deadline, earlier) = (next(at), next(if decided < at { decided } else { at - tolerance.grace }));
    let round = Episode {
        clock: episode.clock,
        round: episode.round + 1,
        because: Some(turn),
        zero: episode.zero,
        entered: at,
        zone: episode.zone,
        deadline,
        vague: episode.vague || deadline != earlier,
        stretches: Vec::new(),
        end: None,
        violated: None,
    };
    episode.end = Some(End { at, why: EndReason::Replanned });
    episodes.push(round);
}

/// Lets the round that runs go on through a spell.
fn go_on<'a>(episodes: &mut [Episode<'a>], spell: &Spell<'a>, asking: &Asking, rule: &AuditedRule) {
    let Some((episode, earlier)) = episodes.split_last_mut() else { return };
    let of_clock = earlier.iter().filter(|round| round.clock == episode.clock);
    let is_violated = episode.violated.is_some() || of_clock.filter_map(|round| round.violated).next().is_some();
    // What is late already stays so while a decision is waited for.
    let silenced = if rule.way_out.is_some() { asking.is_open() && !is_violated } else { spell.asks.ticked };
    let mode = if silenced { Mode::Silenced } else { Mode::Running };
    let stretch = Stretch { from: spell.from, to: spell.to, mode, owner: spell.owner };
    if mode == Mode::Running && !is_violated && episode.deadline < stretch.to {
        // Who enters late, comes back late or ends a silence late is late at that instant: zero stays where it is.
        episode.violated = Some(Violated { at: episode.deadline.max(stretch.from), certain: !episode.vague });
    }
    episode.stretches.push(stretch);
}

impl<'a> Episode<'a> {
    fn start(
        clock: usize,
        spell: &Spell<'a>,
        people: &People<'a>,
        rule: &AuditedRule,
        tolerance: &Tolerance,
    ) -> Episode<'a> {
        let since = tolerance.watched_since;
        // What the rule applied to at the first sight counts from then: nobody is reminded of last month's work.
        let zero = if spell.from <= since { since } else { spell.stage_since };
        let zone = people.zone_at(spell.owner, spell.from);
        let first_sight_may_end = since + tolerance.grace;
        let first_sight = [zero, since, first_sight_may_end].map(|at| local::date_of(at, zone));
        Episode {
            clock,
            round: 0,
            because: None,
            zero,
            entered: spell.from,
            zone,
            deadline: local::end_of_days(zero, rule.deadline_days, zone),
            vague: spell.from <= first_sight_may_end && first_sight.iter().any(|date| *date != first_sight[0]),
            stretches: Vec::new(),
            end: None,
            violated: None,
        }
    }

    /// The date on which a step comes, by its distance to the last day in time.
    pub(super) fn date_of_step(&self, days: u32, rule: &AuditedRule) -> NaiveDate {
        let last = local::date_of(self.deadline - chrono::Duration::seconds(1), self.zone);
        local::days_before(last, rule.deadline_days.saturating_sub(days))
    }

    fn end_at(&mut self, spell: &Spell<'a>) {
        let why = match spell.presence {
            _ if spell.sent && self.violated.is_some() => EndReason::MetLate,
            _ if spell.sent => EndReason::Met,
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
            EndReason::Met | EndReason::MetLate | EndReason::Merged | EndReason::Replanned => false,
        })
    }

    fn come_back(&mut self, spell: &Spell<'a>) {
        if let Some(end) = self.end.take() {
            self.stretches.push(Stretch { from: end.at, to: spell.from, mode: Mode::Away, owner: spell.owner });
        }
    }
}
