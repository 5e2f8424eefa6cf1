//! A sandbox account of either CRM in a process of its own, and the files of a daemon that works with it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dealclock_model::Instant;
use dealclock_sandbox::edit::{DealName, Edit};
use dealclock_sandbox::{Calls, Crm};
use serde_json::{Value, json};

/// The token of the account; worth nothing anywhere else.
const TOKEN: &str = "token-of-the-measured-account";

/// A sandbox that runs until this is dropped.
pub struct Account {
    process: Child,
    http: reqwest::Client,
    address: String,
    crm: Crm,
    /// Its time at the start.
    pub start: Instant,
}

/// The name of a kind of CRM, as the command line and a configuration have it.
pub fn kind(crm: Crm) -> &'static str {
    match crm {
        Crm::HubSpot => "hubspot",
        Crm::Salesforce => "salesforce",
    }
}

impl Account {
    /// Starts a sandbox with so many deals; its clock stands still unless it is turned.
    pub fn open(crm: Crm, deals: usize) -> Result<Account, Box<dyn Error>> {
        let deals = deals.to_string();
        let mut process = Command::new(env!("CARGO_BIN_EXE_dealclock"))
            .args(["--json", "sandbox", "--listen", "127.0.0.1:0", "--time", "manual", "--token", TOKEN])
            .args(["--crm", kind(crm), "--deals", &deals])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("the sandbox has no output")?;
        let mut documents = serde_json::Deserializer::from_reader(output).into_iter::<Value>();
        let hello = documents.next().ok_or("the sandbox said nothing")??;
        let address = hello["address"].as_str().ok_or("the sandbox told no address")?.to_owned();
        let start = hello["now"].as_str().ok_or("the sandbox told no time")?.parse()?;
        Ok(Account { process, http: reqwest::Client::builder().no_proxy().build()?, address, crm, start })
    }

    /// Turns its clock.
    pub async fn set_time(&self, now: Instant) -> Result<(), reqwest::Error> {
        self.command("time", &json!({ "set": now })).await
    }

    /// A person changes the amount of a deal.
    pub async fn change_amount(&self, deal: &str, amount: u32) -> Result<(), reqwest::Error> {
        self.change(deal, "amount", amount.to_string()).await
    }

    /// A person changes a property of a deal.
    pub async fn change(&self, deal: &str, property: &str, value: String) -> Result<(), reqwest::Error> {
        let properties = [(property.to_owned(), value)].into();
        self.edit(&Edit::SetDeal { deal: DealName::Id(deal.to_owned()), properties, by: "28604201".to_owned() }).await
    }

    /// People do something in the account's own pages.
    pub async fn edit(&self, edit: &Edit) -> Result<(), reqwest::Error> {
        self.command("edit", &json!(edit)).await
    }

    /// Calls by endpoint since the last time this was asked.
    pub async fn take_calls(&self) -> Result<BTreeMap<String, u64>, reqwest::Error> {
        let Calls { calls, .. } = self.ask("calls").await?.json().await?;
        self.command("reset-calls", &json!({})).await?;
        Ok(calls)
    }

    /// Asks the control interface.
    pub async fn ask(&self, name: &str) -> Result<reqwest::Response, reqwest::Error> {
        self.http.get(format!("{}/sandbox/{name}", self.address)).send().await?.error_for_status()
    }

    /// Writes the files of a daemon with a rule file and further keys of its connection, and makes the fields that it
    /// needs in the account; gives the configuration's path.
    pub fn prepare(&self, directory: &Path, rules: &str, keys: &str) -> Result<PathBuf, Box<dyn Error>> {
        fs::create_dir_all(directory.join("rules"))?;
        fs::write(directory.join("rules/measured.toml"), rules)?;
        let mut token = fs::OpenOptions::new();
        token.write(true).create_new(true).mode(0o600).open(directory.join("token"))?.write_all(TOKEN.as_bytes())?;
        let config = directory.join("dealclock.toml");
        fs::write(&config, configuration(self.crm, &self.address, keys))?;
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

fn configuration(crm: Crm, address: &str, keys: &str) -> String {
    let (kind, stages) = (kind(crm), stages(crm));
    format!(
        r#"[store]
path = "store"

[log]
level = "error"

[connection.acme]
kind = "{kind}"
token = {{ file = "token" }}
base_url = "{address}"
allow_local = true
fallback = "martina.keller@example.com"
{keys}

[connection.acme.fields.opportunity]
proposal_sent_at = {{ stage_entered = "Proposal sent" }}

[connection.acme.stages]
{stages}
"#
    )
}

fn stages(crm: Crm) -> &'static str {
    match crm {
        Crm::HubSpot => {
            r#"Open = ["appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin"]
"Proposal sent" = ["contractsent"]"#
        }
        Crm::Salesforce => {
            r#"Open = ["Prospecting", "Qualification", "Needs Analysis"]
"Proposal sent" = ["Proposal/Price Quote"]"#
        }
    }
}
