//! `dealclock auth` as a person uses it: the real program, a sandbox in a process of its own, and a browser.

#![allow(clippy::unwrap_used, reason = "everything here is a test, the helpers too")]

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// Whatever has not come about after so long never will.
const LIMIT: Duration = Duration::from_secs(60);

/// A sandbox in a process, and a configuration whose one connection logs in there.
struct World {
    place: TempDir,
    address: String,
    client_secret: String,
    /// Ends with the world.
    _sandbox: Child,
}

impl World {
    async fn start(crm: &str, grant: &str) -> World {
        let mut sandbox = program()
            .args(["sandbox", "--crm", crm, "--listen", "127.0.0.1:0", "--json"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = document(sandbox.stdout.as_mut().unwrap()).await;
        let text = |key: &str| told[key].as_str().unwrap().to_owned();
        let (address, client_id, client_secret) = (text("address"), text("client_id"), text("client_secret"));
        let place = tempfile::tempdir().unwrap();
        let config = format!(
            "[connection.acme]\nkind = \"{crm}\"\nbase_url = \"{address}\"\nallow_local = true\n\
             [connection.acme.auth]\ngrant = \"{grant}\"\nclient_id = \"{client_id}\"\nclient_secret = {{ env = \"S\" }}\n"
        );
        std::fs::write(place.path().join("dealclock.toml"), config).unwrap();
        World { place, address, client_secret, _sandbox: sandbox }
    }

    fn auth(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.current_dir(self.place.path()).env("S", &self.client_secret).args(["auth", "acme"]).args(arguments);
        command
    }

    /// Runs the command to its end; no token may show in what it says.
    async fn said(&self, arguments: &[&str]) -> Said {
        self.heard(self.auth(arguments).output().await.unwrap())
    }

    fn heard(&self, output: Output) -> Said {
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        for secret in ["5Aep861", "!AR8AQ", "na1-", "1e8f-", "CJSP5qf1KhICAQEYs-", self.client_secret.as_str()] {
            assert!(!text.contains(secret), "{text}");
        }
        Said { code: output.status.code().unwrap(), text, json: serde_json::from_slice(&output.stdout).ok() }
    }

    /// Starts a login and gives it with the address that a person is to open.
    async fn asked(&self, arguments: &[&str]) -> (Child, String) {
        let mut command = self.auth(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
        loop {
            let line = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
            if let Some(address) = line.trim().strip_prefix(&self.address) {
                let address = format!("{}{address}", self.address);
                return (child, address);
            }
        }
    }

    fn kept(&self) -> PathBuf {
        self.place.path().join("dealclock.store.tokens/acme")
    }
}

struct Said {
    code: i32,
    text: String,
    json: Option<Value>,
}

/// The program, told nothing by the environment of the test.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dealclock"));
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Reads on until what was read is one JSON document.
async fn document(from: &mut (impl AsyncRead + Unpin)) -> Value {
    let mut text = Vec::new();
    loop {
        let read = tokio::time::timeout(LIMIT, from.read_buf(&mut text)).await.unwrap().unwrap();
        match serde_json::from_slice(&text) {
            Ok(document) => return document,
            Err(error) => assert!(error.is_eof() && read > 0, "{}", String::from_utf8_lossy(&text)),
        }
    }
}

/// Opens an address as a browser does; gives the address that it is sent to, and what the last page says.
async fn browse(address: &str) -> (String, String) {
    let browser = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let sent = browser.get(address).send().await.unwrap();
    let location = sent.headers()["location"].to_str().unwrap().replace("localhost", "127.0.0.1");
    let page = match browser.get(&location).send().await {
        Ok(page) => page.text().await.unwrap(),
        Err(_) => String::new(),
    };
    (location, page)
}

async fn allows_and_takes_back(crm: &str) {
    let world = World::start(crm, "authorization_code").await;
    let before = world.said(&["--status", "--json"]).await;
    assert_eq!((before.code, &before.json.unwrap()["state"]), (1, &"not_connected".into()));

    let (child, address) = world.asked(&["--port", "0", "--json"]).await;
    let (_, page) = browse(&address).await;
    assert!(page.contains("You can close this window"), "{page}");
    let done = world.heard(child.wait_with_output().await.unwrap());
    assert_eq!(done.code, 0, "{}", done.text);
    let account = done.json.unwrap()["account"].clone();

    let after = world.said(&["--status", "--json"]).await;
    let told = after.json.unwrap();
    assert_eq!((after.code, &told["state"], &told["account"]), (0, &"connected".into(), &account), "{told}");
    let sealed = std::fs::read(world.kept()).unwrap();

    let revoked = world.said(&["--revoke"]).await;
    assert_eq!(revoked.code, 0, "{}", revoked.text);
    // Somebody who kept the file has nothing by it any more, once the access token of the last minutes has ended.
    let hour = serde_json::json!({ "advance_seconds": 3600 });
    let clock = format!("{}/sandbox/time", world.address);
    reqwest::Client::builder().no_proxy().build().unwrap().post(clock).json(&hour).send().await.unwrap();
    std::fs::write(world.kept(), sealed).unwrap();
    let check = program()
        .current_dir(world.place.path())
        .env("S", &world.client_secret)
        .env("DEALCLOCK__RULES__FILES", rule(&world).display().to_string())
        .args(["check", "--online"])
        .output()
        .await
        .unwrap();
    let check = world.heard(check);
    assert_eq!(check.code, 5, "{}", check.text);
    assert!(check.text.contains("dealclock auth acme"), "{}", check.text);
    let ended = world.said(&["--status", "--json"]).await;
    assert_eq!((ended.code, &ended.json.unwrap()["state"]), (1, &"needs_reauthorization".into()));
}

fn rule(world: &World) -> PathBuf {
    let path = world.place.path().join("rule.toml");
    let rule = "[rule.a]\nobject = \"opportunity\"\nwhen = 'amount > 1'\nuntil = 'is_closed'\ndeadline = \"5d\"\n";
    std::fs::write(&path, rule).unwrap();
    path
}

#[tokio::test]
async fn a_person_allows_access_to_salesforce_and_takes_it_back() {
    allows_and_takes_back("salesforce").await;
}

#[tokio::test]
async fn a_person_allows_access_to_hubspot_and_takes_it_back() {
    allows_and_takes_back("hubspot").await;
}

#[tokio::test]
async fn a_code_can_be_pasted_where_there_is_no_browser() {
    let world = World::start("salesforce", "authorization_code").await;
    let (mut child, address) = world.asked(&["--paste", "--port", "9"]).await;
    let (location, _) = browse(&address).await;
    child.stdin.take().unwrap().write_all(format!("{location}\n").as_bytes()).await.unwrap();
    let done = world.heard(child.wait_with_output().await.unwrap());
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(done.text.contains("acme is connected to account"), "{}", done.text);
}

#[tokio::test]
async fn a_login_without_a_person_says_who_is_connected_or_what_is_wrong() {
    let world = World::start("salesforce", "client_credentials").await;
    let done = world.said(&[]).await;
    assert_eq!(done.code, 0, "{}", done.text);
    assert!(done.text.contains("acme is connected to account 00D"), "{}", done.text);
    let refused = world.auth(&[]).env("S", "wrong").output().await.unwrap();
    let refused = world.heard(refused);
    assert_eq!(refused.code, 5, "{}", refused.text);
    assert!(refused.text.contains("check `client_id` and `client_secret`"), "{}", refused.text);
    assert!(!world.kept().exists());
}
