//! Searches: filters, order, pages, limits, and an index that is behind.

use std::time::Duration;

use crate::caller::*;
use chrono::TimeDelta;
use dealclock_sandbox::{Limits, Sandbox};
use serde_json::{Value, json};

const SEARCH: &str = "/crm/objects/2026-09/deals/search";

fn unlimited() -> Sandbox {
    with(|options| options.limits = Limits::NONE)
}

/// The amounts of the deals that a filter finds, in the order of ids.
fn found(sandbox: &Sandbox, filters: Value) -> Vec<String> {
    let body = json!({ "filterGroups": [{ "filters": filters }], "properties": ["amount"], "limit": 100 });
    amounts(&post(sandbox, SEARCH, body).expect(200))
}

fn amounts(page: &Value) -> Vec<String> {
    let results = page["results"].as_array().unwrap().iter();
    results.map(|deal| deal["properties"]["amount"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn every_operator_finds_what_it_says() {
    let sandbox = unlimited();
    deal(&sandbox, json!({ "amount": "9", "dealname": "Acme pilot", "dealtype": "newbusiness" }));
    deal(&sandbox, json!({ "amount": "10", "dealname": "Globex rollout", "dealtype": "existingbusiness" }));
    deal(&sandbox, json!({ "amount": "100", "dealname": "acme ROLLOUT" }));
    deal(&sandbox, json!({ "dealname": "Nameless", "closedate": "2026-03-12T00:00:00Z" }));
    for (name, operator, operands, expected) in [
        ("amount", "EQ", json!({ "value": "10.0" }), "10"),
        ("amount", "NEQ", json!({ "value": "10" }), "9 100"),
        ("amount", "LT", json!({ "value": "10" }), "9"),
        ("amount", "LTE", json!({ "value": "10" }), "9 10"),
        ("amount", "GT", json!({ "value": "10" }), "100"),
        ("amount", "GTE", json!({ "value": 10 }), "10 100"),
        ("amount", "BETWEEN", json!({ "value": "9", "highValue": "10" }), "9 10"),
        ("amount", "IN", json!({ "values": ["9", "100"] }), "9 100"),
        ("amount", "NOT_IN", json!({ "values": ["9", "100"] }), "10"),
        ("amount", "HAS_PROPERTY", json!({}), "9 10 100"),
        ("amount", "NOT_HAS_PROPERTY", json!({}), "-"),
        ("dealname", "EQ", json!({ "value": "ACME pilot" }), "9"),
        ("dealname", "CONTAINS_TOKEN", json!({ "value": "rollout" }), "10 100"),
        ("dealname", "CONTAINS_TOKEN", json!({ "value": "roll*" }), "10 100"),
        ("dealname", "NOT_CONTAINS_TOKEN", json!({ "value": "acme" }), "10 -"),
        ("dealname", "IN", json!({ "values": ["acme pilot"] }), "9"),
        ("dealname", "IN", json!({ "values": ["Acme pilot"] }), ""),
        ("dealtype", "EQ", json!({ "value": "newbusiness" }), "9"),
        ("dealtype", "EQ", json!({ "value": "NewBusiness" }), ""),
        ("dealstage", "IN", json!({ "values": ["contractsent"] }), "9 10 100 -"),
        ("closedate", "GTE", json!({ "value": "1773273600000" }), "-"),
        ("closedate", "GTE", json!({ "value": "2026-03-12T00:00:01Z" }), ""),
        ("hs_is_closed", "EQ", json!({ "value": "false" }), "9 10 100 -"),
    ] {
        let mut filter = json!({ "propertyName": name, "operator": operator });
        filter.as_object_mut().unwrap().extend(operands.as_object().unwrap().clone());
        assert_eq!(found(&sandbox, json!([filter])).join(" "), expected, "{name} {operator} {operands}");
    }
}

#[test]
fn groups_are_alternatives_and_filters_in_a_group_are_not() {
    let sandbox = unlimited();
    for amount in ["1", "2", "3"] {
        deal(&sandbox, json!({ "amount": amount }));
    }
    let filter =
        |operator: &str, value: &str| json!({ "propertyName": "amount", "operator": operator, "value": value });
    assert_eq!(found(&sandbox, json!([filter("GT", "1"), filter("LT", "3")])), ["2"]);
    let groups = json!([{ "filters": [filter("EQ", "1")] }, { "filters": [filter("EQ", "3")] }]);
    assert_eq!(
        amounts(&post(&sandbox, SEARCH, json!({ "filterGroups": groups, "properties": ["amount"] })).expect(200)),
        ["1", "3"]
    );
}

#[test]
fn results_are_sorted_and_paged_by_number() {
    let sandbox = unlimited();
    for amount in ["9", "100", "20"] {
        deal(&sandbox, json!({ "amount": amount }));
    }
    let page = |after: Value| {
        let sorts = json!([{ "propertyName": "amount", "direction": "DESCENDING" }]);
        post(&sandbox, SEARCH, json!({ "sorts": sorts, "properties": ["amount"], "limit": 2, "after": after }))
            .expect(200)
    };
    let first = page(json!("0"));
    assert_eq!(first["total"], 3);
    assert_eq!(amounts(&first), ["100", "20"]);
    assert_eq!(first["paging"]["next"]["after"], "2");
    let second = page(json!("2"));
    assert_eq!(amounts(&second), ["9"]);
    assert_eq!(second.get("paging"), None);
    assert_eq!(page(json!(2))["results"], second["results"]);
}

#[test]
fn a_poll_finds_what_changed_since() {
    let sandbox = unlimited();
    let [first, second] = ["1", "2"].map(|amount| deal(&sandbox, json!({ "amount": amount })));
    pass(&sandbox, TimeDelta::minutes(1));
    let since = sandbox.now().timestamp_millis().to_string();
    let filters = json!([{ "propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": since }]);
    assert_eq!(found(&sandbox, filters.clone()), [""; 0]);
    patch(&sandbox, &format!("/crm/objects/2026-09/deals/{second}"), json!({ "properties": { "amount": "3" } }))
        .expect(200);
    assert_eq!(found(&sandbox, filters.clone()), ["3"]);
    send(&sandbox, "DELETE", &format!("/crm/objects/2026-09/deals/{second}"), "").unwrap();
    assert_eq!(found(&sandbox, filters), [""; 0], "deleted records are never found");
    assert!(get(&sandbox, &format!("/crm/objects/2026-09/deals/{first}")).status == 200);
}

#[test]
fn the_index_is_behind_what_is_read() {
    let sandbox = with(|options| options.index_lag = Duration::from_secs(30));
    let id = deal(&sandbox, json!({ "amount": "1" }));
    assert_eq!(found(&sandbox, json!([])), [""; 0]);
    pass(&sandbox, TimeDelta::seconds(30));
    assert_eq!(found(&sandbox, json!([])), ["1"]);
    let path = format!("/crm/objects/2026-09/deals/{id}");
    patch(&sandbox, &path, json!({ "properties": { "amount": "2" } })).expect(200);
    pass(&sandbox, TimeDelta::seconds(29));
    assert_eq!(found(&sandbox, json!([])), ["1"]);
    assert_eq!(get(&sandbox, &format!("{path}?properties=amount")).expect(200)["properties"]["amount"], "2");
    pass(&sandbox, TimeDelta::seconds(1));
    assert_eq!(found(&sandbox, json!([])), ["2"]);
}

#[test]
fn one_record_may_come_into_the_index_later_than_the_others() {
    let sandbox = unlimited();
    let id = deal(&sandbox, json!({ "amount": "1" }));
    deal(&sandbox, json!({ "amount": "2" }));
    assert!(sandbox.set_record_lag("deals", &id, Duration::from_secs(3600)));
    assert!(!sandbox.set_record_lag("deals", "1", Duration::ZERO));
    assert_eq!(found(&sandbox, json!([])), ["2"]);
    pass(&sandbox, TimeDelta::hours(1));
    assert_eq!(found(&sandbox, json!([])), ["1", "2"]);
}

#[test]
fn tasks_are_found_by_their_deal() {
    let sandbox = unlimited();
    let [first, second] = [(), ()].map(|()| deal(&sandbox, json!({})));
    let wanted = task(&sandbox, &first, json!({}));
    task(&sandbox, &second, json!({}));
    let filters = json!([{ "propertyName": "associations.deal", "operator": "EQ", "value": first }]);
    let page = post(&sandbox, "/crm/objects/2026-09/tasks/search", json!({ "filterGroups": [{ "filters": filters }] }))
        .expect(200);
    assert_eq!(page["total"], 1);
    assert_eq!(page["results"][0]["id"], wanted);
}

#[test]
fn words_are_found_in_names() {
    let sandbox = unlimited();
    deal(&sandbox, json!({ "dealname": "Acme pilot", "amount": "1" }));
    deal(&sandbox, json!({ "dealname": "Globex", "amount": "2" }));
    let page = post(&sandbox, SEARCH, json!({ "query": "PILOT", "properties": ["amount"] })).expect(200);
    assert_eq!(amounts(&page), ["1"]);
}

#[test]
fn searches_that_ask_too_much_or_too_little_are_refused() {
    let sandbox = unlimited();
    let filter = json!({ "propertyName": "amount", "operator": "EQ", "value": "1" });
    let group = |len: usize| json!({ "filters": vec![filter.clone(); len] });
    for body in [
        json!({ "limit": 201 }),
        json!({ "limit": 0 }),
        json!({ "after": "9900", "limit": 200 }),
        json!({ "after": "x" }),
        json!({ "filterGroups": vec![group(1); 6] }),
        json!({ "filterGroups": [group(7)] }),
        json!({ "filterGroups": vec![group(5); 4] }),
        json!({ "sorts": [{ "propertyName": "amount" }, { "propertyName": "dealname" }] }),
        json!({ "sorts": [{ "propertyName": "no_such_thing" }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "no_such_thing", "operator": "HAS_PROPERTY" }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "amount", "operator": "EQ" }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "amount", "operator": "IN", "values": [] }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "amount", "operator": "BETWEEN", "value": "1" }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "amount", "operator": "LIKE", "value": "1" }] }] }),
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "amount", "operator": "EQ", "value": "much" }] }] }),
        json!({ "query": "x".repeat(3_000) }),
    ] {
        let answer = post(&sandbox, SEARCH, body.clone());
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.body["category"], "VALIDATION_ERROR");
    }
}

#[test]
fn a_search_ends_at_its_ten_thousandth_result() {
    let sandbox = unlimited();
    sandbox.seed_deals(10_050, 1);
    let page =
        |after: usize, limit: usize| post(&sandbox, SEARCH, json!({ "after": after.to_string(), "limit": limit }));
    let last = page(9_800, 200).expect(200);
    assert_eq!(last["total"], 10_050);
    assert_eq!(last["paging"]["next"]["after"], "10000");
    page(10_000, 1).expect(400);
    page(9_999, 2).expect(400);
}
