//! Checks a configuration file against the schema and collects every fault with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use dealclock_model::Fault;
use dealclock_model::fault::Source;
use dealclock_model::record::field;
use toml_edit::{DocumentMut, Item, Key as TomlKey, TableLike, Value};

use super::kind::{Form, Key, Kind, Naming, Wrong, nearest, suggest};
use super::redact::{blank, blank_secret_lines};
use super::schema::{FIELD, ROOT, SECRET};

/// The way to a value: `["connection", "acme", "poll"]`.
pub(super) type Path = Vec<String>;

/// A file after the walk.
pub(super) struct Walked {
    /// The text that faults show, with everything that could be a secret blanked out.
    pub(super) source: Arc<Source>,
    /// Where each key's value stands.
    pub(super) spans: BTreeMap<Path, Range<usize>>,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
    /// The ways to what is wrong; those values are not in `document`.
    pub(super) bad: BTreeSet<Path>,
    /// What is right.
    pub(super) document: DocumentMut,
}

/// Walks a file's text.
pub(super) fn walk(name: &str, text: &str) -> Walked {
    let document = match toml_edit::Document::parse(text) {
        Ok(document) => document,
        Err(error) => return unreadable(name, text, &error),
    };
    let mut walk = Walk::default();
    walk.section(&mut Path::new(), ROOT, document.as_table());
    let source = Source::new(name, blank(text, &walk.secrets));
    let faults =
        walk.drafts.into_iter().map(|draft| Fault::new(&source, draft.span, draft.message).help(draft.help)).collect();
    let mut document = document.into_mut();
    walk.bad.iter().for_each(|path| remove(document.as_table_mut(), path));
    Walked { source, spans: walk.spans, faults, bad: walk.bad, document }
}

/// A file that is not TOML: one fault, because nothing after it can be trusted.
fn unreadable(name: &str, text: &str, error: &toml_edit::TomlError) -> Walked {
    let source = Source::new(name, blank_secret_lines(text));
    let span = error.span().unwrap_or(0..0);
    let message = error.message().lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let fault = Fault::new(&source, span, format!("is not TOML: {message}"))
        .help("a text stands in quotes, a section in brackets, and no key stands twice");
    Walked {
        source,
        spans: BTreeMap::new(),
        faults: vec![fault],
        bad: BTreeSet::from([Path::new()]),
        document: DocumentMut::new(),
    }
}

/// Takes one value out of a document.
pub(super) fn remove(table: &mut dyn TableLike, path: &[String]) {
    match path {
        [] => {}
        [last] => drop(table.remove(last)),
        [first, rest @ ..] => {
            if let Some(inner) = table.get_mut(first).and_then(Item::as_table_like_mut) {
                remove(inner, rest);
            }
        }
    }
}

struct Draft {
    span: Range<usize>,
    message: String,
    help: String,
}

#[derive(Default)]
struct Walk {
    drafts: Vec<Draft>,
    spans: BTreeMap<Path, Range<usize>>,
    secrets: Vec<Range<usize>>,
    bad: BTreeSet<Path>,
}

impl Walk {
    fn fault(&mut self, path: &[String], span: Range<usize>, message: String, help: impl Into<String>) {
        self.bad.insert(path.to_vec());
        self.drafts.push(Draft { span, message, help: help.into() });
    }

    fn wrong(&mut self, path: &[String], span: Range<usize>, wrong: Wrong) {
        let name = path.last().map(String::as_str).unwrap_or_default();
        self.fault(path, span, format!("`{name}` {}", wrong.message), wrong.help);
    }

