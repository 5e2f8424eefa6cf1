//! What goes wrong when a fault is scripted, and whether the call was carried out nevertheless.

use crate::caller::*;
use bytes::Bytes;
use dealclock_sandbox::{Dropped, Fault, FaultRule, Sandbox};
use http::Request;
use serde_json::json;

const TASKS: &str = "/crm/objects/2026-09/tasks";
const BATCH: &str = "/crm/objects/tasks/batch/create";

fn broken(fault: Fault) -> Sandbox {
    let sandbox = sandbox();
    sandbox.set_faults(vec![FaultRule::once(BATCH, fault)]);
    sandbox
}

fn create(sandbox: &Sandbox, tasks: usize) -> Result<Answer, Dropped> {
    let input = |number: usize| {
        let properties = json!({ "hs_timestamp": "2026-03-05T09:00:00Z", "hs_task_subject": number.to_string() });
        json!({ "properties": properties, "objectWriteTraceId": number.to_string() })
    };
    let body = json!({ "inputs": (1..=tasks).map(input).collect::<Vec<_>>() });
    send(sandbox, "POST", &format!("{TASKS}/batch/create"), &body.to_string())
}

fn made(sandbox: &Sandbox) -> usize {
    sandbox.dump().records["tasks"].len()
}

fn subjects(answer: &Answer) -> Vec<&str> {
    let results = answer.body["results"].as_array().unwrap().iter();
    results.map(|task| task["properties"]["hs_task_subject"].as_str().unwrap()).collect()
}

#[test]
fn a_broken_connection_says_whether_the_call_was_carried_out() {
    for (fault, dropped, tasks) in [
        (Fault::Drop { applied: false }, Dropped::BeforeApply, 0),
        (Fault::Drop { applied: true }, Dropped::AfterApply, 2),
        (Fault::Hang { applied: false }, Dropped::BeforeApply, 0),
        (Fault::Hang { applied: true }, Dropped::AfterApply, 2),
    ] {
        let sandbox = broken(fault);
        assert_eq!(create(&sandbox, 2).unwrap_err(), dropped);
        assert_eq!(made(&sandbox), tasks);
        assert_eq!(sandbox.calls().statuses[&0], 1);
        create(&sandbox, 2).unwrap().expect(201);
    }
}

#[test]
fn a_wrong_status_comes_before_or_after_the_call_is_carried_out() {
    for code in [401, 403, 409, 413, 423, 429, 477, 500, 502, 503, 504, 521] {
        for (applied, tasks) in [(false, 0), (true, 2)] {
            let retry_after = Some("3600".to_owned());
            let sandbox = broken(Fault::Status { code, retry_after, applied });
            let answer = create(&sandbox, 2).unwrap();
            assert_eq!(answer.headers["retry-after"], "3600");
            assert!(answer.expect(code)["message"].is_string());
            assert_eq!(made(&sandbox), tasks, "{code}");
        }
    }
}

#[test]
fn an_answer_may_be_a_page_for_people_or_cut_off() {
    for (fault, content_type, tasks) in [
        (Fault::Html { applied: false }, "text/html;charset=utf-8", 0),
        (Fault::Html { applied: true }, "text/html;charset=utf-8", 2),
        (Fault::Truncate, "application/json;charset=utf-8", 2),
    ] {
        let sandbox = broken(fault);
        let answer = create(&sandbox, 2).unwrap();
        assert_eq!(answer.headers["content-type"], content_type);
        assert!(answer.body.is_null(), "it cannot be read as JSON");
        assert_eq!(made(&sandbox), tasks);
    }
}

#[test]
fn a_redirection_carries_nothing_out() {
    let sandbox = broken(Fault::Redirect { location: "http://169.254.169.254/".to_owned() });
    let answer = create(&sandbox, 1).unwrap();
    assert_eq!((answer.status, answer.headers["location"].to_str().unwrap()), (302, "http://169.254.169.254/"));
    assert_eq!(made(&sandbox), 0);
}

