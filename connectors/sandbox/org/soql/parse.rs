//! Reads a query: which fields of which records, in which order.

use super::super::errors::Failure;
use super::lex::{Placed, Token, lex, malformed};

/// A query as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) select: Vec<Item>,
    pub(crate) from: Name,
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
    /// Whether deleted records are meant too.
    pub(crate) all_rows: bool,
}

/// A name, also one with dots, with its place in the query.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) at: usize,
}

/// One thing to select.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Field(Name),
    Children(Query),
    /// `COUNT()`, or `COUNT(Id)` with a name for the result.
    Count(Option<Name>, Option<String>),
}

/// A condition on records.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare(Name, Operator, Literal),
    /// The field, whether the list excludes, the list.
    In(Name, bool, Vec<Literal>),
    /// The field, whether the list excludes, the query that makes the list.
    InQuery(Name, bool, Box<Query>),
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Is,
    IsNot,
    Below,
    AtMost,
    Above,
    AtLeast,
    Like,
}

/// A value in a query, with its place.
#[derive(Clone, Debug)]
pub(crate) struct Literal {
    pub(crate) value: LiteralValue,
    pub(crate) at: usize,
}

/// A value in a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LiteralValue {
    Null,
    Bool(bool),
    Text(String),
    /// A number, a date or an instant; the field decides.
    Plain(String),
}

/// One key of an order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) by: Name,
    pub(crate) descending: bool,
    /// Whether records without a value come first or last; by itself that follows the direction.
    pub(crate) nulls_last: Option<bool>,
}

/// Deeper nesting is refused, so that no query exhausts the stack.
const DEEPEST: usize = 50;

