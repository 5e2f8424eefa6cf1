//! Gives space back: sled keeps what was overwritten, so a wasteful database is copied and replaced when it is opened.
//!
//! The order makes every crash harmless: the copy `data.new` is whole and synced before `data` is renamed to
//! `data.old`, and `data.new` takes its place. Between the two renames there is no `data`, and the copy is known to be
//! whole. The old database stays until the next start that needs no compaction.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Writes};
use crate::health::size_on_disk;
use crate::key::{Key, Table};
use crate::open::{lock, open_rows};
use crate::plan::{Numbers, Plan};
use crate::read::Rows;
use crate::seal::Seal;
use crate::sled_engine::{SledEngine, io_error, sync_directory, wait_until_closed};
use crate::{Options, Result, Store, USUAL_OPERATIONS};

/// Below this size nothing is worth copying.
const SMALL: u64 = 64 << 20;

/// What a compaction gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Bytes of the files before.
    pub before: u64,
    /// Bytes of the files after.
    pub after: u64,
    /// Rows copied.
    pub rows: u64,
}

/// What the last look at the rows found; saves looking at them at every start.
#[derive(Default, Serialize, Deserialize)]
struct Space {
    /// Bytes of all keys and values.
    live: u64,
    /// Bytes of the files after the last compaction: what the engine itself needs for these rows.
    #[serde(default)]
    compacted: u64,
}

impl Space {
    /// A compaction gave what it could; half as much again must have grown before another one can give anything.
    fn allowed(&self, allowed: impl Fn(u64) -> u64) -> u64 {
        allowed(self.live).max(self.compacted + self.compacted / 2)
    }
}

impl Store {
    /// Copies a store that nobody has open into the space that it needs.
    pub fn compact(options: &Options) -> Result<Compacted> {
        let directory = &options.path;
        let data = directory.join("data");
        let lock = lock(directory)?;
        finish_interrupted(directory)?;
        if !data.exists() {
            let source = io::Error::from(io::ErrorKind::NotFound);
            return Err(io_error("find a database to compact", directory, source));
        }
        let seal = Seal::break_open(directory)?;
        let compacted =
            compact_closed(open_rows(directory, &data, options.cache_bytes)?, directory, options.cache_bytes)?;
        drop((seal, lock));
        Ok(compacted)
    }
}

/// Completes or forgets a compaction that a crash interrupted.
pub(crate) fn finish_interrupted(directory: &Path) -> Result<()> {
    let (data, new, old) = (directory.join("data"), directory.join("data.new"), directory.join("data.old"));
    let mend = || -> io::Result<()> {
        if !new.exists() {
            return Ok(());
        }
        if !data.exists() && old.exists() {
            return fs::rename(&new, &data);
        }
        fs::remove_dir_all(&new)
    };
    mend().map_err(|source| io_error("clear up after an interrupted compaction", directory, source))
}

/// Forgets the database before the last compaction.
pub(crate) fn remove_old(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory.join("data.old")) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error("remove the database before the last compaction", directory, source)),
    }
}

/// How large the files may be for so many live bytes: `times` as large, and never too small to be worth copying.
pub(crate) fn allowance(times: f64) -> impl Fn(u64) -> u64 {
    // A store of more than 2^53 bytes would be rounded; no disk holds one.
    move |live| ((live as f64 * times.max(1.0)) as u64).max(SMALL)
}

/// Whether the files are larger than what is alive in them allows.
///
/// Rows are looked at only when the files have outgrown what the last look allowed.
pub(crate) fn is_wasteful(rows: &Rows, data: &Path, allowed: impl Fn(u64) -> u64) -> Result<bool> {
    let size = size_on_disk(data)?;
    let last = rows.json::<Space>(&Key::new(Table::Space))?.unwrap_or_default();
    if size <= last.allowed(&allowed) {
        return Ok(false);
    }
    let now = Space { live: live_bytes(rows)?, ..last };
    remember(rows, &now)?;
    Ok(size > now.allowed(allowed))
}

fn remember(rows: &Rows, space: &Space) -> Result<()> {
    let mut plan = Plan::new(rows, Numbers::default());
    plan.put_json(&Key::new(Table::Space), "the space", space)?;
    rows.engine().write(plan.finish()?.0)
}

