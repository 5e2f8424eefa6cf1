//! The table of the clock: what the state of a record at one moment of the CRM's time does to one rule's clock.

use chrono::Duration;
use dealclock_model::case::{Clock, ClockState, Ended, EndedBy, RecordCase};
use dealclock_model::{FieldName, Instant, PersonId, Record, Value, What};

use super::Draft;
use super::clock::counted;
use super::extension::{self, Turn};
use super::matter::Matter;
use crate::condition::{Row, Verdict};
use crate::rules::Reopen;
use crate::time::first_instant_of;
use crate::time::local::later;

/// How a state of the record came to be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Occasion<'a> {
    /// For which rules the backlog policy applies, should they begin now.
    pub(super) backlog: Late,
    /// The record was deleted and is back.
    pub(super) restored: bool,
    /// Who owned the record until now: a deadline that passed before belongs to them.
    pub(super) owner_before: Option<&'a PersonId>,
    /// The record as it was before, where it was known.
    pub(super) before: Option<&'a Record>,
    /// The state before, where there was one, to tell whether a verdict is news.
    pub(super) row_before: Option<&'a Row<'a>>,
    /// Verdicts that change nothing are no news: many records are read for the first time.
    pub(super) quiet: bool,
}

/// Which rules came late to a record that they may have applied to before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Late {
    /// None: the record is new.
    #[default]
    None,
    /// Those that never looked at the record.
    Unseen,
    /// All: rules were edited.
    All,
}

impl Late {
    /// Whether a rule or approval looks at the record for the first time.
    pub(super) fn is_first(self, unseen: bool) -> bool {
        match self {
            Late::None => false,
            Late::Unseen => unseen,
            Late::All => true,
        }
    }
}

/// What a rule's conditions say.
struct Facts {
    /// The rule applies.
    applies: bool,
    /// Why not, when it does not.
    ending: EndedBy,
    /// The empty field that was compared on the way, when it does not.
    empty: Option<FieldName>,
    /// When the work was done, when it is.
    done: Option<Instant>,
    /// Nothing may fire.
    silent: bool,
}

/// Two facts of one change may differ by this much in the CRM's own times.
const SAME_MOMENT: Duration = Duration::seconds(1);

/// Carries one rule's clock over to the state that the record has since `at`.
pub(super) fn judge(
    m: &Matter<'_>,
    row: &Row<'_>,
    case: &mut RecordCase,
    at: Instant,
    how: Occasion<'_>,
    out: &mut Draft,
) {
    let unseen = !case.seen.contains(&m.rule.key);
    if unseen {
        case.seen.insert(m.rule.key.clone());
    }
    let first = how.backlog.is_first(unseen);
    let known = case.clocks.remove(&m.rule.key);
    let facts = Facts::read(m, row, at, known.as_ref().is_some_and(|clock| clock.ended.is_none()));
    let clock = match known {
        Some(mut clock) if clock.ended.is_none() => {
            go_on(m, &mut clock, &facts, at, how, out);
            Some(clock)
        }
        Some(clock) => Some(come_back(m, case, clock, &facts, at, first, how, out)),
        None if facts.applies && facts.done.is_none() => Some(m.begin(case, None, at, first, out)),
        None => {
            say_why_not(m, &facts, how, out);
            None
        }
    };
    if let Some(mut clock) = clock {
        match m.rule.extension {
            Some(_) => extension::follow(m, case, &mut clock, Turn { before: how.before, at, first }, out),
            None => follow_silence(m, &mut clock, &facts, at, out),
        }
        case.clocks.insert(m.rule.key.clone(), clock);
    }
}

/// A clock whose rule applied until now.
fn go_on(m: &Matter<'_>, clock: &mut Clock, facts: &Facts, at: Instant, how: Occasion<'_>, out: &mut Draft) {
    let in_time = facts.done.is_some_and(|done| done < clock.deadline);
    // The same state told again is no later fact; a clock that entered after its deadline waits for its timer.
    let passed = at >= clock.deadline && at > clock.since;
    // What was granted after the violation does not make late work timely.
    let latest = counted(clock).map_or(clock.deadline, |violation| violation.at);
    let decides = clock.held.is_none() && !m.is_stopped();
    if clock.state == ClockState::Running && decides && passed && !in_time {
        m.violate(clock, how.owner_before, out);
    }
    match (facts.done, clock.state) {
        (Some(done), ClockState::Running | ClockState::Silenced | ClockState::Violated) => m.meet(clock, done, out),
        (Some(done), ClockState::MetLate) if done < latest => m.meet(clock, done, out),
        (Some(_), ClockState::Met | ClockState::MetLate | ClockState::Void) => {}
        (None, ClockState::Met | ClockState::MetLate) if facts.applies => {
            m.resume(clock, at, "the work is not done any more", out);
            m.give_up(clock, None, at, "fell due while the work was done", out);
        }
        (None, _) => {}
    }
    if !facts.applies {
        if clock.state == ClockState::Violated {
            m.withdraw(clock, at, out);
        }
        m.end(clock, at, facts.ending, out);
    }
}

