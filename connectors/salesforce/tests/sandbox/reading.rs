//! Reading opportunities: all, changed ones, some by id, and their history.

use std::collections::BTreeSet;
use std::time::Duration;

use dealclock_connector::{ErrorKind, Hint, Next};
use dealclock_model::record::field;
use dealclock_model::{ChangeState, FieldName, Object, Value};
use dealclock_sandbox::edit::Edit;
use serde_json::json;

use crate::support::{Account, opportunity, record, start};

#[tokio::test]
async fn the_first_read_lists_everything_in_pages_of_two_thousand_and_goes_on_with_what_changed() {
    let account = Account::new();
    let ids = account.add_opportunities(2_300);
    account.connector.check().await.unwrap();
    account.sent();
    let read = account.read_all(None).await;
    assert_eq!(read.ids(), ids.into_iter().collect());
    let calls = account.sent();
    assert_eq!(calls.len(), read.pages, "{calls:?}");
    account.pass(60);
    let more = account.add_opportunities(1);
    account.pass(1);
    assert!(account.read_all(Some(&read.cursor)).await.ids().contains(&more[0]));
}

#[tokio::test]
async fn an_idle_poll_is_one_call_and_tells_nothing() {
    let account = Account::new();
    account.add_opportunities(150);
    let mut read = account.read_all(None).await;
    account.pass(60);
    read = account.read_all(Some(&read.cursor)).await;
    for _ in 0..50 {
        account.pass(60);
        account.sent();
        read = account.read_all(Some(&read.cursor)).await;
        assert_eq!(account.sent(), ["POST /composite"]);
        assert_eq!((read.changes.len(), read.hints.len()), (0, 0));
        assert_eq!(read.as_of, dealclock_connector::Clock::now(&*account.clock));
    }
}

#[tokio::test]
async fn a_page_that_was_not_taken_in_is_told_again() {
    let account = Account::new();
    let read = account.read_all(None).await;
    account.pass(60);
    let id = account.add_opportunities(1).remove(0);
    for _ in 0..3 {
        // The cursor does not move: the daemon could not keep the page.
        account.pass(60);
        let again = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap();
        assert_eq!(again.changes.iter().map(|change| change.record.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    }
}

#[tokio::test]
async fn a_hundred_changes_are_found_in_one_call() {
    let account = Account::new();
    let ids = account.add_opportunities(300);
    let mut read = account.read_all(None).await;
    account.pass(60);
    read = account.read_all(Some(&read.cursor)).await;
    account.pass(60);
    for id in &ids[..100] {
        account.set("Opportunity", id, &json!({ "Amount": 70_000 }));
    }
    account.pass(60);
    account.sent();
    read = account.read_all(Some(&read.cursor)).await;
    assert_eq!(account.sent().len(), 1);
    assert_eq!(read.ids(), ids[..100].iter().cloned().collect());
}

#[tokio::test]
async fn an_opportunity_comes_in_canonical_names() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    account.pass(3_600);
    account.set(
        "Opportunity",
        &id,
        &json!({ "Complex__c": true, "Wanted_Until__c": "2026-03-20", "StageName": "Proposal/Price Quote",
            "CloseDate": "2026-03-31", "Name": "Größe 🙂 \u{202e}abc", "Amount": 60000.5 }),
    );
    account.pass(3_600);
    account.set("Opportunity", &id, &json!({ "StageName": "Prospecting" }));
    let change = account.fetch_one(&id).await;
    let record = record(&change.state);
    let text = |name: &str| record.get(name).to_string();
    assert_eq!(record.name(), "Größe 🙂 \u{202e}abc");
    assert_eq!((text(field::AMOUNT), text(field::CURRENCY)), ("60000.5".to_owned(), "USD".to_owned()));
    assert_eq!((text(field::STAGE), text(field::STAGE_ID)), ("Open".to_owned(), "Prospecting".to_owned()));
    assert_eq!((text("complex"), text("wanted_until")), ("true".to_owned(), "2026-03-20".to_owned()));
    assert_eq!(record.get("request_approved"), &Value::Bool(false));
    assert_eq!(record.get("proposal_sent_at"), &Value::Time(start() + chrono::Duration::hours(1)));
    assert_eq!(record.get(field::STAGE_ENTERED_AT), &Value::Time(start() + chrono::Duration::hours(2)));
    assert_eq!(text(field::CLOSE_DATE), "2026-03-31", "a plain date is not shifted");
    assert!(record.owner.is_some() && !record.is_closed());
    assert_eq!(
        record.url.as_deref(),
        Some(&*format!("https://acme.my.salesforce.com/lightning/r/Opportunity/{id}/view"))
    );
    assert_eq!(record.parked, None);
}

#[tokio::test]
async fn an_opportunity_without_an_amount_is_read_and_a_new_one_entered_its_stage_when_it_was_made() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    account.set("Opportunity", &id, &json!({ "Amount": null }));
    let change = account.fetch_one(&id).await;
    let record = record(&change.state);
    assert_eq!((record.get(field::AMOUNT), record.parked.clone()), (&Value::Null, None));
    assert_eq!(record.get(field::STAGE_ENTERED_AT), &Value::Time(start()));
    assert_eq!(record.get("proposal_sent_at"), &Value::Null);
}

