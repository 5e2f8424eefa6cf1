//! What was seen already: rows that a poll told, and the accounts of opportunities.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dealclock_model::{Instant, RecordId};

use crate::api::opportunity;
use crate::translate::record::stamp;
use crate::wire::Row;

/// The rows that polls told and that later ones may see again, because each looks back.
///
/// A set of rows is known by its fingerprint, which stands in the cursor. Only when the cursor with that fingerprint
/// comes back is it certain that the rows were taken in; any other cursor finds no set, and all its rows are told again.
#[derive(Default)]
pub(crate) struct Seen(Mutex<VecDeque<Told>>);

/// A set of rows that were told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(HashMap<u64, Option<Instant>>);

/// Sets that are remembered: the one that is certain, and those that a retry made.
const SETS: usize = 4;

impl Seen {
    /// The set with a fingerprint; empty when there is none.
    pub(crate) fn told(&self, fingerprint: u64) -> Told {
        self.lock().iter().find(|told| told.fingerprint() == fingerprint).cloned().unwrap_or_default()
    }

    /// Remembers a set; its fingerprint.
    pub(crate) fn keep(&self, told: Told) -> u64 {
        let fingerprint = told.fingerprint();
        let mut sets = self.lock();
        sets.retain(|known| known.fingerprint() != fingerprint);
        sets.push_back(told);
        if sets.len() > SETS {
            sets.pop_front();
        }
        fingerprint
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Whether the row, as it is stamped now, was not told before; from now on it was.
    pub(crate) fn is_news(&mut self, row: &Row<'_>) -> bool {
        let stamp = stamp(row);
        let mut hasher = DefaultHasher::new();
        (row.id(), stamp).hash(&mut hasher);
        self.0.insert(hasher.finish(), stamp).is_none()
    }

    /// Forgets rows that no later poll sees again.
    pub(crate) fn forget(&mut self, before: Instant) {
        self.0.retain(|_, stamp| stamp.is_none_or(|stamp| stamp >= before));
    }

    /// The same for the same rows, whatever their order.
    fn fingerprint(&self) -> u64 {
        self.0.keys().fold(0, |sum, row| sum.wrapping_add(*row))
    }
}

/// The accounts of opportunities that were read lately. A new task locks the rows of its opportunity and its account, so
/// tasks of one account are written one after another.
#[derive(Default)]
pub(crate) struct Parents(Mutex<HashMap<RecordId, Box<str>>>);

/// Accounts that are remembered; they only make locks rarer, so forgetting them all is harmless.
const ACCOUNTS: usize = 20_000;

impl Parents {
    /// Remembers the account of an opportunity.
    pub(crate) fn learn(&self, row: &Row<'_>) {
        let Some(account) = row.text(opportunity::ACCOUNT) else { return };
        let mut accounts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= ACCOUNTS {
            accounts.clear();
        }
        accounts.insert(RecordId::from(row.id()), account.into());
    }

    /// The account of an opportunity, where it is known.
    pub(crate) fn account_of(&self, record: &RecordId) -> Option<Box<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(record).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, stamp: &str) -> Row<'static> {
        let json = serde_json::json!({ "Id": id, "SystemModstamp": stamp }).to_string();
        serde_json::from_str(Box::leak(json.into_boxed_str())).unwrap()
    }

    const NINE: &str = "2026-03-02T09:00:00.000+0000";
    const TEN: &str = "2026-03-02T10:00:00.000+0000";

    #[test]
    fn a_row_is_told_once_for_each_stamp_and_only_under_the_cursor_that_told_it() {
        let seen = Seen::default();
        let mut first = seen.told(0);
        assert!(first.is_news(&row("006A", NINE)) && first.is_news(&row("006B", NINE)));
        let cursor = seen.keep(first);
        let mut again = seen.told(cursor);
        assert!(!again.is_news(&row("006A", NINE)) && again.is_news(&row("006A", TEN)));
        // The page was not taken in: the cursor before it comes again, and everything is told again.
        assert!(seen.told(0).is_news(&row("006A", NINE)));
        // Another process made this cursor.
        assert!(seen.told(77).is_news(&row("006A", NINE)));
    }

    #[test]
    fn a_set_forgets_what_no_poll_sees_again_and_has_no_order() {
        let (a, b) = (row("006A", NINE), row("006B", TEN));
        let (mut one, mut other) = (Told::default(), Told::default());
        assert!(one.is_news(&a) && one.is_news(&b) && other.is_news(&b) && other.is_news(&a));
        assert_eq!(one.fingerprint(), other.fingerprint());
        one.forget(TEN.replace("+0000", "Z").parse().unwrap());
        assert!(one.is_news(&a) && !one.is_news(&b));
    }

    #[test]
    fn only_some_sets_are_remembered() {
        let seen = Seen::default();
        let cursors: Vec<u64> = (0..6)
            .map(|n| {
                let mut told = Told::default();
                assert!(told.is_news(&row(&format!("006{n}"), NINE)));
                seen.keep(told)
            })
            .collect();
        assert!(seen.told(cursors[0]).0.is_empty() && !seen.told(cursors[5]).0.is_empty());
    }
}
