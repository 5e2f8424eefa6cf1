//! What the CRM does by itself: closing, histories, what tasks do to their opportunity.

use crate::caller::*;
use chrono::TimeDelta;
use serde_json::{Value, json};

#[test]
fn a_stage_decides_what_an_opportunity_is() {
    let org = org();
    let id = opportunity(&org, json!({ "Amount": 1000 }));
    let path = format!("/sobjects/Opportunity/{id}");
    let check = |stage: &str, closed: bool, won: bool, percent: f64, category: &str| {
        patch(&org, &path, json!({ "StageName": stage })).expect(204);
        let read = get(&org, &path).expect(200);
        assert_eq!(
            [&read["IsClosed"], &read["IsWon"], &read["Probability"], &read["ForecastCategoryName"]],
            [&json!(closed), &json!(won), &json!(percent), &json!(category)],
            "{stage}"
        );
        assert_eq!(read["ExpectedRevenue"], json!(percent * 10.0));
    };
    assert_eq!(get(&org, &path).expect(200)["LastStageChangeDate"], Value::Null);
    pass(&org, TimeDelta::hours(1));
    check("Negotiation/Review", false, false, 90.0, "Commit");
    check("Closed Won", true, true, 100.0, "Closed");
    check("Closed Lost", true, false, 0.0, "Omitted");
    assert_eq!(get(&org, &path).expect(200)["LastStageChangeDate"], "2026-03-02T10:00:00.000+0000");
}

#[test]
fn each_change_of_the_forecast_has_a_row_that_the_next_one_stamps() {
    let org = org();
    let id = opportunity(&org, json!({ "Amount": 10 }));
    for (field, value) in [("StageName", json!("Qualification")), ("NextStep", json!("x")), ("Amount", json!(20))] {
        pass(&org, TimeDelta::minutes(1));
        patch(&org, &format!("/sobjects/Opportunity/{id}"), json!({ field: value })).expect(204);
    }
    let soql = format!(
        "SELECT StageName, Amount, PrevAmount, CreatedDate, SystemModstamp FROM OpportunityHistory \
         WHERE OpportunityId = '{id}' ORDER BY CreatedDate"
    );
    let rows = query(&org, &soql).expect(200);
    let at = |minute: u32| format!("2026-03-02T09:0{minute}:00.000+0000");
    for (row, stage, amount, made, superseded) in [
        (0, "Prospecting", 10.0, at(0), at(1)),
        (1, "Qualification", 10.0, at(1), at(3)),
        (2, "Qualification", 20.0, at(3), at(3)),
    ] {
        let row = &rows["records"][row];
        assert_eq!(row["StageName"], stage);
        assert_eq!(row["Amount"], amount);
        assert_eq!(row["CreatedDate"], json!(made));
        assert_eq!(row["SystemModstamp"], json!(superseded));
    }
    assert_eq!(rows["totalSize"], 3);
    assert_eq!(rows["records"][2]["PrevAmount"], 10.0);
}

#[test]
fn tracked_fields_have_a_history_of_their_own() {
    let org = org();
    let id = opportunity(&org, json!({}));
    let path = format!("/sobjects/Opportunity/{id}");
    let rep = user(&org, "rep88001@acme.example");
    patch(&org, &path, json!({ "Complex__c": true, "OwnerId": rep, "NextStep": "not tracked" })).expect(204);
    let soql = format!(
        "SELECT Field, OldValue, NewValue FROM OpportunityFieldHistory WHERE OpportunityId = '{id}' ORDER BY Id"
    );
    let found = query(&org, &soql).expect(200);
    let rows: Vec<_> = found["records"].as_array().unwrap().iter().collect();
    let fields: Vec<_> = rows.iter().map(|row| row["Field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["created", "Owner", "Complex__c"]);
    assert_eq!((&rows[2]["OldValue"], &rows[2]["NewValue"]), (&json!("false"), &json!("true")));
    assert_eq!(rows[1]["NewValue"], rep);
    query(&org, "SELECT Id FROM OpportunityFieldHistory WHERE NewValue = 'x'").refused(400, "INVALID_FIELD");
}

#[test]
fn a_status_closes_a_task_and_opens_it_again() {
    let org = org();
    let id = opportunity(&org, json!({}));
    let task = task(&org, &id, json!({ "Priority": "High" }));
    let (path, deal) = (format!("/sobjects/Task/{task}"), format!("/sobjects/Opportunity/{id}"));
    let read = get(&org, &path).expect(200);
    assert_eq!([&read["Status"], &read["IsHighPriority"]], [&json!("Not Started"), &json!(true)]);
    assert_eq!(get(&org, &deal).expect(200)["HasOpenActivity"], true);
    pass(&org, TimeDelta::minutes(1));
    patch(&org, &path, json!({ "Status": "Completed" })).expect(204);
    let read = get(&org, &path).expect(200);
    assert_eq!(read["CompletedDateTime"], "2026-03-02T09:01:00.000+0000");
    assert_eq!(read["IsClosed"], true);
    let read = get(&org, &deal).expect(200);
    assert_eq!([&read["HasOpenActivity"], &read["LastActivityDate"]], [&json!(false), &json!("2026-03-05")]);
    assert_eq!(read["SystemModstamp"], "2026-03-02T09:01:00.000+0000");
    assert_eq!(read["LastModifiedDate"], "2026-03-02T09:00:00.000+0000");
    patch(&org, &path, json!({ "Status": "In Progress" })).expect(204);
    assert_eq!(get(&org, &path).expect(200)["CompletedDateTime"], Value::Null);
    query(&org, "SELECT Id FROM Opportunity WHERE HasOpenActivity = true").refused(400, "INVALID_FIELD");
}

#[test]
fn a_task_belongs_to_the_account_of_its_opportunity() {
    let org = org();
    let account = id_of(&post(&org, "/sobjects/Account", json!({ "Name": "Acme" })).expect(201));
    let id = opportunity(&org, json!({ "AccountId": account }));
    let task = task(&org, &id, json!({}));
    let soql =
        format!("SELECT AccountId, Account.Name, What.Type, What.Name, Owner.Name FROM Task WHERE Id = '{task}'");
    let record = query(&org, &soql).expect(200)["records"][0].clone();
    assert_eq!(record["AccountId"], account);
    assert_eq!(record["Account"]["Name"], "Acme");
    assert_eq!(record["What"]["Type"], "Opportunity");
    assert_eq!(record["What"]["attributes"]["type"], "Opportunity");
    assert_eq!(record["Owner"]["Name"], "Integration");
    for (soql, size) in [("What.Type = 'Opportunity'", 1), ("What.Type = 'Account'", 0)] {
        assert_eq!(query(&org, &format!("SELECT Id FROM Task WHERE {soql}")).expect(200)["totalSize"], size);
    }
}
