//! The way out on the clock: it stands still exactly while the request of its episode is open, and a decision moves the
//! deadline.

use dealclock_model::case::{Clock, ClockState, Extended, RecordCase};
use dealclock_model::{Instant, Record, Request, RequestState, Value, What};

use super::matter::Matter;
use super::request::Hearing;
use super::words::{last_in_time, moment};
use super::{Draft, tasks};
use crate::rules::Extension;

/// A state of the record, and how it came to be looked at.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    /// The state before, where there was one.
    pub(super) before: Option<&'a Record>,
    /// Since when the record is as it is, by the CRM's time.
    pub(super) at: Instant,
    /// The rule looks at the record for the first time: what is true was true before we came.
    pub(super) first: bool,
}

/// Carries the request of a rule's way out, and with it the clock, over to the state that the record is in.
///
/// Where the table of the clock is silent: asked for after the deadline, a request is opened as well, so that there is a
/// way out late; but the clock stays violated meanwhile, and only a grant lets it run again. The violation stays counted,
/// and a second deadline that passes is not counted again. Refused, timed out or taken back, asking late has changed
/// nothing.
pub(super) fn follow(m: &Matter<'_>, case: &mut RecordCase, clock: &mut Clock, turn: Turn<'_>, out: &mut Draft) {
    let (Some(extension), Some(hearing)) = (&m.rule.extension, Hearing::of_rule(m.desk, m.id, m.record, m.rule)) else {
        return;
    };
    let hearing = hearing.with_deadline(clock.deadline, clock.zone);
    let known = case.requests.remove(&m.rule.key);
    let request = if is_open_ended(clock) {
        ask(m, &hearing, extension, clock, known, turn, out)
    } else {
        known.map(|mut request| {
            hearing.close_not_needed(&mut request, turn.at, "the clock does not run any more", out);
            hearing.close_told(&mut request);
            request
        })
    };
    let open = request.as_ref().is_some_and(|request| request.episode == clock.episode && request.is_open());
    let waits = asks(m.record, extension) && must_wait(m, clock);
    if clock.state == ClockState::Silenced && !open && !waits {
        m.unsilence(clock, turn.at, "nobody asks for more time any more", out);
    }
    if let Some(request) = request {
        case.requests.insert(m.rule.key.clone(), request);
    }
}

/// Whether the clock can still be given time.
fn is_open_ended(clock: &Clock) -> bool {
    clock.ended.is_none()
        && !clock.ignored
        && match clock.state {
            ClockState::Running | ClockState::Silenced | ClockState::Violated => true,
            ClockState::Met | ClockState::MetLate | ClockState::Void => false,
        }
}

/// A stopped rule, and a clock that the storm guard holds or may hold yet, ask nobody; but whoever asks waits in silence.
fn must_wait(m: &Matter<'_>, clock: &Clock) -> bool {
    m.is_stopped() || clock.held.is_some() || clock.waits_until.is_some_and(|until| m.now() < until)
}

/// Whether the rep asks for more time.
fn asks(record: &Record, extension: &Extension) -> bool {
    record.get(extension.requested_by.as_str()) == &Value::Bool(true)
}

/// What the checkboxes, as they are since the turn, do to the request of a clock's episode.
fn ask(
    m: &Matter<'_>,
    hearing: &Hearing<'_>,
    extension: &Extension,
    clock: &mut Clock,
    mut known: Option<Request>,
    turn: Turn<'_>,
    out: &mut Draft,
) -> Option<Request> {
    let asks_now = asks(m.record, extension);
    let asked = turn.before.map(|before| asks(before, extension));
    if let Some(old) = known.as_mut().filter(|request| request.episode != clock.episode) {
        hearing.close_not_needed(old, turn.at, "a new episode began", out);
    }
    let state = known.as_ref().filter(|request| request.episode == clock.episode).map(|request| request.state);
    match state {
        None if turn.first && known.is_none() && is_granted(m.record, extension) => {
            let why = "it was ticked before the rule first looked at the record, and counts as granted";
            let request = hearing.adopt(None, clock.episode, turn.at, None, why, out);
            grant_from_before(m, clock, turn.at, out);
            Some(request)
        }
        None | Some(RequestState::Withdrawn | RequestState::NotNeeded) => {
            open(m, hearing, clock, known, turn.at, asks_now, out)
        }
        Some(before) => {
            let mut request = known?;
            let round = request.round;
            match before {
                RequestState::Open | RequestState::Granted if asked == Some(true) && !asks_now => {
                    if before == RequestState::Open {
                        hearing.withdraw(&mut request, turn.at, out);
                    } else {
                        hearing.take_back(&mut request, turn.at, out);
                    }
                }
                RequestState::Granted | RequestState::Refused | RequestState::TimedOut | RequestState::TakenBack
                    if asked == Some(false) && asks_now =>
                {
                    hearing.tell_decided(&mut request, out);
                }
                RequestState::Open
                | RequestState::Granted
                | RequestState::Refused
                | RequestState::TimedOut
                | RequestState::TakenBack
                | RequestState::Withdrawn
                | RequestState::NotNeeded => hearing.follow_record(&mut request, turn.before, turn.at, out),
            }
            obey(m, hearing, clock, Some((before, round)), &mut request, turn.at, out);
            Some(request)
        }
    }
}

