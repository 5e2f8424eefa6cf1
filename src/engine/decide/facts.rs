//! Facts about clocks and spells: what a sitting did to a record's case, in the form that reports count.
//!
//! What happened is found by comparing the case with what was noted of it last, so that no transition of a clock has to
//! remember to note anything, and what was taken back in the same breath is never told.

use chrono::Duration;
use dealclock_model::case::{Clock, ClockState, Ended, EndedBy, RecordCase};
use dealclock_model::fact::Spell;
use dealclock_model::record::field;
use dealclock_model::{Fact, Happened, Instant, PersonId, Record, RecordRef, RuleKey, Value};
use rust_decimal::Decimal;

use super::judge::{done_at, reopen_end};
use super::matter::Matter;
use super::{Desk, Draft};

/// The checkbox by which spells are told apart where no rule names another.
const COMPLEX: &str = "complex";
/// Ticked so shortly before the deadline, Complex is a fact of its own.
const LAST_DAY: Duration = Duration::days(1);
/// An amount of at least so many hundredths of a criterion is just under it.
const JUST_UNDER: Decimal = Decimal::from_parts(90, 0, 0, false, 2);

/// The clocks of a case as they were noted last.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    clocks: Vec<(RuleKey, Noted)>,
}

/// As much of a clock as facts follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Noted {
    episode: u32,
    state: ClockState,
    deadline: Instant,
    /// The deadline of the violation that counts.
    violated: Option<Instant>,
    ended: Option<Ended>,
}

/// A state of the record: since when by the CRM's time, and what came before it.
#[derive(Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) at: Instant,
    /// The state before; `None` when the record was not known, or only time has passed.
    pub(super) before: Option<&'a Record>,
}

impl Known {
    /// What is known of a case before anything happens to it.
    pub(super) fn of(case: &RecordCase) -> Known {
        Known { clocks: case.clocks.iter().map(|(rule, clock)| (rule.clone(), Noted::of(clock))).collect() }
    }

    fn get(&self, rule: &RuleKey) -> Option<&Noted> {
        self.clocks.iter().find(|(key, _)| key == rule).map(|(_, noted)| noted)
    }
}

impl Noted {
    fn of(clock: &Clock) -> Noted {
        Noted {
            episode: clock.episode,
            state: clock.state,
            deadline: clock.deadline,
            violated: clock.violation.as_ref().filter(|violation| !violation.withdrawn).map(|violation| violation.at),
            ended: clock.ended.clone(),
        }
    }
}

/// Notes what happened since `known`, and brings `known` up to date.
///
/// Called at the end of each state that the record was in, and once more at the end of every sitting.
pub(super) fn note(
    desk: Desk<'_>,
    id: &RecordRef,
    known: &mut Known,
    case: &mut RecordCase,
    moment: Moment<'_>,
    out: &mut Draft,
) {
    if let Some(record) = &case.record {
        for (rule, clock) in &case.clocks {
            let before = known.get(rule).filter(|noted| noted.episode == clock.episode);
            if before != Some(&Noted::of(clock)) || moment.before.is_some() {
                let look = Look { desk, id, record, key: rule, clock, before, moment };
                look.note(out);
            }
        }
        let spell = case.gone.is_none().then(|| spell(desk, id, record, moment.at));
        hold(&mut case.spell, spell, moment.at, out);
    }
    *known = Known::of(case);
}

/// One clock that is compared with what was noted of it.
struct Look<'a> {
    desk: Desk<'a>,
    id: &'a RecordRef,
    record: &'a Record,
    key: &'a RuleKey,
    clock: &'a Clock,
    before: Option<&'a Noted>,
    moment: Moment<'a>,
}

