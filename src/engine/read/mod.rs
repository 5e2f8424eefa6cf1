//! Reading of rule files: everything is checked before anything runs, and all faults of all files come at once.

mod approval;
mod calendar;
mod checked;
mod digest;
mod extension;
mod fingerprint;
mod holidays;
mod known;
mod links;
mod order;
mod plan;
mod reason;
mod refused;
mod remind;
mod report;
mod rule;
pub(crate) mod section;
mod step;
mod violation;
mod wanted;
mod who;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dealclock_model::fault::{Fault, Source};
use dealclock_model::{ApprovalKey, Catalog, ConnectionId, DigestKey, Object, ReportKey, RuleKey};
use toml_edit::Document;

use crate::condition::Layout;
use crate::rules::{Approval, Calendar, Calendars, Digest, Report, Rule, Rules, Ruleset};
use links::Grant;
use section::Section;

pub use who::Roles;

/// What a connection has of each kind of record.
pub type Catalogs = BTreeMap<ConnectionId, BTreeMap<Object, Catalog>>;

/// Fetches a file that a rule file names, by its path relative to where rule files are named from.
pub type Load<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// The sections of a rule file that are carried out, and `test`, which is read by those who run the tests.
const CARRIED_OUT: [&str; 6] = ["rule", "approval", "digest", "report", "calendar", "test"];

impl Ruleset {
    /// Reads rule files against the catalogues of the connections.
    ///
    /// Without any connection, rules are checked against the canonical and the well-known fields.
    pub fn read(sources: &[Arc<Source>], catalogs: &Catalogs, load: Load<'_>) -> Result<Ruleset, Vec<Fault>> {
        Ruleset::read_knowing(sources, Known { catalogs, roles: None }, load)
    }

    /// Reads rule files against everything that is known of the connections.
    pub fn read_knowing(sources: &[Arc<Source>], known: Known<'_>, load: Load<'_>) -> Result<Ruleset, Vec<Fault>> {
        let mut faults = Vec::new();
        let documents: Vec<_> = sources.iter().filter_map(|source| parse(source, &mut faults)).collect();
        let roots: Vec<_> =
            documents.iter().map(|(source, document)| Section::root(source, document.as_table())).collect();
        let mut reading = Reading::new(known, load, faults);
        let used = documents.iter().flat_map(|(_, document)| links::approvals_of_rules(document.as_table())).collect();
        // What others name comes first, whichever file it stands in.
        roots.iter().for_each(|root| reading.check_sections(root));
        roots.iter().for_each(|root| reading.read_calendars(root));
        roots.iter().for_each(|root| reading.read_digests(root));
        roots.iter().for_each(|root| reading.read_approvals(root, &used));
        roots.iter().for_each(|root| reading.read_rules(root));
        roots.iter().for_each(|root| reading.read_reports(root));
        reading.check_links();
        reading.finish(sources)
    }
}

/// What is known of the connections that rules are checked against.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The fields of each.
    pub catalogs: &'a Catalogs,
    /// The roles of each; `None` where that is not known, and any role may be named.
    pub roles: Option<&'a Roles>,
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

    /// A thing without faults.
    fn get(&self, name: &str) -> Option<&T> {
        self.by_name.get(name).and_then(|(_, thing)| thing.as_ref())
    }

    /// The things without faults, by a key of their own.
    fn into_map<K: Ord + for<'k> From<&'k String>>(self) -> BTreeMap<K, T> {
        self.by_name.into_iter().filter_map(|(name, (_, thing))| Some((K::from(&name), thing?))).collect()
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
    roles: Option<&'a Roles>,
    load: Load<'a>,
    faults: Vec<Fault>,
    calendars: Named<Calendar>,
    digests: Named<Digest>,
    approvals: Named<Approval>,
    rules: Named<Kept>,
    reports: Named<Report>,
    /// The checkboxes that approvals tick.
    grants: Vec<Grant>,
    layout: Layout,
}

