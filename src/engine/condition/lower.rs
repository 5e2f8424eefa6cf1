//! Lowering of a parsed condition to the typed tree, with every name and type checked.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use dealclock_model::{Catalog, FieldName, ValueType, record};

use super::operand::{arithmetic_of, name};
use super::syntax::{self, Parsed};
use super::tree::{Operand, Relation, Test, TextMatch};
use crate::flaw::Flaw;
use crate::suggest;

/// Parses, checks and lowers a condition; the fields stand in the order of their first mention.
pub(super) fn lower(text: &str, catalog: &Catalog) -> Result<(Vec<FieldName>, Test), Vec<Flaw>> {
    let parsed = syntax::parse(text).map_err(|flaw| vec![flaw])?;
    let mut lowering = Lowering { parsed: &parsed, catalog, fields: Vec::new(), flaws: Vec::new() };
    let test = lowering.test_of(&parsed.root);
    match test {
        Some(test) if lowering.flaws.is_empty() => Ok((lowering.fields, test)),
        Some(_) | None => Err(lowering.flaws),
    }
}

/// What an expression is lowered to.
pub(super) enum Term {
    Test(Test),
    Value(Operand, ValueType),
}

/// One condition on its way down. A method that returns `None` has added a flaw.
pub(super) struct Lowering<'a> {
    pub parsed: &'a Parsed<'a>,
    pub catalog: &'a Catalog,
    pub fields: Vec<FieldName>,
    flaws: Vec<Flaw>,
}

