//! Several calls in one.

use crate::caller::*;
use serde_json::{Value, json};

fn part(method: &str, path: &str, name: &str, body: Value) -> Value {
    json!({ "method": method, "url": format!("{DATA}{path}"), "referenceId": name, "body": body })
}

fn composite(sandbox: &dealclock_sandbox::Sandbox, all_or_none: bool, parts: Value) -> Answer {
    post(sandbox, "/composite", json!({ "allOrNone": all_or_none, "compositeRequest": parts }))
}

fn statuses(answer: &Value) -> Vec<u64> {
    answer["compositeResponse"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["httpStatusCode"].as_u64().unwrap())
        .collect()
}

#[test]
fn later_parts_name_what_earlier_ones_made() {
    let org = org();
    let opportunity = json!({ "Name": "A", "StageName": "Prospecting", "CloseDate": "2026-06-30" });
    let answer = composite(&org, false, json!([
        part("POST", "/sobjects/Opportunity", "deal", opportunity),
        part("POST", "/sobjects/Task", "task", json!({ "Subject": "for @{deal.id}", "WhatId": "@{deal.id}" })),
        { "method": "GET", "url": format!("{DATA}/query?q=SELECT+Id,Subject+FROM+Task+WHERE+WhatId='@{{deal.id}}'"), "referenceId": "found" },
        part("GET", "/sobjects/Task/@{found.records[0].Id}?fields=WhatId", "read", Value::Null),
        part("GET", "/sobjects/Task/@{nothing.id}", "lost", Value::Null),
    ]))
    .expect(200);
    assert_eq!(statuses(&answer), [201, 201, 200, 200, 400]);
    let parts = &answer["compositeResponse"];
    let id = parts[0]["body"]["id"].as_str().unwrap();
    assert_eq!(parts[2]["body"]["records"][0]["Subject"], format!("for {id}"));
    assert_eq!(parts[3]["body"]["WhatId"], id);
    assert_eq!(parts[4]["body"][0]["errorCode"], "PROCESSING_HALTED");
    assert_eq!(parts[4]["referenceId"], "lost");
}

#[test]
fn a_failed_part_leaves_the_others_or_takes_all_back() {
    let org = org();
    let parts = json!([
        part("POST", "/sobjects/Account", "first", json!({ "Name": "A" })),
        part("POST", "/sobjects/Account", "second", json!({ "Nome": "B" })),
        part("POST", "/sobjects/Account", "third", json!({ "Name": "C" })),
    ]);
    let answer = composite(&org, true, parts.clone()).expect(200);
    assert_eq!(statuses(&answer), [400, 400, 400]);
    let code = |number: usize| answer["compositeResponse"][number]["body"][0]["errorCode"].clone();
    assert_eq!(
        [code(0), code(1), code(2)],
        [json!("PROCESSING_HALTED"), json!("INVALID_FIELD"), json!("PROCESSING_HALTED")]
    );
    let count = || query(&org, "SELECT COUNT() FROM Account").expect(200)["totalSize"].clone();
    assert_eq!(count(), 0);
    assert_eq!(statuses(&composite(&org, false, parts).expect(200)), [201, 400, 201]);
    assert_eq!(count(), 2);
}

#[test]
fn a_part_can_be_guarded() {
    let org = org();
    let id = opportunity(&org, json!({}));
    let guarded = |date: &str| {
        let mut part = part("PATCH", &format!("/sobjects/Opportunity/{id}"), "o", json!({ "NextStep": "x" }));
        part["httpHeaders"] = json!({ "If-Unmodified-Since": date });
        statuses(&composite(&org, false, json!([part])).expect(200))
    };
    assert_eq!(guarded("Mon, 02 Mar 2026 08:59:59 GMT"), [412]);
    assert_eq!(guarded("Mon, 02 Mar 2026 09:00:00 GMT"), [204]);
}

#[test]
fn a_composite_has_its_limits_and_counts_once() {
    let org = org();
    let count = |answer: &Answer| answer.header("sforce-limit-info").to_owned();
    let query_part = |number: usize| part("GET", "/query?q=SELECT+Id+FROM+Task", &format!("q{number}"), Value::Null);
    let parts = |many: usize| Value::from((0..many).map(query_part).collect::<Vec<_>>());
    let answer = composite(&org, false, parts(5));
    assert_eq!(count(&answer), "api-usage=1/115000");
    assert_eq!(statuses(&answer.expect(200)), [200; 5]);
    composite(&org, false, parts(6)).refused(400, "LIMIT_EXCEEDED");
    let reads: Vec<_> = (0..26).map(|number| part("GET", "/limits", &format!("r{number}"), Value::Null)).collect();
    composite(&org, false, json!(reads)).refused(400, "LIMIT_EXCEEDED");
    composite(&org, false, json!([part("GET", "/limits", "not-a-name", Value::Null)]))
        .refused(400, "JSON_PARSER_ERROR");
    let twice = json!([part("GET", "/limits", "a", Value::Null), part("GET", "/limits", "a", Value::Null)]);
    composite(&org, false, twice).refused(400, "JSON_PARSER_ERROR");
    let mut forbidden = part("GET", "/limits", "a", Value::Null);
    forbidden["httpHeaders"] = json!({ "Authorization": "Bearer x" });
    composite(&org, false, json!([forbidden])).refused(400, "INVALID_HTTP_HEADER");
}

#[test]
fn a_batch_counts_each_of_its_parts() {
    let org = org();
    let requests = json!([
        { "method": "GET", "url": "v65.0/sobjects/Task/describe" },
        { "method": "GET", "url": "v65.0/sobjects/Unicorn/describe" },
        { "method": "POST", "url": "v65.0/sobjects/Account", "richInput": { "Name": "A" } },
    ]);
    let answer = post(&org, "/composite/batch", json!({ "batchRequests": requests }));
    assert_eq!(answer.header("sforce-limit-info"), "api-usage=3/115000");
    let body = answer.expect(200);
    assert_eq!(body["hasErrors"], true);
    let codes: Vec<_> =
        body["results"].as_array().unwrap().iter().map(|result| result["statusCode"].as_u64()).collect();
    assert_eq!(codes, [Some(200), Some(404), Some(201)]);
    assert_eq!(body["results"][0]["result"]["name"], "Task");
    let halted = post(
        &org,
        "/composite/batch",
        json!({ "haltOnError": true, "batchRequests": [
        { "method": "GET", "url": "v65.0/nowhere" }, { "method": "GET", "url": "v65.0/limits" },
    ] }),
    );
    assert_eq!(halted.expect(200)["results"][1]["statusCode"], 412);
}
