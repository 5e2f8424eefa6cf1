//! What the account lacks or hides: fields, rights, picklist values, a key that is not unique, calls of the day.

use dealclock_sandbox::{AdminAct, Crm, Limits};

use crate::configuration::Entrance;
use crate::files::RULE;
use crate::world::{MENDED, World};

#[tokio::test]
async fn a_permission_set_that_was_taken_away_is_named_and_setup_gives_it_again() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    world.administer(AdminAct::UnassignPermissionSets);
    world.suffer(1, &["Dealclock_Key__c", "Complex__c", "assign", "permission set", "dealclock setup"], 0).await;
    world.check(&["setup", "--connection", "acme", "--yes"], 0, &["made"]).await;
    world.recover().await;
}

#[tokio::test]
async fn a_field_that_is_hidden_is_named_and_nothing_is_decided_without_it() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    world.administer(AdminAct::HideFields(vec!["Opportunity.Amount".to_owned()]));
    world.suffer(1, &["Amount", "integration user", "permission set"], 0).await;
    world.administer(AdminAct::HideFields(Vec::new()));
    world.recover().await;
}

#[tokio::test]
async fn a_key_that_is_not_unique_keeps_every_reminder_until_it_is() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    let set = |unique| AdminAct::SetUnique { field: "Task.Dealclock_Key__c".to_owned(), unique };
    world.administer(set(false));
    world.suffer(1, &["`Dealclock_Key__c`", "lets two tasks share a key", "make it unique"], 0).await;
    world.check(&["setup", "--connection", "acme", "--yes"], 1, &["differs", "Dealclock_Key__c", "unique"]).await;
    world.administer(set(true));
    world.recover().await;
}

#[tokio::test]
async fn a_status_that_went_away_is_looked_up_anew_and_the_reminder_bears_the_one_that_came() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    let (from, to) = ("Not Started".to_owned(), "To Do".to_owned());
    world.administer(AdminAct::ReplaceTaskStatus { from, to });
    world.until(MENDED).await;
    assert_eq!((world.reminders(), world.troubles().await), (1, String::new()), "{}", world.logged());
    let dump = world.sandbox.dump();
    assert_eq!(dump.records["Task"][0].value("Status"), Some("To Do"));
    world.recover().await;
}

#[tokio::test]
async fn a_picklist_value_that_no_picklist_holds_is_found_where_it_is_written() {
    let world = World::open(Crm::Salesforce, Entrance::App).await;
    world.set_rule(&RULE.replace("stage == \"Open\"", "stage == \"Qualifikation\""));
    let rule = ["proposal.toml:4:", "`stage` is never \"Qualifikation\"", "did you mean `Qualification`?"];
    world.check(&["check", "--online"], 3, &rule).await;
    world.set_rule(RULE);
    world.change_config("Open = [\"Prospecting\"]", "Open = [\"Prospekting\"]");
    let stage = ["`Open` means the stage `Prospekting`", "did you mean `Prospecting`?"];
    world.check(&["check", "--online"], 1, &stage).await;
}

#[tokio::test]
async fn the_last_call_of_salesforces_day_stops_everything_but_no_login_is_made_for_it() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    world.administer(AdminAct::SetDailyLimit(Some(1)));
    let words = ["all calls of the last 24 hours are used up", "which integration uses them"];
    world.suffer(5, &words, 0).await;
    world.administer(AdminAct::SetDailyLimit(Some(115_000)));
    world.recover().await;
}

#[tokio::test]
async fn the_last_call_of_hubspots_day_stops_everything_until_the_next() {
    let mut world = World::with_a_deal(Crm::HubSpot, Entrance::Token).await;
    world.sandbox.set_limits(Limits { daily: Some(1), ..Limits::NONE });
    world.suffer(5, &["daily limit"], 0).await;
    world.sandbox.set_limits(Limits { daily: Some(625_000), ..Limits::NONE });
    world.recover().await;
}
