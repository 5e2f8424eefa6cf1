//! The answers of a verb of many reads, kept until it is finished.
//!
//! A verb that is throttled in its middle goes on there when it is called again; else an account with more pages than
//! our share of a limit window would never be read to its end.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::Duration;
use dealclock_model::Instant;
use http::Response;

/// An answer is good for this long; after it the verb begins anew.
const KEPT_FOR: Duration = Duration::minutes(2);

/// The answers that unfinished verbs of one account got.
#[derive(Default)]
pub struct Unfinished {
    kept: Mutex<HashMap<Step, Kept>>,
}

/// One call of a verb.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The verb, as the connector names it for itself.
    pub verb: &'static str,
    /// Where the call goes.
    pub path: String,
    /// What it sends.
    pub body: Option<Bytes>,
}

struct Kept {
    at: Instant,
    answer: Response<Bytes>,
}

impl Unfinished {
    /// The answer that an earlier run of the verb got to this step.
    pub fn answer_to(&self, step: &Step, now: Instant) -> Option<Response<Bytes>> {
        self.good_at(now).get(step).map(|kept| kept.answer.clone())
    }

    /// Keeps an answer for the verb's next run.
    pub fn keep(&self, step: Step, answer: Response<Bytes>, now: Instant) {
        self.good_at(now).insert(step, Kept { at: now, answer });
    }

    /// Forgets the answers of a verb that came to its end.
    pub fn finish(&self, verb: &'static str) {
        self.lock().retain(|step, _| step.verb != verb);
    }

    /// What is not too old; one from the future was got before the clock was set back.
    fn good_at(&self, now: Instant) -> MutexGuard<'_, HashMap<Step, Kept>> {
        let mut kept = self.lock();
        kept.retain(|_, answer| answer.at <= now && now < answer.at + KEPT_FOR);
        kept
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Step, Kept>> {
        // Each change of the map is one call, so a panic leaves it whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(verb: &'static str, body: Option<&'static str>) -> Step {
        Step { verb, path: "/deals".to_owned(), body: body.map(Bytes::from) }
    }

    #[test]
    fn an_unfinished_verb_finds_its_own_answers_for_a_while() {
        let now: Instant = "2026-03-02T09:00:00Z".parse().unwrap();
        let unfinished = Unfinished::default();
        unfinished.keep(step("fetch", Some("1")), Response::new(Bytes::from("first")), now);
        let check = |step: Step, after: Duration, expected: Option<&str>| {
            let found = unfinished.answer_to(&step, now + after).map(Response::into_body);
            assert_eq!(found, expected.map(|text| Bytes::copy_from_slice(text.as_bytes())), "{step:?} after {after}");
        };
        check(step("fetch", Some("1")), Duration::zero(), Some("first"));
        check(step("fetch", Some("2")), Duration::zero(), None);
        check(step("check", Some("1")), Duration::zero(), None);
        check(step("fetch", Some("1")), KEPT_FOR - Duration::seconds(1), Some("first"));
        check(step("fetch", Some("1")), KEPT_FOR, None);
    }

    #[test]
    fn a_finished_verb_begins_anew_and_leaves_others_alone() {
        let now: Instant = "2026-03-02T09:00:00Z".parse().unwrap();
        let unfinished = Unfinished::default();
        for verb in ["fetch", "check"] {
            unfinished.keep(step(verb, None), Response::new(Bytes::new()), now);
        }
        unfinished.finish("fetch");
        assert!(unfinished.answer_to(&step("fetch", None), now).is_none());
        assert!(unfinished.answer_to(&step("check", None), now).is_some());
    }
}