impl<'a> Reading<'a> {
    fn new(known: Known<'a>, load: Load<'a>, faults: Vec<Fault>) -> Reading<'a> {
        Reading {
            catalogs: known.catalogs,
            roles: known.roles,
            load,
            faults,
            calendars: Named::default(),
            digests: Named::default(),
            approvals: Named::default(),
            rules: Named::default(),
            reports: Named::default(),
            grants: Vec::new(),
            layout: Layout::default(),
        }
    }

    fn check_sections(&mut self, root: &Section<'_>) {
        let known: Vec<_> = CARRIED_OUT.into_iter().chain(refused::sections()).collect();
        root.allow(&known, &mut self.faults);
        refused::refuse_sections(root, &mut self.faults);
    }

    /// The sections of one kind with their names.
    fn sections<'s>(&mut self, root: &Section<'s>, kind: &str) -> Vec<(&'s str, Section<'s>)> {
        let Some(all) = root.section(kind, &mut self.faults) else { return Vec::new() };
        let sections = all.sections(&mut self.faults);
        sections.iter().for_each(|(name, section)| check_name(name, section, &mut self.faults));
        sections
    }

    fn read_calendars(&mut self, root: &Section<'_>) {
        for (name, section) in self.sections(root, "calendar") {
            let calendar = calendar::read(&section, self.load, &mut self.faults);
            self.calendars.add(name, &section, calendar, &mut self.faults);
        }
    }

    fn read_digests(&mut self, root: &Section<'_>) {
        let roles = self.roles.map_or(who::Roster::Unknown, who::Roster::OnAny);
        for (name, section) in self.sections(root, "digest") {
            let digest = digest::read(name, &section, roles, &mut self.faults);
            self.digests.add(name, &section, digest, &mut self.faults);
        }
    }

    fn read_approvals(&mut self, root: &Section<'_>, used: &BTreeSet<String>) {
        for (name, section) in self.sections(root, "approval") {
            let approval = approval::read(name, &section, used.contains(name), self);
            self.approvals.add(name, &section, approval, &mut self.faults);
        }
    }

    fn read_rules(&mut self, root: &Section<'_>) {
        for (name, section) in self.sections(root, "rule") {
            let rule = rule::read(name, &section, self);
            self.rules.add(name, &section, rule, &mut self.faults);
        }
    }

    fn read_reports(&mut self, root: &Section<'_>) {
        for (name, section) in self.sections(root, "report") {
            let report = report::read(name, &section, self);
            self.reports.add(name, &section, report, &mut self.faults);
        }
    }

    fn check_links(&mut self) {
        links::check_grants(&self.grants, &mut self.faults);
        let approval = |key: &ApprovalKey| self.approvals.get(key.as_str());
        links::check_reopening(&self.grants, approval, &mut self.faults);
        let runs_on = |key: &ApprovalKey| self.approvals.get(key.as_str())?.connections.as_deref();
        links::check_connections(&self.grants, self.catalogs, runs_on, &mut self.faults);
    }

    fn finish(mut self, sources: &[Arc<Source>]) -> Result<Ruleset, Vec<Fault>> {
        if !self.faults.is_empty() {
            let place = |fault: &Fault| sources.iter().position(|source| Arc::ptr_eq(source, &fault.source));
            self.faults.sort_by_key(|fault| (place(fault), fault.span.start));
            return Err(self.faults);
        }
        let by_key = self.rules.by_name.into_iter().filter_map(|(key, (_, kept))| match kept? {
            Kept::Enabled(rule) => Some((RuleKey::from(key), *rule)),
            Kept::Disabled => None,
        });
        Ok(Ruleset {
            rules: Rules {
                by_key: by_key.collect(),
                layout: self.layout,
                approvals: self.approvals.into_map::<ApprovalKey>(),
                digests: self.digests.into_map::<DigestKey>(),
                stopped: BTreeSet::new(),
            },
            calendars: Calendars { by_name: self.calendars.into_map::<String>() },
            reports: self.reports.into_map::<ReportKey>(),
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
