//! The store: what can be asked of it, and the one commit.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError};

use dealclock_model::effect::Lane;
use dealclock_model::{
    Case, CaseId, ConnectionId, Effect, EffectId, Entry, Event, Instant, Object, PersonId, RecordId, RecordRef,
};
use serde::de::DeserializeOwned;

use crate::batch::split_persons;
use crate::engine::Engine;
use crate::export::Exported;
use crate::key::{Key, KeyReader, Table};
use crate::open::Opened;
use crate::outbox::Delivery;
use crate::plan::Plan;
use crate::read::Rows;
use crate::{Batch, Committed, Health, Options, OutboxCounts, OutboxEntry, Result, Seq, Settlement, commit};

/// The format that this version writes, and the newest it reads.
///
/// It rises when rows that are already there come to mean something else. A new table, or a field of a value that stands
/// for nothing when it is absent, leaves it: what an older version wrote is read unchanged, and its exports are imported.
pub const FORMAT: u32 = 1;

/// An open store. Clones are handles to the same one; the last one closes it.
#[derive(Clone)]
pub struct Store {
    opened: Arc<Opened>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.opened.directory).finish()
    }
}

impl Store {
    /// Opens the store in a directory, or makes one there.
    ///
    /// Leftovers of a crash are mended on the way; damage, a newer format and a store in use are told apart.
    pub fn open(options: &Options) -> Result<Store> {
        Ok(Store { opened: Arc::new(Opened::open(options)?) })
    }

    /// Applies a batch whole or not at all. What it changed is seen at once and survives a crash of the process; it
    /// survives a loss of power once [`Store::durable`] has answered.
    pub fn commit(&self, batch: Batch) -> Result<Committed> {
        let operations = batch.into_operations()?;
        let rows = self.rows();
        let mut numbers = rows.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.opened.flusher.check()?;
        let mut plan = Plan::new(rows, *numbers);
        let committed = commit::plan(rows, &mut plan, operations)?;
        let (writes, left) = plan.finish()?;
        if !writes.is_empty() {
            let written = rows.engine().write(writes);
            self.opened.flusher.record(&written);
            written?;
        }
        *numbers = left;
        Ok(committed)
    }

    /// Returns once everything committed before the call survives a loss of power. Many may wait for one flush.
    pub async fn durable(&self) -> Result<()> {
        self.opened.flusher.durable().await
    }

    /// The same for a thread that may block.
    pub fn durable_blocking(&self) -> Result<()> {
        self.opened.flusher.durable_blocking()
    }

    /// One case.
    pub fn case(&self, id: &CaseId) -> Result<Option<Case>> {
        let body = self.rows().body(&Key::new(Table::Case).case(id))?;
        body.map(|body| self.decode_case(&body)).transpose()
    }

    /// Cases of a connection in order, records first, behind `after`.
    pub fn cases(
        &self,
        connection: &ConnectionId,
        after: Option<&CaseId>,
        limit: usize,
    ) -> Result<Vec<(CaseId, Case)>> {
        let all = Key::new(Table::Case).text(connection.as_str());
        let from = after.map_or_else(|| all.clone(), |id| Key::new(Table::Case).case(id).next());
        self.rows().page(&from, &all.end(), limit, |key, body| {
            let id = self.rows().part(KeyReader::new(key).case())?;
            Ok(Some((id, self.decode_case(body)?)))
        })
    }

    /// Ids of the records of a kind that there is a case for, in order, behind `after`.
    pub fn record_ids(
        &self,
        connection: &ConnectionId,
        object: Object,
        after: Option<&RecordId>,
        limit: usize,
    ) -> Result<Vec<RecordId>> {
        let all = Key::new(Table::Case).records(connection, object);
        let from = after.map_or_else(|| all.clone(), |id| all.clone().text(id.as_str()).next());
        self.rows().page(&from, &all.end(), limit, |key, _| match self.rows().part(KeyReader::new(key).case())? {
            CaseId::Record(RecordRef { id, .. }) => Ok(Some(id)),
            CaseId::Person { .. } | CaseId::Intake { .. } | CaseId::Digest { .. } | CaseId::Report { .. } => Ok(None),
        })
    }

    /// The cases for which a change of the person is an event.
    pub fn cases_naming(&self, connection: &ConnectionId, person: &PersonId) -> Result<Vec<CaseId>> {
        let all = Key::new(Table::Naming).text(connection.as_str()).text(person.as_str());
        self.rows().page(&all, &all.end(), usize::MAX, |key, _| {
            self.rows().part(KeyReader::behind(&all, key).case()).map(Some)
        })
    }

