//! Lowering of values: literals, fields, arithmetic and the few functions that conditions know.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use chrono::{DateTime, NaiveDate, Utc};
use dealclock_model::{FieldName, ValueType};
use rust_decimal::Decimal;

use super::lower::{Lowering, Term};
use super::tree::{Arithmetic, Field, Literal, Operand, Test};
use crate::flaw::Flaw;
use crate::suggest;

/// The name that an expression spells, such as `owner.name`.
pub(super) fn name(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", name(&select.operand)?, select.field)),
        _ => None,
    }
}

impl Lowering<'_> {
    /// A field by its name.
    pub fn field(&mut self, expr: &IdedExpr) -> Option<Term> {
        let Some(name) = name(expr) else {
            let flaw = Flaw::new(self.parsed.span(expr), "not the name of a field");
            return self.refuse(flaw.help("write `field != null` to ask whether a field is set"));
        };
        let Some(spec) = self.catalog.fields.get(name.as_str()) else {
            let flaw = Flaw::new(self.parsed.span(expr), format!("no field `{name}`"));
            return self.refuse(flaw.help(self.help_for_unknown(&name)).lacking_field());
        };
        let value_type = spec.value_type;
        let field = self.index(FieldName::from(name));
        Some(match value_type {
            ValueType::Bool => Term::Test(Test::Ticked(field)),
            ValueType::Number | ValueType::Text | ValueType::Time | ValueType::Date => {
                Term::Value(Operand::Field(field), value_type)
            }
        })
    }

    fn help_for_unknown(&self, name: &str) -> String {
        let known = self.catalog.fields.keys().map(FieldName::as_str);
        if let Some(bare) = name.strip_prefix("record.").filter(|bare| self.catalog.fields.contains_key(*bare)) {
            return format!("in a condition, write `{bare}`");
        }
        suggest::instead_of(name, known, "the fields are")
    }

    /// The index of a field in the list of those that the condition reads.
    fn index(&mut self, name: FieldName) -> Field {
        self.fields.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.fields.push(name);
            self.fields.len() - 1
        })
    }

    /// A literal. Numbers are taken from the text, never through a float.
    pub fn literal(&mut self, expr: &IdedExpr, literal: &LiteralValue) -> Option<Term> {
        let number = |number| Some(Term::Value(Operand::Literal(Literal::Number(number)), ValueType::Number));
        let span = self.parsed.token(expr);
        match literal {
            LiteralValue::Boolean(value) => Some(Term::Test(Test::Always(*value.inner()))),
            LiteralValue::Int(value) => number(Decimal::from(*value.inner())),
            LiteralValue::UInt(value) => number(Decimal::from(*value.inner())),
            LiteralValue::Double(value) => match read_decimal(&self.parsed.text[span.clone()]) {
                // The sign is no part of the literal's token.
                Some(read) => number(if value.inner().is_sign_negative() { -read } else { read }),
                None => self.refuse(Flaw::new(span, "a number with more digits than a decimal holds (28)")),
            },
            LiteralValue::String(value) => {
                Some(Term::Value(Operand::Literal(Literal::Text(value.inner().into())), ValueType::Text))
            }
            LiteralValue::Null => {
                let flaw = Flaw::new(span, "`null` can only be compared with a field by `==` or `!=`");
                self.refuse(flaw.help("write `field == null` or `field != null`"))
            }
            LiteralValue::Bytes(_) => {
                self.refuse(Flaw::new(span, "no field holds bytes").help("write text: \"...\" without the b"))
            }
        }
    }

    /// `-x`.
    pub fn negative(&mut self, operand: &IdedExpr) -> Option<Term> {
        let value = self.value_of(operand, ValueType::Number)?;
        let folded = match value {
            Operand::Literal(Literal::Number(number)) => Operand::Literal(Literal::Number(-number)),
            value => Operand::Negative(Box::new(value)),
        };
        Some(Term::Value(folded, ValueType::Number))
    }

    /// `x + y` and its like, carried out at once where both sides are literals.
    pub fn arithmetic(&mut self, expr: &IdedExpr, operation: Arithmetic, call: &CallExpr) -> Option<Term> {
        let [left, right] = call.args.as_slice() else { return self.unknown(expr) };
        let left = self.value_of(left, ValueType::Number);
        let (left, right) = (left?, self.value_of(right, ValueType::Number)?);
        let zero = Operand::Literal(Literal::Number(Decimal::ZERO));
        if operation == Arithmetic::Divide && right == zero {
            return self.refuse(Flaw::new(self.parsed.span(expr), "a division by zero"));
        }
        let operand = match (left, right) {
            (Operand::Literal(Literal::Number(left)), Operand::Literal(Literal::Number(right))) => {
                match operation.apply(left, right) {
                    Some(result) => Operand::Literal(Literal::Number(result)),
                    None => {
                        let message = "a result with more digits than a decimal holds (28)";
                        return self.refuse(Flaw::new(self.parsed.span(expr), message));
                    }
                }
            }
            (left, right) => Operand::Arithmetic(Box::new(left), operation, Box::new(right)),
        };
        Some(Term::Value(operand, ValueType::Number))
    }

    /// `size(text)`, `timestamp("...")` and `date("...")`.
    pub fn function(&mut self, expr: &IdedExpr, call: &CallExpr) -> Option<Term> {
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            ("size", None, [text]) => {
                let text = self.value_of(text, ValueType::Text)?;
                Some(Term::Value(Operand::Size(Box::new(text)), ValueType::Number))
            }
            ("timestamp", None, [text]) => self.instant(expr, text),
            ("date", None, [text]) => self.date(expr, text),
            _ => self.unknown(expr),
        }
    }

    fn instant(&mut self, expr: &IdedExpr, text: &IdedExpr) -> Option<Term> {
        match written(text).and_then(|text| DateTime::parse_from_rfc3339(text).ok()) {
            Some(instant) => {
                let literal = Literal::Time(instant.with_timezone(&Utc));
                Some(Term::Value(Operand::Literal(literal), ValueType::Time))
            }
            None => {
                let flaw = Flaw::new(self.parsed.span(expr), "not an instant");
                self.refuse(flaw.help("write `timestamp(\"2026-01-31T08:00:00Z\")`"))
            }
        }
    }

    fn date(&mut self, expr: &IdedExpr, text: &IdedExpr) -> Option<Term> {
        match written(text).and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()) {
            Some(date) => Some(Term::Value(Operand::Literal(Literal::Date(date)), ValueType::Date)),
            None => {
                let flaw = Flaw::new(self.parsed.span(expr), "not a date");
                self.refuse(flaw.help("write `date(\"2026-01-31\")`"))
            }
        }
    }

    /// The operands of a list literal, each a literal of the type.
    pub fn list(&mut self, list: &IdedExpr, value_type: ValueType) -> Option<Box<[Literal]>> {
        let Expr::List(items) = &list.expr else {
            let flaw = Flaw::new(self.parsed.span(list), "not a list");
            return self.refuse(flaw.help("write `stage in [\"Open\", \"Won\"]`"));
        };
        if items.elements.is_empty() {
            let flaw = Flaw::new(self.parsed.span(list), "an empty list, in which nothing ever is");
            return self.refuse(flaw);
        }
        let literals: Vec<_> = items
            .elements
            .iter()
            .map(|item| {
                let operand = self.value_of(item, value_type)?;
                let Operand::Literal(literal) = operand else {
                    return self.refuse(Flaw::new(self.parsed.span(item), "a list holds literals only"));
                };
                Some(literal)
            })
            .collect();
        literals.into_iter().collect()
    }
}

/// The text of a text literal.
fn written(expr: &IdedExpr) -> Option<&str> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// A decimal exactly as written, with or without an exponent.
fn read_decimal(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) { Decimal::from_scientific(text).ok() } else { Decimal::from_str_exact(text).ok() }
}

/// The operation that one of CEL's operator names stands for.
pub(super) fn arithmetic_of(operator: &str) -> Option<Arithmetic> {
    match operator {
        operators::ADD => Some(Arithmetic::Add),
        operators::SUBSTRACT => Some(Arithmetic::Subtract),
        operators::MULTIPLY => Some(Arithmetic::Multiply),
        operators::DIVIDE => Some(Arithmetic::Divide),
        _ => None,
    }
}
