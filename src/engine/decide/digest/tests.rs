//! What readers of a digest are told, and that nothing is told twice.

use std::collections::BTreeMap;

use chrono::Duration;
use dealclock_model::digest::{DigestCase, Notice, NoticeKey, NoticeKind, NoticeState, Reason};
use dealclock_model::effect::Lane;
use dealclock_model::fault::Source;
use dealclock_model::time::DailyRange;
use dealclock_model::{
    Case, CaseId, Effect, Event, Instant, Object, Outcome, People, Person, PersonId, Profile, Receipt, RecordId,
    RecordRef, RuleKey, What, Write,
};
use proptest::prelude::*;

use crate::decide::{Decision, decide};
use crate::rules::Ruleset;

const RULES: &str = r#"
[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
when = 'amount >= 50000'
until = 'stage == "Sent"'
deadline = "5d"
[rule.proposal.violation]
digest = "managers"

[digest.managers]
title = "How the deals stand"
to = "owner.manager"
every = "0 8 * * MON-FRI"
via = ["task", "email"]
top = 2
"#;

const BOSS: &str = "boss";

fn ruleset(text: &str) -> Ruleset {
    Ruleset::read(&[Source::new("digest.toml", text)], &BTreeMap::new(), &|_| Err(String::new())).unwrap()
}

fn people() -> People {
    let mut people = People::new(Profile::new("acme".into(), chrono_tz::Europe::Berlin));
    for (id, name, manager) in
        [("rep", "Rita Rep", Some(BOSS)), (BOSS, "Bob Boss", Some("chief")), ("chief", "Cy", None)]
    {
        let person = Person {
            id: id.into(),
            name: name.to_owned(),
            email: None,
            zone: None,
            active: true,
            manager: manager.map(PersonId::from),
            hours: None,
            absences: Vec::new(),
            deputy: None,
        };
        people.persons.insert(id.into(), person);
    }
    people
}

fn notice(record: &str, state: NoticeState, at: &str) -> Notice {
    let record = RecordRef { connection: "acme".into(), object: Object::Opportunity, id: RecordId::from(record) };
    Notice {
        name: format!("Deal {}", record.id),
        key: NoticeKey {
            rule: RuleKey::from("proposal"),
            kind: NoticeKind::Violation,
            record: Some(record),
            person: None,
            episode: 1,
        },
        state,
        since: time("2026-06-01T22:00:00Z"),
        at: time(at),
        owner: Some("rep".into()),
        previous_owner: None,
        url: None,
        amount: Some(120_000.into()),
        urgent: false,
        reason: None,
        detail: None,
    }
}

fn time(text: &str) -> Instant {
    text.parse().unwrap()
}

/// One reader's case with the world around it.
struct Desk {
    rules: Ruleset,
    people: People,
    case: Case,
    wake_at: Option<Instant>,
    sent: Vec<Effect>,
    said: Vec<What>,
    posts: Vec<(CaseId, Event)>,
}

impl Desk {
    fn new() -> Desk {
        let case = Case::Digest(Box::default());
        let (sent, said, posts) = (Vec::new(), Vec::new(), Vec::new());
        Desk { rules: ruleset(RULES), people: people(), case, wake_at: None, sent, said, posts }
    }

    fn take(&mut self, event: Event, now: Instant) -> Vec<Effect> {
        let id = CaseId::Digest { connection: "acme".into(), digest: "managers".into(), person: BOSS.into() };
        let Decision { case, effects, posts, wake_at, journal, .. } =
            decide(&self.rules.rules, &self.rules.calendars, &self.people, &id, &self.case, &event, now);
        (self.case, self.wake_at) = (case, wake_at);
        self.said.extend(journal.into_iter().map(|entry| entry.what));
        self.posts.extend(posts);
        self.sent.extend(effects.clone());
        effects
    }

    fn hear(&mut self, notice: Notice) {
        let now = notice.at;
        self.take(Event::Noted(Box::new(notice)), now);
    }

    /// The timer comes at a time; what is sent then.
    fn due(&mut self, now: &str) -> Vec<Effect> {
        let now = time(now);
        self.take(Event::Due { as_of: now, waited: false }, now)
    }

    fn settle(&mut self, effects: &[Effect], outcome: impl Fn(&Effect) -> Outcome) {
        for effect in effects {
            let (effect, outcome, now) = (effect.id, outcome(effect), effect.decided_at + Duration::seconds(1));
            self.take(Event::Settled { effect, outcome }, now);
        }
    }

    fn deliver(&mut self, effects: &[Effect]) {
        self.settle(effects, |_| applied());
    }

    fn case(&self) -> &DigestCase {
        match &self.case {
            Case::Digest(case) => case,
            other => panic!("not a digest: {other:?}"),
        }
    }
}

fn applied() -> Outcome {
    Outcome::Applied(Receipt { id: Some("T1".to_owned()), found: false, kept: Vec::new() })
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "no such mailbox".to_owned() }
}

