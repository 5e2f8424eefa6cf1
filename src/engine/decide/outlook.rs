//! What comes next for a record, and why a rule does not apply to it: the answers of `explain` and `status`.

use chrono_tz::Tz;
use dealclock_model::case::{Clock, ClockState, Gone, RecordCase};
use dealclock_model::{Instant, People, Record, RecordRef, Request, RequestState, RuleKey};

use super::Desk;
use super::matter::Matter;
use super::recipient::name;
use super::request::Hearing;
use super::words::{last_in_time, moment};
use crate::condition::Verdict;
use crate::rules::{Calendars, Rule, Rules};

/// Something that will happen unless the record changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upcoming {
    /// When.
    pub at: Instant,
    /// By which rule.
    pub rule: RuleKey,
    /// What, for a person.
    pub what: String,
}

/// How one rule stands to a record now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyNot {
    /// The rule.
    pub rule: RuleKey,
    /// Whether it has a clock that runs or is silent.
    pub live: bool,
    /// Why it applies or does not, for a person.
    pub why: String,
}

/// What comes next for a record and when, soonest first.
pub fn outlook(
    rules: &Rules,
    calendars: &Calendars,
    people: &People,
    id: &RecordRef,
    case: &RecordCase,
    now: Instant,
) -> Vec<Upcoming> {
    let desk = Desk { rules, calendars, people, now };
    let Some(record) = case.record.as_ref().filter(|_| case.gone.is_none()) else { return Vec::new() };
    let mut upcoming: Vec<Upcoming> = rules
        .about(id.object, &id.connection)
        .filter_map(|rule| Some((rule, case.clocks.get(&rule.key)?)))
        .flat_map(|(rule, clock)| of_clock(&Matter { desk, id, rule, record }, clock))
        .collect();
    let requests = case.requests.iter();
    upcoming.extend(requests.flat_map(|(key, request)| of_request(desk, id, case, record, key, request)));
    upcoming.sort_by(|one, other| (one.at, &one.rule).cmp(&(other.at, &other.rule)));
    upcoming
}

/// For every rule on the record's connection, why it does or does not apply to the record as it is known.
pub fn why_not(rules: &Rules, people: &People, id: &RecordRef, case: &RecordCase) -> Vec<WhyNot> {
    let owner = case.record.as_ref().and_then(|record| record.owner.as_ref());
    let person = owner.and_then(|owner| people.get(owner));
    let of_approvals = rules.asking(id.object, &id.connection).filter_map(|(_, approval)| {
        let key = approval.request_key();
        let request = case.requests.get(&key).filter(|_| case.gone.is_none())?;
        let zone = people.zone_of(owner);
        Some(WhyNot { rule: key, live: request.is_open(), why: standing_of(people, request, zone) })
    });
    let of_rules = rules.about(id.object, &id.connection).map(|rule| {
        let clock = case.clocks.get(&rule.key);
        let why = match (&case.record, &case.gone) {
            (_, Some(Gone::Deleted)) => "the record is deleted".to_owned(),
            (_, Some(Gone::Merged(into))) => format!("the record was merged into {into}"),
            (None, None) => "the record has not been read yet".to_owned(),
            (Some(record), None) => {
                let row = rules.layout.row(record, person);
                let why = judgement(rule, clock, record, &row);
                with_request(people, why, clock, case.requests.get(&rule.key))
            }
        };
        WhyNot { rule: rule.key.clone(), live: clock.is_some_and(|clock| clock.state.is_live()), why }
    });
    of_rules.chain(of_approvals).collect()
}

/// How a clock stands, and how the request of its episode does.
fn with_request(people: &People, why: String, clock: Option<&Clock>, request: Option<&Request>) -> String {
    let of_episode = clock.zip(request).filter(|(clock, request)| request.episode == clock.episode);
    match of_episode {
        Some((clock, request)) => {
            format!("{why}; the request for more time {}", standing_of(people, request, clock.zone))
        }
        None => why,
    }
}

/// How a request stands, for a person.
fn standing_of(people: &People, request: &Request, zone: Tz) -> String {
    let since = |at: Instant| moment(at, zone);
    let end = request.decision.as_ref().map(|decision| decision.at).or(request.closed_at).unwrap_or(request.opened_at);
    let by = request.decision.as_ref().and_then(|decision| decision.by.as_ref());
    let by = by.map(|person| format!(" by {}", name(people, person))).unwrap_or_default();
    match request.state {
        RequestState::Open => {
            format!("waits for {} since {}", awaited(people, request), since(request.opened_at))
        }
        RequestState::Granted => format!("was granted{by} at {}", since(end)),
        RequestState::Refused => format!("was refused{by} at {}", since(end)),
        RequestState::TimedOut => format!("was not decided in time, at {}", since(end)),
        RequestState::Withdrawn => format!("was withdrawn at {}", since(end)),
        RequestState::NotNeeded => format!("was not needed any more at {}", since(end)),
        RequestState::TakenBack => {
            format!("was granted and taken back at {}", since(request.closed_at.unwrap_or(end)))
        }
    }
}

/// Those whose word is missing.
fn awaited(people: &People, request: &Request) -> String {
    let asked = request.steps.last().map(|step| step.approvers.iter()).into_iter().flatten();
    let waiting = asked.filter(|approver| approver.ruling.is_none());
    let names: Vec<_> = waiting.map(|approver| name(people, &approver.person)).collect();
    if names.is_empty() { "nobody who could be asked".to_owned() } else { names.join(" and ") }
}

