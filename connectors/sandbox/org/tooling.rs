//! The Tooling API, as far as programs that set an org up use it: fields and validation rules.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/intro_rest_overview.htm>

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::custom::{Metadata, describe, object_name, place};
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::rules::{Definition, Rule};
use super::schema::{Field, FieldId, FieldType};
use super::soql::{Filter, Item, Literal, LiteralValue, Operator, parse};

/// The first characters of the ids of fields.
const FIELD_PREFIX: &str = "00N";

/// Ids of fields tell type and place: no type has more fields.
const MOST_FIELDS: u64 = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NewItem<T> {
    full_name: String,
    metadata: T,
}

impl Org {
    /// Answers a call of the Tooling API.
    pub(super) fn tooling(&mut self, call: &Call<'_>) -> Outcome {
        if !self.may(call.author.user, "PermissionsViewSetup") {
            return Err(Failure::new(403, "INSUFFICIENT_ACCESS", "You do not have the level of access necessary"));
        }
        let segments: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
        match (call.method, segments.as_slice()) {
            ("GET", ["query"]) => self.tooling_query(call),
            ("POST", ["sobjects", "CustomField"]) => self.new_field(call),
            ("POST", ["sobjects", "ValidationRule"]) => self.new_rule(call),
            ("GET", ["sobjects", kind @ ("CustomField" | "ValidationRule"), id]) => self.tooling_read(kind, id),
            _ => Err(Failure::not_found()),
        }
    }

    fn new_field(&mut self, call: &Call<'_>) -> Outcome {
        let new: NewItem<Metadata> = call.json()?;
        let (kind, name) = place(&new.full_name)?;
        let field = new.metadata.into_field(name)?;
        if self.table(kind).schema.find(name).is_some() {
            let message = format!("There is already a field named {name} on {}.", object_name(kind));
            return Err(Failure::invalid("DUPLICATE_DEVELOPER_NAME", message).with_fields(["DeveloperName"]));
        }
        let (is_checkbox, default) = (field.of == FieldType::Bool, field.default.clone());
        self.add_field(kind, field);
        let id = self.table(kind).schema.known(name);
        if is_checkbox {
            // Records that are there already have an unticked box, not an empty one.
            let rows: Vec<_> = self.table(kind).rows().cloned().collect();
            for mut row in rows {
                row.put(id, default.clone());
                self.table_mut(kind).put(row);
            }
        }
        Ok(made(self.field_id(kind, id)))
    }

    fn new_rule(&mut self, call: &Call<'_>) -> Outcome {
        let new: NewItem<Definition> = call.json()?;
        let (kind, name) = place(&new.full_name)?;
        self.add_rule(kind, name, new.metadata).map(made)
    }

    fn tooling_read(&self, kind: &str, id: &str) -> Outcome {
        let rows = if kind == "CustomField" { self.field_rows() } else { self.rule_rows() };
        let wanted = Id::parse(id).ok_or_else(Failure::not_found)?.to_string();
        let row = rows.into_iter().find(|row| row.get("Id").and_then(Value::as_str) == Some(&wanted));
        row.map(|row| Answer::ok(&Value::Object(row))).ok_or_else(Failure::not_found)
    }

    fn tooling_query(&self, call: &Call<'_>) -> Outcome {
        let text = call.parameter("q").unwrap_or_default();
        let query = parse(text)?;
        let rows = match query.from.text.to_ascii_lowercase().as_str() {
            "customfield" => self.field_rows(),
            "validationrule" => self.rule_rows(),
            _ => return Err(Failure::no_such_type(&query.from.text)),
        };
        let mut found = Vec::new();
        for row in rows {
            if query.filter.as_ref().map_or(Ok(true), |filter| admits(filter, &row))? {
                found.push(row);
            }
        }
        found.truncate(query.limit.unwrap_or(usize::MAX));
        let names: Vec<&str> = query.select.iter().filter_map(selected).collect();
        let is_whole = |name: &&str| name.eq_ignore_ascii_case("Metadata") || name.eq_ignore_ascii_case("FullName");
        if found.len() > 1 && names.iter().any(is_whole) {
            let message = "When retrieving results with Metadata or FullName fields, the query qualifications must \
                           specify no more than one row for retrieval.";
            return Err(Failure::invalid("MALFORMED_QUERY", message));
        }
        let records: Result<Vec<Value>, Failure> =
            found.iter().map(|row| show(row, &names, &query.from.text)).collect();
        let records = records?;
        Ok(Answer::ok(&json!({ "size": records.len(), "totalSize": records.len(), "done": true, "records": records })))
    }

    /// The fields that were added, also those that nobody may see yet.
    fn field_rows(&self) -> Vec<Map<String, Value>> {
        let kinds = Kind::ALL.into_iter();
        kinds
            .flat_map(|kind| {
                let custom = self.table(kind).schema.iter().filter(|(_, field)| field.custom);
                custom.map(move |(id, field)| self.field_row(kind, id, field))
            })
            .collect()
    }

