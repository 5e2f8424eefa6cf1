//! Writing tasks in batches, with one result for each, whatever the batch as a whole came to.

use std::collections::HashMap;

use dealclock_connector::{Error, ErrorKind, Priority, Result};
use dealclock_model::effect::{NewTask, TaskUpdate};
use dealclock_model::{EffectId, Receipt, Write};
use serde_json::{Value, json};

use crate::HubSpot;
use crate::api::{BATCH, KEY, Kind, objects, task};
use crate::client::Call;
use crate::errors::{IfLost, Refusal, item_error};
use crate::read::{Archived, read_batch};
use crate::translate::task::{KeyPlace, create, key_of, plan_update};
use crate::wire::{Batch, Failure, Object};

/// One input of a batch: whose effect it is, and what is sent.
struct Input {
    effect: EffectId,
    body: Value,
}

type Outcomes = HashMap<EffectId, Result<Receipt>>;

impl HubSpot {
    /// Applies writes; one result for each, in order.
    pub(crate) async fn apply_writes(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        let mut creations = Vec::new();
        let mut updates = Vec::new();
        for (effect, write) in writes {
            match write {
                Write::CreateTask(new) => creations.push((*effect, new)),
                Write::UpdateTask(update) => updates.push((*effect, update)),
                Write::UpdateRecord(_) | Write::SendEmail(_) => {}
            }
        }
        let mut outcomes = Outcomes::with_capacity(writes.len());
        self.create_tasks(&creations, &mut outcomes).await;
        for wave in waves(&updates) {
            self.update_tasks(&wave, &mut outcomes).await;
        }
        let of = |(effect, write): &(EffectId, Write)| match (write, outcomes.get(effect)) {
            (_, Some(outcome)) => outcome.clone(),
            (Write::SendEmail(_), None) => Err(Error::rejected("send an e-mail: HubSpot's tasks are no mail")),
            (Write::UpdateRecord(_), None) => Err(Error::rejected("update deals: not a write of this connector")),
            (Write::UpdateTask(_), None) => Err(Error::transient("update tasks: HubSpot said nothing about this one")),
            (Write::CreateTask(_), None) => Err(Error::unknown("create tasks: HubSpot said nothing about this one")),
        };
        writes.iter().map(of).collect()
    }

    async fn create_tasks(&self, creations: &[(EffectId, &NewTask)], outcomes: &mut Outcomes) {
        if creations.is_empty() {
            return;
        }
        let place = match self.key_place().await {
            Ok(place) => place,
            Err(error) => {
                outcomes.extend(creations.iter().map(|(effect, _)| (*effect, Err(error.clone()))));
                return;
            }
        };
        let now = self.client.now();
        let input =
            |(effect, new): &(EffectId, &NewTask)| Input { effect: *effect, body: create(effect, new, place, now) };
        let inputs: Vec<Input> = creations.iter().map(input).collect();
        let mut refused = Vec::new();
        for inputs in inputs.chunks(BATCH) {
            self.send_batch(&Batched::CREATE, inputs, outcomes, &mut refused).await;
        }
        if !refused.is_empty() {
            self.explain_refusals(place, refused, outcomes).await;
        }
    }

    /// A task that is refused may be refused because it is there already; that is success. Which of HubSpot's errors
    /// says so is not documented for tasks, so it is asked by key. And when the key property is gone, no reminder is to
    /// be given up for it.
    async fn explain_refusals(&self, place: KeyPlace, refused: Vec<(EffectId, Error)>, outcomes: &mut Outcomes) {
        let found = match place {
            KeyPlace::Property => self.find_by_key(refused.iter().map(|(effect, _)| *effect)).await,
            KeyPlace::Body => Ok(HashMap::new()),
        };
        let is_gone = place == KeyPlace::Property && matches!(self.ask_key_place().await, Ok(KeyPlace::Body));
        for (effect, error) in refused {
            let outcome = match &found {
                Ok(found) if found.contains_key(&effect) => Ok(found[&effect].clone()),
                _ if is_gone => Err(Error::unauthorized(format!(
                    "create tasks: the unique property `{KEY}` on tasks is gone; restore it in HubSpot or run `dealclock setup`"
                ))),
                Ok(_) => Err(Error { kind: ErrorKind::Rejected, ..error }),
                Err(failed) => Err(failed.clone()),
            };
            outcomes.insert(effect, outcome);
        }
    }

    async fn update_tasks(&self, updates: &[(EffectId, &TaskUpdate)], outcomes: &mut Outcomes) {
        for updates in updates.chunks(BATCH) {
            let ids: Vec<&str> = updates.iter().map(|(_, update)| update.task.as_str()).collect();
            let wanted = [task::STATUS, task::OWNER, task::DUE, task::BODY].map(str::to_owned);
            let call = read_batch("read tasks before an update", Kind::Tasks, &wanted, &ids, Archived::No);
            let current: Batch = match self.client.ask(call.priority(Priority::Write)).await {
                Ok(current) => current,
                Err(refusal) => {
                    outcomes.extend(updates.iter().map(|(effect, _)| (*effect, Err(refusal.error.clone()))));
                    continue;
                }
            };
            self.write_differences(updates, &current.results, outcomes).await;
        }
    }

