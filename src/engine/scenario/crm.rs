//! The CRM of a scenario: records with their history, and tasks that stay as people leave them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Duration;
use dealclock_model::effect::{RecordUpdate, TaskStatus};
use dealclock_model::record::{FieldHistory, field};
use dealclock_model::request::{NativeSeen, TaskSeen};
use dealclock_model::{
    Change, ChangeState, ConnectionId, EffectId, FieldName, Instant, Object, Outcome, PersonId, Receipt, Record,
    RecordId, RecordRef, Ruling, Value, Write,
};

/// The CRM.
pub(super) struct Crm {
    connection: ConnectionId,
    records: BTreeMap<RecordId, Kept>,
    tasks: BTreeMap<String, Task>,
    /// Runs of its own approval process, the newest first.
    runs: BTreeMap<RecordId, Vec<NativeSeen>>,
    /// Whether no record can be handed in there.
    pub(super) no_approval_process: bool,
    /// The store was lost once: creations are looked up by their keys before they are written.
    pub(super) asks_by_key: bool,
}

/// A record with its past.
struct Kept {
    stamp: Instant,
    state: ChangeState,
    record: Record,
    history: BTreeMap<FieldName, Vec<(Instant, Value)>>,
    /// The stamp that Dealclock was told last.
    told: Option<Instant>,
    /// Nothing can be read of it before then, as when a search index lags.
    hidden_until: Option<Instant>,
}

/// A task.
struct Task {
    key: EffectId,
    record: Option<RecordRef>,
    step: String,
    owner: PersonId,
    completed_by_hand: bool,
    /// It asks for a decision.
    asks: bool,
    /// What its outcome field says.
    outcome: Option<Ruling>,
    /// When a person completed it.
    completed_at: Option<Instant>,
}

impl Crm {
    pub(super) fn new(connection: ConnectionId) -> Crm {
        Crm {
            connection,
            records: BTreeMap::new(),
            tasks: BTreeMap::new(),
            runs: BTreeMap::new(),
            no_approval_process: false,
            asks_by_key: false,
        }
    }

    pub(super) fn reference(&self, id: &RecordId) -> RecordRef {
        RecordRef { connection: self.connection.clone(), object: Object::Opportunity, id: id.clone() }
    }

    /// Sets fields; a new stage is entered at that moment.
    pub(super) fn set(
        &mut self,
        id: &RecordId,
        values: &[(String, Value)],
        owner: Option<&Option<PersonId>>,
        at: Instant,
    ) {
        let kept = self.records.entry(id.clone()).or_insert_with(|| {
            let fields = [
                (field::NAME, Value::text(id.as_str())),
                (field::CREATED_AT, Value::Time(at)),
                (field::IS_CLOSED, Value::Bool(false)),
            ];
            let fields = fields.into_iter().map(|(name, value)| (FieldName::from(name), value)).collect();
            let record = Record { owner: None, fields, url: None, parked: None };
            Kept {
                stamp: at,
                state: ChangeState::Present(record.clone()),
                record,
                history: BTreeMap::new(),
                told: None,
                hidden_until: None,
            }
        });
        kept.stamp = at;
        kept.put(field::MODIFIED_AT, Value::Time(at), at);
        for (name, value) in values {
            let enters = name == field::STAGE && kept.record.get(name) != value;
            kept.put(name, value.clone(), at);
            if enters && !values.iter().any(|(name, _)| name == field::STAGE_ENTERED_AT) {
                kept.put(field::STAGE_ENTERED_AT, Value::Time(at), at);
            }
        }
        if let Some(owner) = owner {
            kept.record.owner.clone_from(owner);
            let value = owner.as_ref().map_or(Value::Null, |owner| Value::text(owner.as_str()));
            kept.history.entry(FieldName::from("owner.id")).or_default().push((at, value));
        }
        kept.state = ChangeState::Present(kept.record.clone());
    }

    /// Lets nothing be read of a record before then.
    pub(super) fn hide(&mut self, id: &RecordId, until: Instant) {
        if let Some(kept) = self.records.get_mut(id) {
            kept.hidden_until = Some(until);
        }
    }

    /// When something hidden can be read next.
    pub(super) fn shows_at(&self) -> Option<Instant> {
        self.records.values().filter_map(|kept| kept.hidden_until).min()
    }

    /// Gives a record another state.
    pub(super) fn turn(&mut self, id: &RecordId, state: ChangeState, at: Instant) {
        if let Some(kept) = self.records.get_mut(id) {
            kept.stamp = at;
            kept.state = state;
        }
    }

