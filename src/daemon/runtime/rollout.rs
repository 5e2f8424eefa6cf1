//! Carries changed rules to the records that stand in the store.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_model::people::Profile;
use dealclock_model::{CaseId, Event, Object, RecordId, RecordRef, RuleKey};
use dealclock_store::Batch;
use serde::{Deserialize, Serialize};

use super::{CROWDED, Connection, Runtime, RuntimeError, Step, names};

/// Records told of the change in one step.
const RECORDS: usize = 80;

/// The rules that the records of a connection were last judged by; durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Every rule's version.
    pub versions: BTreeMap<RuleKey, u64>,
    /// The connection's profile: send time, quiet hours and the like.
    pub profile: Profile,
    /// The rules among them that are stopped.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stopped: BTreeSet<RuleKey>,
    /// How far the records have been told; `None` once all have.
    #[serde(default)]
    pub telling: Option<Telling>,
}

/// A change that is being carried to the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// The last record told.
    pub after: Option<RecordId>,
}

impl Runtime {
    pub(super) fn rollout_step(&self, connection: &Connection) -> Result<Step, RuntimeError> {
        let Some(people) = connection.people() else { return Ok(Step::Rest(None)) };
        if self.is_crowded()? {
            return Ok(Step::Rest(Some(self.clock.now() + CROWDED)));
        }
        let ruleset = self.ruleset();
        let on_connection = ruleset.rules.about(Object::Opportunity, connection.id());
        let versions: BTreeMap<_, _> = on_connection.map(|rule| (rule.key.clone(), rule.version)).collect();
        // Whatever is started again is judged anew, like everything after the daemon was down.
        let stopped = ruleset.rules.stopped.clone();
        let name = names::rollout(connection.id());
        let known: Option<Rollout> = self.store.meta(&name)?;
        let telling = match known {
            // Nothing was ever judged here: the first read will judge by these rules.
            None => None,
            Some(known)
                if known.versions == versions && known.profile == people.profile && known.stopped == stopped =>
            {
                match known.telling {
                    Some(telling) => Some(telling),
                    None => return Ok(Step::Rest(None)),
                }
            }
            Some(_) => Some(Telling::default()),
        };
        let mut rollout = Rollout { versions, profile: people.profile.clone(), stopped, telling: None };
        let mut events = Vec::new();
        if let Some(telling) = telling {
            let ids = self.store.record_ids(connection.id(), Object::Opportunity, telling.after.as_ref(), RECORDS)?;
            if ids.len() == RECORDS {
                rollout.telling = Some(Telling { after: ids.last().cloned() });
            }
            events.extend(ids.into_iter().map(|id| {
                let record = RecordRef { connection: connection.id().clone(), object: Object::Opportunity, id };
                (CaseId::Record(record), Event::RulesChanged)
            }));
        }
        let mut batch = Batch::new();
        batch.put_meta(&name, &rollout);
        self.enqueue(connection, events, batch)?;
        Ok(Step::Again)
    }
}
