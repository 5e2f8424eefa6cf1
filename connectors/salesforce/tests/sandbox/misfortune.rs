//! What Salesforce or the way to it does wrong while we read.

use dealclock_connector::{Cursor, ErrorKind};
use dealclock_model::{ChangeState, Object};
use dealclock_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Account, TOKEN, connect_to, opportunity, record, start};

#[tokio::test]
async fn a_failed_poll_says_what_happened_and_loses_nothing() {
    let status = |code| Fault::Status { code, retry_after: None, applied: false };
    let transient = ErrorKind::Transient { retry_at: None };
    for (fault, kind, part) in [
        (Fault::Html { applied: false }, transient, "a web page came in place of JSON"),
        (Fault::Truncate, transient, "the answer ends in the middle"),
        (Fault::Drop { applied: false }, transient, "no complete answer from acme.my.salesforce.com"),
        (Fault::Redirect { location: "https://elsewhere.example/".to_owned() }, transient, "a redirect came in place"),
        (status(500), transient, "Salesforce 500"),
        // The sandbox's 503 is the limit of calls at one time.
        (
            status(503),
            ErrorKind::Transient { retry_at: Some(start() + chrono::Duration::seconds(5)) },
            "Salesforce 503",
        ),
        (status(401), ErrorKind::Unauthorized, "the session is over"),
    ] {
        let account = Account::new();
        let id = account.add_opportunities(1).remove(0);
        let read = account.read_all(None).await;
        account.sandbox.set_faults(vec![FaultRule::once("sf.composite", fault.clone())]);
        let error = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap_err();
        assert_eq!(error.kind, kind, "{fault:?}: {error:?}");
        assert!(error.message.contains(part), "{fault:?}: {error}");
        assert!(!error.message.contains(TOKEN), "{error}");
        account.pass(60);
        assert!(account.read_all(Some(&read.cursor)).await.ids().contains(&id));
    }
}

#[tokio::test]
async fn a_link_to_another_host_is_not_followed() {
    for link in [
        "https://evil.example/services/data/v65.0/query/01g-2000",
        "//evil.example/services/data/v65.0/query/01g-2000",
        "https://acme.my.salesforce.com.evil.example/services/data/v65.0/query/01g-2000",
        "/services/apexrest/steal",
    ] {
        let account = Account::new();
        account.connector.check().await.unwrap();
        account.answer_next(
            200,
            &json!({ "totalSize": 9, "done": false, "nextRecordsUrl": link, "records": [] }).to_string(),
        );
        let error = account.connector.changes(Object::Opportunity, None).await.unwrap_err();
        assert!(error.message.contains("leads elsewhere"), "{link}: {error}");
    }
    let account = Account::new();
    account.connector.check().await.unwrap();
    let link = "/services/data/v65.0/query/01g-2000";
    account.answer_next(200, &json!({ "done": false, "nextRecordsUrl": link, "records": [] }).to_string());
    let error = account.connector.changes(Object::Opportunity, None).await.unwrap_err();
    assert!(error.message.contains("an empty page"), "nothing is followed for ever: {error}");
}

#[tokio::test]
async fn a_page_that_names_itself_as_the_next_one_is_not_followed_for_ever() {
    let account = Account::new();
    account.connector.check().await.unwrap();
    let id = "006D000000CpOSyIAN";
    let link = "/services/data/v65.0/query/01g-2000";
    let page = json!({ "done": false, "nextRecordsUrl": link, "records": [{ "Id": id }] });
    let first = json!({ "compositeResponse": [
        { "referenceId": "q0", "httpStatusCode": 200, "httpHeaders": {}, "body": page }
    ] });
    account.answer_next(200, &first.to_string());
    account.answer_next(200, &page.to_string());
    let error = account.connector.fetch(&[opportunity(id)]).await.unwrap_err();
    assert!(error.message.contains("its own next one"), "{error}");
}

