//! What an administrator sets up: properties, owners, pipelines, associations, the account itself.

use crate::caller::*;
use dealclock_sandbox::edit::Edit;
use serde_json::{Value, json};

const PROPERTIES: &str = "/crm/properties/2026-09/deals";

fn property(name: &str, more: Value) -> Value {
    let mut property =
        json!({ "groupName": "ours", "name": name, "label": name, "type": "string", "fieldType": "text" });
    property.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    property
}

fn with_group() -> dealclock_sandbox::Sandbox {
    let sandbox = sandbox();
    post(&sandbox, &format!("{PROPERTIES}/groups"), json!({ "name": "ours", "label": "Ours" })).expect(201);
    sandbox
}

#[test]
fn a_property_is_made_once() {
    let sandbox = with_group();
    let made = post(&sandbox, PROPERTIES, property("ours_text", json!({}))).expect(201);
    assert_eq!(made["hasUniqueValue"], false);
    assert_eq!(made["modificationMetadata"]["readOnlyValue"], false);
    let again = post(&sandbox, PROPERTIES, property("ours_text", json!({}))).expect(409);
    assert_eq!(again["category"], "OBJECT_ALREADY_EXISTS");
    assert_eq!(again["subCategory"], "Properties.PROPERTY_WITH_NAME_EXISTS");
    assert_eq!(get(&sandbox, &format!("{PROPERTIES}/ours_text")).expect(200)["label"], "ours_text");
    get(&sandbox, &format!("{PROPERTIES}/ours_other")).expect(404);
    post(&sandbox, &format!("{PROPERTIES}/groups"), json!({ "name": "ours", "label": "Ours" })).expect(409);
    assert_eq!(get(&sandbox, &format!("{PROPERTIES}/groups/ours")).expect(200)["label"], "Ours");
}

#[test]
fn definitions_that_do_not_hold_together_are_refused() {
    let sandbox = with_group();
    for wrong in [
        property("Ours", json!({})),
        property("1ours", json!({})),
        property("ours-x", json!({})),
        property("ours_a", json!({ "groupName": "nowhere" })),
        property("ours_b", json!({ "fieldType": "number" })),
        property("ours_c", json!({ "type": "enumeration", "fieldType": "select" })),
        property(
            "ours_d",
            json!({ "type": "bool", "fieldType": "booleancheckbox", "options": [{ "label": "Y", "value": "y" }] }),
        ),
        property("ours_e", json!({ "type": "bool", "fieldType": "booleancheckbox", "hasUniqueValue": true })),
        property(
            "ours_f",
            json!({ "type": "enumeration", "fieldType": "select", "options": [{ "label": "A", "value": "a" }, { "label": "B", "value": "a" }] }),
        ),
    ] {
        assert_eq!(post(&sandbox, PROPERTIES, wrong.clone()).status, 400, "{wrong}");
    }
}

#[test]
fn a_checkbox_admits_three_values() {
    let sandbox = with_group();
    post(&sandbox, PROPERTIES, property("ours_complex", json!({ "type": "bool", "fieldType": "booleancheckbox" })))
        .expect(201);
    let id = deal(&sandbox, json!({}));
    let path = format!("/crm/objects/2026-09/deals/{id}");
    for (value, stored) in [("true", json!("true")), ("False", json!("false")), ("", Value::Null)] {
        patch(&sandbox, &path, json!({ "properties": { "ours_complex": value } })).expect(200);
        let read = get(&sandbox, &format!("{path}?properties=ours_complex")).expect(200);
        assert_eq!(read["properties"]["ours_complex"], stored);
    }
    patch(&sandbox, &path, json!({ "properties": { "ours_complex": "yes" } })).expect(400);
}

#[test]
fn new_options_replace_the_old_ones_and_leave_orphans() {
    let sandbox = with_group();
    let options = json!([{ "label": "Price", "value": "price" }, { "label": "Other", "value": "other" }]);
    let reason = property("ours_reason", json!({ "type": "enumeration", "fieldType": "select", "options": options }));
    post(&sandbox, PROPERTIES, reason).expect(201);
    let id = deal(&sandbox, json!({ "ours_reason": "price" }));
    let change = json!({ "options": [{ "label": "Other", "value": "other" }], "label": "Why" });
    let changed = patch(&sandbox, &format!("{PROPERTIES}/ours_reason"), change).expect(200);
    assert_eq!(changed["options"].as_array().unwrap().len(), 1);
    assert_eq!(changed["label"], "Why");
    let path = format!("/crm/objects/2026-09/deals/{id}");
    assert_eq!(
        get(&sandbox, &format!("{path}?properties=ours_reason")).expect(200)["properties"]["ours_reason"],
        "price"
    );
    patch(&sandbox, &path, json!({ "properties": { "ours_reason": "price" } })).expect(400);
}

