//! Whether a record fits the condition of a query, and which index leads to the records that may.

use std::cmp::Ordering;

use super::super::Org;
use super::super::cell::{Cell, folded};
use super::super::id::Id;
use super::super::kind::Kind;
use super::super::row::Row;
use super::super::schema::{FieldId, system};
use super::bind::{End, Path};
use super::parse::Operator;
use crate::portal::instant::Millis;

/// A condition, tied to fields and values.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare(Path, Operator, Cell),
    Like(Path, Pattern),
    /// The path, whether the list excludes, the list.
    In(Path, bool, Vec<Cell>),
}

/// A pattern of LIKE: percent stands for any text, the underscore for one character.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Exactly(char),
    One,
    Any,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Pattern {
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '%' => parts.push(Part::Any),
                '_' => parts.push(Part::One),
                '\\' => parts.extend(characters.next().map(Part::Exactly)),
                other => parts.extend(other.to_lowercase().map(Part::Exactly)),
            }
        }
        Pattern(parts)
    }

    /// Matches greedily, going back to the last wildcard where that fails; no pattern takes more than quadratic time.
    fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = folded(text).collect();
        let (mut part, mut place, mut resume) = (0, 0, None);
        loop {
            match (self.0.get(part), text.get(place)) {
                (Some(Part::Any), _) => {
                    resume = Some((part, place));
                    part += 1;
                }
                (Some(Part::One), Some(_)) => (part, place) = (part + 1, place + 1),
                (Some(Part::Exactly(wanted)), Some(found)) if wanted == found => (part, place) = (part + 1, place + 1),
                (None, None) => return true,
                _ => match resume {
                    Some((wildcard, start)) if start < text.len() => {
                        resume = Some((wildcard, start + 1));
                        (part, place) = (wildcard + 1, start + 1);
                    }
                    Some(_) | None => return false,
                },
            }
        }
    }
}

impl Path {
    /// The value at the end of the path, as it is now; references that lead nowhere end in nothing.
    pub(crate) fn read(&self, org: &Org, kind: Kind, row: &Row) -> Cell {
        let Some((first, further)) = self.hops.split_first() else { return self.end_of(org, kind, row) };
        let mut id = row.get(*first).as_id();
        for hop in further {
            id = id.and_then(|id| org.find(id)).and_then(|(_, row)| row.get(*hop).as_id());
        }
        match id.and_then(|id| org.find(id)) {
            Some((kind, row)) => self.end_of(org, kind, row),
            None => Cell::Null,
        }
    }

    /// The field of the record itself at the end of the path, if the path does not leave the record.
    pub(crate) fn own_field(&self) -> Option<FieldId> {
        match self.end {
            End::Field(field) if self.hops.is_empty() => Some(field),
            End::Field(_) | End::Type | End::Name => None,
        }
    }

    /// The field at the end of the path, if the end is a field of a record of that type.
    pub(crate) fn field_of(&self, kind: Kind, org: &Org) -> Option<FieldId> {
        match self.end {
            End::Field(field) if field.index() < org.table(kind).schema.len() => Some(field),
            End::Field(_) | End::Type | End::Name => None,
        }
    }

    /// What stands at the end of the path that is no field, seen from the record there.
    pub(crate) fn end_in_words(&self, org: &Org, kind: Kind, row: &Row) -> String {
        self.end_of(org, kind, row).to_text()
    }

    fn end_of(&self, org: &Org, kind: Kind, row: &Row) -> Cell {
        match self.end {
            End::Field(field) => row.get(field).clone(),
            End::Type => Cell::text(kind.name()),
            End::Name => org.table(kind).schema.find("Name").map_or(Cell::Null, |name| row.get(name).clone()),
        }
    }
}