    fn section(&mut self, path: &mut Path, keys: &'static [Key], table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let span = key_span(table, name);
            path.push(name.to_owned());
            match keys.iter().find(|key| key.name == name) {
                Some(key) => self.value(path, &key.kind, span, item),
                None => self.unknown(path, keys, span, item),
            }
            path.pop();
        }
    }

    fn unknown(&mut self, path: &[String], keys: &[Key], span: Range<usize>, item: &Item) {
        // Whatever stands behind a key that we do not know may be a secret under a misspelt name.
        self.secrets.extend(secret_spans(item));
        let (name, parents) = path.split_last().map_or(("", path), |(name, parents)| (name.as_str(), parents));
        let place = if parents.is_empty() { "here".to_owned() } else { format!("in [{}]", written(parents)) };
        let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
        let what = if item.is_value() { "key" } else { "section" };
        self.fault(path, span, format!("no {what} `{name}` is known {place}"), suggest(name, &known));
    }

    fn named(&mut self, path: &mut Path, naming: Naming, kind: &'static Kind, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            let span = key_span(table, name);
            path.push(name.to_owned());
            match check_name(naming, name) {
                Ok(()) => self.value(path, kind, span, item),
                Err(wrong) => self.wrong(path, span, wrong),
            }
            path.pop();
        }
    }

    fn value(&mut self, path: &mut Path, kind: &'static Kind, key: Range<usize>, item: &Item) {
        let span = if item.is_value() { item.span().unwrap_or_else(|| key.clone()) } else { key };
        self.spans.insert(path.clone(), span.clone());
        match (kind, item) {
            (Kind::Section(keys), item) if item.is_table_like() => {
                item.as_table_like().into_iter().for_each(|table| self.section(path, keys, table));
            }
            (Kind::Named(naming, kind), item) if item.is_table_like() => {
                item.as_table_like().into_iter().for_each(|table| self.named(path, *naming, kind, table));
            }
            (Kind::Secret, item) => self.secret(path, span, item),
            (Kind::Field, item) => self.field(path, span, item),
            (Kind::Bool, Item::Value(Value::Boolean(_))) => {}
            (Kind::Count(least, most), Item::Value(Value::Integer(number))) => {
                if !(i64::from(*least)..=i64::from(*most)).contains(number.value()) {
                    self.wrong(path, span, outside(number.value(), &format!("from {least} to {most}")));
                }
            }
            (Kind::Number(above, most), Item::Value(Value::Integer(_) | Value::Float(_))) => {
                let number = item.as_float().or_else(|| item.as_integer().map(|n| n as f64)).unwrap_or(f64::NAN);
                if !(number > *above && number <= *most) {
                    self.wrong(path, span, outside(&number, &format!("above {above} and at most {most}")));
                }
            }
            (Kind::Text(form), Item::Value(Value::String(text))) => {
                if let Err(wrong) = form.check(text.value()) {
                    self.hide_address(*form, text.value(), &span);
                    self.wrong(path, span, wrong);
                }
            }
            (Kind::List(form), Item::Value(Value::Array(list))) => {
                for element in list {
                    self.element(path, *form, span.clone(), element);
                }
            }
            (kind, item) => {
                let message = format!("`{}` is {}", path.last().map(String::as_str).unwrap_or_default(), found(item));
                self.fault(path, span, format!("{message}, not {}", expected(kind)), example(kind));
            }
        }
    }

    fn element(&mut self, path: &[String], form: Form, list: Range<usize>, element: &Value) {
        let span = element.span().unwrap_or(list);
        match element {
            Value::String(text) => {
                if let Err(wrong) = form.check(text.value()) {
                    self.wrong(path, span, wrong);
                }
            }
            other => {
                let message = format!("an element is {}, not text", found(&Item::Value(other.clone())));
                self.fault(path, span, message, format!("write for example [{}]", form.example()));
            }
        }
    }

    /// An address that is refused may be refused because a password stands in it.
    fn hide_address(&mut self, form: Form, text: &str, span: &Range<usize>) {
        if form == Form::Url && text.contains('@') {
            self.secrets.push(span.clone());
        }
    }

    fn secret(&mut self, path: &mut Path, span: Range<usize>, item: &Item) {
        let name = path.last().cloned().unwrap_or_default();
        let help = r#"name where it stands: { env = "NAME" }, { file = "path" } or { credential = "name" }"#;
        let Some(table) = item.as_table_like() else {
            self.secrets.push(span.clone());
            let message = match item {
                Item::Value(Value::String(_)) => format!("`{name}` holds the secret itself, which never stands here"),
                other => format!("`{name}` is {}, not a reference to a secret", found(other)),
            };
            return self.fault(path, span, message, help);
        };
        self.section(path, SECRET, table);
        let named: Vec<&str> = table.iter().map(|(key, _)| key).filter(|key| *key != "type").collect();
        if named.iter().filter(|key| SECRET.iter().any(|known| known.name == **key)).count() != 1 {
            let message = format!("`{name}` names {} places, not one", named.len());
            return self.fault(path, span, message, help);
        }
        for (key, item) in table.iter() {
            let Some(text) = item.as_str() else { continue };
            if let Err(wrong) = check_reference(key, text) {
                self.secrets.extend(item.span());
                self.wrong(path, span.clone(), wrong);
            }
        }
    }

    fn field(&mut self, path: &mut Path, span: Range<usize>, item: &Item) {
        let name = path.last().cloned().unwrap_or_default();
        let Some(table) = item.as_table_like() else {
            let help = match item.as_str() {
                Some(text) => format!("write {{ field = {text:?} }}"),
                None => r#"write { field = "..." } or { stage_entered = "..." }"#.to_owned(),
            };
            return self.fault(path, span, format!("`{name}` is {}, not the source of a field", found(item)), help);
        };
        let before = self.drafts.len();
        self.section(path, FIELD, table);
        if self.drafts.len() > before {
            self.bad.insert(path.clone());
            return;
        }
        let (field, stage, written) =
            (table.contains_key("field"), table.contains_key("stage_entered"), table.contains_key("type"));
        if field == stage {
            let message = format!("`{name}` needs one source: a field or a stage");
            self.fault(path, span, message, r#"write { field = "..." } or { stage_entered = "..." }"#);
        } else if stage && written {
            let message = format!("`{name}` is the moment of entering a stage, which is always a time");
            self.fault(path, span, message, "remove `type`");
        } else if field && !written && dealclock_connector::Mapping::well_known(&name).is_none() {
            let help = r#"add one of: type = "bool", "number", "text", "time" or "date""#;
            let near = nearest(&name, field::WELL_KNOWN.iter().map(|(known, _)| *known));
            let help =
                near.map_or(help.to_owned(), |near| format!("did you mean `{near}`? A field of your own: {help}"));
            self.fault(path, span, format!("`{name}` has no type"), help);
        }
    }
}

