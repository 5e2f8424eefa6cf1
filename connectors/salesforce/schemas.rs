//! The org's shape, read when first needed and again when it is old or in doubt.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Duration;
use chrono_tz::Tz;
use dealclock_connector::{Error, Priority, Result, Stage};
use dealclock_model::Instant;
use http::StatusCode;
use http::header::IF_MODIFIED_SINCE;
use rust_decimal::Decimal;

use crate::Salesforce;
use crate::api::{self, OPPORTUNITY, TASK, opportunity};
use crate::client::{Call, Steps};
use crate::errors::Refusal;
use crate::queries::{Query, Run};
use crate::schema::{Org, Parts, Reading, Schema, Statuses};
use crate::translate::value::http_date;
use crate::wire::{Cell, Describe, Row};

/// Stages show up in no change feed, and a field may be deleted or hidden any day.
const GOOD_FOR: Duration = Duration::hours(1);

/// A stage that is not known, or a mapping that cannot be served, is looked up again after this.
const LOOK_AGAIN: Duration = Duration::minutes(1);

/// The org's shape as last read.
#[derive(Default)]
pub(crate) struct Schemas {
    /// One load at a time: the lock is held while it runs.
    current: tokio::sync::Mutex<Option<Arc<Schema>>>,
    doubted: AtomicBool,
    definitions: tokio::sync::Mutex<HashMap<&'static str, Definition>>,
}

/// An object's definition as it came, with when that was by Salesforce's clock.
struct Definition {
    at: Instant,
    answer: crate::client::Answer,
}

impl Schemas {
    /// Lets the next reader look again.
    pub(crate) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Makes the next reader look again whatever the age, and ask for whole definitions: a permission set changes what we
    /// see of an object without changing the object.
    pub(crate) async fn forget(&self) {
        *self.current.lock().await = None;
        self.definitions.lock().await.clear();
    }

    /// Replaces what is known.
    pub(crate) async fn put(&self, schema: Arc<Schema>) {
        *self.current.lock().await = Some(schema);
        self.doubted.store(false, Ordering::Relaxed);
    }

    /// Whether it is worth looking again for a stage that is not known.
    pub(crate) fn may_look_again(&self, schema: &Schema, now: Instant) -> bool {
        schema.loaded_at + LOOK_AGAIN <= now
    }

    fn is_good(&self, schema: &Schema, now: Instant) -> bool {
        let age = if schema.reading.is_ok() { GOOD_FOR } else { LOOK_AGAIN };
        !self.doubted.load(Ordering::Relaxed) && schema.loaded_at <= now && now < schema.loaded_at + age
    }
}

impl Salesforce {
    /// The org's shape; where it must be read for that, as urgently as what asks for it.
    pub(crate) async fn schema(&self, priority: Priority) -> Result<Arc<Schema>> {
        let mut current = self.schemas.current.lock().await;
        if let Some(schema) = current.as_ref().filter(|schema| self.schemas.is_good(schema, self.client.now())) {
            return Ok(Arc::clone(schema));
        }
        let is_in_doubt = current.as_ref().is_none_or(|schema| schema.reading.is_err());
        if is_in_doubt || self.schemas.doubted.load(Ordering::Relaxed) {
            self.schemas.definitions.lock().await.clear();
        }
        let steps = self.client.steps("schema");
        let schema = Arc::new(self.load_schema(&steps, priority).await?);
        steps.finish();
        self.schemas.doubted.store(false, Ordering::Relaxed);
        *current = Some(Arc::clone(&schema));
        Ok(schema)
    }

    /// The org's shape with what to read of each opportunity; an error when the mapping cannot be served.
    pub(crate) async fn reading(&self, priority: Priority) -> Result<(Arc<Schema>, Reading)> {
        let schema = self.schema(priority).await?;
        let reading = schema.reading.clone().map_err(|why| Error::rejected(format!("read opportunities: {why}")))?;
        Ok((schema, reading))
    }