/// The text that a mail among these effects has.
fn mail(effects: &[Effect]) -> String {
    let mail = effects.iter().find_map(|effect| match &effect.write {
        Write::SendEmail(mail) => Some(format!("{}\n\n{}", mail.subject, mail.body)),
        _ => None,
    });
    mail.unwrap_or_default()
}

/// Tells notices on Tuesday, delivers Wednesday's digest and looks at what Thursday's says when `then` is told between.
fn check(first: &[Notice], then: &[Notice], thursday_has: &[&str], thursday_hasnt: &[&str]) {
    let mut desk = Desk::new();
    for notice in first {
        desk.hear(notice.clone());
    }
    let sent = desk.due("2026-06-03T06:00:00Z");
    desk.deliver(&sent);
    for notice in then {
        desk.hear(notice.clone());
    }
    let text = mail(&desk.due("2026-06-04T06:00:00Z"));
    for has in thursday_has {
        assert!(text.contains(has), "{has:?} is not in {text:?}");
    }
    for hasnt in thursday_hasnt {
        assert!(!text.contains(hasnt), "{hasnt:?} is in {text:?}");
    }
}

const TUESDAY: &str = "2026-06-02T10:00:00Z";
const WEDNESDAY: &str = "2026-06-03T10:00:00Z";

#[test]
fn nothing_is_new_twice() {
    let open = || notice("1", NoticeState::Open, TUESDAY);
    check(&[open()], &[], &["1 still open", "(2 days)"], &["NEW"]);
    let reason = Reason { picklist: Some("customer".to_owned()), text: Some("on holiday".to_owned()) };
    let told = || Notice { reason: Some(reason.clone()), at: time(WEDNESDAY), ..open() };
    check(&[], &[told()], &["1 new", "Reason: customer, \"on holiday\""], &["STILL"]);
    check(&[open()], &[told()], &["1 still open", "on holiday"], &["NEW"]);
}

#[test]
fn what_became_of_it_is_told_once_and_with_a_line_that_says_so() {
    let open = || notice("1", NoticeState::Open, TUESDAY);
    let other = || notice("2", NoticeState::Open, TUESDAY);
    let settled = notice("1", NoticeState::Settled, WEDNESDAY);
    check(&[open(), other()], &[settled], &["1 settled"], &["NEW", "2 still open"]);
    let before = notice("1", NoticeState::Settled, "2026-06-02T11:00:00Z");
    check(&[open(), before, other()], &[], &["1 still open"], &["settled"]);
    let detail = || Some("it had been done in time".to_owned());
    let withdrawn = || Notice { detail: detail(), ..notice("1", NoticeState::Withdrawn, WEDNESDAY) };
    check(&[open()], &[withdrawn()], &["1 taken back", "it had been done in time"], &["still open"]);
    check(&[other()], &[withdrawn()], &["1 still open"], &["taken back"]);
}

#[test]
fn an_empty_digest_is_not_sent() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    desk.hear(notice("1", NoticeState::Withdrawn, "2026-06-02T11:00:00Z"));
    assert_eq!(desk.due("2026-06-03T06:00:00Z"), []);
    assert_eq!(desk.case().notices, []);
    assert_eq!(desk.wake_at, None);
}