/// A clock whose rule did not apply until now.
#[expect(clippy::too_many_arguments, reason = "one row of the clock's table, with everything it depends on")]
fn come_back(
    m: &Matter<'_>,
    case: &mut RecordCase,
    mut clock: Clock,
    facts: &Facts,
    at: Instant,
    first: bool,
    how: Occasion<'_>,
    out: &mut Draft,
) -> Clock {
    let Some(ended) = clock.ended.clone() else { return clock };
    match facts.done {
        None if facts.applies && goes_on(m, &clock, at, how.restored) => {
            m.resume(&mut clock, at, "the rule applies again, and the same episode goes on", out);
            clock
        }
        None if facts.applies => m.begin(case, Some(clock), at, first, out),
        // The record left because the work was done, and the CRM told the leaving first.
        Some(done) if clock.state == ClockState::Void && !clock.ignored && done <= ended.at + SAME_MOMENT => {
            m.meet(&mut clock, done, out);
            clock
        }
        Some(_) | None => clock,
    }
}

/// Whether an episode goes on instead of a new one beginning.
fn goes_on(m: &Matter<'_>, clock: &Clock, at: Instant, restored: bool) -> bool {
    let Some(ended) = &clock.ended else { return true };
    match (ended.by, m.rule.reopen) {
        (EndedBy::Rule | EndedBy::Merged, _) => false,
        (EndedBy::Deleted, _) if restored => true,
        (EndedBy::Condition | EndedBy::Closed | EndedBy::Deleted, Reopen::Resume) => true,
        (EndedBy::Condition | EndedBy::Closed | EndedBy::Deleted, Reopen::Restart) => at < reopen_end(m, clock, ended),
    }
}

/// Until when a clock that ended counts as having only been away.
pub(super) fn reopen_end(m: &Matter<'_>, clock: &Clock, ended: &Ended) -> Instant {
    match m.rule.reopen_window.elapsed() {
        Some(elapsed) => later(ended.at, elapsed),
        None => m.reckoning(clock.zone).deadline(ended.at, m.rule.reopen_window, None),
    }
}

/// Lets a live clock fall silent or speak again.
fn follow_silence(m: &Matter<'_>, clock: &mut Clock, facts: &Facts, at: Instant, out: &mut Draft) {
    match clock.state {
        ClockState::Running if facts.silent => m.silence(clock, at, &silence_text(m), out),
        ClockState::Silenced if !facts.silent => m.unsilence(clock, at, "not silent any more", out),
        ClockState::Violated if facts.silent && at < clock.deadline => {
            m.withdraw(clock, at, out);
            m.silence(clock, at, &silence_text(m), out);
        }
        ClockState::Running
        | ClockState::Silenced
        | ClockState::Met
        | ClockState::Violated
        | ClockState::MetLate
        | ClockState::Void => {}
    }
}

fn silence_text(m: &Matter<'_>) -> String {
    m.rule.silenced_while.as_ref().map(|condition| format!("`{}`", condition.text)).unwrap_or_default()
}

/// Tells why no clock starts, when that is news.
fn say_why_not(m: &Matter<'_>, facts: &Facts, how: Occasion<'_>, out: &mut Draft) {
    if how.quiet {
        return;
    }
    let before = how.row_before.map(|row| m.rule.when.eval(row));
    let (what, why) = match (&facts.empty, facts.done) {
        (Some(empty), _) if before != Some(Verdict::Empty(empty.clone())) => {
            (What::FieldEmpty, format!("`{}` cannot hold: `{empty}` is empty", m.rule.when.text))
        }
        (None, Some(_)) if facts.applies && before != Some(Verdict::True) => {
            (What::NotApplicable, format!("the work is already done: `{}`", m.rule.until.text))
        }
        (Some(_) | None, _) => return,
    };
    out.journal.push(dealclock_model::Entry {
        at: m.now(),
        rule: Some(m.rule.key.clone()),
        episode: 0,
        step: None,
        effect: None,
        what,
        why,
    });
}

impl Facts {
    fn read(m: &Matter<'_>, row: &Row<'_>, at: Instant, applied: bool) -> Facts {
        let verdict = m.rule.when.eval(row);
        let closed = m.record.is_closed();
        // A record that cannot be judged keeps the verdict it had: no clock starts on it and none ends.
        let holds = if m.record.parked.is_some() { applied } else { verdict.holds() };
        let empty = match verdict {
            Verdict::Empty(field) if m.record.parked.is_none() => Some(field),
            Verdict::True | Verdict::False | Verdict::Empty(_) => None,
        };
        Facts {
            applies: holds && !closed,
            ending: if closed { EndedBy::Closed } else { EndedBy::Condition },
            empty,
            done: m.rule.until.eval(row).holds().then(|| done_at(m, at)),
            silent: m.rule.silenced_while.as_ref().is_some_and(|condition| condition.eval(row).holds()),
        }
    }
}

/// When the work was done: what the field says whose presence is asked for, else when its CRM showed it.
pub(super) fn done_at(m: &Matter<'_>, at: Instant) -> Instant {
    let value = m.rule.until.presence().map(|field| m.record.get(field.as_str()));
    match value {
        Some(Value::Time(instant)) => at.min(*instant),
        Some(Value::Date(date)) => at.min(first_instant_of(*date, m.desk.people.zone_of(m.record.owner.as_ref()))),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_)) | None => at,
    }
}
