//! Writing in batches, with one result for each write, whatever the batch as a whole came to.

use std::collections::HashMap;

use dealclock_connector::{Error, ErrorKind, Priority, Result};
use dealclock_model::effect::NewTask;
use dealclock_model::{EffectId, Receipt, Write};
use serde::Serialize;

use crate::Salesforce;
use crate::api::{self, COLLECTION, KEY, QUERIES, TASK_PREFIX};
use crate::client::{Answer, Call};
use crate::composite::{self, Sub};
use crate::errors::{Asked, Refusal, item_refused, part_refused};
use crate::schema::KeyState;
use crate::translate::task::{Creation, create};
use crate::wire::{Code, Failure, Saved};

/// What became of effects.
pub(crate) type Outcomes = HashMap<EffectId, Result<Receipt>>;

const WHAT: &str = "create tasks";

/// A task to create: whose effect it is, and what is sent.
struct Input {
    effect: EffectId,
    creation: Creation,
}

/// Tasks to create, as one request.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Collection<'a> {
    all_or_none: bool,
    records: Vec<&'a Creation>,
}

impl Salesforce {
    /// Applies writes; one result for each, in order.
    pub(crate) async fn apply_writes(&self, writes: &[(EffectId, Write)]) -> Vec<Result<Receipt>> {
        let (mut creations, mut tasks, mut records) = (Vec::new(), Vec::new(), Vec::new());
        let (mut submissions, mut notices, mut mails) = (Vec::new(), Vec::new(), Vec::new());
        for (effect, write) in writes {
            match write {
                Write::CreateTask(new) => creations.push((*effect, new)),
                Write::UpdateTask(update) => tasks.push((*effect, update)),
                Write::UpdateRecord(update) => records.push((*effect, update)),
                Write::SubmitApproval(submission) => submissions.push((*effect, submission)),
                Write::Notify(notice) => notices.push((*effect, notice)),
                Write::SendCrmEmail(mail) => mails.push((*effect, mail)),
                Write::SendEmail(_) => {}
            }
        }
        let mut outcomes = Outcomes::with_capacity(writes.len());
        self.create_tasks(&creations, &mut outcomes).await;
        self.update_tasks(&tasks, &mut outcomes).await;
        self.update_records(&records, &mut outcomes).await;
        self.hand_in_all(&submissions, &mut outcomes).await;
        self.notify(&notices, &mut outcomes).await;
        self.send_mails(&mails, &mut outcomes).await;
        let of = |(effect, write): &(EffectId, Write)| match (write, outcomes.get(effect)) {
            (_, Some(outcome)) => outcome.clone(),
            (Write::SendEmail(_), None) => {
                Err(Error::rejected("send an e-mail: what leaves by SMTP does not leave through Salesforce"))
            }
            (Write::CreateTask(_) | Write::SubmitApproval(_) | Write::Notify(_) | Write::SendCrmEmail(_), None) => {
                Err(Error::unknown("write: Salesforce said nothing about this one"))
            }
            (Write::UpdateTask(_) | Write::UpdateRecord(_), None) => {
                Err(Error::transient("update: Salesforce said nothing about this one"))
            }
        };
        writes.iter().map(of).collect()
    }

    async fn create_tasks(&self, creations: &[(EffectId, &NewTask)], outcomes: &mut Outcomes) {
        if creations.is_empty() {
            return;
        }
        let inputs = match self.inputs(creations).await {
            Ok(inputs) => inputs,
            Err(error) => {
                outcomes.extend(creations.iter().map(|(effect, _)| (*effect, Err(error.clone()))));
                return;
            }
        };
        let mut duplicates = Vec::new();
        for (number, some) in inputs.chunks(QUERIES * COLLECTION).enumerate() {
            self.send(some, number > 0, outcomes, &mut duplicates).await;
        }
        self.look_duplicates_up(duplicates, outcomes).await;
    }

    /// What to send, ordered so that tasks of one account stand together.
    ///
    /// Nothing is written where the key field does not keep a task from appearing twice: reminders wait until it does.
    async fn inputs(&self, creations: &[(EffectId, &NewTask)]) -> Result<Vec<Input>> {
        let schema = self.schema(Priority::Write).await?;
        if let Some(why) = key_trouble(schema.key()) {
            self.schemas.doubt();
            return Err(Error::unauthorized(format!("{WHAT}: {why}")));
        }
        let now = self.client.now();
        let mut ordered: Vec<_> = creations
            .iter()
            .map(|(effect, new)| {
                let record = new.record.as_ref().map(|record| &record.id);
                let account = record.and_then(|record| self.parents.account_of(record));
                ((account, record.cloned()), *effect, *new)
            })
            .collect();
        ordered.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        let input = |effect, new| Input { effect, creation: create(&effect, new, &schema.statuses, now) };
        Ok(ordered.into_iter().map(|(_, effect, new)| input(effect, new)).collect())
    }

