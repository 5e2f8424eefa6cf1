//! The CRM of a scenario: records with their history, and tasks that stay as people leave them.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_model::effect::TaskStatus;
use dealclock_model::record::{FieldHistory, field};
use dealclock_model::{
    Change, ChangeState, ConnectionId, EffectId, FieldName, Instant, Object, PersonId, Receipt, Record, RecordId,
    RecordRef, Value, Write,
};

/// The CRM.
pub(super) struct Crm {
    connection: ConnectionId,
    records: BTreeMap<RecordId, Kept>,
    tasks: BTreeMap<String, Task>,
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
}

impl Crm {
    pub(super) fn new(connection: ConnectionId) -> Crm {
        Crm { connection, records: BTreeMap::new(), tasks: BTreeMap::new() }
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

    /// Applies a write; a task that a person completed is left alone.
    pub(super) fn apply(&mut self, effect: EffectId, step: &str, write: &Write) -> Receipt {
        let receipt = |id: &str| Receipt { id: Some(id.to_owned()), found: false, kept: Vec::new() };
        match write {
            Write::CreateTask(task) => {
                let id = format!("T{:04}", self.tasks.len() + 1);
                let (record, owner) = (task.record.clone(), task.owner.clone());
                let task = Task { key: effect, record, step: step.to_owned(), owner, completed_by_hand: false };
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
            Write::UpdateRecord(_)
            | Write::SendEmail(_)
            | Write::SubmitApproval(_)
            | Write::Notify(_)
            | Write::SendCrmEmail(_) => Receipt { id: None, found: false, kept: Vec::new() },
        }
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
