//! Formulas of validation rules, as far as conditions on checkboxes and picklists need them.
//!
//! <https://help.salesforce.com/s/articleView?id=platform.customize_functions.htm>

use super::row::Row;
use super::schema::{FieldId, FieldType, Schema};

/// A condition on a record and on what it was before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Formula {
    And(Vec<Formula>),
    Or(Vec<Formula>),
    Not(Box<Formula>),
    IsNew,
    IsChanged(FieldId),
    IsBlank(FieldId),
    IsPicked(FieldId, String),
    Ticked(FieldId),
    Always(bool),
}

/// Deeper nesting is refused, so that no formula exhausts the stack.
const DEEPEST: usize = 50;

impl Formula {
    /// Reads a formula about records of a type; the error says what is wrong, as the CRM says it.
    pub(crate) fn parse(text: &str, schema: &Schema) -> Result<Formula, String> {
        let mut reader = Reader { rest: text.trim_start(), schema, depth: 0 };
        let formula = reader.formula()?;
        if reader.rest.is_empty() { Ok(formula) } else { Err("Syntax error. Extra input".to_owned()) }
    }

    /// Whether the condition holds.
    pub(crate) fn holds(&self, before: Option<&Row>, row: &Row) -> bool {
        match self {
            Formula::And(parts) => parts.iter().all(|part| part.holds(before, row)),
            Formula::Or(parts) => parts.iter().any(|part| part.holds(before, row)),
            Formula::Not(part) => !part.holds(before, row),
            Formula::IsNew => before.is_none(),
            Formula::IsChanged(field) => before.is_some_and(|before| before.get(*field) != row.get(*field)),
            Formula::IsBlank(field) => row.get(*field).is_null(),
            Formula::IsPicked(field, value) => row.get(*field).as_text().unwrap_or_default() == value,
            Formula::Ticked(field) => row.get(*field).is_true(),
            Formula::Always(holds) => *holds,
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    schema: &'a Schema,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn formula(&mut self) -> Result<Formula, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("Compiled formula is too big to execute".to_owned());
        }
        let name = self.name()?;
        let formula = match name.to_ascii_uppercase().as_str() {
            "AND" => Formula::And(self.parts()?),
            "OR" => Formula::Or(self.parts()?),
            "NOT" => {
                let mut parts = self.parts()?;
                match (parts.pop(), parts.is_empty()) {
                    (Some(part), true) => Formula::Not(Box::new(part)),
                    _ => return Err("Incorrect number of parameters for function 'NOT()'".to_owned()),
                }
            }
            "ISNEW" => {
                self.mark('(')?;
                self.mark(')')?;
                Formula::IsNew
            }
            "ISCHANGED" => Formula::IsChanged(self.one_field()?),
            "ISBLANK" => Formula::IsBlank(self.one_field()?),
            "ISPICKVAL" => {
                self.mark('(')?;
                let field = self.field()?;
                self.mark(',')?;
                let value = self.text()?;
                self.mark(')')?;
                Formula::IsPicked(field, value)
            }
            "TRUE" => Formula::Always(true),
            "FALSE" => Formula::Always(false),
            _ if self.rest.starts_with('(') => return Err(format!("Unknown function {name}. Check spelling.")),
            _ => Formula::Ticked(self.checkbox(name)?),
        };
        self.depth -= 1;
        Ok(formula)
    }

    fn parts(&mut self) -> Result<Vec<Formula>, String> {
        self.mark('(')?;
        let mut parts = vec![self.formula()?];
        while self.take(',') {
            parts.push(self.formula()?);
        }
        self.mark(')')?;
        Ok(parts)
    }

    fn one_field(&mut self) -> Result<FieldId, String> {
        self.mark('(')?;
        let field = self.field()?;
        self.mark(')')?;
        Ok(field)
    }

    fn field(&mut self) -> Result<FieldId, String> {
        let name = self.name()?;
        self.find(name)
    }

