//! A table of a rule file: its keys are asked for by type, and what does not fit becomes a fault at its place.

use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveTime;
use dealclock_model::fault::{Fault, Source};
use dealclock_model::time::Span;
use rust_decimal::Decimal;
use toml_edit::{Item, TableLike, Value};

use crate::suggest;

/// A table with its place.
pub(crate) struct Section<'a> {
    pub source: &'a Arc<Source>,
    /// The name as in its header: `rule.proposal`.
    pub path: String,
    /// Where its header names it.
    pub head: Range<usize>,
    table: &'a dyn TableLike,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<'a> Section<'a> {
    /// The whole file.
    pub fn root(source: &'a Arc<Source>, table: &'a dyn TableLike) -> Section<'a> {
        Section { source, path: String::new(), head: 0..0, table }
    }

    /// A fault in this file.
    pub fn fault(&self, span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault::new(self.source, span, message)
    }

    /// Faults every key that is not known here.
    pub fn allow(&self, known: &[&str], faults: &mut Vec<Fault>) {
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(key)) {
            let what = if self.path.is_empty() { "section" } else { "key" };
            let place = if self.path.is_empty() { String::new() } else { format!(" in `[{}]`", self.path) };
            let help = suggest::instead_of(key, known.iter().copied(), &format!("the {what}s are"));
            faults.push(self.fault(self.key_span(key), format!("unknown {what} `{key}`{place}")).help(help));
        }
    }

    /// Faults a key that must be there.
    pub fn require(&self, key: &str, example: &str, faults: &mut Vec<Fault>) {
        if !self.has(key) {
            let message = format!("`[{}]` has no `{key}`", self.path);
            faults.push(self.fault(self.head.clone(), message).help(format!("add `{example}`")));
        }
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// What a key holds, whatever it is.
    pub fn item(&self, key: &str) -> Option<&'a Item> {
        self.table.get(key)
    }

    /// The keys in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.table.iter().map(|(key, _)| key)
    }

    /// Where a key stands.
    pub fn key_span(&self, key: &str) -> Range<usize> {
        self.table.key(key).and_then(|key| key.span()).unwrap_or_else(|| self.head.clone())
    }

    /// Where a key's value stands.
    fn span(&self, key: &str, item: &Item) -> Range<usize> {
        item.span().unwrap_or_else(|| self.key_span(key))
    }

    /// Says what was found where something else is expected.
    fn wrong_type<T>(&self, key: &str, item: &Item, example: &str, faults: &mut Vec<Fault>) -> Option<T> {
        // The span of a table reaches to its end; its key says enough.
        let span = if item.is_value() { self.span(key, item) } else { self.key_span(key) };
        let message = format!("`{key}` is {}", kind(item));
        faults.push(self.fault(span, message).help(format!("write `{example}`")));
        None
    }

    /// A text.
    pub fn text(&self, key: &str, example: &str, faults: &mut Vec<Fault>) -> Option<Placed<&'a str>> {
        let item = self.table.get(key)?;
        match item.as_str() {
            Some(value) => Some(Placed { value, span: self.span(key, item) }),
            None => self.wrong_type(key, item, example, faults),
        }
    }

    /// A switch.
    pub fn flag(&self, key: &str, faults: &mut Vec<Fault>) -> Option<bool> {
        let item = self.table.get(key)?;
        item.as_bool().or_else(|| self.wrong_type(key, item, &format!("{key} = true"), faults))
    }

    /// A whole number between two others.
    pub fn count(&self, key: &str, least: u32, most: u32, faults: &mut Vec<Fault>) -> Option<u32> {
        let item = self.table.get(key)?;
        let example = format!("{key} = {}", least.max(20).min(most));
        let Some(number) = item.as_integer() else { return self.wrong_type(key, item, &example, faults) };
        let count = u32::try_from(number).ok().filter(|count| (least..=most).contains(count));
        if count.is_none() {
            let fault = self.fault(self.span(key, item), format!("`{key}` cannot be {number}"));
            faults.push(fault.help(format!("write a whole number from {least} to {most}")));
        }
        count
    }

    /// A part of a whole: above 0 and at most 1.
    pub fn share(&self, key: &str, example: &str, faults: &mut Vec<Fault>) -> Option<Decimal> {
        let item = self.table.get(key)?;
        let number = item.as_float().or_else(|| item.as_integer().map(|whole| whole as f64));
        let Some(number) = number else { return self.wrong_type(key, item, example, faults) };
        let share = Decimal::try_from(number).ok().filter(|share| *share > Decimal::ZERO && *share <= Decimal::ONE);
        if share.is_none() {
            let fault = self.fault(self.span(key, item), format!("`{key}` cannot be {number}"));
            faults.push(fault.help(format!("it is a part of 1: write `{example}` for 40 %")));
        }
        share
    }

    /// A span of time.
    pub fn duration(&self, key: &str, example: &str, faults: &mut Vec<Fault>) -> Option<Placed<Span>> {
        let text = self.text(key, example, faults)?;
        self.read_duration(&text, faults)
    }

    /// A local time of day, as text or as TOML's own.
    pub fn time(&self, key: &str, faults: &mut Vec<Fault>) -> Option<Placed<NaiveTime>> {
        let example = format!("{key} = \"17:00\"");
        let item = self.table.get(key)?;
        let text = match item.as_value() {
            Some(Value::String(text)) => text.value().clone(),
            Some(Value::Datetime(time)) => time.value().to_string(),
            Some(_) | None => return self.wrong_type(key, item, &example, faults),
        };
        match read_time(&text) {
            Some(value) => Some(Placed { value, span: self.span(key, item) }),
            None => {
                let fault = self.fault(self.span(key, item), format!("`{text}` is not a time of day"));
                faults.push(fault.help(format!("write `{example}`")));
                None
            }
        }
    }

    /// The text under a key that may also hold something else.
    pub fn text_if_text(&self, key: &str) -> Option<Placed<&'a str>> {
        let item = self.table.get(key)?;
        Some(Placed { value: item.as_str()?, span: self.span(key, item) })
    }

    /// One of several words.
    pub fn choice<T: Copy>(&self, key: &str, words: &[(&str, T)], faults: &mut Vec<Fault>) -> Option<T> {
        let example = format!("{key} = \"{}\"", words.first().map_or("", |(word, _)| word));
        let text = self.text(key, &example, faults)?;
        pick(self, &text, key, words, faults)
    }

    /// A list of words, none of them twice.
    pub fn choices<T: Copy + PartialEq>(
        &self,
        key: &str,
        words: &[(&str, T)],
        faults: &mut Vec<Fault>,
    ) -> Option<Vec<T>> {
        let example = format!("{key} = [\"{}\"]", words.first().map_or("", |(word, _)| word));
        let list = self.texts(key, &example, faults)?;
        let mut chosen = Vec::with_capacity(list.len());
        for text in list {
            let Some(value) = pick(self, &text, key, words, faults) else { continue };
            if chosen.contains(&value) {
                faults.push(self.fault(text.span, format!("`{}` stands twice in `{key}`", text.value)));
            } else {
                chosen.push(value);
            }
        }
        Some(chosen)
    }

    /// A list of texts that is not empty.
    pub fn texts(&self, key: &str, example: &str, faults: &mut Vec<Fault>) -> Option<Vec<Placed<&'a str>>> {
        let items = self.list(key, example, faults)?;
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.value.as_str() {
                Some(value) => texts.push(Placed { value, span: item.span }),
                None => {
                    let message = format!("`{key}` lists {}", with_article(item.value.type_name()));
                    faults.push(self.fault(item.span, message).help(format!("write `{example}`")));
                }
            }
        }
        Some(texts)
    }

    /// One text or a list of texts.
    pub fn text_or_texts(&self, key: &str, example: &str, faults: &mut Vec<Fault>) -> Option<Vec<Placed<&'a str>>> {
        if self.is_list(key) {
            return self.texts(key, example, faults);
        }
        self.text(key, example, faults).map(|text| vec![text])
    }

    /// A list of spans of time.
    pub fn durations(&self, key: &str, example: &str, faults: &mut Vec<Fault>) -> Vec<Placed<Span>> {
        let texts = self.texts(key, example, faults).unwrap_or_default();
        texts.into_iter().filter_map(|text| self.read_duration(&text, faults)).collect()
    }

    fn read_duration(&self, text: &Placed<&str>, faults: &mut Vec<Fault>) -> Option<Placed<Span>> {
        match Span::from_str(text.value) {
            Ok(value) => Some(Placed { value, span: text.span.clone() }),
            Err(error) => {
                faults.push(self.fault(text.span.clone(), error.to_string()));
                None
            }
        }
    }

    /// A list that is not empty.
    pub fn list(&self, key: &str, example: &str, faults: &mut Vec<Fault>) -> Option<Vec<Placed<&'a Value>>> {
        let item = self.table.get(key)?;
        let Some(array) = item.as_array() else { return self.wrong_type(key, item, example, faults) };
        if array.is_empty() {
            let fault = self.fault(self.span(key, item), format!("`{key}` is empty"));
            faults.push(fault.help(format!("write `{example}`, or leave `{key}` out")));
            return None;
        }
        let whole = self.span(key, item);
        Some(array.iter().map(|value| Placed { value, span: value.span().unwrap_or(whole.clone()) }).collect())
    }

    /// A table below this one.
    pub fn section(&self, key: &str, faults: &mut Vec<Fault>) -> Option<Section<'a>> {
        let item = self.table.get(key)?;
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        match item.as_table_like() {
            Some(table) => Some(Section { source: self.source, path, head: self.key_span(key), table }),
            None => self.wrong_type(key, item, &format!("[{path}]"), faults),
        }
    }

    /// The table under a key that may also hold something else.
    pub fn section_if_table(&self, key: &str) -> Option<Section<'a>> {
        self.table.get(key)?.as_table_like()?;
        self.section(key, &mut Vec::new())
    }

    /// Whether the key holds a list.
    pub fn is_list(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Item::is_array)
    }

    /// Every table below this one, for sections with names of the company's own: `[rule.NAME]`.
    pub fn sections(&self, faults: &mut Vec<Fault>) -> Vec<(&'a str, Section<'a>)> {
        self.keys().filter_map(|key| Some((key, self.section(key, faults)?))).collect()
    }

    /// The tables of an array below this one: `[[rule.NAME.remind]]`.
    pub fn tables(&self, key: &str, faults: &mut Vec<Fault>) -> Vec<Section<'a>> {
        let Some(item) = self.table.get(key) else { return Vec::new() };
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        let one = |table: &'a dyn TableLike, span: Option<Range<usize>>| Section {
            source: self.source,
            path: path.clone(),
            head: span.unwrap_or_else(|| self.key_span(key)),
            table,
        };
        match item {
            Item::ArrayOfTables(tables) => {
                tables.iter().map(|table| one(table, header(self.source, table.span()))).collect()
            }
            Item::Value(Value::Array(array)) if array.iter().all(Value::is_inline_table) => {
                array.iter().filter_map(|value| value.as_inline_table()).map(|table| one(table, table.span())).collect()
            }
            Item::None | Item::Value(_) | Item::Table(_) => {
                self.wrong_type::<()>(key, item, &format!("[[{path}]]"), faults);
                Vec::new()
            }
        }
    }
}

