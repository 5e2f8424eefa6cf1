//! Carries a query out: which records fit, in which order.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::super::Org;
use super::super::cell::Cell;
use super::super::id::Id;
use super::super::kind::Kind;
use super::super::row::{Row, Seen};
use super::super::schema::{FieldId, system};
use super::bind::{Bound, Path};

impl Org {
    /// The ids of the records that a query finds, in its order; `deleted` lets it find deleted ones.
    pub(crate) fn found(&self, query: &Bound, deleted: bool) -> Vec<Id> {
        let candidates = self.candidates(query);
        self.chosen(query, candidates.into_iter(), deleted)
    }

    /// The ids of the records below one that a query finds.
    pub(crate) fn found_below(&self, query: &Bound, parent: FieldId, id: Id, deleted: bool) -> Vec<Id> {
        let table = self.table(query.kind);
        let below: Vec<&Row> = if table.schema.field(parent).indexed {
            table.holders(parent, &Cell::Id(id)).collect()
        } else {
            table.rows().filter(|row| row.get(parent).as_id() == Some(id)).collect()
        };
        self.chosen(query, below.into_iter(), deleted)
    }

    fn chosen<'a>(&self, query: &Bound, candidates: impl Iterator<Item = &'a Row>, deleted: bool) -> Vec<Id> {
        let kind = query.kind;
        let fits = |row: &Row| {
            (deleted || query.all_rows || !row.is_deleted())
                && query.test.as_ref().is_none_or(|test| test.fits(self, kind, row))
        };
        let mut found: Vec<Seen<'_>> =
            candidates.filter_map(|row| self.seen(row)).filter(|seen| fits(seen.row())).collect();
        self.sort(kind, &query.order, &mut found);
        let ids = found.iter().map(|seen| seen.row().id).skip(query.offset);
        ids.take(query.limit.unwrap_or(usize::MAX)).collect()
    }

    /// The records that the best index leads to; all of them where none helps.
    fn candidates(&self, query: &Bound) -> Vec<&Row> {
        let table = self.table(query.kind);
        let Some(test) = &query.test else { return table.rows().collect() };
        if let Some(ids) = test.wanted(system::ID) {
            let ids: BTreeSet<_> = ids.iter().filter_map(Cell::as_id).collect();
            return ids.into_iter().filter_map(|id| table.get(id)).collect();
        }
        for field in table.schema.indexed() {
            let Some(values) = test.wanted(*field).filter(|values| values.iter().all(|value| !value.is_null())) else {
                continue;
            };
            let holders = values.iter().flat_map(|value| table.holders(*field, value));
            let ids: BTreeSet<_> = holders.map(|row| row.id).collect();
            // What only becomes visible later may have held the value before.
            let hidden = self.lagging(query.kind);
            return ids
                .into_iter()
                .chain(hidden)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .filter_map(|id| table.get(id))
                .collect();
        }
        match (test.earliest_stamp(), test.first_id()) {
            (Some(earliest), _) => table.changed_since(earliest).collect(),
            (None, Some(id)) => table.at_or_after(id).collect(),
            (None, None) => table.rows().collect(),
        }
    }

    /// The records that callers may still see as they were before.
    fn lagging(&self, kind: Kind) -> Vec<Id> {
        match self.longest_lag() {
            0 => Vec::new(),
            lag => self.table(kind).changed_since(self.now.saturating_sub(lag) - 1000).map(|row| row.id).collect(),
        }
    }

    fn sort(&self, kind: Kind, order: &[(Path, bool, bool)], found: &mut [Seen<'_>]) {
        match order {
            [] => found.sort_unstable_by_key(|seen| seen.row().id),
            // The usual order, in which nothing has to be looked up for each comparison.
            [(first, false, _), (second, false, _)]
                if first.own_field() == Some(system::STAMP) && second.own_field() == Some(system::ID) =>
            {
                found.sort_unstable_by_key(|seen| (seen.row().stamp().div_euclid(1000), seen.row().id));
            }
            order => found.sort_by(|left, right| {
                let by_keys = order.iter().map(|(path, descending, nulls_last)| {
                    let read = |seen: &Seen<'_>| path.read(self, kind, seen.row());
                    let (left, right) = (read(left), read(right));
                    match (left.is_null(), right.is_null()) {
                        (true, true) => Ordering::Equal,
                        (true, false) => {
                            if *nulls_last {
                                Ordering::Greater
                            } else {
                                Ordering::Less
                            }
                        }
                        (false, true) => {
                            if *nulls_last {
                                Ordering::Less
                            } else {
                                Ordering::Greater
                            }
                        }
                        (false, false) => {
                            if *descending {
                                right.order(&left)
                            } else {
                                left.order(&right)
                            }
                        }
                    }
                });
                let by_id = left.row().id.cmp(&right.row().id);
                by_keys.fold(Ordering::Equal, Ordering::then).then(by_id)
            }),
        }
    }
}
