//! Making the properties that the rules need: compared first, then made one by one; what exists is never changed.

use async_trait::async_trait;
use dealclock_connector::{Error, Need, Plan, PlanItem, PlanState, Priority, Provision, Result};
use dealclock_model::ValueType;
use http::StatusCode;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::HubSpot;
use crate::api::{GROUP, KEY, Kind, OUTCOME, properties};
use crate::client::Call;
use crate::wire::{Group, Page, Property};

#[async_trait]
impl Provision for HubSpot {
    async fn plan(&self, needs: &[Need]) -> Result<Plan> {
        let mut items = Vec::new();
        let steps = self.client.steps("plan");
        for kind in [Kind::Deals, Kind::Tasks] {
            let here: Vec<&Need> = needs.iter().filter(|need| kind_of(need) == kind).collect();
            if here.is_empty() {
                continue;
            }
            let groups: Page<Group> = steps.ask(get("list property groups", properties(kind, "/groups"))).await?;
            let existing: Page<Property> =
                steps.ask(get("list properties", properties(kind, "?archived=false"))).await?;
            let has_group = groups.results.iter().any(|group| group.name == GROUP);
            let state = if has_group { PlanState::Present } else { PlanState::Missing };
            items.push(PlanItem { name: GROUP.to_owned(), what: group_title(kind), state });
            for need in here {
                let found = existing.results.iter().find(|property| property.name == need.name && !property.archived);
                items.push(PlanItem {
                    name: need.name.clone(),
                    what: property_title(need),
                    state: compare(need, found),
                });
            }
        }
        steps.finish();
        Ok(Plan { items, by_hand: by_hand(needs) })
    }

    async fn make(&self, needs: &[Need], item: &PlanItem) -> Result<()> {
        let group =
            [Kind::Deals, Kind::Tasks].into_iter().find(|kind| item.name == GROUP && item.what == group_title(*kind));
        let call = match group {
            Some(kind) => {
                let body = json!({ "name": GROUP, "label": "Dealclock", "displayOrder": -1 });
                Call::post("make a property group", properties(kind, "/groups"), body)
            }
            None => {
                let need = needs.iter().find(|need| need.name == item.name && property_title(need) == item.what);
                let need =
                    need.ok_or_else(|| Error::rejected(format!("make `{}`: it is not among the needs", item.name)))?;
                Call::post("make a property", properties(kind_of(need), ""), definition(need))
            }
        };
        let made = self.client.ask::<IgnoredAny>(call.priority(Priority::Write)).await;
        if item.name == KEY {
            *self.keyed.lock().await = None;
        }
        self.schemas.forget().await;
        match made {
            Ok(_) => Ok(()),
            Err(refusal) if refusal.is(StatusCode::CONFLICT) => Ok(()),
            Err(refusal) => Err(refusal.into()),
        }
    }
}

fn get(what: &'static str, path: String) -> Call {
    Call::get(what, path).priority(Priority::Write)
}

fn kind_of(need: &Need) -> Kind {
    if need.on_tasks { Kind::Tasks } else { Kind::Deals }
}

fn group_title(kind: Kind) -> String {
    format!("property group on {}", kind.as_str())
}

fn property_title(need: &Need) -> String {
    let unique = if need.unique { ", unique" } else { "" };
    let (value_type, field_type) = types(need);
    format!("property \"{}\" on {} ({value_type}, {field_type}{unique})", need.label, kind_of(need).as_str())
}

/// HubSpot's `type` and `fieldType`.
fn types(need: &Need) -> (&'static str, &'static str) {
    match need.value_type {
        ValueType::Bool => ("bool", "booleancheckbox"),
        ValueType::Number => ("number", "number"),
        ValueType::Text if !need.options.is_empty() => ("enumeration", "select"),
        ValueType::Text if need.long_text => ("string", "textarea"),
        ValueType::Text => ("string", "text"),
        ValueType::Time => ("datetime", "date"),
        ValueType::Date => ("date", "date"),
    }
}

fn options(need: &Need) -> Vec<(String, String)> {
    match need.value_type {
        // A checkbox is refused without its two options.
        ValueType::Bool => vec![("true".to_owned(), "Yes".to_owned()), ("false".to_owned(), "No".to_owned())],
        ValueType::Number | ValueType::Text | ValueType::Time | ValueType::Date => need.options.clone(),
    }
}

fn definition(need: &Need) -> Value {
    let (value_type, field_type) = types(need);
    let options: Vec<Value> = options(need)
        .iter()
        .enumerate()
        .map(
            |(place, (value, label))| json!({ "label": label, "value": value, "displayOrder": place, "hidden": false }),
        )
        .collect();
    let mut definition = json!({
        "groupName": GROUP,
        "name": need.name,
        "label": need.label,
        "description": need.description,
        "type": value_type,
        "fieldType": field_type,
        "formField": false,
    });
    if !options.is_empty() {
        definition["options"] = Value::Array(options);
    }
    if need.unique {
        definition["hasUniqueValue"] = Value::Bool(true);
    }
    definition
}

fn compare(need: &Need, found: Option<&Property>) -> PlanState {
    let Some(found) = found else { return PlanState::Missing };
    let (wanted, _) = types(need);
    let existing = found.value_type.text();
    if existing != wanted {
        return PlanState::Differs(format!("it holds {existing} where {wanted} is needed"));
    }
    if need.unique && !found.has_unique_value {
        return PlanState::Differs("it does not have to be unique, and HubSpot cannot change that later".to_owned());
    }
    if found.calculated || found.modification_metadata.read_only_value {
        return PlanState::Differs("its values cannot be written".to_owned());
    }
    let has = |value: &str| found.options.iter().any(|option| option.value.text() == value);
    let missing: Vec<String> = options(need).into_iter().map(|(value, _)| value).filter(|value| !has(value)).collect();
    if missing.is_empty() {
        PlanState::Present
    } else {
        PlanState::Differs(format!("it lacks the options {}", missing.join(", ")))
    }
}

/// What HubSpot's API cannot do.
fn by_hand(needs: &[Need]) -> Vec<String> {
    let on_deals = needs.iter().filter(|need| !need.on_tasks);
    let labels: Vec<&str> = on_deals.map(|need| need.label.as_str()).collect();
    let mut tasks = Vec::new();
    if !labels.is_empty() {
        tasks.push(format!(
            "place these properties on the deal page (Settings, Objects, Deals, Record customization): {}",
            labels.join(", ")
        ));
        tasks.push(
            "to make a reason obligatory, add conditional logic to the checkbox (Settings, Properties): HubSpot's API \
             cannot"
                .to_owned(),
        );
    }
    let asked = needs.iter().find(|need| need.on_tasks && need.name == OUTCOME);
    tasks.extend(asked.map(|need| {
        format!(
            "place the property {} on the task page (Settings, Objects, Activities, Tasks), where approvers choose it",
            need.label
        )
    }));
    tasks
}
