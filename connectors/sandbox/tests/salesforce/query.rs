//! The query language: what it finds, how it pages, where it points when it cannot be read.

use crate::caller::*;
use chrono::TimeDelta;
use dealclock_sandbox::edit::{DealName, Edit, Properties};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn conditions_find_what_they_say() {
    let org = org();
    let rep = user(&org, "rep88001@acme.example");
    opportunity(&org, json!({ "Name": "Alpha", "Amount": 10, "CloseDate": "2026-03-31" }));
    pass(&org, TimeDelta::hours(1));
    opportunity(&org, json!({ "Name": "beta", "Amount": 20, "Complex__c": true, "OwnerId": rep }));
    pass(&org, TimeDelta::hours(1));
    opportunity(&org, json!({ "Name": "O'Neil 100%", "StageName": "Closed Won", "NextStep": "Call" }));
    let check = |filter: &str, expected: &[&str]| {
        let found = column(&org, &format!("SELECT Name FROM Opportunity WHERE {filter} ORDER BY Name"), "Name");
        assert_eq!(found, expected, "{filter}");
    };
    check("Amount > 10", &["beta"]);
    check("Amount >= 10 AND Amount <= 20.0", &["Alpha", "beta"]);
    check("Amount = null", &["O'Neil 100%"]);
    check("Amount != 10", &["beta", "O'Neil 100%"]);
    check("Name = 'ALPHA'", &["Alpha"]);
    check("Name LIKE 'o\\'n%'", &["O'Neil 100%"]);
    check("Name LIKE '%100\\%'", &["O'Neil 100%"]);
    check("(NOT Name LIKE '%a%')", &["O'Neil 100%"]);
    check("Complex__c = true OR IsClosed = true", &["beta", "O'Neil 100%"]);
    check("Complex__c = false AND (Amount = 10 OR StageName = 'Closed Won')", &["Alpha", "O'Neil 100%"]);
    check("StageName IN ('Closed Won', 'Closed Lost')", &["O'Neil 100%"]);
    check("StageName NOT IN ('Closed Won')", &["Alpha", "beta"]);
    check("CloseDate < 2026-06-30", &["Alpha"]);
    check("SystemModstamp >= 2026-03-02T10:00:00Z", &["beta", "O'Neil 100%"]);
    check("SystemModstamp > 2026-03-02T11:00:00.000+01:00", &["O'Neil 100%"]);
    check("SystemModstamp = 2026-03-02T10:00:00.999Z", &["beta"]);
    check("CreatedDate < 2026-03-02T10:30:00+00:00", &["Alpha", "beta"]);
    check(&format!("OwnerId = '{rep}'"), &["beta"]);
    check(&format!("OwnerId IN ('{}')", &rep[..15]), &["beta"]);
    check("Owner.Username LIKE 'rep%'", &["beta"]);
    check("NextStep != ''", &["O'Neil 100%"]);
    check("Opportunity.Name = 'Alpha'", &["Alpha"]);
    check("OwnerId IN (SELECT Id FROM User WHERE Username LIKE 'rep%')", &["beta"]);
    check("OwnerId NOT IN (SELECT Id FROM User WHERE Username LIKE 'rep%')", &["Alpha", "O'Neil 100%"]);
}

#[test]
fn an_order_puts_nothing_where_it_is_told() {
    let org = org();
    for (name, amount) in [("a", json!(2)), ("b", json!(null)), ("c", json!(1)), ("d", json!(2))] {
        opportunity(&org, json!({ "Name": name, "Amount": amount }));
    }
    for (order, expected) in [
        ("Amount", ["b", "c", "a", "d"]),
        ("Amount DESC", ["a", "d", "c", "b"]),
        ("Amount ASC NULLS LAST", ["c", "a", "d", "b"]),
        ("Amount DESC NULLS FIRST, Name DESC", ["b", "d", "a", "c"]),
        ("SystemModstamp, Id", ["a", "b", "c", "d"]),
    ] {
        assert_eq!(
            column(&org, &format!("SELECT Name FROM Opportunity ORDER BY {order}"), "Name"),
            expected,
            "{order}"
        );
    }
    let some = column(&org, "SELECT Name FROM Opportunity ORDER BY Name LIMIT 2 OFFSET 1", "Name");
    assert_eq!(some, ["b", "c"]);
}