#[tokio::test]
async fn more_than_two_thousand_equal_stamps_are_read_completely() {
    let account = Account::new();
    let read = account.read_all(None).await;
    account.pass(60);
    let ids = account.add_opportunities(2_300);
    account.pass(60);
    let found = account.read_all(Some(&read.cursor)).await;
    assert_eq!(found.ids(), ids.into_iter().collect());
    assert_eq!(found.changes.len(), 2_300, "none was told twice");
    account.pass(60);
    assert_eq!(account.read_all(Some(&found.cursor)).await.changes.len(), 0);
}

#[tokio::test]
async fn an_opportunity_whose_transaction_ends_late_is_still_seen() {
    // What people do becomes visible nine minutes later; what programs do meanwhile is visible at once.
    let account = Account::adapted(|options| options.commit_lag = Duration::from_secs(9 * 60));
    let mut read = account.read_all(None).await;
    account.pass(1);
    let values = [("dealname", "Late"), ("dealstage", "Prospecting")];
    let properties = values.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let late = Edit::CreateDeal { handle: "late".to_owned(), properties, by: String::new() };
    account.sandbox.edit(&late).unwrap();
    let mut told = Vec::new();
    for minute in 0..20 {
        account.pass(60);
        account.add_opportunities(1);
        read = account.read_all(Some(&read.cursor)).await;
        let is_late = |change: &&dealclock_model::Change| record(&change.state).name() == "Late";
        told.extend(read.changes.iter().filter(is_late).map(|_| minute));
    }
    assert_eq!(told, [8], "told once, when it became visible");
}

#[tokio::test]
async fn deletions_and_restorations_are_told_by_polls() {
    let account = Account::new();
    let ids = account.add_opportunities(2);
    let mut read = account.read_all(None).await;
    account.pass(60);
    account.delete("Opportunity", &ids[0]);
    account.pass(60);
    read = account.read_all(Some(&read.cursor)).await;
    let gone: Vec<_> = read.changes.iter().filter(|change| change.record.id.as_str() == ids[0]).collect();
    assert!(matches!(gone[..], [dealclock_model::Change { state: ChangeState::Deleted, .. }]), "{gone:?}");
    assert!(matches!(account.fetch_one(&ids[0]).await.state, ChangeState::Deleted));
    let deal = dealclock_sandbox::edit::DealName::Id(ids[0].clone());
    account.pass(60);
    account.sandbox.edit(&Edit::RestoreDeal { deal, by: String::new() }).unwrap();
    account.pass(60);
    read = account.read_all(Some(&read.cursor)).await;
    assert!(matches!(read.changes[..], [dealclock_model::Change { state: ChangeState::Present(_), .. }]));
}

#[tokio::test]
async fn a_deletion_in_the_middle_of_the_first_read_hides_nothing_else() {
    let account = Account::new();
    let ids = account.add_opportunities(2_100);
    let page = account.connector.changes(Object::Opportunity, None).await.unwrap();
    account.pass(60);
    account.delete("Opportunity", &ids[10]);
    account.set("Opportunity", &ids[2_050], &json!({ "Amount": 1 }));
    let rest = account.read_all(Some(page.next.cursor())).await;
    let mut seen: BTreeSet<String> = page.changes.iter().map(|change| change.record.id.as_str().to_owned()).collect();
    seen.extend(rest.ids());
    assert_eq!(seen.len(), 2_100);
    account.pass(60);
    let later = account.read_all(Some(&rest.cursor)).await;
    assert!(
        later.changes.iter().any(|change| change.record.id.as_str() == ids[10] && change.state == ChangeState::Deleted)
    );
}

