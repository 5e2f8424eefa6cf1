//! How an open store is.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::open::Opened;
use crate::sled_engine::io_error;
use crate::space::Compacted;
use crate::{FORMAT, Result};

/// How an open store is; cheap to find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The format of the store.
    pub format: u32,
    /// Bytes of its files.
    pub size_on_disk: u64,
    /// Files beside the log that are never synced; more than none means that a loss of power would lose data.
    pub blobs: usize,
    /// Half-written snapshots that were moved aside when it was opened.
    pub set_aside: usize,
    /// What opening it gave back, when it did.
    pub compacted: Option<Compacted>,
    /// Why nothing can be written any more, after a failed write.
    pub failed: Option<String>,
}

impl Opened {
    pub(crate) fn health(&self) -> Result<Health> {
        let data = self.directory.join("data");
        Ok(Health {
            format: FORMAT,
            size_on_disk: size_on_disk(&data)?,
            blobs: file_sizes(&data.join("blobs"))?.len(),
            set_aside: self.set_aside,
            compacted: self.compacted,
            failed: self.flusher.check().err().map(|error| error.to_string()),
        })
    }
}

/// Bytes of the files in a directory of the database.
pub(crate) fn size_on_disk(data: &Path) -> Result<u64> {
    let blobs = file_sizes(&data.join("blobs"))?;
    Ok(file_sizes(data)?.into_iter().chain(blobs).sum())
}

fn file_sizes(directory: &Path) -> Result<Vec<u64>> {
    let list = || -> std::io::Result<Vec<u64>> {
        let mut sizes = Vec::new();
        for entry in fs::read_dir(directory)? {
            // sled replaces its snapshots while we look: a file that is gone meanwhile has no size.
            match entry?.metadata() {
                Ok(metadata) if metadata.is_file() => sizes.push(metadata.len()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sizes)
    };
    match list() {
        Ok(sizes) => Ok(sizes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(io_error("list the files", directory, source)),
    }
}
