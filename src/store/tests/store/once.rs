//! What a batch promises: whole or not at all, and every effect once.

use dealclock_model::effect::Lane;
use dealclock_model::{Case, Outcome};
use dealclock_store::{Batch, Expectation, Seq, Store, StoreError};

use crate::samples::*;

#[test]
fn a_decision_is_applied_whole() {
    let (_directory, store) = new_store();
    let mut batch = Batch::new();
    batch.put_event(&deal("1"), &due_event());
    let seq = store.commit(batch).unwrap().events[0];

    let mut batch = Batch::new();
    batch.take_event(seq).put_case(&deal("1"), &record_case("anna", 10));
    batch.set_timer(&deal("1"), Some(at(60)));
    batch.put_effect(&effect("1", "1d"), at(5)).append_journal(&deal("1"), &entry(5));
    batch.put_event(&person("anna"), &due_event());
    let events = store.commit(batch).unwrap().events;

    assert_eq!(store.case(&deal("1")).unwrap(), Some(record_case("anna", 10)));
    assert_eq!(store.inbox_head(10).unwrap(), [(events[0], person("anna"), due_event())]);
    assert_eq!(store.inbox_len().unwrap(), 1);
    assert_eq!(store.timer(&deal("1")).unwrap(), Some(at(60)));
    assert_eq!(store.due(at(60), 10).unwrap(), [(at(60), deal("1"))]);
    assert_eq!(store.outbox(&crm(), at(5), 10).unwrap()[0].effect, effect("1", "1d"));
    assert_eq!(store.journal(&deal("1"), None, 10).unwrap()[0].1, entry(5));
}

#[test]
fn an_event_is_taken_once_and_a_failed_batch_changes_nothing() {
    let (_directory, store) = new_store();
    let mut batch = Batch::new();
    batch.put_event(&deal("1"), &due_event());
    let seq = store.commit(batch).unwrap().events[0];
    let take = || {
        let mut batch = Batch::new();
        batch.put_case(&deal("1"), &record_case("anna", 1)).put_effect(&effect("1", "1d"), at(0)).take_event(seq);
        store.commit(batch)
    };
    take().unwrap();
    let mut batch = Batch::new();
    batch.settle(&effect("1", "1d").id, &applied("t1"), at(1)).put_case(&deal("1"), &record_case("bob", 2));
    store.commit(batch).unwrap();

    let error = take().unwrap_err();
    assert!(matches!(error, StoreError::Unexpected(Expectation::EventWaits(found)) if found == seq), "{error}");
    assert_eq!(store.case(&deal("1")).unwrap(), Some(record_case("bob", 2)));
}

#[test]
fn an_effect_enters_once_while_it_waits_and_never_after_it_was_settled() {
    let (_directory, store) = new_store();
    let effect = effect("1", "1d");
    let put = || {
        let mut batch = Batch::new();
        batch.put_effect(&effect, at(0));
        store.commit(batch).unwrap().known
    };
    assert_eq!(put(), []);
    assert_eq!(put(), [effect.id]);
    let mut batch = Batch::new();
    batch.settle(&effect.id, &applied("t1"), at(1));
    store.commit(batch).unwrap();
    assert_eq!(put(), [effect.id]);
    assert_eq!(store.outbox_get(&effect.id).unwrap(), None);
    assert_eq!(store.settled(&effect.id).unwrap().unwrap().outcome, applied("t1"));

    let mut batch = Batch::new();
    batch.settle(&effect.id, &applied("t2"), at(2));
    let error = store.commit(batch).unwrap_err();
    assert!(matches!(error, StoreError::Unexpected(Expectation::EffectWaits(id)) if id == effect.id), "{error}");
}

#[test]
fn a_superseded_effect_leaves_unless_it_was_begun() {
    let (_directory, store) = new_store();
    let (begun, idle) = (effect("1", "1d"), effect("1", "4d"));
    let mut batch = Batch::new();
    batch.put_effect(&begun, at(0)).put_effect(&idle, at(0)).begin_effect(&begun.id);
    store.commit(batch).unwrap();
    let mut batch = Batch::new();
    batch.remove_effect(&begun.id).remove_effect(&idle.id).remove_effect(&effect("9", "1d").id);
    assert_eq!(store.commit(batch).unwrap().kept, [begun.id]);
    assert_eq!(store.outbox_get(&idle.id).unwrap(), None);
    assert!(store.outbox_get(&begun.id).unwrap().unwrap().begun);
}

