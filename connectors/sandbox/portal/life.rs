//! What happens to records as a whole: deletion, restoration, merging.

use std::sync::Arc;

use super::Portal;
use super::happening::What;
use super::kind::{Kind, RecordId};
use super::record::{Life, Source};

impl Portal {
    /// Moves a record to the recycle bin; one that is there already stays there.
    pub(crate) fn archive(&mut self, kind: Kind, id: RecordId) {
        if self.record(kind, id).is_some_and(|record| record.is_live()) {
            self.note_change(kind, id, |record, at| {
                record.archived = Some(at);
                record.life.push((at, Life::Deleted));
            });
            self.note(kind, id, What::Deleted, Source::Crm);
        }
    }

    /// Takes a record out of the recycle bin.
    pub(crate) fn restore(&mut self, kind: Kind, id: RecordId) {
        if self.record(kind, id).is_some_and(|record| record.archived.is_some()) {
            self.note_change(kind, id, |record, at| {
                record.archived = None;
                record.life.push((at, Life::Restored));
            });
            self.note(kind, id, What::Restored, Source::Crm);
        }
    }

    /// Lets one live record absorb another: it keeps its own values, takes the other's where it has none, and takes
    /// over the other's associations.
    pub(crate) fn merge(&mut self, kind: Kind, survivor: RecordId, absorbed: RecordId, source: Source) -> bool {
        let live = |id| self.record(kind, id).is_some_and(|record| record.is_live());
        if survivor == absorbed || !live(survivor) || !live(absorbed) {
            return false;
        }
        for (property, value) in self.values_to_take_over(kind, survivor, absorbed) {
            self.set_value(kind, survivor, property, Some(value), source);
        }
        self.associations.hand_over(kind, absorbed, survivor);
        self.note_change(kind, absorbed, |record, at| {
            record.merged_into = Some(survivor);
            record.life.push((at, Life::MergedInto(survivor)));
        });
        self.note_change(kind, survivor, |record, at| record.life.push((at, Life::Absorbed(absorbed))));
        self.note(kind, survivor, What::Merged(absorbed), source);
        true
    }

    fn values_to_take_over(
        &self,
        kind: Kind,
        survivor: RecordId,
        absorbed: RecordId,
    ) -> Vec<(super::schema::PropertyId, Arc<str>)> {
        let (Some(survivor), Some(absorbed)) = (self.record(kind, survivor), self.record(kind, absorbed)) else {
            return Vec::new();
        };
        let properties = self.schema(kind).iter().filter(|(_, property)| !property.unique);
        let missing = properties.filter(|(id, _)| survivor.value(*id).is_none());
        missing.filter_map(|(id, _)| Some((id, Arc::clone(absorbed.value(id)?)))).collect()
    }
}
