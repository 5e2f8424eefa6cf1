//! Conditions: a CEL expression, checked against the field catalogue and lowered to a typed tree of our own.
//!
//! What a condition means where CEL leaves it open, or where a CRM differs from CEL:
//!
//! - A comparison with an empty field is false, `!=` too, and the verdict names the field. Only `field == null` and
//!   `field != null` ask whether a field is empty. A negation looks at the result: `!(amount > 5)` holds when `amount` is
//!   empty.
//! - An empty checkbox is unticked, except in a comparison with `null`.
//! - Numbers are decimals. A division by zero or a result that no decimal can hold counts as an empty field.
//! - A value of another type than the catalogue promises counts as empty.

mod lower;
mod operand;
mod syntax;
mod tree;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use dealclock_model::{Catalog, FieldName, Instant, Person, Record, Value};
use rust_decimal::Decimal;

use crate::flaw::Flaw;
use tree::{Outcome, Test, View};

/// The fields that the conditions of a rule set read, each with a slot, so that evaluation looks nothing up by name.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Field to slot.
    pub slots: BTreeMap<FieldName, usize>,
}

impl Layout {
    /// Lays a record and its owner out for evaluation; absent fields are empty.
    pub fn row<'a>(&self, record: &'a Record, owner: Option<&'a Person>) -> Row<'a> {
        let mut cells = vec![Cell::Empty; self.slots.len()];
        for (name, &slot) in &self.slots {
            cells[slot] = match name.as_str().strip_prefix("owner.") {
                Some(field) => owner.map_or(Cell::Empty, |person| owner_cell(person, field)),
                None => Cell::from(record.get(name.as_str())),
            };
        }
        Row { cells }
    }

    /// The field's slot, a new one when it has none yet.
    fn slot(&mut self, field: &FieldName) -> usize {
        let next = self.slots.len();
        *self.slots.entry(field.clone()).or_insert(next)
    }
}

/// A field of the record's owner.
fn owner_cell<'a>(person: &'a Person, field: &str) -> Cell<'a> {
    match field {
        "id" => Cell::Text(person.id.as_str()),
        "name" => Cell::Text(&person.name),
        "email" => person.email.as_deref().map_or(Cell::Empty, Cell::Text),
        "active" => Cell::Bool(person.active),
        _ => Cell::Empty,
    }
}

/// A record laid out by slots; it borrows from the record and the person.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    cells: Vec<Cell<'a>>,
}

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell<'a> {
    Empty,
    Bool(bool),
    Number(Decimal),
    Text(&'a str),
    Time(Instant),
    Date(NaiveDate),
}

impl<'a> From<&'a Value> for Cell<'a> {
    fn from(value: &'a Value) -> Cell<'a> {
        match value {
            Value::Null => Cell::Empty,
            Value::Bool(value) => Cell::Bool(*value),
            Value::Number(value) => Cell::Number(*value),
            Value::Text(value) => Cell::Text(value),
            Value::Time(value) => Cell::Time(*value),
            Value::Date(value) => Cell::Date(*value),
        }
    }
}

/// What a condition says of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It does not hold, and an empty field was compared on the way: the field is named for the journal.
    Empty(FieldName),
}

impl Verdict {
    /// Whether the condition holds.
    pub fn holds(&self) -> bool {
        matches!(self, Verdict::True)
    }
}

/// A checked and compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The expression as written.
    pub text: String,
    /// The fields that it reads.
    pub fields: Vec<FieldName>,
    /// For each of `fields`, its slot in the layout.
    slots: Vec<usize>,
    test: Test,
}

impl Condition {
    /// Reads a condition, checks it against a catalogue, and gives the fields that it reads their slots.
    pub fn read(text: &str, catalog: &Catalog, layout: &mut Layout) -> Result<Condition, Vec<Flaw>> {
        let (fields, test) = lower::lower(text, catalog)?;
        let slots = fields.iter().map(|field| layout.slot(field)).collect();
        Ok(Condition { text: text.to_owned(), fields, slots, test })
    }

    /// Evaluates the condition; total and bounded.
    pub fn eval(&self, row: &Row<'_>) -> Verdict {
        match self.test.eval(View { cells: &row.cells, slots: &self.slots }) {
            Outcome::True => Verdict::True,
            Outcome::False => Verdict::False,
            Outcome::Empty(field) => self.fields.get(field).map_or(Verdict::False, |name| Verdict::Empty(name.clone())),
        }
    }

    /// The field whose presence is all that the condition asks for, as in `proposal_sent_at != null`.
    pub fn presence(&self) -> Option<&FieldName> {
        if let Test::IsSet(field) = self.test { self.fields.get(field) } else { None }
    }

    /// The numbers that a field must reach for the condition to hold: `50000` for `amount >= 50000 && stage == "Open"`.
    pub fn floors(&self, field: &str) -> Vec<Decimal> {
        let place = self.fields.iter().position(|name| name.as_str() == field);
        let mut floors = Vec::new();
        if let Some(place) = place {
            self.test.floors(place, &mut floors);
        }
        floors
    }

    /// What the condition means, whatever its spacing: equal texts mean the same on every layout.
    pub(crate) fn meaning(&self) -> String {
        format!("{:?} {:?}", self.fields, self.test)
    }
}

#[cfg(test)]
mod tests;
