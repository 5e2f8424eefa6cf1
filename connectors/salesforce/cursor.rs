//! Where reading goes on: in the list of all opportunities, or in the passes over what changed.

use chrono::Duration;
use dealclock_connector::{Cursor, Error, Result};
use dealclock_model::Instant;
use serde::{Deserialize, Serialize};

const MINUTE: i64 = 60_000;

/// How far back a pass looks. A row bears the time at which it was written, and is seen once its transaction ends, at
/// most [ten minutes](https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_apexgov.htm)
/// later.
const OVERLAP: i64 = 15 * MINUTE;

/// How far back a pass looks after one that saw more than a page: a change of everything would else be read again every
/// minute for as long as it is within [`OVERLAP`].
const SHORT_OVERLAP: i64 = MINUTE;

/// How often a pass looks back all the way nevertheless.
const LOOK_BACK: i64 = 5 * MINUTE;

/// While nothing changes, the watermark follows Salesforce's clock at this distance.
const IDLE_DISTANCE: i64 = 2 * MINUTE;

/// More rows than this in one pass make the org a busy one.
const BUSY: u64 = 2_000;

/// A position in reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum Position {
    /// In the list of all opportunities by their ids, which no change moves.
    List(List),
    /// In the passes over what changed.
    Delta(Delta),
}

/// A place in the list of all opportunities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// When the list was begun by Salesforce's clock: the passes begin there.
    pub started_at: Option<Instant>,
    /// When it was begun by ours.
    pub asked_at: Option<Instant>,
    /// The last id seen: where the list goes on when `page` is too old.
    pub after: Option<String>,
    /// The next page, as Salesforce named it; good for two days.
    pub page: Option<String>,
    /// The fingerprint of what was asked for of each opportunity: a page of another list lacks what is wanted now.
    #[serde(default)]
    pub shape: u64,
}

impl Position {
    /// Reads a cursor that [`Position::cursor`] made.
    pub fn of(cursor: &Cursor) -> Result<Position> {
        Position::deserialize(&cursor.0)
            .map_err(|_| Error::rejected("read opportunities: the stored position is none of this connector's"))
    }

    /// The opaque form.
    pub fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_value(self).expect("a position has only text keys"))
    }
}

/// The passes over what changed; all stamps are milliseconds.
///
/// A pass asks for everything stamped after its beginning, by ascending stamps. Salesforce takes a snapshot of the ids
/// and hands them out in pages, so any number of equal stamps is read, and no row moves from one page to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delta {
    /// Everything stamped before it was seen, late transactions apart.
    watermark: i64,
    /// The watermark when a pass looked back all the way.
    looked_back: i64,
    /// When that was, by Salesforce's clock.
    looked_back_at: i64,
    /// Whether that pass saw more than a page.
    is_busy: bool,
    /// The fingerprint of the rows that were told already and may be seen again.
    pub seen: u64,
    /// The pass that is not at its end.
    pass: Option<Pass>,
}

/// A pass that is not at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// When it was begun, by Salesforce's clock.
    date: i64,
    /// When it was begun, by ours.
    pub asked_at: Instant,
    /// Whether it looks back all the way.
    looks_back: bool,
    /// The greatest stamp seen.
    greatest: i64,
    /// Rows seen.
    count: u64,
    /// The next page, as Salesforce named it.
    pub page: String,
    /// The fingerprint of what was asked for of each opportunity.
    #[serde(default)]
    pub shape: u64,
}

/// What a page of a pass held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rows.
    pub count: u64,
    /// The greatest stamp.
    pub greatest: Option<Instant>,
    /// The next page.
    pub page: Option<String>,
    /// The fingerprint of what was asked for of each row.
    pub shape: u64,
}

impl Delta {
    /// The passes that follow a list begun at an instant of Salesforce's clock.
    pub fn since(started_at: Instant) -> Delta {
        let at = started_at.timestamp_millis();
        Delta { watermark: at, looked_back: at, looked_back_at: at, is_busy: false, seen: 0, pass: None }
    }

    /// The pass that is not at its end.
    pub fn pass(&self) -> Option<&Pass> {
        self.pass.as_ref()
    }

    /// The passes without the one that is not at its end: its page is too old, so it is begun anew.
    pub fn anew(&self) -> Delta {
        Delta { pass: None, ..self.clone() }
    }

    /// Where a new pass begins.
    pub fn from(&self, now: Instant) -> Instant {
        millis(self.beginning(now.timestamp_millis()))
    }

    fn looks_back(&self, now: i64) -> bool {
        !self.is_busy || !(0..LOOK_BACK).contains(&(now - self.looked_back_at))
    }

    fn beginning(&self, now: i64) -> i64 {
        if self.looks_back(now) { self.looked_back - OVERLAP } else { self.watermark - SHORT_OVERLAP }
    }

    /// The passes after a page that was asked for at `asked_at` by our clock and answered at `date` by Salesforce's, and
    /// whether the pass goes on.
    pub fn advance(&self, found: Found, asked_at: Instant, date: Instant) -> (Delta, bool) {
        let mut pass = self.pass.clone().unwrap_or_else(|| Pass {
            date: date.timestamp_millis(),
            asked_at,
            looks_back: self.looks_back(asked_at.timestamp_millis()),
            greatest: self.watermark,
            count: 0,
            page: String::new(),
            shape: found.shape,
        });
        pass.count += found.count;
        pass.greatest = pass.greatest.max(found.greatest.map_or(pass.greatest, |at| at.timestamp_millis()));
        match found.page {
            Some(page) => {
                pass.page = page;
                (Delta { pass: Some(pass), ..self.clone() }, true)
            }
            None => (self.finish(&pass), false),
        }
    }

