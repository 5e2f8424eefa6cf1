//! The real program in processes of its own: a sandbox with a company at work, and a daemon that follows its clock.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use dealclock_sandbox::audit::{AuditReport, AuditedRule, Tolerance, audit};
use dealclock_sandbox::company::{Company, CompanyOptions};
use dealclock_sandbox::dump::Dump;
use dealclock_sandbox::{App, Crm};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::{Interval, MissedTickBehavior};

/// The files of `dealclock demo`, so that what is tested here is what people are shown.
#[path = "../../src/demo/files.rs"]
mod files;

const TOKEN: &str = "pat-na1-canary";

/// Whatever has not come about after so long never will.
const LIMIT: Duration = Duration::from_secs(100);

/// The program, told nothing by the environment of the test.
pub fn dealclock() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dealclock"));
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// What is counted to see how far a daemon has come.
#[derive(Clone, Copy, Debug)]
pub enum Progress {
    /// All calls.
    Calls,
    /// Answers that something was made; once the fields are there, that is tasks.
    Made,
}

/// A sandbox in a process, and the directory of a daemon for it.
pub struct World {
    company: Company,
    address: String,
    http: reqwest::Client,
    place: TempDir,
    /// Ends with the world.
    _sandbox: Child,
}

impl World {
    /// A company of a seed for so many days; the daemon's fields are made already.
    pub async fn start(crm: Crm, seed: u64, days: u32) -> World {
        let company = Company::new(seed, &CompanyOptions { days, ..CompanyOptions::default() });
        let mut sandbox = dealclock()
            .args(["sandbox", "--crm", kind(crm), "--listen", "127.0.0.1:0", "--time", "lockstep", "--json"])
            .args(["--token", TOKEN, "--seed", &seed.to_string(), "--days", &days.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let address = read_address(&mut sandbox).await;
        let place = tempfile::tempdir().unwrap();
        let app = App::default();
        let entrance = match crm {
            Crm::HubSpot => files::Entrance::Token(TOKEN),
            Crm::Salesforce => files::Entrance::App { id: &app.client_id, secret: &app.client_secret },
        };
        let link = files::Link { name: "acme", crm, company: &company, address: &address, entrance };
        files::write(place.path(), &[link]).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let world = World { company, address, http, place, _sandbox: sandbox };
        let made = world.ask(&["setup", "--connection", "acme", "--yes"]).await;
        assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
        world
    }

    /// Starts the daemon.
    pub fn daemon(&self) -> Daemon {
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&["run"]);
        Daemon { child: command.stdout(Stdio::null()).stderr(log).spawn().unwrap(), log: self.log() }
    }

    /// Runs a command beside the daemon, to its end.
    pub async fn ask(&self, arguments: &[&str]) -> Output {
        tokio::time::timeout(LIMIT, self.command(arguments).output()).await.unwrap().unwrap()
    }

    /// Where the daemon keeps its state.
    pub fn store(&self) -> PathBuf {
        self.place.path().join("store")
    }

    /// How far the daemon has come.
    async fn progress(&self, progress: Progress) -> u64 {
        let calls = self.get("calls").await;
        match progress {
            Progress::Calls => calls["calls"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum(),
            // A collection of tasks is answered with 200 whatever became of them.
            Progress::Made => {
                let sent = calls["calls"].as_object().unwrap().iter();
                let sent = sent.filter(|(call, _)| call.ends_with("sf.collections.create"));
                let sent: u64 = sent.map(|(_, count)| count.as_u64().unwrap()).sum();
                sent + calls["statuses"]["201"].as_u64().unwrap_or_default()
            }
        }
    }

    /// The account with its history.
    pub async fn dump(&self) -> Dump {
        serde_json::from_value(self.get("dump").await).unwrap()
    }

    /// What the auditor says of the account.
    pub fn audit(&self, dump: &Dump) -> AuditReport {
        audit(dump, &AuditedRule::running_example(&self.company, dump), &Tolerance::usual(self.company.start))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = dealclock();
        command.arg("--config").arg(self.place.path().join(files::CONFIG)).args(arguments);
        command
    }

    fn log(&self) -> PathBuf {
        self.place.path().join("log")
    }

    async fn get(&self, command: &str) -> Value {
        let answer = self.http.get(format!("{}/sandbox/{command}", self.address)).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

fn kind(crm: Crm) -> &'static str {
    match crm {
        Crm::HubSpot => "hubspot",
        Crm::Salesforce => "salesforce",
    }
}

/// Reads the JSON document that says where the sandbox listens.
pub async fn read_address(sandbox: &mut Child) -> String {
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

/// A daemon that was started; killed when it is dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Waits until it has come so much further.
    pub async fn gets_on(&mut self, world: &World, progress: Progress, times: u64) {
        let until = world.progress(progress).await + times;
        let got_on = async {
            let mut look = looks();
            while world.progress(progress).await < until {
                look.tick().await;
                if let Some(status) = self.child.try_wait().unwrap() {
                    panic!("the daemon ended too early, {status}: {}", self.said());
                }
            }
        };
        let in_time = tokio::time::timeout(LIMIT, got_on).await;
        assert!(in_time.is_ok(), "the daemon does not get on: {}", self.said());
    }

    /// Kills it in the middle of whatever it does, and asserts that this is what ended it.
    pub async fn kill(mut self) {
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "the daemon ended by itself, {status}: {}", self.said());
    }

    /// Tells it to stop.
    pub async fn terminate(self) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").arg(id).status().await.unwrap().success());
        self.end().await;
    }

    /// Waits until it ends, and asserts that it ends well.
    pub async fn end(mut self) {
        let status: ExitStatus = tokio::time::timeout(LIMIT, self.child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "{}", self.said());
        assert_eq!(self.said(), "", "nothing went wrong");
    }

    fn said(&self) -> String {
        std::io::read_to_string(File::open(&self.log).unwrap()).unwrap()
    }
}

/// How often a condition is looked at.
fn looks() -> Interval {
    let mut looks = tokio::time::interval(Duration::from_millis(1));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}