#[tokio::test]
async fn a_list_whose_snapshot_is_too_old_goes_on_after_the_last_id() {
    let account = Account::new();
    let ids = account.add_opportunities(2_100);
    let page = account.connector.changes(Object::Opportunity, None).await.unwrap();
    account.pass(3 * 24 * 3600);
    let rest = account.read_all(Some(page.next.cursor())).await;
    let mut seen: Vec<String> = page.changes.iter().map(|change| change.record.id.as_str().to_owned()).collect();
    seen.extend(rest.changes.iter().map(|change| change.record.id.as_str().to_owned()));
    assert_eq!(seen.len(), 2_100, "nothing was read twice");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), ids.into_iter().collect());
}

#[tokio::test]
async fn a_pass_whose_snapshot_is_too_old_is_begun_anew() {
    let account = Account::new();
    let read = account.read_all(None).await;
    account.pass(60);
    let ids = account.add_opportunities(2_100);
    account.pass(60);
    let page = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap();
    assert!(matches!(page.next, Next::More(_)));
    account.pass(3 * 24 * 3600);
    let rest = account.read_all(Some(page.next.cursor())).await;
    let mut seen: BTreeSet<String> = page.changes.iter().map(|change| change.record.id.as_str().to_owned()).collect();
    seen.extend(rest.ids());
    assert_eq!(seen, ids.into_iter().collect());
}

#[tokio::test]
async fn some_are_read_by_id_in_one_call_in_the_order_asked() {
    let account = Account::new();
    let mut ids = account.add_opportunities(1_200);
    ids.reverse();
    account.connector.check().await.unwrap();
    account.sent();
    let mut asked: Vec<_> = ids.iter().map(|id| opportunity(id)).collect();
    asked.push(opportunity("006000000000000AAA"));
    let changes = account.connector.fetch(&asked).await.unwrap();
    assert_eq!(account.sent(), ["POST /composite"]);
    assert!(changes.iter().zip(&asked).all(|(change, asked)| change.record == *asked));
    assert_eq!(changes.last().unwrap().state, ChangeState::Deleted, "what no query shows is gone for us");
}

#[tokio::test]
async fn people_hours_and_approvals_that_change_are_hinted_at_once() {
    let account = Account::new();
    let mut read = account.read_all(None).await;
    account.pass(60);
    read = account.read_all(Some(&read.cursor)).await;
    account.pass(60);
    account.sandbox.edit(&Edit::SetOfficeHours { start_minute: 480, end_minute: 960 }).unwrap();
    account.pass(1);
    read = account.read_all(Some(&read.cursor)).await;
    assert_eq!(read.hints, [Hint::People]);
    account.pass(60);
    assert_eq!(account.read_all(Some(&read.cursor)).await.hints, []);
}

#[tokio::test]
async fn a_new_stage_is_understood_once_the_shape_is_looked_at_again() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    let read = account.read_all(None).await;
    account.pass(120);
    let stage = dealclock_sandbox::edit::NewStage {
        id: "late".to_owned(),
        label: "Late won".to_owned(),
        percent: 100,
        closed: true,
    };
    let pipeline =
        dealclock_sandbox::edit::NewPipeline { id: "p".to_owned(), label: "P".to_owned(), stages: vec![stage] };
    account.sandbox.edit(&Edit::AddPipeline(pipeline)).unwrap();
    account.set("Opportunity", &id, &json!({ "StageName": "Late won" }));
    account.pass(60);
    let fetched = account.fetch_one(&id).await;
    assert_eq!(record(&fetched.state).get(field::STAGE), &Value::text("Late won"));
    let read = account.read_all(Some(&read.cursor)).await;
    let seen = record(&read.changes[0].state);
    assert!(seen.is_closed() && seen.get(field::STAGE) == &Value::text("Late won"), "{seen:?}");
}

