//! Single records: made, read, changed, deleted, by id and by external id.

use crate::caller::*;
use chrono::TimeDelta;
use dealclock_sandbox::edit::{DealName, Edit};
use serde_json::{Value, json};

#[test]
fn what_is_made_can_be_read() {
    let org = org();
    let id = opportunity(&org, json!({ "Amount": 1200, "Description": "Grüße 🦀" }));
    assert_eq!(id.len(), 18);
    let read = get(&org, &format!("/sobjects/Opportunity/{id}")).expect(200);
    assert_eq!(read["attributes"]["url"], format!("{DATA}/sobjects/Opportunity/{id}"));
    for (field, expected) in [
        ("Id", json!(id)),
        ("Amount", json!(1200.0)),
        ("Description", json!("Grüße 🦀")),
        ("CloseDate", json!("2026-06-30")),
        ("CreatedDate", json!("2026-03-02T09:00:00.000+0000")),
        ("SystemModstamp", json!("2026-03-02T09:00:00.000+0000")),
        ("IsDeleted", json!(false)),
        ("Complex__c", json!(false)),
        ("NextStep", Value::Null),
        ("FiscalQuarter", json!(2)),
    ] {
        assert_eq!(read[field], expected, "{field}");
    }
    let some = get(&org, &format!("/sobjects/Opportunity/{}?fields=Name,amount", &id[..15])).expect(200);
    assert_eq!(some.as_object().unwrap().len(), 3, "{some}");
}

#[test]
fn only_what_is_named_changes_and_null_clears() {
    let org = org();
    let id = opportunity(&org, json!({ "Amount": 5, "NextStep": "Call" }));
    pass(&org, TimeDelta::minutes(5));
    patch(&org, &format!("/sobjects/Opportunity/{id}"), json!({ "NextStep": null, "Complex__c": true })).expect(204);
    let read = get(&org, &format!("/sobjects/Opportunity/{id}")).expect(200);
    assert_eq!(read["Amount"], 5.0);
    assert_eq!(read["NextStep"], Value::Null);
    assert_eq!(read["Complex__c"], true);
    assert_eq!(read["LastModifiedDate"], "2026-03-02T09:05:00.000+0000");
    assert_eq!(read["CreatedDate"], "2026-03-02T09:00:00.000+0000");
}

#[test]
fn a_deleted_record_is_gone_twice() {
    let org = org();
    let id = opportunity(&org, json!({}));
    let path = format!("/sobjects/Opportunity/{id}");
    delete(&org, &path).expect(204);
    delete(&org, &path).refused(404, "ENTITY_IS_DELETED");
    get(&org, &path).refused(404, "ENTITY_IS_DELETED");
    patch(&org, &path, json!({ "Name": "x" })).refused(404, "ENTITY_IS_DELETED");
    get(&org, "/sobjects/Opportunity/006000000000001").refused(404, "NOT_FOUND");
    assert_eq!(query(&org, "SELECT Id FROM Opportunity").expect(200)["totalSize"], 0);
    let all = query_all(&org, "SELECT Id, IsDeleted FROM Opportunity").expect(200);
    assert_eq!(all["records"][0]["IsDeleted"], true);
}

#[test]
fn deleting_an_opportunity_deletes_its_tasks_and_undeleting_brings_them_back() {
    let org = org();
    let id = opportunity(&org, json!({}));
    let kept = task(&org, &id, json!({}));
    let gone = task(&org, &id, json!({}));
    delete(&org, &format!("/sobjects/Task/{gone}")).expect(204);
    pass(&org, TimeDelta::minutes(1));
    delete(&org, &format!("/sobjects/Opportunity/{id}")).expect(204);
    get(&org, &format!("/sobjects/Task/{kept}")).refused(404, "ENTITY_IS_DELETED");
    pass(&org, TimeDelta::minutes(1));
    let name = DealName::Id(id.clone());
    org.edit(&Edit::RestoreDeal { deal: name, by: "user88001".to_owned() }).unwrap();
    let read = get(&org, &format!("/sobjects/Opportunity/{id}")).expect(200);
    assert_eq!(read["SystemModstamp"], "2026-03-02T09:02:00.000+0000");
    get(&org, &format!("/sobjects/Task/{kept}")).expect(200);
    get(&org, &format!("/sobjects/Task/{gone}")).refused(404, "ENTITY_IS_DELETED");
}

