//! The transitions of one clock: it begins, goes on, falls silent, is met, violated, withdrawn, planned anew, or ends.

use chrono::Duration;
use dealclock_model::case::{Clock, ClockState, Ended, EndedBy, RecordCase, StepFate, StepState, Violation};
use dealclock_model::{CaseId, Event, Instant, PersonId, What};

use super::matter::Matter;
use super::plan::LATE;
use super::words::{ending, last_in_time, moment};
use super::{Draft, absorb, tasks};
use crate::rules::{Backlog, Mode};
use crate::time::local::later;

/// So long the storm guard has for its word on a clock that has just started.
const ADMISSION: Duration = Duration::seconds(10);

impl Matter<'_> {
    /// Begins an episode: after `previous`, or as the first one.
    ///
    /// On a first evaluation the rule's backlog policy says from where the clock counts.
    pub(super) fn begin(
        &self,
        case: &mut RecordCase,
        previous: Option<Clock>,
        entered: Instant,
        first: bool,
        out: &mut Draft,
    ) -> Clock {
        let now = self.now();
        let zone = self.desk.people.zone_of(self.record.owner.as_ref());
        let (zero, since) = match (first, self.rule.backlog) {
            (false, _) => (self.zero(entered, zone), entered),
            (true, Backlog::FromNow) => (now, now),
            (true, Backlog::AsIf) => (self.zero(entered, zone), now),
            (true, Backlog::Ignore) => (entered, now),
        };
        let episode = previous.as_ref().map_or(0, |clock| clock.episode).saturating_add(1);
        let mut clock = Clock {
            episode,
            round: 0,
            state: ClockState::Running,
            zero,
            since,
            zone,
            deadline: self.deadline(zero, zone),
            steps: Vec::new(),
            asked: Default::default(),
            unsettled: Default::default(),
            tasks: Default::default(),
            reached: Default::default(),
            silenced_at: None,
            ended: None,
            violation: None,
            held: None,
            waits_until: None,
            on_trial: self.rule.mode == Mode::Shadow,
            ignored: false,
            without_blame: false,
            rule_version: self.rule.version,
            extended: None,
            planned: Default::default(),
            waited_secs: 0,
            owned_before: None,
        };
        if let Some(previous) = previous {
            tasks::carry_over(previous, &mut clock);
        }
        absorb::note_recovered(self, case, &mut clock, first, out);
        absorb::note_absorbed(self, case, &mut clock, out);
        match (first, self.rule.backlog) {
            (true, Backlog::Ignore) => {
                clock.state = ClockState::Void;
                clock.ignored = true;
                let why = "the rule already applied when it first looked at the record, and its backlog is ignored";
                out.journal.push(self.entry(&clock, What::NotApplicable, why));
            }
            (true, Backlog::AsIf) => {
                self.say_started(
                    &clock,
                    "its true start, since the rule already applied when it was first looked at",
                    out,
                );
                self.drop_backlog(&mut clock, out);
            }
            (true, Backlog::FromNow) => {
                self.say_started(&clock, "now, since the rule already applied when it was first looked at", out);
            }
            (false, _) => {
                self.say_started(&clock, "the CRM's own time of the change", out);
                self.give_up(&mut clock, None, since, "lay before the rule began to apply", out);
                let intake = CaseId::Intake { connection: self.id.connection.clone(), rule: self.rule.key.clone() };
                out.posts.push((intake, Event::Entered { record: self.id.clone(), at: now }));
                clock.waits_until = Some(later(now, ADMISSION));
            }
        }
        clock
    }

    fn say_started(&self, clock: &Clock, from: &str, out: &mut Draft) {
        let why =
            format!("counts from {}, {from}; to be done by {}", moment(clock.zero, clock.zone), last_in_time(clock));
        out.journal.push(self.entry(clock, What::Started, why));
    }

    /// Drops what lay before a backlog was first looked at: steps are not sent late, a passed deadline blames nobody.
    fn drop_backlog(&self, clock: &mut Clock, out: &mut Draft) {
        let now = self.now();
        if clock.deadline <= now {
            clock.without_blame = true;
            clock.state = ClockState::Violated;
            let why = "the deadline had passed before the rule first looked at the record; it is not counted";
            out.journal.push(self.entry(clock, What::Violated, why));
        }
        self.give_up(clock, None, now, "lay before the rule first looked at the record", out);
    }

    /// The same episode goes on after the rule did not apply, or the work was undone.
    pub(super) fn resume(&self, clock: &mut Clock, at: Instant, why: &str, out: &mut Draft) {
        let away = clock.ended.take();
        clock.since = at;
        if clock.ignored {
            return;
        }
        // A grant after the violation lets the clock run to another deadline; the violation stays counted.
        let violated = counted(clock).is_some_and(|violation| clock.deadline <= at.max(violation.at));
        clock.state = if violated { ClockState::Violated } else { ClockState::Running };
        clock.silenced_at = None;
        out.journal.push(self.entry(clock, What::Resumed, why));
        if let Some(away) = away {
            if away.at < at {
                let spell = format!("did not apply from {} to {}", moment(away.at, clock.zone), moment(at, clock.zone));
                out.journal.push(self.entry(clock, What::Wiggled, spell));
            }
            self.give_up(clock, Some(away.at), at, "fell due while the rule did not apply", out);
        }
    }

    /// Ends a clock because the rule applies no more; a result that it has stays.
    pub(super) fn end(&self, clock: &mut Clock, at: Instant, by: EndedBy, out: &mut Draft) {
        void(clock, at, by, |clock, what, why| self.entry(clock, what, why), out);
    }

    /// The work is done: in time, or after the deadline.
    pub(super) fn meet(&self, clock: &mut Clock, done: Instant, out: &mut Draft) {
        self.withdraw(clock, done, out);
        let in_time = counted(clock).is_none() && (done < clock.deadline || clock.state == ClockState::Silenced);
        let (state, what) = if in_time { (ClockState::Met, What::Met) } else { (ClockState::MetLate, What::MetLate) };
        clock.state = state;
        clock.held = None;
        clock.silenced_at = None;
        let why = format!("`{}` since {}; open tasks are completed", self.rule.until.text, moment(done, clock.zone));
        out.journal.push(self.entry(clock, what, why));
        tasks::take_back(clock, out);
        tasks::close_all(clock);
    }

    /// The deadline passed and the work was not done; counted once an episode.
    pub(super) fn violate(&self, clock: &mut Clock, owner: Option<&PersonId>, out: &mut Draft) {
        let reached = owner.and_then(|owner| clock.reached.get(owner)).is_some_and(|at| *at < clock.deadline);
        let enforceable = !clock.without_blame && owner.is_some() && (reached || self.rule.remind.is_empty());
        clock.state = ClockState::Violated;
        clock.silenced_at = None;
        let passed = format!("not done by {}", last_in_time(clock));
        let why = match &clock.violation {
            Some(violation) if !violation.withdrawn => format!("{passed}; counted once an episode"),
            Some(_) | None => {
                clock.violation = Some(Violation {
                    at: clock.deadline,
                    owner: owner.cloned(),
                    enforceable,
                    previous_owner: clock.owned_before.clone().filter(|before| !enforceable && Some(before) != owner),
                    withdrawn: false,
                });
                let blame = if enforceable {
                    "a reminder had reached the owner in time, or the rule has none"
                } else if clock.without_blame {
                    "not enforceable: the clock came without blame"
                } else {
                    "not enforceable: no reminder of this episode had reached the owner in time"
                };
                format!("{passed}; {blame}")
            }
        };
        out.journal.push(self.entry(clock, What::Violated, why));
        tasks::take_back(clock, out);
        for coming in self.coming_steps(clock) {
            self.resolve_step(clock, &coming, StepFate::Superseded, "the deadline has passed", out);
        }
    }

    /// Takes a violation back because a fact from before the deadline arrived after it was decided.
    pub(super) fn withdraw(&self, clock: &mut Clock, fact: Instant, out: &mut Draft) {
        let taken_back = |violation: &&mut Violation| !violation.withdrawn && fact < violation.at;
        if let Some(violation) = clock.violation.as_mut().filter(taken_back) {
            violation.withdrawn = true;
            let why = format!(
                "the violation is taken back: what happened at {} was before the deadline and arrived later",
                moment(fact, clock.zone)
            );
            out.journal.push(self.entry(clock, What::Withdrawn, why));
        }
    }

    /// Falls silent: what has not been sent yet is superseded, open tasks stay.
    pub(super) fn silence(&self, clock: &mut Clock, at: Instant, because: &str, out: &mut Draft) {
        clock.state = ClockState::Silenced;
        clock.silenced_at = Some(at);
        let why = format!("{because} since {}", moment(at, clock.zone));
        out.journal.push(self.entry(clock, What::Silenced, why));
        tasks::take_back(clock, out);
    }

    /// Speaks again: steps that fell into the silence are not sent, and a deadline that passed in it is violated now.
    pub(super) fn unsilence(&self, clock: &mut Clock, at: Instant, because: &str, out: &mut Draft) {
        let from = clock.silenced_at.take();
        clock.state = ClockState::Running;
        let why = format!("{because} since {}", moment(at, clock.zone));
        out.journal.push(self.entry(clock, What::Unsilenced, why));
        self.give_up(clock, from, at, "fell into the silence", out);
        if at >= clock.deadline && clock.held.is_none() && !self.is_stopped() {
            let owner = self.record.owner.clone();
            self.violate(clock, owner.as_ref(), out);
        }
    }

    /// Plans a live clock anew: the deadline may move, which is a new round; steps that would lie in the past are dropped.
    pub(super) fn replan(&self, clock: &mut Clock, why: &str, out: &mut Draft) {
        clock.rule_version = self.rule.version;
        if !clock.state.is_live() {
            return;
        }
        let deadline = self.due(clock);
        if deadline != clock.deadline {
            clock.deadline = deadline;
            clock.round = clock.round.saturating_add(1);
            self.move_due_dates(clock);
        }
        self.replan_round(clock);
        let why = format!("{why}; to be done by {}", last_in_time(clock));
        out.journal.push(self.entry(clock, What::Replanned, why));
        // What fell due a moment ago was due under the old rule too, as a rule.
        self.give_up(clock, None, self.now() - LATE, "would lie in the past after the change", out);
    }
}

