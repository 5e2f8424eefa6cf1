//! Granted checkboxes that are ticked while no grant is known: the CRM's own approval is read first, then they are set back.

use std::collections::BTreeMap;

use dealclock_model::case::{RecordCase, Tampering, TamperingState};
use dealclock_model::effect::{Channel, RecordUpdate, Subject};
use dealclock_model::request::NativeSeen;
use dealclock_model::{
    CaseId, Effect, EffectId, Entry, Fact, FieldName, Happened, Instant, Outcome, Record, RecordRef, Request,
    RequestState, RuleKey, Ruling, StepName, Value, What, Write,
};

use super::request::{GRANTED, Hearing};
use super::{Desk, Draft};

/// The recipient slot of writes to the record itself.
const RECORD: &str = "record";

/// Looks at the granted checkbox of a rule's way out or an approval as it is since `at`.
///
/// Suspicious is a tick that is news: the box was not ticked before, or what it grants has only just begun (`fresh`). Our own
/// tick comes back while the request is granted; one that comes back while a write of ours is under way is none either.
pub(super) fn watch(
    hearing: &Hearing<'_>,
    case: &mut RecordCase,
    before: Option<&Record>,
    at: Instant,
    fresh: bool,
    out: &mut Draft,
) {
    let Some(field) = hearing.granted_as() else { return };
    let ticked = is_ticked(hearing.record, field);
    let suspected = case.tampering.get_mut(&hearing.key).filter(|known| known.state == TamperingState::Suspected);
    match suspected {
        Some(known) if !ticked => {
            known.state = TamperingState::Settled;
            let why =
                format!("`{field}` was ticked without a grant and cleared again before anything was done about it");
            out.journal.push(entry(hearing, 0, What::Tampered, why));
        }
        Some(_) => {}
        None => {
            let news = ticked && (fresh || before.is_none_or(|before| !is_ticked(before, field)));
            if news && !is_explained(hearing, field, &case.requests) {
                let count = case.tampering.get(&hearing.key).map_or(0, |known| known.count).saturating_add(1);
                let known = Tampering { count, since: at, state: TamperingState::Suspected };
                case.tampering.insert(hearing.key.clone(), known);
            }
        }
    }
}

/// Whether a tick is explained: by a grant, or by a write of ours to that very box that is still under way.
///
/// Rules that share an approval may share its box, too: what one of them was granted is no tampering to the others.
fn is_explained(hearing: &Hearing<'_>, field: &FieldName, requests: &BTreeMap<RuleKey, Request>) -> bool {
    let of_box = |step: &StepName| step.as_str().starts_with(GRANTED);
    let ticks_it = |key: &RuleKey| {
        let other = Hearing::of_key(hearing.desk, hearing.id, hearing.record, key);
        other.is_some_and(|other| other.granted_as() == Some(field))
    };
    let explains = |request: &Request| request.state == RequestState::Granted || request.pending.values().any(of_box);
    requests.iter().any(|(key, request)| explains(request) && (*key == hearing.key || ticks_it(key)))
}

fn is_ticked(record: &Record, field: &FieldName) -> bool {
    record.get(field.as_str()) == &Value::Bool(true)
}

/// What the CRM's own approval process says about a suspicion.
pub(super) enum Finding<'a> {
    /// There is nothing to look into, or the answer is older than the tick.
    Nothing,
    /// The process granted it: that is the decision.
    Granted(&'a NativeSeen),
    /// Nobody granted it.
    Unfounded,
}

/// What a look at the CRM says about a checkbox; `since` is when the clock or the request began.
pub(super) fn find<'n>(
    case: &RecordCase,
    hearing: &Hearing<'_>,
    native: &'n [NativeSeen],
    since: Option<Instant>,
    as_of: Instant,
) -> Finding<'n> {
    let suspected = |known: &&Tampering| known.state == TamperingState::Suspected && known.since <= as_of;
    if case.tampering.get(&hearing.key).filter(suspected).is_none() {
        return Finding::Nothing;
    }
    let approved = |run: &&NativeSeen| {
        run.ruling == Some(Ruling::Approve)
            && since.is_none_or(|since| since <= run.submitted_at)
            && !hearing.is_of_another(run)
    };
    native.iter().find(approved).map_or(Finding::Unfounded, Finding::Granted)
}

/// The suspicion was unfounded: the box is ticked because it was granted.
pub(super) fn acquit(case: &mut RecordCase, key: &RuleKey) {
    if let Some(known) = case.tampering.get_mut(key) {
        known.state = TamperingState::Settled;
    }
}