#[test]
fn records_are_counted() {
    let org = org();
    for amount in [json!(1), json!(null)] {
        opportunity(&org, json!({ "Amount": amount }));
    }
    assert_eq!(
        query(&org, "SELECT COUNT() FROM Opportunity").expect(200),
        json!({ "totalSize": 2, "done": true, "records": [] })
    );
    for (soql, name, expected) in [("count(Id)", "expr0", 2), ("COUNT(Amount) priced", "priced", 1)] {
        let found = query(&org, &format!("SELECT {soql} FROM Opportunity")).expect(200);
        assert_eq!(found["records"][0][name], expected);
        assert_eq!(found["records"][0]["attributes"]["type"], "AggregateResult");
    }
}

#[test]
fn references_and_children_are_nested() {
    let org = org();
    let id = opportunity(&org, json!({}));
    task(&org, &id, json!({ "Subject": "one" }));
    task(&org, &id, json!({ "Subject": "two" }));
    let soql = "SELECT Name, Account.Name, Owner.Name, Owner.ManagerId, (SELECT Subject FROM Tasks WHERE IsClosed = false \
                ORDER BY Subject DESC), (SELECT Id FROM ProcessInstances) FROM Opportunity";
    let record = query(&org, soql).expect(200)["records"][0].clone();
    assert_eq!(record["Account"], Value::Null);
    assert_eq!(record["Owner"]["Name"], "Integration");
    assert_eq!(record["Owner"]["ManagerId"], Value::Null);
    assert_eq!(record["Tasks"]["totalSize"], 2);
    assert_eq!(record["Tasks"]["records"][0]["Subject"], "two");
    assert_eq!(record["ProcessInstances"], Value::Null);
    query(&org, "SELECT (SELECT Id FROM Unicorns) FROM Opportunity").refused(400, "INVALID_TYPE");
}

#[test]
fn a_long_answer_comes_in_pages_of_one_snapshot() {
    let org = org();
    let records: Vec<_> = (0..200)
        .map(|number| json!({ "attributes": { "type": "Account" }, "Name": format!("A{number:04}") }))
        .collect();
    for _ in 0..3 {
        post(&org, "/composite/sobjects", json!({ "records": records })).expect(200);
    }
    let options = [("sforce-query-options", "batchSize=200")];
    let path = format!("/query?q={}", escape("SELECT Id FROM Account ORDER BY Id"));
    let first = call_with(&org, "GET", &path, &options, &Value::Null).expect(200);
    assert_eq!((&first["totalSize"], &first["done"]), (&json!(600), &json!(false)));
    let next = first["nextRecordsUrl"].as_str().unwrap().to_owned();
    assert!(next.starts_with(&format!("{DATA}/query/01g")) && next.ends_with("-200"), "{next}");
    let gone = first["records"][0]["Id"].as_str().unwrap();
    delete(&org, &format!("/sobjects/Account/{gone}")).expect(204);
    let second = call_with(&org, "GET", next.strip_prefix(DATA).unwrap(), &options, &Value::Null).expect(200);
    assert_eq!(second["records"].as_array().unwrap().len(), 200);
    let last = second["nextRecordsUrl"].as_str().unwrap().strip_prefix(DATA).unwrap().to_owned();
    let last_page = call_with(&org, "GET", &last, &options, &Value::Null).expect(200);
    assert_eq!((&last_page["done"], &last_page["totalSize"]), (&json!(true), &json!(600)));
    assert!(last_page.get("nextRecordsUrl").is_none());
    pass(&org, TimeDelta::days(2));
    get(&org, &last).refused(400, "INVALID_QUERY_LOCATOR");
    get(&org, "/query/01g000000000001-2000").refused(400, "INVALID_QUERY_LOCATOR");
    assert_eq!(query(&org, "SELECT Id FROM Account").expect(200)["done"], true);
}

