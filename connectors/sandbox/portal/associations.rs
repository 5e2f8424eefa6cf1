//! Which records hang together, and by which kinds of association.

use std::collections::BTreeMap;

use super::kind::{Kind, RecordId};

/// A kind of association: from, to, its number, and the number of the other direction.
///
/// <https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide#association-type-id-values>
const TYPES: [(Kind, Kind, u16, u16); 10] = [
    (Kind::Task, Kind::Deal, 216, 215),
    (Kind::Task, Kind::Contact, 204, 203),
    (Kind::Task, Kind::Company, 192, 191),
    (Kind::Note, Kind::Deal, 214, 213),
    (Kind::Note, Kind::Contact, 202, 201),
    (Kind::Note, Kind::Company, 190, 189),
    (Kind::Deal, Kind::Contact, 3, 4),
    (Kind::Deal, Kind::Company, 341, 342),
    (Kind::Deal, Kind::Company, 5, 6),
    (Kind::Contact, Kind::Company, 279, 280),
];

/// The number of a kind of association and that of its other direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkType {
    pub(crate) there: u16,
    pub(crate) back: u16,
}

/// The kinds of association that lead from one type to another, the default one first.
pub(crate) fn link_types(from: Kind, to: Kind) -> impl Iterator<Item = LinkType> {
    TYPES.iter().filter_map(move |&(first, second, there, back)| match () {
        () if (first, second) == (from, to) => Some(LinkType { there, back }),
        () if (second, first) == (from, to) => Some(LinkType { there: back, back: there }),
        () => None,
    })
}

/// One end of an association, seen from the other.
type End = (Kind, RecordId);

/// All associations, in both directions.
#[derive(Debug, Default)]
pub(crate) struct Associations {
    links: BTreeMap<(End, Kind), Vec<(RecordId, u16)>>,
}

impl Associations {
    /// Ties two records together; a tie that exists stays one.
    pub(crate) fn connect(&mut self, from: End, to: End, kind: LinkType) {
        self.add(from, to, kind.there);
        self.add(to, from, kind.back);
    }

    /// The records of one type that a record hangs together with, and how.
    pub(crate) fn of(&self, from: End, to: Kind) -> &[(RecordId, u16)] {
        self.links.get(&(from, to)).map_or(&[], Vec::as_slice)
    }

    /// Moves every association of one record to another of its type.
    pub(crate) fn hand_over(&mut self, kind: Kind, from: RecordId, to: RecordId) {
        for other in Kind::ALL {
            for (id, number) in self.links.remove(&((kind, from), other)).unwrap_or_default() {
                if let Some(back) = self.links.get_mut(&((other, id), kind)) {
                    back.retain(|(end, _)| *end != from);
                }
                let link = link_types(kind, other).find(|link| link.there == number);
                if let Some(link) = link.filter(|_| (other, id) != (kind, to)) {
                    self.connect((kind, to), (other, id), link);
                }
            }
        }
    }

    /// Every association, once in each direction.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (End, End, u16)> {
        self.links.iter().flat_map(|(&(from, to), ends)| ends.iter().map(move |&(id, number)| (from, (to, id), number)))
    }

    fn add(&mut self, from: End, to: End, number: u16) {
        let ends = self.links.entry((from, to.0)).or_default();
        if !ends.contains(&(to.1, number)) {
            ends.push((to.1, number));
        }
    }
}