#[test]
fn a_superseded_effect_that_was_begun_goes_once_its_attempt_wrote_nothing() {
    let (_directory, store) = new_store();
    let begun = effect("1", "1d");
    let mut batch = Batch::new();
    batch.put_effect(&begun, at(0)).begin_effect(&begun.id).remove_effect(&begun.id);
    store.commit(batch).unwrap();
    assert!(store.outbox_get(&begun.id).unwrap().unwrap().superseded);
    let mut batch = Batch::new();
    batch.defer_effect(&begun.id, at(30), "no answer");
    store.commit(batch).unwrap();
    assert!(store.outbox_get(&begun.id).unwrap().is_some());
    let mut batch = Batch::new();
    batch.release_effect(&begun.id, at(40), "it did not arrive");
    store.commit(batch).unwrap();
    assert_eq!(store.outbox_get(&begun.id).unwrap(), None);
    assert_eq!(store.next_ready(&crm()).unwrap(), None);
}

#[test]
fn a_delivery_is_tried_in_its_time_and_its_state_is_kept() {
    let (_directory, store) = new_store();
    let ids = ["a", "b", "c"].map(|step| effect("1", step));
    let mut batch = Batch::new();
    batch.put_effect(&ids[0], at(20)).put_effect(&ids[1], at(10)).put_effect(&ids[2], at(10));
    store.commit(batch).unwrap();
    let ready = |now| -> Vec<_> {
        store.outbox(&crm(), at(now), 10).unwrap().into_iter().map(|entry| entry.effect.step.to_string()).collect()
    };
    assert_eq!(ready(9), Vec::<String>::new());
    assert_eq!(ready(10), ["b", "c"]);
    assert_eq!(ready(20), ["b", "c", "a"]);
    assert_eq!(store.next_ready(&crm()).unwrap(), Some(at(10)));
    assert_eq!(store.next_ready(&Lane::Mail).unwrap(), None);

    let mut batch = Batch::new();
    batch.begin_effect(&ids[1].id).defer_effect(&ids[1].id, at(50), "no answer");
    batch.begin_effect(&ids[2].id).release_effect(&ids[2].id, at(30), "too many requests");
    batch.park_effect(&ids[0].id, "the rule is gone");
    store.commit(batch).unwrap();
    assert_eq!(ready(49), ["c"]);
    let deferred = store.outbox_get(&ids[1].id).unwrap().unwrap();
    assert_eq!((deferred.attempts, deferred.begun, deferred.note.as_deref()), (1, true, Some("no answer")));
    let released = store.outbox_get(&ids[2].id).unwrap().unwrap();
    assert_eq!((released.attempts, released.begun), (1, false));
    let counts = store.outbox_counts().unwrap()[&crm()];
    assert_eq!((counts.waiting, counts.begun, counts.parked), (1, 1, 1));
    assert_eq!(store.outbox_all(None, 10).unwrap().len(), 3);

    let mut batch = Batch::new();
    batch.release_effect(&ids[0].id, at(40), "tried again by an administrator");
    store.commit(batch).unwrap();
    assert_eq!(ready(40), ["c", "a"]);
}

#[test]
fn a_case_has_one_timer_and_timers_come_in_order() {
    let (_directory, store) = new_store();
    let mut batch = Batch::new();
    batch.set_timer(&deal("1"), Some(at(30))).set_timer(&deal("2"), Some(at(20)));
    batch.set_timer(&other_deal("3"), Some(at(10))).set_timer(&deal("1"), Some(at(40)));
    store.commit(batch).unwrap();
    assert_eq!(store.due(at(40), 10).unwrap(), [(at(10), other_deal("3")), (at(20), deal("2")), (at(40), deal("1"))]);
    assert_eq!(store.due(at(39), 10).unwrap().len(), 2);
    assert_eq!(store.due(at(40), 1).unwrap(), [(at(10), other_deal("3"))]);
    assert_eq!(store.due_on(&"acme".into(), at(40), 1).unwrap(), [(at(20), deal("2"))]);
    assert_eq!(store.next_timer(None).unwrap(), Some(at(10)));
    assert_eq!(store.next_timer(Some(at(10))).unwrap(), Some(at(20)));
    assert_eq!(store.next_timer_on(&"acme".into(), Some(at(20))).unwrap(), Some(at(40)));
    let mut batch = Batch::new();
    batch.set_timer(&deal("1"), None);
    store.commit(batch).unwrap();
    assert_eq!(store.next_timer_on(&"acme".into(), Some(at(20))).unwrap(), None);
    assert_eq!(store.timer(&deal("1")).unwrap(), None);
}

