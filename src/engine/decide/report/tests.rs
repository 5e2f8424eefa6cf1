//! Whom a report reaches, once for each date on which it was due.

use std::collections::BTreeMap;

use dealclock_model::digest::AtMark;
use dealclock_model::fault::Source;
use dealclock_model::{Instant, People, Receipt};

use super::*;
use crate::decide::bench::{at, people};
use crate::decide::decide;
use crate::rules::Ruleset;

const RULES: &str = r#"
[digest.managers]
to = "owner.manager"
every = "0 8 * * MON-FRI"
"#;

fn id() -> CaseId {
    CaseId::Report { connection: "acme".into(), report: "share".into() }
}

fn made(due: &str, readers: &[&str], via: &[Channel], marks: &[&str]) -> Event {
    let mark = |person: &&str| AtMark { person: (*person).into(), detail: format!("as of {due}") };
    Event::Made(Box::new(Made {
        from: "2026-10-01".parse().unwrap(),
        to: "2026-10-31".parse().unwrap(),
        due: due.parse().unwrap(),
        title: "Complex share".to_owned(),
        summary: vec!["1 of 4 reps".to_owned()],
        files: vec!["reports/acme/share.html".to_owned()],
        readers: readers.iter().map(|role| (*role).into()).collect(),
        via: via.to_vec(),
        marks: marks.iter().map(mark).collect(),
    }))
}

fn crew() -> People {
    let mut people = people();
    people.profile.roles.insert("directors".to_owned(), vec!["boss".into(), "rep".into()]);
    people.profile.roles.insert("chiefs".to_owned(), vec!["boss".into()]);
    people
}

fn take(people: &People, case: &Case, event: &Event) -> Decision {
    let rules = Ruleset::read(&[Source::new("r.toml", RULES)], &BTreeMap::new(), &|_| Err(String::new())).unwrap();
    let now: Instant = at("2026-11-01 08:00");
    decide(&rules.rules, &rules.calendars, people, &id(), case, event, now)
}

#[test]
fn everybody_in_its_roles_gets_a_report_once_by_each_channel() {
    let event = made("2026-11-01", &["role:directors", "role:chiefs"], &[Channel::Task, Channel::Email], &[]);
    let decision = take(&crew(), &Case::new(&id()), &event);
    let sent = decision.effects.iter().map(|effect| match &effect.write {
        Write::CreateTask(task) => format!("task {}", task.owner),
        Write::SendEmail(mail) => format!("email {}", mail.to),
        other => format!("{other:?}"),
    });
    assert_eq!(sent.collect::<Vec<_>>(), ["task boss", "email boss", "task rep", "email rep"]);
    assert_eq!(decision.facts.len(), 1);
    assert_eq!(decision.journal.last().map(|entry| entry.what), Some(What::ReportMade));
    let ids: BTreeSet<_> = decision.effects.iter().map(|effect| effect.id).collect();
    assert_eq!(ids.len(), 4);
}

#[test]
fn told_again_for_the_same_date_a_report_goes_to_nobody() {
    let event = made("2026-11-01", &["role:directors"], &[Channel::Email], &[]);
    let first = take(&crew(), &Case::new(&id()), &event);
    let again = take(&crew(), &first.case, &event);
    assert_eq!((again.effects.len(), again.facts.len(), again.journal.len()), (0, 0, 0));
    let next = take(&crew(), &first.case, &made("2026-12-01", &["role:directors"], &[Channel::Email], &[]));
    assert_eq!(next.effects.len(), 2);
    assert_ne!(next.effects[0].id, first.effects[0].id);
}

#[test]
fn a_reader_who_left_is_replaced_and_a_role_of_nobody_is_said() {
    let mut people = crew();
    people.persons.get_mut("rep").unwrap().active = false;
    let decision = take(&people, &Case::new(&id()), &made("2026-11-01", &["role:directors"], &[Channel::Email], &[]));
    assert_eq!(decision.effects.len(), 1, "the rep's manager stands in, and is a reader already");
    let decision = take(&people, &Case::new(&id()), &made("2026-11-01", &["role:nobody"], &[Channel::Email], &[]));
    assert!(decision.effects.is_empty());
    assert!(decision.journal.iter().any(|entry| entry.why.contains("nobody holds its roles")));
}

#[test]
fn a_rep_at_the_mark_stands_in_the_managers_digest_until_they_are_not() {
    let first = take(&crew(), &Case::new(&id()), &made("2026-11-01", &[], &[], &["rep"]));
    let again = take(&crew(), &first.case, &made("2026-12-01", &[], &[], &["rep"]));
    let over = take(&crew(), &again.case, &made("2027-01-01", &[], &[], &[]));
    let told = |decision: &Decision| -> Vec<String> {
        let notice = |(case, event): &(CaseId, Event)| match event {
            Event::Noted(notice) => format!("{case}: {:?} {}", notice.state, notice.detail.clone().unwrap_or_default()),
            other => format!("{other:?}"),
        };
        decision.posts.iter().map(notice).collect()
    };
    assert_eq!(told(&first), ["acme/digest/managers/boss: Open as of 2026-11-01"]);
    assert_eq!(told(&again), ["acme/digest/managers/boss: Open as of 2026-12-01"]);
    assert_eq!(told(&over), ["acme/digest/managers/boss: Settled as of 2026-12-01"]);
    let last = take(&crew(), &over.case, &made("2027-02-01", &[], &[], &[]));
    assert!(told(&last).is_empty());
}

#[test]
fn an_outcome_is_journalled() {
    let effect =
        take(&crew(), &Case::new(&id()), &made("2026-11-01", &["role:chiefs"], &[Channel::Email], &[])).effects[0].id;
    for (outcome, what) in [
        (Outcome::Applied(Receipt { id: None, found: false, kept: Vec::new() }), What::Applied),
        (Outcome::Refused { reason: "no such mailbox".to_owned() }, What::Refused),
    ] {
        let decision = take(&crew(), &Case::new(&id()), &Event::Settled { effect, outcome });
        assert_eq!(decision.journal.iter().map(|entry| entry.what).collect::<Vec<_>>(), [what]);
    }
}
