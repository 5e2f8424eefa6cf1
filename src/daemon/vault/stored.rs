//! The bytes of a token file: a format number, the key's mark, a nonce, and JSON that only the key opens.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use dealclock_connector::oauth::{Refused, Tokens};
use dealclock_model::Instant;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::key::Key;

/// The format written today.
const FORMAT: u8 = 1;

/// Format number, key's mark, nonce.
const HEAD: usize = 1 + 8 + NONCE_LEN;

/// Why a token file cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unopened {
    #[error("was written by a newer version of dealclock")]
    Newer,
    #[error("was encrypted with another key")]
    OtherKey,
    #[error("is damaged, or belongs to another connection")]
    Damaged,
}

#[derive(Serialize)]
struct Written<'a> {
    refresh: Option<&'a str>,
    access: Option<&'a str>,
    home: Option<&'a str>,
    scopes: &'a [String],
    obtained_at: Instant,
    expires_at: Option<Instant>,
    account_id: Option<&'a str>,
    identity: Option<&'a str>,
    refused: Option<WrittenRefusal<'a>>,
}

#[derive(Serialize)]
struct WrittenRefusal<'a> {
    at: Instant,
    reason: &'a str,
}

#[derive(Deserialize)]
struct Stored {
    refresh: Option<SecretString>,
    access: Option<SecretString>,
    home: Option<String>,
    scopes: Vec<String>,
    obtained_at: Instant,
    expires_at: Option<Instant>,
    account_id: Option<String>,
    identity: Option<String>,
    refused: Option<StoredRefusal>,
}

#[derive(Deserialize)]
struct StoredRefusal {
    at: Instant,
    reason: String,
}

/// Encrypts the tokens of a connection.
pub(super) fn seal(tokens: &Tokens, connection: &str, key: &Key) -> Result<Vec<u8>, String> {
    let text = |token: &'_ Option<SecretString>| token.as_ref().map(|token| token.expose_secret().to_owned());
    let (refresh, access) = (text(&tokens.refresh).map(Zeroizing::new), text(&tokens.access).map(Zeroizing::new));
    let written = Written {
        refresh: refresh.as_deref().map(String::as_str),
        access: access.as_deref().map(String::as_str),
        home: tokens.home.as_deref(),
        scopes: &tokens.scopes,
        obtained_at: tokens.obtained_at,
        expires_at: tokens.expires_at,
        account_id: tokens.account_id.as_deref(),
        identity: tokens.identity.as_deref(),
        refused: tokens.refused.as_ref().map(|refused| WrittenRefusal { at: refused.at, reason: &refused.reason }),
    };
    let mut text = serde_json::to_vec(&written).map_err(|error| error.to_string())?;
    let sealed = cipher(key).seal_in_place_append_tag(bound_to(connection, &key.id()), &mut text);
    let nonce = sealed.map_err(|_| "the tokens could not be encrypted".to_owned())?;
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&key.id());
    bytes.extend_from_slice(nonce.as_ref());
    bytes.extend_from_slice(&text);
    Ok(bytes)
}

/// Decrypts the tokens of a connection.
pub(super) fn open(bytes: &[u8], connection: &str, key: &Key) -> Result<Tokens, Unopened> {
    match bytes.first() {
        Some(&FORMAT) => {}
        Some(newer) if *newer > FORMAT => return Err(Unopened::Newer),
        Some(_) | None => return Err(Unopened::Damaged),
    }
    let (head, body) = bytes.split_at_checked(HEAD).ok_or(Unopened::Damaged)?;
    let (id, nonce) = head[1..].split_at(8);
    if id != key.id() {
        return Err(Unopened::OtherKey);
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopened::Damaged)?;
    let mut body = Zeroizing::new(body.to_vec());
    let opened = cipher(key).open_in_place(nonce, bound_to(connection, id), &mut body);
    let stored: Stored = opened.ok().and_then(|text| serde_json::from_slice(text).ok()).ok_or(Unopened::Damaged)?;
    let Stored { refresh, access, home, scopes, obtained_at, expires_at, account_id, identity, refused } = stored;
    let refused = refused.map(|StoredRefusal { at, reason }| Refused { at, reason });
    Ok(Tokens { refresh, access, home, scopes, obtained_at, expires_at, account_id, identity, refused })
}

fn cipher(key: &Key) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, key.bytes()).expect("the key has the length that the cipher takes")
}

/// The head and the connection's name go into the seal, so that no file stands for another.
fn bound_to(connection: &str, key_id: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([&[FORMAT], key_id, connection.as_bytes()].concat())
}
