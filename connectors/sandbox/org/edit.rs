//! Carries out what people do in the org's own pages.

use std::time::Duration;

use super::Org;
use crate::edit::Edit;
use crate::people_at_work::EditRefused;

impl Org {
    /// Carries out what a person does.
    pub(crate) fn edit(&mut self, _edit: &Edit) -> Result<(), EditRefused> {
        Err(EditRefused::new("this org has no tables"))
    }

    /// Fills the org with people and opportunities.
    pub(crate) fn seed(&mut self, _deals: usize, _seed: u64) {}

    /// Changes how long changes take to become visible.
    pub(crate) fn set_lag(&mut self, _lag: Duration) {}

    /// Changes that for one record.
    pub(crate) fn set_record_lag(&mut self, _record_type: &str, _id: &str, _lag: Duration) -> Option<bool> {
        None
    }
}
