//! The typed tree that a condition is lowered to, and its evaluation: no look-up, no allocation, no failure.

use std::cmp::Ordering;

use chrono::NaiveDate;
use dealclock_model::Instant;
use rust_decimal::Decimal;

use super::Cell;

/// The index of a field in its condition's list of fields.
pub(super) type Field = usize;

/// A row as one condition sees it.
#[derive(Clone, Copy)]
pub(super) struct View<'r> {
    pub cells: &'r [Cell<'r>],
    pub slots: &'r [usize],
}

impl<'r> View<'r> {
    /// A field's cell; empty in a row of an older layout that lacks it.
    fn cell(self, field: Field) -> Cell<'r> {
        self.slots.get(field).and_then(|&slot| self.cells.get(slot)).copied().unwrap_or(Cell::Empty)
    }
}

/// What a test says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    True,
    False,
    /// False because this field is empty.
    Empty(Field),
}

impl Outcome {
    fn holds(self) -> bool {
        self == Outcome::True
    }
}

impl From<bool> for Outcome {
    fn from(holds: bool) -> Outcome {
        if holds { Outcome::True } else { Outcome::False }
    }
}

/// A yes-or-no question.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Always(bool),
    /// A ticked checkbox.
    Ticked(Field),
    IsEmpty(Field),
    IsSet(Field),
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
    If(Box<[Test; 3]>),
    /// Both hold, or neither does.
    Same(Box<Test>, Box<Test>),
    Compare(Operand, Relation, Operand),
    Among(Operand, Box<[Literal]>),
    Match(Operand, TextMatch, Operand),
}

/// How two operands of one type are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Relation {
    fn accepts(self, order: Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Unequal => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::AtMost => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::AtLeast => order.is_ge(),
        }
    }
}

/// How one text is looked for in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextMatch {
    StartsWith,
    EndsWith,
    Contains,
}

/// A value to compare. Its type was checked when it was lowered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Field(Field),
    Literal(Literal),
    Negative(Box<Operand>),
    Arithmetic(Box<Operand>, Arithmetic, Box<Operand>),
    /// The number of characters of a text.
    Size(Box<Operand>),
    If(Box<Test>, Box<[Operand; 2]>),
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Number(Decimal),
    Text(Box<str>),
    Time(Instant),
    Date(NaiveDate),
}

impl Literal {
    fn number(&self) -> Option<Decimal> {
        match self {
            Literal::Number(value) => Some(*value),
            Literal::Text(_) | Literal::Time(_) | Literal::Date(_) => None,
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Literal::Number(value) => Cell::Number(*value),
            Literal::Text(value) => Cell::Text(value),
            Literal::Time(value) => Cell::Time(*value),
            Literal::Date(value) => Cell::Date(*value),
        }
    }
}

/// An operation on two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Arithmetic {
    /// The result, unless it divides by zero or no decimal can hold it.
    pub fn apply(self, left: Decimal, right: Decimal) -> Option<Decimal> {
        match self {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide => left.checked_div(right),
        }
    }
}

impl Test {
    /// Answers the question for a row.
    pub fn eval(&self, row: View<'_>) -> Outcome {
        match self {
            Test::Always(holds) => Outcome::from(*holds),
            Test::Ticked(field) => Outcome::from(row.cell(*field) == Cell::Bool(true)),
            Test::IsEmpty(field) => Outcome::from(row.cell(*field) == Cell::Empty),
            Test::IsSet(field) => Outcome::from(row.cell(*field) != Cell::Empty),
            Test::Not(test) => Outcome::from(!test.eval(row).holds()),
            Test::And(left, right) => match left.eval(row) {
                Outcome::True => right.eval(row),
                failed => failed,
            },
            Test::Or(left, right) => match (left.eval(row), right) {
                (Outcome::True, _) => Outcome::True,
                (Outcome::False, right) => right.eval(row),
                (Outcome::Empty(field), right) if !right.eval(row).holds() => Outcome::Empty(field),
                (Outcome::Empty(_), _) => Outcome::True,
            },
            Test::If(branches) => {
                let [test, yes, no] = &**branches;
                if test.eval(row).holds() { yes.eval(row) } else { no.eval(row) }
            }
            Test::Same(left, right) => Outcome::from(left.eval(row).holds() == right.eval(row).holds()),
            Test::Compare(left, relation, right) => {
                both(left, right, row, |left, right| Some(relation.accepts(compare(left, right)?)))
            }
            Test::Among(operand, list) => among(operand, list, row),
            Test::Match(text, how, part) => both(text, part, row, |text, part| match (text, part) {
                (Cell::Text(text), Cell::Text(part)) => Some(match how {
                    TextMatch::StartsWith => text.starts_with(part),
                    TextMatch::EndsWith => text.ends_with(part),
                    TextMatch::Contains => text.contains(part),
                }),
                _ => None,
            }),
        }
    }
}

