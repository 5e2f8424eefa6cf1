//! What happens to records, remembered until it was told to whoever subscribed to it.

use std::sync::Arc;

use super::Portal;
use super::instant::Millis;
use super::kind::{Kind, RecordId};
use super::record::Source;
use super::schema::PropertyId;

/// Something that happened to a record.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub(crate) at: Millis,
    pub(crate) kind: Kind,
    pub(crate) id: RecordId,
    pub(crate) what: What,
    pub(crate) source: Source,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Created,
    Changed(PropertyId, Option<Arc<str>>),
    Deleted,
    Restored,
    /// It absorbed another record.
    Merged(RecordId),
}

/// What happened and was not told yet; nothing is remembered while nobody listens.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Whether anybody listens.
    pub(crate) is_wanted: bool,
    untold: Vec<Happening>,
}

impl Portal {
    /// Remembers what happened to a record, where somebody wants to know.
    pub(super) fn note(&mut self, kind: Kind, id: RecordId, what: What, source: Source) {
        if self.news.is_wanted {
            self.news.untold.push(Happening { at: self.now, kind, id, what, source });
        }
    }

    /// Takes what was not told yet, oldest first.
    pub(crate) fn take_news(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.news.untold)
    }

    /// The name of a property.
    pub(crate) fn property_name(&self, kind: Kind, property: PropertyId) -> &str {
        &self.schema(kind).property(property).name
    }
}
