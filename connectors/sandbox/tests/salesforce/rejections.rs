//! What cannot be written, and how the CRM says so.

use crate::caller::*;
use dealclock_sandbox::edit::Edit;
use serde_json::{Value, json};

#[test]
fn a_value_that_does_not_fit_is_refused_with_its_field() {
    let org = org();
    let long = "x".repeat(256);
    for (kind, values, code, field) in [
        ("Opportunity", json!({ "Name": "A" }), "REQUIRED_FIELD_MISSING", "StageName"),
        ("Opportunity", json!({ "StageName": "Nowhere" }), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "StageName"),
        ("Opportunity", json!({ "Amount": "much" }), "JSON_PARSER_ERROR", "Amount"),
        ("Opportunity", json!({ "CloseDate": "soon" }), "JSON_PARSER_ERROR", "CloseDate"),
        ("Opportunity", json!({ "IsPrivate": null }), "JSON_PARSER_ERROR", "IsPrivate"),
        ("Opportunity", json!({ "NextStep": long }), "STRING_TOO_LONG", "NextStep"),
        ("Opportunity", json!({ "Amount": 1e19 }), "NUMBER_OUTSIDE_VALID_RANGE", "Amount"),
        ("Opportunity", json!({ "OwnerId": "nobody" }), "MALFORMED_ID", "OwnerId"),
        ("Opportunity", json!({ "OwnerId": "006000000000001" }), "MALFORMED_ID", "OwnerId"),
        ("Opportunity", json!({ "OwnerId": "005000000000001" }), "INVALID_CROSS_REFERENCE_KEY", "OwnerId"),
        ("Opportunity", json!({ "IsClosed": true }), "INVALID_FIELD_FOR_INSERT_UPDATE", "IsClosed"),
        ("Task", json!({ "Status": "Done" }), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Status"),
        ("Task", json!({ "Status": null }), "REQUIRED_FIELD_MISSING", "Status"),
        ("Task", json!({ "ReminderDateTime": "2026-03-05" }), "JSON_PARSER_ERROR", "ReminderDateTime"),
        ("Contact", json!({ "LastName": "B", "Email": "nobody" }), "INVALID_EMAIL_ADDRESS", "Email"),
    ] {
        let mut body = match kind {
            "Opportunity" if values.get("Name").is_none() => {
                json!({ "Name": "A", "StageName": "Prospecting", "CloseDate": "2026-06-30" })
            }
            _ => json!({}),
        };
        body.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
        let refused = post(&org, &format!("/sobjects/{kind}"), body).refused(400, code);
        assert_eq!(refused["fields"][0], field, "{values}: {refused}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_refused() {
    let org = org();
    let refused = post(&org, "/sobjects/Task", json!({ "Colour__c": "red" })).refused(400, "INVALID_FIELD");
    assert_eq!(refused["message"], "No such column 'Colour__c' on sobject of type Task");
    post(&org, "/sobjects/Unicorn", json!({})).refused(404, "NOT_FOUND");
    post(&org, "/sobjects/Task", Value::Null).refused(400, "JSON_PARSER_ERROR");
    call(&org, "PUT", "/sobjects/Task", &json!({})).refused(405, "METHOD_NOT_ALLOWED");
    get(&org, "/nowhere").refused(404, "NOT_FOUND");
    send(&org, "GET", "/services/data/v99.0/limits", &[("authorization", &format!("Bearer {TOKEN}"))], "")
        .refused(404, "NOT_FOUND");
}

#[test]
fn nothing_can_be_given_to_somebody_who_has_left() {
    let org = org();
    let rep = user(&org, "rep88001@acme.example");
    let id = opportunity(&org, json!({ "OwnerId": rep }));
    org.edit(&Edit::DeactivateOwner { owner: "88001".to_owned() }).unwrap();
    let refused = post(&org, "/sobjects/Task", json!({ "OwnerId": rep })).refused(400, "INACTIVE_OWNER_OR_USER");
    assert_eq!(refused["fields"], json!(["OwnerId"]));
    // What they own already can still be changed.
    patch(&org, &format!("/sobjects/Opportunity/{id}"), json!({ "NextStep": "x" })).expect(204);
}

#[test]
fn nothing_hangs_on_what_is_deleted() {
    let org = org();
    let id = opportunity(&org, json!({}));
    delete(&org, &format!("/sobjects/Opportunity/{id}")).expect(204);
    post(&org, "/sobjects/Task", json!({ "WhatId": id })).refused(400, "ENTITY_IS_DELETED");
}

#[test]
fn a_field_that_the_profile_hides_does_not_exist() {
    let org = with(|options| options.hidden_fields.extend(["Opportunity.Amount".to_owned()]));
    query(&org, "SELECT Amount FROM Opportunity").refused(400, "INVALID_FIELD");
    query(&org, "SELECT Id FROM Opportunity WHERE Amount > 5").refused(400, "INVALID_FIELD");
    let body = json!({ "Name": "A", "StageName": "Prospecting", "CloseDate": "2026-06-30", "Amount": 5 });
    post(&org, "/sobjects/Opportunity", body).refused(400, "INVALID_FIELD");
    let described = get(&org, "/sobjects/Opportunity/describe").expect(200);
    assert!(described["fields"].as_array().unwrap().iter().all(|field| field["name"] != "Amount"));
}
