//! Where each key of the configuration was written, so that a fault found later still names its place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use dealclock_model::Fault;
use dealclock_model::fault::Source;

use super::walk::Path;

/// One place in a file or in the environment.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) source: Arc<Source>,
    pub(super) span: Range<usize>,
}

impl Place {
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(&self.source, self.span.clone(), message)
    }
}

impl fmt::Debug for Place {
    /// The name alone: a whole file has no business in a log line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{:?}]", self.source.name, self.span)
    }
}

/// The places of all keys, and of what was already found to be wrong.
pub(super) struct Places {
    pub(super) source: Arc<Source>,
    pub(super) spans: BTreeMap<Path, Range<usize>>,
    pub(super) environment: BTreeMap<Path, Arc<Source>>,
    pub(super) bad: BTreeSet<Path>,
}

impl Places {
    /// The place of a key, else of the nearest section around it.
    pub(super) fn of(&self, path: &[&str]) -> Place {
        let path: Path = path.iter().map(|part| (*part).to_owned()).collect();
        if let Some(source) = self.environment.get(&path) {
            let value = source.text.find('=').map_or(0, |equals| equals + 1);
            return Place { source: Arc::clone(source), span: value..source.text.len() };
        }
        let around = (1..=path.len()).rev().find_map(|length| self.spans.get(&path[..length]));
        Place { source: Arc::clone(&self.source), span: around.cloned().unwrap_or(0..0) }
    }

    /// Whether the key, a part of it, or something around it was already found to be wrong.
    pub(super) fn is_bad(&self, path: &[&str]) -> bool {
        let alike = |bad: &Path| bad.iter().zip(path).all(|(bad, part)| bad == part);
        self.bad.iter().any(alike)
    }

    /// Whether somebody wrote the key, rather than leaving it at its default.
    pub(super) fn stands(&self, path: &[&str]) -> bool {
        self.is_from_environment(path)
            || self.spans.keys().any(|key| key.iter().map(String::as_str).eq(path.iter().copied()))
    }

    /// Whether the environment sets the key.
    pub(super) fn is_from_environment(&self, path: &[&str]) -> bool {
        self.environment.keys().any(|key| key.iter().map(String::as_str).eq(path.iter().copied()))
    }
}