    fn checkbox(&self, name: &str) -> Result<FieldId, String> {
        let id = self.find(name)?;
        match self.schema.field(id).of {
            FieldType::Bool => Ok(id),
            other => Err(format!("Incorrect parameter type. Expected Boolean, received {}", other.name())),
        }
    }

    fn find(&self, name: &str) -> Result<FieldId, String> {
        self.schema.find(name).ok_or_else(|| format!("Field {name} does not exist. Check spelling."))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        if name.is_empty() {
            return Err(self.unexpected());
        }
        self.rest = rest.trim_start();
        Ok(name)
    }

    fn text(&mut self) -> Result<String, String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let quoted = quote.and_then(|quote| self.rest[1..].split_once(quote));
        let (text, rest) = quoted.ok_or_else(|| self.unexpected())?;
        self.rest = rest.trim_start();
        Ok(text.to_owned())
    }

    fn mark(&mut self, mark: char) -> Result<(), String> {
        if self.take(mark) { Ok(()) } else { Err(format!("Syntax error. Missing '{mark}'")) }
    }

    fn take(&mut self, mark: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(mark) else { return false };
        self.rest = rest.trim_start();
        true
    }

    fn unexpected(&self) -> String {
        match self.rest.chars().next() {
            Some(found) => format!("Syntax error. Found '{found}'"),
            None => "Syntax error. Unexpected end".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::id::Id;
    use super::super::kind::Kind;
    use super::super::row::{Author, Via};
    use super::super::schema::Field;
    use super::*;

    fn schema() -> Schema {
        let flag = |name| Field::new(name, name, FieldType::Bool);
        let fields = [flag("Granted__c"), flag("Complex__c"), Field::new("Why__c", "Why", FieldType::Picklist)];
        Schema::new(Kind::Opportunity, fields, &[])
    }

    fn row(schema: &Schema, granted: bool, complex: bool) -> Row {
        let by = Author { user: Id::new("005", *b"Aa", 1), via: Via::Api };
        let mut row = Row::new(Id::new("006", *b"Aa", 1), 0, by, schema.len());
        row.put(schema.known("Granted__c"), Cell::Bool(granted));
        row.put(schema.known("Complex__c"), Cell::Bool(complex));
        row
    }

    #[test]
    fn a_grant_needs_a_complex_deal_only_when_it_is_given() {
        let schema = schema();
        let text = "AND(Granted__c, NOT(Complex__c), OR(ISNEW(), ISCHANGED(Granted__c)))";
        let formula = Formula::parse(text, &schema).unwrap();
        let check = |before: Option<(bool, bool)>, now: (bool, bool), refused| {
            let before = before.map(|(granted, complex)| row(&schema, granted, complex));
            assert_eq!(formula.holds(before.as_ref(), &row(&schema, now.0, now.1)), refused, "{before:?} {now:?}");
        };
        check(None, (true, false), true);
        check(None, (true, true), false);
        check(None, (false, false), false);
        check(Some((false, false)), (true, false), true);
        check(Some((false, true)), (true, true), false);
        check(Some((true, true)), (true, false), false);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let check = |text: &str, why: &str| {
            let error = Formula::parse(text, &schema()).unwrap_err();
            assert!(error.contains(why), "{error}");
        };
        check("AND(Nothing__c)", "Field Nothing__c does not exist");
        check("AND(Granted__c", "Missing ')'");
        check("AND(Why__c)", "Expected Boolean, received picklist");
        check("NOT(Granted__c, Complex__c)", "Incorrect number of parameters");
        check("SUM(Granted__c)", "Unknown function SUM");
        check("", "Unexpected end");
        check("Granted__c Complex__c", "Extra input");
        check(&"NOT(".repeat(100), "too big");
        assert!(Formula::parse("ISPICKVAL(Why__c, 'other')", &schema()).is_ok());
    }
}
