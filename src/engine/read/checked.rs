//! Conditions and templates of a rule, checked against the catalogue of every connection that it runs on.

use std::collections::BTreeMap;
use std::ops::Range;

use dealclock_model::fault::Fault;
use dealclock_model::record::field;
use dealclock_model::{Catalog, ConnectionId, FieldName, Object};

use super::Catalogs;
use super::section::{Placed, Section};
use super::wanted::Wanted;
use crate::condition::{Condition, Layout};
use crate::flaw::Flaw;
use crate::suggest;
use crate::template::{Shape, Template};

/// The catalogues that a rule is checked against.
pub(super) struct Ground<'a> {
    object: Object,
    /// What every connection has, when there is no connection to ask.
    bare: Catalog,
    by_connection: Vec<(&'a ConnectionId, &'a Catalog)>,
}

impl<'a> Ground<'a> {
    /// The catalogues of these connections, or of all.
    pub fn new(object: Object, connections: Option<&[ConnectionId]>, catalogs: &'a Catalogs) -> Ground<'a> {
        let by_connection = catalogs
            .iter()
            .filter(|(name, _)| connections.is_none_or(|list| list.contains(name)))
            .filter_map(|(name, objects)| Some((name, objects.get(&object)?)))
            .collect();
        let mut bare = match object {
            Object::Opportunity => Catalog::opportunity(),
        };
        for (name, value_type) in field::WELL_KNOWN {
            bare = bare.with(name, *value_type);
        }
        Ground { object, bare, by_connection }
    }

    /// Reads a condition on every catalogue. The layout takes its fields up once.
    pub fn condition(
        &self,
        section: &Section<'_>,
        key: &str,
        layout: &mut Layout,
        faults: &mut Vec<Fault>,
    ) -> Option<Condition> {
        let text = section.text(key, &format!("{key} = 'amount >= 50000'"), faults)?;
        self.check(section, &text, faults, |catalog| Condition::read(text.value, catalog, layout))
    }

    /// Reads a template on every catalogue.
    pub fn template(
        &self,
        section: &Section<'_>,
        key: &str,
        shape: Shape,
        faults: &mut Vec<Fault>,
    ) -> Option<Template> {
        let text = section.text(key, &format!("{key} = \"{{{{ record.name }}}}\""), faults)?;
        self.check(section, &text, faults, |catalog| Template::read(text.value, shape, catalog))
    }

    /// A template of ours, which names nothing that a catalogue could lack.
    pub fn standard(&self, text: &str) -> Template {
        Template::read(text, Shape::Line, &self.bare).unwrap_or_default()
    }

    /// Reads the name of a field of a certain kind.
    pub fn field(
        &self,
        section: &Section<'_>,
        key: &str,
        wanted: &Wanted,
        faults: &mut Vec<Fault>,
    ) -> Option<Placed<FieldName>> {
        let text = section.text(key, &format!("{key} = \"{}\"", wanted.example), faults)?;
        self.field_named(section, &text, wanted, faults)
    }

    /// The same of a text that stands in another one.
    pub fn field_named(
        &self,
        section: &Section<'_>,
        text: &Placed<&str>,
        wanted: &Wanted,
        faults: &mut Vec<Fault>,
    ) -> Option<Placed<FieldName>> {
        let value = self.check(section, text, faults, |catalog| wanted.read(text.value, catalog))?;
        Some(Placed { value, span: text.span.clone() })
    }

    /// Checks that a picklist may hold a value, whatever its capitals, where it is known what it may hold.
    pub fn option(&self, section: &Section<'_>, text: &Placed<&str>, name: &FieldName, faults: &mut Vec<Fault>) {
        self.check(section, text, faults, |catalog| {
            let options = catalog.fields.get(name).and_then(|spec| spec.options.as_ref());
            let Some(options) = options.filter(|options| !options.iter().any(|known| is_alike(known, text.value)))
            else {
                return Ok(());
            };
            let known = options.iter().map(String::as_str);
            let help = suggest::instead_of(text.value, known, "its values are");
            Err(vec![Flaw::new(0..text.value.len(), format!("`{name}` is never {:?}", text.value)).help(help)])
        });
    }

    /// Reads one text on every catalogue; a flaw that several connections share is one fault that names them.
    fn check<T>(
        &self,
        section: &Section<'_>,
        text: &Placed<&str>,
        faults: &mut Vec<Fault>,
        mut read: impl FnMut(&Catalog) -> Result<T, Vec<Flaw>>,
    ) -> Option<T> {
        if self.by_connection.is_empty() {
            let flaws = match read(&self.bare) {
                Ok(thing) => return Some(thing),
                Err(flaws) => flaws,
            };
            faults.extend(flaws.into_iter().map(|flaw| place(section, text, flaw)));
            return None;
        }
        let mut thing = None;
        let mut found: BTreeMap<(usize, String), (Flaw, Vec<&ConnectionId>)> = BTreeMap::new();
        for (connection, catalog) in &self.by_connection {
            match read(catalog) {
                Ok(read) => thing = Some(read),
                Err(flaws) => {
                    for flaw in flaws {
                        let key = (flaw.span.start, flaw.message.clone());
                        found.entry(key).or_insert_with(|| (flaw, Vec::new())).1.push(connection);
                    }
                }
            }
        }
        if found.is_empty() {
            return thing;
        }
        faults.extend(found.into_values().map(|(flaw, on)| place(section, text, self.explain(flaw, &on))));
        None
    }

    /// Adds which connections a flaw is about, and how a missing field is mapped.
    fn explain(&self, mut flaw: Flaw, on: &[&ConnectionId]) -> Flaw {
        if flaw.lacks_field || on.len() < self.by_connection.len() {
            let noun = if on.len() == 1 { "connection" } else { "connections" };
            let names = suggest::list(on.iter().map(|name| name.as_str()));
            flaw.message = format!("{} on {noun} {names}", flaw.message);
        }
        if let (true, Some(connection)) = (flaw.lacks_field, on.first()) {
            let mapping =
                format!("`[connection.{connection}.fields.{}]` in the configuration maps others", self.object);
            flaw.help = Some(flaw.help.map_or_else(|| mapping.clone(), |help| format!("{help}; {mapping}")));
        }
        flaw
    }
}

/// Picklists of different CRMs write one value with other capitals.
fn is_alike(known: &str, written: &str) -> bool {
    known.to_lowercase() == written.to_lowercase()
}

/// Finds a flaw's place in the file: exactly where the value stands there as it is, and the whole value where it is
/// written with escapes.
fn place(section: &Section<'_>, text: &Placed<&str>, flaw: Flaw) -> Fault {
    let written = section.source.text.get(text.span.clone()).unwrap_or_default();
    let offset = if text.value.is_empty() { None } else { written.find(text.value) };
    let span = offset.map_or(text.span.clone(), |offset| shift(flaw.span, text.span.start + offset));
    let fault = section.fault(span, flaw.message);
    match flaw.help {
        Some(help) => fault.help(help),
        None => fault,
    }
}

fn shift(span: Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}