impl Lowering<'_> {
    /// Adds a flaw.
    pub fn refuse<T>(&mut self, flaw: Flaw) -> Option<T> {
        self.flaws.push(flaw);
        None
    }

    /// Refuses what conditions do not know.
    pub fn unknown<T>(&mut self, expr: &IdedExpr) -> Option<T> {
        let span = self.parsed.span(expr);
        let (message, help) = match &expr.expr {
            Expr::Call(call) => refusal_of(&call.func_name),
            Expr::Comprehension(_) => ("conditions do not loop".to_owned(), None),
            Expr::List(_) => ("a list stands only right of `in`".to_owned(), Some("`stage in [\"Open\", \"Won\"]`")),
            Expr::Map(_) | Expr::Struct(_) => ("conditions know no `{...}`".to_owned(), None),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Select(_) | Expr::Unspecified => {
                ("not part of a condition".to_owned(), None)
            }
        };
        let allowed = "conditions compare fields by == != < <= > >= and `in`, join tests by && || ! and ?:, \
                       calculate by + - * /, and know startsWith, endsWith, contains, size, date and timestamp";
        self.refuse(Flaw::new(span, message).help(help.unwrap_or(allowed)))
    }

    /// An expression that must be a test.
    pub fn test_of(&mut self, expr: &IdedExpr) -> Option<Test> {
        match self.term(expr)? {
            Term::Test(test) => Some(test),
            Term::Value(_, found) => {
                let message = format!("this is {}, where a test is needed", a(found));
                let help = "compare it with something, such as `amount > 0` or `name != null`";
                self.refuse(Flaw::new(self.parsed.span(expr), message).help(help))
            }
        }
    }

    /// An expression that must be a value of a type.
    pub fn value_of(&mut self, expr: &IdedExpr, wanted: ValueType) -> Option<Operand> {
        let found = match self.term(expr)? {
            Term::Value(operand, found) if found == wanted => return Some(operand),
            Term::Value(_, found) => found,
            Term::Test(_) => ValueType::Bool,
        };
        self.refuse(mismatch(self.parsed, expr, found, wanted))
    }

    fn term(&mut self, expr: &IdedExpr) -> Option<Term> {
        match &expr.expr {
            Expr::Literal(literal) => self.literal(expr, literal),
            Expr::Ident(_) | Expr::Select(_) => self.field(expr),
            Expr::Call(call) => self.call(expr, call),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Comprehension(_) | Expr::Unspecified => {
                self.unknown(expr)
            }
        }
    }

    fn call(&mut self, expr: &IdedExpr, call: &CallExpr) -> Option<Term> {
        if let (Some(target), Some(how), [part]) = (&call.target, text_match_of(&call.func_name), call.args.as_slice())
        {
            let text = self.value_of(target, ValueType::Text);
            let (text, part) = (text?, self.value_of(part, ValueType::Text)?);
            return Some(Term::Test(Test::Match(text, how, part)));
        }
        if call.target.is_some() {
            return self.unknown(expr);
        }
        let name = call.func_name.as_str();
        if let Some(relation) = relation_of(name) {
            return self.comparison(expr, relation, call);
        }
        if let Some(operation) = arithmetic_of(name) {
            return self.arithmetic(expr, operation, call);
        }
        match (name, call.args.as_slice()) {
            (operators::LOGICAL_AND, [left, right]) => self.pair(left, right, Test::And),
            (operators::LOGICAL_OR, [left, right]) => self.pair(left, right, Test::Or),
            (operators::LOGICAL_NOT, [test]) => Some(Term::Test(Test::Not(Box::new(self.test_of(test)?)))),
            (operators::NEGATE, [operand]) => self.negative(operand),
            (operators::CONDITIONAL, [test, yes, no]) => self.choice(test, yes, no),
            (operators::IN, [value, list]) => self.among(value, list),
            _ => self.function(expr, call),
        }
    }

    fn pair(&mut self, left: &IdedExpr, right: &IdedExpr, join: fn(Box<Test>, Box<Test>) -> Test) -> Option<Term> {
        // Both sides are read before either is given up, so that the flaws of both are told.
        let left = self.test_of(left);
        let (right, left) = (self.test_of(right)?, left?);
        Some(Term::Test(join(Box::new(left), Box::new(right))))
    }

    fn choice(&mut self, test: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Option<Term> {
        let test = self.test_of(test);
        let yes = self.term(yes);
        match (test?, yes?) {
            (test, Term::Test(yes)) => Some(Term::Test(Test::If(Box::new([test, yes, self.test_of(no)?])))),
            (test, Term::Value(yes, value_type)) => {
                let no = self.value_of(no, value_type)?;
                Some(Term::Value(Operand::If(Box::new(test), Box::new([yes, no])), value_type))
            }
        }
    }

    fn among(&mut self, value: &IdedExpr, list: &IdedExpr) -> Option<Term> {
        match self.term(value)? {
            Term::Value(operand, value_type) => {
                let literals = self.list(list, value_type)?;
                if let Expr::List(items) = &list.expr {
                    for item in &items.elements {
                        self.check_option(value, item);
                    }
                }
                Some(Term::Test(Test::Among(operand, literals)))
            }
            Term::Test(_) => {
                let flaw = Flaw::new(self.parsed.span(value), "a checkbox is in no list");
                self.refuse(flaw.help("write the checkbox alone, or `!` before it"))
            }
        }
    }

    fn comparison(&mut self, expr: &IdedExpr, relation: Relation, call: &CallExpr) -> Option<Term> {
        let [left, right] = call.args.as_slice() else { return self.unknown(expr) };
        if is_null(left) || is_null(right) {
            return self.null_test(expr, relation, if is_null(left) { right } else { left });
        }
        let left_term = self.term(left);
        match (left_term?, self.term(right)?) {
            (Term::Test(left), Term::Test(right)) => self.sameness(expr, relation, left, right),
            (Term::Value(left_value, left_type), Term::Value(right_value, right_type)) if left_type == right_type => {
                if matches!(relation, Relation::Equal | Relation::Unequal) {
                    self.check_option(left, right);
                    self.check_option(right, left);
                }
                Some(Term::Test(Test::Compare(left_value, relation, right_value)))
            }
            (Term::Value(_, wanted), Term::Value(_, found)) => self.refuse(mismatch(self.parsed, right, found, wanted)),
            (Term::Test(_), Term::Value(_, found)) => self.refuse(mismatch(self.parsed, right, found, ValueType::Bool)),
            (Term::Value(_, wanted), Term::Test(_)) => {
                self.refuse(mismatch(self.parsed, right, ValueType::Bool, wanted))
            }
        }
    }

    fn sameness(&mut self, expr: &IdedExpr, relation: Relation, left: Test, right: Test) -> Option<Term> {
        let same = Test::Same(Box::new(left), Box::new(right));
        match relation {
            Relation::Equal => Some(Term::Test(same)),
            Relation::Unequal => Some(Term::Test(Test::Not(Box::new(same)))),
            Relation::Less | Relation::AtMost | Relation::Greater | Relation::AtLeast => {
                let flaw = Flaw::new(self.parsed.span(expr), "yes and no have no order");
                self.refuse(flaw.help("compare them by `==` or `!=`"))
            }
        }
    }

    fn null_test(&mut self, expr: &IdedExpr, relation: Relation, other: &IdedExpr) -> Option<Term> {
        if name(other).is_none() {
            let flaw = Flaw::new(self.parsed.span(other), "only a field can be compared with `null`");
            return self.refuse(flaw.help("write `field == null` or `field != null`"));
        }
        let field = match self.field(other)? {
            Term::Test(Test::Ticked(field)) | Term::Value(Operand::Field(field), _) => field,
            Term::Test(_) | Term::Value(..) => return self.unknown(expr),
        };
        match relation {
            Relation::Equal => Some(Term::Test(Test::IsEmpty(field))),
            Relation::Unequal => Some(Term::Test(Test::IsSet(field))),
            Relation::Less | Relation::AtMost | Relation::Greater | Relation::AtLeast => {
                let flaw = Flaw::new(self.parsed.span(expr), "an empty field is neither less nor greater");
                self.refuse(flaw.help("compare with `null` by `==` or `!=`"))
            }
        }
    }

    /// Checks that a text literal is among the values that its field can have.
    fn check_option(&mut self, field: &IdedExpr, literal: &IdedExpr) {
        let (Some(name), Expr::Literal(LiteralValue::String(text))) = (name(field), &literal.expr) else { return };
        let options = self.catalog.fields.get(name.as_str()).and_then(|spec| spec.options.as_deref());
        let Some(options) = options.filter(|options| !options.iter().any(|option| option == text.inner())) else {
            return;
        };
        let help = suggest::instead_of(text.inner(), options.iter().map(String::as_str), "its values are");
        // A stage that is not misspelt is mostly one that the connection gives no such name yet.
        let is_unmapped = name.as_str() == record::field::STAGE && !help.starts_with("did you mean");
        let help = if is_unmapped { format!("{help}; or map it under [connection.NAME.stages]") } else { help };
        let message = format!("`{name}` is never \"{}\"", text.inner());
        self.flaws.push(Flaw::new(self.parsed.span(literal), message).help(help));
    }
}