    async fn write_differences(
        &self,
        updates: &[(EffectId, &TaskUpdate)],
        current: &[Object],
        outcomes: &mut Outcomes,
    ) {
        let now = self.client.now();
        let mut inputs = Vec::new();
        let mut kept = HashMap::new();
        for (effect, update) in updates {
            let Some(found) = current.iter().find(|found| found.id.text() == update.task) else {
                outcomes.insert(*effect, Ok(left_alone(update)));
                continue;
            };
            let plan = plan_update(found, &update.expect, &update.set, now);
            if plan.properties.is_empty() {
                let found = plan.kept.is_empty();
                outcomes.insert(*effect, Ok(Receipt { id: Some(update.task.clone()), found, kept: plan.kept }));
                continue;
            }
            kept.insert(*effect, plan.kept);
            let trace = effect.to_string();
            let body = json!({ "id": update.task, "properties": plan.properties, "objectWriteTraceId": trace });
            inputs.push(Input { effect: *effect, body });
        }
        let mut refused = Vec::new();
        self.send_batch(&Batched::UPDATE, &inputs, outcomes, &mut refused).await;
        outcomes.extend(refused.into_iter().map(|(effect, error)| (effect, Err(error))));
        for (effect, kept) in kept {
            if let Some(Ok(receipt)) = outcomes.get_mut(&effect) {
                receipt.kept.extend(kept);
            }
        }
    }

    /// Sends a batch. When HubSpot refuses it as a whole for its content, the halves are sent, as new requests of their
    /// own, until the bad input stands alone: one bad reminder must not hold up ninety-nine.
    async fn send_batch(
        &self,
        kind: &Batched,
        inputs: &[Input],
        outcomes: &mut Outcomes,
        refused: &mut Vec<(EffectId, Error)>,
    ) {
        let mut parts = if inputs.is_empty() { Vec::new() } else { vec![inputs] };
        while let Some(part) = parts.pop() {
            let bodies: Vec<&Value> = part.iter().map(|input| &input.body).collect();
            let call = Call::post(kind.what, objects(Kind::Tasks, kind.path), json!({ "inputs": bodies }));
            let call = call.priority(Priority::Write);
            let call = match kind.if_lost {
                IfLost::MayBeApplied => call.creates(),
                // It finishes the verb that the read of the present values began.
                IfLost::AskAgain => call.follows(),
            };
            match self.client.ask::<Batch>(call).await {
                Ok(batch) => split(kind, part, &batch, self.client.now(), outcomes, refused),
                Err(refusal) if refusal.is_about_content() && part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(refusal) => give_to_all(part, &refusal, outcomes, refused),
            }
        }
    }
}

/// A kind of batch call.
struct Batched {
    what: &'static str,
    path: &'static str,
    if_lost: IfLost,
}

impl Batched {
    const CREATE: Batched = Batched { what: "create tasks", path: "/batch/create", if_lost: IfLost::MayBeApplied };
    const UPDATE: Batched = Batched { what: "update tasks", path: "/batch/update", if_lost: IfLost::AskAgain };
}

/// Splits an answer by input: results and errors come in any order, and some may be missing.
fn split(
    kind: &Batched,
    part: &[Input],
    batch: &Batch,
    now: dealclock_model::Instant,
    outcomes: &mut Outcomes,
    refused: &mut Vec<(EffectId, Error)>,
) {
    for result in &batch.results {
        let of_input = |input: &&Input| input.body["id"].as_str().is_some_and(|id| id == result.id.text());
        let by_key = || part.iter().find(|input| Some(input.effect) == key_of(result));
        let alone = || (part.len() == 1 && batch.results.len() == 1).then(|| &part[0]);
        let input = part.iter().find(of_input).or_else(by_key).or_else(alone);
        if let (Some(input), Some(id)) = (input, result.id.as_str()) {
            let receipt = Receipt { id: Some(id.to_owned()), found: false, kept: Vec::new() };
            outcomes.insert(input.effect, Ok(receipt));
        }
    }
    for failure in &batch.errors {
        for input in part.iter().filter(|input| is_about(failure, input)) {
            let error = item_error(kind.what, failure, kind.if_lost, now);
            match error.kind {
                ErrorKind::Rejected | ErrorKind::Conflict => refused.push((input.effect, error)),
                ErrorKind::Transient { .. }
                | ErrorKind::Throttled { .. }
                | ErrorKind::Unauthorized
                | ErrorKind::Locked
                | ErrorKind::Unknown => {
                    outcomes.insert(input.effect, Err(error));
                }
            }
        }
    }
}

fn is_about(failure: &Failure, input: &Input) -> bool {
    let traces = failure.context_of("objectWriteTraceId");
    let ids = [failure.context_of("ids"), failure.context_of("id")].concat();
    let key = input.effect.to_string();
    traces.contains(&key.as_str()) || input.body["id"].as_str().is_some_and(|id| ids.contains(&id))
}

fn give_to_all(part: &[Input], refusal: &Refusal, outcomes: &mut Outcomes, refused: &mut Vec<(EffectId, Error)>) {
    for input in part {
        if refusal.is_about_content() {
            refused.push((input.effect, refusal.error.clone()));
        } else {
            outcomes.insert(input.effect, Err(refusal.error.clone()));
        }
    }
}

fn left_alone(update: &TaskUpdate) -> Receipt {
    Receipt { id: Some(update.task.clone()), found: false, kept: vec!["the task was deleted".to_owned()] }
}

/// HubSpot refuses two inputs about one record in a batch; a second update of a task waits for the first.
fn waves<'a>(updates: &[(EffectId, &'a TaskUpdate)]) -> Vec<Vec<(EffectId, &'a TaskUpdate)>> {
    let mut waves: Vec<Vec<(EffectId, &TaskUpdate)>> = Vec::new();
    let mut earlier: HashMap<&str, usize> = HashMap::new();
    for (effect, update) in updates {
        let count = earlier.entry(update.task.as_str()).or_default();
        if *count == waves.len() {
            waves.push(Vec::new());
        }
        waves[*count].push((*effect, update));
        *count += 1;
    }
    waves
}
