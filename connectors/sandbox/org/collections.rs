//! Up to two hundred records in one call: each has its own result, or all fail together.
//!
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm>

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::schema::system;
use super::sobjects::find_kind;
use super::write::Values;

const MOST_RECORDS: usize = 200;
const MOST_CHUNKS: usize = 10;
const MOST_READ: usize = 2000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collection {
    #[serde(default)]
    all_or_none: bool,
    records: Vec<Values>,
}

#[derive(Deserialize)]
struct ReadMany {
    ids: Vec<String>,
    fields: Vec<String>,
}

/// What became of one record: its id and, for an upsert, whether it is new.
type Written = Result<(Id, Option<bool>), Failure>;

impl Org {
    pub(super) fn create_many(&mut self, call: &Call<'_>) -> Outcome {
        let Collection { all_or_none, records } = self.collection(call)?;
        let by = call.author;
        Ok(self.each(all_or_none, records, |org, record| {
            let kind = type_of(&record)?;
            Ok((org.create(kind, &record, by)?, None))
        }))
    }

    pub(super) fn update_many(&mut self, call: &Call<'_>) -> Outcome {
        let Collection { all_or_none, records } = self.collection(call)?;
        let by = call.author;
        Ok(self.each(all_or_none, records, |org, mut record| {
            let kind = type_of(&record)?;
            let id = take_id(&mut record).ok_or_else(|| {
                Failure::invalid("MISSING_ARGUMENT", "Id not specified in an update call").with_fields(["Id"])
            })?;
            let id = Id::parse(&id).filter(|id| id.prefix() == kind.prefix()).ok_or_else(|| malformed_id(&id))?;
            org.known(kind, id)?;
            org.update(kind, id, &record, by)?;
            Ok((id, None))
        }))
    }

    pub(super) fn delete_many(&mut self, call: &Call<'_>) -> Outcome {
        let ids: Vec<_> = call.parameter("ids").unwrap_or_default().split(',').map(|id| id.trim().to_owned()).collect();
        check_size(ids.len(), MOST_RECORDS)?;
        let all_or_none = call.parameter("allOrNone") == Some("true");
        let by = call.author;
        Ok(self.each(all_or_none, ids, |org, text| {
            let id = Id::parse(&text).ok_or_else(|| malformed_id(&text))?;
            let kind = Kind::of_prefix(id.prefix()).ok_or_else(|| malformed_id(&text))?;
            org.known(kind, id)?;
            org.delete(kind, id, by)?;
            Ok((id, None))
        }))
    }

    pub(super) fn upsert_many(&mut self, call: &Call<'_>, kind: &str, field: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let field = self.key_field(call, kind, field)?;
        let name = self.table(kind).schema.field(field).name.clone();
        let Collection { all_or_none, records } = self.collection(call)?;
        let twice = repeated(&records, &name);
        Ok(self.each(all_or_none, records, |org, mut record| {
            if type_of(&record)? != kind {
                return Err(Failure::invalid("INVALID_TYPE", "all records of an upsert must be of the same type"));
            }
            let key = take_key(&mut record, &name).ok_or_else(|| {
                Failure::invalid("MISSING_ARGUMENT", format!("{name} not specified")).with_fields([name.as_str()])
            })?;
            if twice.contains(&key) {
                let message = format!("Duplicate external id specified: {key}");
                return Err(Failure::invalid("DUPLICATE_VALUE", message).with_fields([name.as_str()]));
            }
            match org.holders(kind, field, &key).as_slice() {
                [] if field == system::ID => Err(Failure::bad_reference()),
                [] => {
                    let id = org.create_with_key(kind, field, &key, record, call)?;
                    Ok((id, Some(true)))
                }
                [id] => {
                    org.update(kind, *id, &record, call.author)?;
                    Ok((*id, Some(false)))
                }
                several => {
                    let message = format!("{name}: more than one record found for external id field: {several:?}");
                    Err(Failure::invalid("DUPLICATE_EXTERNAL_ID", message))
                }
            }
        }))
    }

