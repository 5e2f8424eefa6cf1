//! Takes a query apart into its words, each with its place.

use super::super::errors::Failure;

/// A word of a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name or a keyword, also one with dots.
    Name(String),
    Text(String),
    /// A number, a date or an instant: whatever begins with a digit or a sign.
    Literal(String),
    /// A punctuation mark or an operator.
    Mark(&'static str),
    End,
}

/// A word with the place at which it begins.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) at: usize,
}

/// Longer ones first, so that `<=` is not read as `<`.
const MARKS: [&str; 12] = ["<=", ">=", "!=", "<>", "(", ")", ",", "=", "<", ">", ":", "%"];

/// Takes a query apart.
pub(crate) fn lex(text: &str) -> Result<Vec<Placed>, Failure> {
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (token, length) = if first == '\'' {
            quoted(text, at)?
        } else if first.is_ascii_digit() || first == '-' || first == '+' {
            let length = run(&text[at..], |c| c.is_ascii_alphanumeric() || "+-.:".contains(c));
            (Token::Literal(text[at..at + length].to_owned()), length)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = run(&text[at..], |c| c.is_ascii_alphanumeric() || "_.".contains(c));
            (Token::Name(text[at..at + length].to_owned()), length)
        } else if let Some(mark) = MARKS.into_iter().find(|mark| text[at..].starts_with(mark)) {
            (Token::Mark(mark), mark.len())
        } else {
            return Err(malformed(text, at, &format!("unexpected token: '{first}'")));
        };
        words.push(Placed { token, at });
        at += length;
    }
    words.push(Placed { token: Token::End, at: text.len() });
    Ok(words)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Reads a text in single quotes, with its escapes; says how long it is with its quotes.
fn quoted(text: &str, start: usize) -> Result<(Token, usize), Failure> {
    let mut read = String::new();
    let mut rest = text[start..].char_indices().skip(1);
    while let Some((place, c)) = rest.next() {
        match c {
            '\'' => return Ok((Token::Text(read), place + 1)),
            '\\' => match rest.next() {
                Some((_, 'n' | 'N')) => read.push('\n'),
                Some((_, 'r' | 'R')) => read.push('\r'),
                Some((_, 't' | 'T')) => read.push('\t'),
                Some((_, 'b' | 'B')) => read.push('\u{8}'),
                Some((_, 'f' | 'F')) => read.push('\u{c}'),
                // Wildcards stay escaped for the pattern that they may be part of.
                Some((_, wildcard @ ('%' | '_'))) => read.extend(['\\', wildcard]),
                Some((_, plain @ ('\'' | '"' | '\\'))) => read.push(plain),
                Some((place, _)) => return Err(malformed(text, start + place, "Illegal string literal escape")),
                None => break,
            },
            other => read.push(other),
        }
    }
    Err(malformed(text, start, "unexpected token: unterminated string literal"))
}

/// A query that cannot be read, with the place at which reading ended.
pub(crate) fn malformed(text: &str, at: usize, message: &str) -> Failure {
    Failure::invalid("MALFORMED_QUERY", pointed(text, at, message))
}

/// The message of a refusal that points at a place in the query.
pub(crate) fn pointed(text: &str, at: usize, message: &str) -> String {
    let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let column = text[..at].chars().count();
    let from = text[..at].char_indices().rev().nth(40).map_or(0, |(place, _)| place);
    let to = text[at..].char_indices().nth(40).map_or(text.len(), |(place, _)| at + place);
    let pointer = " ".repeat(text[from..at].chars().count());
    format!("\n{}\n{pointer}^\nERROR at Row:1:Column:{}\n{message}", &text[from..to], column + 1)
}
