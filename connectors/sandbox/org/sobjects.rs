//! Single records: made, read, changed, deleted, by id or by external id.

use serde_json::json;

use super::Org;
use super::answer::{Answer, Outcome};
use super::call::Call;
use super::cell::Cell;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::row::Row;
use super::schema::{FieldId, system};
use super::write::Values;

impl Org {
    pub(super) fn create_one(&mut self, call: &Call<'_>, kind: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let values: Values = call.json()?;
        let created = self.transact(|org| org.create(kind, &values, call.author), Result::is_ok)?;
        Ok(Answer::with_status(201, &json!({ "id": created.to_string(), "success": true, "errors": [] })))
    }

    pub(super) fn read_one(&mut self, call: &Call<'_>, kind: &str, id: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let row = self.live(kind, find_id(kind, id)?)?;
        self.show(call, kind, row)
    }

    pub(super) fn update_one(&mut self, call: &Call<'_>, kind: &str, id: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let (id, values): (Id, Values) = (find_id(kind, id)?, call.json()?);
        self.check_unmodified(call, self.live(kind, id)?)?;
        self.transact(|org| org.update(kind, id, &values, call.author), Result::is_ok)?;
        Ok(Answer::empty(204))
    }

    pub(super) fn delete_one(&mut self, call: &Call<'_>, kind: &str, id: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let id = find_id(kind, id)?;
        self.check_unmodified(call, self.live(kind, id)?)?;
        self.transact(|org| org.delete(kind, id, call.author), Result::is_ok)?;
        Ok(Answer::empty(204))
    }

    pub(super) fn read_by_key(&mut self, call: &Call<'_>, kind: &str, field: &str, value: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let field = self.key_field(call, kind, field)?;
        match self.holders(kind, field, value).as_slice() {
            [] => Err(Failure::not_found()),
            [id] => self.show(call, kind, self.live(kind, *id)?),
            several => Ok(choices(call, kind, several)),
        }
    }

    pub(super) fn delete_by_key(&mut self, call: &Call<'_>, kind: &str, field: &str, value: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let field = self.key_field(call, kind, field)?;
        match self.holders(kind, field, value).as_slice() {
            [] => Err(Failure::not_found()),
            [id] => {
                self.transact(|org| org.delete(kind, *id, call.author), Result::is_ok)?;
                Ok(Answer::empty(204))
            }
            several => Ok(choices(call, kind, several)),
        }
    }

    pub(super) fn upsert_one(&mut self, call: &Call<'_>, kind: &str, field: &str, value: &str) -> Outcome {
        let kind = find_kind(kind)?;
        let field = self.key_field(call, kind, field)?;
        let values: Values = call.json()?;
        let name = self.table(kind).schema.field(field).name.clone();
        let named = values.keys().find(|key| key.eq_ignore_ascii_case(&name) || key.eq_ignore_ascii_case("id"));
        if let Some(named) = named {
            let message = format!("The {named} field should not be specified in the sobject data.");
            return Err(Failure::invalid("INVALID_FIELD", message).with_fields([named.as_str()]));
        }
        let only_update = call.parameter("updateOnly") == Some("true");
        match self.holders(kind, field, value).as_slice() {
            [] if only_update => Err(Failure::not_found()),
            [] => {
                let id = self.transact(|org| org.create_with_key(kind, field, value, values, call), Result::is_ok)?;
                Ok(Answer::with_status(201, &upserted(id, true)))
            }
            [id] => {
                self.check_unmodified(call, self.live(kind, *id)?)?;
                self.transact(|org| org.update(kind, *id, &values, call.author), Result::is_ok)?;
                Ok(Answer::ok(&upserted(*id, false)))
            }
            several => Ok(choices(call, kind, several)),
        }
    }

