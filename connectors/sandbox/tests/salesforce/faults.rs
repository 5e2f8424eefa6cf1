//! What goes wrong with calls, in this CRM's words.

use crate::caller::*;
use dealclock_sandbox::{Fault, FaultRule};
use serde_json::{Value, json};

#[test]
fn a_status_comes_with_the_body_that_belongs_to_it() {
    let org = org();
    for (code, error) in [
        (401, "INVALID_SESSION_ID"),
        (403, "REQUEST_LIMIT_EXCEEDED"),
        (503, "REQUEST_LIMIT_EXCEEDED"),
        (500, "UNKNOWN_EXCEPTION"),
    ] {
        let fault = Fault::Status { code, retry_after: None, applied: false };
        org.set_faults(vec![FaultRule::once("sf.limits", fault)]);
        get(&org, "/limits").refused(code, error);
        get(&org, "/limits").expect(200);
    }
}

#[test]
fn some_records_of_a_collection_cannot_be_locked() {
    let org = org();
    org.set_faults(vec![FaultRule::once("sf.collections.create", Fault::Partial { every: 2 })]);
    let records: Vec<_> =
        ["a", "b", "c"].map(|key| json!({ "attributes": { "type": "Task" }, "Rem_Key__c": key })).into();
    let results = post(&org, "/composite/sobjects", json!({ "records": records })).expect(200);
    let codes: Vec<_> =
        results.as_array().unwrap().iter().map(|result| result["errors"][0]["statusCode"].clone()).collect();
    assert_eq!(codes, [Value::Null, json!("UNABLE_TO_LOCK_ROW"), Value::Null]);
    assert_eq!(column(&org, "SELECT Rem_Key__c FROM Task ORDER BY Rem_Key__c", "Rem_Key__c"), ["a", "c"]);
}

#[test]
fn some_writes_of_a_composite_cannot_be_locked() {
    let org = org();
    let id = opportunity(&org, json!({}));
    org.set_faults(vec![FaultRule::once("sf.composite", Fault::Partial { every: 2 })]);
    let write = |name: &str| json!({ "method": "PATCH", "url": format!("{DATA}/sobjects/Opportunity/{id}"), "referenceId": name, "body": { "NextStep": name } });
    let read = json!({ "method": "GET", "url": format!("{DATA}/limits"), "referenceId": "read" });
    let body = json!({ "compositeRequest": [write("first"), read, write("second")] });
    let answer = post(&org, "/composite", body).expect(200);
    let parts: Vec<_> = answer["compositeResponse"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["referenceId"].as_str().unwrap(), part["httpStatusCode"].as_u64().unwrap()))
        .collect();
    assert_eq!(parts, [("first", 204), ("read", 200), ("second", 400)]);
    assert_eq!(answer["compositeResponse"][2]["body"][0]["errorCode"], "UNABLE_TO_LOCK_ROW");
    assert_eq!(get(&org, &format!("/sobjects/Opportunity/{id}")).expect(200)["NextStep"], "first");
}
