//! Parsing by the `cel` crate, bounded beforehand so that no input exhausts the stack of its recursive parser.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr, SourceInfo, operators};
use cel::parser::Parser;

use crate::flaw::Flaw;

/// Most bytes of a condition.
const MAX_BYTES: usize = 4096;
/// Most words and signs of a condition. A chain such as `a + a + ...` nests once a sign, and the parser, our lowering
/// and the evaluation recurse once a level.
const MAX_PIECES: usize = 600;
/// Most brackets that open; the parser nests about ten calls deep for each.
const MAX_BRACKETS: usize = 64;

/// A parsed condition that remembers where its parts stand.
pub(super) struct Parsed<'t> {
    pub text: &'t str,
    pub root: IdedExpr,
    places: SourceInfo,
}

/// Parses a condition within the bounds.
pub(super) fn parse(text: &str) -> Result<Parsed<'_>, Flaw> {
    check_bounds(text)?;
    if text.trim().is_empty() {
        return Err(Flaw::new(0..text.len(), "an empty condition").help("write `true` for \"always\""));
    }
    match Parser::new().max_recursion_depth(MAX_BRACKETS as u16).parse_with_source_info(text) {
        Ok((root, places)) => Ok(Parsed { text, root, places }),
        Err(errors) => Err(errors.errors.first().map_or_else(
            || Flaw::new(0..text.len(), "not a condition"),
            |error| syntax_flaw(text, error.pos, &error.msg),
        )),
    }
}

impl Parsed<'_> {
    /// The bytes of an expression, from its first part to its last.
    pub fn span(&self, expr: &IdedExpr) -> Range<usize> {
        let own = self.token(expr);
        match &expr.expr {
            Expr::Select(select) => {
                let operand = self.span(&select.operand);
                let end =
                    self.text[own.end..].find(&select.field).map_or(own.end, |gap| own.end + gap + select.field.len());
                join(operand, own.start..end)
            }
            Expr::Call(call) => {
                let parts = call.target.as_deref().into_iter().chain(&call.args);
                let whole = parts.map(|part| self.span(part)).fold(own.clone(), join);
                match call.func_name.as_str() {
                    operators::INDEX | operators::OPT_INDEX => self.until(whole, ']'),
                    // A call by name stands at its bracket, behind the name.
                    name if name.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                        let start = self.text[..own.start].rfind(name).unwrap_or(own.start);
                        self.until(whole.start.min(start)..whole.end, ')')
                    }
                    _ => whole,
                }
            }
            Expr::List(list) => self.until(list.elements.iter().map(|part| self.span(part)).fold(own, join), ']'),
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => own,
        }
    }

    /// A span up to and with the next closing bracket.
    fn until(&self, span: Range<usize>, bracket: char) -> Range<usize> {
        let end = self.text[span.end..].find(bracket).map_or(span.end, |gap| span.end + gap + 1);
        span.start..end
    }

    /// The bytes of the sign or word that an expression is made from.
    pub fn token(&self, expr: &IdedExpr) -> Range<usize> {
        // The end is that of the last character, by its first byte.
        let Some((start, last)) = self.places.offset_for(expr.id) else { return 0..self.text.len() };
        let (start, last) = (start as usize, last as usize);
        let end = self.text.get(last..).and_then(|rest| rest.chars().next()).map_or(last, |c| last + c.len_utf8());
        if start <= end && self.text.get(start..end).is_some() { start..end } else { 0..self.text.len() }
    }
}

fn join(left: Range<usize>, right: Range<usize>) -> Range<usize> {
    left.start.min(right.start)..left.end.max(right.end)
}

/// Counts without looking at quotes, so that no disagreement with the parser about where a text ends hides anything.
pub(super) fn check_bounds(text: &str) -> Result<(), Flaw> {
    let too_long = |what: String| {
        let help = "write several rules, or have the CRM calculate a field and use that";
        Err(Flaw::new(0..text.len(), what).help(help))
    };
    if text.len() > MAX_BYTES {
        return too_long(format!("a condition of more than {MAX_BYTES} bytes"));
    }
    if text.bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count() > MAX_BRACKETS {
        return too_long(format!("a condition with more than {MAX_BRACKETS} brackets"));
    }
    if pieces(text) > MAX_PIECES {
        return too_long(format!("a condition of more than {MAX_PIECES} words and signs"));
    }
    Ok(())
}

/// The number of words and signs.
fn pieces(text: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut in_word = false;
    let mut count = 0;
    for c in text.chars() {
        let continues = in_word && is_word(c);
        in_word = is_word(c);
        count += usize::from(!c.is_whitespace() && !continues);
    }
    count
}

fn syntax_flaw(text: &str, (line, column): (isize, isize), message: &str) -> Flaw {
    let start = offset(text, line, column);
    let rest = &text[start..];
    let end = rest.chars().next().map_or(start, |c| start + c.len_utf8());
    let flaw = Flaw::new(start..end, what_is_wrong(rest, message));
    flaw.help(habit(text, message).unwrap_or("a condition looks like `amount >= 50000 && stage == \"Open\"`"))
}

/// The parser's message in words for people: it lists every sign that might follow, which nobody reads.
fn what_is_wrong(rest: &str, message: &str) -> String {
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let first = rest.chars().next();
    if message.contains("recursion limit") || message.contains("Recursion limit") {
        "too deeply nested".to_owned()
    } else if let Some(reserved) = message.strip_prefix("reserved identifier: ") {
        format!("`{reserved}` is a reserved word")
    } else if message.starts_with("invalid int") || message.starts_with("invalid uint") {
        "a whole number that is too long".to_owned()
    } else if message.contains("has() macro") {
        "conditions do not know `has`".to_owned()
    } else {
        match first {
            None => "the condition ends too early".to_owned(),
            Some('"' | '\'') => "a text without its closing quote".to_owned(),
            Some(_) if !word.is_empty() => format!("`{word}` cannot stand here"),
            Some(sign) => format!("`{sign}` cannot stand here"),
        }
    }
}

/// The byte offset of a one-based line and column in characters; the end where there is no such place.
fn offset(text: &str, line: isize, column: isize) -> usize {
    let line = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(1).saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    text[start..].char_indices().nth(column).map_or(text.len(), |(at, _)| start + at)
}

/// Help for what people are used to from elsewhere.
fn habit(text: &str, message: &str) -> Option<&'static str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let word = |wanted: &str| words.clone().any(|word| word.eq_ignore_ascii_case(wanted));
    let signs = ["==", "!=", ">=", "<=", "&&", "||"].iter().fold(text.to_owned(), |text, sign| text.replace(sign, ""));
    let habits = [
        (message.contains("has() macro"), "write `field != null` to ask whether a field is set"),
        (message.starts_with("invalid int"), "write it with a decimal point: 100000000000000000000.0"),
        (word("and") || signs.contains('&'), "write `&&` for \"and\""),
        (word("or") || signs.contains('|'), "write `||` for \"or\""),
        (word("not"), "write `!` for \"not\""),
        (signs.contains("<>"), "write `!=` for \"is not\""),
        (signs.contains('='), "write `==` to compare"),
    ];
    habits.into_iter().find_map(|(applies, help)| applies.then_some(help))
}
