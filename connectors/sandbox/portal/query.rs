//! Searching: on the records as the index has them, which is some time behind the records as they are.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::Portal;
use super::instant::{Millis, parse_instant};
use super::kind::{Kind, RecordId};
use super::record::Record;
use super::schema::{Calculation, PropertyId, ValueType};

/// A search: groups of filters of which one must hold, and the order of what is found.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) groups: Vec<Vec<Filter>>,
    pub(crate) sort: Option<Sort>,
    /// Words to find anywhere in the record's name.
    pub(crate) words: Option<String>,
}

/// The order of what is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sort {
    pub(crate) property: PropertyId,
    pub(crate) descending: bool,
}

/// One condition of a search.
#[derive(Debug)]
pub(crate) enum Filter {
    /// On a property's value.
    Property(PropertyId, Test),
    /// On the records that hang together with the record.
    Associated(Kind, Vec<RecordId>),
}

/// What must hold of a value.
#[derive(Debug)]
pub(crate) enum Test {
    Present,
    Absent,
    Equal(Comparable),
    NotEqual(Comparable),
    Less(Comparable),
    LessOrEqual(Comparable),
    Greater(Comparable),
    GreaterOrEqual(Comparable),
    Between(Comparable, Comparable),
    In(BTreeSet<Comparable>),
    NotIn(BTreeSet<Comparable>),
    Contains(String),
    ContainsNot(String),
}

/// A value in the form in which values of its type are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Comparable {
    Instant(Millis),
    Number(Decimal),
    Text(String),
}

/// A record that was found, and the instant as of which the index has it.
pub(crate) struct Hit<'a> {
    pub(crate) record: &'a Record,
    pub(crate) as_of: Millis,
}

impl Portal {
    /// Finds all records that fit, in order.
    pub(crate) fn search(&self, kind: Kind, query: &Query) -> Vec<Hit<'_>> {
        let fits = |record: &&Record| record.is_live();
        let mut hits: Vec<_> = match self.earliest_change(kind, query) {
            Some(since) => self.changed_since(kind, since).filter(fits).collect::<Vec<_>>(),
            None => self.store(kind).records.values().filter(fits).collect(),
        }
        .into_iter()
        .map(|record| Hit { record, as_of: self.indexed_until(kind, record.id) })
        .filter(|hit| hit.record.created <= hit.as_of && self.matches(kind, query, hit))
        .collect();
        hits.sort_by_cached_key(|hit| hit.record.id);
        if let Some(sort) = query.sort {
            let mut keyed: Vec<_> = hits
                .into_iter()
                .map(|hit| (self.comparable_at(kind, hit.record, sort.property, hit.as_of), hit))
                .collect();
            // A stable sort: equal keys stay in the order of ids.
            keyed.sort_by(|(left, _), (right, _)| direct(left.cmp(right), sort.descending));
            hits = keyed.into_iter().map(|(_, hit)| hit).collect();
        }
        hits
    }

    /// Reads a value of a search in the form in which values of the property are compared.
    pub(crate) fn comparable(&self, kind: Kind, property: PropertyId, text: &str) -> Option<Comparable> {
        match self.schema(kind).property(property).value_type {
            ValueType::Number => text.parse().ok().map(Comparable::Number),
            ValueType::Date | ValueType::DateTime => parse_instant(text).map(Comparable::Instant),
            ValueType::String => Some(Comparable::Text(text.to_lowercase())),
            ValueType::Bool | ValueType::Enumeration => Some(Comparable::Text(text.to_owned())),
        }
    }

    fn comparable_at(&self, kind: Kind, record: &Record, property: PropertyId, at: Millis) -> Option<Comparable> {
        match self.schema(kind).property(property).calculation {
            Some(Calculation::Updated) => Some(Comparable::Instant(record.updated_at(at))),
            Some(Calculation::Created) => Some(Comparable::Instant(record.created)),
            Some(Calculation::ObjectId) => Some(Comparable::Number(record.id.0.into())),
            _ => self.comparable(kind, property, &self.value_at(kind, record, property, at)?),
        }
    }

    /// The instant before whose last change no record can fit, where every group of filters gives one.
    fn earliest_change(&self, kind: Kind, query: &Query) -> Option<Millis> {
        let of_filter = |filter: &Filter| match filter {
            Filter::Property(id, test) => {
                let on_change = self.schema(kind).property(*id).calculation == Some(Calculation::Updated);
                on_change.then(|| test.lower_bound()).flatten()
            }
            Filter::Associated(..) => None,
        };
        let bounds = query.groups.iter().map(|group| group.iter().filter_map(of_filter).max());
        bounds.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    fn matches(&self, kind: Kind, query: &Query, hit: &Hit<'_>) -> bool {
        let fits = |filter: &Filter| match filter {
            Filter::Property(id, test) => {
                let value = self.comparable_at(kind, hit.record, *id, hit.as_of);
                test.holds(value.as_ref())
            }
            Filter::Associated(other, ids) => {
                self.associations.of((kind, hit.record.id), *other).iter().any(|(id, _)| ids.contains(id))
            }
        };
        let in_groups = query.groups.is_empty() || query.groups.iter().any(|group| group.iter().all(fits));
        in_groups && query.words.as_deref().is_none_or(|words| self.mentions(kind, hit, words))
    }

    fn mentions(&self, kind: Kind, hit: &Hit<'_>, words: &str) -> bool {
        let names: &[&str] = match kind {
            Kind::Deal => &["dealname"],
            Kind::Task => &["hs_task_subject", "hs_task_body"],
            Kind::Note => &["hs_note_body"],
            Kind::Contact => &["email", "firstname", "lastname"],
            Kind::Company => &["name", "domain"],
            Kind::User => &["hs_email"],
        };
        let ids = names.iter().filter_map(|name| self.schema(kind).find(name));
        let texts = ids.filter_map(|id| self.value_at(kind, hit.record, id, hit.as_of));
        let all = texts.map(|text| text.to_lowercase()).collect::<Vec<_>>().join(" ");
        words.to_lowercase().split_whitespace().all(|word| all.contains(word))
    }
}

