//! Keeps what must outlive a crash: cases, inbox, timers, outbox, journal, facts and settings, in one atomic batch a
//! decision.
//!
//! [`Store`] is the whole interface. sled is named in `sled_engine.rs` and nowhere else.
//!
//! # Invariants
//!
//! - A [`Batch`] is applied whole or not at all, also through a crash: it becomes one batch of the engine.
//! - Nothing that [`Store::durable`] has answered for is lost, also through a loss of power.
//! - An effect's id is taken into the outbox once: not while it waits there, and never after it was settled.
//! - Stored bytes are a promise: every value opens with its format, and an older format is read for ever.
//! - No input makes the store panic: a damaged file is an error that says the way out.

mod attended;
mod batch;
mod body;
mod commit;
mod durable;
mod engine;
mod error;
mod export;
mod facts;
mod health;
mod hints;
mod import;
mod key;
mod open;
mod outbox;
mod plan;
mod read;
mod replays;
mod seal;
mod sled_engine;
mod space;
mod store;
mod watched;

pub use batch::{Batch, Committed, MAX_OPERATIONS, Seq, USUAL_OPERATIONS};
pub use error::{Expectation, Result, StoreError};
pub use export::{Exported, SECRET};
pub use facts::FactPlace;
pub use health::Health;
pub use hints::WaitingHint;
pub use import::Imported;
pub use open::{DEFAULT_CACHE_BYTES, DEFAULT_COMPACT_AT, Options};
pub use outbox::{OutboxCounts, OutboxEntry, Settlement};
pub use replays::Replay;
pub use space::Compacted;
pub use store::{FORMAT, Store};
