//! Writes in batches, with one result for each, whatever the batch as a whole came to.

use std::collections::HashMap;

use dealclock_connector::{Error, ErrorKind, IfLost, Priority, Result};
use dealclock_model::effect::NewTask;
use dealclock_model::{EffectId, Receipt, Write};
use http::StatusCode;
use serde_json::{Value, json};

use crate::HubSpot;
use crate::api::{BATCH, KEY, Kind, objects};
use crate::client::Call;
use crate::errors::{Refusal, item_error};
use crate::translate::task::{KeyPlace, create, key_of};
use crate::update::waves;
use crate::wire::{Batch, Failure};

/// One input of a batch: whose effect it is, and what is sent.
pub(crate) struct Input {
    pub(crate) effect: EffectId,
    pub(crate) body: Value,
}

/// What became of each effect.
pub(crate) type Outcomes = HashMap<EffectId, Result<Receipt>>;

impl HubSpot {
    /// Applies writes; one result for each, in order.
    pub(crate) async fn apply_writes(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        let mut creations = Vec::new();
        let mut updates = Vec::new();
        let mut records = Vec::new();
        for (effect, write) in writes {
            match write {
                Write::CreateTask(new) => creations.push((*effect, new)),
                Write::UpdateTask(update) => updates.push((*effect, update)),
                Write::UpdateRecord(update) => records.push((*effect, update)),
                Write::SendEmail(_) | Write::SubmitApproval(_) | Write::Notify(_) | Write::SendCrmEmail(_) => {}
            }
        }
        let mut outcomes = Outcomes::with_capacity(writes.len());
        self.create_tasks(&creations, &mut outcomes).await;
        for wave in waves(&updates, |update| update.task.as_str()) {
            self.update_tasks(&wave, &mut outcomes).await;
        }
        for wave in waves(&records, |update| update.record.id.as_str()) {
            self.update_deals(&wave, &mut outcomes).await;
        }
        let of = |(effect, write): &(EffectId, Write)| match (write, outcomes.get(effect)) {
            (_, Some(outcome)) => outcome.clone(),
            (Write::SendEmail(_), None) => Err(Error::rejected("send an e-mail: HubSpot's tasks are no mail")),
            (Write::SubmitApproval(_), None) => {
                Err(Error::rejected("hand in a deal: HubSpot has no approval process of its own"))
            }
            (Write::Notify(_), None) => {
                Err(Error::rejected("show a notice: HubSpot has no such action; use `task` or `email`"))
            }
            (Write::SendCrmEmail(_), None) => {
                Err(Error::rejected("send a mail by the CRM: HubSpot has no such action; use `email`"))
            }
            (Write::UpdateRecord(_), None) => {
                Err(Error::transient("update deals: HubSpot said nothing about this one"))
            }
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

    /// Sends a batch. When HubSpot refuses it as a whole for its content, the halves are sent, as new requests of their
    /// own, until the bad input stands alone: one bad reminder must not hold up ninety-nine.
    pub(crate) async fn send_batch(
        &self,
        kind: &Batched,
        inputs: &[Input],
        outcomes: &mut Outcomes,
        refused: &mut Vec<(EffectId, Error)>,
    ) {
        let mut parts = if inputs.is_empty() { Vec::new() } else { vec![inputs] };
        while let Some(part) = parts.pop() {
            let bodies: Vec<&Value> = part.iter().map(|input| &input.body).collect();
            let call = Call::post(kind.what, objects(kind.object, kind.path), json!({ "inputs": bodies }));
            let call = call.priority(Priority::Write);
            let call = match kind.if_lost {
                IfLost::MayBeApplied => call.creates(),
                // It finishes the verb that the read of the present values began.
                IfLost::AskAgain => call.follows(),
            };
            match self.client.ask::<Batch>(call).await {
                Ok(batch) => split(kind, part, &batch, self.client.now(), outcomes, refused),
                Err(refusal) if is_nobody_there(&refusal) => {
                    let error = Error { kind: ErrorKind::Transient { retry_at: None }, ..refusal.error };
                    outcomes.extend(part.iter().map(|input| (input.effect, Err(error.clone()))));
                }
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
pub(crate) struct Batched {
    pub(crate) what: &'static str,
    object: Kind,
    path: &'static str,
    if_lost: IfLost,
}

impl Batched {
    const CREATE: Batched =
        Batched { what: "create tasks", object: Kind::Tasks, path: "/batch/create", if_lost: IfLost::MayBeApplied };

    /// Changes of tasks.
    pub(crate) const UPDATE_TASKS: Batched =
        Batched { what: "update tasks", object: Kind::Tasks, path: "/batch/update", if_lost: IfLost::AskAgain };

    /// Changes of deals.
    pub(crate) const UPDATE_DEALS: Batched =
        Batched { what: "update deals", object: Kind::Deals, path: "/batch/update", if_lost: IfLost::AskAgain };
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

/// Whether the call came to an address that is none: whoever answered so, such as a gateway, has read no input, and no
/// reminder is given up for it.
fn is_nobody_there(refusal: &Refusal) -> bool {
    let is_unknown = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::GONE];
    is_unknown.into_iter().any(|status| refusal.is(status)) && refusal.failure.category.text() != "OBJECT_NOT_FOUND"
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
