//! The Webhooks Journal: every change of a deal is told once, and what may have been missed is said.

use std::collections::BTreeSet;

use dealclock_connector::{Cursor, FeedPage, Hint, Next};
use serde_json::json;

use crate::app::of_app;
use crate::support::Account;

/// An account whose connector has the app's own token.
fn account() -> Account {
    let mut account = Account::new();
    let auth = of_app(&account);
    account.reconnect_with(|settings| settings.app_auth = Some(auth));
    account
}

async fn page(account: &Account, since: Option<&Cursor>) -> FeedPage {
    account.patiently(|| account.connector.feed().unwrap().hints(since)).await.unwrap()
}

/// Reads to the end: the deals that are hinted at, where to go on, and whether there was a gap.
async fn read(account: &Account, since: Option<&Cursor>) -> (BTreeSet<String>, Cursor, bool) {
    let mut since = since.cloned();
    let (mut deals, mut gap) = (BTreeSet::new(), false);
    for _ in 0..100 {
        let page = page(account, since.as_ref()).await;
        gap |= page.gap;
        deals.extend(page.hints.iter().map(|hint| match hint {
            Hint::Record(record) | Hint::Unlocked(record) => record.id.as_str().to_owned(),
            Hint::People => panic!("the journal is about deals"),
        }));
        if let Next::Later(cursor) = page.next {
            return (deals, cursor, gap);
        }
        since = Some(page.next.cursor().clone());
    }
    panic!("the journal must end");
}

#[tokio::test]
async fn what_happens_to_deals_is_hinted_at_from_the_beginning_on() {
    let account = account();
    let deals = account.add_deals(4);
    let (seen, cursor, _) = read(&account, None).await;
    assert_eq!(seen, BTreeSet::new(), "what was before is in the first read");
    account.set_deal(&deals[0], json!({ "dealstage": "contractsent" }));
    account.delete("deals", &deals[1]);
    account.call(
        "POST",
        "/crm/objects/2026-09/deals/merge",
        json!({ "primaryObjectId": deals[2], "objectIdToMerge": deals[3] }),
    );
    let (seen, cursor, gap) = read(&account, Some(&cursor)).await;
    assert_eq!((seen, gap), (deals.iter().cloned().collect(), false));
    assert_eq!(read(&account, Some(&cursor)).await.0, BTreeSet::new());
}

#[tokio::test]
async fn an_idle_look_is_one_call_and_a_file_is_two() {
    let account = account();
    let deals = account.add_deals(1);
    let (_, cursor, _) = read(&account, None).await;
    account.pass(60);
    account.sent();
    read(&account, Some(&cursor)).await;
    assert_eq!(account.sent().len(), 1);
    account.set_deal(&deals[0], json!({ "amount": "7" }));
    account.pass(60);
    let first = page(&account, Some(&cursor)).await;
    assert_eq!((first.hints.len(), account.sent().len()), (1, 2));
}

#[tokio::test]
async fn the_subscription_is_made_once_also_after_a_restart() {
    let mut account = account();
    read(&account, None).await;
    let auth = of_app(&account);
    account.reconnect_with(|settings| settings.app_auth = Some(auth));
    read(&account, None).await;
    assert_eq!(account.sandbox.calls().calls["POST /webhooks-journal/subscriptions"], 1);
}

#[tokio::test]
async fn the_token_does_not_leave_for_the_host_of_a_file() {
    // The sandbox refuses a file to a caller who sends a token.
    let account = account();
    let deals = account.add_deals(1);
    let (_, cursor, _) = read(&account, None).await;
    account.set_deal(&deals[0], json!({ "amount": "7" }));
    assert_eq!(read(&account, Some(&cursor)).await.0.len(), 1);
}

#[tokio::test]
async fn a_file_lies_with_hubspot_or_its_storage_and_nowhere_else() {
    for (host, word) in [("evil.example", "not a host of this CRM"), ("127.0.0.1", "on this machine")] {
        let account = account();
        let (_, cursor, _) = read(&account, None).await;
        let entry = json!({ "url": format!("https://{host}/f"), "currentOffset": "0190" });
        account.answer_next(http::Response::new(entry.to_string().into()));
        account.pass(1);
        let error = account.connector.feed().unwrap().hints(Some(&cursor)).await.unwrap_err();
        assert!(error.message.contains(word), "{}", error.message);
    }
}

#[tokio::test]
async fn who_was_away_for_three_days_hears_of_a_gap_and_goes_on_from_the_end() {
    let account = account();
    let deals = account.add_deals(2);
    let (_, cursor, _) = read(&account, None).await;
    account.set_deal(&deals[0], json!({ "amount": "7" }));
    account.pass(3 * 86_400);
    let (seen, cursor, gap) = read(&account, Some(&cursor)).await;
    assert_eq!((seen, gap), (BTreeSet::new(), true));
    account.set_deal(&deals[1], json!({ "amount": "8" }));
    let (seen, _, gap) = read(&account, Some(&cursor)).await;
    assert_eq!((seen, gap), (BTreeSet::from([deals[1].clone()]), false));
}

#[tokio::test]
async fn an_offset_that_the_journal_has_lost_is_a_gap() {
    let account = account();
    let deals = account.add_deals(1);
    let (_, cursor, _) = read(&account, None).await;
    account.set_deal(&deals[0], json!({ "amount": "7" }));
    let (_, mut cursor, _) = read(&account, Some(&cursor)).await;
    cursor.0["offset"]["id"] = json!("0190c7a6-0000-7000-8000-ffffffffffff");
    assert!(read(&account, Some(&cursor)).await.2);
}

#[tokio::test]
async fn a_quiet_week_is_no_gap_for_whoever_looked_every_day() {
    let account = account();
    let deals = account.add_deals(1);
    let (_, cursor, _) = read(&account, None).await;
    account.set_deal(&deals[0], json!({ "amount": "7" }));
    let (_, mut cursor, _) = read(&account, Some(&cursor)).await;
    for _ in 0..7 {
        account.pass(86_400);
        let (seen, next, gap) = read(&account, Some(&cursor)).await;
        assert_eq!((seen.len(), gap), (0, false));
        cursor = next;
    }
    account.set_deal(&deals[0], json!({ "amount": "8" }));
    assert_eq!(read(&account, Some(&cursor)).await.0.len(), 1);
}

#[tokio::test]
async fn a_token_that_stays_has_no_journal() {
    assert!(Account::new().connector.feed().is_none());
}
