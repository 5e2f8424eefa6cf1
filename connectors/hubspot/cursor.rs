//! Where reading goes on: in the list of all deals, or in the search for changed ones.

use dealclock_connector::{Cursor, Error, Result};
use dealclock_model::Instant;
use serde::{Deserialize, Serialize};

/// The least overlap of two polls; the search index lags by seconds, under load by minutes.
const LEAST_OVERLAP: i64 = 3 * MINUTE;

/// The overlap that a quiet account's polls grow to: it costs no call there, and a record that the index shows an hour
/// late is still found.
const MOST_OVERLAP: i64 = 60 * MINUTE;

/// While nothing changes, the watermark follows our clock at this distance, so that the last busy hour is not read for
/// ever; wide enough for a late index and a wrong clock.
const IDLE_DISTANCE: i64 = 60 * MINUTE;

const MINUTE: i64 = 60_000;

/// A position in reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum Position {
    /// In the list of all deals, which has no cap and a stable order.
    List {
        /// When the list was begun: changes since then are searched for afterwards.
        started_at: Instant,
        /// HubSpot's position, from the page before.
        after: Option<String>,
        /// How often the list was begun anew because HubSpot did not know its position any more.
        #[serde(default)]
        restarts: u32,
    },
    /// In the search.
    Search(Search),
}

impl Position {
    /// Reads a cursor that [`Position::cursor`] made.
    pub fn of(cursor: &Cursor) -> Result<Position> {
        Position::deserialize(&cursor.0)
            .map_err(|_| Error::rejected("read deals: the stored position is none of this connector's"))
    }

    /// The opaque form.
    pub fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_value(self).expect("a position has only text keys"))
    }
}

/// The search for changed deals, in passes; all stamps are milliseconds.
///
/// A page never goes by offset: a deal that changes meanwhile would move the others up, and one would be missed. Each
/// page asks for what is stamped like the last deal of the page before or later. When a whole page shares one stamp,
/// that stamp is read by ascending ids, however many deals share it; so HubSpot's cap of 10,000 is never met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Everything stamped before it was seen, late index apart.
    watermark: i64,
    /// How far before the watermark the next pass begins.
    overlap: i64,
    /// The pass that is not at its end.
    pass: Option<Pass>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pass {
    /// When it was begun, by our clock.
    started: i64,
    /// The least stamp of the next page.
    from: i64,
    /// While one stamp is read by ids: the last id seen.
    after_id: Option<u64>,
    /// The greatest stamp seen.
    seen: i64,
    /// Deals seen.
    count: u64,
}

/// What a page of the search asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Deals stamped so or later, by ascending stamps.
    From(i64),
    /// Deals of one millisecond with a greater id, by ascending ids.
    At {
        /// The stamp.
        stamp: i64,
        /// The id.
        after_id: u64,
    },
}

/// What a page of the search held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many deals.
    pub count: usize,
    /// The greatest stamp.
    pub last_stamp: Option<i64>,
    /// The greatest id.
    pub last_id: Option<u64>,
    /// Whether there is more.
    pub more: bool,
}

impl Search {
    /// The search that follows a list begun at an instant.
    pub fn since(started_at: Instant) -> Search {
        Search { watermark: started_at.timestamp_millis(), overlap: LEAST_OVERLAP, pass: None }
    }

    /// What the next page asks for.
    pub fn want(&self) -> Want {
        match &self.pass {
            None => Want::From(self.watermark - self.overlap),
            Some(Pass { from, after_id: None, .. }) => Want::From(*from),
            Some(Pass { from, after_id: Some(after_id), .. }) => Want::At { stamp: *from, after_id: *after_id },
        }
    }

    /// The search after a page, and whether the pass goes on; `now` is when the page was asked for.
    pub fn advance(&self, found: Found, now: Instant) -> Result<(Search, bool)> {
        let mut pass = self.pass.clone().unwrap_or_else(|| Pass {
            started: now.timestamp_millis(),
            from: self.watermark - self.overlap,
            after_id: None,
            seen: self.watermark,
            count: 0,
        });
        pass.count += found.count as u64;
        pass.seen = pass.seen.max(found.last_stamp.unwrap_or(pass.seen));
        let stuck = || Error::transient("search deals: the pages do not come in the order that was asked for");
        match (pass.after_id, found.more) {
            (None, false) => return Ok((self.finish(&pass), false)),
            (None, true) => match found.last_stamp {
                Some(last) if last > pass.from => pass.from = last,
                Some(last) if last == pass.from => pass.after_id = Some(0),
                Some(_) | None => return Err(stuck()),
            },
            // The millisecond is read; stamps may be finer, so the next one is asked for from its first instant.
            (Some(_), false) => {
                pass.after_id = None;
                pass.from += 1;
            }
            (Some(before), true) => match found.last_id {
                Some(last) if last > before => pass.after_id = Some(last),
                Some(_) | None => return Err(stuck()),
            },
        }
        Ok((Search { pass: Some(pass), ..self.clone() }, true))
    }

