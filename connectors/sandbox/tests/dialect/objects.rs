//! Single records: making, reading, listing, changing, deleting and merging them.

use crate::caller::*;
use chrono::TimeDelta;
use serde_json::{Value, json};

const DEALS: &str = "/crm/objects/2026-09/deals";
const TASKS: &str = "/crm/objects/2026-09/tasks";

#[test]
fn a_new_deal_comes_back_with_what_the_crm_adds() {
    let sandbox = sandbox();
    let properties =
        json!({ "dealname": "Acme", "dealstage": "contractsent", "amount": 1500.50, "hubspot_owner_id": "88001" });
    let made = post(&sandbox, DEALS, json!({ "properties": properties })).expect(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(id.len(), 12);
    assert_eq!(made["properties"]["amount"], "1500.5");
    assert_eq!(made["properties"]["pipeline"], "default");
    assert_eq!(made["properties"]["createdate"], "2026-03-02T09:00:00Z");
    assert_eq!(made["properties"]["hs_object_id"], id);
    assert_eq!(made["properties"]["hs_object_source"], "INTEGRATION");
    assert_eq!(made["properties"]["hs_is_closed_won"], "false");
    assert_eq!(made["archived"], false);
    assert_eq!(made["url"], format!("https://app.hubspot.com/contacts/147893286/record/0-3/{id}"));
}

#[test]
fn values_that_do_not_fit_are_refused_by_name() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({}));
    for (property, value, code) in [
        ("no_such_thing", json!("x"), "PROPERTY_DOESNT_EXIST"),
        ("hs_lastmodifieddate", json!("2026-03-02T09:00:00Z"), "READ_ONLY_VALUE"),
        ("hs_is_closed", json!("true"), "READ_ONLY_VALUE"),
        ("amount", json!("a lot"), "INVALID_INTEGER"),
        ("closedate", json!("next week"), "INVALID_LONG"),
        ("dealstage", json!("nowhere"), "INVALID_OPTION"),
        ("pipeline", json!("nowhere"), "INVALID_OPTION"),
        ("dealtype", json!("NEWBUSINESS"), "INVALID_OPTION"),
        ("hubspot_owner_id", json!("7001"), "INVALID_OWNER_ID"),
        ("description", json!("x".repeat(65_537)), "PROPERTY_VALUE_TOO_LONG"),
        ("dealname", json!(["x"]), "INVALID_STRING"),
    ] {
        let refused =
            patch(&sandbox, &format!("{DEALS}/{id}"), json!({ "properties": { property: value } })).expect(400);
        assert_eq!(refused["category"], "VALIDATION_ERROR", "{property}");
        let message = refused["message"].as_str().unwrap();
        let inside = message.strip_prefix("Property values were not valid: ").unwrap();
        let inside: Value = serde_json::from_str(inside).unwrap();
        assert_eq!(inside[0]["error"], code, "{property}");
        assert_eq!(inside[0]["name"], property);
        assert_eq!(refused["errors"][0]["code"], code);
        assert!(refused["correlationId"].is_string());
    }
}

#[test]
fn what_must_be_set_is_missed() {
    let sandbox = sandbox();
    for (path, properties, missing) in [
        (DEALS, json!({ "dealname": "Acme" }), json!(["dealstage"])),
        (DEALS, json!({ "dealname": "", "dealstage": "contractsent" }), json!(["dealname"])),
        (TASKS, json!({ "hs_task_subject": "Call" }), json!(["hs_timestamp"])),
    ] {
        let refused = post(&sandbox, path, json!({ "properties": properties })).expect(400);
        assert_eq!(refused["context"]["properties"], missing);
    }
}

#[test]
fn reading_leaves_unknown_properties_out_and_shows_empty_ones_as_null() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({ "amount": "10" }));
    let read = get(&sandbox, &format!("{DEALS}/{id}?properties=amount,closedate,no_such_thing")).expect(200);
    let properties = read["properties"].as_object().unwrap();
    assert_eq!(properties["amount"], "10");
    assert_eq!(properties["closedate"], Value::Null);
    assert!(!properties.contains_key("no_such_thing"));
    assert!(!properties.contains_key("dealname"));
    assert!(properties.contains_key("hs_lastmodifieddate"));
}

#[test]
fn histories_are_newest_first_and_name_who_did_it() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({ "dealstage": "qualifiedtobuy" }));
    pass(&sandbox, TimeDelta::milliseconds(1500));
    patch(&sandbox, &format!("{DEALS}/{id}"), json!({ "properties": { "dealstage": "contractsent" } })).expect(200);
    patch(&sandbox, &format!("{DEALS}/{id}"), json!({ "properties": { "dealstage": "contractsent" } })).expect(200);
    let read = get(&sandbox, &format!("{DEALS}/{id}?propertiesWithHistory=dealstage")).expect(200);
    let history = read["propertiesWithHistory"]["dealstage"].as_array().unwrap();
    assert_eq!(history.len(), 2, "an equal value leaves no trace");
    assert_eq!(history[0]["value"], "contractsent");
    assert_eq!(history[0]["timestamp"], "2026-03-02T09:00:01.500Z");
    assert_eq!(history[0]["sourceType"], "INTEGRATION");
    assert_eq!(history[1]["value"], "qualifiedtobuy");
    assert_eq!(read["properties"]["dealstage"], "contractsent");
}

