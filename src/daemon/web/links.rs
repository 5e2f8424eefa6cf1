//! Signed links: a question of an e-mail, in a form that nobody else can make or change.
//!
//! A link carries the whole question, so nothing has to be kept for it. That it answers once is the engine's doing: a request
//! that is decided is decided.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dealclock_model::effect::Question;
use dealclock_model::{Instant, Object, RecordRef};
use dealclock_store::{Store, StoreError};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::key::Key;

/// What is signed beside the question, so that no signature of ours for another purpose fits.
const PURPOSE: &[u8] = b"dealclock decide 1\n";
/// The name of the key in the store.
const KEY: &str = "links";
/// No link of ours is longer.
const LONGEST: usize = 4_096;

/// The question as it stands in a link: connection, object, record, rule, episode, round, step, person, expiry in seconds.
type Parts<'a> = (Text<'a>, Object, Text<'a>, Text<'a>, u32, u32, Text<'a>, Text<'a>, i64);
type Text<'a> = Cow<'a, str>;

/// Makes and reads links.
pub struct Links {
    key: Key,
    /// What people call us, without a slash at the end.
    public: String,
}

impl Links {
    /// Links to this address, signed with the key in the store; one is made, durably, when there is none yet.
    pub fn of(store: &Store, public: String) -> Result<Links, StoreError> {
        Ok(Links { key: Key::of(store, KEY)?, public })
    }

    /// The address of the page that asks a question.
    pub fn address(&self, question: &Question) -> String {
        format!("{}/decide/{}", self.public, self.token(question))
    }

    /// The question of a link; `None` for one that we did not make.
    pub fn read(&self, token: &str) -> Option<Question> {
        let (payload, signature) = token.split_once('.').filter(|_| token.len() <= LONGEST)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac(payload).verify_slice(&signature).ok()?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let (connection, object, id, rule, episode, round, step, person, expires): Parts<'_> =
            serde_json::from_slice(&payload).ok()?;
        Some(Question {
            record: RecordRef { connection: connection.into(), object, id: id.into() },
            rule: rule.into(),
            episode,
            round,
            step: step.into(),
            person: person.into(),
            expires: Instant::from_timestamp(expires, 0)?,
        })
    }

    /// Whether an origin, as browsers send it, is the one that links lead to.
    pub(super) fn is_at(&self, origin: &str) -> bool {
        let rest = self.public.strip_prefix(origin);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn token(&self, question: &Question) -> String {
        let Question { record, rule, episode, round, step, person, expires } = question;
        let parts: Parts<'_> = (
            record.connection.as_str().into(),
            record.object,
            record.id.as_str().into(),
            rule.as_str().into(),
            *episode,
            *round,
            step.as_str().into(),
            person.as_str().into(),
            expires.timestamp(),
        );
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&parts).expect("texts and numbers are JSON"));
        let signature = URL_SAFE_NO_PAD.encode(self.mac(&payload).finalize().into_bytes());
        format!("{payload}.{signature}")
    }

    fn mac(&self, payload: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::new_from_slice(self.key.0.expose_secret()).expect("HMAC takes a key of any length");
        mac.update(PURPOSE);
        mac.update(payload.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use dealclock_store::Options;

    use super::*;

    fn question() -> Question {
        Question {
            record: RecordRef { connection: "acme".into(), object: Object::Opportunity, id: "4\"2é".into() },
            rule: "approval/discount".into(),
            episode: 1,
            round: 2,
            step: "step-1".into(),
            person: "7".into(),
            expires: "2026-06-08T09:00:00Z".parse().unwrap(),
        }
    }

    fn links(directory: &tempfile::TempDir) -> Links {
        let store = Store::open(&Options::new(directory.path())).unwrap();
        Links::of(&store, "https://dealclock.example.com".to_owned()).unwrap()
    }

    #[test]
    fn a_link_reads_back_also_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let address = links(&directory).address(&question());
        let token = address.strip_prefix("https://dealclock.example.com/decide/").unwrap();
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
        assert_eq!(links(&directory).read(token), Some(question()));
    }

    #[test]
    fn nothing_of_a_link_can_be_changed() {
        let directory = tempfile::tempdir().unwrap();
        let links = links(&directory);
        let token = links.token(&question());
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last letter of base64 holds bits that mean nothing; strict decoding refuses them, so none is let through.
            assert_eq!(links.read(&changed), None, "place {place}");
        }
        let (payload, signature) = token.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(
            serde_json::to_vec(&("acme", Object::Opportunity, "4", "proposal", 1, 0, "step-1", "8", 1)).unwrap(),
        );
        for forged in [format!("{other}.{signature}"), format!("{payload}."), payload.to_owned(), String::new()] {
            assert_eq!(links.read(&forged), None, "{forged}");
        }
    }

    #[test]
    fn another_stores_link_is_none_of_ours() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert_eq!(links(&other).read(&links(&one).token(&question())), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
            let directory = tempfile::tempdir().unwrap();
            proptest::prop_assert_eq!(links(&directory).read(&text), None);
        }
    }
}