    /// Reads definitions, stages, statuses and currencies, as urgently as what waits for them.
    pub(crate) async fn load_schema(&self, steps: &Steps<'_>, priority: Priority) -> Result<Schema> {
        let loaded_at = self.client.now();
        let opportunity = self.describe(steps, OPPORTUNITY, priority).await?;
        let task = self.describe(steps, TASK, priority).await?;
        let mut parts = Parts { opportunity, task, ..Parts::default() };
        let has_currencies = parts.opportunity.field(opportunity::CURRENCY).is_some();
        let mut statuses = Vec::new();
        let mut corporate = None;
        let mut queries = vec![
            Query::live("SELECT Id, TimeZoneSidKey, IsSandbox FROM Organization".to_owned()),
            Query::live(
                "SELECT ApiName, MasterLabel, IsActive, IsClosed, IsWon, SortOrder FROM OpportunityStage ORDER BY SortOrder"
                    .to_owned(),
            ),
            Query::live("SELECT ApiName, MasterLabel, IsDefault, IsClosed FROM TaskStatus ORDER BY SortOrder".to_owned()),
        ];
        if has_currencies {
            let rates = "SELECT IsoCode, ConversionRate, IsCorporate FROM CurrencyType WHERE IsActive = true";
            queries.push(Query::live(rates.to_owned()));
        }
        let run = Run::new("read the org").priority(priority).steps(steps);
        self.run(run, &queries, |query, row| match query {
            0 => parts.org = org(row),
            1 => parts.stages.extend(stage(row)),
            2 => statuses.extend(status(row)),
            _ => {
                parts.rates.extend(rate(row));
                if row.flag("IsCorporate") {
                    corporate = row.text("IsoCode").map(str::to_owned);
                }
            }
        })
        .await?;
        parts.statuses = chosen(&statuses);
        parts.org.currency = corporate.unwrap_or(parts.org.currency);
        Ok(Schema::new(loaded_at, parts, &self.mapping))
    }

    /// An object's definition; one that did not change since it was last read is not sent again.
    async fn describe(
        &self,
        steps: &Steps<'_>,
        object: &'static str,
        priority: Priority,
    ) -> std::result::Result<Describe, Refusal> {
        let mut definitions = self.schemas.definitions.lock().await;
        let call = Call::get("read an object's definition", api::describe(object)).priority(priority);
        let call = match definitions.get(object) {
            Some(known) => call.header(IF_MODIFIED_SINCE, http_date(known.at)),
            None => call,
        };
        let answer = match steps.ask(call).await {
            // An object that we may not see does not exist for us; `check` says so.
            Err(refusal) if refusal.is(StatusCode::NOT_FOUND) => return Ok(Describe::default()),
            answer => answer?,
        };
        if let Some(known) = definitions.get(object).filter(|_| answer.is_unchanged()) {
            return known.answer.read();
        }
        let definition = answer.read()?;
        definitions.insert(object, Definition { at: answer.date(), answer });
        Ok(definition)
    }
}

fn org(row: &Row<'_>) -> Org {
    let zone_name = row.text("TimeZoneSidKey").unwrap_or_default();
    Org {
        id: row.id().to_owned(),
        zone: zone_name.parse().unwrap_or(Tz::UTC),
        zone_name: zone_name.to_owned(),
        is_sandbox: row.flag("IsSandbox"),
        ..Org::default()
    }
}

/// A stage, and whether it may still be chosen.
fn stage(row: &Row<'_>) -> Option<(Stage, bool)> {
    let label = row.text("MasterLabel")?;
    let id = row.text("ApiName").unwrap_or(label);
    let stage =
        Stage { id: id.to_owned(), label: label.to_owned(), closed: row.flag("IsClosed"), won: row.flag("IsWon") };
    Some((stage, row.flag("IsActive")))
}

/// A task's status: its name, whether new tasks begin with it, whether it means done.
fn status(row: &Row<'_>) -> Option<(String, bool, bool)> {
    let name = row.text("ApiName").or(row.text("MasterLabel"))?;
    Some((name.to_owned(), row.flag("IsDefault"), row.flag("IsClosed")))
}

/// The default status where it is an open one, and the first that means done.
fn chosen(statuses: &[(String, bool, bool)]) -> Statuses {
    let standard = Statuses::default();
    let open = || statuses.iter().filter(|(.., is_closed)| !is_closed);
    let default = open().find(|(_, is_default, _)| *is_default).or_else(|| open().next());
    let closed: Vec<_> = statuses.iter().filter(|(.., is_closed)| *is_closed).map(|(name, ..)| name).collect();
    let done = closed.iter().find(|name| ***name == standard.done).or(closed.first());
    Statuses {
        open: default.map_or(standard.open, |(name, ..)| name.clone()),
        done: done.map_or(standard.done, |name| (*name).clone()),
    }
}

fn rate(row: &Row<'_>) -> Option<(String, Decimal)> {
    match (row.text("IsoCode"), row.cell("ConversionRate")) {
        (Some(code), Some(Cell::Number(rate))) if !rate.is_zero() => Some((code.to_owned(), *rate)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_open_status_and_one_that_means_done_are_chosen() {
        let status = |name: &str, is_default, is_closed| (name.to_owned(), is_default, is_closed);
        let check = |statuses: &[(String, bool, bool)], open: &str, done: &str| {
            assert_eq!(chosen(statuses), Statuses { open: open.to_owned(), done: done.to_owned() });
        };
        check(&[], "Not Started", "Completed");
        check(
            &[status("Offen", false, false), status("Neu", true, false), status("Fertig", false, true)],
            "Neu",
            "Fertig",
        );
        check(&[status("Fertig", true, true), status("Completed", false, true)], "Not Started", "Completed");
        check(&[status("A", false, false), status("B", true, true)], "A", "B");
    }
}
