//! Reading deals: all, changed ones, some by id, and their history.

use std::time::Duration;

use dealclock_connector::{ErrorKind, Next};
use dealclock_model::record::field;
use dealclock_model::{ChangeState, Object, Record, Value};
use dealclock_sandbox::edit::{Edit, NewPipeline, NewStage};
use serde_json::json;

use crate::support::{Account, deal, mapping, start};

fn record(state: &ChangeState) -> &Record {
    match state {
        ChangeState::Present(record) => record,
        ChangeState::Deleted | ChangeState::Merged { .. } => panic!("the record is gone"),
    }
}

#[tokio::test]
async fn the_first_read_lists_every_deal_and_goes_on_by_search() {
    let account = Account::new();
    let ids = account.add_deals(250);
    let read = account.read_all(None).await;
    assert_eq!(read.ids(), ids.into_iter().collect());
    assert_eq!((read.pages, read.as_of), (3, start()));
    account.pass(60);
    let more = account.add_deals(1);
    account.pass(1);
    assert!(account.read_all(Some(&read.cursor)).await.ids().contains(&more[0]));
}

#[tokio::test]
async fn a_first_read_costs_a_call_for_each_hundred_deals_and_three_more() {
    let account = Account::new();
    account.add_deals(1_000);
    account.sent();
    account.read_all(None).await;
    assert_eq!(account.sent().len(), 10 + 3);
}

#[tokio::test]
async fn an_idle_poll_is_one_call() {
    let account = Account::new();
    account.add_deals(150);
    let mut read = account.read_all(None).await;
    for _ in 0..30 {
        account.pass(60);
        account.sent();
        read = account.read_all(Some(&read.cursor)).await;
        assert_eq!(account.sent(), ["POST https://api.hubapi.com/crm/objects/2026-09/deals/search"]);
        assert_eq!(read.as_of, dealclock_connector::Clock::now(&*account.clock));
    }
}

#[tokio::test]
async fn a_deal_comes_in_canonical_names() {
    let account = Account::new();
    let id = account.add_deals(1).remove(0);
    account.pass(3600);
    account.set_deal(
        &id,
        json!({ "our_complex": "true", "our_wanted": "2026-03-20", "dealstage": "contractsent",
        "closedate": "2026-04-01T03:00:00Z", "dealname": "Größe 🙂 \u{202e}abc" }),
    );
    let changes = account.connector.fetch(&[deal(&id)]).await.unwrap();
    let record = record(&changes[0].state);
    let text = |name: &str| record.get(name).to_string();
    assert_eq!(record.name(), "Größe 🙂 \u{202e}abc");
    assert_eq!((text(field::AMOUNT), text(field::CURRENCY)), ("60000".to_owned(), "USD".to_owned()));
    assert_eq!((text(field::STAGE), text(field::STAGE_ID)), ("Contract Sent".to_owned(), "contractsent".to_owned()));
    assert_eq!((text("complex"), text("wanted_until")), ("true".to_owned(), "2026-03-20".to_owned()));
    assert_eq!(record.get("proposal_sent_at"), &Value::Time(start() + chrono::Duration::hours(1)));
    // 03:00 UTC on the first of April is still the last of March in the account's zone.
    assert_eq!(text(field::CLOSE_DATE), "2026-03-31");
    assert_eq!(record.owner.as_ref().unwrap().as_str(), "64492907");
    assert!(record.url.as_ref().unwrap().ends_with(&id));
    assert_eq!(record.parked, None);
}

#[tokio::test]
async fn a_deal_without_owner_or_amount_is_read() {
    let account = Account::new();
    let id = account.add_deals(1).remove(0);
    account.set_deal(&id, json!({ "hubspot_owner_id": "", "amount": "" }));
    let changes = account.connector.fetch(&[deal(&id)]).await.unwrap();
    let record = record(&changes[0].state);
    assert_eq!((record.owner.clone(), record.get(field::AMOUNT), record.parked.clone()), (None, &Value::Null, None));
}

#[tokio::test]
async fn a_foreign_amount_is_converted() {
    let account = Account::new();
    let id = account.add_deals(1).remove(0);
    account.set_deal(&id, json!({ "deal_currency_code": "EUR" }));
    let changes = account.connector.fetch(&[deal(&id)]).await.unwrap();
    let record = record(&changes[0].state);
    assert_eq!(record.get(field::AMOUNT).to_string(), "75000");
    assert_eq!(record.get(field::AMOUNT_RECORD).to_string(), "60000");
}

#[tokio::test]
async fn more_than_ten_thousand_equal_stamps_are_read_completely() {
    let account = Account::new();
    let read = account.read_all(None).await;
    account.pass(60);
    let ids = account.add_deals(12_000);
    account.pass(60);
    let found = account.read_all(Some(&read.cursor)).await;
    assert_eq!(found.ids(), ids.into_iter().collect());
    assert!(found.pages <= 70, "{} pages", found.pages);
}

