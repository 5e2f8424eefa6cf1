//! sled behind the engine interface, with a guard around each of its traps.
//!
//! What is relied on, in the source of sled 0.34.7:
//!
//! - `Tree::apply_batch` pegs the log first (`pin_log`, then `seal_batch`): the batch manifest holds the position of
//!   the batch's last message, and recovery (`pagecache/iterator.rs`) stops before a manifest whose batch is not
//!   complete. A batch is therefore atomic through a crash, and one tree is enough: the tables are key prefixes.
//! - `Db::flush` writes with `pwrite` and `sync_file_range` on Linux and never calls fsync (`pagecache/iobuf.rs`), so
//!   a durable flush is `flush` and then `sync_data` on a handle of the file `db`.
//! - A page above 128 KiB goes to a file of its own that is never synced (`pagecache/blob_io.rs`). A leaf splits above
//!   16 rows and is consolidated after ten links, so values of at most 4 KiB keep every page below that.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::attended::{Attended, NoAnswer};
use crate::engine::{Engine, Visit, Writes};
use crate::{Result, StoreError};

/// How often sled writes its buffers out by itself, in milliseconds.
const FLUSH_EVERY_MS: u64 = 500;

/// An open sled database.
pub(crate) struct SledEngine {
    db: sled::Db,
    /// The log file, kept open to sync it after each flush.
    log: Arc<File>,
    directory: PathBuf,
    /// Writes and flushes each have a thread, so that many writes share a flush.
    writing: Attended,
    flushing: Attended,
    /// A write or a flush failed. sled's own threads may hang from then on, and closing it would wait for them.
    failed: AtomicBool,
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        if self.failed.load(Ordering::SeqCst) {
            std::mem::forget(self.db.clone());
        }
    }
}

impl SledEngine {
    /// Opens or creates the database in a directory that nobody else has open.
    ///
    /// A damaged file can make sled panic, so it is opened on a thread of its own, and a panic there is damage.
    pub(crate) fn open(directory: &Path, cache_bytes: u64) -> Result<SledEngine> {
        let config =
            sled::Config::new().path(directory).cache_capacity(cache_bytes).flush_every_ms(Some(FLUSH_EVERY_MS));
        let opened = thread::Builder::new()
            .name("dealclock-store-open".to_owned())
            .spawn(move || open_once_free(&config))
            .map_err(|source| io_error("start a thread to open the files", directory, source))?
            .join();
        let db = match opened {
            Ok(Ok(db)) => db,
            Ok(Err(error)) => return Err(explain("open the files", directory, error)),
            Err(_panic) => return Err(damaged(directory, "opening it failed inside the engine")),
        };
        let log = File::open(directory.join("db")).map_err(|source| io_error("open the log", directory, source))?;
        // The names of the files are as durable as their bytes only once their directory is synced.
        sync_directory(directory)?;
        let thread = |name| Attended::start(name).map_err(|source| io_error("start a thread", directory, source));
        Ok(SledEngine {
            db,
            log: Arc::new(log),
            directory: directory.to_owned(),
            writing: thread("dealclock-store-write")?,
            flushing: thread("dealclock-store-sync")?,
            failed: AtomicBool::new(false),
        })
    }

    /// Reads with sled; a panic inside it is damage that showed late.
    fn guarded<T>(&self, action: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T> {
        settle(action, &self.directory, catch_unwind(AssertUnwindSafe(call)))
    }

    /// Writes with sled, on a thread from which no answer is waited for without end.
    fn attended<T: Send + 'static>(
        &self,
        thread: &Attended,
        action: &'static str,
        call: impl FnOnce() -> sled::Result<T> + Send + 'static,
    ) -> Result<T> {
        let answer = match thread.call(move || catch_unwind(AssertUnwindSafe(call))) {
            Ok(answered) => settle(action, &self.directory, answered),
            Err(NoAnswer) => {
                let source = io::Error::new(io::ErrorKind::TimedOut, "the disk gave no answer; it may be full");
                Err(io_error(action, &self.directory, source))
            }
        };
        if answer.is_err() {
            self.failed.store(true, Ordering::SeqCst);
        }
        answer
    }
}

/// What a call of sled came to.
fn settle<T>(action: &'static str, directory: &Path, answer: thread::Result<sled::Result<T>>) -> Result<T> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(explain(action, directory, error)),
        Err(_panic) => Err(damaged(directory, action)),
    }
}

/// How often, and how far apart, an engine that is still closing is waited for.
const CLOSING: (u32, Duration) = (500, Duration::from_millis(10));

/// Opens the files as soon as an engine of this process that was just dropped has let them go.
///
/// The store's own lock is held by now, so nobody else can have them. sled lets go of its lock on a thread of its own
/// some time after it was dropped, and offers nothing to wait on.
fn open_once_free(config: &sled::Config) -> sled::Result<sled::Db> {
    let (times, pause) = CLOSING;
    for _ in 0..times {
        match config.open() {
            Err(sled::Error::Io(error)) if is_lock_held(&error) => {
                #[allow(clippy::disallowed_methods, reason = "there is no condition to wait on")]
                thread::sleep(pause);
            }
            opened => return opened,
        }
    }
    config.open()
}

/// sled tells a lock that is held only by its message.
fn is_lock_held(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let value = self.guarded("read a row", || self.db.get(key))?;
        Ok(value.map(|bytes| bytes.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Result<()> {
        let mut rows = self.db.range(from..to);
        while let Some((key, value)) = self.guarded("read rows", || rows.next().transpose())? {
            if visit(&key, &value)? == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn write(&self, writes: Writes) -> Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        let db = self.db.clone();
        self.attended(&self.writing, "write a batch", move || db.apply_batch(batch))
    }

    fn flush(&self) -> Result<()> {
        let (db, log) = (self.db.clone(), Arc::clone(&self.log));
        self.attended(&self.flushing, "flush and sync the log", move || {
            db.flush()?;
            log.sync_data().map_err(sled::Error::Io)
        })
    }
}

/// Waits until sled has let go of a database that was dropped; its threads end in their own time, and a late one must
/// not find another database under its path.
pub(crate) fn wait_until_closed(directory: &Path) -> io::Result<()> {
    File::open(directory.join("db"))?.lock()
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(|source| io_error("sync the directory", directory, source))
}

/// The disk refused.
pub(crate) fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, path: path.to_owned(), source }
}

fn damaged(directory: &Path, what: &str) -> StoreError {
    StoreError::Damaged { path: directory.to_owned(), what: what.to_owned() }
}

fn explain(action: &'static str, directory: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if is_damage(&source) => damaged(directory, action),
        sled::Error::Io(source) => io_error(action, directory, source),
        sled::Error::Corruption { .. }
        | sled::Error::CollectionNotFound(_)
        | sled::Error::Unsupported(_)
        | sled::Error::ReportableBug(_) => damaged(directory, action),
    }
}

/// sled reports some damage as an I/O error of its own making: these kinds come from parsing, not from the disk.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}