fn is_null(expr: &IdedExpr) -> bool {
    matches!(expr.expr, Expr::Literal(LiteralValue::Null))
}

fn mismatch(parsed: &Parsed<'_>, expr: &IdedExpr, found: ValueType, wanted: ValueType) -> Flaw {
    let flaw = Flaw::new(parsed.span(expr), format!("this is {}, where {} is needed", a(found), a(wanted)));
    match (&expr.expr, wanted) {
        (Expr::Literal(LiteralValue::String(text)), ValueType::Number) if text.inner().parse::<f64>().is_ok() => {
            flaw.help(format!("write {} without quotes", text.inner()))
        }
        (_, ValueType::Date) => flaw.help("write a date as `date(\"2026-01-31\")`"),
        (_, ValueType::Time) => flaw.help("write an instant as `timestamp(\"2026-01-31T08:00:00Z\")`"),
        (_, ValueType::Text) => flaw.help("write text in quotes"),
        (_, ValueType::Number | ValueType::Bool) => flaw,
    }
}

/// A type with its article.
fn a(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Bool => "yes or no",
        ValueType::Number => "a number",
        ValueType::Text => "text",
        ValueType::Time => "an instant",
        ValueType::Date => "a date",
    }
}

fn relation_of(operator: &str) -> Option<Relation> {
    match operator {
        operators::EQUALS => Some(Relation::Equal),
        operators::NOT_EQUALS => Some(Relation::Unequal),
        operators::LESS => Some(Relation::Less),
        operators::LESS_EQUALS => Some(Relation::AtMost),
        operators::GREATER => Some(Relation::Greater),
        operators::GREATER_EQUALS => Some(Relation::AtLeast),
        _ => None,
    }
}

fn text_match_of(function: &str) -> Option<TextMatch> {
    match function {
        "startsWith" => Some(TextMatch::StartsWith),
        "endsWith" => Some(TextMatch::EndsWith),
        "contains" => Some(TextMatch::Contains),
        _ => None,
    }
}

/// What to say of a call that conditions do not know.
fn refusal_of(function: &str) -> (String, Option<&'static str>) {
    match function {
        operators::MODULO => ("conditions do not calculate remainders".to_owned(), None),
        operators::INDEX | operators::OPT_INDEX => ("conditions do not look into lists".to_owned(), None),
        "now" | "duration" => {
            let help = "how long something may take is written in `deadline` and `at`, not in a condition";
            ("conditions do not know what time it is".to_owned(), Some(help))
        }
        _ => (format!("conditions do not know `{function}`"), None),
    }
}
