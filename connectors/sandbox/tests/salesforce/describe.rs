//! What a caller learns about types, fields and versions.

use crate::caller::*;
use dealclock_sandbox::edit::{Edit, NewProperty, PropertyKind, PropertyObject};
use serde_json::{Value, json};

fn field(described: &Value, name: &str) -> Value {
    let fields = described["fields"].as_array().unwrap();
    fields.iter().find(|field| field["name"] == name).cloned().unwrap_or_default()
}

#[test]
fn a_field_is_described() {
    let org = org();
    let (deals, tasks) =
        (get(&org, "/sobjects/Opportunity/describe").expect(200), get(&org, "/sobjects/Task/describe").expect(200));
    let check = |described: &Value, name: &str, expected: Value| {
        let field = field(described, name);
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(&field[key], value, "{name}.{key}");
        }
    };
    check(
        &deals,
        "Name",
        json!({ "type": "string", "length": 120, "nillable": false, "createable": true, "custom": false }),
    );
    check(
        &deals,
        "IsClosed",
        json!({ "type": "boolean", "createable": false, "updateable": false, "calculated": true }),
    );
    check(&deals, "CloseDate", json!({ "type": "date", "nillable": false, "filterable": true }));
    check(
        &deals,
        "OwnerId",
        json!({ "type": "reference", "referenceTo": ["User"], "relationshipName": "Owner", "defaultedOnCreate": true }),
    );
    check(&deals, "HasOpenActivity", json!({ "filterable": false }));
    check(&deals, "Complex__c", json!({ "type": "boolean", "custom": true, "nillable": false, "updateable": true }));
    check(
        &tasks,
        "Rem_Key__c",
        json!({ "externalId": true, "unique": true, "idLookup": true, "length": 64, "caseSensitive": true }),
    );
    check(&tasks, "Status", json!({ "type": "picklist", "nillable": false, "defaultedOnCreate": true }));
    check(&tasks, "WhatId", json!({ "polymorphicForeignKey": true }));
    assert_eq!(field(&tasks, "Status")["picklistValues"][0]["value"], "Not Started");
    assert_eq!(field(&deals, "StageName")["picklistValues"].as_array().unwrap().len(), 10);
    assert_eq!(deals["keyPrefix"], "006");
    let children = deals["childRelationships"].as_array().unwrap();
    assert!(children.iter().any(|child| child["relationshipName"] == "OpportunityHistories"));
    // Users are never deleted, so that they do not tell whether they are.
    assert_eq!(field(&get(&org, "/sobjects/User/describe").expect(200), "IsDeleted"), Value::Null);
    get(&org, "/sobjects/Unicorn/describe").refused(404, "NOT_FOUND");
}

#[test]
fn a_describe_is_sent_again_only_when_something_changed() {
    let org = org();
    let path = "/sobjects/Opportunity/describe";
    let first = get(&org, path);
    let stamp = first.header("last-modified").to_owned();
    let since = |stamp: &str| call_with(&org, "GET", path, &[("if-modified-since", stamp)], &Value::Null);
    since(&stamp).expect(304);
    pass(&org, chrono::TimeDelta::minutes(1));
    let property = NewProperty {
        object: PropertyObject::Deals,
        name: "Late__c".to_owned(),
        label: "Late".to_owned(),
        holds: PropertyKind::Text,
    };
    org.edit(&Edit::AddProperty(property)).unwrap();
    let changed = since(&stamp).expect(200);
    assert_eq!(field(&changed, "Late__c")["type"], "string");
}

#[test]
fn types_and_resources_are_listed() {
    let org = org();
    let all = get(&org, "/sobjects").expect(200);
    let names: Vec<_> = all["sobjects"].as_array().unwrap().iter().map(|kind| kind["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted() && names.contains(&"Opportunity"));
    assert_eq!(get(&org, "/sobjects/Task").expect(200)["objectDescribe"]["keyPrefix"], "00T");
    assert_eq!(get(&org, "/").expect(200)["query"], format!("{DATA}/query"));
    let limits = get(&org, "/limits").expect(200);
    assert_eq!(limits["DailyApiRequests"]["Max"], 115_000);
}

#[test]
fn a_fresh_org_knows_itself() {
    let org = org();
    let row = query(&org, "SELECT Id, Name, TimeZoneSidKey, IsSandbox, OrganizationType FROM Organization").expect(200);
    assert_eq!(row["records"][0]["TimeZoneSidKey"], "America/New_York");
    let hours = query(&org, "SELECT Name, IsDefault, MondayStartTime, MondayEndTime FROM BusinessHours").expect(200);
    assert_eq!(hours["records"][0]["MondayStartTime"], "00:00:00.000Z");
    let stages =
        column(&org, "SELECT ApiName FROM OpportunityStage WHERE IsActive = true AND IsClosed = true", "ApiName");
    assert_eq!(stages, ["Closed Won", "Closed Lost"]);
    assert_eq!(column(&org, "SELECT ApiName FROM TaskStatus WHERE IsDefault = true", "ApiName"), ["Not Started"]);
}