/// A reference to a secret must look like one: a secret pasted in the wrong place is not echoed.
pub(super) fn check_reference(key: &str, text: &str) -> Result<(), Wrong> {
    let (fine, what) = match key {
        "env" => (identifier(text), "the name of an environment variable: letters, digits and `_`"),
        "credential" => (!text.contains('/') && text != "..", "the name of a systemd credential, without a path"),
        _ => (true, ""),
    };
    if fine { Ok(()) } else { Err(Wrong { message: format!("is not {what}"), help: format!("`{key}` is {what}") }) }
}

/// Whether a text can be the name of an environment variable.
fn identifier(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Checks a key that the person chose.
pub(super) fn check_name(naming: Naming, name: &str) -> Result<(), Wrong> {
    let plain = |extra: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.len() <= 64
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(c))
            && !name.contains("__")
    };
    let (fine, help) = match naming {
        Naming::Connection => (plain("_-"), "a connection's name is lower-case letters, digits, `-` and single `_`"),
        Naming::Role => {
            (plain("_-"), "a role's name is lower-case letters, digits, `-` and single `_`, as in `role:NAME`")
        }
        Naming::Field => (plain("_"), "a field's name is lower-case letters, digits and single `_`, as rules write it"),
        Naming::Variable => (
            identifier(name),
            "an environment variable's name is letters, digits and `_`, and does not begin with a digit",
        ),
        Naming::Free => (!name.trim().is_empty(), "a name is not empty"),
    };
    if fine { Ok(()) } else { Err(Wrong { message: "is not a name that can be used here".into(), help: help.into() }) }
}

fn outside(number: &dyn std::fmt::Display, bounds: &str) -> Wrong {
    Wrong { message: format!("cannot be {number}"), help: format!("write a number {bounds}") }
}

fn key_span(table: &dyn TableLike, name: &str) -> Range<usize> {
    let key = table.key(name).and_then(TomlKey::span);
    key.or_else(|| table.get(name).and_then(Item::span)).unwrap_or(0..0)
}

/// A path as it is written in a header.
pub(super) fn written(path: &[String]) -> String {
    let plain = |part: &String| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let part = |part: &String| if plain(part) { part.clone() } else { format!("{part:?}") };
    path.iter().map(part).collect::<Vec<_>>().join(".")
}

fn secret_spans(item: &Item) -> Vec<Range<usize>> {
    match item {
        Item::Value(value) => value.span().into_iter().collect(),
        Item::Table(table) => table.iter().flat_map(|(_, item)| secret_spans(item)).collect(),
        Item::ArrayOfTables(tables) => {
            tables.iter().flat_map(|table| table.iter()).flat_map(|(_, item)| secret_spans(item)).collect()
        }
        Item::None => Vec::new(),
    }
}

fn found(item: &Item) -> &'static str {
    match item {
        Item::None => "nothing",
        Item::Value(Value::String(_)) => "text",
        Item::Value(Value::Integer(_)) => "a whole number",
        Item::Value(Value::Float(_)) => "a number",
        Item::Value(Value::Boolean(_)) => "true or false",
        Item::Value(Value::Datetime(_)) => "a date or time without quotes",
        Item::Value(Value::Array(_)) => "a list",
        Item::Value(Value::InlineTable(_)) | Item::Table(_) => "a section",
        Item::ArrayOfTables(_) => "a list of sections",
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Section(_) | Kind::Named(..) => "a section",
        Kind::Secret => "a reference to a secret",
        Kind::Field => "the source of a field",
        Kind::Bool => "true or false",
        Kind::Count(..) => "a whole number",
        Kind::Number(..) => "a number",
        Kind::Text(_) => "text",
        Kind::List(_) => "a list of texts",
    }
}

fn example(kind: &Kind) -> String {
    match kind {
        Kind::Section(_) | Kind::Named(..) => "write the name in brackets on a line of its own: [name]".to_owned(),
        Kind::Secret => r#"write { env = "NAME" }"#.to_owned(),
        Kind::Field => r#"write { field = "..." }"#.to_owned(),
        Kind::Bool => "write true or false, without quotes".to_owned(),
        Kind::Count(least, most) => format!("write a whole number from {least} to {most}, without quotes"),
        Kind::Number(above, most) => format!("write a number above {above} and at most {most}, without quotes"),
        Kind::Text(form) => format!("write for example {}", form.example()),
        Kind::List(form) => format!("write for example [{}]", form.example()),
    }
}
