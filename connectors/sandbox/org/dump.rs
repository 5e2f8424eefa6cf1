//! Writes the whole org down as plain data.

use super::Org;
use crate::dump::Dump;
use crate::portal::instant::to_datetime;

impl Org {
    /// Everything in the org.
    pub(crate) fn dump(&self) -> Dump {
        Dump { at: to_datetime(self.now), ..Dump::default() }
    }
}