fn of_request(
    desk: Desk<'_>,
    id: &RecordRef,
    case: &RecordCase,
    record: &Record,
    key: &RuleKey,
    request: &Request,
) -> Vec<Upcoming> {
    let hearing = Hearing::of_key(desk, id, record, key);
    let Some(hearing) = hearing.filter(|_| request.is_open() && !desk.rules.stopped.contains(key)) else {
        return Vec::new();
    };
    let zone = case.clocks.get(key).map_or(desk.people.zone_of(record.owner.as_ref()), |clock| clock.zone);
    let tell = |at, what| Upcoming { at, rule: key.clone(), what };
    let standing = standing_of(desk.people, request, zone);
    let ends = tell(hearing.timeout_at(request), format!("the request times out: it {standing}"));
    let next = hearing.next_at(request).filter(|at| *at < ends.at);
    let next = next.map(|at| tell(at, format!("reminded of the request, or escalated: it {standing}")));
    next.into_iter().chain([ends]).collect()
}

fn of_clock(m: &Matter<'_>, clock: &Clock) -> Vec<Upcoming> {
    if m.is_stopped() {
        return Vec::new();
    }
    let tell = |at, what| Upcoming { at, rule: m.rule.key.clone(), what };
    match (clock.state, clock.held) {
        (ClockState::Running | ClockState::Silenced, Some(until)) => {
            vec![tell(until, "held by the storm guard; at the latest then it starts, without blame".to_owned())]
        }
        (ClockState::Running, None) => {
            let steps = m.coming_steps(clock).into_iter().filter(|coming| coming.at < clock.deadline);
            let mut upcoming: Vec<_> = steps
                .map(|coming| {
                    let whom = match m.recipient(coming.slot) {
                        Some(recipient) => name(m.desk.people, &recipient.person).to_owned(),
                        None => "nobody".to_owned(),
                    };
                    tell(coming.at, format!("reminder `{}` to {whom}", coming.remind.name))
                })
                .collect();
            upcoming.push(tell(clock.deadline, format!("violated unless `{}`", m.rule.until.text)));
            upcoming
        }
        (ClockState::Silenced, None)
        | (ClockState::Met | ClockState::Violated | ClockState::MetLate | ClockState::Void, _) => Vec::new(),
    }
}

fn judgement(rule: &Rule, clock: Option<&Clock>, record: &Record, row: &crate::condition::Row<'_>) -> String {
    if let Some(why) = &record.parked {
        return format!("the record cannot be judged: {why}");
    }
    if record.is_closed() {
        return "the record is closed".to_owned();
    }
    match rule.when.eval(row) {
        Verdict::False => return format!("`{}` does not hold", rule.when.text),
        Verdict::Empty(field) => return format!("`{}` does not hold: `{field}` is empty", rule.when.text),
        Verdict::True => {}
    }
    let Some(clock) = clock else {
        return if rule.until.eval(row).holds() {
            format!("the work was already done when the rule began to apply: `{}`", rule.until.text)
        } else {
            format!("`{}` holds, and the rule has not looked at the record yet", rule.when.text)
        };
    };
    let since = moment(clock.zero, clock.zone);
    match clock.state {
        ClockState::Running if clock.held.is_some() => "held by the storm guard".to_owned(),
        ClockState::Running => format!("runs since {since}, to be done by {}", last_in_time(clock)),
        ClockState::Silenced if rule.extension.is_some() => "silent while more time is asked for".to_owned(),
        ClockState::Silenced => {
            let text = rule.silenced_while.as_ref().map_or("", |condition| &condition.text);
            format!("silent while `{text}`")
        }
        ClockState::Met => format!("done in time: `{}`", rule.until.text),
        ClockState::Violated => format!("violated: not done by {}", last_in_time(clock)),
        ClockState::MetLate => format!("done after the deadline: `{}`", rule.until.text),
        ClockState::Void if clock.ignored => "left alone by the backlog policy or the answer to a storm".to_owned(),
        ClockState::Void => "ended without a result".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::bench::{Bench, at, id, local, people, rules};

    #[test]
    fn an_open_request_is_told_with_whom_it_waits_for_and_when_it_times_out() {
        let mut bench = Bench::new(rules("5d", &["1d"], "", "grants = \"10d\""));
        bench.change("2026-06-01 11:00", false, false);
        bench.change("2026-06-02 10:00", true, false);
        let (rules, calendars, case) = (&bench.rules.rules, &bench.rules.calendars, bench.record_case());
        let upcoming = outlook(rules, calendars, &people(), &id(), case, at("2026-06-02 10:00"));
        let told: Vec<_> = upcoming.iter().map(|next| (local(next.at), next.what.as_str())).collect();
        let expected = "the request times out: it waits for boss since 2026-06-02 10:00";
        assert_eq!(told, [("2026-07-02 09:00".to_owned(), expected)]);
        let stands = why_not(rules, &people(), &id(), case);
        let expected =
            "silent while more time is asked for; the request for more time waits for boss since 2026-06-02 10:00";
        assert_eq!((stands[0].live, stands[0].why.as_str()), (true, expected));
    }
}