    /// The search that the next poll goes on with. The watermark never takes our clock's word: it is the greatest stamp
    /// seen, at most the start of the pass, and only a long way behind our clock does it follow that.
    fn finish(&self, pass: &Pass) -> Search {
        let seen = pass.seen.min(pass.started);
        let watermark = self.watermark.max(seen).max(pass.started - IDLE_DISTANCE);
        let overlap = match pass.count {
            0..=100 => self.overlap.saturating_mul(2).min(MOST_OVERLAP),
            101..=200 => self.overlap,
            201.. => LEAST_OVERLAP,
        };
        Search { watermark, overlap, pass: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Instant {
        Instant::from_timestamp_millis(millis).unwrap()
    }

    const START: i64 = 1_772_440_000_000;

    /// Reads deals `(id, stamp)` as HubSpot would serve them, a page of `page` at a time.
    fn read(search: &Search, deals: &[(u64, i64)], page: usize, now: i64) -> (Search, Vec<u64>, usize) {
        let (mut search, mut seen, mut calls) = (search.clone(), Vec::new(), 0);
        loop {
            let mut hits: Vec<(u64, i64)> = match search.want() {
                Want::From(from) => deals.iter().copied().filter(|(_, stamp)| *stamp >= from).collect(),
                Want::At { stamp, after_id } => {
                    deals.iter().copied().filter(|(id, at)| *at == stamp && *id > after_id).collect()
                }
            };
            match search.want() {
                Want::From(_) => hits.sort_by_key(|(id, stamp)| (*stamp, std::cmp::Reverse(*id))),
                Want::At { .. } => hits.sort_unstable(),
            }
            let more = hits.len() > page;
            hits.truncate(page);
            let found = Found {
                count: hits.len(),
                last_stamp: hits.iter().map(|(_, stamp)| *stamp).max(),
                last_id: hits.iter().map(|(id, _)| *id).max(),
                more,
            };
            seen.extend(hits.iter().map(|(id, _)| *id));
            calls += 1;
            assert!(calls < 10_000, "a pass must end");
            let (next, goes_on) = search.advance(found, at(now)).unwrap();
            search = next;
            if !goes_on {
                seen.sort_unstable();
                seen.dedup();
                return (search, seen, calls);
            }
        }
    }

    #[test]
    fn any_number_of_equal_stamps_is_read_completely_and_finitely() {
        for equal in [0, 1, 9, 10, 11, 20, 12_345] {
            let mut deals: Vec<(u64, i64)> = (1..=equal).map(|id| (id, START + 500)).collect();
            deals.extend([(900_001, START + 400), (900_002, START + 501), (900_003, START + 600)]);
            let (_, seen, _) = read(&Search::since(at(START)), &deals, 10, START + 1_000);
            assert_eq!(seen.len(), deals.len(), "{equal}");
        }
    }

    #[test]
    fn an_idle_poll_is_one_call_and_its_overlap_grows() {
        let deals = [(1, START - MINUTE)];
        let (search, seen, calls) = read(&Search::since(at(START)), &deals, 200, START + MINUTE);
        assert_eq!((seen, calls, search.overlap), (vec![1], 1, 2 * LEAST_OVERLAP));
        assert_eq!(search.watermark, START);
    }

    #[test]
    fn the_watermark_is_what_was_seen_and_never_now() {
        let search = Search::since(at(START));
        assert_eq!(read(&search, &[(1, START + 5)], 200, START + MINUTE).0.watermark, START + 5);
        // A stamp ahead of our clock does not carry the watermark past the start of the pass.
        assert_eq!(read(&search, &[(1, START + 9 * MINUTE)], 200, START + MINUTE).0.watermark, START + MINUTE);
        assert_eq!(read(&search, &[], 200, START + 100 * MINUTE).0.watermark, START + 40 * MINUTE);
    }

    #[test]
    fn a_busy_poll_shrinks_the_overlap() {
        let deals: Vec<(u64, i64)> = (0..1_000).map(|id| (id, START + id as i64)).collect();
        let quiet = Search { overlap: MOST_OVERLAP, ..Search::since(at(START)) };
        let (search, seen, calls) = read(&quiet, &deals, 200, START + MINUTE);
        assert_eq!((seen.len(), search.overlap), (1_000, LEAST_OVERLAP));
        assert_eq!(calls, 6, "each page repeats one deal");
    }

    #[test]
    fn a_deal_that_becomes_visible_late_is_still_found() {
        let mut search = Search::since(at(START));
        let mut seen = Vec::new();
        for poll in 1..=60 {
            let now = START + poll * MINUTE;
            // Deal 7 was changed in the second minute, and the index shows it 30 minutes later.
            let mut deals = vec![(100 + poll as u64, now)];
            deals.extend((poll >= 32).then_some((7, START + 2 * MINUTE)));
            let (next, found, _) = read(&search, &deals, 200, now);
            search = next;
            seen.extend(found);
        }
        assert!(seen.contains(&7));
    }

    #[test]
    fn a_cursor_survives_being_stored() {
        let search = Search {
            pass: Some(Pass { started: 1, from: 2, after_id: Some(3), seen: 4, count: 5 }),
            ..Search::since(at(7))
        };
        for position in [
            Position::Search(search),
            Position::List { started_at: at(START), after: Some("a".to_owned()), restarts: 1 },
        ] {
            assert_eq!(Position::of(&position.cursor()), Ok(position));
        }
        assert!(Position::of(&Cursor(serde_json::json!({"in": "nowhere"}))).is_err());
    }

    #[test]
    fn pages_out_of_order_are_an_error_and_not_an_endless_loop() {
        let search = Search::since(at(START));
        let found = Found { count: 200, last_stamp: Some(0), last_id: Some(1), more: true };
        assert!(search.advance(found, at(START)).is_err());
    }
}
