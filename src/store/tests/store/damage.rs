//! Directories as a crash, a bad disk or another version may leave them.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use dealclock_store::{Batch, Store, StoreError};
use tempfile::TempDir;

use crate::samples::*;

/// A closed store with so many decisions.
fn store_with(decisions: i64) -> TempDir {
    let (directory, store) = new_store();
    for number in 0..decisions {
        store.commit(decision(number)).unwrap();
    }
    store.durable_blocking().unwrap();
    directory
}

fn decision(number: i64) -> Batch {
    let id = deal(&number.to_string());
    let mut batch = Batch::new();
    batch.put_case(&id, &record_case("anna", number * 37 % 9_000)).set_timer(&id, Some(at(number)));
    batch.put_effect(&effect(&number.to_string(), "1d"), at(number)).append_journal(&id, &entry(number));
    batch
}

#[test]
fn a_half_written_snapshot_is_moved_aside_and_nothing_is_lost() {
    let directory = store_with(50);
    let data = directory.path().join("store/data");
    // Such as a kill between the writing and the renaming of a snapshot leaves it: cut short.
    fs::write(data.join("snap.00000000000FFFFF.generating"), [7; 100]).unwrap();
    let store = open(&directory);
    assert_eq!(store.health().unwrap().set_aside, 1);
    assert_eq!(store.record_ids(&"acme".into(), OBJECT, None, 100).unwrap().len(), 50);
    assert!(directory.path().join("store/aside/snap.00000000000FFFFF.generating").exists());
}

#[test]
fn a_half_written_snapshot_left_in_place_keeps_the_engine_from_opening() {
    // The reason for the guard above; when this fails, the guard has become needless.
    let directory = store_with(50);
    fs::write(directory.path().join("store/data/snap.00000000000FFFFF.half"), [7; 100]).unwrap();
    let error = Store::open(&options(&directory)).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

/// Damages the log of a closed store: one bit of it, a whole sector, or its end.
fn damage(store: &Path, round: u64) {
    let file = store.join("data/db");
    let length = fs::metadata(&file).unwrap().len();
    let place = round * 7_919_993 % length;
    if round % 8 == 7 {
        File::options().write(true).open(&file).unwrap().set_len(place).unwrap();
        return;
    }
    let mut bytes = fs::read(&file).unwrap();
    let from = usize::try_from(place).unwrap();
    let upto = if round.is_multiple_of(2) { from + 1 } else { (from + 4096).min(bytes.len()) };
    bytes[from..upto].iter_mut().for_each(|byte| *byte ^= 0x10);
    fs::write(&file, bytes).unwrap();
}

#[test]
fn damage_to_a_closed_store_is_noticed_wherever_it_is() {
    let directory = store_with(100);
    for round in 0..16 {
        let broken = TempDir::new().unwrap();
        copy(&directory.path().join("store"), broken.path());
        damage(broken.path(), round);
        let error = Store::open(&small(broken.path())).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("import the last export"), "{error}");
    }
}

#[test]
fn damage_that_only_the_engine_sees_is_an_error_and_never_a_panic() {
    let directory = store_with(300);
    // As after a crash: nothing says what the files held.
    fs::remove_file(directory.path().join("store/seal")).unwrap();
    let mut refused = 0;
    for round in 0..32 {
        let broken = TempDir::new().unwrap();
        copy(&directory.path().join("store"), broken.path());
        damage(broken.path(), round);
        match Store::open(&small(broken.path())).and_then(|store| store.export(io::sink())) {
            Ok(_) => {}
            Err(StoreError::Damaged { .. } | StoreError::NewerFormat { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0, "no damage was noticed");
}

#[test]
fn a_store_in_use_is_not_opened_a_second_time() {
    let (directory, store) = new_store();
    let error = Store::open(&options(&directory)).unwrap_err();
    assert!(matches!(&error, StoreError::InUse { path } if *path == directory.path().join("store")), "{error}");
    assert!(error.to_string().contains("a daemon is running"), "{error}");
    let handle = store.clone();
    drop(store);
    assert!(matches!(Store::open(&options(&directory)), Err(StoreError::InUse { .. })));
    drop(handle);
    open(&directory);
}

#[test]
fn a_store_of_a_newer_format_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store");
    fs::create_dir_all(&path).unwrap();
    // The row of the format, as a later version would write it: the key `f`, and the number 2 as a body of format 1.
    let database = sled::open(path.join("data")).unwrap();
    database.insert("f", [&[1, 0, 0][..], b"2"].concat()).unwrap();
    database.flush().unwrap();
    drop(database);
    let error = Store::open(&options(&directory)).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, known: 1 }), "{error}");
}

#[test]
fn an_export_of_a_newer_format_is_refused() {
    let directory = TempDir::new().unwrap();
    let error = Store::import(&options(&directory), BufReader::new(&b"{\"store\":{\"format\":2}}\n"[..])).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, known: 1 }), "{error}");
}
