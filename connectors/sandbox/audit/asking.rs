//! The way out of one deal: whether somebody asks for more time, and what a decision makes of the deadline.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;

use super::deal::Spell;
use super::local;
use super::rule::AuditedRule;

/// How the request of a clock stands.
#[derive(Debug, Default)]
pub(super) struct Asking {
    state: State,
    /// For how long the request was open before it was taken back.
    open_before: Duration,
    /// The last checkbox state that was heard of, so that only a change is one.
    was_asking: bool,
    /// Every time at which somebody was waiting for a decision.
    pub(super) asked: Vec<Asked>,
}

/// A time at which somebody was waiting for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) from: DateTime<Utc>,
    /// Until when; `None` while nobody has decided.
    pub(super) to: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nobody asks, or what was asked was taken back.
    #[default]
    Quiet,
    Open {
        since: DateTime<Utc>,
    },
    Granted {
        /// The deadline before the grant.
        before: Option<DateTime<Utc>>,
    },
    /// Refused, or granted and taken back: nothing is asked any more.
    Settled,
}

/// What moves the deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Granted {
        since: DateTime<Utc>,
    },
    /// Refused by somebody, or because nobody decided in time.
    Refused {
        since: DateTime<Utc>,
        open_before: Duration,
    },
    TakenBack {
        before: Option<DateTime<Utc>>,
    },
}

impl Asking {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Another clock begins, and with it another request.
    pub(super) fn forget(&mut self) {
        (self.state, self.open_before, self.was_asking) = (State::Quiet, Duration::zero(), false);
    }

    /// The clock ends, and with it what was asked.
    pub(super) fn close(&mut self, at: DateTime<Utc>) {
        if self.is_open() {
            self.end(at);
            self.state = State::Quiet;
        }
    }

    /// Hears how the checkboxes stand; says what comes of it for the deadline.
    pub(super) fn hear(&mut self, spell: &Spell<'_>, rule: &AuditedRule) -> Option<Turn> {
        rule.way_out.as_ref()?;
        let (at, asks, granted) = (spell.from, spell.asks, spell.granted);
        let ticked = asks.ticked && !self.was_asking;
        let unticked = !asks.ticked && self.was_asking;
        self.was_asking = asks.ticked;
        match self.state {
            State::Quiet if ticked => {
                self.state = State::Open { since: at };
                self.asked.push(Asked { from: at, to: None });
                None
            }
            State::Open { since } if granted.ticked && !granted.by_hand => {
                self.end(at);
                self.state = State::Granted { before: None };
                Some(Turn::Granted { since })
            }
            State::Open { since } if unticked => {
                self.end(at);
                let open_before = self.open_before;
                if asks.by_hand {
                    self.open_before += at - since;
                    self.state = State::Quiet;
                    return None;
                }
                self.state = State::Settled;
                Some(Turn::Refused { since, open_before })
            }
            State::Granted { before } if unticked && asks.by_hand => {
                self.state = State::Settled;
                Some(Turn::TakenBack { before })
            }
            State::Quiet | State::Open { .. } | State::Granted { .. } | State::Settled => None,
        }
    }

    /// Notes which deadline a grant has moved.
    pub(super) fn remember(&mut self, deadline: DateTime<Utc>) {
        if let State::Granted { before } = &mut self.state {
            before.get_or_insert(deadline);
        }
    }

    fn end(&mut self, at: DateTime<Utc>) {
        if let Some(asked) = self.asked.last_mut() {
            asked.to.get_or_insert(at);
        }
    }
}

impl Turn {
    /// Since when somebody waited for the decision.
    pub(super) fn asked_at(self) -> Option<DateTime<Utc>> {
        match self {
            Turn::Granted { since } | Turn::Refused { since, .. } => Some(since),
            Turn::TakenBack { .. } => None,
        }
    }

    /// The new deadline when this is heard of at an instant. Deadlines are ends of local days.
    pub(super) fn deadline(
        self,
        zero: DateTime<Utc>,
        zone: Tz,
        old: DateTime<Utc>,
        at: DateTime<Utc>,
        rule: &AuditedRule,
    ) -> DateTime<Utc> {
        let Some(way_out) = &rule.way_out else { return old };
        let least = local::end_of_days(at, way_out.grace_days, zone);
        let wanted = match self {
            Turn::Granted { .. } => local::end_of_days(zero, way_out.grants_days, zone),
            Turn::Refused { since, open_before } => {
                local::end_of_day_after(old, open_before + local::shown_between(since, at, zone), zone)
            }
            Turn::TakenBack { before } => before.unwrap_or(old),
        };
        wanted.max(least)
    }
}
