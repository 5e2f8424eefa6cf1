//! Up to a hundred records at once: what fails alone, what fails together, and what is read by a key.

use crate::caller::*;
use dealclock_sandbox::Sandbox;
use serde_json::{Value, json};

const TASKS: &str = "/crm/objects/2026-09/tasks";

/// An account whose tasks have a property of which no two hold the same value.
fn keyed() -> Sandbox {
    let sandbox = sandbox();
    post(&sandbox, "/crm/properties/2026-09/tasks", key_property()).expect(201);
    sandbox
}

fn key_property() -> Value {
    json!({ "groupName": "task", "name": "our_key", "label": "Key", "type": "string", "fieldType": "text", "hasUniqueValue": true })
}

fn new_task(key: &str, trace: Option<&str>) -> Value {
    let mut input = json!({ "properties": { "hs_timestamp": "2026-03-05T09:00:00Z", "our_key": key } });
    if let Some(trace) = trace {
        input["objectWriteTraceId"] = trace.into();
    }
    input
}

fn tasks(sandbox: &Sandbox) -> usize {
    sandbox.dump().records["tasks"].len()
}

#[test]
fn a_batch_is_made_with_its_associations() {
    let sandbox = sandbox();
    let deal = deal(&sandbox, json!({}));
    let types = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216 }]);
    let input = |subject: &str| {
        let properties = json!({ "hs_timestamp": "2026-03-05T09:00:00Z", "hs_task_subject": subject });
        json!({ "properties": properties, "associations": [{ "to": { "id": deal }, "types": types }], "objectWriteTraceId": subject })
    };
    let made =
        post(&sandbox, &format!("{TASKS}/batch/create"), json!({ "inputs": [input("a"), input("b")] })).expect(201);
    assert_eq!(made["status"], "COMPLETE");
    assert_eq!(made["results"][1]["properties"]["hs_task_subject"], "b");
    assert_eq!(made["results"][1]["objectWriteTraceId"], "b");
    let read =
        post(&sandbox, "/crm/associations/2026-09/deals/tasks/batch/read", json!({ "inputs": [{ "id": deal }] }));
    assert_eq!(read.expect(200)["results"][0]["to"].as_array().unwrap().len(), 2);
}

#[test]
fn one_bad_input_fails_the_others_only_where_they_have_no_trace_ids() {
    let bad = |trace: Option<&str>| {
        let mut input = new_task("b", trace);
        input["properties"]["no_such_thing"] = "x".into();
        input
    };
    for (traces, status, made) in [
        ([None, None, None], 400, 0),
        ([Some("1"), None, Some("3")], 400, 0),
        ([Some("1"), Some("1"), Some("3")], 400, 0),
        ([Some("1"), Some("2"), Some("3")], 207, 2),
    ] {
        let sandbox = keyed();
        let inputs = json!([new_task("a", traces[0]), bad(traces[1]), new_task("c", traces[2])]);
        let answer = post(&sandbox, &format!("{TASKS}/batch/create"), json!({ "inputs": inputs })).expect(status);
        assert_eq!(tasks(&sandbox), made, "{traces:?}");
        if status == 207 {
            assert_eq!(answer["results"].as_array().unwrap().len(), 2);
            assert_eq!(answer["numErrors"], 1);
            assert_eq!(answer["errors"][0]["category"], "VALIDATION_ERROR");
            assert_eq!(answer["errors"][0]["context"]["objectWriteTraceId"], json!(["2"]));
        }
    }
}

#[test]
fn no_two_records_hold_one_unique_value() {
    let sandbox = keyed();
    let path = format!("{TASKS}/batch/create");
    let twice = json!({ "inputs": [new_task("a", Some("1")), new_task("a", Some("2"))] });
    let answer = post(&sandbox, &path, twice).expect(207);
    assert_eq!(answer["results"].as_array().unwrap().len(), 1);
    assert_eq!(answer["errors"][0]["errors"][0]["code"], "CONFLICTING_UNIQUE_VALUE");
    assert_eq!(post(&sandbox, TASKS, new_task("a", None)).expect(400)["errors"][0]["code"], "CONFLICTING_UNIQUE_VALUE");
    let id = answer["results"][0]["id"].as_str().unwrap();
    patch(&sandbox, &format!("{TASKS}/{id}"), json!({ "properties": { "our_key": "a" } })).expect(200);
    patch(&sandbox, &format!("{TASKS}/{id}"), json!({ "properties": { "our_key": "b" } })).expect(200);
    post(&sandbox, TASKS, new_task("a", None)).expect(201);
}

