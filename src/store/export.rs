//! Writes a store as lines of JSON that any version, any engine and a person can read.
//!
//! The first line names the format, the last one counts the others and checks them. Indexes are not written: they
//! follow from the rest. Neither are settings whose name begins with [`SECRET`], for an export travels, nor the keys of
//! messages received: one that comes again after an import costs a read and changes nothing.

use std::io::{self, Write};
use std::ops::ControlFlow;

use dealclock_model::{Case, CaseId, ConnectionId, Effect, EffectId, Entry, Event, Fact, Instant};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::batch::split_persons;
use crate::key::{Key, KeyReader, Table, instant_from};
use crate::outbox::Delivery;
use crate::read::Rows;
use crate::sled_engine::io_error;
use crate::{FORMAT, Result, Settlement, StoreError};

/// What the names of settings begin with that no export holds.
pub const SECRET: &str = "secret/";

/// What an export wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// Lines, the first and the last among them.
    pub lines: u64,
    /// The checksum that stands in the last line.
    pub checksum: u32,
}

/// One line of an export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// Opens an export.
    Store { format: u32 },
    /// The first number that was never given out.
    Numbers { next: u64 },
    /// A setting.
    Meta { name: String, value: Value },
    /// A hint that waits.
    Hint { connection: ConnectionId, text: String, seq: u64 },
    /// A case.
    Case { id: CaseId, case: Case },
    /// A case's timer.
    Timer { case: CaseId, due: Instant },
    /// A waiting event.
    Event { seq: u64, case: CaseId, event: Event },
    /// An effect in the outbox.
    Effect { effect: Box<Effect>, delivery: Delivery },
    /// What became of an effect.
    Settled { id: EffectId, settlement: Settlement },
    /// A line of a case's journal.
    Journal { case: CaseId, seq: u64, entry: Entry },
    /// What happened, as reports count it.
    Fact { seq: u64, case: CaseId, fact: Fact },
    /// Closes an export: lines before this one, and the CRC-32 of their bytes.
    End { lines: u64, checksum: u32 },
}

/// Writes the whole store.
pub(crate) fn export(rows: &Rows, to: impl Write) -> Result<Exported> {
    let mut out = Lines { to, lines: 0, checksum: crc32fast::Hasher::new() };
    out.write(rows, &Line::Store { format: FORMAT })?;
    if let Some(next) = rows.json(&Key::new(Table::Sequence))? {
        out.write(rows, &Line::Numbers { next })?;
    }
    let tables = [
        Table::Meta,
        Table::Hint,
        Table::Case,
        Table::Wake,
        Table::Inbox,
        Table::Delivery,
        Table::Settled,
        Table::Journal,
        Table::Fact,
    ];
    for table in tables {
        let all = Key::new(table);
        rows.scan(&all, &all.end(), |key, body| {
            if let Some(line) = line(rows, table, key, body)? {
                out.write(rows, &line)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    out.finish(rows)
}

/// The line for a row; none for rows that follow from others.
fn line(rows: &Rows, table: Table, key: &[u8], body: &[u8]) -> Result<Option<Line>> {
    let mut parts = KeyReader::new(key);
    let line = match table {
        Table::Meta => {
            let name = rows.part(parts.text())?;
            if name.starts_with(SECRET) {
                return Ok(None);
            }
            Line::Meta { name, value: rows.decode(body)? }
        }
        Table::Hint => {
            let (connection, hint) = rows.hint(key, body)?;
            Line::Hint { connection, text: hint.text, seq: hint.seq.0 }
        }
        Table::Case => {
            let (_, json) = split_persons(body).ok_or_else(|| rows.damaged("a case cannot be read"))?;
            Line::Case { id: rows.part(parts.case())?, case: rows.decode(json)? }
        }
        Table::Wake => {
            Line::Timer { case: rows.part(parts.case())?, due: rows.part(body.try_into().ok().and_then(instant_from))? }
        }
        Table::Inbox => {
            let (case, event) = rows.decode(body)?;
            Line::Event { seq: rows.part(parts.number())?, case, event }
        }
        Table::Delivery => {
            let id = rows.part(parts.effect())?;
            match rows.json(&Key::new(Table::Effect).effect(&id))? {
                Some(effect) => Line::Effect { effect: Box::new(effect), delivery: rows.decode(body)? },
                None => return Ok(None),
            }
        }
        Table::Settled => Line::Settled { id: rows.part(parts.effect())?, settlement: rows.decode(body)? },
        Table::Journal => {
            let case = rows.part(parts.case())?;
            Line::Journal { case, seq: rows.part(parts.number())?, entry: rows.decode(body)? }
        }
        Table::Fact => {
            let (place, case, fact) = rows.fact(key, body)?;
            Line::Fact { seq: place.seq, case, fact }
        }
        Table::Format
        | Table::Sequence
        | Table::Space
        | Table::Naming
        | Table::Timer
        | Table::Effect
        | Table::Ready
        | Table::Replay
        | Table::ReplayAge
        | Table::Locked
        | Table::Watched
        | Table::Chunk => return Ok(None),
    };
    Ok(Some(line))
}

struct Lines<W> {
    to: W,
    lines: u64,
    checksum: crc32fast::Hasher,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, rows: &Rows, line: &Line) -> Result<()> {
        let mut text = serde_json::to_vec(line).map_err(|source| StoreError::Encode { what: "an export", source })?;
        text.push(b'\n');
        self.checksum.update(&text);
        self.lines += 1;
        self.to.write_all(&text).map_err(|source| failed(rows, source))
    }

    fn finish(mut self, rows: &Rows) -> Result<Exported> {
        let checksum = self.checksum.clone().finalize();
        self.write(rows, &Line::End { lines: self.lines, checksum })?;
        self.to.flush().map_err(|source| failed(rows, source))?;
        Ok(Exported { lines: self.lines, checksum })
    }
}

fn failed(rows: &Rows, source: io::Error) -> StoreError {
    io_error("write the export of what is", rows.directory(), source)
}
