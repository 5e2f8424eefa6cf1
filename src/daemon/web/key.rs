//! Keys that the store holds: for the secret part of the addresses that CRMs call, and for signed links.

use dealclock_model::ConnectionId;
use dealclock_store::{Batch, SECRET, Store, StoreError};
use hmac::{Hmac, KeyInit, Mac};
use rand::TryRngCore;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How many letters of the address are secret: 128 bits.
const LETTERS: usize = 32;
/// The name of the key of addresses.
const HOOKS: &str = "hooks";

/// A key of 256 random bits.
pub(super) struct Key(pub(super) SecretSlice<u8>);

impl Key {
    /// The key of this name in the store; made, durably, when there is none yet.
    pub(super) fn of(store: &Store, name: &str) -> Result<Key, StoreError> {
        if let Some(known) = Key::known(store, name)? {
            return Ok(known);
        }
        let mut key = [0; 32];
        OsRng
            .try_fill_bytes(&mut key)
            .map_err(|error| StoreError::Failed { reason: format!("no random bytes: {error}") })?;
        let mut batch = Batch::new();
        batch.put_meta(&format!("{SECRET}{name}"), &hex::encode(key));
        store.commit(batch)?;
        store.durable_blocking()?;
        Ok(Key(key.to_vec().into()))
    }

    /// The key of this name, where there is one.
    fn known(store: &Store, name: &str) -> Result<Option<Key>, StoreError> {
        let known: Option<String> = store.meta(&format!("{SECRET}{name}"))?;
        Ok(known.and_then(|text| hex::decode(text).ok()).map(|key| Key(key.into())))
    }
}

/// What the secret parts of all addresses are made from: one secret for each connection.
pub(super) struct PathKey(Key);

impl PathKey {
    /// The key in the store; made, durably, when there is none yet.
    pub(super) fn of(store: &Store) -> Result<PathKey, StoreError> {
        Key::of(store, HOOKS).map(PathKey)
    }

    /// The key in the store, where there is one.
    pub(super) fn known(store: &Store) -> Result<Option<PathKey>, StoreError> {
        Ok(Key::known(store, HOOKS)?.map(PathKey))
    }

    /// The secret part of a connection's address.
    pub(super) fn secret_of(&self, connection: &ConnectionId) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.0.expose_secret()).expect("HMAC takes a key of any length");
        mac.update(connection.as_str().as_bytes());
        let mut secret = hex::encode(mac.finalize().into_bytes());
        secret.truncate(LETTERS);
        secret
    }

    /// Whether this is the connection's secret; takes as long for a wrong one.
    pub(super) fn fits(&self, connection: &ConnectionId, secret: &str) -> bool {
        self.secret_of(connection).as_bytes().ct_eq(secret.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use dealclock_store::Options;

    use super::*;

    #[test]
    fn an_address_stays_over_a_restart_and_tells_nothing_of_another() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::new(directory.path());
        let first = PathKey::of(&Store::open(&options).unwrap()).unwrap().secret_of(&"acme".into());
        let again = PathKey::of(&Store::open(&options).unwrap()).unwrap();
        assert_eq!(again.secret_of(&"acme".into()), first);
        assert_eq!(first.len(), LETTERS);
        assert!(again.fits(&"acme".into(), &first) && !again.fits(&"zeta".into(), &first));
        assert!(!again.fits(&"acme".into(), "") && !again.fits(&"acme".into(), &first[1..]));
    }

    #[test]
    fn the_secret_is_the_hmac_of_the_name() {
        // printf acme | openssl dgst -sha256 -mac hmac -macopt hexkey:0b0b…0b (32 bytes)
        let key = PathKey(Key(vec![0x0b; 32].into()));
        assert_eq!(key.secret_of(&"acme".into()), "455cb1159cb6c55e13309aad6cc979b4");
    }
}
