//! Changing fields of deals, never over a person's change.

use std::collections::BTreeMap;

use dealclock_connector::{ErrorKind, Result};
use dealclock_model::effect::RecordUpdate;
use dealclock_model::{EffectId, Receipt, Value, Write};
use dealclock_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::support::{Account, deal, effect};

type Fields<'a> = &'a [(&'a str, Value)];

fn update(id: &str, expect: Fields<'_>, set: Fields<'_>) -> (EffectId, Write) {
    let fields = |fields: Fields<'_>| -> BTreeMap<_, _> {
        fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
    };
    let update = RecordUpdate { record: deal(id), expect: fields(expect), set: fields(set) };
    (effect(id, "set"), Write::UpdateRecord(update))
}

async fn apply(account: &Account, write: (EffectId, Write)) -> Result<Receipt> {
    account.connector.apply(&[write]).await.remove(0)
}

fn value(account: &Account, id: &str, property: &str) -> serde_json::Value {
    let path = format!("/crm/objects/2026-09/deals/{id}?properties={property}");
    account.call("GET", &path, serde_json::Value::Null)["properties"][property].clone()
}

fn receipt(id: &str, found: bool, kept: &[&str]) -> Receipt {
    Receipt { id: Some(id.to_owned()), found, kept: kept.iter().map(|what| (*what).to_owned()).collect() }
}

#[tokio::test]
async fn a_field_is_written_while_it_holds_what_was_seen() {
    let account = Account::new();
    let id = &account.add_deals(1)[0];
    let date = Value::Date("2026-04-01".parse().unwrap());
    let write = update(id, &[], &[("complex", Value::Bool(true)), ("wanted_until", date)]);
    assert_eq!(apply(&account, write.clone()).await, Ok(receipt(id, false, &[])));
    assert_eq!(
        (value(&account, id, "our_complex"), value(&account, id, "our_wanted")),
        (json!("true"), json!("2026-04-01"))
    );
    account.sent();
    assert_eq!(apply(&account, write).await, Ok(receipt(id, true, &[])), "what it holds already counts");
    assert_eq!(account.sent().len(), 1, "and nothing is written");
}

#[tokio::test]
async fn what_a_person_changed_is_left_alone_and_the_rest_is_written() {
    let account = Account::new();
    let id = &account.add_deals(1)[0];
    account.set_deal(id, json!({ "dealname": "Renamed" }));
    let write = update(
        id,
        &[("name", Value::text("Deal 0")), ("complex", Value::Bool(false))],
        &[("name", Value::text("Ours")), ("complex", Value::Bool(true))],
    );
    assert_eq!(apply(&account, write).await, Ok(receipt(id, false, &["name was changed"])));
    assert_eq!(
        (value(&account, id, "dealname"), value(&account, id, "our_complex")),
        (json!("Renamed"), json!("true"))
    );
}

#[tokio::test]
async fn stages_go_by_the_names_of_the_configuration_and_dates_begin_in_the_accounts_zone() {
    let account = Account::new();
    let id = &account.add_deals(1)[0];
    let date = Value::Date("2026-04-01".parse().unwrap());
    let write =
        update(id, &[("stage", Value::text("Open"))], &[("stage", Value::text("Contract Sent")), ("close_date", date)]);
    assert_eq!(apply(&account, write).await, Ok(receipt(id, false, &[])));
    assert_eq!(
        (value(&account, id, "dealstage"), value(&account, id, "closedate")),
        (json!("contractsent"), json!("2026-04-01T04:00:00Z"))
    );
}

#[tokio::test]
async fn a_deal_that_is_gone_is_left_alone_and_a_field_of_nothing_is_refused() {
    let account = Account::new();
    let deals = account.add_deals(2);
    account.delete("deals", &deals[0]);
    let set: Fields<'_> = &[("complex", Value::Bool(true))];
    assert_eq!(
        apply(&account, update(&deals[0], &[], set)).await,
        Ok(receipt(&deals[0], false, &["the deal was deleted"]))
    );
    for name in ["is_won", "proposal_sent_at", "modified_at", "no_such_field"] {
        let refused = apply(&account, update(&deals[1], &[], &[(name, Value::text("x"))])).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Rejected, "{name}");
    }
}

#[tokio::test]
async fn two_changes_of_one_deal_are_written_one_after_the_other() {
    let account = Account::new();
    let id = &account.add_deals(1)[0];
    let first = update(id, &[("name", Value::text("Deal 0"))], &[("name", Value::text("One"))]);
    let (_, second) = update(id, &[("name", Value::text("One"))], &[("name", Value::text("Two"))]);
    let outcomes = account.connector.apply(&[first, (effect(id, "set-2"), second)]).await;
    assert_eq!(outcomes, [Ok(receipt(id, false, &[])), Ok(receipt(id, false, &[]))]);
    assert_eq!(value(&account, id, "dealname"), "Two");
}

#[tokio::test]
async fn a_change_whose_answer_was_lost_is_simply_repeated() {
    let account = Account::new();
    let id = &account.add_deals(1)[0];
    let write = update(id, &[], &[("complex", Value::Bool(true))]);
    let path = "/crm/objects/2026-09/deals/batch/update";
    account.sandbox.set_faults(vec![FaultRule::once(path, Fault::Drop { applied: true })]);
    let lost = apply(&account, write.clone()).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::Transient { retry_at: None });
    assert_eq!(apply(&account, write).await, Ok(receipt(id, true, &[])));
}
