//! The narrow interface to an ordered key-value engine, so that another one can stand beside sled later.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::Result;

/// Rows to write (`Some`) or remove (`None`), by key.
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Sees one row of a scan; breaking ends it early.
pub(crate) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>> + 'a;

/// An ordered map of bytes on disk.
///
/// Preconditions are not its business: the store checks them under its one writer lock, so that between the check and
/// the write nobody else writes.
pub(crate) trait Engine: Send + Sync {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the rows of `from..to` in order. Each row is seen whole; the scan as a whole is no snapshot.
    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<()>;

    /// Applies all rows or none of them, also through a crash. Not yet durable.
    fn write(&self, writes: Writes) -> Result<()>;

    /// Returns once everything written before the call survives a loss of power.
    fn flush(&self) -> Result<()>;
}