    /// Brings a record back from the recycle bin.
    pub(super) fn restore(&mut self, id: &RecordId, at: Instant) {
        if let Some(kept) = self.records.get_mut(id) {
            kept.stamp = at;
            kept.state = ChangeState::Present(kept.record.clone());
        }
    }

    /// What Dealclock has not been told yet, or everything, with the history since then.
    pub(super) fn news(&mut self, all: bool, with_history: bool, now: Instant) -> Vec<(Change, Vec<FieldHistory>)> {
        let mut news = Vec::new();
        for (id, kept) in &mut self.records {
            kept.hidden_until = kept.hidden_until.filter(|until| *until > now);
            if kept.hidden_until.is_some() || (!all && kept.told == Some(kept.stamp)) {
                continue;
            }
            let since = kept.told.filter(|_| !all);
            let record = RecordRef { connection: self.connection.clone(), object: Object::Opportunity, id: id.clone() };
            let change = Change { record, stamp: kept.stamp, state: kept.state.clone() };
            let history = if with_history { kept.history_since(since) } else { Vec::new() };
            kept.told = Some(kept.stamp);
            news.push((change, history));
        }
        news
    }

    /// Completes the task of a step by hand; tells whether there is one.
    pub(super) fn complete(&mut self, record: &RecordRef, step: &str) -> bool {
        let mut tasks = self.tasks.values_mut().rev();
        let task = tasks.find(|task| task.record.as_ref() == Some(record) && task.step == step);
        task.map(|task| task.completed_by_hand = true).is_some()
    }

    /// Applies a write; what a person completed or changed is left alone.
    pub(super) fn apply(&mut self, effect: EffectId, step: &str, write: &Write, now: Instant) -> Outcome {
        let receipt = |id: &str| Receipt { id: Some(id.to_owned()), found: false, kept: Vec::new() };
        Outcome::Applied(match write {
            Write::CreateTask(task) => {
                let known = self.tasks.iter().find(|(_, task)| self.asks_by_key && task.key == effect);
                if let Some((id, _)) = known {
                    return Outcome::Applied(Receipt { found: true, ..receipt(id) });
                }
                let id = format!("T{:04}", self.tasks.len() + 1);
                let task = Task {
                    key: effect,
                    record: task.record.clone(),
                    step: step.to_owned(),
                    owner: task.owner.clone(),
                    completed_by_hand: false,
                    asks: task.asks,
                    outcome: None,
                    completed_at: None,
                };
                self.tasks.insert(id.clone(), task);
                receipt(&id)
            }
            Write::UpdateTask(update) => match self.tasks.get_mut(&update.task) {
                Some(task) if !task.completed_by_hand => {
                    task.owner = update.set.owner.clone().unwrap_or_else(|| task.owner.clone());
                    task.completed_by_hand |= update.set.status == Some(TaskStatus::Done);
                    receipt(&update.task)
                }
                Some(_) | None => Receipt { kept: vec!["the task is completed".to_owned()], ..receipt(&update.task) },
            },
            Write::UpdateRecord(update) => self.update(update, now),
            Write::SubmitApproval(submission) => {
                if self.no_approval_process {
                    return Outcome::Refused { reason: "no approval process applies to the record".to_owned() };
                }
                let runs = self.runs.entry(submission.record.id.clone()).or_default();
                // A record is in one run at a time.
                match runs.iter().find(|run| run.decided_at.is_none()) {
                    Some(run) if run.effect.is_some_and(|earlier| earlier.is_beside(&effect)) => {
                        return Outcome::Applied(Receipt { found: true, ..receipt(&run.id) });
                    }
                    Some(_) => return Outcome::Refused { reason: "the record is in an approval already".to_owned() },
                    None => {}
                }
                let run = NativeSeen {
                    id: format!("N{:04}", runs.len() + 1),
                    effect: Some(effect),
                    ruling: None,
                    by: None,
                    comment: None,
                    submitted_at: now,
                    decided_at: None,
                };
                let receipt = receipt(&run.id);
                runs.insert(0, run);
                receipt
            }
            Write::SendEmail(_) | Write::Notify(_) | Write::SendCrmEmail(_) => {
                Receipt { id: None, found: false, kept: Vec::new() }
            }
        })
    }