impl Test {
    /// Whether a record fits.
    pub(crate) fn fits(&self, org: &Org, kind: Kind, row: &Row) -> bool {
        match self {
            Test::All(tests) => tests.iter().all(|test| test.fits(org, kind, row)),
            Test::Any(tests) => tests.iter().any(|test| test.fits(org, kind, row)),
            Test::Not(test) => !test.fits(org, kind, row),
            Test::Compare(path, operator, wanted) => match path.own_field() {
                Some(field) => {
                    compare(row.get(field), *operator, wanted) && exact(org, kind, field, row, *operator, wanted)
                }
                None => compare(&path.read(org, kind, row), *operator, wanted),
            },
            Test::Like(path, pattern) => path.read(org, kind, row).as_text().is_some_and(|text| pattern.fits(text)),
            Test::In(path, excludes, values) => {
                let found = path.read(org, kind, row);
                let listed = values.iter().any(|value| {
                    let regarded =
                        path.own_field().is_none_or(|field| exact(org, kind, field, row, Operator::Is, value));
                    compare(&found, Operator::Is, value) && regarded
                });
                listed != *excludes
            }
        }
    }

    /// The values of which one must stand in a field of the record; `None` where the condition does not say.
    pub(crate) fn wanted(&self, field: FieldId) -> Option<Vec<Cell>> {
        match self {
            Test::All(tests) => tests.iter().find_map(|test| test.wanted(field)),
            Test::Any(tests) => {
                let each: Option<Vec<_>> = tests.iter().map(|test| test.wanted(field)).collect();
                Some(each?.concat())
            }
            Test::Compare(path, Operator::Is, value) if path.own_field() == Some(field) => Some(vec![value.clone()]),
            Test::In(path, false, values) if path.own_field() == Some(field) => Some(values.clone()),
            Test::Not(_) | Test::Compare(..) | Test::Like(..) | Test::In(..) => None,
        }
    }

    /// The id before which no record that fits comes.
    pub(crate) fn first_id(&self) -> Option<Id> {
        match self {
            Test::All(tests) => tests.iter().filter_map(Test::first_id).max(),
            Test::Compare(path, Operator::Above | Operator::AtLeast, Cell::Id(id))
                if path.own_field() == Some(system::ID) =>
            {
                Some(*id)
            }
            Test::Any(_) | Test::Not(_) | Test::Compare(..) | Test::Like(..) | Test::In(..) => None,
        }
    }

    /// The instant before which no record that fits can have changed.
    pub(crate) fn earliest_stamp(&self) -> Option<Millis> {
        match self {
            Test::All(tests) => tests.iter().filter_map(Test::earliest_stamp).max(),
            Test::Any(tests) => {
                let each: Option<Vec<_>> = tests.iter().map(Test::earliest_stamp).collect();
                each?.into_iter().min()
            }
            Test::Compare(path, Operator::Above | Operator::AtLeast | Operator::Is, Cell::Instant(at))
                if path.own_field() == Some(system::STAMP) =>
            {
                Some(at - at.rem_euclid(1000))
            }
            Test::Not(_) | Test::Compare(..) | Test::Like(..) | Test::In(..) => None,
        }
    }
}

/// Text is compared without regard to case, except where the field was made to regard it.
fn exact(org: &Org, kind: Kind, field: FieldId, row: &Row, operator: Operator, wanted: &Cell) -> bool {
    operator != Operator::Is || !org.table(kind).schema.field(field).case_sensitive || row.get(field) == wanted
}

fn compare(found: &Cell, operator: Operator, wanted: &Cell) -> bool {
    let order = match (found, wanted) {
        (Cell::Null, Cell::Null) => Some(Ordering::Equal),
        _ => found.compare(wanted),
    };
    match operator {
        Operator::Is => order == Some(Ordering::Equal),
        Operator::IsNot => order != Some(Ordering::Equal),
        Operator::Below => order == Some(Ordering::Less),
        Operator::AtMost => !found.is_null() && matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Above => order == Some(Ordering::Greater),
        Operator::AtLeast => !found.is_null() && matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        // The pattern of LIKE is bound on its own.
        Operator::Like => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_without_regard_to_case() {
        for (pattern, text, fits) in [
            ("Acme%", "acme corp", true),
            ("%corp", "Acme Corp", true),
            ("A_me", "Acme", true),
            ("A_me", "Ame", false),
            ("%a%b%c%", "xxaxxbxxcxx", true),
            ("%a%b%c%", "xxcxxbxxaxx", false),
            ("100\\%", "100%", true),
            ("100\\%", "1000", false),
            ("", "", true),
            ("%", "", true),
            ("Ä%", "ärger", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{text} LIKE {pattern}");
        }
    }
}
