//! Export and import, and the stores of earlier formats.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use dealclock_store::{Batch, SECRET, Seq, Store, StoreError};
use tempfile::TempDir;

use crate::samples::*;

/// A store with a row of every kind.
fn full_store() -> (TempDir, Store) {
    let (directory, store) = new_store();
    let mut batch = Batch::new();
    batch.put_case(&deal("1"), &record_case("anna", 9_000)).set_timer(&deal("1"), Some(at(60)));
    batch.put_case(&other_deal("2"), &record_case("bob", 3)).append_journal(&deal("1"), &entry(5));
    batch.put_effect(&effect("1", "1d"), at(5)).begin_effect(&effect("1", "1d").id);
    batch.put_effect(&effect("1", "4d"), at(6)).settle(&effect("1", "4d").id, &applied("t4"), at(7));
    batch.put_effect(&effect("1", "5d"), at(8)).park_effect(&effect("1", "5d").id, "the rule is gone");
    batch.put_event(&deal("1"), &due_event()).put_meta("cursor/acme", &42);
    batch
        .put_case(&deal("3"), &watched_case("carl", 3))
        .append_fact(&deal("3"), &fact(5))
        .append_fact(&deal("1"), &fact(4));
    batch.put_hint(&"acme".into(), "deal 1").put_replay(&"acme".into(), "message", at(0));
    batch.put_effect(&effect("1", "6d"), at(9)).lock_effect(&effect("1", "6d").id, &deal("1"), at(60), "locked");
    store.commit(batch).unwrap();
    (directory, store)
}

fn exported(store: &Store) -> Vec<u8> {
    let mut lines = Vec::new();
    store.export(&mut lines).unwrap();
    lines
}

fn import(lines: &[u8]) -> (TempDir, Result<Store, StoreError>) {
    let directory = TempDir::new().unwrap();
    let imported = Store::import(&options(&directory), Cursor::new(lines));
    let store = imported.and_then(|_| Store::open(&options(&directory)));
    (directory, store)
}

#[test]
fn no_export_holds_a_secret() {
    let (_directory, store) = full_store();
    let mut batch = Batch::new();
    batch.put_meta(&format!("{SECRET}hooks"), "c0ffee-canary");
    store.commit(batch).unwrap();
    assert!(!String::from_utf8(exported(&store)).unwrap().contains("canary"));
}

#[test]
fn an_imported_store_is_the_exported_one() {
    let (_first, store) = full_store();
    let (_second, copy) = import(&exported(&store));
    let copy = copy.unwrap();
    assert_eq!(exported(&copy), exported(&store));
    // Indexes are made anew.
    assert_eq!(copy.cases_naming(&"acme".into(), &"anna".into()).unwrap(), [deal("1")]);
    assert_eq!(copy.watched(&"acme".into(), None, 9).unwrap(), [deal("3")]);
    assert_eq!(copy.due(at(60), 9).unwrap(), store.due(at(60), 9).unwrap());
    assert_eq!(copy.outbox(&crm(), at(99), 9).unwrap(), store.outbox(&crm(), at(99), 9).unwrap());
    assert_eq!(copy.outbox_counts().unwrap(), store.outbox_counts().unwrap());
    assert_eq!(copy.locked(&deal("1")).unwrap(), store.locked(&deal("1")).unwrap());
    let facts = copy.facts(&"acme".into(), None, None, 9).unwrap();
    assert_eq!(facts, store.facts(&"acme".into(), None, None, 9).unwrap());
    assert_eq!(facts.iter().map(|(_, case, _)| case.clone()).collect::<Vec<_>>(), [deal("1"), deal("3")]);
    assert_eq!(copy.hints(&"acme".into(), 9).unwrap(), store.hints(&"acme".into(), 9).unwrap());
    assert_eq!(copy.replays_before(at(1), 9).unwrap(), [], "an export holds no messages received");
    // Nor is anything given out or taken a second time.
    let mut batch = Batch::new();
    batch.put_effect(&effect("1", "4d"), at(0)).put_event(&deal("1"), &due_event());
    let committed = copy.commit(batch).unwrap();
    assert_eq!(committed.known, [effect("1", "4d").id]);
    assert!(committed.events[0] > store.inbox_head(9).unwrap()[0].0);
}

#[test]
fn an_export_that_was_cut_or_changed_anywhere_is_refused_and_leaves_no_store() {
    let (_directory, store) = full_store();
    let whole = exported(&store);
    let text = String::from_utf8(whole.clone()).unwrap();
    let (without_end, _) = text.trim_end().rsplit_once('\n').unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.remove(3);
    let broken = [
        String::new(),
        format!("{without_end}\n"),
        text[..text.len() / 2].to_owned(),
        text.replacen("t4", "t5", 1),
        lines.join("\n"),
        format!("{text}{{}}\n"),
        format!("{text}{text}"),
        text.replacen("\"store\"", "\"shop\"", 1),
        text.lines().skip(1).collect::<Vec<_>>().join("\n"),
    ];
    for (number, broken) in broken.iter().enumerate() {
        let (directory, result) = import(broken.as_bytes());
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::BadExport { .. }), "{number}: {error}");
        assert!(!options(&directory).path.join("data").exists(), "{number}");
    }
}

#[test]
fn an_import_never_mixes_into_a_store() {
    let (_first, store) = full_store();
    let (second, other) = new_store();
    drop(other);
    let error = Store::import(&options(&second), Cursor::new(exported(&store))).unwrap_err();
    assert!(matches!(error, StoreError::NotEmpty { .. }), "{error}");
}

#[test]
fn a_fault_in_an_export_is_shown_by_its_line_and_never_quoted() {
    let (_directory, result) = import(b"{\"store\":{\"format\":1}}\n{\"meta\":{\"name\":\"anna@acme.test\"\n");
    let error = result.unwrap_err().to_string();
    assert!(error.contains("line 2") && !error.contains("anna"), "{error}");
}

/// The store that Dealclock 0.1 exported; it is never written again, and a later version must read it as well.
#[test]
fn a_store_of_format_1_is_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/stores/format-1.jsonl");
    let (_directory, store) = import(&fs::read(file).unwrap());
    let store = store.unwrap();
    assert_eq!(store.case(&deal("1")).unwrap(), Some(record_case("anna", 9_000)));
    assert_eq!(store.case(&other_deal("2")).unwrap(), Some(record_case("bob", 3)));
    assert_eq!(store.timer(&deal("1")).unwrap(), Some(at(60)));
    assert_eq!(store.inbox_head(9).unwrap(), [(Seq(4), deal("1"), due_event())]);
    assert_eq!(store.journal(&deal("1"), None, 9).unwrap(), [(0, entry(5))]);
    assert_eq!(store.meta::<u32>("cursor/acme").unwrap(), Some(42));
    let begun = store.outbox_get(&effect("1", "1d").id).unwrap().unwrap();
    assert_eq!((begun.effect, begun.attempts, begun.begun), (effect("1", "1d"), 1, true));
    assert_eq!(store.outbox_get(&effect("1", "5d").id).unwrap().unwrap().parked.as_deref(), Some("the rule is gone"));
    assert_eq!(store.settled(&effect("1", "4d").id).unwrap().unwrap().outcome, applied("t4"));
}
