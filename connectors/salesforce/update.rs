//! Changing tasks of ours and fields of opportunities, each field only while it holds what was expected.
//!
//! What is there is read first; the change is then made on the condition that nobody changed the record since, so that no
//! edit of a person is overwritten, however late it comes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dealclock_connector::{Error, ErrorKind, Priority, Result};
use dealclock_model::effect::{RecordUpdate, TaskUpdate};
use dealclock_model::record::field;
use dealclock_model::{EffectId, FieldName, Receipt, Value, ValueType};
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use crate::Salesforce;
use crate::api::{self, IN_LIST, OPPORTUNITY, SUBREQUESTS, TASK, common};
use crate::composite::{self, Sub};
use crate::errors::{Refusal, part_refused};
use crate::ids;
use crate::queries::{Query, Run};
use crate::schema::{Reading, Schema, api_name};
use crate::soql;
use crate::translate::task::{COMPARED, plan_update};
use crate::translate::value::{http_date, instant, value, written};
use crate::wire::{Body, Code, Row};
use crate::write::Outcomes;

/// A change to make: whose effect it is, what to write, on what condition, and what is left alone.
struct Patch {
    effect: EffectId,
    id: String,
    fields: Map<String, Json>,
    if_unmodified_since: Option<String>,
    kept: Vec<String>,
}

/// What is to be done about one effect, as far as the record's present state tells.
enum Verdict {
    Done(Receipt),
    Refused(Error),
    Write(Patch),
}

impl Salesforce {
    /// Changes tasks.
    pub(crate) async fn update_tasks(&self, updates: &[(EffectId, &TaskUpdate)], outcomes: &mut Outcomes) {
        for wave in waves(updates, |update| update.task.as_str()) {
            let schema = match self.schema(Priority::Write).await {
                Ok(schema) => schema,
                Err(error) => return give_to_all(&wave, &error, outcomes),
            };
            let now = self.client.now();
            let ids: Vec<&str> = wave.iter().map(|(_, update)| update.task.as_str()).collect();
            let columns: Vec<&str> = COMPARED.to_vec();
            let mut verdicts = HashMap::new();
            let read = self.read_present(TASK, "read tasks before an update", &columns, &ids, |row| {
                for (effect, update) in wave.iter().filter(|(_, update)| ids::same(&update.task, row.id())) {
                    let plan = plan_update(row, &update.expect, &update.set, &schema.statuses, now);
                    verdicts.insert(*effect, verdict(*effect, row, plan.fields, plan.kept));
                }
            });
            if let Err(refusal) = read.await {
                give_to_all(&wave, &self.distrust(refusal), outcomes);
                continue;
            }
            let gone = |update: &TaskUpdate| left_alone(&update.task, "the task was deleted");
            for (effect, update) in &wave {
                verdicts.entry(*effect).or_insert_with(|| Verdict::Done(gone(update)));
            }
            self.carry_out("update tasks", TASK, verdicts, outcomes).await;
        }
    }

    /// Changes fields of opportunities.
    pub(crate) async fn update_records(&self, updates: &[(EffectId, &RecordUpdate)], outcomes: &mut Outcomes) {
        for wave in waves(updates, |update| update.record.id.as_str()) {
            let (schema, reading) = match self.reading(Priority::Write).await {
                Ok(shape) => shape,
                Err(error) => return give_to_all(&wave, &error, outcomes),
            };
            let named = wave.iter().flat_map(|(_, update)| update.set.keys());
            let named: BTreeSet<&str> = named.filter_map(|name| Some(api_name(&reading, name)?.0)).collect();
            let own = [common::ID, common::IS_DELETED, common::MODIFIED];
            let columns: Vec<&str> = own.into_iter().chain(named).collect();
            let ids: Vec<&str> = wave.iter().map(|(_, update)| update.record.id.as_str()).collect();
            let mut verdicts = HashMap::new();
            let read = self.read_present(OPPORTUNITY, "read opportunities before an update", &columns, &ids, |row| {
                for (effect, update) in wave.iter().filter(|(_, update)| ids::same(update.record.id.as_str(), row.id()))
                {
                    verdicts.insert(*effect, record_verdict(*effect, row, update, &schema, &reading));
                }
            });
            if let Err(refusal) = read.await {
                give_to_all(&wave, &self.distrust(refusal), outcomes);
                continue;
            }
            for (effect, update) in &wave {
                let gone = || left_alone(update.record.id.as_str(), "the opportunity was deleted");
                verdicts.entry(*effect).or_insert_with(|| Verdict::Done(gone()));
            }
            self.carry_out("update opportunities", OPPORTUNITY, verdicts, outcomes).await;
        }
    }