#[test]
fn the_top_is_listed_by_value_and_the_rest_is_counted() {
    let mut desk = Desk::new();
    for number in 0..1_000i64 {
        let amount = Some((number * 1_000).into());
        desk.hear(Notice { amount, ..notice(&format!("{number:04}"), NoticeState::Open, TUESDAY) });
    }
    let sent = desk.due("2026-06-03T06:00:00Z");
    assert_eq!(sent.len(), 2, "one message, on two channels");
    let text = mail(&sent);
    assert!(text.contains("1000 new") && text.contains("... and 998 more."), "{text}");
    assert!(text.find("Deal 0999, 999,000") < text.find("Deal 0998, 998,000"), "{text}");
    assert!(text.contains("Proposal within 5 days - Rita Rep") && !text.contains("Deal 0997"), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn one_that_no_channel_took_keeps_its_content() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    let sent = desk.due("2026-06-03T06:00:00Z");
    desk.settle(&sent, |_| refused());
    assert!(mail(&desk.due("2026-06-04T06:00:00Z")).contains("1 new"));

    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    let sent = desk.due("2026-06-03T06:00:00Z");
    desk.settle(&sent, |effect| if effect.lane() == Lane::Mail { refused() } else { applied() });
    assert!(mail(&desk.due("2026-06-04T06:00:00Z")).contains("1 still open"), "one channel is enough");
}

#[test]
fn one_that_was_not_written_until_the_next_keeps_its_content() {
    let mut desk =
        Desk { rules: ruleset(&RULES.replace(r#"via = ["task", "email"]"#, r#"via = ["task"]"#)), ..Desk::new() };
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    desk.due("2026-06-03T06:00:00Z");
    desk.hear(notice("1", NoticeState::Settled, "2026-06-03T12:00:00Z"));
    let next = desk.due("2026-06-04T06:00:00Z");
    let Some(Write::CreateTask(task)) = next.first().map(|effect| &effect.write) else { panic!("nothing to tell") };
    assert!(task.subject.contains("1 settled"), "{}", task.subject);
    desk.deliver(&next);
    assert!(desk.case().sending.is_empty() && desk.case().notices.is_empty(), "{:?}", desk.case());
}

#[test]
fn nothing_is_told_of_a_rule_that_is_stopped_or_in_shadow_until_it_is_not() {
    let shadow = RULES.replace("title = \"Proposal", "mode = \"shadow\"\ntitle = \"Proposal");
    let mut stopped = ruleset(RULES);
    stopped.rules.stopped.insert(RuleKey::from("proposal"));
    for quiet in [ruleset(&shadow), stopped] {
        let mut desk = Desk::new();
        desk.hear(Notice { urgent: true, ..notice("1", NoticeState::Open, TUESDAY) });
        desk.rules = quiet;
        assert_eq!(desk.due("2026-06-02T12:01:00Z"), [], "not at once");
        assert_eq!(desk.due("2026-06-03T06:00:00Z"), [], "and not by plan");
        desk.rules = ruleset(RULES);
        assert!(mail(&desk.due("2026-06-04T06:00:00Z")).contains("1 new"));
    }
}

#[test]
fn what_changes_while_a_digest_is_on_its_way_stands_in_the_next() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    let sent = desk.due("2026-06-03T06:00:00Z");
    desk.hear(notice("1", NoticeState::Settled, "2026-06-03T06:00:00.500Z"));
    desk.deliver(&sent);
    assert!(mail(&desk.due("2026-06-04T06:00:00Z")).contains("1 settled"));
}

#[test]
fn the_next_digest_completes_the_task_of_the_one_before() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    let sent = desk.due("2026-06-03T06:00:00Z");
    desk.deliver(&sent);
    let next = desk.due("2026-06-04T06:00:00Z");
    assert_eq!(next.iter().filter(|effect| matches!(effect.write, Write::UpdateTask(_))).count(), 1);
}

#[test]
fn after_an_outage_one_digest_catches_up() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    assert_eq!(desk.wake_at, Some(time("2026-06-03T06:00:00Z")));
    let sent = desk.due("2026-06-05T05:00:00Z");
    assert_eq!(sent.len(), 2);
    assert_eq!(desk.wake_at, Some(time("2026-06-08T06:00:00Z")), "the local date has its digest");
    assert_eq!(desk.due("2026-06-05T06:00:00Z"), []);
}

#[test]
fn a_catch_up_waits_for_the_end_of_the_quiet_hours() {
    let mut desk = Desk::new();
    let hour = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    desk.people.profile.quiet_hours = Some(DailyRange { from: hour(20), to: hour(7) });
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    assert_eq!(desk.due("2026-06-03T23:00:00Z"), []);
    assert_eq!(desk.wake_at, Some(time("2026-06-04T05:00:00Z")));
    assert_eq!(desk.due("2026-06-04T05:00:00Z").len(), 2);
}

#[test]
fn urgent_ones_come_at_once_grouped_and_still_stand_in_the_digest() {
    let mut desk = Desk::new();
    let urgent = |record, at| Notice { urgent: true, ..notice(record, NoticeState::Open, at) };
    desk.hear(urgent("1", "2026-06-02T10:00:00Z"));
    desk.hear(urgent("2", "2026-06-02T10:00:30Z"));
    desk.hear(notice("3", NoticeState::Open, "2026-06-02T10:00:40Z"));
    assert_eq!(desk.wake_at, Some(time("2026-06-02T10:01:00Z")));
    let sent = desk.due("2026-06-02T10:01:00Z");
    let text = mail(&sent);
    assert!(sent.len() == 2 && text.contains("Urgent: 2 deals are late") && !text.contains("Deal 3"), "{text}");
    desk.hear(urgent("1", "2026-06-02T10:05:00Z"));
    assert_eq!(desk.wake_at, Some(time("2026-06-03T06:00:00Z")), "nothing is urgent twice");
    let text = mail(&desk.due("2026-06-03T06:00:00Z"));
    assert!(text.contains("3 new") && text.contains("told at once already"), "{text}");
}

#[test]
fn urgent_ones_respect_quiet_hours() {
    let mut desk = Desk::new();
    let hour = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    desk.people.profile.quiet_hours = Some(DailyRange { from: hour(20), to: hour(7) });
    desk.hear(Notice { urgent: true, ..notice("1", NoticeState::Open, "2026-06-02T22:00:00Z") });
    assert_eq!(desk.wake_at, Some(time("2026-06-03T05:00:00Z")));
}

#[test]
fn each_local_date_has_one_digest_when_the_clocks_change() {
    for (day, begins) in [("2026-03-29", "2026-03-27T10:00:00Z"), ("2026-10-25", "2026-10-23T10:00:00Z")] {
        let mut desk = Desk::new();
        desk.rules = ruleset(&RULES.replace("0 8 * * MON-FRI", "30 2 * * *"));
        desk.hear(notice("1", NoticeState::Open, begins));
        let mut dates = Vec::new();
        for _ in 0..4 {
            let now = desk.wake_at.unwrap();
            let sent = desk.take(Event::Due { as_of: now, waited: false }, now);
            dates.extend(sent.iter().filter(|sent| sent.lane() == Lane::Mail).map(|sent| sent.step.to_string()));
        }
        assert!(dates.contains(&day.to_owned()) && dates.len() == 4, "{dates:?}");
        dates.dedup();
        assert_eq!(dates.len(), 4);
    }
}

#[test]
fn what_a_reader_who_left_would_have_read_goes_to_whoever_stands_in() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    desk.people.persons.get_mut(BOSS).unwrap().active = false;
    desk.hear(notice("2", NoticeState::Open, TUESDAY));
    assert_eq!(desk.due("2026-06-03T06:00:00Z"), []);
    let chief = |id: &CaseId| matches!(id, CaseId::Digest { person, .. } if person.as_str() == "chief");
    assert_eq!(desk.posts.iter().filter(|(id, _)| chief(id)).count(), 2);
    assert_eq!((desk.wake_at, desk.case().notices.len()), (None, 0));
}

