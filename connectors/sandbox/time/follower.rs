//! Who follows virtual time, and until when each is asleep.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// A follower that is awake for so long without a call has vanished.
const SILENCE: Duration = Duration::from_secs(60);

/// Tells one sleep of a follower from its next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Everybody who follows.
#[derive(Debug, Default)]
pub(super) struct Followers {
    by_name: BTreeMap<String, Follower>,
    /// Whether as many have come as were expected.
    complete: bool,
    tickets: u64,
}

#[derive(Debug)]
struct Follower {
    /// Until when it is asleep; `None` while it is awake.
    until: Option<DateTime<Utc>>,
    ticket: Ticket,
    last_heard: Instant,
    knows_the_end: bool,
}

impl Followers {
    /// Notes that a follower sleeps; its first sleep makes it known.
    pub(super) fn fall_asleep(&mut self, name: &str, until: DateTime<Utc>, now: Instant) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let knows_the_end = self.by_name.get(name).is_some_and(|follower| follower.knows_the_end);
        let follower = Follower { until: Some(until), ticket, last_heard: now, knows_the_end };
        self.by_name.insert(name.to_owned(), follower);
        ticket
    }

    /// Notes that a follower is awake, unless it sleeps on another ticket already.
    pub(super) fn wake(&mut self, name: &str, ticket: Ticket, now: Instant) {
        if let Some(follower) = self.by_name.get_mut(name).filter(|follower| follower.ticket == ticket) {
            follower.until = None;
            follower.last_heard = now;
        }
    }

    /// The first moment at which anybody wants to be woken, when everybody has come and is asleep.
    pub(super) fn first_wake(&mut self, expected: usize) -> Option<DateTime<Utc>> {
        self.complete |= self.by_name.len() >= expected;
        let until: Option<Vec<DateTime<Utc>>> = self.by_name.values().map(|follower| follower.until).collect();
        until.filter(|_| self.complete)?.into_iter().min()
    }

    /// Whether it is news to a follower that the play has ended; from then on it is not.
    pub(super) fn hears_of_the_end(&mut self, name: &str) -> bool {
        self.by_name.get_mut(name).is_some_and(|follower| !std::mem::replace(&mut follower.knows_the_end, true))
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    /// Forgets whoever has been awake for long without a call.
    pub(super) fn forget_vanished(&mut self, now: Instant) {
        self.by_name.retain(|_, follower| follower.until.is_some() || now - follower.last_heard < SILENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn time_waits_for_everybody_who_is_expected_and_for_everybody_who_is_awake() {
        let (mut followers, now) = (Followers::default(), Instant::now());
        let one = followers.fall_asleep("one", at(50), now);
        assert_eq!(followers.first_wake(2), None);
        followers.fall_asleep("two", at(30), now);
        assert_eq!(followers.first_wake(2), Some(at(30)));
        followers.wake("one", one, now);
        assert_eq!(followers.first_wake(2), None);
    }

    #[test]
    fn a_late_wake_of_an_earlier_sleep_does_not_disturb_the_next() {
        let (mut followers, now) = (Followers::default(), Instant::now());
        let first = followers.fall_asleep("one", at(10), now);
        followers.fall_asleep("one", at(20), now);
        followers.wake("one", first, now);
        assert_eq!(followers.first_wake(1), Some(at(20)));
    }

    #[test]
    fn who_is_awake_and_silent_for_a_minute_is_not_waited_for() {
        let (mut followers, now) = (Followers::default(), Instant::now());
        followers.fall_asleep("one", at(10), now);
        let two = followers.fall_asleep("two", at(20), now);
        assert_eq!(followers.first_wake(2), Some(at(10)));
        followers.wake("two", two, now);
        followers.forget_vanished(now + Duration::from_secs(59));
        assert_eq!(followers.first_wake(2), None);
        followers.forget_vanished(now + Duration::from_secs(60));
        assert_eq!(followers.first_wake(2), Some(at(10)));
        followers.forget("one");
        assert_eq!(followers.first_wake(2), None);
    }

    #[test]
    fn the_end_is_news_once() {
        let mut followers = Followers::default();
        followers.fall_asleep("one", at(10), Instant::now());
        assert!(followers.hears_of_the_end("one"));
        followers.fall_asleep("one", at(20), Instant::now());
        assert!(!followers.hears_of_the_end("one"));
    }
}
