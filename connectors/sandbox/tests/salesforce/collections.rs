//! Many records in one call: each with its own result, or all or none.

use crate::caller::*;
use serde_json::{Value, json};

const MANY: &str = "/composite/sobjects";

fn new_task(key: &str) -> Value {
    json!({ "attributes": { "type": "Task" }, "Subject": key, "Rem_Key__c": key })
}

#[test]
fn each_record_has_its_own_result_in_order() {
    let org = org();
    let records = json!([new_task("a"), new_task("a"), { "Subject": "typeless" }, { "attributes": { "type": "Unicorn" } }, new_task("b")]);
    let results = post(&org, MANY, json!({ "records": records })).expect(200);
    let codes: Vec<_> =
        results.as_array().unwrap().iter().map(|result| result["errors"][0]["statusCode"].clone()).collect();
    assert_eq!(
        codes,
        [Value::Null, json!("DUPLICATE_VALUE"), json!("INVALID_TYPE"), json!("INVALID_TYPE"), Value::Null]
    );
    assert_eq!(results[0]["success"], true);
    assert_eq!(results[1]["success"], false);
    assert!(results[1].get("id").is_none());
    assert_eq!(results[1]["errors"][0]["fields"], json!(["Rem_Key__c"]));
    assert_eq!(query(&org, "SELECT COUNT() FROM Task").expect(200)["totalSize"], 2);
}

#[test]
fn all_or_none_takes_everything_back() {
    let org = org();
    let id = opportunity(&org, json!({}));
    let mut with_parent = new_task("a");
    with_parent["WhatId"] = json!(id);
    let records = json!([with_parent, { "attributes": { "type": "Task" }, "Status": "Nowhere" }]);
    let before = get(&org, &format!("/sobjects/Opportunity/{id}")).expect(200);
    let results = post(&org, MANY, json!({ "allOrNone": true, "records": records })).expect(200);
    assert_eq!(results[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(results[1]["errors"][0]["statusCode"], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    assert_eq!(query(&org, "SELECT COUNT() FROM Task").expect(200)["totalSize"], 0);
    assert_eq!(get(&org, &format!("/sobjects/Opportunity/{id}")).expect(200), before);
    // The key is free again.
    post(&org, "/sobjects/Task", json!({ "Rem_Key__c": "a" })).expect(201);
}

#[test]
fn many_are_changed_read_and_deleted() {
    let org = org();
    let ids: Vec<_> =
        ["a", "b"].map(|key| id_of(&post(&org, "/sobjects/Task", json!({ "Rem_Key__c": key })).expect(201))).into();
    let change = |id: &str, status: &str| json!({ "attributes": { "type": "Task" }, "id": id, "Status": status });
    let records = json!([change(&ids[0], "Completed"), change("00T000000000009", "Completed"), change("x", "Completed"), { "attributes": { "type": "Task" } }]);
    let results = patch(&org, MANY, json!({ "records": records })).expect(200);
    let codes: Vec<_> =
        results.as_array().unwrap().iter().map(|result| result["errors"][0]["statusCode"].clone()).collect();
    assert_eq!(
        codes,
        [Value::Null, json!("INVALID_CROSS_REFERENCE_KEY"), json!("MALFORMED_ID"), json!("MISSING_ARGUMENT")]
    );
    let expected = [json!("Completed"), Value::Null, json!("Not Started")];
    let path = format!("{MANY}/Task?ids={},00T000000000009,{}&fields=Id,Status", ids[0], ids[1]);
    let read = get(&org, &path).expect(200);
    assert_eq!([&read[0]["Status"], &read[1], &read[2]["Status"]], [&expected[0], &expected[1], &expected[2]]);
    let posted = post(&org, &format!("{MANY}/Task"), json!({ "ids": ids, "fields": ["Status"] })).expect(200);
    assert_eq!(posted[1]["Status"], "Not Started");
    let results = delete(&org, &format!("{MANY}?ids={},{}", ids[0], ids[0])).expect(200);
    assert_eq!(results[0], json!({ "id": ids[0], "success": true, "errors": [] }));
    assert_eq!(results[1]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
    delete(&org, &format!("{MANY}?ids={},{}&allOrNone=true", ids[1], ids[0])).expect(200);
    get(&org, &format!("/sobjects/Task/{}", ids[1])).expect(200);
}

#[test]
fn an_upsert_of_many_says_which_are_new() {
    let org = org();
    post(&org, "/sobjects/Task", json!({ "Rem_Key__c": "old", "Subject": "before" })).expect(201);
    let records = json!([new_task("old"), new_task("new"), new_task("twice"), new_task("twice"), { "attributes": { "type": "Task" } }]);
    let results = patch(&org, &format!("{MANY}/Task/Rem_Key__c"), json!({ "records": records })).expect(200);
    assert_eq!([&results[0]["created"], &results[1]["created"]], [&json!(false), &json!(true)]);
    assert_eq!(results[3]["errors"][0]["statusCode"], "DUPLICATE_VALUE");
    assert_eq!(results[4]["errors"][0]["statusCode"], "MISSING_ARGUMENT");
    assert_eq!(column(&org, "SELECT Subject FROM Task ORDER BY Subject", "Subject"), ["new", "old"]);
}

#[test]
fn a_collection_has_its_limits() {
    let org = org();
    let many: Vec<_> = (0..201).map(|number| new_task(&number.to_string())).collect();
    post(&org, MANY, json!({ "records": many })).refused(400, "EXCEEDED_ID_LIMIT");
    let mixed: Vec<_> = (0..11)
        .map(
            |number| json!({ "attributes": { "type": if number % 2 == 0 { "Task" } else { "Account" } }, "Name": "x" }),
        )
        .collect();
    post(&org, MANY, json!({ "records": mixed })).refused(400, "LIMIT_EXCEEDED");
    post(&org, MANY, json!({ "rows": [] })).refused(400, "JSON_PARSER_ERROR");
}