#[test]
fn stages_tell_when_they_were_entered_and_left() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({ "dealstage": "qualifiedtobuy" }));
    for stage in ["contractsent", "qualifiedtobuy", "closedwon"] {
        pass(&sandbox, TimeDelta::hours(1));
        patch(&sandbox, &format!("{DEALS}/{id}"), json!({ "properties": { "dealstage": stage } })).expect(200);
    }
    let names = "hs_v2_date_entered_current_stage,hs_v2_date_entered_qualifiedtobuy,hs_v2_date_exited_qualifiedtobuy,\
                 hs_v2_date_entered_contractsent,hs_v2_date_exited_closedwon,hs_is_closed,hs_is_closed_won";
    let read = get(&sandbox, &format!("{DEALS}/{id}?properties={names}")).expect(200);
    let properties = &read["properties"];
    assert_eq!(properties["hs_v2_date_entered_current_stage"], "2026-03-02T12:00:00Z");
    assert_eq!(properties["hs_v2_date_entered_qualifiedtobuy"], "2026-03-02T11:00:00Z");
    assert_eq!(properties["hs_v2_date_exited_qualifiedtobuy"], "2026-03-02T12:00:00Z");
    assert_eq!(properties["hs_v2_date_entered_contractsent"], "2026-03-02T10:00:00Z");
    assert_eq!(properties["hs_v2_date_exited_closedwon"], Value::Null);
    assert_eq!(properties["hs_is_closed"], "true");
    assert_eq!(properties["hs_is_closed_won"], "true");
}

#[test]
fn foreign_amounts_are_told_in_the_home_currency_too() {
    let sandbox = sandbox();
    for (properties, home) in [
        (json!({ "amount": "100", "deal_currency_code": "EUR" }), json!("125")),
        (json!({ "amount": "100", "deal_currency_code": "USD" }), json!("100")),
        (json!({ "amount": "100" }), json!("100")),
        (json!({}), Value::Null),
    ] {
        let id = deal(&sandbox, properties);
        let read = get(&sandbox, &format!("{DEALS}/{id}?properties=amount_in_home_currency")).expect(200);
        assert_eq!(read["properties"]["amount_in_home_currency"], home);
    }
}

#[test]
fn a_list_is_read_page_by_page_in_the_order_of_ids() {
    let sandbox = sandbox();
    let mut ids: Vec<_> = (0..7).map(|_| deal(&sandbox, json!({}))).collect();
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(&sandbox, &format!("{DEALS}?limit=3{after}")).expect(200);
        found.extend(page["results"].as_array().unwrap().iter().map(|deal| deal["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["paging"]["next"]["after"].as_str() else { break };
        assert!(
            page["paging"]["next"]["link"]
                .as_str()
                .unwrap()
                .starts_with("https://api.hubapi.com/crm/objects/2026-09/deals?")
        );
        after = format!("&after={next}");
    }
    ids.sort();
    assert_eq!(found, ids);
    get(&sandbox, &format!("{DEALS}?limit=101")).expect(400);
    get(&sandbox, &format!("{DEALS}?limit=51&propertiesWithHistory=dealstage")).expect(400);
    get(&sandbox, &format!("{DEALS}?limit=50&propertiesWithHistory=dealstage")).expect(200);
}

#[test]
fn a_deleted_record_is_seen_only_among_the_archived() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({}));
    for _ in 0..2 {
        assert_eq!(send(&sandbox, "DELETE", &format!("{DEALS}/{id}"), "").unwrap().status, 204);
    }
    let refused = get(&sandbox, &format!("{DEALS}/{id}")).expect(404);
    assert_eq!(refused["category"], "OBJECT_NOT_FOUND");
    let read = get(&sandbox, &format!("{DEALS}/{id}?archived=True")).expect(200);
    assert_eq!(read["archived"], true);
    assert_eq!(get(&sandbox, DEALS).expect(200)["results"], json!([]));
    assert_eq!(get(&sandbox, &format!("{DEALS}?archived=true")).expect(200)["results"][0]["id"], id);
    patch(&sandbox, &format!("{DEALS}/{id}"), json!({ "properties": { "amount": "1" } })).expect(404);
}

