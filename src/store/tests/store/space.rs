//! Compaction, and every place where a crash may cut it.

use std::fs;
use std::path::{Path, PathBuf};

use dealclock_store::{Batch, Store, StoreError};
use tempfile::TempDir;

use crate::samples::*;

/// A closed store whose rows were written many times over.
fn worn_store() -> TempDir {
    let (directory, store) = new_store();
    for round in 0..20 {
        let mut batch = Batch::new();
        for number in 0..20 {
            batch.put_case(&deal(&number.to_string()), &record_case("anna", 2_000 + round));
        }
        batch.put_meta("people/acme", &"p".repeat(20_000)).append_journal(&deal("1"), &entry(round));
        store.commit(batch).unwrap();
    }
    directory
}

fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("store")
}

fn contents(directory: &TempDir) -> Vec<u8> {
    let mut lines = Vec::new();
    open(directory).export(&mut lines).unwrap();
    lines
}

#[test]
fn compaction_keeps_every_row_and_the_old_database_until_the_next_start() {
    let directory = worn_store();
    let before = contents(&directory);
    let compacted = Store::compact(&options(&directory)).unwrap();
    assert!(compacted.rows > 40, "{compacted:?}");
    assert!(path(&directory).join("data.old").exists());
    assert_eq!(contents(&directory), before);
    assert!(!path(&directory).join("data.old").exists());
}

#[test]
fn numbers_go_on_after_a_compaction() {
    let directory = worn_store();
    let last = |directory: &TempDir| open(directory).journal(&deal("1"), None, 100).unwrap().last().unwrap().0;
    let before = last(&directory);
    Store::compact(&options(&directory)).unwrap();
    let mut batch = Batch::new();
    batch.append_journal(&deal("1"), &entry(99));
    open(&directory).commit(batch).unwrap();
    assert!(last(&directory) > before);
}

/// Leaves a store as a crash in its compaction would, and opens it: nothing may be missing.
fn check_crash(cut: impl Fn(&Path)) {
    let directory = worn_store();
    let before = contents(&directory);
    // The seal is broken before a compaction begins.
    fs::remove_file(path(&directory).join("seal")).unwrap();
    cut(&path(&directory));
    assert_eq!(contents(&directory), before);
    let left: Vec<_> =
        ["data.new", "data.old"].into_iter().filter(|name| path(&directory).join(name).exists()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[test]
fn a_crash_while_copying_leaves_the_old_database() {
    check_crash(|store| {
        fs::create_dir_all(store.join("data.new")).unwrap();
        fs::write(store.join("data.new/db"), b"half of it").unwrap();
    });
}

#[test]
fn a_crash_between_the_renames_is_completed() {
    check_crash(|store| {
        copy(&store.join("data"), &store.join("data.new"));
        fs::rename(store.join("data"), store.join("data.old")).unwrap();
    });
}

#[test]
fn a_crash_after_the_renames_leaves_the_new_database() {
    check_crash(|store| copy(&store.join("data"), &store.join("data.old")));
}

#[test]
fn a_store_in_use_is_not_compacted() {
    let (directory, _store) = new_store();
    assert!(matches!(Store::compact(&options(&directory)), Err(StoreError::InUse { .. })));
}

#[test]
fn a_directory_without_a_store_has_nothing_to_compact() {
    let directory = TempDir::new().unwrap();
    assert!(matches!(Store::compact(&options(&directory)), Err(StoreError::Io { .. })));
}