    /// Sets fields of a record that still hold what was expected; an unticked checkbox may be empty.
    fn update(&mut self, update: &RecordUpdate, now: Instant) -> Receipt {
        let receipt = Receipt { id: Some(update.record.id.to_string()), found: false, kept: Vec::new() };
        let Some(kept) = self.records.get(&update.record.id) else { return receipt };
        let same = |is: &Value, wanted: &Value| {
            is == wanted || [is, wanted].into_iter().all(|value| matches!(value, Value::Null | Value::Bool(false)))
        };
        let foreign = |(name, _): &(&FieldName, &Value)| {
            let is = kept.record.get(name.as_str());
            let expected = update.expect.get(*name).unwrap_or(&Value::Null);
            !same(is, expected) && !update.set.get(*name).is_some_and(|wanted| same(is, wanted))
        };
        let changed: Vec<String> = update.set.iter().filter(foreign).map(|(name, _)| name.to_string()).collect();
        if !changed.is_empty() {
            return Receipt { kept: changed, ..receipt };
        }
        let at = now.max(kept.stamp + Duration::milliseconds(1));
        let values: Vec<_> = update.set.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        self.set(&update.record.id, &values, None, at);
        receipt
    }

    /// A person completes their task that asks for a decision, with an outcome or without.
    pub(super) fn decide_task(&mut self, record: &RecordRef, by: &PersonId, ruling: Option<Ruling>, at: Instant) {
        let asking = |task: &&mut Task| {
            task.asks && !task.completed_by_hand && task.owner == *by && task.record.as_ref() == Some(record)
        };
        if let Some(task) = self.tasks.values_mut().rev().find(asking) {
            task.completed_by_hand = true;
            task.outcome = ruling;
            task.completed_at = Some(at);
        }
    }

    /// Somebody decides in the CRM's own approval process: the run that waits, or a new one.
    pub(super) fn decide_run(
        &mut self,
        record: &RecordId,
        by: &PersonId,
        ruling: Option<Ruling>,
        comment: Option<&String>,
        at: Instant,
    ) {
        let runs = self.runs.entry(record.clone()).or_default();
        if runs.first().is_none_or(|run| run.decided_at.is_some()) {
            let id = format!("N{:04}", runs.len() + 1);
            let run = NativeSeen {
                id,
                effect: None,
                ruling: None,
                by: None,
                comment: None,
                submitted_at: at,
                decided_at: None,
            };
            runs.insert(0, run);
        }
        if let Some(run) = runs.first_mut() {
            run.ruling = ruling;
            run.by = Some(by.clone());
            run.comment = comment.cloned();
            run.decided_at = Some(at);
        }
    }

    /// The runs of the CRM's own approval process on a record, the newest first.
    pub(super) fn runs(&self, record: &RecordId) -> Vec<NativeSeen> {
        self.runs.get(record).cloned().unwrap_or_default()
    }

    /// A task that a person completed, as it stands.
    pub(super) fn completed(&self, id: &str) -> Option<TaskSeen> {
        let task = self.tasks.get(id)?;
        let at = task.completed_at?;
        Some(TaskSeen { task: id.to_owned(), done: true, outcome: task.outcome, owner: Some(task.owner.clone()), at })
    }

    /// Whether there is something that Dealclock was not told yet.
    pub(super) fn has_news(&self) -> bool {
        self.records.values().any(|kept| kept.hidden_until.is_none() && kept.told != Some(kept.stamp))
    }

    /// The keys of ours on every record's tasks.
    pub(super) fn keys(&self) -> BTreeMap<RecordRef, Vec<(EffectId, String)>> {
        let mut keys: BTreeMap<RecordRef, Vec<(EffectId, String)>> = BTreeMap::new();
        for (id, task) in &self.tasks {
            if let Some(record) = &task.record {
                keys.entry(record.clone()).or_default().push((task.key, id.clone()));
            }
        }
        keys
    }

    /// Effects for which more than one task was made.
    pub(super) fn doubles(&self) -> usize {
        let keys: BTreeSet<EffectId> = self.tasks.values().map(|task| task.key).collect();
        self.tasks.len() - keys.len()
    }
}

impl Kept {
    fn put(&mut self, name: &str, value: Value, at: Instant) {
        let name = FieldName::from(name);
        if self.record.get(name.as_str()) == &value {
            return;
        }
        self.history.entry(name.clone()).or_default().push((at, value.clone()));
        match value {
            Value::Null => self.record.fields.remove(&name),
            value => self.record.fields.insert(name, value),
        };
    }

    fn history_since(&self, since: Option<Instant>) -> Vec<FieldHistory> {
        let stamps = [field::MODIFIED_AT, field::STAGE_ENTERED_AT];
        let told = self.history.iter().filter(|(name, _)| !stamps.contains(&name.as_str()));
        told.map(|(name, entries)| {
            let recent = entries.iter().filter(|(at, _)| since.is_none_or(|since| since < *at));
            FieldHistory { field: name.clone(), entries: recent.cloned().collect() }
        })
        .filter(|history| !history.entries.is_empty())
        .collect()
    }
}