    /// Makes a record that holds an external id.
    pub(super) fn create_with_key(
        &mut self,
        kind: Kind,
        field: FieldId,
        value: &str,
        mut values: Values,
        call: &Call<'_>,
    ) -> Result<Id, Failure> {
        if field == system::ID {
            return Err(Failure::not_found());
        }
        values.insert(self.table(kind).schema.field(field).name.clone(), value.into());
        self.create(kind, &values, call.author)
    }

    /// The field that records are named by: an external id, or the id itself.
    pub(super) fn key_field(&self, call: &Call<'_>, kind: Kind, name: &str) -> Result<FieldId, Failure> {
        let sight = self.sight(call.author.user);
        let schema = &self.table(kind).schema;
        let field = schema.find(name).filter(|field| sight.sees(kind, *field));
        field.filter(|field| *field == system::ID || schema.field(*field).external_id).ok_or_else(|| {
            let message = format!("Provided external ID field does not exist or is not accessible: {name}");
            Failure::new(404, "NOT_FOUND", message)
        })
    }

    /// The records that hold an external id and are not deleted.
    pub(super) fn holders(&self, kind: Kind, field: FieldId, value: &str) -> Vec<Id> {
        let table = self.table(kind);
        if field == system::ID {
            let row = Id::parse(value).and_then(|id| table.get(id));
            return row.filter(|row| !row.is_deleted()).map(|row| row.id).into_iter().collect();
        }
        let value = Cell::text(value);
        table.holders(field, &value).filter(|row| !row.is_deleted()).map(|row| row.id).collect()
    }

    fn show(&self, call: &Call<'_>, kind: Kind, row: &Row) -> Outcome {
        if call.modified_since.is_some_and(|since| row.modified() <= since) {
            return Ok(Answer::empty(304));
        }
        let sight = self.sight(call.author.user);
        let fields =
            call.parameter("fields").map(|names| self.named_fields(call, kind, names.split(','))).transpose()?;
        Ok(Answer::ok(&self.record(kind, row, fields.as_deref(), &sight, &call.version)))
    }

    /// The fields of these names; one that the caller does not see is refused like one that does not exist.
    pub(super) fn named_fields<'n>(
        &self,
        call: &Call<'_>,
        kind: Kind,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Vec<FieldId>, Failure> {
        let sight = self.sight(call.author.user);
        let names = names.map(str::trim).filter(|name| !name.is_empty());
        let fields = names.map(|name| {
            let field = self.table(kind).schema.find(name).filter(|field| sight.sees(kind, *field));
            field.ok_or_else(|| Failure::no_such_field(name, kind.name()))
        });
        fields.collect()
    }

    /// A change is refused where somebody changed the record since the caller read it.
    /// <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/intro_rest_conditional_requests.htm>
    fn check_unmodified(&self, call: &Call<'_>, row: &Row) -> Result<(), Failure> {
        match call.unmodified_since {
            Some(since) if row.modified().div_euclid(1000) > since.div_euclid(1000) => {
                let message = "The record was modified since the given date";
                Err(Failure::new(412, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE", message))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// The type of that name, as a path gives it.
pub(super) fn find_kind(name: &str) -> Result<Kind, Failure> {
    Kind::parse(name).ok_or_else(Failure::not_found)
}

/// The id of a record of that type.
pub(super) fn find_id(kind: Kind, text: &str) -> Result<Id, Failure> {
    match Id::parse(text) {
        Some(id) if id.prefix() == kind.prefix() => Ok(id),
        Some(_) | None => {
            let message = format!("Provided external ID field does not exist or is not accessible: {text}");
            Err(Failure::new(404, "NOT_FOUND", message))
        }
    }
}

fn upserted(id: Id, created: bool) -> serde_json::Value {
    json!({ "id": id.to_string(), "success": true, "errors": [], "created": created })
}

/// Several records hold the external id: the caller has to choose.
fn choices(call: &Call<'_>, kind: Kind, ids: &[Id]) -> Answer {
    let urls: Vec<_> =
        ids.iter().map(|id| format!("/services/data/{}/sobjects/{}/{id}", call.version, kind.name())).collect();
    Answer::with_status(300, &json!(urls))
}