    /// Reads records as they are now, those in the recycle bin left out.
    async fn read_present(
        &self,
        object: &str,
        what: &'static str,
        columns: &[&str],
        ids: &[&str],
        mut take: impl FnMut(&Row<'_>) + Send,
    ) -> std::result::Result<(), Refusal> {
        let query = |list: &str| format!("SELECT {} FROM {object} WHERE Id IN {list}", columns.join(", "));
        let lists = soql::lists(ids, IN_LIST, &query(""));
        let queries: Vec<Query> =
            lists.into_iter().map(|ids| Query::all(query(&soql::list(ids.iter().copied())))).collect();
        let run = Run::new(what).priority(Priority::Write);
        self.run(run, &queries, |_, row| {
            if !row.flag(common::IS_DELETED) {
                take(row);
            }
        })
        .await
    }

    async fn carry_out(
        &self,
        what: &'static str,
        object: &str,
        verdicts: HashMap<EffectId, Verdict>,
        outcomes: &mut Outcomes,
    ) {
        let mut patches = Vec::new();
        for (effect, verdict) in verdicts {
            match verdict {
                Verdict::Done(receipt) => {
                    outcomes.insert(effect, Ok(receipt));
                }
                Verdict::Refused(error) => {
                    outcomes.insert(effect, Err(error));
                }
                Verdict::Write(patch) => patches.push(patch),
            }
        }
        patches.sort_by(|one, other| one.id.cmp(&other.id));
        for some in patches.chunks(SUBREQUESTS) {
            self.send_patches(what, object, some, outcomes).await;
        }
    }

    async fn send_patches(&self, what: &'static str, object: &str, patches: &[Patch], outcomes: &mut Outcomes) {
        let name = |number: usize| format!("change{number}");
        let sub = |(number, patch): (usize, &Patch)| {
            let url = api::record(object, &patch.id);
            Sub::patch(url, name(number), patch.fields.clone(), patch.if_unmodified_since.clone())
        };
        let subs: Vec<_> = patches.iter().enumerate().map(sub).collect();
        let call = composite::call(what, &subs).priority(Priority::Write).follows();
        let answer = match self.client.ask(call).await {
            Ok(answer) => answer,
            Err(refusal) => {
                let error = self.distrust(refusal);
                outcomes.extend(patches.iter().map(|patch| (patch.effect, Err(error.clone()))));
                return;
            }
        };
        let mut parts = match composite::parts::<Body<IgnoredAny>>(&answer) {
            Ok(parts) => parts,
            Err(refusal) => {
                outcomes.extend(patches.iter().map(|patch| (patch.effect, Err(refusal.error.clone()))));
                return;
            }
        };
        for (number, patch) in patches.iter().enumerate() {
            let outcome = match parts.remove(&name(number)) {
                Some((200..300, Body::Empty | Body::Good(_))) => {
                    Ok(Receipt { id: Some(patch.id.clone()), found: false, kept: patch.kept.clone() })
                }
                Some((status, Body::Empty | Body::Good(_))) => {
                    Err(part_refused(answer.asked(), status, Vec::new()).error)
                }
                Some((status, Body::Bad(failures))) => {
                    self.judge(patch, part_refused(answer.asked(), status, failures))
                }
                None => Err(Error::transient(format!("{what}: Salesforce said nothing about this one"))),
            };
            outcomes.insert(patch.effect, outcome);
        }
    }

    fn judge(&self, patch: &Patch, refusal: Refusal) -> Result<Receipt> {
        if refusal.says(&Code::Deleted) {
            return Ok(left_alone(&patch.id, "it was deleted"));
        }
        Err(self.distrust(refusal))
    }
}

/// What the present state of a record makes of the fields to write.
fn verdict(effect: EffectId, row: &Row<'_>, fields: Map<String, Json>, kept: Vec<String>) -> Verdict {
    let id = row.id().to_owned();
    if fields.is_empty() {
        let found = kept.is_empty();
        return Verdict::Done(Receipt { id: Some(id), found, kept });
    }
    let if_unmodified_since = row.text(common::MODIFIED).and_then(instant).map(http_date);
    Verdict::Write(Patch { effect, id, fields, if_unmodified_since, kept })
}

fn record_verdict(
    effect: EffectId,
    row: &Row<'_>,
    update: &RecordUpdate,
    schema: &Schema,
    reading: &Reading,
) -> Verdict {
    let (mut fields, mut kept) = (Map::new(), Vec::new());
    for (name, wanted) in &update.set {
        let Some((column, value_type)) = api_name(reading, name) else {
            return Verdict::Refused(Error::rejected(format!("update opportunities: `{name}` stands on no field")));
        };
        if name.as_str() == field::AMOUNT && !schema.rates.is_empty() {
            let message = "update opportunities: `amount` is converted in this org; write `amount_record`";
            return Verdict::Refused(Error::rejected(message));
        }
        let writable = schema.opportunity.field(column).is_some_and(|field| field.updateable);
        let Ok(present) = value(row.cell(column), value_type, schema.org.zone) else {
            kept.push(format!("{name} was changed"));
            continue;
        };
        let wanted = match value_type {
            // A checkbox is never empty.
            ValueType::Bool if wanted.is_null() => Value::Bool(false),
            _ => at_salesforce(schema, name, wanted),
        };
        if present == wanted {
            continue;
        }
        if !is_expected(schema, name, &update.expect, &present) {
            kept.push(format!("{name} was changed"));
        } else if writable {
            fields.insert(column.to_owned(), written(&wanted));
        } else {
            let message = format!(
                "update opportunities: the integration user may not write the field `{column}`; assign the permission set"
            );
            return Verdict::Refused(Error::new(ErrorKind::Unauthorized, message));
        }
    }
    verdict(effect, row, fields, kept)
}

/// Whether a field holds what was last seen in it; a field of which nothing was seen is empty.
fn is_expected(schema: &Schema, name: &FieldName, expect: &BTreeMap<FieldName, Value>, present: &Value) -> bool {
    let expected = expect.get(name).map(|value| at_salesforce(schema, name, value));
    match (expected.as_ref(), present) {
        (Some(Value::Null) | None, present) => present.is_null() || *present == Value::Bool(false),
        (Some(expected), present) => expected == present,
    }
}

/// A value as Salesforce has it: a stage goes by its API name.
fn at_salesforce(schema: &Schema, name: &FieldName, value: &Value) -> Value {
    match (name.as_str(), value) {
        (field::STAGE, Value::Text(stage)) => Value::text(schema.stages_called(stage).next().unwrap_or(stage)),
        (_, value) => value.clone(),
    }
}

fn left_alone(id: &str, why: &str) -> Receipt {
    Receipt { id: Some(id.to_owned()), found: false, kept: vec![why.to_owned()] }
}

fn give_to_all<T>(updates: &[(EffectId, T)], error: &Error, outcomes: &mut Outcomes) {
    outcomes.extend(updates.iter().map(|(effect, _)| (*effect, Err(error.clone()))));
}

/// A second update of a record waits for the first, whose result it is compared with.
fn waves<'a, T>(updates: &[(EffectId, &'a T)], id: impl Fn(&T) -> &str) -> Vec<Vec<(EffectId, &'a T)>> {
    let mut waves: Vec<Vec<(EffectId, &T)>> = Vec::new();
    let mut earlier: HashMap<String, usize> = HashMap::new();
    for (effect, update) in updates {
        let count = earlier.entry(id(update).to_owned()).or_default();
        if *count == waves.len() {
            waves.push(Vec::new());
        }
        waves[*count].push((*effect, update));
        *count += 1;
    }
    waves
}
