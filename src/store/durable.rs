//! Group commit: one thread flushes for everyone who waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::watch;

use crate::engine::Engine;
use crate::read::Rows;
use crate::{Result, StoreError};

/// The thread that flushes, and those who wait for it.
pub(crate) struct Flusher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    progress: Mutex<Progress>,
    /// Somebody waits, or the store closes.
    wanted: Condvar,
    /// The thread got further; for those who block.
    advanced: Condvar,
    /// The same for those who await.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct Progress {
    /// How many batches were written.
    written: u64,
    /// Up to which batch somebody wants to know that it is durable.
    wanted: u64,
    /// Up to which batch everything is durable.
    durable: u64,
    /// After a failed write or sync nobody knows what the disk holds; from then on everything is refused.
    failed: Option<String>,
    closing: bool,
}

impl Progress {
    /// The answer to somebody who waits for `position`, once there is one.
    fn answer(&self, position: u64) -> Option<Result<()>> {
        if self.durable >= position {
            return Some(Ok(()));
        }
        self.failed.as_ref().map(|reason| Err(StoreError::Failed { reason: reason.clone() }))
    }
}

impl Flusher {
    pub(crate) fn start(rows: Arc<Rows>) -> std::io::Result<Flusher> {
        let shared = Arc::new(Shared {
            progress: Mutex::default(),
            wanted: Condvar::new(),
            advanced: Condvar::new(),
            news: watch::Sender::new(()),
        });
        let thread = thread::Builder::new().name("dealclock-store-flush".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&rows)
        })?;
        Ok(Flusher { shared, thread: Some(thread) })
    }

    /// Refuses when an earlier write failed.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.shared.lock().failed {
            Some(reason) => Err(StoreError::Failed { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Counts a batch that was written, or remembers that it failed.
    pub(crate) fn record(&self, result: &Result<()>) {
        let mut progress = self.shared.lock();
        match result {
            Ok(()) => progress.written += 1,
            Err(error) => {
                progress.failed.get_or_insert(reason(error));
                drop(progress);
                self.shared.tell();
            }
        }
    }

    /// Returns once everything written before the call is durable.
    pub(crate) async fn durable(&self) -> Result<()> {
        let position = self.shared.want();
        let mut news = self.shared.news.subscribe();
        loop {
            if let Some(answer) = self.shared.lock().answer(position) {
                return answer;
            }
            // The sender lives in `shared`, which outlives this borrow; a closed channel would only mean to look again.
            let _ = news.changed().await;
        }
    }

    /// The same for a caller that may block.
    pub(crate) fn durable_blocking(&self) -> Result<()> {
        let position = self.shared.want();
        let mut progress = self.shared.lock();
        loop {
            if let Some(answer) = progress.answer(position) {
                return answer;
            }
            progress = self.shared.advanced.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wanted.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for what was written so far; the position to wait for.
    fn want(&self) -> u64 {
        let mut progress = self.lock();
        progress.wanted = progress.written;
        self.wanted.notify_one();
        progress.written
    }

    fn run(&self, rows: &Rows) {
        while let Some(position) = self.next_wanted() {
            let result = rows.engine().flush();
            let mut progress = self.lock();
            match result {
                Ok(()) => progress.durable = position,
                Err(error) => {
                    progress.failed.get_or_insert(reason(&error));
                }
            }
            drop(progress);
            self.tell();
        }
    }

    /// Lets everyone who waits look at the progress.
    fn tell(&self) {
        self.advanced.notify_all();
        self.news.send_replace(());
    }

    /// Waits until somebody waits; everything written up to the returned position will be in the flush. `None` ends
    /// the thread.
    fn next_wanted(&self) -> Option<u64> {
        let mut progress = self.lock();
        loop {
            if progress.closing {
                return None;
            }
            if progress.failed.is_none() && progress.wanted > progress.durable {
                return Some(progress.written);
            }
            progress = self.wanted.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// An error with its causes in one line, since it will be told many times.
fn reason(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
