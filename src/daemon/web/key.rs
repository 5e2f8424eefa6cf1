//! The secret part of the addresses that CRMs call: one key in the store, one secret for each connection.

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

/// What the secret parts of all addresses are made from.
pub(super) struct PathKey(SecretSlice<u8>);

impl PathKey {
    /// The key in the store; made, durably, when there is none yet.
    pub(super) fn of(store: &Store) -> Result<PathKey, StoreError> {
        if let Some(known) = PathKey::known(store)? {
            return Ok(known);
        }
        let mut key = [0; 32];
        OsRng
            .try_fill_bytes(&mut key)
            .map_err(|error| StoreError::Failed { reason: format!("no random bytes: {error}") })?;
        let mut batch = Batch::new();
        batch.put_meta(&name(), &hex::encode(key));
        store.commit(batch)?;
        store.durable_blocking()?;
        Ok(PathKey(key.to_vec().into()))
    }

    /// The key in the store, where there is one.
    pub(super) fn known(store: &Store) -> Result<Option<PathKey>, StoreError> {
        let known: Option<String> = store.meta(&name())?;
        Ok(known.and_then(|text| hex::decode(text).ok()).map(|key| PathKey(key.into())))
    }

    /// The secret part of a connection's address.
    pub(super) fn secret_of(&self, connection: &ConnectionId) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes a key of any length");
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

fn name() -> String {
    format!("{SECRET}hooks")
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
        let key = PathKey(vec![0x0b; 32].into());
        assert_eq!(key.secret_of(&"acme".into()), "455cb1159cb6c55e13309aad6cc979b4");
    }
}
