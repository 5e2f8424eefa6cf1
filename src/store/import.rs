//! Makes a new store from an export.

use std::fs;
use std::io::{self, BufRead};
use std::path::Path;

use serde::Serialize;

use crate::batch::Operation;
use crate::engine::Engine;
use crate::export::Line;
use crate::key::{Key, Table};
use crate::open::{lock, open_rows};
use crate::plan::{Numbers, Plan};
use crate::read::Rows;
use crate::sled_engine::{io_error, sync_directory};
use crate::{Batch, FORMAT, Options, Result, Store, StoreError, USUAL_OPERATIONS, commit, facts, hints};

/// What an import read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Lines, the first and the last among them.
    pub lines: u64,
}

impl Store {
    /// Makes a store from an export. The directory must not hold one, and holds one afterwards only when the export
    /// was complete.
    pub fn import(options: &Options, from: impl BufRead) -> Result<Imported> {
        let directory = &options.path;
        fs::create_dir_all(directory).map_err(|source| io_error("make the directory", directory, source))?;
        let _lock = lock(directory)?;
        let (data, new) = (directory.join("data"), directory.join("data.new"));
        if data.exists() || directory.join("data.old").exists() {
            return Err(StoreError::NotEmpty { path: directory.clone() });
        }
        remove_half(&new, directory)?;
        // The seal of an earlier store in this directory says nothing about the new one.
        remove(fs::remove_file(directory.join("seal")), "remove an old seal", directory)?;
        let imported = match fill(directory, &new, options.cache_bytes, from) {
            Ok(imported) => imported,
            Err(error) => {
                remove_half(&new, directory)?;
                return Err(error);
            }
        };
        fs::rename(&new, &data).map_err(|source| io_error("put the new database in place", directory, source))?;
        sync_directory(directory)?;
        Ok(imported)
    }
}

fn remove_half(new: &Path, directory: &Path) -> Result<()> {
    remove(fs::remove_dir_all(new), "remove an unfinished import", directory)
}

/// What is not there needs no removing.
fn remove(result: io::Result<()>, action: &'static str, directory: &Path) -> Result<()> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(io_error(action, directory, source)),
    }
}

fn fill(directory: &Path, new: &Path, cache_bytes: u64, from: impl BufRead) -> Result<Imported> {
    let rows = open_rows(directory, new, cache_bytes)?;
    let mut reader = Reader { from, line: 0, checksum: crc32fast::Hasher::new(), directory };
    let mut next = 0;
    let mut pending = Pending { rows: &rows, plan: Plan::new(&rows, Numbers::default()) };
    loop {
        let before = reader.checksum.clone().finalize();
        match reader.next()? {
            Line::Store { format } if reader.line == 1 => check_format(format)?,
            _ if reader.line == 1 => return Err(reader.bad("does not open an export")),
            Line::Store { .. } => return Err(reader.bad("opens a second export")),
            Line::Numbers { next: first_free } => next = first_free,
            Line::End { lines, checksum } => {
                if lines + 1 != reader.line || checksum != before {
                    return Err(reader.bad("does not fit the lines before it; the file was changed or cut"));
                }
                break;
            }
            line => pending.put(line)?,
        }
    }
    if reader.more()? {
        return Err(reader.bad("is followed by more"));
    }
    pending.plan.put_json(&Key::new(Table::Sequence), "a number", &next)?;
    pending.write()?;
    rows.engine().flush()?;
    Ok(Imported { lines: reader.line })
}

fn check_format(found: u32) -> Result<()> {
    if found > FORMAT { Err(StoreError::NewerFormat { found, known: FORMAT }) } else { Ok(()) }
}

/// Rows read and not yet written.
struct Pending<'a> {
    rows: &'a Rows,
    plan: Plan<'a>,
}

impl Pending<'_> {
    fn put(&mut self, line: Line) -> Result<()> {
        let mut batch = Batch::new();
        match line {
            Line::Store { .. } | Line::Numbers { .. } | Line::End { .. } => {}
            Line::Meta { name, value } => {
                batch.put_meta(&name, &value);
            }
            Line::Hint { connection, text, seq } => {
                hints::put_at(&mut self.plan, &connection, &text, seq)?;
            }
            Line::Case { id, case } => {
                batch.put_case(&id, &case);
            }
            Line::Timer { case, due } => {
                batch.set_timer(&case, Some(due));
            }
            Line::Settled { id, settlement } => {
                let body = encode(&settlement)?;
                self.plan.put(Key::new(Table::Settled).effect(&id), &body)?;
            }
            Line::Event { seq, case, event } => {
                let body = encode(&(case, event))?;
                self.plan.put(Key::new(Table::Inbox).number(seq), &body)?;
            }
            Line::Effect { effect, delivery } => {
                self.plan.put(Key::new(Table::Effect).effect(&effect.id), &encode(&effect)?)?;
                commit::put_delivery(&mut self.plan, &effect.id, &delivery)?;
            }
            Line::Journal { case, seq, entry } => {
                let body = encode(&entry)?;
                self.plan.put(Key::new(Table::Journal).case(&case).number(seq), &body)?;
            }
            Line::Fact { seq, case, fact } => {
                let body = encode(&(&case, &fact))?;
                self.plan.put(facts::key(case.connection(), fact.at, seq), &body)?;
            }
        }
        let operations: Vec<Operation> = batch.into_operations()?;
        commit::plan(self.rows, &mut self.plan, operations)?;
        if self.plan.len() >= USUAL_OPERATIONS { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let plan = std::mem::replace(&mut self.plan, Plan::new(self.rows, Numbers::default()));
        self.rows.engine().write(plan.finish()?.0)
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| StoreError::Encode { what: "an imported value", source })
}

/// The lines of an export.
struct Reader<'a, R> {
    from: R,
    line: u64,
    checksum: crc32fast::Hasher,
    directory: &'a Path,
}

impl<R: BufRead> Reader<'_, R> {
    fn next(&mut self) -> Result<Line> {
        let mut text = Vec::new();
        self.from.read_until(b'\n', &mut text).map_err(|source| self.failed(source))?;
        self.line += 1;
        if text.is_empty() {
            return Err(self.bad("is missing; the file was cut"));
        }
        self.checksum.update(&text);
        // serde's reason quotes the line, which may be a customer's text.
        serde_json::from_slice(&text).map_err(|_| self.bad("is not one that this version writes"))
    }

    fn more(&mut self) -> Result<bool> {
        match self.from.fill_buf() {
            Ok(rest) => Ok(!rest.is_empty()),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn bad(&self, problem: &str) -> StoreError {
        StoreError::BadExport { line: self.line, problem: problem.to_owned() }
    }

    fn failed(&self, source: io::Error) -> StoreError {
        io_error("read the export for what is to be", self.directory, source)
    }
}
