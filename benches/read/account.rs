//! A sandbox account in a process of its own, and the files of a daemon that works with it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dealclock_model::Instant;
use serde_json::{Value, json};

/// The token of the account; worth nothing anywhere else.
const TOKEN: &str = "pat-na1-measured";

const RULES: &str = r#"
[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
start = "stage_entered_at"
until = "proposal_sent_at != null"
deadline = "5d"

[[rule.proposal.remind]]
at = "1d"
subject = "Prepare a proposal for {{ record.name }}"

[[rule.proposal.remind]]
at = "4d"
subject = "Proposal for {{ record.name }} is due {{ due | date }}"
"#;

/// A sandbox that runs until this is dropped.
pub struct Account {
    process: Child,
    http: reqwest::Client,
    /// Where it listens.
    pub address: String,
    /// Its time at the start.
    pub start: Instant,
}

impl Account {
    /// Starts a sandbox with so many deals; its clock stands still unless it is turned.
    pub fn open(deals: usize) -> Result<Account, Box<dyn Error>> {
        let deals = deals.to_string();
        let mut process = Command::new(env!("CARGO_BIN_EXE_dealclock"))
            .args(["--json", "sandbox", "--listen", "127.0.0.1:0", "--time", "manual", "--token", TOKEN])
            .args(["--deals", &deals])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("the sandbox has no output")?;
        let mut documents = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
        let hello = documents.next().ok_or("the sandbox said nothing")??;
        let address = hello["address"].as_str().ok_or("the sandbox told no address")?.to_owned();
        let start = hello["now"].as_str().ok_or("the sandbox told no time")?.parse()?;
        Ok(Account { process, http: reqwest::Client::builder().no_proxy().build()?, address, start })
    }

    /// Turns its clock.
    pub async fn set_time(&self, now: Instant) -> Result<(), reqwest::Error> {
        self.command("time", &json!({ "set": now })).await
    }

    /// A person changes the amount of a deal.
    pub async fn change_amount(&self, deal: &str, amount: u32) -> Result<(), reqwest::Error> {
        let properties = json!({ "amount": amount.to_string() });
        let edit = json!({ "kind": "set_deal", "deal": { "id": deal }, "properties": properties, "by": "28604201" });
        self.command("edit", &edit).await
    }

    /// Calls by endpoint since the last time this was asked.
    pub async fn take_calls(&self) -> Result<BTreeMap<String, u64>, Box<dyn Error>> {
        let answer: Value = self.http.get(format!("{}/sandbox/calls", self.address)).send().await?.json().await?;
        self.command("reset-calls", &json!({})).await?;
        Ok(serde_json::from_value(answer["calls"].clone())?)
    }

    /// Writes the files of a daemon and makes the fields that it needs in the account; gives the configuration's path.
    pub fn prepare(&self, directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
        fs::create_dir_all(directory.join("rules"))?;
        fs::write(directory.join("rules/proposal.toml"), RULES)?;
        let mut token = fs::OpenOptions::new();
        token.write(true).create_new(true).mode(0o600).open(directory.join("token"))?.write_all(TOKEN.as_bytes())?;
        let config = directory.join("dealclock.toml");
        fs::write(&config, configuration(&self.address))?;
        let made = Command::new(env!("CARGO_BIN_EXE_dealclock"))
            .args(["setup", "--connection", "acme", "--yes", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .status()?;
        if made.success() { Ok(config) } else { Err(format!("`dealclock setup` ended with {made}").into()) }
    }

    async fn command(&self, name: &str, body: &Value) -> Result<(), reqwest::Error> {
        let sent = self.http.post(format!("{}/sandbox/{name}", self.address)).json(body).send().await?;
        sent.error_for_status().map(drop)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // It ends with us at the latest; a process that is gone already is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(address: &str) -> String {
    format!(
        r#"[store]
path = "store"

[log]
level = "error"

[connection.acme]
kind = "hubspot"
token = {{ file = "token" }}
base_url = "{address}"
allow_local = true
poll = "5m"
fallback = "martina.keller@example.com"

[connection.acme.fields.opportunity]
proposal_sent_at = {{ stage_entered = "Proposal sent" }}

[connection.acme.stages]
Open = ["appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin"]
"Proposal sent" = ["contractsent"]
"#
    )
}