#[test]
fn a_batch_may_fail_in_part() {
    let sandbox = broken(Fault::Partial { every: 2 });
    let answer = create(&sandbox, 5).unwrap();
    assert_eq!(answer.status, 207);
    assert_eq!(subjects(&answer), ["1", "3", "5"]);
    assert_eq!(answer.body["numErrors"], 2);
    assert_eq!(answer.body["errors"][1]["context"]["objectWriteTraceId"], json!(["4"]));
    assert_eq!(made(&sandbox), 3);
    let sandbox = broken(Fault::Partial { every: 1 });
    assert_eq!(subjects(&create(&sandbox, 2).unwrap()), [""; 0]);
    assert_eq!(made(&sandbox), 0);
}

#[test]
fn results_may_be_reordered_or_missing() {
    let sandbox = broken(Fault::Reorder);
    assert_eq!(subjects(&create(&sandbox, 3).unwrap()), ["3", "2", "1"]);
    let sandbox = broken(Fault::Missing { results: 2 });
    assert_eq!(subjects(&create(&sandbox, 3).unwrap()), ["1"]);
    assert_eq!(made(&sandbox), 3);
}

#[test]
fn a_direct_call_gets_a_dripping_answer_whole() {
    let sandbox = broken(Fault::Drip { pause_millis: 1000 });
    create(&sandbox, 1).unwrap().expect(201);
}

#[test]
fn faults_leave_other_calls_alone() {
    let sandbox = broken(Fault::Status { code: 503, retry_after: None, applied: false });
    get(&sandbox, TASKS).expect(200);
    create(&sandbox, 1).unwrap().expect(503);
    create(&sandbox, 1).unwrap().expect(201);
}

#[test]
fn the_control_interface_needs_no_token() {
    let sandbox = sandbox();
    let control = |method: &str, command: &str, body: &str| {
        let request = Request::builder().method(method).uri(format!("/sandbox/{command}"));
        let response = sandbox.handle(request.body(Bytes::from(body.to_owned())).unwrap()).unwrap();
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    };
    let rule = r#"[{"path":"/crm/objects/tasks","fault":{"kind":"status","code":503}}]"#;
    assert_eq!(control("POST", "faults", rule).0, 200);
    assert!(control("GET", "faults", "").1.contains("503"));
    get(&sandbox, TASKS).expect(503);
    assert_eq!(control("POST", "faults", "[]").0, 200);
    get(&sandbox, TASKS).expect(200);
    assert!(control("GET", "calls", "").1.contains("\"GET /crm/objects/tasks\":2"));
    assert_eq!(control("POST", "reset-calls", "").0, 200);
    assert_eq!(control("GET", "calls", "").1, r#"{"calls":{},"statuses":{}}"#);
    let edit = r#"{"kind":"create_deal","handle":"d","properties":{"dealname":"Acme","dealstage":"contractsent"},"by":"7001"}"#;
    assert_eq!(control("POST", "edit", edit).0, 200);
    assert_eq!(control("POST", "edit", &edit.replace("contractsent", "nowhere")).0, 400);
    assert_eq!(
        control("POST", "time", r#"{"advance_seconds":60}"#),
        (200, r#"{"now":"2026-03-02T09:01:00Z"}"#.to_owned())
    );
    assert_eq!(control("POST", "time", r#"{"set":"2026-03-03T00:00:00Z"}"#).0, 200);
    assert_eq!(control("GET", "time", "").1, r#"{"now":"2026-03-03T00:00:00Z"}"#);
    assert_eq!(control("POST", "lag", r#"{"millis":1000,"record":{"type":"deals","id":"1"}}"#).0, 200);
    assert_eq!(control("POST", "lag", r#"{"millis":1000,"record":{"type":"quotes","id":"1"}}"#).0, 400);
    assert!(control("GET", "dump", "").1.contains("\"handles\":{\"d\":"));
    assert_eq!(control("POST", "no-such-thing", "").0, 404);
}
