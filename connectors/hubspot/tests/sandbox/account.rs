//! The account: rights, people, what setup makes.

use dealclock_connector::{ErrorKind, Need, Once, PlanState};
use dealclock_model::{Object, ValueType};
use dealclock_sandbox::{Limits, Scope, Token};
use serde_json::json;

use crate::support::{Account, TOKEN, mapping};

#[tokio::test]
async fn a_sound_account_has_no_problems() {
    let account = Account::new();
    let checked = account.connector.check().await.unwrap();
    assert_eq!(
        (checked.id.as_str(), checked.zone, checked.currency.as_str()),
        ("147893286", chrono_tz::US::Eastern, "USD")
    );
    assert_eq!((checked.once, checked.problems), (Once::Exactly, vec![]));
    let dump = account.sandbox.dump();
    assert!(
        dump.records.iter().all(|(_, records)| records.iter().all(|record| record.value("hs_task_subject").is_none()))
    );
}

#[tokio::test]
async fn a_wrong_token_is_an_error_that_does_not_show_it() {
    let mut account = Account::new();
    account.reconnect("pat-na1-99999999-canary", 1.0);
    let error = account.connector.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(
        error.message.contains("the token is wrong, expired or revoked") && !error.message.contains("canary"),
        "{error}"
    );
    account.reconnect("line\nbreak", 1.0);
    assert_eq!(account.connector.check().await.unwrap_err().kind, ErrorKind::Unauthorized);
}

#[tokio::test]
async fn each_missing_scope_is_a_problem_that_names_it() {
    for (scope, fatal) in
        [(Scope::DealsRead, true), (Scope::OwnersRead, true), (Scope::ContactsWrite, true), (Scope::UsersRead, false)]
    {
        let account = Account::new();
        account.sandbox.set_tokens(vec![Token::new(TOKEN, Scope::ALL.into_iter().filter(|other| *other != scope))]);
        let problems = account.connector.check().await.unwrap().problems;
        let named: Vec<_> = problems.iter().filter(|problem| problem.way_out.contains(scope.name())).collect();
        assert!(!named.is_empty(), "{scope:?}: {problems:?}");
        assert!(named.iter().any(|problem| problem.fatal == fatal), "{problems:?}");
    }
}

#[tokio::test]
async fn a_mapping_that_the_account_cannot_serve_is_a_fatal_problem() {
    let mut mapping = mapping();
    mapping.stages.insert("Gone".to_owned(), vec!["no such stage".to_owned()]);
    let account = Account::bare(mapping, |_| {});
    let checked = account.connector.check().await.unwrap();
    assert!(matches!(checked.once, Once::AtLeastOnce(_)));
    let has = |part: &str, fatal| {
        checked.problems.iter().any(|problem| problem.what.contains(part) && problem.fatal == fatal)
    };
    assert!(has("`our_complex`, mapped to `complex`", true), "{:?}", checked.problems);
    assert!(has("the stage `no such stage`, mapped to `Gone`", false));
    assert!(has("no unique property `dealclock_key`", false));
}

#[tokio::test]
async fn people_come_with_zone_hours_and_manager() {
    let mut mapping = mapping();
    mapping.fields.clear();
    mapping.managers.insert("64492907".to_owned(), "64492911".to_owned());
    let account = Account::bare(mapping, |_| {});
    let discovery = account.connector.discover().await.unwrap();
    let emily = discovery.people.iter().find(|person| person.id.as_str() == "64492907").unwrap();
    assert_eq!(
        (emily.name.as_str(), emily.zone, emily.active),
        ("Emily Chen", Some(chrono_tz::America::Los_Angeles), true)
    );
    assert_eq!(emily.manager.as_ref().unwrap().as_str(), "64492911");
    let noah = discovery.people.iter().find(|person| person.id.as_str() == "64492910").unwrap();
    assert_eq!((noah.zone, noah.manager.clone()), (None, None));
    assert!(discovery.pipelines.iter().any(|pipeline| pipeline.stages.iter().any(|stage| stage.won && stage.closed)));
    let fields = &discovery.fields[&Object::Opportunity];
    let amount = fields.iter().find(|field| field.name == "amount").unwrap();
    assert_eq!((amount.value_type, amount.writable), (Some(ValueType::Number), true));
    let calculated = fields.iter().find(|field| field.name == "amount_in_home_currency").unwrap();
    assert!(!calculated.writable);
}

