//! What the org has now: fields, stages, people, hours and holidays.

use std::sync::Arc;

use dealclock_connector::{CrmField, Discovery, Priority, Result};
use dealclock_model::Object;

use crate::Salesforce;
use crate::queries::{Query, Run};
use crate::schema::value_type;
use crate::translate::holiday::holidays;
use crate::translate::hours::{DAYS, working_hours};
use crate::translate::person::{self, people, user};
use crate::wire::{Field, Row};

/// The fields of holidays that say when they are.
const HOLIDAY: &str = "Id, ActivityDate, IsAllDay, IsRecurrence, RecurrenceStartDate, RecurrenceEndDateOnly, RecurrenceType, \
    RecurrenceInterval, RecurrenceDayOfWeekMask, RecurrenceDayOfMonth, RecurrenceInstance, RecurrenceMonthOfYear";

impl Salesforce {
    /// Fields, stages and people as they are now; the org's shape is refreshed by the way.
    pub(crate) async fn discover_all(&self) -> Result<Discovery> {
        let steps = self.client.steps("discover");
        let schema = Arc::new(self.load_schema(&steps, Priority::Background).await?);
        let days: Vec<String> = DAYS.iter().map(|(_, day)| format!("{day}StartTime, {day}EndTime")).collect();
        let queries = [
            Query::live(format!("SELECT {} FROM User ORDER BY Id", person::FIELDS)),
            Query::live(format!("SELECT Id, {} FROM BusinessHours WHERE IsDefault = true", days.join(", "))).optional(),
            Query::live(format!("SELECT {HOLIDAY} FROM Holiday")).optional(),
        ];
        let today = self.client.now().with_timezone(&schema.org.zone).date_naive();
        let (mut users, mut hours, mut free) = (Vec::new(), None, Vec::new());
        let run = Run::new("read users, hours and holidays").steps(&steps);
        self.run(run, &queries, |query, row: &Row<'_>| match query {
            0 => users.extend(user(row)),
            1 => hours = working_hours(row),
            _ => free.extend(holidays(std::iter::once(row), today)),
        })
        .await?;
        steps.finish();
        free.sort_unstable();
        free.dedup();
        let discovery = Discovery {
            fields: [(Object::Opportunity, schema.opportunity.fields.iter().map(field).collect())].into(),
            pipelines: vec![schema.pipeline.clone()],
            people: people(users, hours.as_ref(), &self.mapping),
            holidays: free,
        };
        self.schemas.put(schema).await;
        Ok(discovery)
    }
}

fn field(field: &Field) -> CrmField {
    let values = field.picklist_values.iter().filter(|value| value.active).map(|value| value.value.clone());
    CrmField {
        name: field.name.clone(),
        label: field.label.clone(),
        value_type: value_type(field),
        options: (field.field_type == "picklist").then(|| values.collect()),
        writable: field.updateable,
    }
}