#[test]
fn a_person_leads_to_the_cases_that_name_them_now() {
    let (_directory, store) = new_store();
    let mut batch = Batch::new();
    batch.put_case(&deal("1"), &record_case("anna", 1)).put_case(&deal("2"), &record_case("anna", 1));
    store.commit(batch).unwrap();
    let naming = |person: &str| store.cases_naming(&"acme".into(), &person.into()).unwrap();
    assert_eq!(naming("anna"), [deal("1"), deal("2")]);
    let mut batch = Batch::new();
    batch.put_case(&deal("1"), &record_case("bob", 2));
    store.commit(batch).unwrap();
    assert_eq!((naming("anna"), naming("bob")), (vec![deal("2")], vec![deal("1")]));
}

#[test]
fn cases_come_in_pages_that_leave_none_out() {
    let (_directory, store) = new_store();
    let mut batch = Batch::new();
    for number in 0..25 {
        batch.put_case(&deal(&format!("{number:02}")), &record_case("anna", number));
    }
    batch.put_case(&person("anna"), &Case::new(&person("anna"))).put_case(&other_deal("1"), &record_case("x", 1));
    store.commit(batch).unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.cases(&"acme".into(), after.as_ref(), 7).unwrap();
        let Some((last, _)) = page.last() else { break };
        after = Some(last.clone());
        seen.extend(page.into_iter().map(|(id, _)| id));
    }
    assert_eq!(seen.len(), 26);
    assert!(seen.is_sorted_by(|a, b| a < b));
    let ids = store.record_ids(&"acme".into(), OBJECT, Some(&"22".into()), 10).unwrap();
    assert_eq!(ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["23", "24"]);
}

#[test]
fn a_setting_of_any_size_comes_back_and_a_shorter_one_leaves_nothing_behind() {
    let (_directory, store) = new_store();
    for length in [100_000, 5_000, 10] {
        let value = "x".repeat(length);
        let mut batch = Batch::new();
        batch.put_meta("people/acme", &value);
        store.commit(batch).unwrap();
        assert_eq!(store.meta::<String>("people/acme").unwrap().as_ref(), Some(&value));
    }
    assert_eq!(store.meta_names("people/").unwrap(), ["people/acme"]);
    assert_eq!(store.health().unwrap().blobs, 0);
    let mut batch = Batch::new();
    batch.remove_meta("people/acme");
    store.commit(batch).unwrap();
    assert_eq!(store.meta::<String>("people/acme").unwrap(), None);
}

#[test]
fn a_setting_that_changed_meanwhile_stops_the_batch() {
    let (_directory, store) = new_store();
    let change = |from: Option<&str>, to: &str| {
        let mut batch = Batch::new();
        batch.expect_meta("cursor/acme", from).put_meta("cursor/acme", to);
        store.commit(batch)
    };
    change(None, "a").unwrap();
    change(Some("a"), "b").unwrap();
    for stale in [None, Some("a")] {
        let error = change(stale, "c").unwrap_err();
        assert!(matches!(error, StoreError::Unexpected(Expectation::MetaIs(_))), "{error}");
    }
    assert_eq!(store.meta::<String>("cursor/acme").unwrap().as_deref(), Some("b"));
}

#[test]
fn a_decision_that_is_too_large_is_refused_whole() {
    let (_directory, store) = new_store();
    let mut batch = Batch::new();
    for _ in 0..dealclock_store::MAX_OPERATIONS + 1 {
        batch.append_journal(&deal("1"), &entry(1));
    }
    assert!(batch.len() > dealclock_store::MAX_OPERATIONS);
    assert!(matches!(store.commit(batch).unwrap_err(), StoreError::TooLarge { .. }));
    assert_eq!(store.journal(&deal("1"), None, 10).unwrap(), []);
}

#[test]
fn numbers_go_on_over_a_restart_and_none_is_given_out_twice() {
    let (directory, store) = new_store();
    let put = |store: &Store| {
        let mut batch = Batch::new();
        batch.put_event(&deal("1"), &due_event());
        store.commit(batch).unwrap().events[0]
    };
    let first = put(&store);
    let mut batch = Batch::new();
    batch.take_event(first);
    store.commit(batch).unwrap();
    drop(store);
    let store = open(&directory);
    assert!(put(&store) > first);
    assert_eq!(store.inbox_after(Some(Seq(first.0)), 10).unwrap().len(), 1);
}

#[test]
fn a_refusal_is_an_outcome_too() {
    let (_directory, store) = new_store();
    let effect = effect("1", "1d");
    let refused = Outcome::Refused { reason: "discarded by an administrator".to_owned() };
    let mut batch = Batch::new();
    batch.put_effect(&effect, at(0)).settle(&effect.id, &refused, at(1));
    store.commit(batch).unwrap();
    assert_eq!(store.settled(&effect.id).unwrap().unwrap().outcome, refused);
}
