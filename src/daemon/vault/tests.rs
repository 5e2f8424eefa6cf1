//! Token files that are whole, damaged, foreign, or open to others.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use dealclock_connector::oauth::{Refused, Tokens, Vault};
use dealclock_model::Instant;
use secrecy::ExposeSecret;

use super::*;
use crate::config::{Environment, Secret};

const CANARY: &str = "refresh-canary-0123456789";

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn tokens() -> Tokens {
    Tokens {
        refresh: Some(CANARY.into()),
        access: Some("access-canary".into()),
        home: Some("https://acme.crm.example".into()),
        scopes: vec!["api".into(), "refresh_token".into()],
        obtained_at: at("2026-03-02T09:00:00Z"),
        expires_at: Some(at("2026-03-02T09:30:00Z")),
        account_id: Some("00D1".into()),
        identity: Some("0051".into()),
        refused: Some(Refused { at: at("2026-03-02T10:00:00Z"), reason: "ended".into() }),
    }
}

fn beside(directory: &Path, connection: &str) -> FileVault {
    let key = KeyPlace::Beside(directory.join("store.key"));
    FileVault::new(&directory.join("store.tokens"), &connection.into(), key, Environment::default())
}

fn with_key(directory: &Path, key: &str) -> FileVault {
    let environment: Environment = [("KEY", key)].into_iter().collect();
    let place = KeyPlace::Configured(Secret::from_env("KEY"));
    FileVault::new(&directory.join("store.tokens"), &"acme".into(), place, environment)
}

/// What of a load matters here.
fn refresh(vault: &FileVault) -> Result<Option<String>, String> {
    let loaded = vault.load().map_err(|error| error.to_string())?;
    Ok(loaded.and_then(|tokens| tokens.refresh).map(|token| token.expose_secret().to_owned()))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_was_saved_is_loaded_until_it_is_cleared() {
    let directory = tempfile::tempdir().unwrap();
    let vault = beside(directory.path(), "acme");
    assert_eq!(refresh(&vault), Ok(None));
    vault.save(&tokens()).unwrap();
    let loaded = beside(directory.path(), "acme").load().unwrap().unwrap();
    assert_eq!(loaded.refresh.unwrap().expose_secret(), CANARY);
    assert_eq!(loaded.access.unwrap().expose_secret(), "access-canary");
    assert_eq!((loaded.home, loaded.scopes), (tokens().home, tokens().scopes));
    assert_eq!((loaded.obtained_at, loaded.expires_at), (tokens().obtained_at, tokens().expires_at));
    assert_eq!((loaded.account_id, loaded.identity), (tokens().account_id, tokens().identity));
    assert_eq!(loaded.refused, tokens().refused);
    vault.clear().unwrap();
    vault.clear().unwrap();
    assert_eq!(refresh(&vault), Ok(None));
}

#[test]
fn files_are_closed_to_others_and_hold_no_token_in_clear() {
    let directory = tempfile::tempdir().unwrap();
    let vault = beside(directory.path(), "acme");
    vault.save(&tokens()).unwrap();
    vault.save(&tokens()).unwrap();
    let (key, kept) = (directory.path().join("store.key"), directory.path().join("store.tokens"));
    assert_eq!((mode(&key), mode(&kept), mode(&kept.join("acme"))), (0o600, 0o700, 0o600));
    let bytes = fs::read(kept.join("acme")).unwrap();
    assert!(!bytes.windows(6).any(|part| part == b"canary" || part == b"acme.c"));
    assert_eq!(fs::read_dir(&kept).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn a_file_of_the_first_format_can_still_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("store.tokens");
    fs::create_dir(&kept).unwrap();
    fs::write(kept.join("acme"), include_bytes!("../../../fixtures/tokens/format-1/acme")).unwrap();
    assert_eq!(refresh(&with_key(directory.path(), &"11".repeat(32))), Ok(Some(CANARY.to_owned())));
}

#[test]
fn two_saves_of_the_same_tokens_share_no_byte_of_the_cipher() {
    let directory = tempfile::tempdir().unwrap();
    let vault = beside(directory.path(), "acme");
    let written = || {
        vault.save(&tokens()).unwrap();
        fs::read(directory.path().join("store.tokens/acme")).unwrap()[9..].to_vec()
    };
    let (one, other) = (written(), written());
    assert_ne!(one[..12], other[..12], "a nonce is used once");
    assert_ne!(one[12..], other[12..]);
}

#[test]
fn every_damage_is_found_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let vault = beside(directory.path(), "acme");
    vault.save(&tokens()).unwrap();
    let path = directory.path().join("store.tokens/acme");
    let whole = fs::read(&path).unwrap();
    let check = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        refresh(&vault).unwrap_err()
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let error = check(&bytes);
        assert!(error.contains("store.tokens/acme") && error.contains("dealclock auth acme --revoke"), "{at}: {error}");
    }
    for length in [0, 1, 8, 20, whole.len() - 1] {
        assert!(check(&whole[..length]).contains("is damaged"), "{length}");
    }
    assert!(check(&[9; 60]).contains("newer version"));
    fs::write(&path, &whole).unwrap();
    assert_eq!(refresh(&vault), Ok(Some(CANARY.to_owned())));
}

