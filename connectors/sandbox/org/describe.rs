//! What a caller learns about the types of record and their fields.

use serde_json::{Value, json};

use super::Org;
use super::answer::{Answer, Outcome};
use super::builtin::children;
use super::call::Call;
use super::cell::Cell;
use super::kind::Kind;
use super::schema::{Choice, Field, FieldType};
use super::sobjects::find_kind;
use super::stamp::write_http_date;

impl Org {
    pub(super) fn describe_all(&self, call: &Call<'_>) -> Answer {
        let kinds = Kind::ALL.into_iter().map(|kind| about(kind, &call.version)).collect::<Vec<_>>();
        Answer::ok(&json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": kinds }))
    }

    pub(super) fn about(&self, call: &Call<'_>, kind: &str) -> Outcome {
        let kind = find_kind(kind)?;
        Ok(Answer::ok(&json!({ "objectDescribe": about(kind, &call.version), "recentItems": [] })))
    }

    pub(super) fn describe(&self, call: &Call<'_>, kind: &str) -> Outcome {
        let kind = find_kind(kind)?;
        if call.modified_since.is_some_and(|since| self.described <= since) {
            return Ok(Answer::empty(304));
        }
        let sight = self.sight(call.author.user);
        let fields = self.table(kind).schema.iter().filter(|(id, _)| sight.sees(kind, *id));
        let fields = fields.map(|(id, field)| {
            let mut described = describe_field(field);
            if !sight.may_change(kind, id) {
                described["createable"] = false.into();
                described["updateable"] = false.into();
            }
            described
        });
        let mut body = about(kind, &call.version);
        body["fields"] = fields.collect();
        body["childRelationships"] = describe_children(kind);
        body["recordTypeInfos"] = json!([{
            "active": true,
            "available": true,
            "defaultRecordTypeMapping": true,
            "developerName": "Master",
            "master": true,
            "name": "Master",
            "recordTypeId": "012000000000000AAA",
        }]);
        Ok(Answer::ok(&body).with_header("last-modified", write_http_date(self.described)))
    }
}

fn describe_children(kind: Kind) -> Value {
    let children = children(kind).iter().map(|(name, child, field)| {
        json!({
            "cascadeDelete": true,
            "childSObject": child.name(),
            "deprecatedAndHidden": false,
            "field": field,
            "relationshipName": name,
            "restrictedDelete": false,
        })
    });
    children.collect()
}

/// What is told about a type in a list of types.
fn about(kind: Kind, version: &str) -> Value {
    let (name, writable) = (kind.name(), kind.is_writable());
    let url = format!("/services/data/{version}/sobjects/{name}");
    json!({
        "activateable": false,
        "createable": writable,
        "custom": false,
        "customSetting": false,
        "deletable": writable && kind != Kind::User,
        "deprecatedAndHidden": false,
        "feedEnabled": false,
        "keyPrefix": kind.prefix(),
        "label": kind.label(),
        "labelPlural": format!("{}s", kind.label()),
        "layoutable": writable,
        "mergeable": matches!(kind, Kind::Account | Kind::Contact),
        "mruEnabled": false,
        "name": name,
        "queryable": kind.is_queryable(),
        "replicateable": kind.has_bin() || kind == Kind::User,
        "retrieveable": true,
        "searchable": kind.has_bin(),
        "triggerable": kind.has_bin(),
        "undeletable": kind.has_bin(),
        "updateable": writable,
        "urls": {
            "sobject": url,
            "describe": format!("{url}/describe"),
            "rowTemplate": format!("{url}/{{ID}}"),
        },
    })
}

fn describe_field(field: &Field) -> Value {
    let targets: Vec<_> = field.targets.iter().map(|kind| kind.name()).collect();
    let choices: Vec<_> = field.choices.iter().map(describe_choice).collect();
    let is_decimal = matches!(field.of, FieldType::Currency | FieldType::Number | FieldType::Percent);
    let digits = if is_decimal { (18, 2) } else { (0, 0) };
    json!({
        "aggregatable": field.filterable,
        "autoNumber": false,
        "byteLength": field.length * 3,
        "calculated": field.calculated,
        "calculatedFormula": null,
        "caseSensitive": field.case_sensitive,
        "controllerName": null,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": default_of(field),
        "defaultedOnCreate": !field.default.is_null() || field.name == "OwnerId",
        "dependentPicklist": false,
        "deprecatedAndHidden": false,
        "digits": if field.of == FieldType::Int { 9 } else { 0 },
        "externalId": field.external_id,
        "filterable": field.filterable,
        "groupable": field.filterable && field.of != FieldType::Instant,
        "idLookup": field.external_id || field.name == "Id",
        "inlineHelpText": null,
        "label": field.label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name" || field.name == "Subject",
        "nillable": field.nillable,
        "permissionable": field.custom || field.nillable,
        "picklistValues": choices,
        "polymorphicForeignKey": field.targets.len() > 1,
        "precision": digits.0,
        "referenceTo": targets,
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted && field.of == FieldType::Picklist,
        "scale": digits.1,
        "soapType": field.of.soap_name(),
        "sortable": field.filterable,
        "type": field.of.name(),
        "unique": field.unique,
        "updateable": field.updateable,
    })
}

fn describe_choice(choice: &Choice) -> Value {
    json!({
        "active": choice.active,
        "defaultValue": choice.default,
        "label": choice.label,
        "validFor": null,
        "value": choice.value,
    })
}

fn default_of(field: &Field) -> Value {
    match &field.default {
        Cell::Bool(flag) => Value::Bool(*flag),
        Cell::Null => Value::Null,
        other => Value::from(other.to_text()),
    }
}
