//! After a first read: reads back, from our keys in the CRM, what an earlier store had written, before anything is written.

use std::collections::BTreeMap;

use dealclock_model::effect::Lane;
use dealclock_model::{CaseId, Event, Object, RecordId, RecordRef};
use dealclock_store::Batch;

use super::gate::Gate;
use super::signals::LoopId;
use super::{Connection, Phase, Runtime, RuntimeError, Step, names};

const WORK: &str = "read back";
/// Records asked about in one step.
const RECORDS: usize = 1000;

impl Runtime {
    pub(super) async fn recover_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let Phase::ReadBack { after } = self.phase(connection)? else { return Ok(Step::Rest(None)) };
        if let Gate::Break(rest) = self.gate(connection, WORK, |_| true)? {
            return Ok(rest);
        }
        let (records, last) = self.next_records(connection, after.as_ref())?;
        let written =
            if records.is_empty() { Ok(Vec::new()) } else { connection.spec.connector.written(&records).await };
        let written = match written {
            Ok(written) => written,
            Err(error) => return Ok(Step::Rest(Some(connection.failed(WORK, &error, self.clock.now())))),
        };
        connection.recovered(WORK);
        let keys: BTreeMap<_, _> = records.into_iter().zip(written).filter(|(_, keys)| !keys.is_empty()).collect();
        if !keys.is_empty() {
            tracing::info!(connection = %connection.id(), records = keys.len(), "read back what an earlier store wrote");
        }
        let any = !keys.is_empty();
        let events =
            keys.into_iter().map(|(record, keys)| (CaseId::Record(record), Event::Recovered { keys })).collect();
        let ended = last.is_none();
        let phase = if ended { Phase::Live } else { Phase::ReadBack { after: last } };
        let mut batch = Batch::new();
        batch.put_meta(&names::phase(connection.id()), &phase);
        if any {
            batch.put_meta(&names::earlier_store(connection.id()), &true);
        }
        self.enqueue(connection, events, batch)?;
        if ended {
            let id = connection.id().clone();
            let deliver = LoopId::Deliver(Lane::Crm(id.clone()));
            let hints = LoopId::Hints(id.clone());
            for next in [LoopId::Poll(id.clone()), hints, LoopId::Timers(id.clone()), deliver, LoopId::Reconcile(id)] {
                self.signals.raise(&next);
            }
        }
        Ok(Step::Again)
    }

    /// The next records, and the last of them; `None` when there are no more. Records without a clock are asked about as
    /// well: their next episode must not take up the ids of one that the lost store knew.
    fn next_records(
        &self,
        connection: &Connection,
        after: Option<&RecordId>,
    ) -> Result<(Vec<RecordRef>, Option<RecordId>), RuntimeError> {
        let ids = self.store.record_ids(connection.id(), Object::Opportunity, after, RECORDS)?;
        let last = (ids.len() == RECORDS).then(|| ids.last().cloned()).flatten();
        let record = |id| RecordRef { connection: connection.id().clone(), object: Object::Opportunity, id };
        Ok((ids.into_iter().map(record).collect(), last))
    }
}