    /// The events that have waited longest, in order of arrival.
    pub fn inbox_head(&self, limit: usize) -> Result<Vec<(Seq, CaseId, Event)>> {
        self.inbox_after(None, limit)
    }

    /// The events behind a place in the inbox, in order of arrival.
    pub fn inbox_after(&self, after: Option<Seq>, limit: usize) -> Result<Vec<(Seq, CaseId, Event)>> {
        let all = Key::new(Table::Inbox);
        let from = after.map_or_else(|| all.clone(), |Seq(seq)| all.clone().number(seq).next());
        self.rows().page(&from, &all.end(), limit, |key, body| {
            let seq = self.rows().part(KeyReader::new(key).number())?;
            let (case, event) = self.rows().decode(body)?;
            Ok(Some((Seq(seq), case, event)))
        })
    }

    /// How many events wait.
    pub fn inbox_len(&self) -> Result<u64> {
        let all = Key::new(Table::Inbox);
        let mut count = 0;
        self.rows().engine().scan(all.as_bytes(), all.end().as_bytes(), &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    /// The case's timer.
    pub fn timer(&self, case: &CaseId) -> Result<Option<Instant>> {
        let Some(bytes) = self.rows().body(&Key::new(Table::Wake).case(case))? else { return Ok(None) };
        let instant = bytes.try_into().ok().and_then(crate::key::instant_from);
        instant.map(Some).ok_or_else(|| self.rows().damaged("a timer cannot be read"))
    }

    /// Timers that have come on any connection, in order of their instants.
    pub fn due(&self, now: Instant, limit: usize) -> Result<Vec<(Instant, CaseId)>> {
        let mut due = Vec::new();
        for connection in self.connections_with_timers()? {
            due.extend(self.due_on(&connection, now, limit)?);
        }
        due.sort();
        due.truncate(limit);
        Ok(due)
    }

    /// Timers that have come on one connection, in order of their instants.
    pub fn due_on(&self, connection: &ConnectionId, now: Instant, limit: usize) -> Result<Vec<(Instant, CaseId)>> {
        let all = Key::new(Table::Timer).text(connection.as_str());
        let to = all.clone().instant(now).end();
        self.rows().page(&all, &to, limit, |key, _| self.timer_of(key).map(Some))
    }

    /// The first timer on any connection that lies later than `after`.
    pub fn next_timer(&self, after: Option<Instant>) -> Result<Option<Instant>> {
        let mut first = None;
        for connection in self.connections_with_timers()? {
            let next = self.next_timer_on(&connection, after)?;
            first = first.into_iter().chain(next).min();
        }
        Ok(first)
    }

    /// The first timer on one connection that lies later than `after`.
    pub fn next_timer_on(&self, connection: &ConnectionId, after: Option<Instant>) -> Result<Option<Instant>> {
        let all = Key::new(Table::Timer).text(connection.as_str());
        let from = after.map_or_else(|| all.clone(), |after| all.clone().instant(after).end());
        let next = self.rows().page(&from, &all.end(), 1, |key, _| self.timer_of(key).map(Some))?;
        Ok(next.into_iter().next().map(|(instant, _)| instant))
    }

    /// Effects of a lane that may be tried now: those to be tried first come first. Parked ones are not among them.
    pub fn outbox(&self, lane: &Lane, now: Instant, limit: usize) -> Result<Vec<OutboxEntry>> {
        let all = Key::new(Table::Ready).lane(lane);
        let to = all.clone().instant(now).end();
        self.rows().page(&all, &to, limit, |_, id| {
            let id = std::str::from_utf8(id).ok().and_then(|text| text.parse().ok());
            self.outbox_get(&self.rows().part(id)?)
        })
    }

    /// One effect in the outbox.
    pub fn outbox_get(&self, id: &EffectId) -> Result<Option<OutboxEntry>> {
        let Some(delivery) = self.rows().json::<Delivery>(&Key::new(Table::Delivery).effect(id))? else {
            return Ok(None);
        };
        let effect = self.rows().json::<Effect>(&Key::new(Table::Effect).effect(id))?;
        Ok(effect.map(|effect| delivery.entry(effect)))
    }

    /// Everything in the outbox by id, behind `after`; parked ones too.
    pub fn outbox_all(&self, after: Option<&EffectId>, limit: usize) -> Result<Vec<OutboxEntry>> {
        let all = Key::new(Table::Delivery);
        let from = after.map_or_else(|| all.clone(), |id| all.clone().effect(id).next());
        self.rows()
            .page(&from, &all.end(), limit, |key, _| self.outbox_get(&self.rows().part(KeyReader::new(key).effect())?))
    }

    /// When the next effect of a lane may be tried; in the past when one may be tried now.
    pub fn next_ready(&self, lane: &Lane) -> Result<Option<Instant>> {
        let all = Key::new(Table::Ready).lane(lane);
        let next = self
            .rows()
            .page(&all, &all.end(), 1, |key, _| self.rows().part(KeyReader::behind(&all, key).instant()).map(Some))?;
        Ok(next.into_iter().next())
    }

    /// The effects of a case that wait until its record is unlocked.
    pub fn locked(&self, case: &CaseId) -> Result<Vec<OutboxEntry>> {
        let waiting = self.rows().locked(case)?;
        waiting.iter().filter_map(|id| self.outbox_get(id).transpose()).collect()
    }

    /// How many effects stand where, by lane.
    pub fn outbox_counts(&self) -> Result<BTreeMap<Lane, OutboxCounts>> {
        let all = Key::new(Table::Delivery);
        let mut counts = BTreeMap::<Lane, OutboxCounts>::new();
        self.rows().scan(&all, &all.end(), |_, body| {
            let delivery: Delivery = self.rows().decode(body)?;
            counts.entry(delivery.lane.clone()).or_default().count(&delivery);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(counts)
    }

    /// What became of an effect that has left the outbox with an outcome.
    pub fn settled(&self, id: &EffectId) -> Result<Option<Settlement>> {
        self.rows().json(&Key::new(Table::Settled).effect(id))
    }

    /// The journal of a case, oldest first, behind `after`. The numbers rise and may leave some out.
    pub fn journal(&self, case: &CaseId, after: Option<u64>, limit: usize) -> Result<Vec<(u64, Entry)>> {
        let all = Key::new(Table::Journal).case(case);
        let from = after.map_or_else(|| all.clone(), |seq| all.clone().number(seq).next());
        self.rows().page(&from, &all.end(), limit, |key, body| {
            let seq = self.rows().part(KeyReader::behind(&all, key).number())?;
            Ok(Some((seq, self.rows().decode(body)?)))
        })
    }

    /// A setting of any type, as it was put under the same name.
    pub fn meta<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.rows().json(&Key::new(Table::Meta).text(name))
    }

    /// Names of settings that begin with `prefix`, in order.
    pub fn meta_names(&self, prefix: &str) -> Result<Vec<String>> {
        let all = Key::new(Table::Meta);
        self.rows().page(&all, &all.end(), usize::MAX, |key, _| {
            let name = self.rows().part(KeyReader::new(key).text())?;
            Ok(name.starts_with(prefix).then_some(name))
        })
    }

    /// How the store is.
    pub fn health(&self) -> Result<Health> {
        self.opened.health()
    }

    /// Writes everything as lines of JSON with a checksum at the end. What is committed meanwhile may be left out, so
    /// nothing should be.
    pub fn export(&self, to: impl std::io::Write) -> Result<Exported> {
        crate::export::export(self.rows(), to)
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.opened.rows
    }

    fn decode_case(&self, body: &[u8]) -> Result<Case> {
        let (_, json) = split_persons(body).ok_or_else(|| self.rows().damaged("a case cannot be read"))?;
        self.rows().decode(json)
    }

    fn timer_of(&self, key: &[u8]) -> Result<(Instant, CaseId)> {
        let mut parts = KeyReader::new(key);
        let timer = parts.text().and_then(|_| parts.instant()).and_then(|due| Some((due, parts.case()?)));
        self.rows().part(timer)
    }

    /// Leaps from the first timer of one connection to the first of the next.
    fn connections_with_timers(&self) -> Result<Vec<ConnectionId>> {
        let end = Key::new(Table::Timer).end();
        let mut from = Key::new(Table::Timer);
        let mut connections = Vec::new();
        loop {
            let first =
                self.rows().page(&from, &end, 1, |key, _| self.rows().part(KeyReader::new(key).text()).map(Some))?;
            let Some(name) = first.into_iter().next() else { return Ok(connections) };
            from = Key::new(Table::Timer).text(&name).end();
            connections.push(name.into());
        }
    }
}