    /// The watermark is the greatest stamp seen, at most the time at which the pass was answered; only a way behind that
    /// it follows the clock.
    fn finish(&self, pass: &Pass) -> Delta {
        let seen = pass.greatest.min(pass.date);
        let watermark = self.watermark.max(seen).max(pass.date - IDLE_DISTANCE);
        let next = Delta { watermark, pass: None, ..self.clone() };
        if !pass.looks_back {
            return next;
        }
        Delta {
            looked_back: watermark,
            looked_back_at: pass.asked_at.timestamp_millis(),
            is_busy: pass.count > BUSY,
            ..next
        }
    }

    /// Rows stamped before this are asked for by no later pass.
    pub fn forgets(&self) -> Instant {
        millis((self.looked_back - OVERLAP).min(self.watermark - SHORT_OVERLAP)) - Duration::seconds(1)
    }
}

fn millis(millis: i64) -> Instant {
    Instant::from_timestamp_millis(millis).unwrap_or(Instant::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_772_440_000_000;

    fn at(minutes: i64) -> Instant {
        millis(START + minutes * MINUTE)
    }

    /// One pass over `(stamp, visible from)` in minutes; what it saw.
    fn pass(delta: &Delta, rows: &[(i64, i64)], now: i64) -> (Delta, Vec<i64>) {
        let from = delta.from(at(now));
        let seen: Vec<i64> = rows
            .iter()
            .filter(|(stamp, visible)| at(*stamp) >= from && *visible <= now)
            .map(|(stamp, _)| *stamp)
            .collect();
        let found = Found {
            count: seen.len() as u64,
            greatest: seen.iter().max().map(|stamp| at(*stamp)),
            page: None,
            shape: 0,
        };
        let (next, goes_on) = delta.advance(found, at(now), at(now));
        assert!(!goes_on);
        (next, seen)
    }

    #[test]
    fn a_row_that_becomes_visible_late_is_still_found() {
        for lag in [0, 1, 5, 10] {
            let (mut delta, mut found) = (Delta::since(at(0)), Vec::new());
            // Row 7 is written in the seventh minute, and its transaction ends `lag` minutes later; others keep coming.
            let mut rows: Vec<(i64, i64)> = (1..60).map(|minute| (minute, minute)).collect();
            rows[6] = (7, 7 + lag);
            for now in 1..60 {
                let (next, seen) = pass(&delta, &rows, now);
                delta = next;
                found.extend(seen);
            }
            for minute in 1..60 {
                assert!(found.contains(&minute), "{minute} with a lag of {lag}");
            }
        }
    }

    #[test]
    fn the_watermark_is_what_was_seen_and_follows_the_clock_only_behind() {
        let delta = Delta::since(at(0));
        assert_eq!(pass(&delta, &[(1, 1)], 2).0.watermark, START + MINUTE);
        // A stamp ahead of Salesforce's own clock does not carry the watermark past it.
        assert_eq!(pass(&delta, &[(9, 0)], 2).0.watermark, START + 2 * MINUTE);
        assert_eq!(pass(&delta, &[], 100).0.watermark, START + 98 * MINUTE);
        assert_eq!(pass(&delta, &[], 1).0.watermark, START);
    }

    #[test]
    fn a_change_of_everything_is_not_read_again_at_every_poll() {
        let rows = vec![(5, 5); 10_000];
        let (mut delta, mut reads) = (Delta::since(at(0)), 0);
        for now in 1..=60 {
            let (next, seen) = pass(&delta, &rows, now);
            delta = next;
            reads += usize::from(!seen.is_empty());
        }
        assert!((1..=9).contains(&reads), "{reads}");
        assert!(!delta.is_busy);
    }

    #[test]
    fn a_pass_goes_on_page_by_page_and_keeps_when_it_began() {
        let delta = Delta::since(at(0));
        let page =
            |page: Option<&str>| Found { count: 2_000, greatest: Some(at(3)), page: page.map(str::to_owned), shape: 7 };
        let (delta, goes_on) = delta.advance(page(Some("/a")), at(5), at(5));
        assert!(goes_on && delta.pass().is_some_and(|pass| pass.page == "/a"));
        let (delta, goes_on) = delta.advance(page(None), at(9), at(9));
        assert!(!goes_on && delta.pass().is_none() && delta.is_busy);
        assert_eq!(delta.watermark, START + 3 * MINUTE, "what was written while the pages were read comes next time");
    }

    #[test]
    fn what_is_forgotten_is_asked_for_no_more() {
        let mut delta = Delta::since(at(0));
        for now in 1..40 {
            let rows = vec![(now, now); if now % 7 == 0 { 3_000 } else { 1 }];
            delta = pass(&delta, &rows, now).0;
            assert!(delta.forgets() < delta.from(at(now)));
            assert!(delta.forgets() < delta.from(at(now + 30)));
        }
    }

    #[test]
    fn a_cursor_survives_being_stored() {
        let pass = Pass {
            date: 1,
            asked_at: at(1),
            looks_back: true,
            greatest: 2,
            count: 3,
            page: "/services/data/v65.0/query/01gA-2000".to_owned(),
            shape: 9,
        };
        let list =
            List { started_at: Some(at(0)), asked_at: Some(at(0)), after: Some("006A".to_owned()), ..List::default() };
        for position in [
            Position::Delta(Delta { pass: Some(pass), seen: u64::MAX, ..Delta::since(at(7)) }),
            Position::List(list),
            Position::List(List::default()),
        ] {
            assert_eq!(Position::of(&position.cursor()), Ok(position));
        }
        assert!(Position::of(&Cursor(serde_json::json!({"in": "nowhere"}))).is_err());
    }
}
