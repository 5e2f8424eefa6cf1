//! An app that a person allowed, in the place of a token that stays.

use std::sync::{Arc, Mutex};

use dealclock_connector::oauth::{
    Grant, Login, LoginSettings, NoVault, Revoked, TokenSource, Tokens, Vault, VaultError,
};
use dealclock_connector::{Clock, ErrorKind, Origin};
use dealclock_hubspot::HOSTS;
use dealclock_hubspot::auth::DIALECT;
use dealclock_sandbox::HubSpotApp;
use http::Request;
use serde_json::json;

use crate::support::{Account, reminder};

const BACK: &str = "http://127.0.0.1:8723/back";

/// Keeps tokens for as long as a test.
#[derive(Default)]
struct Kept(Mutex<Option<Tokens>>);

impl Vault for Kept {
    fn load(&self) -> Result<Option<Tokens>, VaultError> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn save(&self, tokens: &Tokens) -> Result<(), VaultError> {
        *self.0.lock().unwrap() = Some(tokens.clone());
        Ok(())
    }

    fn clear(&self) -> Result<(), VaultError> {
        *self.0.lock().unwrap() = None;
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send>, VaultError> {
        Ok(Box::new(()))
    }
}

fn source(account: &Account, grant: Grant, scopes: &[&str], vault: Arc<dyn Vault>) -> TokenSource {
    let HubSpotApp { client_id, client_secret, .. } = HubSpotApp::default();
    let login = Login::new(LoginSettings {
        connection: "acme".into(),
        dialect: &DIALECT,
        login_url: None,
        client_id,
        client_secret: Some(client_secret.into()),
        grant,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        transport: account.transport(),
        clock: Arc::clone(&account.clock) as Arc<dyn Clock>,
    });
    TokenSource::new(login.unwrap(), Origin::new(HOSTS.iter().copied(), false), vault)
}

/// The app's own token.
pub fn of_app(account: &Account) -> Arc<TokenSource> {
    Arc::new(source(account, Grant::ClientCredentials, DIALECT.app_scopes, Arc::new(NoVault)))
}

/// The app's token for the account, after a person has allowed it.
async fn allowed(account: &Account) -> Arc<TokenSource> {
    let source = source(account, Grant::AuthorizationCode, &[], Arc::new(Kept::default()));
    let begun = source.begin(BACK).unwrap();
    let asked = Request::get(begun.address.replace("https://app.hubspot.com", "https://api.hubapi.com"));
    let answer = account.sandbox.handle(asked.body(bytes::Bytes::new()).unwrap()).unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let (code, state) = location.strip_prefix(&format!("{BACK}?code=")).unwrap().split_once("&state=").unwrap();
    assert_eq!(state.replace("%2D", "-").replace("%5F", "_"), begun.state);
    let tokens = source.finish(&code.replace("%2D", "-"), begun.verifier).await.unwrap();
    assert_eq!(tokens.account_id.as_deref(), Some("147893286"));
    Arc::new(source)
}

#[tokio::test]
async fn an_app_that_a_person_allowed_may_do_everything_that_is_needed() {
    let mut account = Account::new();
    let source = allowed(&account).await;
    account.reconnect_with(|settings| settings.auth = source);
    assert_eq!(account.patiently(|| account.connector.check()).await.unwrap().problems, []);
}

#[tokio::test]
async fn a_token_that_runs_out_before_a_batch_is_renewed_and_the_batch_is_written_once() {
    let mut account = Account::new();
    let deals = account.add_deals(3);
    let source = allowed(&account).await;
    let auth = Arc::clone(&source);
    account.reconnect_with(|settings| settings.auth = auth);
    let writes: Vec<_> = deals.iter().map(|id| reminder(id, "1d")).collect();
    account.connector.apply(&writes[..1]).await[0].as_ref().unwrap();
    account.pass(1);
    account.sent();
    // Whatever our clock says of the token's age, HubSpot has the last word.
    let expired = json!({ "status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "The token expired." });
    account.answer_next(http::Response::builder().status(401).body(expired.to_string().into()).unwrap());
    let outcomes = account.connector.apply(&writes[1..]).await;
    assert!(outcomes.iter().all(|outcome| outcome.is_ok()), "{outcomes:?}");
    let sent = account.sent();
    assert_eq!(sent.len(), 3, "refused, renewed, repeated: {sent:?}");
    assert!(sent[1].ends_with("/oauth/2026-09/token"));
    for (effect, _) in &writes {
        assert_eq!(account.tasks_ever(*effect), 1);
    }
}

#[tokio::test]
async fn a_token_that_grows_old_is_renewed_before_it_is_refused() {
    let mut account = Account::new();
    let source = allowed(&account).await;
    account.reconnect_with(|settings| settings.auth = source);
    account.patiently(|| account.connector.discover()).await.unwrap();
    account.pass(1_799);
    account.sent();
    account.patiently(|| account.connector.discover()).await.unwrap();
    assert_eq!(account.sent()[0], "POST https://api.hubapi.com/oauth/2026-09/token");
    assert!(!account.sandbox.calls().statuses.contains_key(&401));
}

#[tokio::test]
async fn an_app_that_was_removed_from_the_account_is_to_be_allowed_again() {
    let mut account = Account::new();
    let source = allowed(&account).await;
    account.reconnect_with(|settings| settings.auth = source);
    account.call("POST", "/sandbox/remove-app", json!({}));
    account.pass(1_801);
    let refused = account.connector.discover().await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
    assert!(refused.message.contains("`dealclock auth acme`"), "{}", refused.message);
}

#[tokio::test]
async fn access_is_looked_up_and_taken_back() {
    let account = Account::new();
    let source = allowed(&account).await;
    let told = source.introspect().await.unwrap().unwrap();
    assert!(told.active);
    assert!(told.scopes.contains(&"crm.objects.deals.write".to_owned()), "{:?}", told.scopes);
    assert_eq!(source.revoke().await.unwrap(), Revoked::AtCrm);
    assert!(source.kept().await.unwrap().is_none());
}