/// Sets the checkbox back, and says so.
pub(super) fn set_back(hearing: &Hearing<'_>, case: &mut RecordCase, out: &mut Draft) {
    let Some(field) = hearing.granted_as() else { return };
    let episode = episode(case, &hearing.key);
    let Some(known) = case.tampering.get_mut(&hearing.key) else { return };
    let step = StepName::from(format!("tampering-{}/revert", known.count));
    let subject = Subject::Record(hearing.id);
    let effect =
        EffectId::new(&hearing.id.connection, &hearing.key, subject, episode, 0, &step, RECORD, Channel::Record);
    known.state = TamperingState::Reverting { effect };
    let why = format!("`{field}` was ticked, and nobody had granted anything");
    out.journal.push(entry(hearing, episode, What::Tampered, why));
    let why = format!("`{field}` is cleared, unless somebody changes it before");
    let set_back =
        Entry { step: Some(step.clone()), effect: Some(effect), ..entry(hearing, episode, What::SetBack, why) };
    out.journal.push(set_back);
    out.facts.push(Fact {
        at: known.since,
        owner: hearing.record.owner.clone(),
        rule: Some(hearing.key.clone()),
        episode,
        in_shadow: false,
        what: Happened::Tampered,
    });
    out.effects.push(Effect {
        id: effect,
        case: CaseId::Record(hearing.id.clone()),
        rule: hearing.key.clone(),
        step,
        decided_at: hearing.desk.now,
        write: Write::UpdateRecord(RecordUpdate {
            record: hearing.id.clone(),
            expect: BTreeMap::from([(field.clone(), Value::Bool(true))]),
            set: BTreeMap::from([(field.clone(), Value::Bool(false))]),
        }),
    });
}

/// The episode that a rule's clock or an approval's request is in.
fn episode(case: &RecordCase, key: &RuleKey) -> u32 {
    let of_clock = case.clocks.get(key).map(|clock| clock.episode);
    of_clock.or(case.requests.get(key).map(|request| request.episode)).unwrap_or(0)
}

/// An effect has an outcome; whether it was one that sets a checkbox back.
pub(super) fn settle(
    desk: Desk<'_>,
    case: &mut RecordCase,
    effect: EffectId,
    outcome: &Outcome,
    out: &mut Draft,
) -> bool {
    let reverting = |known: &Tampering| known.state == TamperingState::Reverting { effect };
    let Some((key, known)) = case.tampering.iter_mut().find(|(_, known)| reverting(known)) else { return false };
    known.state = TamperingState::Settled;
    let (what, why) = match outcome {
        Outcome::Applied(receipt) if receipt.kept.is_empty() => (What::Applied, "the checkbox is cleared".to_owned()),
        Outcome::Applied(_) => (What::LeftAlone, "somebody had changed the checkbox again".to_owned()),
        Outcome::Refused { reason } => (What::Refused, reason.clone()),
    };
    let (rule, at) = (Some(key.clone()), desk.now);
    let step = Some(StepName::from(format!("tampering-{}/revert", known.count)));
    out.journal.push(Entry { at, rule, episode: effect.episode(), step, effect: Some(effect), what, why });
    true
}

/// The rule or approval is no more: nothing is looked into.
pub(super) fn drop_unknown(desk: Desk<'_>, id: &RecordRef, record: &Record, case: &mut RecordCase) {
    for (key, known) in &mut case.tampering {
        if known.state == TamperingState::Suspected && Hearing::of_key(desk, id, record, key).is_none() {
            known.state = TamperingState::Settled;
        }
    }
}

fn entry(hearing: &Hearing<'_>, episode: u32, what: What, why: String) -> Entry {
    let rule = Some(hearing.key.clone());
    Entry { at: hearing.desk.now, rule, episode, step: None, effect: None, what, why }
}

#[cfg(test)]
mod tests {
    use dealclock_model::Event;
    use dealclock_model::event::Origin;

    use super::*;
    use crate::decide::bench::{Bench, at, record, rules};

    fn ticked(complex: bool) -> Record {
        let mut record = record(complex, false);
        record.fields.insert(FieldName::from("request_approved"), Value::Bool(true));
        record
    }

    fn bench() -> Bench {
        let mut bench = Bench::new(rules("5d", &["1d"], "", "grants = \"10d\""));
        bench.change("2026-06-01 11:00", false, false);
        bench
    }

    fn look(bench: &mut Bench, when: &str, native: Vec<NativeSeen>) {
        bench.take(&Event::Looked { native, tasks: Vec::new(), as_of: at(when) }, at(when));
    }