    /// Sends up to five collections as one call, and what was refused as a whole for its content by halves, until the bad
    /// task stands alone: one that Salesforce cannot even read must not hold up a thousand.
    async fn send(
        &self,
        inputs: &[Input],
        mut follows: bool,
        outcomes: &mut Outcomes,
        duplicates: &mut Vec<(EffectId, Error)>,
    ) {
        let mut waiting: Vec<&[Input]> = vec![inputs];
        while let Some(inputs) = waiting.pop() {
            let parts: Vec<&[Input]> = inputs.chunks(COLLECTION).collect();
            let call = creating(&parts).priority(Priority::Write).creates();
            let answer = self.client.ask(if follows { call.follows() } else { call }).await;
            follows = true;
            let read = match &answer {
                Ok(answer) => results(answer, parts.len()).map(|saved| (answer.asked(), saved)),
                Err(refusal) => Err(refusal.clone()),
            };
            let refused = match read {
                Ok((asked, saved)) => {
                    let parts = parts.iter().copied().zip(saved);
                    parts.filter_map(|(part, saved)| self.split(part, saved, asked, outcomes, duplicates)).collect()
                }
                Err(refusal) => vec![(inputs, refusal)],
            };
            for (part, refusal) in refused {
                waiting.extend(self.halve(part, refusal, outcomes));
            }
        }
    }

    /// The halves to send anew; else the refusal is everybody's.
    fn halve<'a>(&self, part: &'a [Input], refusal: Refusal, outcomes: &mut Outcomes) -> Vec<&'a [Input]> {
        let is_about_content = refusal.error.kind == ErrorKind::Rejected && !is_about_org(&refusal.failures);
        if is_about_content && part.len() > 1 {
            let (first, second) = part.split_at(part.len() / 2);
            return vec![second, first];
        }
        let error = self.blame(refusal);
        outcomes.extend(part.iter().map(|input| (input.effect, Err(error.clone()))));
        Vec::new()
    }

    /// Splits the results of a collection: they come in the order of its records. A refusal may stand in their place.
    fn split<'a>(
        &self,
        part: &'a [Input],
        (status, saved): Results,
        asked: Asked,
        outcomes: &mut Outcomes,
        duplicates: &mut Vec<(EffectId, Error)>,
    ) -> Option<(&'a [Input], Refusal)> {
        if saved.iter().any(|saved| saved.error_code != Code::None) {
            let failures = saved.iter().flat_map(Saved::failures).collect();
            return Some((part, part_refused(asked, status, failures)));
        }
        if part.len() != saved.len() {
            // Which of them were made, only their keys can tell.
            let error = Error::unknown(format!("{WHAT}: Salesforce answered about another number of tasks"));
            outcomes.extend(part.iter().map(|input| (input.effect, Err(error.clone()))));
            return None;
        }
        for (input, saved) in part.iter().zip(saved) {
            let failures = saved.failures();
            let outcome = match (saved.success, saved.id) {
                (true, Some(id)) => Ok(Receipt { id: Some(id), found: false, kept: Vec::new() }),
                _ => match duplicate(&failures) {
                    Some(Some(id)) => Ok(Receipt { id: Some(id), found: true, kept: Vec::new() }),
                    Some(None) => {
                        duplicates.push((input.effect, item_refused(asked, &failures)));
                        continue;
                    }
                    None => Err(self.blame_item(asked, &failures)),
                },
            };
            outcomes.insert(input.effect, outcome);
        }
        None
    }

    /// A key that stands on another task is success; which task that is, is asked where the refusal does not say it.
    async fn look_duplicates_up(&self, duplicates: Vec<(EffectId, Error)>, outcomes: &mut Outcomes) {
        if duplicates.is_empty() {
            return;
        }
        let found = self.find_by_key(duplicates.iter().map(|(effect, _)| *effect), true).await;
        for (effect, error) in duplicates {
            let outcome = match &found {
                Ok(found) => found.get(&effect).cloned().ok_or(error),
                Err(refusal) => Err(refusal.error.clone()),
            };
            outcomes.insert(effect, outcome);
        }
    }

    /// A refusal of all tasks alike. One about a field or a right is about the org and not about a reminder, which must
    /// not be given up for it.
    fn blame(&self, refusal: Refusal) -> Error {
        let is_about_org = is_about_org(&refusal.failures);
        let error = self.distrust(refusal);
        if is_about_org { Error { kind: ErrorKind::Unauthorized, ..error } } else { error }
    }

    fn blame_item(&self, asked: Asked, failures: &[Failure]) -> Error {
        let error = item_refused(asked, failures);
        if is_about_org(failures) {
            self.schemas.doubt();
            return Error { kind: ErrorKind::Unauthorized, ..error };
        }
        error
    }
}