impl Look<'_> {
    fn note(&self, out: &mut Draft) {
        self.note_start(out);
        self.note_violation(out);
        self.note_end(out);
        self.note_oddities(out);
    }

    fn push(&self, at: Instant, owner: Option<&PersonId>, what: Happened, out: &mut Draft) {
        let (rule, owner) = (Some(self.key.clone()), owner.cloned());
        out.facts.push(Fact { at, owner, rule, episode: self.clock.episode, in_shadow: false, what });
    }

    fn owner(&self) -> Option<&PersonId> {
        self.record.owner.as_ref()
    }

    fn matter(&self) -> Option<Matter<'_>> {
        let rule = self.desk.rules.by_key.get(self.key)?;
        Some(Matter { desk: self.desk, id: self.id, rule, record: self.record })
    }

    fn note_start(&self, out: &mut Draft) {
        if self.before.is_none() && !self.clock.ignored {
            let deadline = self.clock.deadline;
            self.push(self.clock.since, self.owner(), Happened::Started { deadline }, out);
        }
    }

    /// A violation stands at its deadline, and so does what takes it back: a period counts both or neither.
    fn note_violation(&self, out: &mut Draft) {
        let noted = self.before.and_then(|before| before.violated);
        let counted = self.clock.violation.as_ref().filter(|violation| !violation.withdrawn);
        let now = counted.map(|violation| violation.at);
        if let Some(at) = noted.filter(|_| now != noted) {
            let owner = self.clock.violation.as_ref().and_then(|violation| violation.owner.as_ref());
            self.push(at, owner, Happened::Withdrawn, out);
        }
        if let Some(violation) = counted.filter(|_| now != noted) {
            let what = Happened::Violated {
                enforceable: violation.enforceable,
                previous_owner: violation.previous_owner.clone(),
            };
            self.push(violation.at, violation.owner.as_ref(), what, out);
        }
    }

    fn note_end(&self, out: &mut Draft) {
        if self.before.map(|before| before.state) == Some(self.clock.state) {
            return;
        }
        match self.clock.state {
            ClockState::Met | ClockState::MetLate => {
                let at = self.moment.at;
                let done = self.matter().map_or(at, |matter| done_at(&matter, at));
                let took_secs = (done - self.clock.zero).num_seconds().max(0);
                let in_time = self.clock.state == ClockState::Met;
                let what = if in_time { Happened::Met { took_secs } } else { Happened::MetLate { took_secs } };
                self.push(done, self.owner(), what, out);
            }
            ClockState::Void if self.before.is_some() => {
                let at = self.clock.ended.as_ref().map_or(self.desk.now, |ended| ended.at);
                self.push(at, self.owner(), Happened::Void, out);
            }
            ClockState::Void | ClockState::Running | ClockState::Silenced | ClockState::Violated => {}
        }
    }

    /// What is told without a verdict.
    fn note_oddities(&self, out: &mut Draft) {
        let (Some(before), Some(matter), Some(past)) = (self.before, self.matter(), self.moment.before) else { return };
        let at = self.moment.at;
        let ticked = is_ticked(self.record, &matter) && !is_ticked(past, &matter);
        let close = before.deadline - LAST_DAY <= at && at < before.deadline;
        if ticked && close && before.state.is_live() && before.ended.is_none() {
            self.push(at, self.owner(), Happened::ComplexLate, out);
        }
        match (&before.ended, &self.clock.ended) {
            (None, Some(Ended { by: EndedBy::Condition, .. })) => {
                if let Some((from, to)) = lowered_under(&matter, past) {
                    self.push(at, self.owner(), Happened::LoweredUnder { from, to }, out);
                }
            }
            (Some(ended), None) if ended.at < at && at < reopen_end(&matter, self.clock, ended) => {
                self.push(at, self.owner(), Happened::Wiggled, out);
            }
            (None | Some(_), None | Some(_)) => {}
        }
    }
}

/// Whether the rep's checkbox of a rule is ticked.
fn is_ticked(record: &Record, matter: &Matter<'_>) -> bool {
    let named = matter.rule.extension.as_ref().map(|extension| extension.requested_by.as_str());
    record.get(named.unwrap_or(COMPLEX)) == &Value::Bool(true)
}

/// The amounts before and after, when the rule ceased to apply by the amount alone, which lies just under its criterion.
fn lowered_under(matter: &Matter<'_>, before: &Record) -> Option<(Decimal, Decimal)> {
    let (Value::Number(from), Value::Number(to)) = (before.get(field::AMOUNT), matter.record.get(field::AMOUNT)) else {
        return None;
    };
    let just_under = |floor: &Decimal| {
        let least = floor.checked_mul(JUST_UNDER);
        floor <= from && to <= floor && to < from && least.is_some_and(|least| least <= *to)
    };
    matter.rule.when.floors(field::AMOUNT).iter().find(|floor| just_under(floor))?;
    let mut otherwise = matter.record.clone();
    otherwise.fields.insert(field::AMOUNT.into(), Value::Number(*from));
    let owner = matter.owner();
    let row = matter.desk.rules.layout.row(&otherwise, owner);
    matter.rule.when.eval(&row).holds().then_some((*from, *to))
}

/// The spell that a record is in since `at`.
fn spell(desk: Desk<'_>, id: &RecordRef, record: &Record, at: Instant) -> Spell {
    let ticked = |name: &str| record.get(name) == &Value::Bool(true);
    let rules = desk.rules.about(id.object, &id.connection);
    let mut named = rules.filter_map(|rule| rule.extension.as_ref());
    let complex = ticked(COMPLEX) || named.any(|extension| ticked(extension.requested_by.as_str()));
    Spell { since: at, owner: record.owner.clone(), open: !record.is_closed(), complex }
}

/// Ends the spell that lasted when another begins, or when the record is gone.
fn hold(lasting: &mut Option<Spell>, present: Option<Spell>, at: Instant, out: &mut Draft) {
    let same = match (&*lasting, &present) {
        (Some(old), Some(new)) => (&old.owner, old.open, old.complex) == (&new.owner, new.open, new.complex),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    if same {
        return;
    }
    if let Some(ended) = std::mem::replace(lasting, present) {
        let (at, owner) = (at.max(ended.since), ended.owner.clone());
        out.facts.push(Fact { at, owner, rule: None, episode: 0, in_shadow: false, what: Happened::Held(ended) });
    }
}

#[cfg(test)]
mod tests;
