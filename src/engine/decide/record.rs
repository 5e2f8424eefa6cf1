//! Events of a record's case.

use std::collections::BTreeSet;

use chrono::Duration;
use dealclock_model::case::{Clock, ClockState, EndedBy, Gone, RecordCase, StepFate};
use dealclock_model::event::{Origin, Release};
use dealclock_model::record::FieldHistory;
use dealclock_model::{
    Case, CaseId, Change, ChangeState, EffectId, Entry, Event, Instant, Outcome, PersonId, Record, RecordId, RecordRef,
    RuleKey, What,
};

use super::judge::{Late, Occasion, judge};
use super::matter::Matter;
use super::replay::replay;
use super::request::{self, Hearing, Said};
use super::settle::{origin, settle};
use super::words::ending;
use super::{Decision, Desk, Draft, absorb, clock, facts, notice, reason, shadow, tamper, tasks};
use crate::rules::{Absence, Rule};
use crate::time::local::later;

/// Decides what follows from an event of a record.
pub(super) fn decide(desk: Desk<'_>, id: &RecordRef, case: &RecordCase, event: &Event) -> Decision {
    let mut sitting = Sitting {
        desk,
        id,
        case: case.clone(),
        out: Draft::default(),
        noted: facts::Known::of(case),
        patience: Duration::seconds(1),
    };
    sitting.follow_rules();
    match event {
        Event::Changed { change, history, origin, as_of } => sitting.change(change, history, *origin, *as_of),
        Event::Due { as_of, waited } => sitting.come_due(*as_of, *waited),
        Event::Settled { effect, outcome } => {
            sitting.settle(*effect, outcome);
            shadow::say_no_more(desk, *effect, outcome, &mut sitting.out);
        }
        Event::RulesChanged => sitting.judge_anew(),
        Event::PersonChanged => sitting.follow_persons(),
        Event::Recovered { keys } => sitting.recover(keys),
        Event::Admitted { effect } => {
            sitting.on_asking(*effect, |m, clock, out| m.admitted(clock, *effect, out));
        }
        Event::Overflowed { effect, into } => {
            sitting.on_asking(*effect, |m, clock, out| m.overflowed(clock, *effect, *into, out));
        }
        Event::Listed { effects, to } => sitting.reach(effects, to),
        Event::Absorbed { loser, sent } => {
            absorb::absorb(id, &mut sitting.case, loser, sent, desk.now, &mut sitting.out);
        }
        Event::Hold { rule, until } => sitting.hold(rule, *until),
        Event::Release { rule, how } => sitting.release(rule, *how),
        Event::Ruled { rule, episode, round, step, by, ruling, way, comment } => {
            let (episode, round, ruling, way, comment) = (*episode, *round, *ruling, *way, comment.as_deref());
            sitting.hear(rule, Said { episode, round, step, by, ruling, way, comment });
        }
        Event::Looked { native, tasks, as_of } => sitting.look(native, tasks, *as_of),
        Event::Entered { .. } | Event::Ask { .. } | Event::Answered { .. } | Event::Noted(_) | Event::Made(_) => {}
    }
    sitting.conclude()
}

/// One record's case under decision.
pub(super) struct Sitting<'a> {
    pub(super) desk: Desk<'a>,
    pub(super) id: &'a RecordRef,
    pub(super) case: RecordCase,
    pub(super) out: Draft,
    /// What facts were noted of the case so far.
    noted: facts::Known,
    /// How soon to be woken again for what is overdue.
    patience: Duration,
}

