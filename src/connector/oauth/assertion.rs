//! The signed assertion of the JWT bearer grant (RFC 7523).

use chrono::Duration;
use dealclock_model::Instant;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

/// How far ahead an assertion ends; Salesforce refuses more than three minutes.
const GOOD_FOR: Duration = Duration::minutes(3);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

/// Reads an RSA private key in PEM, PKCS#8 or PKCS#1.
pub(super) fn read_key(pem: &SecretString) -> Result<EncodingKey, String> {
    let read = EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes());
    // The library's words may repeat parts of the key.
    read.map_err(|_| {
        "`private_key` is not an RSA private key in PEM, as `openssl genpkey -algorithm RSA` makes one".to_owned()
    })
}

/// An assertion that a client speaks for a user, to one audience, from now on for a short while.
pub(super) fn sign(
    key: &EncodingKey,
    client_id: &str,
    username: &str,
    audience: &str,
    now: Instant,
) -> Result<String, String> {
    let claims = Claims { iss: client_id, sub: username, aud: audience, exp: (now + GOOD_FOR).timestamp() };
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, key)
        .map_err(|_| "`private_key` cannot sign; it takes an RSA key of at least 2048 bits".to_owned())
}
