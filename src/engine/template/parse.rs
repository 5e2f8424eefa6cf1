//! Reading of templates: names and filters are checked, and every flaw is told at once.

use std::ops::Range;

use dealclock_model::{Catalog, FieldName, ValueType};

use super::{Filter, Mention, Part};
use crate::flaw::Flaw;
use crate::suggest;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
const FILTERS: [&str; 6] = ["date", "datetime", "money", "upper", "lower", "default"];
const HELP: &str = "write `{{ record.name }}`, `{{ record.amount | money }}` or `{{ due | date }}`";

/// Splits a template into its parts.
pub(super) fn parse(text: &str, catalog: &Catalog) -> Result<Vec<Part>, Vec<Flaw>> {
    let mut parts = Vec::new();
    let mut flaws = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(OPEN) {
        let open = at + found;
        if found > 0 {
            parts.push(Part::Text(text[at..open].to_owned()));
        }
        let Some(close) = closing(text, open + OPEN.len()) else {
            let help = format!("close it with `}}}}`, or write `{{{{ \"{OPEN}\" }}}}` for two braces");
            flaws.push(Flaw::new(open..open + OPEN.len(), "`{{` without its `}}`").help(help));
            return Err(flaws);
        };
        match mention(text, open + OPEN.len()..close, catalog) {
            Ok(part) => parts.push(part),
            Err(flaw) => flaws.push(flaw),
        }
        at = close + CLOSE.len();
    }
    if at < text.len() {
        parts.push(Part::Text(text[at..].to_owned()));
    }
    if flaws.is_empty() { Ok(parts) } else { Err(flaws) }
}

/// Where the `}}` stands that closes a mention; braces within quotes do not count.
fn closing(text: &str, from: usize) -> Option<usize> {
    let mut quoted = false;
    for (at, c) in text[from..].char_indices() {
        if c == '"' {
            quoted = !quoted;
        } else if !quoted && text[from + at..].starts_with(CLOSE) {
            return Some(from + at);
        }
    }
    None
}

/// Reads what stands between the braces.
fn mention(text: &str, span: Range<usize>, catalog: &Catalog) -> Result<Part, Flaw> {
    let mut pieces = split(text, span).into_iter();
    let subject = pieces.next().unwrap_or(0..0);
    let (mention, mut shown) = read_subject(text, subject, catalog)?;
    let mut filters = Vec::new();
    for piece in pieces {
        let (filter, result) = read_filter(text, piece, shown)?;
        filters.push(filter);
        shown = result;
    }
    Ok(Part::Mention(mention, filters))
}

/// The trimmed pieces between bars; bars within quotes do not count.
fn split(text: &str, span: Range<usize>) -> Vec<Range<usize>> {
    let mut quoted = false;
    let mut start = span.start;
    let mut pieces = Vec::new();
    for (at, c) in text[span.clone()].char_indices() {
        match c {
            '"' => quoted = !quoted,
            '|' if !quoted => {
                pieces.push(trimmed(text, start..span.start + at));
                start = span.start + at + 1;
            }
            _ => {}
        }
    }
    pieces.push(trimmed(text, start..span.end));
    pieces
}

fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let piece = &text[span.clone()];
    let start = span.start + (piece.len() - piece.trim_start().len());
    let end = span.end - (piece.len() - piece.trim_end().len());
    if start < end { start..end } else { span }
}

/// Reads the first piece; the type says which filters it takes.
fn read_subject(text: &str, span: Range<usize>, catalog: &Catalog) -> Result<(Mention, ValueType), Flaw> {
    let name = &text[span.clone()];
    if let Some(literal) = unquoted(name) {
        return Ok((Mention::Text(literal.to_owned()), ValueType::Text));
    }
    if let Some(field) = name.strip_prefix("record.") {
        let is_owners = field.starts_with("owner.");
        return match catalog.fields.get(field).filter(|_| !is_owners) {
            Some(spec) => Ok((Mention::Record(FieldName::from(field)), spec.value_type)),
            None if field == "owner.name" => Err(Flaw::new(span, format!("no `{name}`")).help("write `owner.name`")),
            None => {
                let known = catalog.fields.keys().map(FieldName::as_str).filter(|name| !name.starts_with("owner."));
                let help = suggest::instead_of(field, known, "the fields are");
                Err(Flaw::new(span, format!("no field `{field}`")).help(help).lacking_field())
            }
        };
    }
    match name {
        "owner.name" => Ok((Mention::OwnerName, ValueType::Text)),
        "rule.title" => Ok((Mention::Title, ValueType::Text)),
        "due" => Ok((Mention::Due, ValueType::Time)),
        _ if name.trim().is_empty() => Err(Flaw::new(span, "nothing between `{{` and `}}`").help(HELP)),
        _ if catalog.fields.contains_key(name) && !name.starts_with("owner.") => {
            Err(Flaw::new(span, format!("no `{name}`")).help(format!("write `record.{name}`")))
        }
        _ => {
            let help = "a template may show `record.` and a field, `owner.name`, `rule.title` and `due`";
            Err(Flaw::new(span, format!("no `{name}`")).help(help))
        }
    }
}

/// Reads one filter and checks that it fits what comes to it; the type is what leaves it.
fn read_filter(text: &str, span: Range<usize>, shown: ValueType) -> Result<(Filter, ValueType), Flaw> {
    let written = &text[span.clone()];
    let (name, argument) = match written.split_once('(') {
        Some((name, rest)) => (name.trim_end(), Some(rest)),
        None => (written, None),
    };
    if name == "default" {
        let text = argument.and_then(|rest| rest.trim_end().strip_suffix(')')).and_then(|text| unquoted(text.trim()));
        return match text {
            Some(text) => Ok((Filter::Default(text.to_owned()), shown)),
            None => Err(Flaw::new(span, "`default` needs a text").help("write `default(\"none\")`")),
        };
    }
    let (filter, takes): (_, &[ValueType]) = match name {
        "date" => (Filter::Date, &[ValueType::Time, ValueType::Date]),
        "datetime" => (Filter::DateTime, &[ValueType::Time]),
        "money" => (Filter::Money, &[ValueType::Number]),
        "upper" => (Filter::Upper, &[ValueType::Text]),
        "lower" => (Filter::Lower, &[ValueType::Text]),
        _ if name.trim().is_empty() => {
            let help = format!("the filters are: {}", suggest::list(FILTERS));
            return Err(Flaw::new(span, "no filter after `|`").help(help));
        }
        _ => {
            let help = suggest::instead_of(name, FILTERS, "the filters are");
            return Err(Flaw::new(span, format!("no filter `{name}`")).help(help));
        }
    };
    if argument.is_some() {
        return Err(Flaw::new(span, format!("`{name}` takes nothing in brackets")).help(format!("write `{name}`")));
    }
    if !takes.contains(&shown) {
        let kinds: Vec<_> = takes.iter().map(|kind| kind.as_str()).collect();
        let message = format!("`{name}` cannot show a value of type {shown}");
        return Err(Flaw::new(span, message).help(format!("it shows values of type {}", kinds.join(" or "))));
    }
    Ok((filter, ValueType::Text))
}

/// The text between double quotes.
fn unquoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"').filter(|inner| !inner.contains('"'))
}