#[test]
fn an_archived_property_is_gone_until_its_name_is_made_again() {
    let sandbox = with_group();
    post(&sandbox, PROPERTIES, property("ours_text", json!({}))).expect(201);
    let id = deal(&sandbox, json!({ "ours_text": "kept" }));
    let path = format!("/crm/objects/2026-09/deals/{id}");
    assert_eq!(send(&sandbox, "DELETE", &format!("{PROPERTIES}/ours_text"), "").unwrap().status, 204);
    let read = get(&sandbox, &format!("{path}?properties=ours_text")).expect(200);
    assert_eq!(read["properties"].get("ours_text"), None);
    patch(&sandbox, &path, json!({ "properties": { "ours_text": "x" } })).expect(400);
    get(&sandbox, &format!("{PROPERTIES}/ours_text")).expect(404);
    let archived = get(&sandbox, &format!("{PROPERTIES}?archived=true")).expect(200);
    assert_eq!(archived["results"][0]["name"], "ours_text");
    post(&sandbox, PROPERTIES, property("ours_text", json!({}))).expect(201);
    assert_eq!(get(&sandbox, &format!("{path}?properties=ours_text")).expect(200)["properties"]["ours_text"], "kept");
    assert_eq!(send(&sandbox, "DELETE", &format!("{PROPERTIES}/amount"), "").unwrap().status, 204);
    assert_eq!(get(&sandbox, &format!("{PROPERTIES}/amount")).status, 200, "the CRM's own properties stay");
}

#[test]
fn an_object_admits_ten_unique_properties() {
    let sandbox = with_group();
    for number in 0..10 {
        post(&sandbox, PROPERTIES, property(&format!("ours_key{number}"), json!({ "hasUniqueValue": true })))
            .expect(201);
    }
    post(&sandbox, PROPERTIES, property("ours_key10", json!({ "hasUniqueValue": true }))).expect(400);
}

#[test]
fn tasks_may_admit_no_unique_properties() {
    let sandbox = with(|options| options.unique_task_properties = false);
    let key = property("ours_key", json!({ "groupName": "task", "hasUniqueValue": true }));
    post(&sandbox, "/crm/properties/2026-09/tasks", key).expect(400);
    post(&sandbox, "/crm/properties/2026-09/tasks", property("ours_key", json!({ "groupName": "task" }))).expect(201);
}

#[test]
fn properties_are_made_and_read_in_batches() {
    let sandbox = with_group();
    let inputs = json!([property("ours_a", json!({})), property("amount", json!({})), property("ours_b", json!({}))]);
    let made = post(&sandbox, &format!("{PROPERTIES}/batch/create"), json!({ "inputs": inputs })).expect(207);
    assert_eq!(made["results"].as_array().unwrap().len(), 2);
    assert_eq!(made["errors"][0]["subCategory"], "Properties.PROPERTY_WITH_NAME_EXISTS");
    let body = json!({ "archived": false, "inputs": [{ "name": "ours_a" }, { "name": "ours_b" }] });
    let read = post(&sandbox, &format!("{PROPERTIES}/batch/read"), body.clone()).expect(200);
    assert_eq!(read["results"][1]["name"], "ours_b");
    assert_eq!(post(&sandbox, &format!("{PROPERTIES}/batch/archive"), body.clone()).status, 204);
    post(&sandbox, &format!("{PROPERTIES}/batch/read"), body).expect(207);
}

#[test]
fn the_properties_that_tell_stage_times_are_listed_with_readable_labels() {
    let listed = get(&sandbox(), PROPERTIES).expect(200);
    let find = |name: &str| listed["results"].as_array().unwrap().iter().find(|p| p["name"] == name).cloned().unwrap();
    let entered = find("hs_v2_date_entered_contractsent");
    assert_eq!(entered["label"], "Date entered \"Contract Sent (Sales Pipeline)\"");
    assert_eq!(entered["modificationMetadata"]["readOnlyValue"], true);
    assert_eq!(find("hubspot_owner_id")["referencedObjectType"], "OWNER");
    assert_eq!(find("dealstage")["options"][0]["value"], "appointmentscheduled");
}

#[test]
fn owners_are_listed_active_or_archived() {
    let sandbox = sandbox();
    let listed = get(&sandbox, "/crm/owners/2026-09?limit=1").expect(200);
    assert_eq!(listed["results"][0]["id"], "88001");
    assert_eq!(listed["results"][0]["userId"], 7001);
    assert_eq!(listed["results"][0]["teams"][0]["name"], "Sales");
    assert_eq!(listed["paging"]["next"]["after"], "88001");
    assert_eq!(get(&sandbox, "/crm/owners/2026-09?after=88001").expect(200)["results"][0]["id"], "88002");
    sandbox.edit(&Edit::DeactivateOwner { owner: "88001".to_owned() }).unwrap();
    assert_eq!(get(&sandbox, "/crm/owners/2026-09").expect(200)["results"].as_array().unwrap().len(), 1);
    let archived = get(&sandbox, "/crm/owners/2026-09?archived=true").expect(200);
    assert_eq!(archived["results"][0]["userId"], Value::Null);
    assert_eq!(archived["results"][0]["userIdIncludingInactive"], 7001);
    get(&sandbox, "/crm/owners/2026-09/88001").expect(404);
    get(&sandbox, "/crm/owners/2026-09/88001?archived=true").expect(200);
    assert_eq!(get(&sandbox, "/crm/owners/2026-09/7002?idProperty=userId").expect(200)["id"], "88002");
    let mail = get(&sandbox, "/crm/owners/2026-09?email=REP88002@example.com").expect(200);
    assert_eq!(mail["results"].as_array().unwrap().len(), 1);
}

