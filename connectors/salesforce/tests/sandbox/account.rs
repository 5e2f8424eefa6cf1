//! What `check` says of an org, and what `discover` finds in it.

use chrono::NaiveDate;
use dealclock_connector::{ErrorKind, Once};
use dealclock_model::{Object, ValueType};
use dealclock_sandbox::edit::{Edit, PropertyKind, PropertyObject};

use crate::support::{Account, KEY, OTHER_TOKEN, TOKEN, connect_without_home, mapping};

async fn problems(account: &Account) -> Vec<(String, bool)> {
    let checked = account.connector.check().await.unwrap();
    checked
        .problems
        .into_iter()
        .map(|problem| (format!("{}; {}", problem.what, problem.way_out), problem.fatal))
        .collect()
}

#[tokio::test]
async fn an_org_in_order_has_nothing_fatal_and_writes_once() {
    let account = Account::new();
    let checked = account.connector.check().await.unwrap();
    assert!(checked.problems.iter().all(|problem| !problem.fatal), "{:?}", checked.problems);
    assert_eq!(checked.once, Once::Exactly);
    assert_eq!(checked.zone, chrono_tz::America::New_York);
    assert!(checked.id.starts_with("00D") && checked.id.len() == 18, "{}", checked.id);
}

#[tokio::test]
async fn without_a_key_field_nothing_would_be_written_and_check_says_so() {
    let account = Account::bare(mapping(), |_| {});
    account.add_field(PropertyObject::Deals, "Complex__c", PropertyKind::Bool);
    account.add_field(PropertyObject::Deals, "Request_Approved__c", PropertyKind::Bool);
    account.add_field(PropertyObject::Deals, "Wanted_Until__c", PropertyKind::Date);
    let found = problems(&account).await;
    assert!(found.iter().any(|(what, fatal)| *fatal && what.contains(KEY) && what.contains("setup")), "{found:?}");
    account.add_field(PropertyObject::Tasks, KEY, PropertyKind::Text);
    let found = problems(&account).await;
    assert!(found.iter().any(|(what, fatal)| *fatal && what.contains("lets two tasks share a key")), "{found:?}");
}

#[tokio::test]
async fn a_field_that_is_not_visible_is_named_with_the_way_out() {
    for (hidden, what) in [
        ("Opportunity.Complex__c", "`Complex__c`"),
        ("Opportunity.Amount", "`Amount`"),
        ("Task.Dealclock_Key__c", "Dealclock_Key__c"),
    ] {
        let account = Account::adapted(|options| {
            options.hidden_fields.insert(hidden.to_owned());
        });
        let found = problems(&account).await;
        let named = found.iter().any(|(text, fatal)| *fatal && text.contains(what) && text.contains("permission set"));
        assert!(named, "{hidden}: {found:?}");
    }
}

#[tokio::test]
async fn a_user_without_the_api_and_a_dead_token_are_told_apart() {
    let account = Account::adapted(|options| options.user.api_enabled = false);
    let error = account.connector.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.contains("API Enabled"), "{error}");
    let mut account = Account::new();
    account.reconnect(&["00Ddead"]);
    let error = account.connector.check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.contains("the session is over") && !error.message.contains("00Ddead"), "{error}");
}

#[tokio::test]
async fn a_login_address_is_no_address_for_data() {
    for base in [None, Some("https://login.salesforce.com"), Some("https://test.salesforce.com/")] {
        let error = connect_without_home(base).check().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized);
        assert!(error.message.contains("My Domain"), "{error}");
    }
}

#[tokio::test]
async fn a_stage_of_the_mapping_that_does_not_exist_is_named() {
    let mut wrong = mapping();
    wrong.stages.insert("Gone".to_owned(), vec!["Nowhere".to_owned()]);
    let account = Account::bare(wrong, |_| {});
    account.add_fields();
    let found = problems(&account).await;
    assert!(found.iter().any(|(what, fatal)| !fatal && what.contains("`Nowhere`")), "{found:?}");
}

#[tokio::test]
async fn few_calls_left_today_are_told() {
    let account = Account::adapted(|options| options.limits.daily = Some(100));
    for _ in 0..85 {
        account.query("SELECT Id FROM Organization");
    }
    let found = problems(&account).await;
    assert!(found.iter().any(|(what, _)| what.contains("of the org's 100 calls are left today")), "{found:?}");
    assert_eq!(account.connector.quota().unwrap().daily().unwrap().limit, 100);
}

#[tokio::test]
async fn a_check_costs_few_calls_and_a_renewed_token_is_used_once() {
    let mut account = Account::new();
    account.connector.check().await.unwrap();
    let calls = account.sent();
    assert!(calls.len() <= 8, "{calls:?}");
    account.reconnect(&["00Dold", TOKEN, OTHER_TOKEN]);
    account.connector.check().await.unwrap();
    assert_eq!(account.sent().len(), calls.len() + 1, "one call was repeated, and no other");
}

#[tokio::test]
async fn fields_stages_people_hours_and_holidays_are_found() {
    let account = Account::new();
    account.sandbox.edit(&Edit::SetOfficeHours { start_minute: 9 * 60, end_minute: 17 * 60 }).unwrap();
    account.sent();
    let found = account.connector.discover().await.unwrap();
    let calls = account.sent();
    assert_eq!(
        calls,
        ["GET /sobjects/Opportunity/describe", "GET /sobjects/Task/describe", "POST /composite", "POST /composite"]
    );
    let complex = found.fields[&Object::Opportunity].iter().find(|field| field.name == "Complex__c").unwrap();
    assert_eq!((complex.value_type, complex.writable), (Some(ValueType::Bool), true));
    assert_eq!(found.pipelines.len(), 1);
    let won = found.pipelines[0].stages.iter().find(|stage| stage.id == "Closed Won").unwrap();
    assert!(won.closed && won.won);
    assert!(found.people.len() >= 2 && found.people.iter().any(|person| person.active), "{:?}", found.people);
    assert_eq!(found.people[0].hours.as_ref().unwrap().ranges.len(), 5);
    assert_eq!(found.holidays, Vec::<NaiveDate>::new());
}
