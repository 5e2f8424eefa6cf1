//! The definitions of properties, and their groups.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Call, Outcome};
use crate::portal::Portal;
use crate::portal::builtin::yes_and_no;
use crate::portal::instant::iso;
use crate::portal::kind::Kind;
use crate::portal::schema::{Choice, Group, Property, PropertyId, Reference, ValueType};
use crate::refusal::{Category, Refusal};

/// An object admits no more properties of which no two records hold the same value.
const MOST_UNIQUE: usize = 10;
const LARGEST_BATCH: usize = 100;

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewProperty {
    name: String,
    label: String,
    group_name: String,
    #[serde(rename = "type")]
    value_type: ValueType,
    field_type: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    options: Vec<Choice>,
    #[serde(default)]
    has_unique_value: bool,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    form_field: bool,
    #[serde(default)]
    display_order: Option<i32>,
    #[serde(default)]
    external_options: bool,
    #[serde(default)]
    referenced_object_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PropertyChange {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    group_name: Option<String>,
    #[serde(default)]
    options: Option<Vec<Choice>>,
    #[serde(default)]
    hidden: Option<bool>,
    #[serde(default)]
    display_order: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewGroup {
    name: String,
    label: String,
    #[serde(default)]
    display_order: Option<i32>,
}

#[derive(Deserialize)]
struct Inputs<T> {
    inputs: Vec<T>,
    #[serde(default)]
    archived: bool,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// `GET /crm/properties/{type}`.
pub(crate) fn list(portal: &Portal, kind: Kind, call: &Call<'_>) -> Answer {
    let archived = call.archived();
    let wanted = portal.schema(kind).iter().filter(|(_, property)| property.archived.is_some() == archived);
    Answer::ok(json!({ "results": wanted.map(|(_, property)| render(portal, property)).collect::<Vec<_>>() }))
}

/// `GET /crm/properties/{type}/{name}`.
pub(crate) fn get(portal: &Portal, kind: Kind, name: &str, call: &Call<'_>) -> Outcome {
    let found = portal.schema(kind).find_any(name).map(|id| portal.schema(kind).property(id));
    let found = found.filter(|property| property.archived.is_some() == call.archived());
    found.map(|property| Answer::ok(render(portal, property))).ok_or_else(|| no_property(name))
}

/// `POST /crm/properties/{type}`; the name of an archived property brings that one back.
pub(crate) fn create(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let new: NewProperty = call.json()?;
    check_new(portal, kind, &new)?;
    let id = add(portal, kind, new)?;
    Ok(Answer::created(render(portal, portal.schema(kind).property(id))))
}

/// `PATCH /crm/properties/{type}/{name}`; a list of options replaces the one that is there.
pub(crate) fn update(portal: &mut Portal, kind: Kind, name: &str, call: &Call<'_>) -> Outcome {
    let change: PropertyChange = call.json()?;
    let id = portal.schema(kind).find(name).ok_or_else(|| no_property(name))?;
    if let Some(group) = &change.group_name {
        check_group(portal, kind, group)?;
    }
    let now = portal.now;
    let property = portal.store_mut(kind).schema.property_mut(id);
    if let Some(choices) = change.options {
        check_choices(property.value_type, &choices)?;
        property.choices = choices;
    }
    property.label = change.label.unwrap_or_else(|| property.label.clone());
    property.description = change.description.unwrap_or_else(|| property.description.clone());
    property.group = change.group_name.unwrap_or_else(|| property.group.clone());
    property.hidden = change.hidden.unwrap_or(property.hidden);
    property.display_order = change.display_order.unwrap_or(property.display_order);
    property.updated = now;
    Ok(Answer::ok(render(portal, portal.schema(kind).property(id))))
}

/// `DELETE /crm/properties/{type}/{name}`.
pub(crate) fn archive(portal: &mut Portal, kind: Kind, name: &str) -> Answer {
    let now = portal.now;
    let schema = &mut portal.store_mut(kind).schema;
    if let Some(id) = schema.find(name).filter(|id| !schema.property(*id).built_in) {
        schema.property_mut(id).archived = Some(now);
    }
    Answer::no_content()
}

/// `POST /crm/properties/{type}/batch/create`: properties that exist are told as errors beside the new ones.
pub(crate) fn batch_create(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let inputs = inputs::<NewProperty>(call)?.inputs;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for new in inputs {
        let made = check_new(portal, kind, &new).and_then(|()| add(portal, kind, new));
        match made {
            Ok(id) => results.push(render(portal, portal.schema(kind).property(id))),
            Err(refusal) => errors.push(refusal.to_item()),
        }
    }
    Ok(batch_answer(portal, results, errors, 201))
}

/// `POST /crm/properties/{type}/batch/read`.
pub(crate) fn batch_read(portal: &Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let Inputs { inputs, archived } = inputs::<Named>(call)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for Named { name } in inputs {
        let found = portal.schema(kind).find_any(&name).map(|id| portal.schema(kind).property(id));
        match found.filter(|property| property.archived.is_some() == archived) {
            Some(property) => results.push(render(portal, property)),
            None => errors.push(no_property(&name).to_item()),
        }
    }
    Ok(batch_answer(portal, results, errors, 200))
}

/// `POST /crm/properties/{type}/batch/archive`.
pub(crate) fn batch_archive(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    for Named { name } in inputs::<Named>(call)?.inputs {
        archive(portal, kind, &name);
    }
    Ok(Answer::no_content())
}

/// `GET /crm/properties/{type}/groups`.
pub(crate) fn groups(portal: &Portal, kind: Kind) -> Answer {
    Answer::ok(json!({ "results": portal.schema(kind).groups.iter().map(render_group).collect::<Vec<_>>() }))
}

/// `GET /crm/properties/{type}/groups/{name}`.
pub(crate) fn group(portal: &Portal, kind: Kind, name: &str) -> Outcome {
    let found = portal.schema(kind).groups.iter().find(|group| group.name == name);
    found.map(|group| Answer::ok(render_group(group))).ok_or_else(|| no_property(name))
}

/// `POST /crm/properties/{type}/groups`.
pub(crate) fn create_group(portal: &mut Portal, kind: Kind, call: &Call<'_>) -> Outcome {
    let NewGroup { name, label, display_order } = call.json()?;
    if portal.schema(kind).groups.iter().any(|group| group.name == name) {
        return Err(exists(format!("A property group named '{name}' already exists."), "Properties.GROUP_EXISTS"));
    }
    let group = Group { name, label, display_order: display_order.unwrap_or(-1) };
    let answer = Answer::created(render_group(&group));
    portal.store_mut(kind).schema.groups.push(group);
    Ok(answer)
}

fn check_new(portal: &Portal, kind: Kind, new: &NewProperty) -> Result<(), Refusal> {
    let schema = portal.schema(kind);
    if schema.find(&new.name).is_some() {
        let message = format!("A property named '{}' already exists.", new.name);
        return Err(exists(message, "Properties.PROPERTY_WITH_NAME_EXISTS"));
    }
    if !is_name(&new.name) {
        return Err(Refusal::invalid(format!("The property name {} is not valid", new.name)));
    }
    check_group(portal, kind, &new.group_name)?;
    if !new.value_type.admits(&new.field_type) {
        let message = format!("The fieldType {} does not fit the type of the property", new.field_type);
        return Err(Refusal::invalid(message).with_sub_category("Properties.INVALID_FIELD_TYPE"));
    }
    check_choices(new.value_type, &new.options)?;
    let referenced = new.external_options && new.referenced_object_type.as_deref() == Some("OWNER");
    if new.value_type == ValueType::Enumeration && new.options.is_empty() && !referenced {
        return Err(Refusal::invalid("An enumeration needs options"));
    }
    if new.has_unique_value {
        check_unique(portal, kind, new)?;
    }
    Ok(())
}

fn check_unique(portal: &Portal, kind: Kind, new: &NewProperty) -> Result<(), Refusal> {
    let message = match (kind, new.value_type) {
        (Kind::Task, _) if !portal.unique_task_properties => "Tasks do not support properties with unique values",
        (_, ValueType::String | ValueType::Number) => {
            let unique = portal.schema(kind).iter().filter(|(_, property)| property.unique && !property.built_in);
            if unique.count() < MOST_UNIQUE {
                return Ok(());
            }
            "The limit of 10 properties with unique values is reached"
        }
        _ => "Only text and number properties can have unique values",
    };
    Err(Refusal::invalid(message).with_sub_category("PropertyValidationError.UNIQUE_PROPERTY_NOT_SUPPORTED"))
}

fn check_group(portal: &Portal, kind: Kind, name: &str) -> Result<(), Refusal> {
    match portal.schema(kind).groups.iter().any(|group| group.name == name) {
        true => Ok(()),
        false => Err(Refusal::invalid(format!("The property group {name} does not exist"))),
    }
}

fn check_choices(value_type: ValueType, choices: &[Choice]) -> Result<(), Refusal> {
    let values: std::collections::HashSet<_> = choices.iter().map(|choice| choice.value.as_str()).collect();
    if values.len() < choices.len() {
        return Err(Refusal::invalid("Two options have the same value"));
    }
    match value_type {
        ValueType::Bool if !choices.is_empty() && values != ["true", "false"].into() => {
            Err(Refusal::invalid("The options of a bool must be true and false"))
        }
        ValueType::Bool
        | ValueType::Enumeration
        | ValueType::String
        | ValueType::Number
        | ValueType::Date
        | ValueType::DateTime => Ok(()),
    }
}

fn add(portal: &mut Portal, kind: Kind, new: NewProperty) -> Result<PropertyId, Refusal> {
    let now = portal.now;
    let schema = &mut portal.store_mut(kind).schema;
    if let Some(id) = schema.find_any(&new.name) {
        let property = schema.property_mut(id);
        property.archived = None;
        property.updated = now;
        return Ok(id);
    }
    let owner = new.referenced_object_type.as_deref() == Some("OWNER");
    let choices = if new.value_type == ValueType::Bool && new.options.is_empty() { yes_and_no() } else { new.options };
    let property = Property {
        name: new.name,
        label: new.label,
        description: new.description,
        group: new.group_name,
        value_type: new.value_type,
        field_type: new.field_type,
        choices,
        unique: new.has_unique_value,
        hidden: new.hidden,
        form_field: new.form_field,
        read_only: false,
        display_order: new.display_order.unwrap_or(-1),
        built_in: false,
        calculation: None,
        reference: owner.then_some(Reference::Owner),
        created: now,
        updated: now,
        archived: None,
    };
    schema.add(property).ok_or_else(|| Refusal::invalid("The limit of custom properties is reached"))
}

/// Lower-case letters, digits and underscores, a letter first.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn inputs<T: serde::de::DeserializeOwned>(call: &Call<'_>) -> Result<Inputs<T>, Refusal> {
    let inputs: Inputs<T> = call.json()?;
    match inputs.inputs.len() {
        1..=LARGEST_BATCH => Ok(inputs),
        _ => Err(Refusal::invalid(format!("A batch has from 1 to {LARGEST_BATCH} inputs"))),
    }
}

fn batch_answer(portal: &Portal, results: Vec<Value>, errors: Vec<Value>, status: u16) -> Answer {
    let now = iso(portal.now);
    let mut body = json!({ "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now });
    if errors.is_empty() {
        return Answer { status, body: Some(body) };
    }
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    Answer { status: 207, body: Some(body) }
}

fn exists(message: String, sub_category: &'static str) -> Refusal {
    Refusal::new(409, Category::ObjectAlreadyExists, message).with_sub_category(sub_category)
}

fn no_property(name: &str) -> Refusal {
    Refusal::not_found(format!("Property with name {name} does not exist"))
        .with_sub_category("Properties.PROPERTY_NOT_FOUND")
        .with_context("name", json!([name]))
}

fn render_group(group: &Group) -> Value {
    json!({ "name": group.name, "label": group.label, "displayOrder": group.display_order, "archived": false })
}

fn render(portal: &Portal, property: &Property) -> Value {
    let read_only = property.is_read_only();
    let owner = property.reference == Some(Reference::Owner);
    let mut written = json!({
        "name": property.name,
        "label": property.label,
        "type": property.value_type,
        "fieldType": property.field_type,
        "description": property.description,
        "groupName": property.group,
        "options": choices(portal, property),
        "displayOrder": property.display_order,
        "calculated": property.calculation.is_some(),
        "externalOptions": owner,
        "archived": property.archived.is_some(),
        "hasUniqueValue": property.unique,
        "hidden": property.hidden,
        "modificationMetadata": {
            "archivable": !property.built_in,
            "readOnlyDefinition": property.built_in,
            "readOnlyValue": read_only,
        },
        "formField": property.form_field,
        "dataSensitivity": "non_sensitive",
        "createdAt": iso(property.created),
        "updatedAt": iso(property.updated),
    });
    if property.built_in {
        written["hubspotDefined"] = true.into();
    }
    if owner {
        written["referencedObjectType"] = "OWNER".into();
    }
    if let Some(archived) = property.archived {
        written["archivedAt"] = iso(archived).into();
    }
    written
}

/// The options of stages and pipelines are those that the account has at the moment.
fn choices(portal: &Portal, property: &Property) -> Vec<Choice> {
    let choice = |(label, value): (&String, &String), display_order| Choice {
        label: label.clone(),
        value: value.clone(),
        display_order,
        hidden: false,
    };
    match property.reference {
        Some(Reference::Owner) => Vec::new(),
        Some(Reference::Pipeline) => {
            let pipelines = portal.pipelines.iter().map(|pipeline| (&pipeline.label, &pipeline.id));
            pipelines.zip(0..).map(|(pipeline, order)| choice(pipeline, order)).collect()
        }
        Some(Reference::Stage) => {
            let stages = portal.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
            stages.zip(0..).map(|(stage, order)| choice((&stage.label, &stage.id), order)).collect()
        }
        None => property.choices.clone(),
    }
}
