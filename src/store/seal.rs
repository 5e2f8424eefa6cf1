//! Notices damage that befell a closed store.
//!
//! sled takes a damaged message for the place where a crash cut the log, and a damaged segment for a free one: it opens,
//! and what was there is gone without a word. So closing leaves the checksums of the files, and opening compares them.
//! After a crash there is no seal, and only damage that sled itself notices is noticed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::sled_engine::{io_error, sync_directory};
use crate::{Result, StoreError};

/// Length and CRC-32 of each file, by name.
type Checksums = BTreeMap<String, (u64, u32)>;

/// Seals the database of a store when it is dropped, after the database itself.
pub(crate) struct Seal {
    directory: PathBuf,
}

impl Seal {
    /// Compares the files with the seal of the last closing, and breaks it: from now on they change.
    pub(crate) fn break_open(directory: &Path) -> Result<Seal> {
        let seal = directory.join("seal");
        match fs::read(&seal) {
            Ok(text) => {
                compare(directory, &text)?;
                fs::remove_file(&seal).map_err(|source| io_error("break the seal", directory, source))?;
                // Must be durable before the first change: a seal that came back would call that change damage.
                sync_directory(directory)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(io_error("read the seal", directory, source)),
        }
        Ok(Seal { directory: directory.to_owned() })
    }
}

impl Drop for Seal {
    fn drop(&mut self) {
        if let Err(error) = seal(&self.directory) {
            tracing::warn!(%error, "closed the store without a seal; nothing is lost");
        }
    }
}

fn compare(directory: &Path, seal: &[u8]) -> Result<()> {
    let damaged = |what: String| StoreError::Damaged { path: directory.to_owned(), what };
    let expected: Checksums =
        serde_json::from_slice(seal).map_err(|_| damaged("the file `seal` cannot be read".to_owned()))?;
    let found = checksums(directory).map_err(|source| io_error("read the files", directory, source))?;
    match expected.into_iter().find(|(name, checksum)| found.get(name) != Some(checksum)) {
        Some((name, _)) => Err(damaged(format!("the file `{name}` changed while the store was closed"))),
        None => Ok(()),
    }
}

fn seal(directory: &Path) -> io::Result<()> {
    // sled ends its threads in its own time; only when its lock is free has it written its last.
    let log = File::open(directory.join("data/db"))?;
    if log.try_lock().is_err() {
        return Ok(());
    }
    let text = serde_json::to_vec(&checksums(directory)?)?;
    let half = directory.join("seal.new");
    fs::write(&half, text)?;
    File::open(&half)?.sync_all()?;
    fs::rename(half, directory.join("seal"))
}

fn checksums(directory: &Path) -> io::Result<Checksums> {
    let mut checksums = Checksums::new();
    for entry in fs::read_dir(directory.join("data"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            checksums.insert(entry.file_name().to_string_lossy().into_owned(), checksum(&entry.path())?);
        }
    }
    Ok(checksums)
}

fn checksum(file: &Path) -> io::Result<(u64, u32)> {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(file)?);
    let (mut length, mut checksum) = (0, crc32fast::Hasher::new());
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok((length, checksum.finalize()));
        }
        checksum.update(bytes);
        let count = bytes.len();
        length += count as u64;
        reader.consume(count);
    }
}
