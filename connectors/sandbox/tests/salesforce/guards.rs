//! Who is let in, how much they may ask, and how the org tells them.

use crate::caller::*;
use chrono::TimeDelta;
use dealclock_sandbox::{AdminAct, OrgLimits};
use serde_json::{Value, json};

#[test]
fn strangers_are_turned_away() {
    let org = org();
    for headers in [&[][..], &[("authorization", "Bearer wrong")], &[("authorization", TOKEN)]] {
        let refused = send(&org, "GET", &format!("{DATA}/limits"), headers, "").refused(401, "INVALID_SESSION_ID");
        assert_eq!(refused["message"], "Session expired or invalid");
    }
    let versions = send(&org, "GET", "/services/data/", &[], "").expect(200);
    assert!(versions.as_array().unwrap().iter().any(|version| version["url"] == "/services/data/v65.0"));
}

#[test]
fn a_user_without_the_right_cannot_call() {
    let org = with(|options| options.user.api_enabled = false);
    get(&org, "/limits").refused(403, "API_DISABLED_FOR_ORG");
}

#[test]
fn the_limit_of_the_day_is_told_and_kept() {
    let org = with(|options| options.limits = OrgLimits { daily: Some(2), tells_bursts: true });
    let first = get(&org, "/limits");
    assert_eq!(first.header("sforce-limit-info"), "api-usage=1/2; api-bursts=1/750");
    assert_eq!(first.header("date"), "Mon, 02 Mar 2026 09:00:00 GMT");
    // Versions are free.
    send(&org, "GET", "/services/data", &[], "").expect(200);
    get(&org, "/limits").expect(200);
    let refused = get(&org, "/limits").refused(403, "REQUEST_LIMIT_EXCEEDED");
    assert_eq!(refused["message"], "TotalRequests Limit exceeded.");
    pass(&org, TimeDelta::hours(24));
    get(&org, "/limits").expect(200);
}

#[test]
fn an_address_has_a_longest_length() {
    let org = org();
    let ids = vec!["'006000000000001AAA'"; 900].join(",");
    let long = query(&org, &format!("SELECT Id FROM Opportunity WHERE Id IN ({ids})"));
    assert_eq!(long.status, 414);
}

#[test]
fn calls_are_counted_by_what_they_do() {
    let org = org();
    let id = opportunity(&org, json!({}));
    get(&org, &format!("/sobjects/Opportunity/{id}")).expect(200);
    get(&org, "/sobjects/Opportunity/006000000000001").refused(404, "NOT_FOUND");
    query(&org, "SELECT Id FROM Task").expect(200);
    query_all(&org, "SELECT Id FROM Task").expect(200);
    post(&org, "/composite", json!({ "compositeRequest": [] })).expect(200);
    let calls = org.calls().calls;
    for (name, count) in [("sf.create", 1), ("sf.read", 2), ("sf.query", 1), ("sf.queryAll", 1), ("sf.composite", 1)] {
        assert_eq!(calls.get(name), Some(&count), "{name} of {calls:?}");
    }
}

#[test]
fn nothing_that_is_sent_makes_the_org_panic() {
    let org = with(|options| options.limits.daily = None);
    let id = opportunity(&org, json!({}));
    let bodies = [
        "",
        "null",
        "[]",
        "{}",
        "{\"records\":[null]}",
        "{\"records\":[{}]}",
        "{\"compositeRequest\":[{}]}",
        "{\"compositeRequest\":[{\"method\":\"GET\",\"url\":\"\u{1F980}\",\"referenceId\":\"a\"}]}",
        "{\"compositeRequest\":[{\"method\":\"GET\",\"url\":\"/@{a.b\",\"referenceId\":\"a\"}]}",
        "{\"batchRequests\":[{\"method\":\"\",\"url\":\"\"}]}",
        "{\"Name\":[]}",
        "\u{1F980}",
    ];
    let paths = [
        String::new(),
        "/query?q=%F0%9F%A6%80".to_owned(),
        "/query?q=SELECT".to_owned(),
        "/query?q=SELECT%20Id%20FROM%20Task%20WHERE%20Subject%20%3D%20%27%5C".to_owned(),
        "/query?q=SELECT%20Id%20FROM%20Task%20LIMIT%2099999999999999999999".to_owned(),
        "/query?q=SELECT%20COUNT()%20FROM%20Task%20OFFSET%205".to_owned(),
        "/query/-".to_owned(),
        "/sobjects/Opportunity".to_owned(),
        format!("/sobjects/Opportunity/{id}"),
        "/sobjects/Opportunity/%F0%9F%A6%80".to_owned(),
        "/sobjects/Task/Id/%00".to_owned(),
        "/sobjects//".to_owned(),
        "/composite".to_owned(),
        "/composite/batch".to_owned(),
        "/composite/sobjects".to_owned(),
        "/composite/sobjects/Task".to_owned(),
        "/composite/sobjects/Task/Id".to_owned(),
    ];
    for method in ["GET", "POST", "PATCH", "PUT", "DELETE"] {
        for path in &paths {
            for body in bodies {
                let answer = send(
                    &org,
                    method,
                    &format!("{DATA}{path}"),
                    &[("authorization", &format!("Bearer {TOKEN}"))],
                    body,
                );
                assert!(answer.status < 500, "{method} {path} {body}");
                assert!(
                    answer.text.is_empty() || answer.body != Value::Null,
                    "{method} {path} {body}: {}",
                    answer.text
                );
            }
        }
    }
}

#[test]
fn an_administrator_takes_rights_away_and_gives_them_back() {
    let org = org();
    let check = |act: AdminAct, status: u16, code: &str| {
        org.administer(act);
        let answer = query(&org, "SELECT Amount FROM Opportunity");
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(answer.body[0]["errorCode"].as_str().unwrap_or_default(), code);
    };
    check(AdminAct::SetApiEnabled(false), 403, "API_DISABLED_FOR_ORG");
    check(AdminAct::SetApiEnabled(true), 200, "");
    check(AdminAct::HideFields(vec!["Opportunity.Amount".to_owned()]), 400, "INVALID_FIELD");
    check(AdminAct::HideFields(Vec::new()), 200, "");
    check(AdminAct::SetDailyLimit(Some(1)), 403, "REQUEST_LIMIT_EXCEEDED");
    check(AdminAct::SetDailyLimit(None), 200, "");
    check(AdminAct::EndSessions, 401, "INVALID_SESSION_ID");
    let admit = json!({ "admit_tokens": [TOKEN] });
    send(&org, "POST", "/sandbox/admin", &[], &admit.to_string()).expect(200);
    query(&org, "SELECT Id FROM Opportunity").expect(200);
}