/// Copies the database, puts the copy in its place and keeps the old one aside.
pub(crate) fn compact_closed(rows: Rows, directory: &Path, cache_bytes: u64) -> Result<Compacted> {
    let (data, new, old) = (directory.join("data"), directory.join("data.new"), directory.join("data.old"));
    let before = size_on_disk(&data)?;
    let copy = Rows::new(SledEngine::open(&new, cache_bytes)?, directory);
    let copied = copy_rows(rows.engine(), copy.engine())?;
    copy.engine().flush()?;
    if fingerprint(copy.engine())? != copied {
        return Err(rows.damaged("a copy of it differs"));
    }
    remember(&copy, &Space { live: live_bytes(&copy)?, compacted: size_on_disk(&new)? })?;
    copy.engine().flush()?;
    drop((copy, rows));
    for database in [&data, &new] {
        wait_until_closed(database).map_err(|source| io_error("close the database", directory, source))?;
    }
    sync_files(&new).map_err(|source| io_error("sync the copy", directory, source))?;
    remove_old(directory)?;
    fs::rename(&data, &old)
        .and_then(|()| fs::rename(&new, &data))
        .map_err(|source| io_error("put the copy in place", directory, source))?;
    sync_directory(directory)?;
    let after = size_on_disk(&data)?;
    tracing::info!(before, after, rows = copied.0, "compacted the store");
    Ok(Compacted { before, after, rows: copied.0 })
}

/// Copies every row as it is, in batches; the number of rows and their checksum.
fn copy_rows(from: &impl Engine, to: &impl Engine) -> Result<(u64, u32)> {
    let mut batch = Writes::new();
    let mut seen = Fingerprint::default();
    from.scan(&[], &[u8::MAX], &mut |key, value| {
        seen.add(key, value);
        batch.insert(key.to_vec(), Some(value.to_vec()));
        if batch.len() == USUAL_OPERATIONS {
            to.write(std::mem::take(&mut batch))?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    to.write(batch)?;
    Ok(seen.finish())
}

fn fingerprint(engine: &impl Engine) -> Result<(u64, u32)> {
    let mut seen = Fingerprint::default();
    engine.scan(&[], &[u8::MAX], &mut |key, value| {
        seen.add(key, value);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(seen.finish())
}

#[derive(Default)]
struct Fingerprint {
    rows: u64,
    checksum: crc32fast::Hasher,
}

impl Fingerprint {
    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows += 1;
        self.checksum.update(&(key.len() as u64).to_be_bytes());
        self.checksum.update(key);
        self.checksum.update(value);
    }

    fn finish(self) -> (u64, u32) {
        (self.rows, self.checksum.finalize())
    }
}

/// Bytes of all keys and values.
fn live_bytes(rows: &Rows) -> Result<u64> {
    let mut live = 0;
    rows.engine().scan(&[], &[u8::MAX], &mut |key, value| {
        live += (key.len() + value.len()) as u64;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(live)
}

/// Syncs every file of a directory and the directory itself.
fn sync_files(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::File::open(entry.path())?.sync_all()?;
        }
    }
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn files_may_be_a_few_times_as_large_as_what_lives_in_them() {
        let allowed = allowance(2.5);
        assert_eq!(allowed(100 << 20), 250 << 20);
        assert_eq!(allowed(1), SMALL);
        assert_eq!(allowance(0.0)(100 << 20), 100 << 20);
    }

    #[test]
    fn a_database_is_looked_through_only_when_it_outgrew_what_was_allowed() {
        let directory = TempDir::new().unwrap();
        let data = directory.path().join("data");
        let rows = open_rows(directory.path(), &data, 8 << 20).unwrap();
        assert!(!is_wasteful(&rows, &data, |_| u64::MAX).unwrap());
        assert!(rows.body(&Key::new(Table::Space)).unwrap().is_none());
        assert!(is_wasteful(&rows, &data, |_| 0).unwrap());
        assert!(rows.json::<Space>(&Key::new(Table::Space)).unwrap().unwrap().live > 0);
        // What lives was counted: now it allows the size.
        assert!(!is_wasteful(&rows, &data, |live| if live == 0 { 0 } else { u64::MAX }).unwrap());
    }

    #[test]
    fn a_compaction_is_not_repeated_where_it_gave_what_it_could() {
        let space = Space { live: 10, compacted: 1_000 };
        assert_eq!(space.allowed(|live| live * 2), 1_500);
        assert_eq!(space.allowed(|live| live * 200), 2_000);
    }
}