/// Opens the request of the episode, or the same one again, when the rep asks.
fn open(
    m: &Matter<'_>,
    hearing: &Hearing<'_>,
    clock: &mut Clock,
    known: Option<Request>,
    at: Instant,
    asks: bool,
    out: &mut Draft,
) -> Option<Request> {
    if !asks {
        return known;
    }
    if must_wait(m, clock) {
        if clock.state == ClockState::Running {
            m.silence(clock, at, "more time is asked for, and nobody can be asked yet", out);
        }
        return known;
    }
    let before = known.as_ref().filter(|request| request.episode == clock.episode);
    let before = before.map(|request| (request.state, request.round));
    // Who had to wait has asked since then.
    let since = clock.silenced_at.unwrap_or(at);
    let mut request = hearing.open(known, clock.episode, since, out);
    obey(m, hearing, clock, before, &mut request, since, out);
    Some(request)
}

/// Whether the checkbox that only the approval ticks is ticked.
fn is_granted(record: &Record, extension: &Extension) -> bool {
    record.get(extension.granted_as.as_str()) == &Value::Bool(true)
}

/// Opens what could not be opened while the clock was held or its rule stopped.
pub(super) fn catch_up(m: &Matter<'_>, case: &mut RecordCase, clock: &mut Clock, out: &mut Draft) {
    let known = case.requests.get(&m.rule.key).filter(|request| request.episode == clock.episode);
    let waited = match clock.state {
        ClockState::Silenced => !known.is_some_and(Request::is_open),
        // Asked for before anybody could be asked, after the deadline.
        ClockState::Violated => known.is_none(),
        ClockState::Running | ClockState::Met | ClockState::MetLate | ClockState::Void => false,
    };
    if m.rule.extension.is_some() && waited && !must_wait(m, clock) {
        let turn = Turn { before: None, at: m.now(), first: false };
        follow(m, case, clock, turn, out);
    }
}

/// Moves the clock after its request went from one state (and round) to another, and lets the request tell of it.
pub(super) fn obey(
    m: &Matter<'_>,
    hearing: &Hearing<'_>,
    clock: &mut Clock,
    before: Option<(RequestState, u32)>,
    request: &mut Request,
    at: Instant,
    out: &mut Draft,
) {
    if before == Some((request.state, request.round)) || request.episode != clock.episode || !is_open_ended(clock) {
        return;
    }
    let closed = request.closed_at.unwrap_or(at);
    let decided = request.decision.as_ref().map_or(closed, |decision| decision.at);
    match request.state {
        RequestState::Open => stand_still(m, clock, request.opened_at, out),
        RequestState::Granted => {
            // A request that nobody had to decide was never open.
            stop_waiting(m, clock, decided);
            let from = grace_from(m, clock, decided);
            let why = format!("more time was granted at {}", moment(decided, clock.zone));
            move_deadline(m, clock, Move { at: from, granted: true, given_back_secs: 0 }, &why, out);
        }
        RequestState::Refused | RequestState::TimedOut if clock.state == ClockState::Silenced => {
            stop_waiting(m, clock, decided);
            let from = grace_from(m, clock, decided);
            let why = "no more time was granted, and the time for which the request was open is given back";
            let given_back_secs = clock.waited_secs;
            move_deadline(m, clock, Move { at: from, granted: false, given_back_secs }, why, out);
        }
        RequestState::Withdrawn | RequestState::TakenBack if has_grant(clock) => {
            stop_waiting(m, clock, closed);
            let from = grace_from(m, clock, closed);
            let why = "the grant was taken back, and the deadline is again the one before it";
            move_deadline(m, clock, Move { at: from, granted: false, given_back_secs: 0 }, why, out);
        }
        RequestState::Withdrawn | RequestState::NotNeeded if clock.state == ClockState::Silenced => {
            stop_waiting(m, clock, closed);
            let why = if clock.deadline <= closed {
                "the request was taken back after the deadline, and taking it back wins no time: not silent any more"
            } else {
                "the request is not open any more, and the deadline stands: not silent any more"
            };
            m.unsilence(clock, closed, why, out);
        }
        RequestState::Refused
        | RequestState::TimedOut
        | RequestState::Withdrawn
        | RequestState::NotNeeded
        | RequestState::TakenBack => {}
    }
    let due = Some((clock.deadline, clock.zone));
    match request.state {
        RequestState::Granted | RequestState::Refused | RequestState::TimedOut => {
            hearing.clone().with_deadline(clock.deadline, clock.zone).announce(request, due, out);
        }
        RequestState::Open | RequestState::Withdrawn | RequestState::NotNeeded | RequestState::TakenBack => {}
    }
}

fn has_grant(clock: &Clock) -> bool {
    clock.extended.as_ref().is_some_and(|extended| extended.granted)
}

