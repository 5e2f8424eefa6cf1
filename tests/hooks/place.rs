//! The real program twice: a sandbox whose clock is the machine's, and a daemon that it can call.

use std::future::Future;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// The token of the account.
pub const TOKEN: &str = "00DSandbox00001!pat-canary";
/// What HubSpot's sandbox signs with.
pub const SECRET: &str = "webhook-canary-5ec2e7";
/// The name of a record, which is nobody's business but the store's.
pub const NAME: &str = "Canary & Sons";

/// Whatever has not come about after so long never will.
const LIMIT: Duration = Duration::from_secs(60);

const RULE: &str = r#"
[rule.large]
title = "Large deals"
object = "opportunity"
when = 'amount >= 50000'
until = "is_closed"
deadline = "5d"

[[rule.large.remind]]
at = "1d"
subject = "Look after {{ record.name }}"
"#;

/// A sandbox in a process, and the directory of a daemon for it.
pub struct Place {
    pub address: String,
    pub http: Client,
    directory: TempDir,
    /// Ends with the place.
    _sandbox: Child,
}

impl Place {
    /// A sandbox of a kind of CRM; its changes reach the daemon by webhook only, for it polls once a day.
    pub async fn open(crm: &str) -> Place {
        let mut sandbox = dealclock()
            .args(["--json", "sandbox", "--crm", crm, "--listen", "127.0.0.1:0", "--time", "paced"])
            .args(["--token", TOKEN, "--deals", "3"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let address = read_address(&mut sandbox).await;
        let directory = tempfile::tempdir().unwrap();
        write_files(directory.path(), crm, &address);
        let http = Client::builder().no_proxy().build().unwrap();
        let place = Place { address, http, directory, _sandbox: sandbox };
        let made = place.command(&["setup", "--connection", "acme", "--yes"]).output().await.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        place
    }

    /// Starts the daemon; waits until it follows changes.
    pub async fn daemon(&self) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let child = self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        // While no daemon answers, `status` opens the store itself, and a daemon that starts just then would find it in use.
        let socket = self.directory.path().join("store.sock");
        self.until("the daemon answers", async || UnixStream::connect(&socket).await.ok()).await;
        self.until("the daemon is live", async || {
            let connection = self.connection().await?;
            (connection["phase"] == "live" && connection["hooks"]["counts"].is_object()).then_some(())
        })
        .await;
        child
    }

    /// What `dealclock status` says of the connection, while the daemon runs.
    pub async fn connection(&self) -> Option<Value> {
        let status = self.ask(&["--json", "status"]).await.filter(|status| status["running"] == true)?;
        Some(status["connections"][0].clone())
    }

    /// The address that an administrator enters in the CRM.
    pub async fn hook(&self) -> String {
        self.connection().await.unwrap()["hooks"]["address"].as_str().unwrap().to_owned()
    }

    /// Received, replayed, refused, foreign.
    pub async fn counts(&self) -> [u64; 4] {
        let counts = self.connection().await.unwrap()["hooks"]["counts"].clone();
        ["received", "replayed", "refused", "foreign"].map(|name| counts[name].as_u64().unwrap())
    }

    /// Waits until the daemon knows a record by its name.
    pub async fn knows(&self, record: &str) {
        self.until("the daemon knows the record", async || {
            let told = self.ask(&["--json", "explain", record]).await?;
            (told["name"] == NAME).then_some(())
        })
        .await;
    }

    /// Tells the sandbox something over its control interface.
    pub async fn tell(&self, command: &str, body: &Value) {
        let answer = self.http.post(format!("{}/sandbox/{command}", self.address)).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// A call of the CRM's own API.
    pub fn call(&self, path: &str, body: &Value) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.address)).bearer_auth(TOKEN).json(body)
    }

    /// Everything that the daemon has logged.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    /// Waits for something to come about.
    pub async fn until<T, F: Future<Output = Option<T>>>(&self, what: &str, mut look: impl FnMut() -> F) -> T {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        let seen = async {
            loop {
                looks.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        };
        let seen = tokio::time::timeout(LIMIT, seen).await;
        seen.unwrap_or_else(|_| panic!("it never came about that {what}: {}", self.logged()))
    }

    async fn ask(&self, arguments: &[&str]) -> Option<Value> {
        let output = tokio::time::timeout(LIMIT, self.command(arguments).output()).await.unwrap().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = dealclock();
        command.arg("--config").arg(self.directory.path().join("dealclock.toml")).args(arguments);
        command
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }
}

/// The program, told nothing by the environment of the test.
fn dealclock() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dealclock"));
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Reads the JSON document that says where the sandbox listens.
async fn read_address(sandbox: &mut Child) -> String {
    let stdout = sandbox.stdout.as_mut().unwrap();
    let mut told = Vec::new();
    while !told.ends_with(b"}\n") {
        let mut more = [0; 512];
        let read = tokio::time::timeout(LIMIT, stdout.read(&mut more)).await.unwrap().unwrap();
        assert!(read > 0, "the sandbox ended: {}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&more[..read]);
    }
    let told: Value = serde_json::from_slice(&told).unwrap();
    told["address"].as_str().unwrap().to_owned()
}

fn write_files(directory: &Path, crm: &str, address: &str) {
    std::fs::create_dir_all(directory.join("rules")).unwrap();
    std::fs::write(directory.join("rules/large.toml"), RULE).unwrap();
    for (name, secret) in [("token", TOKEN), ("secret", SECRET)] {
        let mut file = std::fs::OpenOptions::new();
        let mut file = file.write(true).create_new(true).mode(0o600).open(directory.join(name)).unwrap();
        std::io::Write::write_all(&mut file, secret.as_bytes()).unwrap();
    }
    let signed = if crm == "hubspot" { "webhook_secret = { file = \"secret\" }" } else { "" };
    let config = format!(
        r#"
[store]
path = "store"
[log]
level = "info,dealclock_daemon=debug"
[web]
listen = "127.0.0.1:{}"
body_limit = "64kB"
[connection.acme]
kind = "{crm}"
token = {{ file = "token" }}
base_url = "{address}"
allow_local = true
poll = "24h"
{signed}
"#,
        free_port()
    );
    std::fs::write(directory.join("dealclock.toml"), config).unwrap();
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Posts a body that is nobody's, to see that it is refused.
pub async fn post(http: &Client, url: &str, body: &str) -> u16 {
    http.post(url).body(body.to_owned()).send().await.unwrap().status().as_u16()
}

/// The id in the CRM's answer to a creation.
pub async fn made(request: RequestBuilder) -> String {
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["id"].as_str().unwrap_or_else(|| panic!("nothing was made: {answer}")).to_owned()
}

/// What HubSpot's sandbox is told to send webhooks with.
pub fn target(hook: &str) -> Value {
    json!({ "target": hook, "secret": SECRET })
}
