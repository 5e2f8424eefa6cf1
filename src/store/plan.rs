//! The rows that a batch will change, seen through what it has already changed.

use dealclock_model::EffectId;
use dealclock_model::effect::Lane;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{self, Found};
use crate::engine::{Engine, Writes};
use crate::key::{Key, Table};
use crate::outbox::Delivery;
use crate::read::Rows;
use crate::{MAX_OPERATIONS, Result, StoreError};

/// How many numbers are reserved at a time: one row is written for so many.
const RESERVED_AT_ONCE: u64 = 4096;

/// Numbers for events, journal lines and outbox entries. Up to `reserved` they are spoken for on disk, and a restart
/// goes on there: numbers may be left out, and none is given out twice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) next: u64,
    pub(crate) reserved: u64,
}

impl Numbers {
    /// The numbers that the store on disk has not yet spoken for.
    pub(crate) fn restore(rows: &Rows) -> Result<Numbers> {
        let reserved = rows.json(&Key::new(Table::Sequence))?.unwrap_or(0);
        Ok(Numbers { next: reserved, reserved })
    }
}

/// A batch on its way to become writes. Reading sees earlier changes of the same batch.
pub(crate) struct Plan<'a> {
    rows: &'a Rows,
    writes: Writes,
    numbers: Numbers,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(rows: &'a Rows, numbers: Numbers) -> Plan<'a> {
        Plan { rows, writes: Writes::new(), numbers }
    }

    /// The rows to write, and the numbers left.
    pub(crate) fn finish(self) -> Result<(Writes, Numbers)> {
        let size = self.writes.len();
        if size > MAX_OPERATIONS {
            return Err(StoreError::TooLarge { what: "one decision", size, limit: MAX_OPERATIONS });
        }
        Ok((self.writes, self.numbers))
    }

    /// How many rows are to be written.
    pub(crate) fn len(&self) -> usize {
        self.writes.len()
    }

    pub(crate) fn number(&mut self) -> Result<u64> {
        if self.numbers.next == self.numbers.reserved {
            self.numbers.reserved += RESERVED_AT_ONCE;
            let reserved = self.numbers.reserved;
            self.put_json(&Key::new(Table::Sequence), "a number", &reserved)?;
        }
        let number = self.numbers.next;
        self.numbers.next += 1;
        Ok(number)
    }

    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.rows.engine().get(key),
        }
    }

    pub(crate) fn body(&self, key: &Key) -> Result<Option<Vec<u8>>> {
        let value = self.value(key.as_bytes())?;
        match body::read(key.as_bytes(), value, |piece| self.value(piece))? {
            Found::Absent => Ok(None),
            Found::Body(body) => Ok(Some(body)),
            Found::Torn => Err(self.rows.damaged("a value has lost a piece")),
        }
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        self.body(key)?.map(|body| self.rows.decode(&body)).transpose()
    }

    /// Writes a body, and removes the pieces of a longer one that stood there.
    pub(crate) fn put(&mut self, key: Key, body: &[u8]) -> Result<()> {
        self.remove_pieces(&key)?;
        self.put_new(key, body)
    }

    /// Writes a body under a key that surely was never used.
    pub(crate) fn put_new(&mut self, key: Key, body: &[u8]) -> Result<()> {
        body::write(key.into_bytes(), body, &mut self.writes)
    }

    pub(crate) fn put_json<T: Serialize>(&mut self, key: &Key, what: &'static str, value: &T) -> Result<()> {
        let body = serde_json::to_vec(value).map_err(|source| StoreError::Encode { what, source })?;
        self.put(key.clone(), &body)
    }

    /// Removes a row with its pieces.
    pub(crate) fn remove(&mut self, key: Key) -> Result<()> {
        self.remove_pieces(&key)?;
        self.writes.insert(key.into_bytes(), None);
        Ok(())
    }

    /// Removes a row of an index, which has no pieces.
    pub(crate) fn remove_index(&mut self, key: Key) {
        self.writes.insert(key.into_bytes(), None);
    }

    fn remove_pieces(&mut self, key: &Key) -> Result<()> {
        let pieces = self.value(key.as_bytes())?.as_deref().and_then(body::announced).unwrap_or(0);
        for number in 0..pieces {
            self.writes.insert(Key::chunk(key.as_bytes(), number), None);
        }
        Ok(())
    }

    /// Adds or removes the row by which a delivery is found when its time comes.
    pub(crate) fn index_delivery(&mut self, id: &EffectId, delivery: &Delivery, ready: bool) -> Result<()> {
        let key = ready_key(&delivery.lane, delivery);
        if ready {
            self.put_new(key, id.to_string().as_bytes())
        } else {
            self.remove_index(key);
            Ok(())
        }
    }
}

fn ready_key(lane: &Lane, delivery: &Delivery) -> Key {
    Key::new(Table::Ready).lane(lane).instant(delivery.not_before).number(delivery.seq)
}