#[test]
fn a_query_that_cannot_be_read_is_pointed_at() {
    let org = org();
    let check = |soql: &str, code: &str, column: usize, words: &str| {
        let refused = query(&org, soql).refused(400, code);
        let message = refused["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("ERROR at Row:1:Column:{column}\n{words}")), "{soql}: {message}");
    };
    check("SELECT Id FROM Opportunity WHERE", "MALFORMED_QUERY", 33, "unexpected token: <EOF>");
    check("SELECT Id, FROM Opportunity", "MALFORMED_QUERY", 17, "unexpected token: 'Opportunity'");
    check("SELECT Id FROM Opportunity WHERE Name = 'x", "MALFORMED_QUERY", 41, "unexpected token: unterminated");
    check("SELECT Id FROM Opportunity WHERE A = 1 OR B = 2", "INVALID_FIELD", 34, "No such column 'A'");
    check(
        "SELECT Id FROM Opportunity WHERE Id = null OR Id = null AND Id = null",
        "MALFORMED_QUERY",
        57,
        "unexpected token: 'AND'",
    );
    check("SELECT Colour FROM Opportunity", "INVALID_FIELD", 8, "No such column 'Colour' on entity 'Opportunity'");
    check("SELECT Id FROM Opportunities", "INVALID_TYPE", 16, "sObject type 'Opportunities' is not supported.");
    check("SELECT Id FROM ProcessInstanceHistory", "INVALID_TYPE", 16, "sObject type");
    check(
        "SELECT Id FROM Opportunity WHERE CloseDate = '2026-01-01'",
        "INVALID_FIELD",
        46,
        "value of filter criterion for field 'CloseDate' must be of type date",
    );
    check("SELECT Id FROM Opportunity WHERE Name = 5", "INVALID_FIELD", 41, "value of filter criterion");
    check("SELECT Id FROM Opportunity WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", 39, "invalid ID field: x");
    check("SELECT Boss.Name FROM Opportunity", "INVALID_FIELD", 8, "Didn't understand relationship 'Boss'");
    check(
        "SELECT Description FROM Task WHERE Description = 'x'",
        "INVALID_FIELD",
        36,
        "field 'Description' can not be filtered",
    );
    check("SELECT Id FROM Task WHERE Id IN (SELECT Id, Name FROM User)", "MALFORMED_QUERY", 55, "only one field");
    check("SELECT Name, Name FROM Task", "INVALID_FIELD", 8, "No such column 'Name'");
    get(&org, "/query").refused(400, "MALFORMED_QUERY");
    let deep = format!("SELECT Id FROM Task WHERE {}Id = null{}", "(".repeat(200), ")".repeat(200));
    query(&org, &deep).refused(400, "MALFORMED_QUERY");
}

#[test]
fn what_people_change_becomes_visible_when_its_transaction_ends() {
    let org = with(|options| options.commit_lag = Duration::from_secs(60));
    let id = opportunity(&org, json!({ "Name": "Acme" }));
    pass(&org, TimeDelta::minutes(1));
    let change = Edit::SetDeal {
        deal: DealName::Id(id),
        properties: Properties::from([("Name".to_owned(), "Renamed".to_owned())]),
        by: "user88001".to_owned(),
    };
    org.edit(&change).unwrap();
    let since = "SELECT Name, SystemModstamp FROM Opportunity WHERE SystemModstamp >= 2026-03-02T09:01:00Z";
    for (after, visible) in [(30, 0), (29, 0), (1, 1)] {
        pass(&org, TimeDelta::seconds(after));
        assert_eq!(query(&org, since).expect(200)["totalSize"], visible);
        let name = if visible == 1 { "Renamed" } else { "Acme" };
        assert_eq!(column(&org, "SELECT Name FROM Opportunity", "Name"), [name]);
    }
    assert_eq!(column(&org, since, "SystemModstamp"), ["2026-03-02T09:01:00.000+0000"]);
}