impl<'a> Sitting<'a> {
    fn rule(&self, key: &RuleKey) -> Option<&'a Rule> {
        let rule = self.desk.rules.by_key.get(key)?;
        (rule.object == self.id.object && rule.is_on(&self.id.connection)).then_some(rule)
    }

    /// Does something with every clock whose rule and record are known.
    fn each_clock(&mut self, mut action: impl FnMut(&Matter<'_>, &mut Clock, &mut Draft)) {
        let Some(record) = self.case.record.take() else { return };
        let mut clocks = std::mem::take(&mut self.case.clocks);
        for (key, clock) in &mut clocks {
            if let Some(rule) = self.rule(key) {
                let matter = Matter { desk: self.desk, id: self.id, rule, record: &record };
                action(&matter, clock, &mut self.out);
            }
        }
        self.case.clocks = clocks;
        self.case.record = Some(record);
    }

    /// Carries clocks over to the rules as they are now: a removed rule's are void, an edited one's are planned anew.
    fn follow_rules(&mut self) {
        let now = self.desk.now;
        let known = |key: &RuleKey| self.rule(key).is_some() || self.approval(key).is_some();
        let gone: Vec<RuleKey> = self.case.seen.iter().filter(|key| !known(key)).cloned().collect();
        for key in gone {
            self.case.seen.remove(&key);
            let Some(clock) = self.case.clocks.get_mut(&key) else { continue };
            if clock.ended.is_none() {
                let entry = |clock: &Clock, what, why| plain_entry(now, &key, clock.episode, what, why);
                clock::void(clock, now, EndedBy::Rule, entry, &mut self.out);
            }
        }
        let stale = self
            .case
            .clocks
            .iter()
            .any(|(key, clock)| self.rule(key).is_some_and(|rule| rule.version != clock.rule_version));
        if stale {
            self.each_clock(|m, clock, out| {
                if m.rule.version != clock.rule_version {
                    m.replan(clock, "the rule was edited", out);
                }
            });
        }
        self.end_trials();
        self.follow_approvals();
    }

    /// Rules became live: what they asked on trial was asked of nobody, and no reminder of a trial reached anybody. Whoever
    /// still asks is heard anew.
    fn end_trials(&mut self) {
        let desk = self.desk;
        let RecordCase { clocks, requests, reasons, .. } = &mut self.case;
        let mut over: BTreeSet<RuleKey> = BTreeSet::new();
        let live = |key: &RuleKey| desk.rules.by_key.contains_key(key) && !shadow::is_on_trial(desk, key);
        requests.retain(|key, request| {
            let ends = request.on_trial && live(key);
            if ends {
                over.insert(key.clone());
            }
            !ends
        });
        for (key, clock) in clocks.iter_mut().filter(|(key, clock)| clock.on_trial && live(key)) {
            clock.on_trial = false;
            clock.reached.clear();
            over.insert(key.clone());
        }
        for key in over {
            reasons.remove(&key);
            let episode = clocks.get(&key).map_or(0, |clock| clock.episode);
            let why =
                "the rule is live now: what it asked on trial is asked anew, and what it counted there stays apart";
            self.out.journal.push(plain_entry(desk.now, &key, episode, What::Replanned, why.to_owned()));
        }
    }

    /// The CRM shows the record in a state.
    fn change(&mut self, change: &Change, history: &[FieldHistory], origin: Origin, as_of: Instant) {
        if !self.is_news(change, origin, as_of) {
            if self.case.stamp != Some(change.stamp) {
                self.out.journal.push(record_entry(
                    self.desk.now,
                    What::Stale,
                    "an older state arrived later; ignored",
                ));
            }
            self.case.as_of = self.case.as_of.max(Some(as_of));
            return;
        }
        match &change.state {
            ChangeState::Present(record) => {
                // A stamp from before the record was deleted does not tell when it came back; its reading does.
                let returned = self.case.stamp.is_some_and(|known| change.stamp < known);
                let since = if returned { as_of } else { change.stamp };
                self.appear(record, history, origin, since);
            }
            ChangeState::Deleted => self.disappear(Gone::Deleted, change.stamp),
            ChangeState::Merged { into } => self.disappear(Gone::Merged(into.clone()), change.stamp),
        }
        self.case.stamp = self.case.stamp.max(Some(change.stamp));
        self.case.as_of = self.case.as_of.max(Some(as_of));
    }

    /// State is monotone in the CRM's stamp, but for a record that comes back from the recycle bin with its old stamp: that
    /// is believed where it was read directly, and later than its absence.
    fn is_news(&self, change: &Change, origin: Origin, as_of: Instant) -> bool {
        let newer = self.case.stamp.is_none_or(|known| known <= change.stamp);
        let back = self.case.gone.is_some() && matches!(change.state, ChangeState::Present(_));
        let direct = match origin {
            Origin::FirstRead | Origin::Reread | Origin::Reconcile => true,
            Origin::Poll => false,
        };
        newer || (back && direct && self.case.as_of.is_none_or(|known| known < as_of))
    }

    fn appear(&mut self, record: &Record, history: &[FieldHistory], origin: Origin, stamp: Instant) {
        let known = self.case.record.is_some();
        let restored = self.case.gone.take().is_some();
        let first = origin == Origin::FirstRead;
        // What a first read finds was so before we came; its past matters only where somebody asked for it.
        let states = if first && !known && history.is_empty() {
            vec![(stamp, record.clone())]
        } else {
            replay(self.case.record.as_ref(), record, history, self.case.stamp.filter(|_| known), stamp)
        };
        let backlog = match (first, known) {
            (true, false) => Late::All,
            (true, true) | (false, true) => Late::Unseen,
            (false, false) => Late::None,
        };
        for (at, state) in states {
            let how = Occasion { backlog, restored, quiet: first, ..Occasion::default() };
            self.arrive(at, state, how);
        }
    }

    /// The record is in a state since a moment of the CRM's time.
    fn arrive(&mut self, at: Instant, record: Record, how: Occasion<'_>) {
        let before = self.case.record.take();
        let layout = &self.desk.rules.layout;
        let person = |record: &'_ Record| record.owner.clone().and_then(|owner| self.desk.people.get(&owner));
        let row = layout.row(&record, person(&record));
        let row_before = before.as_ref().map(|before| layout.row(before, person(before)));
        let how = Occasion {
            owner_before: before.as_ref().unwrap_or(&record).owner.as_ref(),
            before: before.as_ref(),
            row_before: row_before.as_ref(),
            ..how
        };
        // A box that was ticked before the rule first looked counts as granted; on a clock that begins later it is news.
        let mut begun = Vec::new();
        for rule in self.desk.rules.about(self.id.object, &self.id.connection) {
            let matter = Matter { desk: self.desk, id: self.id, rule, record: &record };
            if !self.case.clocks.contains_key(&rule.key) && !how.backlog.is_first(!self.case.seen.contains(&rule.key)) {
                begun.push(rule.key.clone());
            }
            judge(&matter, &row, &mut self.case, at, how, &mut self.out);
        }
        self.watch_grants(&record, before.as_ref(), at, &begun);
        self.follow_asking(&record, before.as_ref(), at, how.backlog);
        let parked = before.as_ref().and_then(|before| before.parked.as_ref());
        if let Some(why) = record.parked.as_ref().filter(|why| Some(*why) != parked) {
            self.out.journal.push(record_entry(self.desk.now, What::Parked, why));
        }
        let handed_over = before.as_ref().filter(|before| before.owner != record.owner);
        self.case.record = Some(record);
        if let Some(before) = handed_over {
            self.each_clock(|m, clock, out| {
                if clock.ended.is_none() && before.owner.is_some() {
                    clock.owned_before.clone_from(&before.owner);
                }
                m.hand_over(clock, true, out);
            });
        }
        self.note_facts(facts::Moment { at, before: before.as_ref() });
        reason::attend(self.desk, self.id, &mut self.case, &mut self.out);
        notice::tell(self.desk, self.id, &mut self.case, &mut self.out);
    }

    fn disappear(&mut self, gone: Gone, at: Instant) {
        if self.case.gone.as_ref() == Some(&gone) {
            return;
        }
        let by = match &gone {
            Gone::Deleted => EndedBy::Deleted,
            Gone::Merged(_) => EndedBy::Merged,
        };
        self.each_clock(|m, clock, out| {
            if clock.ended.is_some() {
                return;
            }
            let decides = clock.held.is_none() && !m.is_stopped();
            if clock.state == ClockState::Running && decides && clock.deadline <= at {
                m.violate(clock, m.record.owner.as_ref(), out);
            }
            if clock.state == ClockState::Violated {
                m.withdraw(clock, at, out);
            }
            m.end(clock, at, by, out);
        });
        let why = ending(by);
        self.each_request(|hearing, request, out| {
            hearing.close_not_needed(request, at, why, out);
            hearing.close_told(request);
        });
        if let Gone::Merged(into) = &gone {
            self.tell_survivor(into);
        }
        self.case.gone = Some(gone);
        self.note_facts(facts::Moment { at, before: None });
    }

    fn note_facts(&mut self, moment: facts::Moment<'_>) {
        facts::note(self.desk, self.id, &mut self.noted, &mut self.case, moment, &mut self.out);
    }

    fn tell_survivor(&mut self, into: &RecordId) {
        let sent = absorb::sent(&self.case);
        if !sent.is_empty() {
            let survivor = CaseId::Record(RecordRef { id: into.clone(), ..self.id.clone() });
            self.out.posts.push((survivor, Event::Absorbed { loser: self.id.id.clone(), sent }));
        }
    }

    fn come_due(&mut self, as_of: Instant, waited: bool) {
        self.case.as_of = self.case.as_of.max(Some(as_of));
        let as_of = self.case.as_of.unwrap_or(as_of);
        self.patience = Duration::seconds(if waited { 60 } else { 5 });
        if self.case.gone.is_none() {
            self.each_request(|hearing, request, out| {
                if !hearing.desk.rules.stopped.contains(&hearing.key) {
                    hearing.come_due(request, as_of, out);
                }
            });
            self.each_clock(|m, clock, out| m.come_due(clock, as_of, waited, out));
        }
    }

    /// Rules, calendars or the profile changed: every rule looks at the record as we know it.
    fn judge_anew(&mut self) {
        if self.case.gone.is_some() {
            return;
        }
        // The record is known to be so as of its last reading; now is no fact about it.
        let at = self.case.as_of.or(self.case.stamp).unwrap_or(self.desk.now);
        if let Some(record) = self.case.record.clone() {
            self.arrive(at, record, Occasion { backlog: Late::All, ..Occasion::default() });
        }
    }

    /// People changed: tasks leave the inactive, and absences may move deadlines.
    fn follow_persons(&mut self) {
        self.each_clock(|m, clock, out| {
            m.hand_over(clock, false, out);
            let extends = m.rule.absence == Absence::Extend && clock.state.is_live();
            if extends && m.due(clock) != clock.deadline {
                m.replan(clock, "the owner's absences changed", out);
            }
        });
        self.each_request(|hearing, request, out| hearing.follow_people(request, out));
    }

    /// An effect of the case has an outcome.
    fn settle(&mut self, effect: EffectId, outcome: &Outcome) {
        let desk = self.desk;
        let known = settle(self.id, &mut self.case, effect, outcome, desk.now, &mut self.out)
            || tamper::settle(desk, &mut self.case, effect, outcome, &mut self.out)
            || reason::settle(desk, self.id, &mut self.case, effect, outcome, &mut self.out);
        if known {
            return;
        }
        let Some(record) = self.case.record.take() else { return };
        for (key, request) in &mut self.case.requests {
            let ours = match Hearing::of_key(desk, self.id, &record, key) {
                Some(hearing) => hearing.settle(request, effect, outcome, &mut self.out),
                None => request::settle_abandoned(desk, key, request, effect, outcome, &mut self.out),
            };
            if ours {
                break;
            }
        }
        self.case.record = Some(record);
    }

    fn recover(&mut self, keys: &[(EffectId, String)]) {
        self.case.recovered.extend(keys.iter().cloned());
        let Some(record) = self.case.record.take() else { return };
        for rule in self.desk.rules.about(self.id.object, &self.id.connection) {
            let matter = Matter { desk: self.desk, id: self.id, rule, record: &record };
            absorb::recover(&matter, &mut self.case, &mut self.out);
        }
        self.case.record = Some(record);
    }

    /// Does something with the clock that asked for room for an effect.
    fn on_asking(&mut self, effect: EffectId, mut action: impl FnMut(&Matter<'_>, &mut Clock, &mut Draft)) {
        self.each_clock(|m, clock, out| {
            if clock.asked.contains_key(&effect) {
                action(m, clock, out);
            }
        });
    }

    /// An overflow task that lists reminders of ours stands in the CRM: they reached the person.
    fn reach(&mut self, effects: &[EffectId], to: &PersonId) {
        let now = self.desk.now;
        self.each_clock(|m, clock, _| {
            let part =
                EffectId::clock_part(&m.id.connection, &m.rule.key, dealclock_model::effect::Subject::Record(m.id));
            if effects.iter().any(|effect| effect.is_of(part) && effect.episode() == clock.episode) {
                clock.reached.entry(to.clone()).or_insert(now);
            }
        });
    }

    /// Holds a clock before its first effect; one that has sent something runs on.
    fn hold(&mut self, rule: &RuleKey, until: Instant) {
        let Some(clock) = self.case.clocks.get_mut(rule) else { return };
        let sent = clock.steps.iter().any(|state| state.fate.is_sent());
        if !clock.state.is_live() || sent || clock.held.is_some() {
            return;
        }
        clock.asked.clear();
        clock.steps.retain(|state| state.fate != StepFate::Asked);
        clock.held = Some(until);
        let why = "many records entered the rule at once; it waits for an answer before its first reminder";
        self.out.journal.push(plain_entry(self.desk.now, rule, clock.episode, What::Held, why.to_owned()));
    }

    fn release(&mut self, rule: &RuleKey, how: Release) {
        let (now, key) = (self.desk.now, rule);
        self.each_clock(|m, clock, out| {
            if m.rule.key != *key || clock.held.is_none() {
                return;
            }
            match how {
                Release::Start => {
                    clock.held = None;
                    out.journal.push(m.entry(clock, What::Released, "it runs from its own start"));
                }
                Release::From(zero) => m.release_from(clock, zero, "the storm is spread over working days", out),
                Release::Ignore => {
                    clock.held = None;
                    clock.ignored = true;
                    clock.state = ClockState::Void;
                    let entry = plain_entry(now, key, clock.episode, What::Void, "the storm is ignored".to_owned());
                    out.journal.push(entry);
                }
            }
        });
    }

    fn keep_shared_boxes(&mut self) {
        let RecordCase { record, clocks, requests, .. } = &mut self.case;
        if let Some(record) = record {
            request::Beside { desk: self.desk, id: self.id, record, clocks }.keep_boxes(requests, &mut self.out);
        }
    }

    /// Decides the updates of tasks and the next wake-up.
    fn conclude(mut self) -> Decision {
        let now = self.desk.now;
        self.catch_up();
        self.keep_shared_boxes();
        self.note_facts(facts::Moment { at: now, before: None });
        for (key, request) in &mut self.case.requests {
            request::tend(self.desk, self.id, key, request, &mut self.out);
        }
        reason::attend(self.desk, self.id, &mut self.case, &mut self.out);
        notice::tell(self.desk, self.id, &mut self.case, &mut self.out);
        for (rule, clock) in &mut self.case.clocks {
            for (creation, task) in &mut clock.tasks {
                self.out.effects.extend(tasks::reconcile(&origin(self.id, rule, now), *creation, task));
            }
            clock.tasks.retain(|_, task| task.open || task.pending.is_some());
        }
        let mut wake_at: Option<Instant> = None;
        if self.case.gone.is_none() {
            self.each_clock(|m, clock, _| {
                let next = m.next_at(clock);
                wake_at = [wake_at, next].into_iter().flatten().min();
            });
            self.each_request(|hearing, request, _| {
                let stopped = hearing.desk.rules.stopped.contains(&hearing.key);
                let next = hearing.next_at(request).filter(|_| !stopped);
                wake_at = [wake_at, next].into_iter().flatten().min();
            });
            wake_at = [wake_at, reason::next_at(&self.case)].into_iter().flatten().min();
        }
        shadow::keep_back(self.desk, &CaseId::Record(self.id.clone()), &mut self.out);
        let again = later(now, self.patience);
        let wake_at = wake_at.map(|at| if at > now { at } else { again });
        self.out.conclude(Case::Record(Box::new(self.case)), wake_at, now)
    }
}

fn plain_entry(at: Instant, rule: &RuleKey, episode: u32, what: What, why: String) -> Entry {
    Entry { at, rule: Some(rule.clone()), episode, step: None, effect: None, what, why }
}

fn record_entry(at: Instant, what: What, why: &str) -> Entry {
    Entry { at, rule: None, episode: 0, step: None, effect: None, what, why: why.to_owned() }
}
