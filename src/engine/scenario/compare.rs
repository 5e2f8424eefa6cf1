//! What came against what was expected, as lines that a person can read.

use std::fmt;

use chrono_tz::Tz;
use dealclock_model::What;
use dealclock_model::effect::Channel;

use super::Verdict;
use super::script::{Act, Expected, Script, Seen, Wanted};
use super::world::Run;

/// Compares a run with what its script expects.
///
/// Tasks, what became of them, lists, violations and withdrawals must all be expected. Mails must be where the test
/// speaks of mails at all; other words of the journal only where it names them.
pub(super) fn compare(script: &Script, run: &Run) -> Verdict {
    let speaks_of_mail = |expected: &Expected| match &expected.what {
        Wanted::Mail { .. } => true,
        Wanted::Digest { via, .. } => *via == Some(Channel::Email),
        _ => false,
    };
    let mails = script.expect.iter().any(speaks_of_mail);
    let mut used = vec![false; run.seen.len()];
    let mut missing: Vec<&Expected> = Vec::new();
    for expected in &script.expect {
        let mut candidates = run.seen.iter().enumerate().filter(|(place, seen)| !used[*place] && fits(expected, seen));
        match candidates.next() {
            Some((place, _)) => used[place] = true,
            None => missing.push(expected),
        }
    }
    let surplus = |place: usize| !used[place] && is_owed(&run.seen[place].what, mails);
    let faultless = missing.is_empty() && !(0..run.seen.len()).any(surplus) && run.doubles == 0 && !run.endless;
    if faultless {
        return Verdict::Passed;
    }
    let mut lines: Vec<(chrono::DateTime<chrono::Utc>, String)> = Vec::new();
    for (place, seen) in run.seen.iter().enumerate() {
        let mark = if surplus(place) { '+' } else { ' ' };
        lines.push((seen.at, format!("{mark} {}  {}: {}", moment(seen.at, script.zone), seen.record, seen.what)));
    }
    for expected in missing {
        let record = expected.record.as_deref().unwrap_or("any");
        lines.push((expected.at, format!("- {}  {record}: {}", moment(expected.at, script.zone), expected.what)));
    }
    lines.sort_by_key(|(at, _)| *at);
    let mut text: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
    if run.doubles > 0 {
        text.push(format!("{} tasks were made twice", run.doubles));
    }
    if run.endless {
        text.push("the run did not come to rest".to_owned());
    }
    Verdict::Failed(text.join("\n"))
}