#[test]
fn users_hold_zones_and_working_hours() {
    let sandbox = sandbox();
    let names = "hs_internal_user_id,hs_standard_time_zone,hs_working_hours";
    let listed = get(&sandbox, &format!("/crm/objects/2026-09/users?properties={names}")).expect(200);
    let [first, second] = [0, 1].map(|at| &listed["results"][at]["properties"]);
    assert_eq!(first["hs_internal_user_id"], "7001");
    assert_eq!(first["hs_standard_time_zone"], "Europe/Berlin");
    assert!(first["hs_working_hours"].as_str().unwrap().contains("MONDAY_TO_FRIDAY"));
    assert_eq!(second["hs_standard_time_zone"], Value::Null);
}

#[test]
fn pipelines_come_with_their_stages() {
    let sandbox = sandbox();
    let listed = get(&sandbox, "/crm/pipelines/2026-09/deals").expect(200);
    let pipeline = &listed["results"][0];
    assert_eq!(pipeline["id"], "default");
    assert_eq!(pipeline["createdAt"], "1970-01-01T00:00:00Z");
    assert_eq!(pipeline["stages"][5]["metadata"], json!({ "isClosed": "true", "probability": "1.0" }));
    assert_eq!(pipeline["stages"][0]["metadata"], json!({ "isClosed": "false", "probability": "0.2" }));
    let stages = get(&sandbox, "/crm/pipelines/2026-09/deals/default/stages").expect(200);
    assert_eq!(stages["results"], pipeline["stages"]);
    assert_eq!(
        get(&sandbox, "/crm/pipelines/2026-09/deals/default/stages/closedwon").expect(200),
        pipeline["stages"][5]
    );
    get(&sandbox, "/crm/pipelines/2026-09/deals/other").expect(404);
    let stage = Edit::RenameStage { pipeline: "default".into(), stage: "closedwon".into(), label: "Hurrah".into() };
    sandbox.edit(&stage).unwrap();
    assert_eq!(get(&sandbox, "/crm/pipelines/2026-09/deals/default").expect(200)["stages"][5]["label"], "Hurrah");
}

#[test]
fn associations_are_read_made_and_described() {
    let sandbox = sandbox();
    let deal = deal(&sandbox, json!({}));
    let made = json!({ "properties": { "hs_timestamp": "2026-03-05T09:00:00Z" } });
    let [first, second, third] = [(); 3].map(|()| {
        post(&sandbox, "/crm/objects/2026-09/tasks", made.clone()).expect(201)["id"].as_str().unwrap().to_owned()
    });
    let put = format!("/crm/objects/2026-09/tasks/{first}/associations/default/deals/{deal}");
    send(&sandbox, "PUT", &put, "").unwrap().expect(200);
    let pair = |task: &str| json!({ "from": { "id": task }, "to": { "id": deal } });
    let mut typed = pair(&second);
    typed["types"] = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 216 }]);
    post(&sandbox, "/crm/associations/2026-09/tasks/deals/batch/create", json!({ "inputs": [typed] })).expect(201);
    let default = "/crm/associations/2026-09/tasks/deals/batch/associate/default";
    post(&sandbox, default, json!({ "inputs": [pair(&third)] })).expect(201);
    post(&sandbox, default, json!({ "inputs": [pair("1")] })).expect(404);
    send(&sandbox, "DELETE", &format!("/crm/objects/2026-09/tasks/{second}"), "").unwrap();
    let body = json!({ "inputs": [{ "id": deal }, { "id": "1" }] });
    let read = post(&sandbox, "/crm/associations/2026-09/deals/tasks/batch/read", body).expect(200);
    assert_eq!(read["results"].as_array().unwrap().len(), 1);
    let to = read["results"][0]["to"].as_array().unwrap();
    assert_eq!(to.len(), 2, "a deleted task hangs on nothing");
    assert_eq!(to[0]["toObjectId"], first.parse::<u64>().unwrap());
    assert_eq!(to[0]["associationTypes"], json!([{ "category": "HUBSPOT_DEFINED", "typeId": 215, "label": null }]));
    let labels = get(&sandbox, "/crm/associations/2026-09/tasks/deals/labels").expect(200);
    assert_eq!(labels["results"][0]["typeId"], 216);
}

#[test]
fn the_account_tells_its_zone_and_currency() {
    let details = get(&sandbox(), "/account-info/2026-09/details").expect(200);
    assert_eq!(details["portalId"], 147893286);
    assert_eq!(details["timeZone"], "US/Eastern");
    assert_eq!(details["companyCurrency"], "USD");
    assert_eq!(details["utcOffset"], "-05:00");
    assert_eq!(details["utcOffsetMilliseconds"], -18_000_000);
}
