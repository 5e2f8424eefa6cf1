//! Work of several calls that is of no use unless all of them are made.

use std::cell::Cell;

tokio::task_local! {
    /// Whether a call of the work that this task does was admitted.
    static BEGUN: Cell<bool>;
}

/// Does work whose calls belong together: once one was admitted, the others of any bucket may borrow from what comes.
/// Work within such work is a part of it.
///
/// Work that starts over when a call of it is throttled would otherwise never end while others do the same: each takes
/// the one call that the bucket has, and none finds a second. What was borrowed is paid before other work begins.
pub async fn as_one<T>(work: impl Future<Output = T>) -> T {
    match BEGUN.try_with(|_| ()) {
        Ok(()) => work.await,
        Err(_) => BEGUN.scope(Cell::new(false), work).await,
    }
}

pub(super) fn has_begun() -> bool {
    BEGUN.try_with(Cell::get).unwrap_or(false)
}

/// Notes that a call was admitted; outside of such work there is nothing to note.
pub(super) fn begin() {
    let _ = BEGUN.try_with(|begun| begun.set(true));
}
