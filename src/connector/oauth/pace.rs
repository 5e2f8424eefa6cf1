//! When the next login may be tried: sooner after a hiccup, much later after a refusal, and never without end.

use chrono::Duration;
use dealclock_model::Instant;

use super::refusal::Trouble;
use crate::{Error, ErrorKind};

/// The first pause after a failed attempt; it doubles from then on.
const FIRST: Duration = Duration::seconds(2);

/// The longest pause after failed attempts.
const LONGEST: Duration = Duration::minutes(5);

/// The pause after what only an administrator can mend, and after a renewal whose answer was lost twice.
pub(super) const SLOW: Duration = Duration::minutes(15);

/// So many tokens may be refused within [`SLOW`] before no other is fetched.
const MOST_RENEWED: usize = 4;

/// What attempts have come to so far.
#[derive(Default)]
pub(super) struct Pace {
    pause: Option<(Instant, Error)>,
    failed: u32,
    lost: u32,
    renewed: Vec<Instant>,
}

impl Pace {
    /// The error to answer with while no attempt may be made.
    pub(super) fn held(&self, now: Instant) -> Option<Error> {
        self.pause.as_ref().filter(|(until, _)| now < *until).map(|(_, error)| error.clone())
    }

    /// An attempt worked.
    pub(super) fn succeeded(&mut self) {
        *self = Pace { renewed: std::mem::take(&mut self.renewed), ..Pace::default() };
    }

    /// An attempt failed; gives the error to answer with. `rotating`: a repetition may cost the authorization.
    pub(super) fn failed(&mut self, trouble: Trouble, rotating: bool, now: Instant) -> Error {
        self.failed = self.failed.saturating_add(1);
        let (until, error) = match trouble {
            Trouble::Unavailable(message) => self.later(now, message),
            Trouble::Lost(message) if rotating => {
                self.lost += 1;
                // A token that was exchanged must not be shown again and again: that revokes what it was exchanged for.
                // https://help.salesforce.com/s/articleView?id=005316711
                if self.lost > 1 { later(now + SLOW, message) } else { self.later(now, message) }
            }
            Trouble::Lost(message) => self.later(now, message),
            Trouble::Throttled { until, message } => {
                let until = until.unwrap_or_else(|| now + self.backoff());
                (until, Error::throttled(until, message))
            }
            Trouble::Refused { message, .. } => (now + SLOW, Error::unauthorized(message)),
        };
        self.pause = Some((until, error.clone()));
        error
    }

    /// Holds attempts after a refusal that stands already.
    pub(super) fn hold(&mut self, until: Instant, message: String) {
        self.pause = Some((until, Error::unauthorized(message)));
    }

    /// Whether another token may be fetched because the CRM refused one; counts it when it may.
    pub(super) fn may_renew(&mut self, now: Instant) -> bool {
        self.renewed.retain(|at| now - *at < SLOW);
        let may = self.renewed.len() < MOST_RENEWED;
        if may {
            self.renewed.push(now);
        }
        may
    }

    fn later(&self, now: Instant, message: String) -> (Instant, Error) {
        later(now + self.backoff(), message)
    }

    fn backoff(&self) -> Duration {
        (FIRST * 2i32.saturating_pow(self.failed.saturating_sub(1).min(16))).min(LONGEST)
    }
}

fn later(until: Instant, message: String) -> (Instant, Error) {
    (until, Error::new(ErrorKind::Transient { retry_at: Some(until) }, message))
}