#[test]
fn an_old_id_leads_through_merges_to_the_survivor() {
    let sandbox = sandbox();
    let [first, second, third] = ["1", "2", "3"].map(|amount| deal(&sandbox, json!({ "amount": amount })));
    let only_first = json!({ "properties": { "description": "from the first" } });
    patch(&sandbox, &format!("{DEALS}/{first}"), only_first).expect(200);
    let call = task(&sandbox, &first, json!({}));
    for (survivor, absorbed) in [(&second, &first), (&third, &second)] {
        let body = json!({ "primaryObjectId": survivor, "objectIdToMerge": absorbed });
        post(&sandbox, &format!("{DEALS}/merge"), body).expect(200);
    }
    let path = format!("{DEALS}/{first}?properties=amount,description,hs_merged_object_ids&associations=tasks");
    let read = get(&sandbox, &path).expect(200);
    assert_eq!(read["id"], *third);
    assert_eq!(read["properties"]["amount"], "3");
    assert_eq!(read["properties"]["description"], "from the first");
    assert_eq!(read["properties"]["hs_merged_object_ids"], format!("{second};{first}"));
    assert_eq!(read["associations"]["tasks"]["results"], json!([{ "id": call, "type": "deal_to_task" }]));
    assert_eq!(get(&sandbox, DEALS).expect(200)["results"].as_array().unwrap().len(), 1);
    assert_eq!(
        patch(&sandbox, &format!("{DEALS}/{first}"), json!({ "properties": { "amount": "4" } })).expect(200)["id"],
        *third
    );
    let body = json!({ "inputs": [{ "id": first, "properties": { "amount": "5" } }] });
    assert_eq!(post(&sandbox, &format!("{DEALS}/batch/update"), body).status, 404);
}

#[test]
fn a_task_knows_whether_it_is_done_or_late() {
    let sandbox = sandbox();
    let deal = deal(&sandbox, json!({}));
    let task = task(&sandbox, &deal, json!({ "hs_task_reminders": "1796115600000" }));
    let path = format!(
        "{TASKS}/{task}?properties=hs_task_is_completed,hs_task_is_overdue,hs_task_status,hs_task_type,hs_task_completion_date"
    );
    let read = get(&sandbox, &path).expect(200);
    assert_eq!(read["properties"]["hs_task_is_completed"], "0");
    assert_eq!(read["properties"]["hs_task_is_overdue"], "false");
    assert_eq!(read["properties"]["hs_task_status"], "NOT_STARTED");
    assert_eq!(read["properties"]["hs_task_type"], "TODO");
    pass(&sandbox, TimeDelta::days(4));
    assert_eq!(get(&sandbox, &path).expect(200)["properties"]["hs_task_is_overdue"], "true");
    patch(&sandbox, &format!("{TASKS}/{task}"), json!({ "properties": { "hs_task_status": "COMPLETED" } })).expect(200);
    let read = get(&sandbox, &path).expect(200);
    assert_eq!(read["properties"]["hs_task_is_completed"], "1");
    assert_eq!(read["properties"]["hs_task_is_overdue"], "false");
    assert_eq!(read["properties"]["hs_task_completion_date"], "2026-03-06T09:00:00Z");
    let body = json!({ "properties": { "hs_task_reminders": "2026-12-01T09:00:00Z" } });
    patch(&sandbox, &format!("{TASKS}/{task}"), body).expect(400);
}

#[test]
fn a_task_hangs_on_the_deal_it_was_made_for() {
    let sandbox = sandbox();
    let deal = deal(&sandbox, json!({}));
    pass(&sandbox, TimeDelta::minutes(1));
    let task = task(&sandbox, &deal, json!({}));
    let read = get(&sandbox, &format!("{DEALS}/{deal}?associations=tasks")).expect(200);
    assert_eq!(read["associations"]["tasks"]["results"], json!([{ "id": task, "type": "deal_to_task" }]));
    assert_eq!(read["updatedAt"], "2026-03-02T09:01:00Z", "an activity changes its deal");
    let properties = json!({ "hs_timestamp": "2026-03-05T09:00:00Z" });
    for (id, number, status) in [(deal.as_str(), 215, 400), ("1", 216, 404), (deal.as_str(), 999, 400)] {
        let types = json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number }]);
        let body = json!({ "properties": properties, "associations": [{ "to": { "id": id }, "types": types }] });
        assert_eq!(post(&sandbox, TASKS, body).status, status, "{number} to {id}");
    }
}

#[test]
fn values_are_cleared_added_and_rewritten_as_the_crm_does() {
    let sandbox = sandbox();
    let id = deal(
        &sandbox,
        json!({ "amount": "5", "closedate": "1773300843846", "hs_all_collaborator_owner_ids": "88001" }),
    );
    let change = json!({ "amount": "", "hs_all_collaborator_owner_ids": ";88002", "hubspot_owner_id": "88002" });
    patch(&sandbox, &format!("{DEALS}/{id}"), json!({ "properties": change })).expect(200);
    let names = "amount,closedate,hs_all_collaborator_owner_ids";
    let read = get(&sandbox, &format!("{DEALS}/{id}?properties={names}")).expect(200);
    assert_eq!(read["properties"]["amount"], Value::Null);
    assert_eq!(read["properties"]["closedate"], "2026-03-12T07:34:03.846Z");
    assert_eq!(read["properties"]["hs_all_collaborator_owner_ids"], "88001;88002");
}

#[test]
fn the_versions_3_and_4_lead_to_the_same_records() {
    let sandbox = sandbox();
    let id = deal(&sandbox, json!({}));
    assert_eq!(get(&sandbox, &format!("/crm/v3/objects/0-3/{id}")).expect(200)["id"], id);
}