#[test]
fn a_file_does_not_stand_for_that_of_another_connection() {
    let directory = tempfile::tempdir().unwrap();
    beside(directory.path(), "acme").save(&tokens()).unwrap();
    let kept = directory.path().join("store.tokens");
    fs::copy(kept.join("acme"), kept.join("other")).unwrap();
    assert!(refresh(&beside(directory.path(), "other")).unwrap_err().contains("belongs to another connection"));
}

#[test]
fn a_wrong_key_neither_reads_nor_overwrites() {
    let directory = tempfile::tempdir().unwrap();
    let (right, wrong) = ("11".repeat(32), "22".repeat(32));
    with_key(directory.path(), &right).save(&tokens()).unwrap();
    let other = with_key(directory.path(), &wrong);
    assert!(refresh(&other).unwrap_err().contains("was encrypted with another key"));
    assert!(other.save(&tokens()).unwrap_err().to_string().contains("was encrypted with another key"));
    assert_eq!(refresh(&with_key(directory.path(), &right)), Ok(Some(CANARY.to_owned())));
    other.clear().unwrap();
    other.save(&tokens()).unwrap();
    assert_eq!(refresh(&other), Ok(Some(CANARY.to_owned())));
}

#[test]
fn a_lost_key_is_not_replaced_by_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let vault = beside(directory.path(), "acme");
    vault.save(&tokens()).unwrap();
    fs::remove_file(directory.path().join("store.key")).unwrap();
    assert!(refresh(&vault).unwrap_err().contains("has lost its key"));
    assert!(vault.save(&tokens()).is_err());
    assert!(!directory.path().join("store.key").exists());
}

#[test]
fn a_key_that_is_being_made_is_never_seen_by_halves() {
    for _ in 0..50 {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("store.key");
        let (vault, is_made) = (beside(directory.path(), "acme"), AtomicBool::new(false));
        let first_seen = std::thread::scope(|threads| {
            let watcher = threads.spawn(|| {
                while !is_made.load(Ordering::Relaxed) {
                    if let Ok(text) = fs::read_to_string(&key) {
                        return text;
                    }
                }
                fs::read_to_string(&key).unwrap()
            });
            let saved = vault.save(&tokens());
            is_made.store(true, Ordering::Relaxed);
            saved.unwrap();
            watcher.join().unwrap()
        });
        assert_eq!(first_seen.trim().len(), 64);
        assert_eq!(mode(&key), 0o600);
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 2, "only the key and the directory of the tokens stay");
    }
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let vault = beside(directory.path(), "acme");
    vault.save(&tokens()).unwrap();
    let key = directory.path().join("store.key");
    for open in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, Permissions::from_mode(open)).unwrap();
        let error = refresh(&vault).unwrap_err();
        assert!(error.contains("is open to others") && error.contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_key_is_hexadecimal_or_base64_and_anything_else_is_not_echoed() {
    let directory = tempfile::tempdir().unwrap();
    with_key(directory.path(), &"00".repeat(32)).save(&tokens()).unwrap();
    let in_base64 = with_key(directory.path(), &format!("{}=", "A".repeat(43)));
    assert_eq!(refresh(&in_base64), Ok(Some(CANARY.to_owned())));
    for key in ["canary", &"c".repeat(63), &"c".repeat(66)] {
        let error = refresh(&with_key(directory.path(), key)).unwrap_err();
        assert!(error.contains("32 bytes") && !error.contains(key), "{error}");
    }
    let unset = FileVault::new(
        &directory.path().join("store.tokens"),
        &"acme".into(),
        KeyPlace::Configured(Secret::from_env("NOWHERE")),
        Environment::default(),
    );
    assert!(refresh(&unset).unwrap_err().contains("NOWHERE is not set"));
}

#[test]
fn one_process_at_a_time_renews() {
    let directory = tempfile::tempdir().unwrap();
    let first = beside(directory.path(), "acme").lock().unwrap();
    let (told, heard) = mpsc::channel();
    let second = beside(directory.path(), "acme");
    let waiting = std::thread::spawn(move || {
        told.send("waiting").unwrap();
        let held = second.lock().unwrap();
        told.send("holding").unwrap();
        drop(held);
    });
    assert_eq!(heard.recv(), Ok("waiting"));
    assert_eq!(heard.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(first);
    assert_eq!(heard.recv(), Ok("holding"));
    waiting.join().unwrap();
}