#[test]
fn a_change_is_refused_where_the_record_changed_since_it_was_read() {
    let org = org();
    let id = opportunity(&org, json!({}));
    let path = format!("/sobjects/Opportunity/{id}");
    let read_at = "Mon, 02 Mar 2026 09:00:00 GMT";
    let guarded = |value: &str| {
        call_with(&org, "PATCH", &path, &[("if-unmodified-since", read_at)], &json!({ "NextStep": value }))
    };
    guarded("first").expect(204);
    pass(&org, TimeDelta::seconds(1));
    patch(&org, &path, json!({ "NextStep": "a person" })).expect(204);
    guarded("second").expect(412);
    assert_eq!(get(&org, &path).expect(200)["NextStep"], "a person");
    let not_newer =
        call_with(&org, "GET", &path, &[("if-modified-since", "Mon, 02 Mar 2026 09:00:01 GMT")], &Value::Null);
    assert!(not_newer.text.is_empty());
    not_newer.expect(304);
}

#[test]
fn an_upsert_makes_a_record_once() {
    let org = org();
    let what = opportunity(&org, json!({}));
    let path = "/sobjects/Task/Rem_Key__c/6f2c";
    let made = patch(&org, path, json!({ "Subject": "a", "WhatId": what })).expect(201);
    assert_eq!(made["created"], true);
    let again = patch(&org, path, json!({ "Subject": "b" })).expect(200);
    assert_eq!((&again["id"], &again["created"]), (&made["id"], &json!(false)));
    let read = get(&org, path).expect(200);
    assert_eq!((&read["Subject"], &read["Rem_Key__c"]), (&json!("b"), &json!("6f2c")));
    patch(&org, path, json!({ "Rem_Key__c": "6f2c" })).refused(400, "INVALID_FIELD");
    patch(&org, "/sobjects/Task/Rem_Key__c/none?updateOnly=true", json!({})).refused(404, "NOT_FOUND");
    let wrong = patch(&org, "/sobjects/Task/Subject/x", json!({})).refused(404, "NOT_FOUND");
    assert_eq!(wrong["message"], "Provided external ID field does not exist or is not accessible: Subject");
    delete(&org, path).expect(204);
    get(&org, path).refused(404, "NOT_FOUND");
}

#[test]
fn no_two_records_hold_one_unique_value_unless_one_is_in_the_bin() {
    let org = org();
    let what = opportunity(&org, json!({}));
    let first = task(&org, &what, json!({ "Rem_Key__c": "k" }));
    let body = json!({ "Subject": "again", "Rem_Key__c": "k" });
    let refused = post(&org, "/sobjects/Task", body.clone()).refused(400, "DUPLICATE_VALUE");
    let expected = format!("duplicate value found: Rem_Key__c duplicates value on record with id: {first}");
    assert_eq!(refused["message"], expected);
    assert_eq!(refused["fields"], json!(["Rem_Key__c"]));
    // The key was made to regard case.
    post(&org, "/sobjects/Task", json!({ "Subject": "K", "Rem_Key__c": "K" })).expect(201);
    delete(&org, &format!("/sobjects/Task/{first}")).expect(204);
    post(&org, "/sobjects/Task", body).expect(201);
}

#[test]
fn changes_and_deletions_are_listed_by_the_minute() {
    let org = org();
    let kept = opportunity(&org, json!({}));
    let gone = opportunity(&org, json!({}));
    pass(&org, TimeDelta::minutes(2));
    delete(&org, &format!("/sobjects/Opportunity/{gone}")).expect(204);
    pass(&org, TimeDelta::minutes(2));
    let span = "start=2026-03-02T09:00:30%2B00:00&end=2026-03-02T09:04:00%2B00:00";
    let updated = get(&org, &format!("/sobjects/Opportunity/updated/?{span}")).expect(200);
    assert_eq!(updated["ids"], json!([kept]));
    assert_eq!(updated["latestDateCovered"], "2026-03-02T09:04:00.000+0000");
    let deleted = get(&org, &format!("/sobjects/Opportunity/deleted/?{span}")).expect(200);
    let expected = json!([{ "id": gone, "deletedDate": "2026-03-02T09:02:00.000+0000" }]);
    assert_eq!(deleted["deletedRecords"], expected);
    for span in [
        "start=2026-03-02T09:00:00Z&end=2026-03-02T09:00:59Z",
        "start=2025-01-01T00:00:00Z&end=2026-03-02T09:00:00Z",
        "",
    ] {
        get(&org, &format!("/sobjects/Opportunity/updated/?{span}")).refused(400, "INVALID_REPLICATION_DATE");
    }
}
