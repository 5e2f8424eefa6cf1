//! Conditions: a CEL expression, checked against the field catalogue and lowered to a typed tree of our own.

use std::collections::BTreeMap;

use dealclock_model::{FieldName, Person, Record, Value};

/// The fields that the conditions of a rule set read, each with a slot, so that evaluation looks nothing up by name.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Field to slot.
    pub slots: BTreeMap<FieldName, usize>,
}

impl Layout {
    /// Lays a record and its owner out for evaluation; absent fields are [`Value::Null`].
    pub fn row(&self, record: &Record, owner: Option<&Person>) -> Row {
        let _ = (record, owner);
        Row { values: Vec::new() }
    }
}

/// A record laid out by slots.
#[derive(Clone, Debug)]
pub struct Row {
    /// One value a slot.
    pub values: Vec<Value>,
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
}

impl Condition {
    /// Evaluates the condition; total and bounded.
    pub fn eval(&self, row: &Row) -> Verdict {
        let _ = row;
        Verdict::False
    }
}
