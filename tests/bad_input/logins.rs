//! What keeps a connection from logging in or from being let in: told with the way out, and never tried without end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dealclock_sandbox::{AdminAct, Crm};

use crate::account::TOKEN;
use crate::configuration::Entrance;
use crate::world::World;

/// What only a person can mend is tried every quarter of an hour, six hours long.
const SLOWLY: u64 = 25;

/// HubSpot's Journal is read with a token of the app itself, which nobody withdrew; each lives for half an hour.
const JOURNAL: u64 = 15;

#[tokio::test]
async fn a_login_host_that_gives_no_tokens_is_named_with_what_to_set() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    let own = world.address.replace("127.0.0.1", "localhost");
    world.administer(AdminAct::SetMyDomain(Some(own.clone())));
    world.administer(AdminAct::EndSessions);
    let words = [
        "failed to log in at 127.0.0.1",
        "request not supported on this domain",
        "set `login_url` to the org's own My Domain",
    ];
    world.suffer(5, &words, SLOWLY).await;

    world.change_config("grant =", "login_url = \"http://127.0.0.1:9\"\ngrant =");
    world.check(&["check", "--online"], 5, &["connection `acme`", "failed to log in: could not reach 127.0.0.1"]).await;
    world.change_config("http://127.0.0.1:9", &format!("{own}/nowhere"));
    let nowhere = ["connection `acme`", "401 in place of a token", "check `login_url`"];
    world.check(&["check", "--online"], 5, &nowhere).await;
    world.check(&["auth", "acme"], 5, &nowhere).await;
    world.change_config(&format!("{own}/nowhere"), "https://login.salesforce.example");
    let foreign =
        ["dealclock.toml:", "`login_url`: login.salesforce.example is not a host of this CRM", "salesforce.com"];
    world.check(&["check", "--online"], 3, &foreign).await;
    world.check(&["auth", "acme"], 3, &foreign).await;

    world.change_config("https://login.salesforce.example", &own);
    world.restart().await;
    world.recover().await;
}

#[tokio::test]
async fn a_session_that_is_ended_is_begun_anew_by_itself() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    let before = world.logins();
    world.administer(AdminAct::RevokeTokens);
    world.until("Tue 08:07").await;
    assert_eq!((world.reminders(), world.troubles().await, world.logins() - before), (1, String::new(), 1));
    world.recover().await;
}

#[tokio::test]
async fn a_token_that_stays_and_is_refused_is_waited_for() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::Token).await;
    world.administer(AdminAct::EndSessions);
    world.suffer(5, &["the session is over, or the token is wrong"], 0).await;
    world.administer(AdminAct::AdmitTokens(vec![TOKEN.to_owned()]));
    world.recover().await;
}

/// The app is allowed again beside the daemon, which takes the new tokens up.
async fn check_withdrawn(crm: Crm, withdraw: impl FnOnce(&World), words: &[&str], most_logins: u64) {
    let mut world = World::with_a_deal(crm, Entrance::Person).await;
    withdraw(&world);
    world.suffer(5, words, most_logins).await;
    world.check(&["auth", "acme", "--status"], 1, &["needs a new authorization"]).await;
    world.allow().await;
    world.check(&["auth", "acme", "--status"], 0, &["connected"]).await;
    world.recover().await;
}

#[tokio::test]
async fn an_authorization_that_was_withdrawn_in_salesforce_is_given_again_by_a_person() {
    let withdraw = |world: &World| world.administer(AdminAct::RevokeTokens);
    check_withdrawn(
        Crm::Salesforce,
        withdraw,
        &["expired access/refresh token", "allow the app again: `dealclock auth acme`"],
        SLOWLY,
    )
    .await;
}

#[tokio::test]
async fn an_app_that_was_removed_from_hubspot_is_allowed_again_by_a_person() {
    let withdraw = |world: &World| world.control("remove-app");
    check_withdrawn(
        Crm::HubSpot,
        withdraw,
        &["the app was removed from the account", "allow it again by `dealclock auth acme`"],
        SLOWLY + JOURNAL,
    )
    .await;
}

#[tokio::test]
async fn an_instance_that_is_no_host_of_the_crm_is_never_called() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    world.sandbox.set_instance_url(Some("https://acme.my.salesforce.example".to_owned()));
    world.administer(AdminAct::EndSessions);
    let words = [
        "the token is not sent to the `instance_url`",
        "acme.my.salesforce.example is not a host of this CRM",
        "admitted are: ",
    ];
    world.suffer(5, &words, SLOWLY).await;
    world.check(&["auth", "acme"], 5, &words).await;
    world.sandbox.set_instance_url(None);
    world.recover().await;
}

#[tokio::test]
async fn a_user_without_the_api_is_told_the_permission_and_causes_no_login() {
    let mut world = World::with_a_deal(Crm::Salesforce, Entrance::App).await;
    world.administer(AdminAct::SetApiEnabled(false));
    world.suffer(5, &["API_DISABLED_FOR_ORG", "give the integration user the permission `API Enabled`"], 0).await;
    world.administer(AdminAct::SetApiEnabled(true));
    world.recover().await;
}

#[tokio::test]
async fn kept_tokens_that_cannot_be_read_are_told_with_both_ways_out() {
    let world = World::open(Crm::Salesforce, Entrance::Person).await;
    let (tokens, key) = (world.path("dealclock.store.tokens/acme"), world.path("dealclock.store.key"));
    let (sound, right) = (fs::read(&tokens).unwrap(), fs::read(&key).unwrap());
    let check = async |words: &[&str]| {
        let before = world.logins();
        world.check(&["check", "--online"], 5, &[&["connection `acme`"], words].concat()).await;
        assert_eq!(world.logins(), before, "nothing is asked of the CRM");
    };
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    check(&["dealclock.store.key is open to others", "chmod 600"]).await;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "canary").unwrap();
    check(&["dealclock.store.key holds no key", "openssl rand -hex 32"]).await;
    let anew = ["bring the right key or file back", "`dealclock auth acme --revoke`", "`dealclock auth acme`"];
    fs::write(&key, "0".repeat(64)).unwrap();
    check(&anew).await;
    fs::remove_file(&key).unwrap();
    check(&[&["has lost its key"], &anew[..]].concat()).await;
    fs::write(&key, right).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&tokens, &sound[..sound.len() - 1]).unwrap();
    check(&anew).await;
    fs::write(&tokens, sound).unwrap();
    world.check(&["check", "--online"], 0, &["reminder tasks appear exactly once"]).await;
}