#[tokio::test]
async fn a_part_of_a_poll_that_fails_fails_it_and_an_object_that_is_not_there_does_not() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    let read = account.read_all(None).await;
    let part = |name: &str, status: u16, body: serde_json::Value| json!({ "referenceId": name, "httpStatusCode": status, "body": body });
    let empty = || json!({ "totalSize": 0, "done": true, "records": [] });
    let error = |code: &str| json!([{ "errorCode": code, "message": "m" }]);
    let answer = |opportunities: serde_json::Value, users: serde_json::Value| {
        json!({ "compositeResponse": [opportunities, users, part("approvals", 400, error("INVALID_TYPE")),
            part("hours", 200, empty()), part("holidays", 200, empty())] })
    };
    account.answer_next(
        200,
        &answer(part("opportunities", 200, empty()), part("users", 400, error("QUERY_TIMEOUT"))).to_string(),
    );
    let failed = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap_err();
    assert!(matches!(failed.kind, ErrorKind::Transient { .. }), "{failed}");
    account.answer_next(200, &answer(part("opportunities", 200, empty()), part("users", 200, empty())).to_string());
    assert!(account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.is_ok());
    account.answer_next(200, &json!({ "compositeResponse": [] }).to_string());
    assert!(account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.is_err());
    assert!(account.read_all(Some(&read.cursor)).await.ids().contains(&id));
}

#[tokio::test]
async fn a_record_of_a_strange_shape_spoils_no_page() {
    let account = Account::new();
    account.connector.check().await.unwrap();
    let body = json!({ "totalSize": 3, "done": true, "records": [
        { "Id": "006A", "Name": { "odd": true }, "Amount": "twelve", "SystemModstamp": "soon", "Complex__c": [1] },
        { "Name": "no id" },
        { "Id": "006B", "Name": "x".repeat(1 << 20), "Amount": 12, "SystemModstamp": "2026-03-02T08:00:01.000+0000",
            "CreatedDate": "2026-03-02T08:00:00.000+0000" },
    ]});
    account.answer_next(200, &body.to_string());
    let page = account.connector.changes(Object::Opportunity, None).await.unwrap();
    assert_eq!(page.changes.iter().map(|change| change.record.id.as_str()).collect::<Vec<_>>(), ["006A", "006B"]);
    let ChangeState::Present(odd) = &page.changes[0].state else { panic!("not present") };
    assert_eq!(odd.parked.as_deref(), Some("`name` holds no readable text"));
    let fine = record(&page.changes[1].state);
    assert_eq!((fine.name().len(), fine.parked.clone()), (1 << 20, None));
}

#[tokio::test]
async fn a_cursor_of_something_else_is_refused() {
    let account = Account::new();
    let error = account.connector.changes(Object::Opportunity, Some(&Cursor(json!({ "page": 3 })))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
}

#[tokio::test]
async fn the_day_that_runs_out_stops_the_polls() {
    let account = Account::adapted(|options| options.limits.daily = Some(40));
    let mut read = account.read_all(None).await;
    let mut polls = 0;
    for _ in 0..100 {
        account.pass(1);
        match account.connector.changes(Object::Opportunity, Some(&read.cursor)).await {
            Ok(page) => {
                polls += 1;
                read.cursor = page.next.cursor().clone();
            }
            Err(error) => {
                assert!(matches!(error.kind, ErrorKind::Throttled { .. }), "{error}");
                break;
            }
        }
    }
    assert!((10..40).contains(&polls), "{polls}");
    let before = account.sandbox.calls().calls;
    let error = account.connector.discover().await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Throttled { .. }), "{error}");
    assert_eq!(account.sandbox.calls().calls, before, "the org's shape is not read more urgently than what wants it");
    assert_eq!(account.sandbox.calls().statuses.get(&403), None, "the org itself never had to refuse");
}

#[test]
fn the_token_goes_to_salesforce_or_to_this_machine_and_nowhere_else() {
    for (base, good) in [
        ("https://acme.my.salesforce.com", true),
        ("https://acme--test.sandbox.my.salesforce.com/", true),
        ("http://127.0.0.1:8080/", true),
        ("http://acme.my.salesforce.com", false),
        ("https://salesforce.com.evil.example", false),
        ("https://10.0.0.1", false),
        ("nonsense", false),
    ] {
        assert_eq!(connect_to(base).is_ok(), good, "{base}");
    }
}