#[tokio::test]
async fn history_tells_stages_amounts_tracked_fields_and_owners_with_their_times() {
    let account = Account::new();
    let id = account.add_opportunities(1).remove(0);
    let other = account.add_opportunities(1).remove(0);
    let at = |hours: i64| start() + chrono::Duration::hours(hours);
    for change in [
        json!({ "StageName": "Qualification" }),
        json!({ "Amount": 45_000, "Complex__c": true }),
        json!({ "StageName": "Closed Won", "Complex__c": false }),
    ] {
        account.pass(3_600);
        account.set("Opportunity", &id, &change);
    }
    let fields =
        ["stage", "amount", "is_closed", "close_date", "complex", "owner.id", "created_at"].map(FieldName::from);
    account.connector.check().await.unwrap();
    account.sent();
    let histories =
        account.connector.history().unwrap().history(&[opportunity(&other), opportunity(&id)], &fields).await.unwrap();
    assert_eq!(account.sent(), ["POST /composite"]);
    let of = |index: usize, name: &str| {
        let found: Option<&dealclock_model::record::FieldHistory> =
            histories[index].iter().find(|history| history.field.as_str() == name);
        found.map(|history| history.entries.iter().map(|(at, value)| (*at, value.to_string())).collect::<Vec<_>>())
    };
    let told =
        |entries: &[(i64, &str)]| Some(entries.iter().map(|(h, v)| (at(*h), (*v).to_owned())).collect::<Vec<_>>());
    assert_eq!(of(1, "stage"), told(&[(0, "Open"), (1, "Qualification"), (3, "Closed Won")]));
    assert_eq!(of(1, "amount"), told(&[(0, "60000"), (2, "45000")]));
    assert_eq!(of(1, "is_closed"), told(&[(0, "false"), (3, "true")]));
    assert_eq!(of(1, "close_date"), told(&[(0, "2026-06-30")]));
    assert_eq!(of(1, "complex"), told(&[(0, "false"), (2, "true"), (3, "false")]));
    assert_eq!((of(1, "owner.id"), of(1, "created_at")), (None, None));
    assert_eq!(of(0, "stage"), told(&[(0, "Open")]));
}

#[tokio::test]
async fn a_field_that_is_hidden_stops_the_reading_and_is_named() {
    let account = Account::adapted(|options| {
        options.hidden_fields.insert("Opportunity.Complex__c".to_owned());
    });
    let error = account.connector.changes(Object::Opportunity, None).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.message.contains("`Complex__c`") && error.message.contains("permission set"), "{error}");
}

#[tokio::test]
async fn a_refused_field_makes_the_next_read_look_at_the_orgs_shape() {
    let account = Account::new();
    account.add_opportunities(1);
    let read = account.read_all(None).await;
    let refused = json!({ "compositeResponse": [{ "referenceId": "opportunities", "httpStatusCode": 400,
        "body": [{ "errorCode": "INVALID_FIELD", "message": "No such column 'Complex__c' on entity 'Opportunity'" }] }] });
    account.answer_next(200, &refused.to_string());
    let error = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(error.message.contains("Complex__c") && error.message.contains("permission set"), "{error}");
    account.sent();
    account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap();
    assert_eq!(account.sent()[0], "GET /sobjects/Opportunity/describe");
}

#[tokio::test]
async fn an_unchanged_definition_is_not_sent_again() {
    let account = Account::new();
    let mut read = account.read_all(None).await;
    for _ in 0..3 {
        account.pass(3_601);
        account.sent();
        read = account.read_all(Some(&read.cursor)).await;
        assert_eq!(account.sent().len(), 4, "two definitions, the rest of the shape, and the poll");
    }
    assert!(account.sandbox.calls().statuses.get(&304).is_some_and(|count| *count >= 6));
}

#[tokio::test]
async fn a_page_of_a_list_that_asked_for_less_is_not_gone_on_with() {
    let mut account = Account::new();
    let ids = account.add_opportunities(2_100);
    let page = account.connector.changes(Object::Opportunity, None).await.unwrap();
    account.remap(|mapping| {
        let fields = mapping.fields.get_mut(&Object::Opportunity).unwrap();
        fields.remove("complex");
    });
    account.sent();
    let rest = account.read_all(Some(page.next.cursor())).await;
    assert!(account.sent().iter().any(|call| call == "GET /query"), "the list was begun anew after the last id");
    assert_eq!(rest.ids().len() + page.changes.len(), ids.len());
}