    fn reverts(bench: &Bench) -> usize {
        bench.effects.iter().filter(|effect| effect.step.as_str().starts_with("tampering")).count()
    }

    #[test]
    fn a_tick_without_a_grant_is_looked_into_and_set_back_each_time() {
        let mut bench = bench();
        for (day, count) in [(2, 1), (3, 2)] {
            bench.show(&format!("2026-06-0{day} 10:00"), ticked(false), Origin::Poll);
            assert!(bench.record_case().is_watched());
            assert_eq!(reverts(&bench), count - 1, "nothing is set back before the CRM was asked");
            look(&mut bench, &format!("2026-06-0{day} 10:05"), Vec::new());
            // The same state told again is no other tick.
            bench.show(&format!("2026-06-0{day} 10:06"), ticked(false), Origin::Poll);
            look(&mut bench, &format!("2026-06-0{day} 10:07"), Vec::new());
            assert_eq!(reverts(&bench), count);
            bench.change(&format!("2026-06-0{day} 10:10"), false, false);
        }
        let Write::UpdateRecord(update) = &bench.effects.last().unwrap().write else { panic!("a write to the record") };
        assert_eq!(update.expect["request_approved"], Value::Bool(true));
        assert_eq!(update.set["request_approved"], Value::Bool(false));
    }

    #[test]
    fn a_tick_that_is_taken_back_or_was_there_before_we_came_is_left_alone() {
        let mut taken_back = bench();
        taken_back.show("2026-06-02 10:00", ticked(false), Origin::Poll);
        taken_back.change("2026-06-02 10:01", false, false);
        look(&mut taken_back, "2026-06-02 10:05", Vec::new());
        assert_eq!((reverts(&taken_back), taken_back.words.contains(&What::Tampered)), (0, true));

        let mut before = Bench::new(rules("5d", &["1d"], "", "grants = \"10d\""));
        before.show("2026-06-01 11:00", ticked(false), Origin::FirstRead);
        look(&mut before, "2026-06-01 11:05", Vec::new());
        assert_eq!((reverts(&before), before.words.contains(&What::Tampered)), (0, false));
    }

    #[test]
    fn the_echo_of_our_own_tick_is_no_tampering() {
        let mut bench = bench();
        bench.change("2026-06-02 10:00", true, false);
        bench.end("2026-06-02 12:00", RequestState::Granted);
        bench.show("2026-06-02 12:01", ticked(true), Origin::Poll);
        look(&mut bench, "2026-06-02 12:05", Vec::new());
        assert_eq!((reverts(&bench), bench.words.contains(&What::Tampered)), (0, false));
    }

    #[test]
    fn what_one_rule_was_granted_is_no_tampering_to_another_that_shares_the_box() {
        let also = "grants = \"10d\"\n[rule.q]\nobject = \"opportunity\"\nwhen = 'amount > 0'\n\
                    until = 'stage == \"Sent\"'\ndeadline = \"5d\"\n[rule.q.extension]\nrequested_by = \"complex\"\n\
                    granted_as = \"request_approved\"\napproval = \"more-time\"\ngrants = \"8d\"";
        let mut bench = Bench::new(rules("5d", &["1d"], "", also));
        bench.change("2026-06-01 11:00", false, false);
        bench.change("2026-06-02 10:00", true, false);
        bench.end("2026-06-02 12:00", RequestState::Granted);
        bench.show("2026-06-02 12:01", ticked(true), Origin::Poll);
        look(&mut bench, "2026-06-02 12:05", Vec::new());
        assert_eq!((reverts(&bench), bench.words.contains(&What::Tampered)), (0, false));
    }

    #[test]
    fn what_the_crms_own_process_granted_since_the_clock_began_is_the_decision() {
        let check = |submitted: &str, reverted: usize| {
            let mut bench = bench();
            bench.show("2026-06-02 10:00", ticked(false), Origin::Poll);
            let run = NativeSeen {
                id: "run".to_owned(),
                effect: None,
                ruling: Some(Ruling::Approve),
                by: None,
                comment: None,
                submitted_at: at(submitted),
                decided_at: Some(at("2026-06-02 10:00")),
            };
            look(&mut bench, "2026-06-02 10:05", vec![run]);
            assert_eq!(reverts(&bench), reverted, "{submitted}");
            assert!(!bench.record_case().tampering.values().any(|known| known.state == TamperingState::Suspected));
        };
        check("2026-06-02 09:00", 0);
        check("2026-05-02 09:00", 1);
    }
}