/// The clock stands still from the moment of the asking; one that is violated by then stays so.
fn stand_still(m: &Matter<'_>, clock: &mut Clock, asked: Instant, out: &mut Draft) {
    match clock.state {
        ClockState::Running => m.silence(clock, asked, "the request for more time is open", out),
        ClockState::Violated if asked < clock.deadline => {
            m.withdraw(clock, asked, out);
            m.silence(clock, asked, "the request for more time is open", out);
        }
        ClockState::Silenced | ClockState::Violated | ClockState::Met | ClockState::MetLate | ClockState::Void => {}
    }
}

/// Counts the time for which the clock stood still, in the unit of its deadline.
fn stop_waiting(m: &Matter<'_>, clock: &mut Clock, until: Instant) {
    if let Some(since) = clock.silenced_at.filter(|_| clock.state == ClockState::Silenced) {
        let waited = m.reckoning(clock.zone).counted(since, until, m.rule.deadline.unit);
        clock.waited_secs = clock.waited_secs.saturating_add(waited.num_seconds());
    }
}

/// From when the grace counts: the decision, unless it was heard of so late that the grace would be over.
fn grace_from(m: &Matter<'_>, clock: &Clock, decided: Instant) -> Instant {
    let grace = m.rule.extension.as_ref().map(|extension| m.grace(extension, clock, decided));
    if grace.is_some_and(|end| end > m.now()) { decided } else { decided.max(m.now()) }
}

/// How a decision moves the deadline.
struct Move {
    at: Instant,
    granted: bool,
    given_back_secs: i64,
}

/// Moves the deadline and begins a new round.
fn move_deadline(m: &Matter<'_>, clock: &mut Clock, by: Move, why: &str, out: &mut Draft) {
    let before = clock.extended.as_ref().map_or(clock.deadline, |extended| extended.before);
    let Move { at, granted, given_back_secs } = by;
    let round = clock.round.saturating_add(1);
    clock.extended = Some(Extended { before, at, granted, given_back_secs, round });
    begin_round(m, clock, why, out);
}

/// A grant from before we came: the deadline that it gives holds, if it still lies ahead; nobody gets a grace from us.
fn grant_from_before(m: &Matter<'_>, clock: &mut Clock, at: Instant, out: &mut Draft) {
    let Some(extension) = &m.rule.extension else { return };
    if m.granted_until(extension, clock) > m.now() {
        let why = "more time was granted before the rule first looked at the record";
        let by = Move { at: at.min(clock.zero), granted: true, given_back_secs: 0 };
        move_deadline(m, clock, by, why, out);
    }
}

/// The clock runs again, to its new deadline: reminders later than now are planned anew, due dates move.
fn begin_round(m: &Matter<'_>, clock: &mut Clock, why: &str, out: &mut Draft) {
    tasks::take_back(clock, out);
    if clock.state == ClockState::Silenced {
        out.journal.push(m.entry(clock, What::Unsilenced, "the request is not open any more"));
    }
    clock.state = ClockState::Running;
    clock.silenced_at = None;
    clock.round = clock.round.saturating_add(1);
    clock.deadline = m.due(clock);
    let why = format!("{why}; to be done by {}", last_in_time(clock));
    out.journal.push(m.entry(clock, What::Replanned, why));
    m.plan_round(clock, out);
    m.move_due_dates(clock);
}

impl Matter<'_> {
    /// Whether an administrator stopped the rule.
    pub(super) fn is_stopped(&self) -> bool {
        self.desk.rules.stopped.contains(&self.rule.key)
    }

    /// The deadline that a clock has by the rule as it is now, and by what was decided about its request.
    pub(super) fn due(&self, clock: &Clock) -> Instant {
        let plain = self.deadline(clock.zero, clock.zone);
        match (&clock.extended, &self.rule.extension) {
            (None, _) => plain,
            // The way out was taken out of the rule: what was decided by it stands.
            (Some(_), None) => plain.max(clock.deadline),
            (Some(extended), Some(extension)) => {
                let main = if extended.granted {
                    self.granted_until(extension, clock)
                } else {
                    let time = chrono::Duration::seconds(extended.given_back_secs);
                    self.rounded(clock, self.reckoning(clock.zone).after(plain, time, self.rule.deadline.unit))
                };
                main.max(self.grace(extension, clock, extended.at))
            }
        }
    }

    /// The deadline that a grant gives, counted from the clock's zero.
    fn granted_until(&self, extension: &Extension, clock: &Clock) -> Instant {
        let reckoning = self.reckoning(clock.zone);
        self.rounded(clock, reckoning.deadline(clock.zero, extension.grants, self.rule.deadline_time))
    }

    /// The end of the least time that a decision leaves.
    fn grace(&self, extension: &Extension, clock: &Clock, decided: Instant) -> Instant {
        let reckoning = self.reckoning(clock.zone);
        self.rounded(clock, reckoning.deadline(decided, extension.grace, self.rule.deadline_time))
    }

    /// A deadline in the rule's own unit: one in days ends at the end of a day that counts.
    fn rounded(&self, clock: &Clock, deadline: Instant) -> Instant {
        let rule = self.rule;
        self.reckoning(clock.zone).rounded_up(deadline, rule.deadline.unit, rule.deadline_time)
    }
}

#[cfg(test)]
mod tests;