#[tokio::test]
async fn a_deal_that_the_index_shows_late_is_still_seen() {
    let account = Account::new();
    account.sandbox.set_index_lag(Duration::from_secs(600));
    let mut read = account.read_all(None).await;
    account.pass(1);
    let ids = account.add_deals(3);
    assert!(account.sandbox.set_record_lag("deals", &ids[2], Duration::from_secs(45 * 60)));
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..60 {
        account.pass(60);
        account.add_deals(1);
        read = account.read_all(Some(&read.cursor)).await;
        seen.extend(read.ids());
    }
    assert!(ids.iter().all(|id| seen.contains(id)));
}

#[tokio::test]
async fn a_deal_that_moves_between_two_pages_hides_no_other() {
    let account = Account::new();
    let read = account.read_all(None).await;
    let mut ids = Vec::new();
    for _ in 0..500 {
        account.pass(1);
        ids.extend(account.add_deals(1));
    }
    account.pass(1);
    let mut cursor = read.cursor;
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let page = account.connector.changes(Object::Opportunity, Some(&cursor)).await.unwrap();
        account.pass(1);
        seen.extend(page.changes.iter().map(|change| change.record.id.as_str().to_owned()));
        cursor = page.next.cursor().clone();
        if matches!(page.next, Next::Later(_)) {
            break;
        }
        // Somebody touches the first deals, which by offset would pull the later ones over the page's edge.
        for id in ids.iter().take(50) {
            account.set_deal(id, json!({ "amount": "1" }));
        }
        account.pass(1);
    }
    assert_eq!(seen, ids.into_iter().collect());
}

#[tokio::test]
async fn deleted_merged_and_purged_deals_come_as_tombstones_in_the_order_asked() {
    let account = Account::new();
    let ids = account.add_deals(4);
    account.pass(5);
    account.delete("deals", &ids[1]);
    let merge = json!({ "primaryObjectId": ids[0], "objectIdToMerge": ids[2] });
    account.call("POST", "/crm/objects/2026-09/deals/merge", merge);
    let asked = [&ids[2], &ids[1], "999", &ids[3], &ids[0], &ids[3]].map(deal);
    let changes = account.connector.fetch(&asked).await.unwrap();
    assert_eq!(changes.iter().map(|change| &change.record).collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>());
    assert_eq!(changes[0].state, ChangeState::Merged { into: ids[0].as_str().into() });
    assert_eq!((&changes[1].state, changes[1].stamp), (&ChangeState::Deleted, start() + chrono::Duration::seconds(5)));
    assert_eq!(changes[2].state, ChangeState::Deleted);
    assert!(matches!(changes[4].state, ChangeState::Present(_)));
    // Asked alone, the loser of a merge leads to the survivor too.
    let changes = account.connector.fetch(&[deal(&ids[2])]).await.unwrap();
    assert_eq!(changes[0].state, ChangeState::Merged { into: ids[0].as_str().into() });
}

#[tokio::test]
async fn a_property_deleted_while_running_stops_the_reading_and_is_not_an_empty_field() {
    let account = Account::new();
    let id = account.add_deals(1).remove(0);
    account.set_deal(&id, json!({ "our_complex": "true" }));
    let read = account.read_all(None).await;
    account.call("DELETE", "/crm/properties/2026-09/deals/our_complex", json!(null));
    account.pass(60);
    for _ in 0..2 {
        let error = account.connector.changes(Object::Opportunity, Some(&read.cursor)).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Rejected);
        assert!(error.message.contains("`our_complex`, mapped to `complex`, does not exist"), "{error}");
        assert!(account.connector.fetch(&[deal(&id)]).await.is_err());
    }
    account.add_property(
        "deals",
        json!({ "name": "our_complex", "type": "bool", "fieldType": "booleancheckbox",
        "options": [{ "label": "Yes", "value": "true" }, { "label": "No", "value": "false" }] }),
    );
    account.pass(61);
    assert!(account.read_all(Some(&read.cursor)).await.ids().contains(&id));
}

#[tokio::test]
async fn a_renamed_stage_is_known_after_an_hour_and_a_new_one_at_once() {
    let account = Account::new();
    let id = account.add_deals(1).remove(0);
    let (pipeline, stage) = ("default".to_owned(), "contractsent".to_owned());
    account.set_deal(&id, json!({ "dealstage": "contractsent" }));
    let read = account.read_all(None).await;
    let rename = Edit::RenameStage { pipeline, stage, label: "Contract out".to_owned() };
    account.sandbox.edit(&rename).unwrap();
    account.pass(3_600);
    let read = account.read_all(Some(&read.cursor)).await;
    assert_eq!(record(&read.changes[0].state).get(field::STAGE), &Value::text("Contract out"));

    account.pass(120);
    let stage = NewStage { id: "s9".to_owned(), label: "Brand new".to_owned(), percent: 50, closed: false };
    let pipeline = NewPipeline { id: "p9".to_owned(), label: "Also new".to_owned(), stages: vec![stage] };
    account.sandbox.edit(&Edit::AddPipeline(pipeline)).unwrap();
    account.set_deal(&id, json!({ "pipeline": "p9", "dealstage": "s9" }));
    account.pass(1);
    let read = account.read_all(Some(&read.cursor)).await;
    let record = record(&read.changes[0].state);
    assert_eq!(record.get(field::STAGE), &Value::text("Brand new"));
    assert_eq!(record.get(field::PIPELINE), &Value::text("Also new"));
}