#[test]
fn a_digest_that_was_removed_sends_nothing_more() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    desk.rules.rules.digests.clear();
    assert_eq!(desk.due("2026-06-03T06:00:00Z"), []);
    assert_eq!((desk.wake_at, desk.said.as_slice()), (None, &[What::Superseded][..]));
}

#[test]
fn an_edited_plan_holds_at_once() {
    let mut desk = Desk::new();
    desk.hear(notice("1", NoticeState::Open, TUESDAY));
    desk.rules = ruleset(&RULES.replace("0 8 * * MON-FRI", "0 17 * * *"));
    desk.take(Event::RulesChanged, time("2026-06-02T11:00:00Z"));
    assert_eq!(desk.wake_at, Some(time("2026-06-02T15:00:00Z")));
}

#[test]
fn more_than_are_kept_are_counted() {
    let mut desk = Desk::new();
    for number in 0..2_005 {
        desk.hear(notice(&number.to_string(), NoticeState::Open, TUESDAY));
    }
    assert_eq!(desk.case().notices.len(), 2_000);
    let text = mail(&desk.due("2026-06-03T06:00:00Z"));
    assert!(text.contains("2000 new, 5 more"), "{text}");
}

fn a_notice() -> impl Strategy<Value = Notice> {
    let states = prop::sample::select(vec![NoticeState::Open, NoticeState::Settled, NoticeState::Withdrawn]);
    (0..4u32, states, 0..50i64, any::<bool>()).prop_map(|(record, state, at, urgent)| {
        let base = notice(&record.to_string(), state, TUESDAY);
        // Of one record no two notices have the same time: whoever posts them sees to that.
        let at = base.at + Duration::seconds(at * 3 + state as i64);
        Notice { at, urgent, ..base }
    })
}