    fn field_row(&self, kind: Kind, id: FieldId, field: &Field) -> Map<String, Value> {
        let object = object_name(kind);
        Map::from_iter([
            ("Id".to_owned(), self.field_id(kind, id).to_string().into()),
            ("DeveloperName".to_owned(), field.name.trim_end_matches("__c").into()),
            ("TableEnumOrId".to_owned(), object.into()),
            ("NamespacePrefix".to_owned(), Value::Null),
            ("FullName".to_owned(), format!("{object}.{}", field.name).into()),
            ("Metadata".to_owned(), describe(field)),
        ])
    }

    fn field_id(&self, kind: Kind, field: FieldId) -> Id {
        let place = Kind::ALL.iter().position(|known| *known == kind).unwrap_or_default();
        let place = u64::try_from(place).unwrap_or_default();
        Id::new(FIELD_PREFIX, self.instance, place * MOST_FIELDS + u64::from(field.0))
    }

    fn rule_rows(&self) -> Vec<Map<String, Value>> {
        self.rules.iter().map(rule_row).collect()
    }
}

fn rule_row(rule: &Rule) -> Map<String, Value> {
    let definition = &rule.definition;
    Map::from_iter([
        ("Id".to_owned(), rule.id.to_string().into()),
        ("ValidationName".to_owned(), rule.name.as_str().into()),
        ("Active".to_owned(), definition.active.into()),
        ("ErrorMessage".to_owned(), definition.error_message.as_str().into()),
        ("ErrorDisplayField".to_owned(), definition.error_display_field.clone().into()),
        ("EntityDefinition".to_owned(), json!({ "QualifiedApiName": rule.kind.name() })),
        ("FullName".to_owned(), format!("{}.{}", rule.kind.name(), rule.name).into()),
        ("Metadata".to_owned(), serde_json::to_value(definition).unwrap_or_default()),
    ])
}

fn made(id: Id) -> Answer {
    let body = json!({ "id": id.to_string(), "success": true, "errors": [], "warnings": [], "infos": [] });
    Answer::with_status(201, &body)
}

fn selected(item: &Item) -> Option<&str> {
    match item {
        Item::Field(name) => Some(&name.text),
        Item::Children(_) | Item::Count(..) => None,
    }
}

/// A value, also one behind a dot; names are the same in any case.
fn value<'a>(row: &'a Map<String, Value>, name: &str) -> Result<&'a Value, Failure> {
    let unknown = || Failure::no_such_field(name, "the Tooling object");
    let find = |row: &'a Map<String, Value>, name: &str| {
        row.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    match name.split_once('.') {
        None => find(row, name).ok_or_else(unknown),
        Some((parent, name)) => {
            let parent = find(row, parent).and_then(Value::as_object);
            parent.and_then(|parent| find(parent, name)).ok_or_else(unknown)
        }
    }
}

fn show(row: &Map<String, Value>, names: &[&str], kind: &str) -> Result<Value, Failure> {
    let mut shown = json!({ "attributes": { "type": kind } });
    for name in names {
        let found = value(row, name)?.clone();
        match name.split_once('.') {
            None => shown[*name] = found,
            Some((parent, name)) => shown[parent][name] = found,
        }
    }
    Ok(shown)
}

fn admits(filter: &Filter, row: &Map<String, Value>) -> Result<bool, Failure> {
    match filter {
        Filter::All(parts) => parts.iter().try_fold(true, |all, part| Ok(admits(part, row)? && all)),
        Filter::Any(parts) => parts.iter().try_fold(false, |any, part| Ok(admits(part, row)? || any)),
        Filter::Not(part) => Ok(!admits(part, row)?),
        Filter::In(name, excludes, list) => {
            let found = value(row, &name.text)?;
            Ok(list.iter().any(|literal| is_same(found, literal)) != *excludes)
        }
        Filter::InQuery(..) => Err(Failure::invalid("MALFORMED_QUERY", "no inner query is known here")),
        Filter::Compare(name, operator, literal) => {
            let same = is_same(value(row, &name.text)?, literal);
            match operator {
                Operator::Is => Ok(same),
                Operator::IsNot => Ok(!same),
                Operator::Below | Operator::AtMost | Operator::Above | Operator::AtLeast | Operator::Like => {
                    Err(Failure::invalid("MALFORMED_QUERY", "only = and != are known here"))
                }
            }
        }
    }
}

fn is_same(found: &Value, literal: &Literal) -> bool {
    match (&literal.value, found) {
        (LiteralValue::Null, found) => found.is_null(),
        (LiteralValue::Bool(flag), found) => found.as_bool() == Some(*flag),
        (LiteralValue::Text(text), Value::String(found)) => {
            found.eq_ignore_ascii_case(text) || Id::parse(text).is_some_and(|id| id.to_string() == *found)
        }
        (LiteralValue::Text(_) | LiteralValue::Plain(_), _) => false,
    }
}
