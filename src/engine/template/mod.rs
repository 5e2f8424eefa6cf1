//! Templates of subjects and bodies: text with `{{ field | filter }}`, checked when read.
//!
//! Known: `record.<field>`, `owner.name`, `rule.title`, `due`, and text in quotes, so that `{{ "{{" }}` writes two
//! braces. Filters: `date`, `datetime`, `money`, `upper`, `lower`, `default("text")`.

pub(crate) mod format;
mod parse;

use chrono_tz::Tz;
use dealclock_model::{Catalog, FieldName, Instant, Person, Record, Value};

use crate::flaw::Flaw;
use format::Shown;

pub use format::{last_in_time, money, shown};

/// Most characters of a rendered line.
const MAX_LINE: usize = 250;
/// Most characters of a rendered body; a CRM's text field may hold far more than a task should.
const MAX_BODY: usize = 10_000;

/// A checked and compiled template.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// The text as written.
    pub text: String,
    shape: Shape,
    parts: Vec<Part>,
}

/// Whether a template makes one line or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// One line, as in a subject: whatever would break it becomes a space, so that no record can add a mail header.
    #[default]
    Line,
    /// Several lines, as in a body.
    Body,
}

/// What a template may speak of.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The record: `{{ record.name }}`, `{{ record.amount | money }}`.
    pub record: &'a Record,
    /// The record's owner: `{{ owner.name }}`.
    pub owner: Option<&'a Person>,
    /// The rule's title: `{{ rule.title }}`.
    pub title: &'a str,
    /// The deadline, the first instant that is too late. `{{ due | date }}` shows the last day that is in time: for a
    /// deadline at local midnight the day before.
    pub due: Instant,
    /// The zone in which the reader sees times.
    pub zone: Tz,
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Mention(Mention, Vec<Filter>),
}

/// What stands in the place of a `{{ ... }}`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Mention {
    Record(FieldName),
    OwnerName,
    Title,
    Due,
    Text(String),
}

/// What is done to it before it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Filter {
    Date,
    DateTime,
    Money,
    Upper,
    Lower,
    Default(String),
}

impl Template {
    /// Reads a template and checks it against a catalogue.
    pub fn read(text: &str, shape: Shape, catalog: &Catalog) -> Result<Template, Vec<Flaw>> {
        let parts = parse::parse(text, catalog)?;
        Ok(Template { text: text.to_owned(), shape, parts })
    }

    /// Renders the template; empty fields render as nothing.
    pub fn render(&self, scene: &Scene<'_>) -> String {
        let mut out = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Mention(mention, filters) => out.push_str(&mention.show(filters, scene)),
            }
        }
        match self.shape {
            Shape::Line => one_line(&out),
            Shape::Body => many_lines(&out),
        }
    }
}

impl Mention {
    fn show(&self, filters: &[Filter], scene: &Scene<'_>) -> String {
        let shown = match self {
            Mention::Record(field) => match scene.record.get(field.as_str()) {
                Value::Null => Shown::Empty,
                value => Shown::Value(value),
            },
            Mention::OwnerName => scene.owner.map_or(Shown::Empty, |person| Shown::Text(person.name.clone())),
            Mention::Title => Shown::Text(scene.title.to_owned()),
            Mention::Due => Shown::Due(scene.due),
            Mention::Text(text) => Shown::Text(text.clone()),
        };
        filters.iter().fold(shown, |shown, filter| shown.filtered(filter, scene.zone)).into_text(scene.zone)
    }
}

/// One line of bounded length, without anything that a mail header or a list of tasks would trip over.
pub(crate) fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if breaks_a_line(c) { ' ' } else { c }).collect();
    shorten(flat.trim(), MAX_LINE)
}

fn many_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let kept: String = text.chars().map(|c| if c != '\n' && c != '\t' && breaks_a_line(c) { ' ' } else { c }).collect();
    shorten(&kept, MAX_BODY)
}

/// Control characters, and the line and paragraph separators of Unicode.
fn breaks_a_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests;
