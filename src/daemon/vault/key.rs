//! The key that tokens are encrypted with: where it stands, and who may read it.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use dealclock_connector::oauth::VaultError;
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::file::sync_directory;
use crate::config::{Environment, Secret, SecretRef};

/// Bytes of the key.
pub(super) const LENGTH: usize = 32;

/// Where the key stands.
#[derive(Clone, Debug)]
pub enum KeyPlace {
    /// Where `[secrets] key` says.
    Configured(Secret),
    /// In a file beside the store, which is made when it is first needed.
    Beside(PathBuf),
}

/// A key that was read.
pub(super) struct Key(Zeroizing<[u8; LENGTH]>);

impl Key {
    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    /// Tells keys apart without telling anything about them.
    pub(super) fn id(&self) -> [u8; 8] {
        let digest = digest(&SHA256, &[b"dealclock key".as_slice(), self.0.as_slice()].concat());
        let mut id = [0; 8];
        id.copy_from_slice(&digest.as_ref()[..8]);
        id
    }
}

impl KeyPlace {
    /// Reads the key; `None` when it is one that we make and nobody has made it yet.
    pub(super) fn read(&self, environment: &Environment) -> Result<Option<Key>, VaultError> {
        match self {
            KeyPlace::Configured(secret) => {
                if let SecretRef::File(path) = &secret.from {
                    check_mode(path)?;
                }
                let text = secret.read(environment).map_err(|fault| VaultError(fault.to_string()))?;
                decode(&text, &secret.from.to_string()).map(Some)
            }
            KeyPlace::Beside(path) => {
                check_mode(path)?;
                match std::fs::read_to_string(path) {
                    Ok(text) => decode(&SecretString::from(text), &format!("the file {}", path.display())).map(Some),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(failed("read", path, &error)),
                }
            }
        }
    }

    /// Reads the key, and makes it first where it is ours to make.
    pub(super) fn read_or_make(&self, environment: &Environment) -> Result<Key, VaultError> {
        if let Some(key) = self.read(environment)? {
            return Ok(key);
        }
        if let KeyPlace::Beside(path) = self {
            make(path)?;
        }
        self.read(environment)?.ok_or_else(|| VaultError("the key went away while it was made".to_owned()))
    }
}

/// A key that others may read protects nothing.
fn check_mode(path: &Path) -> Result<(), VaultError> {
    match std::fs::metadata(path) {
        Ok(file) if file.mode() & 0o077 != 0 => {
            let path = path.display();
            Err(VaultError(format!("the key file {path} is open to others; close it with `chmod 600 {path}`")))
        }
        // Whoever reads it says what is wrong.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn make(path: &Path) -> Result<(), VaultError> {
    let mut bytes = Zeroizing::new([0; LENGTH]);
    OsRng.try_fill_bytes(bytes.as_mut_slice()).map_err(|error| VaultError(format!("no random bytes: {error}")))?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(bytes.as_slice())));
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // It appears whole or not at all: a crash leaves no half of it, and nobody who comes meanwhile reads one.
    let make = || {
        let mut passing = tempfile::NamedTempFile::new_in(directory)?;
        passing.write_all(text.as_bytes())?;
        passing.as_file().sync_all()?;
        match passing.persist_noclobber(path) {
            // Another process may have made it meanwhile; tokens rest on it all the same.
            Err(error) if error.error.kind() != ErrorKind::AlreadyExists => Err(error.error),
            Ok(_) | Err(_) => sync_directory(path),
        }
    };
    make().map_err(|error| failed("make", path, &error))
}

/// 32 bytes in hexadecimal or base64.
fn decode(text: &SecretString, place: &str) -> Result<Key, VaultError> {
    let text = text.expose_secret().trim();
    let bytes = hex::decode(text).ok().or_else(|| BASE64_STANDARD.decode(text).ok()).map(Zeroizing::new);
    let fitting = bytes.and_then(|bytes| <[u8; LENGTH]>::try_from(bytes.as_slice()).ok());
    fitting.map(|bytes| Key(Zeroizing::new(bytes))).ok_or_else(|| {
        VaultError(format!(
            "{place} holds no key: it takes 32 bytes in hexadecimal or base64, as `openssl rand -hex 32` prints them"
        ))
    })
}

pub(super) fn failed(verb: &str, path: &Path, error: &std::io::Error) -> VaultError {
    VaultError(format!("failed to {verb} {}: {}", path.display(), error.kind()))
}
