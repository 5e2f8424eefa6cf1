//! Hints that merge, messages that are known when they come again, and writes that wait for a locked record.

use dealclock_model::ConnectionId;
use dealclock_store::{Batch, Store};

use crate::samples::*;

fn acme() -> ConnectionId {
    "acme".into()
}

fn commit(store: &Store, change: impl FnOnce(&mut Batch) -> &mut Batch) -> dealclock_store::Committed {
    let mut batch = Batch::new();
    change(&mut batch);
    store.commit(batch).unwrap()
}

fn hints(store: &Store, connection: &str) -> Vec<String> {
    let waiting = store.hints(&connection.into(), 99).unwrap();
    waiting.iter().map(|hint| hint.read().unwrap()).collect()
}

#[test]
fn equal_hints_merge_and_connections_do_not() {
    let (_directory, store) = new_store();
    commit(&store, |batch| {
        batch.put_hint(&acme(), "deal 2").put_hint(&acme(), "deal 1").put_hint(&acme(), "deal 2");
        batch.put_hint(&"zeta".into(), "deal 2");
        batch
    });
    commit(&store, |batch| batch.put_hint(&acme(), "deal 1"));
    assert_eq!(hints(&store, "acme"), ["deal 1", "deal 2"]);
    assert_eq!(hints(&store, "zeta"), ["deal 2"]);
    assert_eq!(store.hints_len(&acme()).unwrap(), 2);
}

#[test]
fn a_hint_that_came_again_while_it_was_followed_stays() {
    let (_directory, store) = new_store();
    commit(&store, |batch| batch.put_hint(&acme(), "deal 1").put_hint(&acme(), "deal 2"));
    let followed = store.hints(&acme(), 99).unwrap();
    commit(&store, |batch| batch.put_hint(&acme(), "deal 2"));
    commit(&store, |batch| {
        for hint in &followed {
            batch.take_hint(&acme(), hint);
        }
        batch
    });
    assert_eq!(hints(&store, "acme"), ["deal 2"]);
}

#[test]
fn a_hint_that_cannot_be_read_is_none_and_can_be_taken_away() {
    let (_directory, store) = new_store();
    commit(&store, |batch| batch.put_hint(&acme(), "not a number"));
    let waiting = store.hints(&acme(), 99).unwrap();
    assert_eq!(waiting[0].read::<u64>(), None);
    commit(&store, |batch| batch.take_hint(&acme(), &waiting[0]));
    assert_eq!(store.hints_len(&acme()).unwrap(), 0);
}

#[test]
fn a_message_is_known_until_it_is_forgotten() {
    let (_directory, store) = new_store();
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let known = |of: &[&str]| store.knows_replays(&acme(), &keys(of)).unwrap();
    commit(&store, |batch| batch.put_replay(&acme(), "a", at(0)).put_replay(&acme(), "b", at(60)));
    // The first time counts: one that is sent again and again grows old all the same.
    commit(&store, |batch| batch.put_replay(&acme(), "a", at(100)));
    assert!(known(&["a", "b"]) && !known(&["a", "c"]) && !known(&[]));
    assert!(!store.knows_replays(&"zeta".into(), &keys(&["a"])).unwrap());

    let old = store.replays_before(at(60), 99).unwrap();
    assert_eq!(old.iter().map(|replay| replay.key.as_str()).collect::<Vec<_>>(), ["a"]);
    commit(&store, |batch| {
        for replay in old {
            batch.forget_replay(replay);
        }
        batch
    });
    assert!(!known(&["a"]) && known(&["b"]));
    assert_eq!(store.replays_before(at(60), 99).unwrap(), []);
}

#[test]
fn a_write_to_a_locked_record_waits_and_goes_when_it_is_unlocked() {
    let (_directory, store) = new_store();
    let (first, other) = (effect("1", "1d"), effect("2", "1d"));
    let ready = |at_| store.outbox(&crm(), at_, 9).unwrap().len();
    commit(&store, |batch| {
        batch.put_effect(&first, at(0)).put_effect(&other, at(0));
        batch.begin_effect(&first.id).begin_effect(&other.id);
        for effect in [&first, &other] {
            batch.lock_effect(&effect.id, &effect.case, at(3600), "locked by an approval");
        }
        batch
    });
    assert_eq!((ready(at(3599)), ready(at(3600))), (0, 2), "an hour later it is tried all the same");
    let counts = store.outbox_counts().unwrap()[&crm()];
    assert_eq!((counts.locked, counts.waiting, counts.begun), (2, 0, 0));
    let entry = store.locked(&first.case).unwrap().remove(0);
    assert_eq!((entry.begun, entry.locked, entry.note.as_deref()), (false, true, Some("locked by an approval")));

    assert_eq!(commit(&store, |batch| batch.unlock(&first.case, at(9))).unlocked, [first.id]);
    assert_eq!(store.outbox(&crm(), at(9), 9).unwrap()[0].effect, first);
    assert_eq!(ready(at(9)), 1);
    assert_eq!(store.locked(&first.case).unwrap(), []);
    assert_eq!(commit(&store, |batch| batch.unlock(&first.case, at(9))).unlocked, []);
}

#[test]
fn a_locked_write_that_leaves_the_outbox_is_not_unlocked_later() {
    let (_directory, store) = new_store();
    let settled = effect("1", "1d");
    let superseded = effect("1", "4d");
    commit(&store, |batch| {
        for effect in [&settled, &superseded] {
            batch.put_effect(effect, at(0)).begin_effect(&effect.id);
            batch.lock_effect(&effect.id, &effect.case, at(3600), "locked");
        }
        batch
    });
    commit(&store, |batch| batch.remove_effect(&superseded.id).settle(&settled.id, &applied("t"), at(1)));
    assert_eq!(commit(&store, |batch| batch.unlock(&deal("1"), at(9))).unlocked, []);
    assert_eq!(store.outbox_counts().unwrap().get(&crm()), None);
}

#[test]
fn a_write_that_was_taken_back_leaves_when_its_record_turns_out_to_be_locked() {
    let (_directory, store) = new_store();
    let effect = effect("1", "1d");
    commit(&store, |batch| batch.put_effect(&effect, at(0)).begin_effect(&effect.id));
    commit(&store, |batch| batch.remove_effect(&effect.id));
    commit(&store, |batch| batch.lock_effect(&effect.id, &effect.case, at(3600), "locked"));
    assert_eq!(store.outbox_get(&effect.id).unwrap(), None);
    assert_eq!(store.locked(&effect.case).unwrap(), []);
}
