//! What the account has now: properties, pipelines, people.

use std::sync::Arc;

use dealclock_connector::{CrmField, Discovery, Error, Result};
use dealclock_model::{Object, Person, ValueType};
use http::StatusCode;

use crate::HubSpot;
use crate::api::{BATCH, Kind, objects, owners, user};
use crate::client::{Call, Steps};
use crate::errors::Refusal;
use crate::read::encode;
use crate::translate::person::people;
use crate::wire::{self, Owner, Page, Property};

impl HubSpot {
    /// Fields, stages and people as they are now; the account's shape is refreshed by the way.
    pub(crate) async fn discover_all(&self) -> Result<Discovery> {
        let steps = self.client.steps("discover");
        let schema = Arc::new(self.load_schema(&steps).await?);
        let people = self.read_people(&steps).await?;
        steps.finish();
        let fields = schema.properties.values().map(field).collect();
        let discovery = Discovery {
            fields: [(Object::Opportunity, fields)].into(),
            pipelines: schema.pipelines.clone(),
            people,
            holidays: Vec::new(),
        };
        self.schemas.put(schema).await;
        Ok(discovery)
    }

    async fn read_people(&self, steps: &Steps<'_>) -> Result<Vec<Person>> {
        let mut owners: Vec<Owner> = Vec::new();
        // Deals keep pointing at owners that were archived.
        for archived in ["false", "true"] {
            let path = self::owners(&format!("?limit={BATCH}&archived={archived}"));
            owners.extend(pages(steps, "list owners", &path).await?);
        }
        let path = format!("?limit={BATCH}&archived=false&properties={},{},{}", user::ID, user::ZONE, user::HOURS);
        let users = match pages::<wire::Object>(steps, "list users", &objects(Kind::Users, &path)).await {
            Ok(users) => users,
            // Without the scope people have no zone of their own; `check` says so.
            Err(refusal) if refusal.is(StatusCode::FORBIDDEN) => Vec::new(),
            Err(refusal) => return Err(refusal.into()),
        };
        Ok(people(&owners, &users, &self.mapping))
    }
}

/// All pages of a list.
async fn pages<T: serde::de::DeserializeOwned>(
    steps: &Steps<'_>,
    what: &'static str,
    path: &str,
) -> std::result::Result<Vec<T>, Refusal> {
    let mut all = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page: Page<T> = steps.ask(Call::get(what, next.clone())).await?;
        let is_empty = page.results.is_empty();
        all.extend(page.results);
        match page.paging.after() {
            Some(after) if !is_empty => {
                let following = format!("{path}&after={}", encode(after));
                if following == next {
                    return Err(Refusal::ours(Error::transient(format!(
                        "{what}: a page is said to be its own next one"
                    ))));
                }
                next = following;
            }
            Some(_) | None => return Ok(all),
        }
    }
}

fn field(property: &Property) -> CrmField {
    let value_type = value_type(property.value_type.text());
    let is_picklist = property.value_type.text() == "enumeration" && !property.external_options;
    let options = || property.options.iter().map(|option| option.value.text().to_owned()).collect();
    CrmField {
        name: property.name.clone(),
        label: property.label.as_str().unwrap_or(&property.name).to_owned(),
        value_type,
        options: is_picklist.then(options),
        writable: !property.calculated && !property.modification_metadata.read_only_value,
    }
}

/// The type that a property's values translate to; `None` for those that rules cannot use.
pub(crate) fn value_type(of: &str) -> Option<ValueType> {
    match of {
        "bool" => Some(ValueType::Bool),
        "number" => Some(ValueType::Number),
        "string" | "phone_number" | "enumeration" => Some(ValueType::Text),
        "date" => Some(ValueType::Date),
        "datetime" => Some(ValueType::Time),
        _ => None,
    }
}
