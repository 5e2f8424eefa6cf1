//! The states that a record went through since we knew it last, in the order of the CRM's own times.
//!
//! A change tells the last state; its history, and fields that hold the time at which something happened, tell what lay
//! between. Replaying them gives the same clocks as if each state had been polled in its moment.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use dealclock_model::record::{FieldHistory, field};
use dealclock_model::{FieldName, Instant, PersonId, Record, Value};

/// The name under which a history tells past owners.
const OWNER: &str = "owner.id";

/// Fields that change together when a record enters a stage.
const STAGE_FIELDS: [&str; 6] =
    [field::STAGE, field::STAGE_ID, field::PIPELINE, field::STAGE_ENTERED_AT, field::IS_CLOSED, field::IS_WON];

/// What one edit changes may carry times that differ by this much.
const ONE_EDIT: Duration = Duration::seconds(1);

/// The values that fields took, by the time they took them.
type Turns = BTreeMap<Instant, BTreeMap<FieldName, Value>>;

/// The states since `since`, oldest first, each with the CRM's time at which it began; the last is `after`.
pub(super) fn replay(
    before: Option<&Record>,
    after: &Record,
    history: &[FieldHistory],
    since: Option<Instant>,
    stamp: Instant,
) -> Vec<(Instant, Record)> {
    let mut turns = Turns::new();
    let between = |at: Instant| at <= stamp && since.is_none_or(|since| since < at);
    take_history(&mut turns, history, after, &between);
    take_times(&mut turns, before, after, history, &between);
    if turns.is_empty() {
        return vec![(stamp, after.clone())];
    }
    let mut states: Vec<(Instant, Record)> = Vec::new();
    let mut current = earliest(before, after, &turns);
    for (at, values) in turns {
        apply(&mut current, values);
        match states.last_mut() {
            Some((start, state)) if at - *start <= ONE_EDIT => *state = current.clone(),
            Some(_) | None => states.push((at, current.clone())),
        }
    }
    match states.last_mut() {
        Some((start, state)) if stamp - *start <= ONE_EDIT => *state = after.clone(),
        Some(_) | None => states.push((stamp, after.clone())),
    }
    states
}

/// Takes the turns that the CRM's history tells. Entering a stage by definition sets the time of entering it.
fn take_history(turns: &mut Turns, history: &[FieldHistory], after: &Record, between: &impl Fn(Instant) -> bool) {
    for FieldHistory { field: name, entries } in history {
        for (at, value) in entries.iter().filter(|(at, _)| between(*at)) {
            let turn = turns.entry(*at).or_default();
            turn.insert(name.clone(), value.clone());
            if name.as_str() == field::STAGE {
                let entered = match after.get(field::STAGE_ENTERED_AT) {
                    Value::Time(last) if (*last - *at).abs() <= ONE_EDIT => *last,
                    _ => *at,
                };
                turn.insert(FieldName::from(field::STAGE_ENTERED_AT), Value::Time(entered));
            }
        }
    }
}

/// Takes the turns that fields tell by holding the time at which something happened, where no history does.
fn take_times(
    turns: &mut Turns,
    before: Option<&Record>,
    after: &Record,
    history: &[FieldHistory],
    between: &impl Fn(Instant) -> bool,
) {
    let told: BTreeSet<&str> = history.iter().map(|history| history.field.as_str()).collect();
    let stage_told = told.contains(field::STAGE);
    for (name, value) in &after.fields {
        let Value::Time(at) = value else { continue };
        let name_of_record = [field::CREATED_AT, field::MODIFIED_AT].contains(&name.as_str());
        let known = before.is_some_and(|before| before.get(name.as_str()) == value);
        if name_of_record || known || told.contains(name.as_str()) || !between(*at) {
            continue;
        }
        if name.as_str() != field::STAGE_ENTERED_AT {
            turns.entry(*at).or_default().insert(name.clone(), value.clone());
        } else if !stage_told && before.is_some() {
            let turn = turns.entry(*at).or_default();
            for name in STAGE_FIELDS {
                turn.insert(FieldName::from(name), after.get(name).clone());
            }
        }
    }
}

/// The state before the first turn: the one we knew, else the present one without what came by turns.
fn earliest(before: Option<&Record>, after: &Record, turns: &Turns) -> Record {
    match before {
        Some(before) => Record { url: after.url.clone(), parked: after.parked.clone(), ..before.clone() },
        None => {
            let mut earliest = after.clone();
            for name in turns.values().flat_map(BTreeMap::keys) {
                earliest.fields.remove(name);
            }
            earliest
        }
    }
}

fn apply(record: &mut Record, values: BTreeMap<FieldName, Value>) {
    for (name, value) in values {
        match (name.as_str(), &value) {
            (OWNER, Value::Text(owner)) => record.owner = Some(PersonId::from(owner)),
            (OWNER, _) => record.owner = None,
            (_, Value::Null) => {
                record.fields.remove(&name);
            }
            (_, _) => {
                record.fields.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Instant {
        "2026-06-01T10:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(minute)
    }

    fn record(stage: &str, entered: i64, sent: Option<i64>) -> Record {
        let mut fields = BTreeMap::from([
            (FieldName::from(field::STAGE), Value::text(stage)),
            (FieldName::from(field::STAGE_ENTERED_AT), Value::Time(at(entered))),
        ]);
        if let Some(sent) = sent {
            fields.insert(FieldName::from("sent_at"), Value::Time(at(sent)));
        }
        Record { owner: None, fields, url: None, parked: None }
    }

    fn check(before: Option<&Record>, after: &Record, history: &[FieldHistory], expected: &[(i64, &str, bool)]) {
        let states = replay(before, after, history, Some(at(0)), at(60));
        let seen: Vec<_> = states
            .iter()
            .map(|(time, record)| {
                let stage = record.get(field::STAGE).to_string();
                ((*time - at(0)).num_minutes(), stage, !record.get("sent_at").is_null())
            })
            .collect();
        let expected: Vec<_> = expected.iter().map(|(time, stage, sent)| (*time, (*stage).to_owned(), *sent)).collect();
        assert_eq!(seen, expected);
        assert_eq!(states.last().map(|(_, record)| record), Some(after));
    }

    #[test]
    fn without_anything_between_there_is_one_state_at_the_stamp() {
        check(Some(&record("Open", 0, None)), &record("Open", 0, None), &[], &[(60, "Open", false)]);
    }

    #[test]
    fn a_stage_stamp_tells_when_the_stage_was_entered() {
        check(
            Some(&record("Open", 0, None)),
            &record("Lost", 20, None),
            &[],
            &[(20, "Lost", false), (60, "Lost", false)],
        );
    }

    #[test]
    fn a_stage_and_the_time_of_entering_it_turn_together() {
        let stages = FieldHistory {
            field: FieldName::from(field::STAGE),
            entries: vec![(at(0), Value::text("Open")), (at(20), Value::text("Sent"))],
        };
        check(
            Some(&record("Open", 0, None)),
            &record("Sent", 20, Some(20)),
            &[stages],
            &[(20, "Sent", true), (60, "Sent", true)],
        );
    }

    #[test]
    fn out_and_in_again_is_seen_in_the_history() {
        let stages = FieldHistory {
            field: FieldName::from(field::STAGE),
            entries: vec![(at(10), Value::text("Hold")), (at(30), Value::text("Open"))],
        };
        check(
            Some(&record("Open", 0, None)),
            &record("Open", 30, None),
            &[stages],
            &[(10, "Hold", false), (30, "Open", false), (60, "Open", false)],
        );
    }
}
