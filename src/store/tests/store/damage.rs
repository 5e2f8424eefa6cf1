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
    let data = directory.path().join("store/data");
    fs::write(data.join("snap.00000000000FFFFF.broken"), [7; 100]).unwrap();
    let error = Store::open(&options(&directory)).err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("import the last export"), "{error}");
}

/// Opens a damaged store and reads everything in it; that must end, whatever it says.
fn survives(store: &Path) -> &'static str {
    let read = Store::open(&small(store)).and_then(|store| store.export(io::sink()));
    match read {
        Ok(_) => "opened",
        Err(StoreError::Damaged { .. } | StoreError::NewerFormat { .. }) => "refused",
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic() {
    let directory = store_with(300);
    let pristine = directory.path().join("store");
    let length = fs::metadata(pristine.join("data/db")).unwrap().len();
    let mut refused = 0;
    for round in 0..40 {
        let broken = TempDir::new().unwrap();
        copy(&pristine, broken.path());
        let file = broken.path().join("data/db");
        let place = round * 7_919_993 % length;
        if round % 8 == 7 {
            File::options().write(true).open(&file).unwrap().set_len(place).unwrap();
        } else {
            let mut bytes = fs::read(&file).unwrap();
            let from = usize::try_from(place).unwrap();
            // From one bit to a whole sector.
            let upto = if round % 2 == 0 { from + 1 } else { (from + 4096).min(bytes.len()) };
            bytes[from..upto].iter_mut().for_each(|byte| *byte ^= 0x10);
            fs::write(&file, bytes).unwrap();
        }
        refused += usize::from(survives(broken.path()) == "refused");
    }
    assert!(refused > 0, "no damage was noticed");
}

#[test]
fn a_store_in_use_is_not_opened_a_second_time() {
    let (directory, store) = new_store();
    let error = Store::open(&options(&directory)).err().unwrap();
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
    let error = Store::open(&options(&directory)).err().unwrap();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, known: 1 }), "{error}");
}

#[test]
fn an_export_of_a_newer_format_is_refused() {
    let directory = TempDir::new().unwrap();
    let error = Store::import(&options(&directory), BufReader::new(&b"{\"store\":{\"format\":2}}\n"[..])).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 2, known: 1 }), "{error}");
}