#[tokio::test]
async fn history_comes_oldest_first_in_canonical_names() {
    let account = Account::new();
    let ids = account.add_deals(2);
    for (hours, stage) in [(1, "contractsent"), (2, "appointmentscheduled"), (3, "closedwon")] {
        account.pass(3600);
        account.set_deal(&ids[0], json!({ "dealstage": stage, "our_complex": (hours == 2).to_string() }));
    }
    let fields = ["stage", "is_won", "complex", "amount", "proposal_sent_at", "owner.id"].map(Into::into);
    let asked = [deal(&ids[1]), deal("999"), deal(&ids[0])];
    let history = account.connector.history().unwrap().history(&asked, &fields).await.unwrap();
    assert_eq!((history.len(), history[1].len()), (3, 0));
    let of = |name: &str| {
        history[2].iter().find(|history| history.field.as_str() == name).map(|history| history.entries.clone())
    };
    let stages: Vec<String> = of("stage").unwrap().iter().map(|(_, value)| value.to_string()).collect();
    assert_eq!(stages, ["Open", "Contract Sent", "Open", "Closed Won"]);
    assert!(of("stage").unwrap().windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(of("is_won").unwrap().last().unwrap().1, Value::Bool(true));
    assert_eq!(of("amount").unwrap()[0].1.to_string(), "60000");
    assert_eq!(of("owner.id").unwrap()[0].1, Value::text("64492907"));
    assert_eq!(
        of("complex").unwrap().iter().map(|(_, value)| value.to_string()).collect::<Vec<_>>(),
        ["false", "true", "false"]
    );
    assert_eq!(of("proposal_sent_at"), None);
}

#[tokio::test]
async fn a_mapping_with_more_properties_than_a_search_takes_is_read_in_two_steps() {
    let mut mapping = mapping();
    let fields = mapping.fields.get_mut(&Object::Opportunity).unwrap();
    fields.clear();
    let name = |number: usize| format!("a_rather_long_name_of_a_property_of_ours_number_{number}");
    for number in 0..80 {
        let source = dealclock_connector::FieldSource::Field {
            name: name(number),
            value_type: dealclock_model::ValueType::Text,
        };
        fields.insert(format!("f{number}").as_str().into(), source);
    }
    let account = Account::bare(mapping, |_| {});
    for number in 0..80 {
        account.add_property("deals", json!({ "name": name(number), "type": "string", "fieldType": "text" }));
    }
    let read = account.read_all(None).await;
    account.pass(1);
    let id = account.add_deals(1).remove(0);
    account.set_deal(&id, json!({ name(79): "x".repeat(60_000) }));
    account.pass(1);
    let read = account.read_all(Some(&read.cursor)).await;
    let Value::Text(text) = record(&read.changes[0].state).get("f79") else { panic!("no text") };
    assert_eq!(text.len(), 60_000);
}

#[tokio::test]
async fn a_list_position_that_hubspot_has_forgotten_begins_the_list_anew() {
    let account = Account::new();
    let deals = account.add_deals(250);
    let first = account.connector.changes(Object::Opportunity, None).await.unwrap();
    let forgotten = r#"{"status":"error","category":"VALIDATION_ERROR","message":"after is expired"}"#;
    account.answer_next(http::Response::builder().status(400).body(forgotten.into()).unwrap());
    let anew = account.connector.changes(Object::Opportunity, Some(first.next.cursor())).await.unwrap();
    assert_eq!((anew.changes.len(), matches!(anew.next, Next::More(_))), (0, true));
    let read = account.read_all(Some(anew.next.cursor())).await;
    assert_eq!(read.ids(), deals.into_iter().collect());
    assert_eq!(read.as_of, first.as_of, "changes since the first beginning are searched for");
}

#[tokio::test]
async fn a_list_whose_every_position_is_refused_is_an_error_in_the_end() {
    let account = Account::new();
    account.add_deals(150);
    let mut cursor = None;
    let mut begun = 0;
    let refused = loop {
        let page = match account.connector.changes(Object::Opportunity, cursor.as_ref()).await {
            Ok(page) => page,
            Err(error) => break error,
        };
        cursor = Some(page.next.cursor().clone());
        if !page.changes.is_empty() {
            begun += 1;
            account.answer_next(http::Response::builder().status(400).body("{}".into()).unwrap());
        }
        assert!(begun < 10, "it must end");
    };
    assert_eq!(refused.kind, ErrorKind::Rejected);
}