impl Test {
    fn holds(&self, value: Option<&Comparable>) -> bool {
        let Some(value) = value else { return matches!(self, Test::Absent) };
        match self {
            Test::Present => true,
            Test::Absent => false,
            Test::Equal(other) => value == other,
            Test::NotEqual(other) => value != other,
            Test::Less(other) => value < other,
            Test::LessOrEqual(other) => value <= other,
            Test::Greater(other) => value > other,
            Test::GreaterOrEqual(other) => value >= other,
            Test::Between(low, high) => (low..=high).contains(&value),
            Test::In(all) => all.contains(value),
            Test::NotIn(all) => !all.contains(value),
            Test::Contains(token) => contains_token(value, token),
            Test::ContainsNot(token) => !contains_token(value, token),
        }
    }

    fn lower_bound(&self) -> Option<Millis> {
        match self {
            Test::Equal(Comparable::Instant(at))
            | Test::Greater(Comparable::Instant(at))
            | Test::GreaterOrEqual(Comparable::Instant(at))
            | Test::Between(Comparable::Instant(at), _) => Some(*at),
            _ => None,
        }
    }
}

/// Whether a text has a word; a `*` at either end of the token stands for any letters.
fn contains_token(value: &Comparable, token: &str) -> bool {
    let Comparable::Text(text) = value else { return false };
    let (text, token) = (text.to_lowercase(), token.to_lowercase());
    let bare = token.trim_matches('*');
    let mut words = text.split(|c: char| !c.is_alphanumeric() && !bare.contains(c));
    words.any(|word| match (token.starts_with('*'), token.ends_with('*')) {
        (true, true) => word.contains(bare),
        (true, false) => word.ends_with(bare),
        (false, true) => word.starts_with(bare),
        (false, false) => word == bare,
    })
}

fn direct(order: Ordering, descending: bool) -> Ordering {
    if descending { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_whole_word_unless_a_star_says_otherwise() {
        let text = Comparable::Text("Prepare a proposal for Acme, ref 9f2c-1a".to_owned());
        for (token, expected) in [
            ("proposal", true),
            ("PROPOSAL", true),
            ("propos", false),
            ("propos*", true),
            ("*posal", true),
            ("*opo*", true),
            ("9f2c-1a", true),
            ("9f2c", true),
            ("acme", true),
        ] {
            assert_eq!(contains_token(&text, token), expected, "{token}");
        }
    }
}