#[test]
fn records_are_read_by_a_unique_value_and_deleted_ones_too() {
    let sandbox = keyed();
    let [kept, deleted] =
        ["a", "b"].map(|key| post(&sandbox, TASKS, new_task(key, None)).expect(201)["id"].as_str().unwrap().to_owned());
    send(&sandbox, "DELETE", &format!("{TASKS}/{deleted}"), "").unwrap();
    let inputs = json!([{ "id": "a" }, { "id": "b" }, { "id": "c" }]);
    let body = json!({ "idProperty": "our_key", "properties": ["our_key"], "inputs": inputs });
    let live = post(&sandbox, &format!("{TASKS}/batch/read"), body.clone()).expect(207);
    assert_eq!(live["results"][0]["id"], kept);
    assert_eq!(live["results"].as_array().unwrap().len(), 1);
    assert_eq!(live["errors"][0]["category"], "OBJECT_NOT_FOUND");
    assert_eq!(live["errors"][0]["context"]["ids"], json!(["b", "c"]));
    let archived = post(&sandbox, &format!("{TASKS}/batch/read?archived=true"), body).expect(207);
    assert_eq!(archived["results"][0]["id"], deleted);
    assert_eq!(archived["results"][0]["archived"], true);
    let one = get(&sandbox, &format!("{TASKS}/a?idProperty=our_key")).expect(200);
    assert_eq!(one["id"], kept);
}

#[test]
fn only_unique_properties_name_records() {
    let sandbox = keyed();
    for name in ["hs_object_id", "hs_task_subject", "no_such_thing"] {
        let body = json!({ "idProperty": name, "inputs": [{ "id": "1" }] });
        post(&sandbox, &format!("{TASKS}/batch/read"), body).expect(400);
        let body = json!({ "inputs": [{ "idProperty": name, "id": "1", "properties": {} }] });
        post(&sandbox, &format!("{TASKS}/batch/upsert"), body).expect(400);
    }
}

#[test]
fn an_upsert_makes_what_is_missing_and_changes_what_is_there() {
    let sandbox = keyed();
    let input = |key: &str, subject: &str| {
        let properties = json!({ "hs_timestamp": "2026-03-05T09:00:00Z", "hs_task_subject": subject });
        json!({ "idProperty": "our_key", "id": key, "properties": properties })
    };
    let path = format!("{TASKS}/batch/upsert");
    let first = post(&sandbox, &path, json!({ "inputs": [input("a", "one")] })).expect(200);
    assert_eq!(first["results"][0]["new"], true);
    assert_eq!(first["results"][0]["properties"]["our_key"], "a");
    let second = post(&sandbox, &path, json!({ "inputs": [input("a", "two"), input("b", "one")] })).expect(200);
    assert_eq!(second["results"][0]["new"], false);
    assert_eq!(second["results"][0]["id"], first["results"][0]["id"]);
    assert_eq!(second["results"][0]["properties"]["hs_task_subject"], "two");
    assert_eq!(tasks(&sandbox), 2);
    post(&sandbox, &path, json!({ "inputs": [input("c", "one"), input("c", "two")] })).expect(400);
}

#[test]
fn an_update_of_one_record_twice_is_refused() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({}));
    let input = json!({ "id": id, "properties": { "amount": "5" } });
    let path = "/crm/objects/2026-09/deals/batch/update";
    post(&sandbox, path, json!({ "inputs": [input, input] })).expect(400);
    let answer = post(&sandbox, path, json!({ "inputs": [input] })).expect(200);
    assert_eq!(answer["results"][0]["properties"]["amount"], "5");
}

#[test]
fn a_batch_has_from_one_to_a_hundred_inputs() {
    let sandbox = sandbox();
    let body = |len: usize| json!({ "inputs": vec![json!({ "id": "1" }); len] });
    for operation in ["create", "read", "update", "archive"] {
        let path = format!("{TASKS}/batch/{operation}");
        for len in [0, 101] {
            assert_eq!(post(&sandbox, &path, body(len)).status, 400, "{operation} of {len}");
        }
    }
    post(&sandbox, &format!("{TASKS}/batch/read"), body(100)).expect(207);
    let mut with_history = body(51);
    with_history["propertiesWithHistory"] = json!(["hs_task_status"]);
    post(&sandbox, &format!("{TASKS}/batch/read"), with_history).expect(400);
}

#[test]
fn a_batch_archive_says_nothing_about_what_is_missing() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({}));
    let body = json!({ "inputs": [{ "id": id }, { "id": "1" }, { "id": "x" }] });
    assert_eq!(post(&sandbox, "/crm/objects/2026-09/deals/batch/archive", body).status, 204);
    get(&sandbox, &format!("/crm/objects/2026-09/deals/{id}")).expect(404);
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let sandbox = sandbox();
    for body in ["", "{", "[]", "{\"inputs\":3}"] {
        let answer = send(&sandbox, "POST", &format!("{TASKS}/batch/create"), body).unwrap().expect(400);
        assert!(answer["message"].as_str().unwrap().starts_with("Invalid input JSON"), "{body}");
    }
}
