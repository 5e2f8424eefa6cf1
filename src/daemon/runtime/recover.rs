//! After a first read: reads back, from our keys in the CRM, what an earlier store had written, before anything is written.

use std::collections::BTreeMap;

use dealclock_model::{Case, CaseId, Event, Object, RecordId, RecordRef};
use dealclock_store::Batch;

use super::signals::LoopId;
use super::{Connection, Phase, Runtime, RuntimeError, Step, names};

const WORK: &str = "read back";
/// Records asked about in one step.
const RECORDS: usize = 500;

impl Runtime {
    pub(super) async fn recover_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let Phase::ReadBack { after } = self.phase(connection)? else { return Ok(Step::Rest(None)) };
        let now = self.clock.now();
        if let Some(until) = connection.waits(WORK, now) {
            return Ok(Step::Rest(Some(until)));
        }
        let (with_clocks, last) = self.records_with_clocks(connection, after.as_ref())?;
        let written =
            if with_clocks.is_empty() { Ok(Vec::new()) } else { connection.spec.connector.written(&with_clocks).await };
        let written = match written {
            Ok(written) => written,
            Err(error) => return Ok(Step::Rest(Some(connection.failed(WORK, &error, now)))),
        };
        connection.recovered(WORK);
        let keys: BTreeMap<_, _> = with_clocks.into_iter().zip(written).filter(|(_, keys)| !keys.is_empty()).collect();
        if !keys.is_empty() {
            tracing::info!(connection = %connection.id(), records = keys.len(), "read back what an earlier store wrote");
        }
        let events =
            keys.into_iter().map(|(record, keys)| (CaseId::Record(record), Event::Recovered { keys })).collect();
        let ended = last.is_none();
        let phase = if ended { Phase::Live } else { Phase::ReadBack { after: last } };
        let mut batch = Batch::new();
        batch.put_meta(&names::phase(connection.id()), &phase);
        self.enqueue(events, batch)?;
        if ended {
            let id = connection.id().clone();
            for next in [LoopId::Poll(id.clone()), LoopId::Timers(id.clone()), LoopId::Reconcile(id)] {
                self.signals.raise(&next);
            }
        }
        Ok(Step::Again)
    }

    /// The next records that a clock runs for, and the last record looked at; `None` when all were.
    fn records_with_clocks(
        &self,
        connection: &Connection,
        after: Option<&RecordId>,
    ) -> Result<(Vec<RecordRef>, Option<RecordId>), RuntimeError> {
        let ids = self.store.record_ids(connection.id(), Object::Opportunity, after, RECORDS)?;
        let last = (ids.len() == RECORDS).then(|| ids.last().cloned()).flatten();
        let mut found = Vec::new();
        for id in ids {
            let record = RecordRef { connection: connection.id().clone(), object: Object::Opportunity, id };
            let case = self.store.case(&CaseId::Record(record.clone()))?;
            if case.as_ref().and_then(Case::as_record).is_some_and(|case| !case.clocks.is_empty()) {
                found.push(record);
            }
        }
        Ok((found, last))
    }
}
