//! One value of a record.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::NaiveDate;

use super::id::Id;
use super::stamp::{write_instant, write_time};
use crate::portal::instant::Millis;

/// A value of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Cell {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    Date(NaiveDate),
    Instant(Millis),
    /// Milliseconds since midnight.
    Time(u32),
    Id(Id),
}

impl Cell {
    pub(crate) fn text(text: impl AsRef<str>) -> Cell {
        Cell::Text(Arc::from(text.as_ref()))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    pub(crate) fn as_id(&self) -> Option<Id> {
        if let Cell::Id(id) = self { Some(*id) } else { None }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Cell::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_instant(&self) -> Option<Millis> {
        if let Cell::Instant(millis) = self { Some(*millis) } else { None }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        if let Cell::Number(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_date(&self) -> Option<NaiveDate> {
        if let Cell::Date(date) = self { Some(*date) } else { None }
    }

    pub(crate) fn is_true(&self) -> bool {
        *self == Cell::Bool(true)
    }

    /// The value in words, as an external id in a path or a history row gives it.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Bool(flag) => flag.to_string(),
            Cell::Number(number) => number.to_string(),
            Cell::Text(text) => text.to_string(),
            Cell::Date(date) => date.to_string(),
            Cell::Instant(millis) => write_instant(*millis),
            Cell::Time(millis) => write_time(*millis),
            Cell::Id(id) => id.to_string(),
        }
    }

    /// The order of two values of one field; nothing comes first, and text is ordered without regard to case.
    pub(crate) fn order(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Null, Cell::Null) => Ordering::Equal,
            (Cell::Null, _) => Ordering::Less,
            (_, Cell::Null) => Ordering::Greater,
            (left, right) => left.compare(right).unwrap_or(Ordering::Equal),
        }
    }

    /// Compares two values; nothing cannot be compared. Instants are compared by the second.
    pub(crate) fn compare(&self, other: &Cell) -> Option<Ordering> {
        match (self, other) {
            (Cell::Bool(left), Cell::Bool(right)) => Some(left.cmp(right)),
            (Cell::Number(left), Cell::Number(right)) => left.partial_cmp(right),
            (Cell::Text(left), Cell::Text(right)) => Some(folded(left).cmp(folded(right))),
            (Cell::Date(left), Cell::Date(right)) => Some(left.cmp(right)),
            (Cell::Instant(left), Cell::Instant(right)) => Some(left.div_euclid(1000).cmp(&right.div_euclid(1000))),
            (Cell::Time(left), Cell::Time(right)) => Some(left.cmp(right)),
            (Cell::Id(left), Cell::Id(right)) => Some(left.cmp(right)),
            // Nothing, or values of two types, which no field holds.
            (
                Cell::Null
                | Cell::Bool(_)
                | Cell::Number(_)
                | Cell::Text(_)
                | Cell::Date(_)
                | Cell::Instant(_)
                | Cell::Time(_)
                | Cell::Id(_),
                _,
            ) => None,
        }
    }
}

/// The characters of a text without regard to case.
pub(crate) fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}