/// Why nothing may be written with the key field as it is.
pub(crate) fn key_trouble(key: KeyState) -> Option<&'static str> {
    match key {
        KeyState::Unique => None,
        KeyState::NotUnique => Some(
            "the key field `Dealclock_Key__c` on tasks lets two tasks share a key; make it unique and an external id",
        ),
        KeyState::ReadOnly => Some(
            "the integration user may not write the key field `Dealclock_Key__c` on tasks; assign the permission set",
        ),
        KeyState::Missing => Some(
            "tasks have no key field `Dealclock_Key__c`, or the integration user may not see it; run `dealclock setup` \
             and assign the permission set",
        ),
    }
}

/// One collection goes by itself, several go in a composite call; either counts as one call.
fn creating(parts: &[&[Input]]) -> Call {
    let path = api::data("/composite/sobjects");
    match parts {
        [part] => Call::post(WHAT, path, &collection(part)),
        parts => {
            let numbered = parts.iter().copied().enumerate();
            let subs: Vec<_> =
                numbered.map(|(number, part)| Sub::post(path.clone(), reference(number), collection(part))).collect();
            composite::call(WHAT, &subs)
        }
    }
}

fn collection(part: &[Input]) -> Collection<'_> {
    Collection { all_or_none: false, records: part.iter().map(|input| &input.creation).collect() }
}

fn reference(number: usize) -> String {
    format!("tasks{number}")
}

/// A collection's status and the results of its records; without an answer there is none.
type Results = (u16, Vec<Saved>);

/// The results of each collection, in order.
fn results(answer: &Answer, parts: usize) -> std::result::Result<Vec<Results>, Refusal> {
    if parts == 1 {
        return Ok(vec![(200, answer.read()?)]);
    }
    let mut by_name = composite::parts::<Vec<Saved>>(answer)?;
    Ok((0..parts).map(|number| by_name.remove(&reference(number)).unwrap_or_default()).collect())
}

/// Whether a task was refused because its key stands on another one: then `Some`, with that task's id where it is told.
///
/// `duplicate value found: Dealclock_Key__c duplicates value on record with id: 00T...`
fn duplicate(failures: &[Failure]) -> Option<Option<String>> {
    let failure = failures.iter().find(|failure| failure.code == Code::DuplicateValue)?;
    let names_key = |text: &str| text.to_ascii_lowercase().contains(&KEY.to_ascii_lowercase());
    let is_ours = names_key(&failure.message) || failure.fields.iter().any(|field| names_key(field));
    let words = failure.message.split(|c: char| !c.is_ascii_alphanumeric());
    let mut ids = words.filter(|word| matches!(word.len(), 15 | 18) && word.starts_with(TASK_PREFIX));
    is_ours.then(|| ids.next().map(str::to_owned))
}

/// Whether a refusal to create is about the org and what we may do in it: we write no field that an order could name.
fn is_about_org(failures: &[Failure]) -> bool {
    failures.first().is_some_and(|failure| match &failure.code {
        Code::InvalidField | Code::InvalidType | Code::NoAccess | Code::BadPicklist => true,
        Code::InvalidSession
        | Code::RequestLimit
        | Code::ApiDisabled
        | Code::Unavailable
        | Code::Internal
        | Code::RowLocked
        | Code::QueryTimeout
        | Code::InvalidLocator
        | Code::DuplicateValue
        | Code::Deleted
        | Code::NotFound
        | Code::EntityLocked
        | Code::Validation
        | Code::Automation
        | Code::InactiveOwner
        | Code::BadReference
        | Code::OrgShut
        | Code::Maintenance
        | Code::Modified
        | Code::RolledBack
        | Code::Policy
        | Code::Other(_)
        | Code::None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str, message: &str, fields: &[&str]) -> Failure {
        let fields = fields.iter().map(|field| (*field).to_owned()).collect();
        Failure { code: Code::of(code), message: message.to_owned(), fields }
    }

    #[test]
    fn a_duplicate_of_our_key_is_told_from_one_of_another_field() {
        let check = |message: &str, fields: &[&str], expected: Option<Option<&str>>| {
            let found = duplicate(&[failure("DUPLICATE_VALUE", message, fields)]);
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{message}");
        };
        let id = "00TD000000CpOSyIAN";
        let message = format!("duplicate value found: Dealclock_Key__c duplicates value on record with id: {id}");
        check(&message, &[], Some(Some(id)));
        check(&message.replace(id, "00TD000000CpOSy."), &[], Some(Some("00TD000000CpOSy")));
        check("duplicate value found: <unknown> duplicates value on record with id: <unknown>", &[KEY], Some(None));
        check("duplicate value found: Other__c duplicates value on record with id: 00TD000000CpOSyIAN", &[], None);
        assert_eq!(duplicate(&[failure("REQUIRED_FIELD_MISSING", &message, &[])]), None);
    }
}