/// Reads a query.
pub(crate) fn parse(text: &str) -> Result<Query, Failure> {
    let mut parser = Parser { text, words: lex(text)?, next: 0, depth: 0 };
    let query = parser.query()?;
    if *parser.peek() == Token::End { Ok(query) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    text: &'a str,
    words: Vec<Placed>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Query, Failure> {
        self.deepen()?;
        self.expect_word("select")?;
        let mut select = vec![self.item()?];
        while self.take_mark(",") {
            select.push(self.item()?);
        }
        self.expect_word("from")?;
        let from = self.name()?;
        let mut query =
            Query { select, from, filter: None, order: Vec::new(), limit: None, offset: 0, all_rows: false };
        if self.take_word("where") {
            query.filter = Some(self.filter()?);
        }
        if self.take_word("order") {
            self.expect_word("by")?;
            query.order.push(self.order()?);
            while self.take_mark(",") {
                query.order.push(self.order()?);
            }
        }
        if self.take_word("limit") {
            query.limit = Some(self.count()?);
        }
        if self.take_word("offset") {
            query.offset = self.count()?;
        }
        if self.take_word("all") {
            self.expect_word("rows")?;
            query.all_rows = true;
        }
        self.depth -= 1;
        Ok(query)
    }

    fn item(&mut self) -> Result<Item, Failure> {
        if self.take_mark("(") {
            let children = self.query()?;
            self.expect_mark(")")?;
            return Ok(Item::Children(children));
        }
        let name = self.name()?;
        if !name.text.eq_ignore_ascii_case("count") || !self.take_mark("(") {
            return Ok(Item::Field(name));
        }
        if self.take_mark(")") {
            return Ok(Item::Count(None, None));
        }
        let counted = self.name()?;
        self.expect_mark(")")?;
        let alias = match self.peek() {
            Token::Name(alias) if !alias.eq_ignore_ascii_case("from") => Some(self.name()?.text),
            _ => None,
        };
        Ok(Item::Count(Some(counted), alias))
    }

    /// Conditions tied by AND, or by OR; a mixture needs parentheses, as it does in the CRM.
    fn filter(&mut self) -> Result<Filter, Failure> {
        self.deepen()?;
        let first = self.condition()?;
        let tie = match self.peek() {
            Token::Name(word) if word.eq_ignore_ascii_case("and") => "and",
            Token::Name(word) if word.eq_ignore_ascii_case("or") => "or",
            _ => {
                self.depth -= 1;
                return Ok(first);
            }
        };
        let mut conditions = vec![first];
        while self.take_word(tie) {
            conditions.push(self.condition()?);
        }
        self.depth -= 1;
        Ok(if tie == "and" { Filter::All(conditions) } else { Filter::Any(conditions) })
    }

    fn condition(&mut self) -> Result<Filter, Failure> {
        if self.take_mark("(") {
            let inner = self.filter()?;
            self.expect_mark(")")?;
            return Ok(inner);
        }
        if self.take_word("not") {
            self.deepen()?;
            let inner = self.condition()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(inner)));
        }
        let name = self.name()?;
        if self.take_word("not") {
            self.expect_word("in")?;
            return self.list(name, true);
        }
        if self.take_word("in") {
            return self.list(name, false);
        }
        let operator = match self.peek() {
            Token::Mark("=") => Operator::Is,
            Token::Mark("!=" | "<>") => Operator::IsNot,
            Token::Mark("<") => Operator::Below,
            Token::Mark("<=") => Operator::AtMost,
            Token::Mark(">") => Operator::Above,
            Token::Mark(">=") => Operator::AtLeast,
            Token::Name(word) if word.eq_ignore_ascii_case("like") => Operator::Like,
            _ => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(Filter::Compare(name, operator, self.literal()?))
    }

    fn list(&mut self, name: Name, excludes: bool) -> Result<Filter, Failure> {
        self.expect_mark("(")?;
        if matches!(self.peek(), Token::Name(word) if word.eq_ignore_ascii_case("select")) {
            let inner = self.query()?;
            self.expect_mark(")")?;
            return Ok(Filter::InQuery(name, excludes, Box::new(inner)));
        }
        let mut values = vec![self.literal()?];
        while self.take_mark(",") {
            values.push(self.literal()?);
        }
        self.expect_mark(")")?;
        Ok(Filter::In(name, excludes, values))
    }

    fn literal(&mut self) -> Result<Literal, Failure> {
        let at = self.place();
        let value = match self.peek() {
            Token::Text(text) => LiteralValue::Text(text.clone()),
            Token::Literal(text) => LiteralValue::Plain(text.clone()),
            Token::Name(word) if word.eq_ignore_ascii_case("null") => LiteralValue::Null,
            Token::Name(word) if word.eq_ignore_ascii_case("true") => LiteralValue::Bool(true),
            Token::Name(word) if word.eq_ignore_ascii_case("false") => LiteralValue::Bool(false),
            Token::Name(_) | Token::Mark(_) | Token::End => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(Literal { value, at })
    }

    fn order(&mut self) -> Result<Order, Failure> {
        let by = self.name()?;
        let descending = self.take_word("desc");
        if !descending {
            self.take_word("asc");
        }
        let mut nulls_last = None;
        if self.take_word("nulls") {
            nulls_last = Some(self.take_word("last"));
            if nulls_last == Some(false) {
                self.expect_word("first")?;
            }
        }
        Ok(Order { by, descending, nulls_last })
    }

    fn count(&mut self) -> Result<usize, Failure> {
        let Token::Literal(text) = self.peek() else { return Err(self.unexpected()) };
        let count = text.parse().map_err(|_| self.unexpected())?;
        self.next += 1;
        Ok(count)
    }

    fn name(&mut self) -> Result<Name, Failure> {
        let at = self.place();
        let Token::Name(text) = self.peek() else { return Err(self.unexpected()) };
        let name = Name { text: text.clone(), at };
        self.next += 1;
        Ok(name)
    }

    fn peek(&self) -> &Token {
        self.words.get(self.next).map_or(&Token::End, |word| &word.token)
    }

    fn place(&self) -> usize {
        self.words.get(self.next).map_or(self.text.len(), |word| word.at)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Token::Name(name) if name.eq_ignore_ascii_case(word));
        self.next += usize::from(found);
        found
    }

    fn take_mark(&mut self, mark: &str) -> bool {
        let found = matches!(self.peek(), Token::Mark(found) if *found == mark);
        self.next += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Failure> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect_mark(&mut self, mark: &str) -> Result<(), Failure> {
        if self.take_mark(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn deepen(&mut self) -> Result<(), Failure> {
        self.depth += 1;
        match self.depth <= DEEPEST {
            true => Ok(()),
            false => Err(malformed(self.text, self.place(), "the query is nested too deeply")),
        }
    }

    fn unexpected(&self) -> Failure {
        let found = match self.peek() {
            Token::Name(text) | Token::Literal(text) => format!("'{text}'"),
            Token::Text(text) => format!("'{text}'"),
            Token::Mark(mark) => format!("'{mark}'"),
            Token::End => "<EOF>".to_owned(),
        };
        malformed(self.text, self.place(), &format!("unexpected token: {found}"))
    }
}
