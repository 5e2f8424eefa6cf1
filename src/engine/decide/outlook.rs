//! What comes next for a record, and why a rule does not apply to it: the answers of `explain` and `status`.

use dealclock_model::case::{Clock, ClockState, Gone, RecordCase};
use dealclock_model::{Instant, People, Record, RecordRef, RuleKey};

use super::Desk;
use super::matter::Matter;
use super::recipient::name;
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
    upcoming.sort_by(|one, other| (one.at, &one.rule).cmp(&(other.at, &other.rule)));
    upcoming
}

/// For every rule on the record's connection, why it does or does not apply to the record as it is known.
pub fn why_not(rules: &Rules, people: &People, id: &RecordRef, case: &RecordCase) -> Vec<WhyNot> {
    let owner = case.record.as_ref().and_then(|record| record.owner.as_ref());
    let person = owner.and_then(|owner| people.get(owner));
    rules
        .about(id.object, &id.connection)
        .map(|rule| {
            let clock = case.clocks.get(&rule.key);
            let why = match (&case.record, &case.gone) {
                (_, Some(Gone::Deleted)) => "the record is deleted".to_owned(),
                (_, Some(Gone::Merged(into))) => format!("the record was merged into {into}"),
                (None, None) => "the record has not been read yet".to_owned(),
                (Some(record), None) => {
                    let row = rules.layout.row(record, person);
                    judgement(rule, clock, record, &row)
                }
            };
            WhyNot { rule: rule.key.clone(), live: clock.is_some_and(|clock| clock.state.is_live()), why }
        })
        .collect()
}

fn of_clock(m: &Matter<'_>, clock: &Clock) -> Vec<Upcoming> {
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