proptest! {
    #[test]
    fn notices_in_any_order_and_number_make_the_same_case_and_messages(
        notices in prop::collection::vec(a_notice(), 1..12),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        order in any::<u64>(),
    ) {
        let mut notices = notices;
        let mut seen = std::collections::BTreeSet::new();
        notices.retain(|notice| seen.insert((notice.key.clone(), notice.at)));
        let mut shuffled = notices.clone();
        shuffled.extend(again.iter().map(|index| index.get(&notices).clone()));
        let mut state = order | 1;
        for place in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(place, (state >> 33) as usize % (place + 1));
        }
        let now = time("2026-06-02T12:00:00Z");
        let read = |notices: &[Notice]| {
            let mut desk = Desk::new();
            for notice in notices {
                desk.take(Event::Noted(Box::new(notice.clone())), now);
            }
            let case = desk.case.clone();
            let urgent = desk.due("2026-06-02T12:01:00Z");
            let sent = desk.due("2026-06-03T06:00:00Z");
            (case, urgent, sent)
        };
        prop_assert_eq!(read(&notices), read(&shuffled));
    }

    #[test]
    fn one_digest_a_date_whenever_timers_come_and_whatever_becomes_of_it(
        steps in prop::collection::vec((a_notice(), 0..30i64, any::<bool>(), any::<bool>()), 1..30),
    ) {
        let mut desk = Desk::new();
        let mut now = time(TUESDAY);
        for (notice, hours, delivered, due) in steps {
            now += Duration::hours(hours);
            desk.take(Event::Noted(Box::new(Notice { at: now, ..notice })), now);
            if due {
                let sent = desk.take(Event::Due { as_of: now, waited: false }, now);
                desk.settle(&sent, |_| if delivered { applied() } else { refused() });
            }
        }
        let mut ids: Vec<_> = desk.sent.iter().map(|effect| effect.id).collect();
        ids.sort();
        let count = ids.len();
        ids.dedup();
        prop_assert_eq!(ids.len(), count);
    }
}