/// The violation that counts, if there is one.
pub(super) fn counted(clock: &Clock) -> Option<&Violation> {
    clock.violation.as_ref().filter(|violation| !violation.withdrawn)
}

/// Ends a clock, also one whose rule is no more; `entry` makes the journal entry.
pub(super) fn void(
    clock: &mut Clock,
    at: Instant,
    by: EndedBy,
    entry: impl Fn(&Clock, What, String) -> dealclock_model::Entry,
    out: &mut Draft,
) {
    clock.ended = Some(Ended { at, by });
    clock.held = None;
    clock.silenced_at = None;
    match clock.state {
        ClockState::Met | ClockState::MetLate => return,
        ClockState::Void => {}
        ClockState::Running | ClockState::Silenced | ClockState::Violated => {
            clock.state = ClockState::Void;
            let stays = if counted(clock).is_some() { "; the violation stays counted" } else { "" };
            let why = format!("{} since {}; open tasks are closed{stays}", ending(by), moment(at, clock.zone));
            out.journal.push(entry(clock, What::Void, why));
        }
    }
    tasks::take_back(clock, out);
    tasks::close_all(clock);
}

/// Notes what became of a step for one slot, replacing what was noted before.
pub(super) fn note(clock: &mut Clock, state: StepState) {
    match clock.steps.iter_mut().find(|known| known.sending == state.sending) {
        Some(known) => *known = state,
        None => clock.steps.push(state),
    }
}