/// Times are compared to the minute, as they are written.
fn moment(at: chrono::DateTime<chrono::Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// Whether something must have been expected when it comes.
fn is_owed(act: &Act, mails: bool) -> bool {
    match act {
        Act::Task { .. }
        | Act::Done { .. }
        | Act::Moved { .. }
        | Act::HandedOver { .. }
        | Act::TakenBack { .. }
        | Act::List { .. }
        | Act::Field { .. }
        | Act::HandedIn { .. }
        | Act::Notified { .. } => true,
        Act::Digest { via, .. } => mails || *via != Channel::Email,
        Act::Mail { .. } => mails,
        Act::Said { what, .. } => matches!(what, What::Violated | What::Withdrawn),
    }
}

fn fits(expected: &Expected, seen: &Seen) -> bool {
    let same_minute = expected.at.timestamp().div_euclid(60) == seen.at.timestamp().div_euclid(60);
    let same_record = expected.record.as_ref().is_none_or(|record| *record == seen.record);
    let free = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    same_minute
        && same_record
        && match (&expected.what, &seen.what) {
            (Wanted::Task { step, to, due }, Act::Task { step: is, to: person, due: date }) => {
                step == is && free(to, person) && due.is_none_or(|due| due == *date)
            }
            (Wanted::Mail { step, to }, Act::Mail { step: is, to: person }) => step == is && free(to, person),
            (Wanted::Done { step }, Act::Done { step: is }) => step == is,
            (Wanted::Moved { step, due }, Act::Moved { step: is, due: date }) => {
                step == is && due.is_none_or(|due| due == *date)
            }
            (Wanted::HandedOver { step, to }, Act::HandedOver { step: is, to: person }) => {
                step == is && free(to, person)
            }
            (Wanted::TakenBack { step }, Act::TakenBack { step: is }) => step == is,
            (Wanted::List { to }, Act::List { to: person }) => to == person,
            (
                Wanted::Digest { to, urgent, via, has, hasnt },
                Act::Digest { to: person, urgent: at_once, via: channel, text },
            ) => {
                to == person
                    && urgent == at_once
                    && via.is_none_or(|via| via == *channel)
                    && has.iter().all(|part| text.contains(part.as_str()))
                    && !hasnt.iter().any(|part| text.contains(part.as_str()))
            }
            (Wanted::Field { field, value }, Act::Field { field: is, value: holds }) => field == is && value == holds,
            (Wanted::HandedIn { to }, Act::HandedIn { to: approvers }) => {
                to.as_ref().is_none_or(|to| approvers.contains(to))
            }
            (Wanted::Notified { to }, Act::Notified { to: person }) => to == person,
            (Wanted::Said { what, step, why }, Act::Said { what: is, step: about, why: reason }) => {
                what == is
                    && step.as_ref().is_none_or(|step| about.as_ref() == Some(step))
                    && why.as_ref().is_none_or(|why| reason.contains(why.as_str()))
            }
            _ => false,
        }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Task { step, to, due } => write!(f, "task {step} to {to}, due {due}"),
            Act::Mail { step, to } => write!(f, "mail {step} to {to}"),
            Act::Done { step } => write!(f, "done {step}"),
            Act::Moved { step, due } => write!(f, "moved {step} to {due}"),
            Act::HandedOver { step, to } => write!(f, "handed_over {step} to {to}"),
            Act::TakenBack { step } => write!(f, "taken_back {step}"),
            Act::List { to } => write!(f, "list for {to}"),
            Act::Digest { to, urgent, via, text } => {
                let what = if *urgent { "urgent" } else { "digest" };
                write!(f, "{what} for {to} by {}:", via.as_str())?;
                text.lines().filter(|line| !line.trim().is_empty()).try_for_each(|line| write!(f, "\n      | {line}"))
            }
            Act::Field { field, value } => write!(f, "field {field} = {value}"),
            Act::HandedIn { to } => write!(f, "handed_in for {}", to.join(", ")),
            Act::Notified { to } => write!(f, "notified {to}"),
            Act::Said { what, step: Some(step), why } => write!(f, "says {} of {step}: {why}", what.as_str()),
            Act::Said { what, step: None, why } => write!(f, "says {}: {why}", what.as_str()),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = |to: &Option<String>| to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
        match self {
            Wanted::Task { step, to: whom, due } => {
                write!(f, "task {step}{}", to(whom))?;
                due.map_or(Ok(()), |due| write!(f, ", due {due}"))
            }
            Wanted::Mail { step, to: whom } => write!(f, "mail {step}{}", to(whom)),
            Wanted::Done { step } => write!(f, "done {step}"),
            Wanted::Moved { step, due } => {
                write!(f, "moved {step}")?;
                due.map_or(Ok(()), |due| write!(f, " to {due}"))
            }
            Wanted::HandedOver { step, to: whom } => write!(f, "handed_over {step}{}", to(whom)),
            Wanted::TakenBack { step } => write!(f, "taken_back {step}"),
            Wanted::List { to } => write!(f, "list for {to}"),
            Wanted::Digest { to, urgent, via, has, hasnt } => {
                write!(f, "{} for {to}", if *urgent { "urgent" } else { "digest" })?;
                via.map_or(Ok(()), |via| write!(f, " by {}", via.as_str()))?;
                has.iter().try_for_each(|part| write!(f, "\n      with {part:?}"))?;
                hasnt.iter().try_for_each(|part| write!(f, "\n      without {part:?}"))
            }
            Wanted::Field { field, value } => write!(f, "field {field} = {value}"),
            Wanted::HandedIn { to } => write!(f, "handed_in for {}", to.as_deref().unwrap_or("anybody")),
            Wanted::Notified { to } => write!(f, "notified {to}"),
            Wanted::Said { what, step, why } => {
                write!(f, "says {}", what.as_str())?;
                step.as_ref().map_or(Ok(()), |step| write!(f, " of {step}"))?;
                why.as_ref().map_or(Ok(()), |why| write!(f, ": {why}"))
            }
        }
    }
}