#[tokio::test]
async fn without_the_scope_for_users_people_have_no_zones() {
    let account = Account::new();
    account
        .sandbox
        .set_tokens(vec![Token::new(TOKEN, Scope::ALL.into_iter().filter(|scope| *scope != Scope::UsersRead))]);
    let discovery = account.connector.discover().await.unwrap();
    assert!(discovery.people.len() >= 12 && discovery.people.iter().all(|person| person.zone.is_none()));
}

#[tokio::test]
async fn a_verb_of_many_calls_ends_although_our_share_is_small() {
    let mut account = Account::new();
    account.sandbox.set_limits(Limits::default());
    account.reconnect(TOKEN, 0.02);
    let mut throttled = 0;
    for _ in 0..100 {
        match account.connector.discover().await {
            Ok(_) => {
                assert!(throttled > 0, "the share must be too small for one go");
                assert_eq!(account.sandbox.calls().statuses.get(&429), None);
                return;
            }
            Err(error) => {
                let ErrorKind::Throttled { until } = error.kind else { panic!("{error}") };
                throttled += 1;
                let wait = until - dealclock_connector::Clock::now(&*account.clock);
                account.pass(wait.num_seconds() + 1);
            }
        }
    }
    panic!("discovery never ended");
}

fn needs() -> Vec<Need> {
    let need = |name: &str, value_type, unique| Need {
        on_tasks: unique,
        name: name.to_owned(),
        label: name.to_owned(),
        description: "What it is for.".to_owned(),
        value_type,
        options: Vec::new(),
        long_text: false,
        unique,
        read_only_for_reps: false,
        requires: None,
    };
    let mut reason = need("delay_reason", ValueType::Text, false);
    reason.options = vec![("price".to_owned(), "Price".to_owned()), ("other".to_owned(), "Other".to_owned())];
    let mut text = need("delay_reason_text", ValueType::Text, false);
    text.long_text = true;
    vec![
        need("our_complex", ValueType::Bool, false),
        reason,
        text,
        need("our_wanted", ValueType::Date, false),
        need("sent_at", ValueType::Time, false),
        need("discount", ValueType::Number, false),
        need("dealclock_key", ValueType::Text, true),
    ]
}

#[tokio::test]
async fn setup_makes_what_is_missing_once_and_changes_nothing_that_exists() {
    let account = Account::bare(mapping(), |_| {});
    account.add_property("deals", json!({ "name": "our_wanted", "type": "string", "fieldType": "text" }));
    let provision = account.connector.provision().unwrap();
    let plan = provision.plan(&needs()).await.unwrap();
    let missing = plan.items.iter().filter(|item| item.state == PlanState::Missing).count();
    assert_eq!((plan.items.len(), missing), (9, 8), "{plan:?}");
    for item in plan.items.iter().filter(|item| item.state == PlanState::Missing) {
        provision.make(&needs(), item).await.unwrap();
        // Again is no harm: it may have appeared meanwhile.
        provision.make(&needs(), item).await.unwrap();
    }
    let again = provision.plan(&needs()).await.unwrap();
    let differs = "it holds string where date is needed".to_owned();
    for item in &again.items {
        let expected = if item.name == "our_wanted" { PlanState::Differs(differs.clone()) } else { PlanState::Present };
        assert_eq!(item.state, expected, "{}", item.name);
    }
    assert_eq!(account.connector.check().await.unwrap().once, Once::Exactly);
    assert!(plan.by_hand.iter().any(|line| line.contains("deal page")));
}
