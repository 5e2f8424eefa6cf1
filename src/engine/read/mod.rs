//! Reading of rule files: everything is checked before anything runs, and all faults of all files come at once.

mod calendar;
mod checked;
mod fingerprint;
mod holidays;
mod order;
mod refused;
mod remind;
mod rule;
pub(crate) mod section;

use std::collections::BTreeMap;
use std::sync::Arc;

use dealclock_model::fault::{Fault, Source};
use dealclock_model::{Catalog, ConnectionId, Object, RuleKey};
use toml_edit::Document;

use crate::condition::Layout;
use crate::rules::{Calendar, Calendars, Rule, Rules, Ruleset};
use section::Section;

/// What a connection has of each kind of record.
pub type Catalogs = BTreeMap<ConnectionId, BTreeMap<Object, Catalog>>;

/// Fetches a file that a rule file names, by its path relative to where rule files are named from.
pub type Load<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The sections of a rule file that are carried out, and `test`, which is read by those who run the tests.
const CARRIED_OUT: [&str; 3] = ["rule", "calendar", "test"];

impl Ruleset {
    /// Reads rule files against the catalogues of the connections.
    ///
    /// Without any connection, rules are checked against the canonical and the well-known fields.
    pub fn read(sources: &[Arc<Source>], catalogs: &Catalogs, load: Load<'_>) -> Result<Ruleset, Vec<Fault>> {
        let mut faults = Vec::new();
        let documents: Vec<_> = sources.iter().filter_map(|source| parse(source, &mut faults)).collect();
        let roots: Vec<_> =
            documents.iter().map(|(source, document)| Section::root(source, document.as_table())).collect();
        let mut reading = Reading { catalogs, load, faults, calendars: Named::default(), layout: Layout::default() };
        for root in &roots {
            reading.check_sections(root);
            reading.read_calendars(root);
        }
        let mut rules = Named::default();
        for root in &roots {
            reading.read_rules(root, &mut rules);
        }
        reading.finish(sources, rules)
    }
}

/// Things of several files by name, with the file that defined each first; `None` for one that has faults.
struct Named<T> {
    by_name: BTreeMap<String, (Arc<Source>, Option<T>)>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named { by_name: BTreeMap::new() }
    }
}

impl<T> Named<T> {
    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.by_name.keys().map(String::as_str)
    }

    /// Adds a thing, unless another file has defined its name already.
    fn add(&mut self, name: &str, section: &Section<'_>, thing: Option<T>, faults: &mut Vec<Fault>) {
        if let Some((other, _)) = self.by_name.get(name) {
            let message = format!("`[{}]` is defined in {} already", section.path, other.name);
            faults.push(section.fault(section.head.clone(), message).help("rename one of the two"));
        } else {
            self.by_name.insert(name.to_owned(), (Arc::clone(section.source), thing));
        }
    }
}

/// What is known while files are read.
struct Reading<'a> {
    catalogs: &'a Catalogs,
    load: Load<'a>,
    faults: Vec<Fault>,
    calendars: Named<Calendar>,
    layout: Layout,
}

impl Reading<'_> {
    fn check_sections(&mut self, root: &Section<'_>) {
        let known: Vec<_> = CARRIED_OUT.into_iter().chain(refused::sections()).collect();
        root.allow(&known, &mut self.faults);
        refused::refuse_sections(root, &mut self.faults);
    }

    fn read_calendars(&mut self, root: &Section<'_>) {
        let Some(all) = root.section("calendar", &mut self.faults) else { return };
        for (name, section) in all.sections(&mut self.faults) {
            check_name(name, &section, &mut self.faults);
            let calendar = calendar::read(&section, self.load, &mut self.faults);
            self.calendars.add(name, &section, calendar, &mut self.faults);
        }
    }

    fn read_rules(&mut self, root: &Section<'_>, rules: &mut Named<Kept>) {
        let Some(all) = root.section("rule", &mut self.faults) else { return };
        for (name, section) in all.sections(&mut self.faults) {
            check_name(name, &section, &mut self.faults);
            let rule = rule::read(name, &section, self);
            rules.add(name, &section, rule, &mut self.faults);
        }
    }

    fn finish(mut self, sources: &[Arc<Source>], rules: Named<Kept>) -> Result<Ruleset, Vec<Fault>> {
        if !self.faults.is_empty() {
            let place = |fault: &Fault| sources.iter().position(|source| Arc::ptr_eq(source, &fault.source));
            self.faults.sort_by_key(|fault| (place(fault), fault.span.start));
            return Err(self.faults);
        }
        let by_key = rules.by_name.into_iter().filter_map(|(key, (_, kept))| match kept? {
            Kept::Enabled(rule) => Some((RuleKey::from(key), *rule)),
            Kept::Disabled => None,
        });
        let by_name = self.calendars.by_name.into_iter().filter_map(|(name, (_, calendar))| Some((name, calendar?)));
        Ok(Ruleset {
            rules: Rules { by_key: by_key.collect(), layout: self.layout, ..Rules::default() },
            calendars: Calendars { by_name: by_name.collect() },
            reports: BTreeMap::new(),
        })
    }
}

/// A rule without faults; a disabled one is checked and then left out.
enum Kept {
    Enabled(Box<Rule>),
    Disabled,
}

fn parse<'a>(source: &'a Arc<Source>, faults: &mut Vec<Fault>) -> Option<(&'a Arc<Source>, Document<&'a str>)> {
    match Document::parse(source.text.as_str()) {
        Ok(document) => Some((source, document)),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            faults.push(Fault::new(source, span, format!("not TOML: {}", error.message())));
            None
        }
    }
}

/// Names enter keys of the store, effect ids and addresses.
fn check_name(name: &str, section: &Section<'_>, faults: &mut Vec<Fault>) {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
        let fault = section.fault(section.head.clone(), format!("`{name}` cannot be a name"));
        faults.push(fault.help("use at most 64 letters without accents, digits, - and _"));
    }
}

#[cfg(test)]
mod tests;