    pub(super) fn read_many(&mut self, call: &Call<'_>, kind: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let list = |name: &str| {
            let items = call.parameter(name).unwrap_or_default().split(',').map(str::trim);
            items.filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let wish = match call.method {
            "POST" => call.json()?,
            _ => ReadMany { ids: list("ids"), fields: list("fields") },
        };
        check_size(wish.ids.len(), MOST_READ)?;
        let fields = self.named_fields(call, kind, wish.fields.iter().map(String::as_str))?;
        let sight = self.sight(call.author.user);
        let records = wish.ids.iter().map(|text| {
            let row = Id::parse(text).and_then(|id| self.table(kind).get(id)).filter(|row| !row.is_deleted());
            row.map_or(Value::Null, |row| self.record(kind, row, Some(&fields), &sight, &call.version))
        });
        Ok(Answer::ok(&records.collect()))
    }

    /// A record that is not there is told differently in a collection than on its own.
    fn known(&self, kind: Kind, id: Id) -> Result<(), Failure> {
        self.table(kind).get(id).map(drop).ok_or_else(Failure::bad_reference)
    }

    fn collection(&self, call: &Call<'_>) -> Result<Collection, Failure> {
        let collection: Collection = call.json()?;
        check_size(collection.records.len(), MOST_RECORDS)?;
        let kinds: Vec<_> = collection.records.iter().map(|record| type_of(record).ok()).collect();
        let chunks = kinds.chunk_by(|left, right| left == right).count();
        if chunks > MOST_CHUNKS {
            let message = "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce \
                           chunking.";
            return Err(Failure::invalid("LIMIT_EXCEEDED", message));
        }
        Ok(collection)
    }

    /// Carries each item out on its own; where all must succeed or none, one failure takes everything back.
    fn each<T>(&mut self, all_or_none: bool, items: Vec<T>, mut act: impl FnMut(&mut Org, T) -> Written) -> Answer {
        let act_alone = |org: &mut Org, item| org.transact(|org| act(org, item), Result::is_ok);
        let carry_out = |org: &mut Org| {
            let mut act_alone = act_alone;
            items.into_iter().map(|item| act_alone(org, item)).collect::<Vec<_>>()
        };
        let keep = |results: &Vec<Written>| !all_or_none || results.iter().all(Result::is_ok);
        let mut results = self.transact(carry_out, keep);
        if !keep(&results) {
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(Failure::rolled_back());
            }
        }
        Answer::ok(&results.iter().map(to_result).collect())
    }
}

fn to_result(written: &Written) -> Value {
    match written {
        Ok((id, None)) => json!({ "id": id.to_string(), "success": true, "errors": [] }),
        Ok((id, Some(created))) => {
            json!({ "id": id.to_string(), "success": true, "errors": [], "created": created })
        }
        Err(failure) => failure.to_result(),
    }
}

/// The type of a record, which each record of a collection names.
fn type_of(record: &Values) -> Result<Kind, Failure> {
    let name = record.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
    let name = name.ok_or_else(|| Failure::invalid("INVALID_TYPE", "sObject type is missing in attributes"))?;
    Kind::parse(name).ok_or_else(|| Failure::no_such_type(name))
}

fn take_id(record: &mut Values) -> Option<String> {
    take_key(record, "Id")
}

fn take_key(record: &mut Values, name: &str) -> Option<String> {
    let key = record.keys().find(|key| key.eq_ignore_ascii_case(name))?.clone();
    match record.remove(&key)? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// The keys that several records of one call hold.
fn repeated(records: &[Values], name: &str) -> HashSet<String> {
    let keys = records.iter().filter_map(|record| take_key(&mut record.clone(), name));
    let mut seen = HashSet::new();
    keys.filter(|key| !seen.insert(key.clone())).collect()
}

fn malformed_id(text: &str) -> Failure {
    Failure::invalid("MALFORMED_ID", format!("Id: id value of incorrect type: {text}")).with_fields(["Id"])
}

fn check_size(records: usize, most: usize) -> Result<(), Failure> {
    if records <= most {
        return Ok(());
    }
    let message = format!("record limit reached. cannot submit more than {most} records into this call");
    Err(Failure::invalid("EXCEEDED_ID_LIMIT", message))
}