/// The header line of a table, from the span of the whole.
fn header(source: &Source, span: Option<Range<usize>>) -> Option<Range<usize>> {
    let span = span?;
    let first = source.text.get(span.clone())?.lines().next()?;
    Some(span.start..span.start + first.find(" #").map_or(first.trim_end(), |end| first[..end].trim_end()).len())
}

fn pick<T: Copy>(
    section: &Section<'_>,
    text: &Placed<&str>,
    key: &str,
    words: &[(&str, T)],
    faults: &mut Vec<Fault>,
) -> Option<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
        return Some(*value);
    }
    let help = suggest::instead_of(text.value, words.iter().map(|(word, _)| *word), "the words are");
    faults.push(section.fault(text.span.clone(), format!("`{key}` knows no `{}`", text.value)).help(help));
    None
}

/// What an item is, with its article.
fn kind(item: &Item) -> String {
    with_article(item.type_name())
}

fn with_article(type_name: &str) -> String {
    match type_name {
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "integer" | "array" | "array of tables" | "inline table" => {
            format!("an {type_name}").replace("an array", "a list")
        }
        "float" => "a number".to_owned(),
        "datetime" => "a date or time".to_owned(),
        other => format!("a {other}"),
    }
}

/// A time of day as `HH:MM`, with or without seconds.
pub(crate) fn read_time(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S"].into_iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok())
}
