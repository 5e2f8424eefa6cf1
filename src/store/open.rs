//! Opens a store's directory: one process at a time, leftovers of a crash mended, formats checked.
//!
//! | name | what it is |
//! |---|---|
//! | `lock` | locked for as long as the store is open |
//! | `data` | the database |
//! | `data.new` | a compaction that did not finish |
//! | `data.old` | the database before the last compaction, until the next clean start |
//! | `seal` | while the store is closed: checksums of the database's files |
//! | `aside` | what was found broken and not needed; may be deleted |

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use crate::durable::Flusher;
use crate::engine::Engine;
use crate::key::{Key, Table};
use crate::plan::{Numbers, Plan};
use crate::read::Rows;
use crate::seal::Seal;
use crate::sled_engine::{SledEngine, io_error, sync_directory};
use crate::space::{self, Compacted};
use crate::{FORMAT, Result, StoreError};

/// The cache unless said otherwise.
pub const DEFAULT_CACHE_BYTES: u64 = 96 << 20;

/// When a store is compacted, unless said otherwise.
pub const DEFAULT_COMPACT_AT: f64 = 2.5;

/// What to open, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The store's directory; made when it is not there.
    pub path: PathBuf,
    /// About how much memory the engine's cache may take.
    pub cache_bytes: u64,
    /// It is compacted when it is opened and takes more than this many times the bytes of what it holds.
    pub compact_at: f64,
}

impl Options {
    /// The store in a directory, with the usual cache.
    pub fn new(path: impl Into<PathBuf>) -> Options {
        Options { path: path.into(), cache_bytes: DEFAULT_CACHE_BYTES, compact_at: DEFAULT_COMPACT_AT }
    }
}

/// An open store's parts, in the order in which they are closed.
pub(crate) struct Opened {
    pub(crate) flusher: Flusher,
    pub(crate) rows: Arc<Rows>,
    pub(crate) directory: PathBuf,
    pub(crate) set_aside: usize,
    pub(crate) compacted: Option<Compacted>,
    _seal: Seal,
    /// Closed last, so that nobody opens the files while they are still being closed.
    _lock: File,
}

impl Opened {
    pub(crate) fn open(options: &Options) -> Result<Opened> {
        let directory = &options.path;
        fs::create_dir_all(directory).map_err(|source| io_error("make the directory", directory, source))?;
        let lock = lock(directory)?;
        space::finish_interrupted(directory)?;
        let data = directory.join("data");
        let seal = Seal::break_open(directory)?;
        let set_aside = set_aside_half_snapshots(directory, &data)?;
        let mut rows = open_rows(directory, &data, options.cache_bytes)?;
        let mut compacted = None;
        if space::is_wasteful(&rows, &data, space::allowance(options.compact_at))? {
            compacted = Some(space::compact_closed(rows, directory, options.cache_bytes)?);
            rows = open_rows(directory, &data, options.cache_bytes)?;
        } else {
            space::remove_old(directory)?;
        }
        sync_directory(directory)?;
        let rows = Arc::new(rows);
        let flusher = Flusher::start(Arc::clone(&rows))
            .map_err(|source| io_error("start the thread that flushes", directory, source))?;
        Ok(Opened { flusher, rows, directory: directory.clone(), set_aside, compacted, _seal: seal, _lock: lock })
    }
}

/// Takes the directory for this process.
pub(crate) fn lock(directory: &Path) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("lock"))
        .map_err(|source| io_error("open the lock", directory, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io_error("take the lock", directory, source)),
    }
}

/// Opens the database, checks or writes its format, and finds the numbers that are free.
pub(crate) fn open_rows(directory: &Path, data: &Path, cache_bytes: u64) -> Result<Rows> {
    let rows = Rows::new(SledEngine::open(data, cache_bytes)?, directory);
    let format_key = Key::new(Table::Format);
    match rows.json::<u32>(&format_key)? {
        Some(found) if found > FORMAT => return Err(StoreError::NewerFormat { found, known: FORMAT }),
        Some(_) => {}
        None => {
            let mut plan = Plan::new(&rows, Numbers::default());
            plan.put_json(&format_key, "the format", &FORMAT)?;
            let (writes, _) = plan.finish()?;
            rows.engine().write(writes)?;
            rows.engine().flush()?;
        }
    }
    let numbers = Numbers::restore(&rows)?;
    *rows.writer.lock().unwrap_or_else(PoisonError::into_inner) = numbers;
    Ok(rows)
}

/// Moves snapshots away that a crash left half written: sled takes them for whole ones and then does not open.
///
/// It writes `snap.<position>.generating` and renames it when it is whole (`pagecache/snapshot.rs`), but its reader
/// does not skip that suffix. Such a file holds nothing that the log does not hold.
fn set_aside_half_snapshots(directory: &Path, data: &Path) -> Result<usize> {
    let entries = match fs::read_dir(data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(io_error("list the files", directory, source)),
    };
    let aside = directory.join("aside");
    let mut moved = 0;
    for entry in entries {
        let name = entry.map_err(|source| io_error("list the files", directory, source))?.file_name();
        let is_half = name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating"));
        if is_half {
            fs::create_dir_all(&aside)
                .and_then(|()| fs::rename(data.join(&name), aside.join(&name)))
                .map_err(|source| io_error("move a half-written snapshot aside", directory, source))?;
            moved += 1;
            tracing::warn!(file = %name.display(), "moved a half-written snapshot aside; nothing is lost");
        }
    }
    Ok(moved)
}
