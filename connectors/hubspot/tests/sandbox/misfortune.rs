//! What HubSpot or the way to it does wrong while we read.

use bytes::Bytes;
use dealclock_connector::ErrorKind;
use dealclock_model::{ChangeState, Object};
use dealclock_sandbox::{Fault, FaultRule, Limits};
use serde_json::json;

use crate::support::{Account, TOKEN, deal, start};

const SEARCH: &str = "/crm/objects/2026-09/deals/search";

#[tokio::test]
async fn a_failed_poll_says_what_happened_and_loses_nothing() {
    let status = |code, retry_after: Option<&str>| Fault::Status {
        code,
        retry_after: retry_after.map(str::to_owned),
        applied: false,
    };
    let until = |seconds| ErrorKind::Throttled { until: start() + chrono::Duration::seconds(seconds) };
    let transient = ErrorKind::Transient { retry_at: None };
    for (fault, kind, part) in [
        (Fault::Html { applied: false }, transient, "a web page came in place of JSON"),
        (Fault::Truncate, transient, "the answer ends in the middle"),
        (Fault::Drop { applied: false }, transient, "no complete answer from api.hubapi.com"),
        (Fault::Redirect { location: "https://elsewhere.example/".to_owned() }, transient, "a redirect came in place"),
        (status(500, None), transient, "HubSpot 500"),
        (status(401, None), ErrorKind::Unauthorized, "the token is wrong, expired or revoked"),
        (status(429, None), until(1), "HubSpot 429"),
        (status(429, Some("nonsense")), until(1), "HubSpot 429"),
        (status(429, Some("30")), until(30), "HubSpot 429"),
    ] {
        let account = Account::new();
        let id = account.add_deals(1).remove(0);
        let read = account.read_all(None).await;
        account.sandbox.set_faults(vec![FaultRule::once(SEARCH, fault.clone())]);
        let error = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap_err();
        // Which limit a refusal without a body means is not told, so a search may be told to wait ten seconds.
        let waits_longer = matches!((error.kind, kind), (ErrorKind::Throttled { until: got }, ErrorKind::Throttled { until: least }) if got >= least);
        assert!(error.kind == kind || waits_longer, "{fault:?}: {error:?}");
        assert!(error.message.contains(part), "{fault:?}: {error}");
        assert!(!error.message.contains(TOKEN), "{error}");
        account.pass(60);
        assert!(account.read_all(Some(&read.cursor)).await.ids().contains(&id));
    }
}

#[tokio::test]
async fn polls_stay_within_the_search_limit_of_the_account() {
    let mut account = Account::new();
    account.sandbox.set_limits(Limits::default());
    account.reconnect(TOKEN, 0.8);
    let mut read = account.read_all(None).await;
    let mut searches = 0;
    for _ in 0..200 {
        match account.connector.changes(Object::Opportunity, Some(&read.cursor)).await {
            Ok(page) => {
                searches += 1;
                read.cursor = page.next.cursor().clone();
            }
            Err(error) => {
                assert!(matches!(error.kind, ErrorKind::Throttled { .. }), "{error}");
                account.pass(1);
            }
        }
    }
    assert!(searches > 20, "{searches}");
    assert_eq!(account.sandbox.calls().statuses.get(&429), None);
}

#[tokio::test]
async fn a_record_of_a_strange_shape_spoils_no_page() {
    let account = Account::new();
    let read = account.read_all(None).await;
    let body = json!({ "total": 3, "results": [
        { "id": 7, "properties": { "dealname": { "odd": true }, "amount": 12, "hs_lastmodifieddate": "soon",
            "our_complex": null, "our_wanted": null, "hs_v2_date_entered_contractsent": [1] }, "updatedAt": "2026-03-02T08:00:00Z" },
        { "properties": { "dealname": "no id" } },
        { "id": "9", "properties": { "dealname": "fine", "amount": "twelve", "our_complex": "true", "our_wanted": "",
            "hs_v2_date_entered_contractsent": "", "hs_lastmodifieddate": "2026-03-02T08:00:01Z" } },
    ]});
    account.answer_next(http::Response::new(Bytes::from(body.to_string())));
    let page = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap();
    assert_eq!(page.changes.iter().map(|change| change.record.id.as_str()).collect::<Vec<_>>(), ["7", "9"]);
    let ChangeState::Present(fine) = &page.changes[1].state else { panic!("not present") };
    assert_eq!(fine.parked.as_deref(), Some("`amount_record` holds no readable number"));
}

#[tokio::test]
async fn pages_that_lead_back_to_one_that_was_read_are_not_followed_for_ever() {
    let account = Account::new();
    let page = json!({ "results": [
        { "from": { "id": "1" }, "to": [{ "toObjectId": 2 }], "paging": { "next": { "after": "a" } } }
    ] });
    for _ in 0..2 {
        account.answer_next(http::Response::new(Bytes::from(page.to_string())));
    }
    let error = account.connector.written(&[deal("1")]).await.unwrap_err();
    assert!(error.message.contains("lead back"), "{error}");
}

#[tokio::test]
async fn a_text_of_a_megabyte_is_read() {
    let account = Account::new();
    let body = json!({ "status": "COMPLETE", "results": [{ "id": "5", "properties": { "dealname": "x".repeat(1 << 20),
        "hs_lastmodifieddate": "2026-03-02T08:00:01Z", "our_complex": null, "our_wanted": null, "hs_v2_date_entered_contractsent": null } }] });
    account.connector.changes(Object::Opportunity, None).await.unwrap();
    account.answer_next(http::Response::new(Bytes::from(body.to_string())));
    let changes = account.connector.fetch(&[deal("5")]).await.unwrap();
    let ChangeState::Present(record) = &changes[0].state else { panic!("not present") };
    assert_eq!(record.name().len(), 1 << 20);
}

#[tokio::test]
async fn a_cursor_of_something_else_is_refused() {
    let account = Account::new();
    let cursor = dealclock_connector::Cursor(json!({ "page": 3 }));
    let error = account.connector.changes(Object::Opportunity, Some(&cursor)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
}

#[test]
fn the_token_goes_to_hubspot_or_to_this_machine_and_nowhere_else() {
    for (base, good) in [
        ("https://api.hubapi.com", true),
        ("http://127.0.0.1:8080/", true),
        ("http://api.hubapi.com", false),
        ("https://hubapi.com.evil.example", false),
        ("https://10.0.0.1", false),
        ("nonsense", false),
    ] {
        assert_eq!(crate::support::connect_to(base).is_ok(), good, "{base}");
    }
}
