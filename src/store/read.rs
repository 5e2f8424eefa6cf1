//! Reading rows: bodies put together, decoded, or reported as damage.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dealclock_model::{CaseId, EffectId};
use serde::de::DeserializeOwned;

use crate::body::{self, Found};
use crate::engine::Engine;
use crate::key::{Key, KeyReader, Table};
use crate::plan::Numbers;
use crate::sled_engine::SledEngine;
use crate::{Result, StoreError};

/// The engine with what reading needs beside it.
pub(crate) struct Rows {
    engine: SledEngine,
    /// The one writer's lock; a reader takes it only to read a row again that changed under its eyes.
    pub(crate) writer: Mutex<Numbers>,
    directory: PathBuf,
}

impl Rows {
    pub(crate) fn new(engine: SledEngine, directory: &Path) -> Rows {
        Rows { engine, writer: Mutex::default(), directory: directory.to_owned() }
    }

    pub(crate) fn engine(&self) -> &impl Engine {
        &self.engine
    }

    /// The store's directory, for errors.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The error for bytes that cannot be what was written.
    pub(crate) fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { path: self.directory.clone(), what: what.to_owned() }
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T> {
        // The reason is not shown: serde quotes what it could not read, and that may be a customer's text.
        serde_json::from_slice(body).map_err(|_| self.damaged("a value cannot be read"))
    }

    pub(crate) fn body(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        let value = self.engine.get(key.as_bytes())?;
        self.whole(key.as_bytes(), value)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        self.body(key)?.map(|body| self.decode(&body)).transpose()
    }

    /// Visits the bodies of `from..to` in order, until `visit` breaks.
    pub(crate) fn scan(
        &self,
        from: &Key,
        to: &Key,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        self.engine.scan(from.as_bytes(), to.as_bytes(), &mut |key, value| match self
            .whole(key, Some(value.to_vec()))?
        {
            Some(body) => visit(key, &body),
            None => Ok(ControlFlow::Continue(())),
        })
    }

    /// Up to `limit` rows of `from..to`, each made by `make`; rows for which it makes nothing are left out.
    pub(crate) fn page<T>(
        &self,
        from: &Key,
        to: &Key,
        limit: usize,
        mut make: impl FnMut(&[u8], &[u8]) -> Result<Option<T>>,
    ) -> Result<Vec<T>> {
        let mut page = Vec::new();
        if limit == 0 {
            return Ok(page);
        }
        self.scan(from, to, |key, body| {
            page.extend(make(key, body)?);
            Ok(if page.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        Ok(page)
    }

    /// The effects that wait until the case's record is unlocked.
    pub(crate) fn locked(&self, case: &CaseId) -> Result<Vec<EffectId>> {
        let all = Key::new(Table::Locked).case(case);
        self.page(&all, &all.end(), usize::MAX, |key, _| self.part(KeyReader::behind(&all, key).effect()).map(Some))
    }

    /// A part of a key that must be there.
    pub(crate) fn part<T>(&self, part: Option<T>) -> Result<T> {
        part.ok_or_else(|| self.damaged("a key cannot be read"))
    }

    fn whole(&self, key: &[u8], value: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
        match body::read(key, value, |piece| self.engine.get(piece))? {
            Found::Absent => Ok(None),
            Found::Body(body) => Ok(Some(body)),
            Found::Torn => self.read_undisturbed(key),
        }
    }

    fn read_undisturbed(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let _nobody_writes = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match body::read(key, self.engine.get(key)?, |piece| self.engine.get(piece))? {
            Found::Absent => Ok(None),
            Found::Body(body) => Ok(Some(body)),
            Found::Torn => Err(self.damaged("a value has lost a piece")),
        }
    }
}