impl Test {
    /// Adds the numbers that a field must reach for the test to hold.
    pub fn floors(&self, field: Field, floors: &mut Vec<Decimal>) {
        match self {
            Test::And(left, right) | Test::Or(left, right) => {
                left.floors(field, floors);
                right.floors(field, floors);
            }
            Test::Compare(Operand::Field(name), Relation::AtLeast | Relation::Greater, Operand::Literal(bound))
            | Test::Compare(Operand::Literal(bound), Relation::AtMost | Relation::Less, Operand::Field(name))
                if *name == field =>
            {
                floors.extend(bound.number());
            }
            Test::Always(_)
            | Test::Ticked(_)
            | Test::IsEmpty(_)
            | Test::IsSet(_)
            | Test::Not(_)
            | Test::If(_)
            | Test::Same(..)
            | Test::Compare(..)
            | Test::Among(..)
            | Test::Match(..) => {}
        }
    }
}

/// Whether a value is one of a list, which holds literals of its promised type.
fn among(operand: &Operand, list: &[Literal], row: View<'_>) -> Outcome {
    let field = match operand.eval(row) {
        Ok(value) => {
            let mut orders = list.iter().map(|item| compare(value, item.cell())).peekable();
            match orders.peek() {
                Some(None) => operand.first_field(),
                Some(Some(_)) | None => return Outcome::from(orders.any(|order| order == Some(Ordering::Equal))),
            }
        }
        Err(Missing(field)) => field,
    };
    field.map_or(Outcome::False, Outcome::Empty)
}

/// Asks a question of two values, unless one is missing or has a type that was not promised.
fn both<'r>(
    left: &'r Operand,
    right: &'r Operand,
    row: View<'r>,
    ask: impl FnOnce(Cell<'r>, Cell<'r>) -> Option<bool>,
) -> Outcome {
    let field = match (left.eval(row), right.eval(row)) {
        (Ok(left_value), Ok(right_value)) => match ask(left_value, right_value) {
            Some(answer) => return Outcome::from(answer),
            None => left.first_field().or_else(|| right.first_field()),
        },
        (Err(Missing(field)), _) | (_, Err(Missing(field))) => field,
    };
    field.map_or(Outcome::False, Outcome::Empty)
}

/// The order of two values of one type.
fn compare(left: Cell<'_>, right: Cell<'_>) -> Option<Ordering> {
    match (left, right) {
        (Cell::Bool(left), Cell::Bool(right)) => Some(left.cmp(&right)),
        (Cell::Number(left), Cell::Number(right)) => Some(left.cmp(&right)),
        (Cell::Text(left), Cell::Text(right)) => Some(left.cmp(right)),
        (Cell::Time(left), Cell::Time(right)) => Some(left.cmp(&right)),
        (Cell::Date(left), Cell::Date(right)) => Some(left.cmp(&right)),
        _ => None,
    }
}

/// There is no value, because of this field where one is to blame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missing(Option<Field>);

impl Operand {
    fn eval<'r>(&'r self, row: View<'r>) -> Result<Cell<'r>, Missing> {
        match self {
            Operand::Field(field) => match row.cell(*field) {
                Cell::Empty => Err(Missing(Some(*field))),
                cell => Ok(cell),
            },
            Operand::Literal(literal) => Ok(literal.cell()),
            Operand::Negative(operand) => Ok(Cell::Number(-operand.number(row)?)),
            Operand::Arithmetic(left, operation, right) => operation
                .apply(left.number(row)?, right.number(row)?)
                .map(Cell::Number)
                .ok_or_else(|| Missing(left.first_field().or_else(|| right.first_field()))),
            Operand::Size(operand) => {
                let Cell::Text(text) = operand.eval(row)? else { return Err(Missing(operand.first_field())) };
                Ok(Cell::Number(Decimal::from(text.chars().count())))
            }
            Operand::If(test, branches) => {
                let [yes, no] = &**branches;
                if test.eval(row).holds() { yes.eval(row) } else { no.eval(row) }
            }
        }
    }

    fn number(&self, row: View<'_>) -> Result<Decimal, Missing> {
        let Cell::Number(number) = self.eval(row)? else { return Err(Missing(self.first_field())) };
        Ok(number)
    }

    /// The first field that the operand reads.
    fn first_field(&self) -> Option<Field> {
        match self {
            Operand::Field(field) => Some(*field),
            Operand::Literal(_) => None,
            Operand::Negative(operand) | Operand::Size(operand) => operand.first_field(),
            Operand::Arithmetic(left, _, right) => left.first_field().or_else(|| right.first_field()),
            Operand::If(_, branches) => branches.iter().find_map(Operand::first_field),
        }
    }
}
