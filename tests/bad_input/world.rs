//! The real program beside an account in this process: a daemon that follows the account's time, which stands still
//! while a test acts.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::future::Future;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use dealclock_sandbox::edit::{Edit, Properties};
use dealclock_sandbox::time::{Director, TimeMode, VirtualTime, routes};
use dealclock_sandbox::{AdminAct, Crm, OrgOptions, Sandbox, serve_with};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::account::{ANNA, Account, TOKEN};
use crate::configuration::{Entrance, write};
use crate::daemon::at;

/// Whatever has not come about after so long never will.
const LIMIT: Duration = Duration::from_secs(60);

/// When something breaks: Anna's reminder is due two hours later, at nine on Tuesday in Berlin.
pub const BROKEN: &str = "Tue 06:07";
/// When it is mended.
pub const MENDED: &str = "Tue 12:07";

/// An account, the directory of an administrator, and a daemon.
pub struct World {
    /// The CRM.
    pub sandbox: Sandbox,
    /// Where the account is called.
    pub address: String,
    crm: Crm,
    time: VirtualTime,
    directory: TempDir,
    daemon: Option<Child>,
}

/// What the program said.
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its words on one line, as a table breaks sentences where it likes.
    pub words: String,
}

impl World {
    /// An account with its fields made, and no daemon yet.
    pub async fn open(crm: Crm, entrance: Entrance) -> World {
        let start = at("Mon 08:00");
        let sandbox = match crm {
            Crm::HubSpot => Account::new(start).sandbox,
            Crm::Salesforce => {
                let sandbox = Sandbox::org(&OrgOptions::new(TOKEN, start));
                sandbox.seed_deals(0, 1);
                sandbox
            }
        };
        let director = Director::new(sandbox.clone(), Vec::new());
        let time = VirtualTime::new(director, TimeMode::Lockstep { expected_followers: 2 }, None);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve_with(sandbox.clone(), routes(time.clone()), listener));
        let world = World { sandbox, address, crm, time, directory: tempfile::tempdir().unwrap(), daemon: None };
        write(world.directory.path(), crm, entrance, &world.address);
        if let Entrance::Person = entrance {
            world.allow().await;
        }
        let made = world.ask(&["setup", "--connection", "acme", "--yes"]).await;
        assert_eq!(made.code, 0, "{}", made.words);
        world
    }

    /// The same with a daemon that is live, and with a deal of which Anna is to be reminded; time has come to
    /// [`BROKEN`].
    pub async fn with_a_deal(crm: Crm, entrance: Entrance) -> World {
        let mut world = World::open(crm, entrance).await;
        world.start();
        world.until("Mon 09:07").await;
        world.add_deal();
        world.until(BROKEN).await;
        assert_eq!((world.reminders(), world.troubles().await), (0, String::new()), "{}", world.logged());
        world
    }

    /// What broke is told by the daemon and by `check --online`; nobody is reminded meanwhile, and at most so many
    /// logins are tried. Time comes to [`MENDED`].
    pub async fn suffer(&mut self, code: i32, words: &[&str], most_logins: u64) {
        let before = self.logins();
        self.until(MENDED).await;
        let tried = self.logins() - before;
        assert_eq!(self.reminders(), 0);
        let told = self.troubles().await;
        assert!(tried <= most_logins, "{tried} logins; {told}");
        assert_words("status", &told, words);
        self.check(&["check", "--online"], code, words).await;
        assert!(self.logins() - before - tried <= 2, "`check` asks once for its own token, and once for another");
    }

    /// It was mended: the daemon works again by itself, and the one reminder appears once, also for a daemon that is
    /// started anew.
    pub async fn recover(&mut self) {
        self.until("Wed 12:07").await;
        assert_eq!((self.reminders(), self.troubles().await), (1, String::new()), "{}", self.logged());
        self.restart().await;
        self.until("Wed 16:07").await;
        assert_eq!((self.reminders(), self.troubles().await), (1, String::new()), "{}", self.logged());
    }

    /// Starts the daemon.
    pub fn start(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let child = self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.daemon = Some(child);
    }

    /// Kills the daemon wherever it is, and starts another.
    pub async fn restart(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.kill().await.unwrap();
        self.start();
    }

    /// Lets time pass while the daemon follows it.
    pub async fn until(&mut self, when: &str) {
        let daemon = self.daemon.as_mut().unwrap();
        let passing = async {
            tokio::select! {
                _ = self.time.sleep("test", at(when)) => None,
                ended = daemon.wait() => Some(format!("the daemon ended: {}", ended.unwrap())),
            }
        };
        let ended = tokio::time::timeout(LIMIT, passing).await;
        let ended = ended.unwrap_or_else(|_| Some("time stands still".to_owned()));
        if let Some(what) = ended {
            panic!("{when} never came, {what}: {}", self.logged());
        }
    }

    /// What is failing, and what must be mended, in the words of `dealclock status`.
    pub async fn troubles(&self) -> String {
        let connection = self.connection().await;
        let troubles = connection["troubles"].as_object().unwrap().iter();
        let mut told: String =
            troubles.map(|(work, trouble)| format!("{work}: {}; ", text(trouble, "message"))).collect();
        for problem in connection["problems"].as_array().unwrap().iter().filter(|problem| problem["fatal"] == true) {
            write!(told, "{}: {}; ", text(problem, "what"), text(problem, "way_out")).unwrap();
        }
        told
    }

    /// What `dealclock status` says of the connection while the daemon runs.
    pub async fn connection(&self) -> Value {
        let answer = async || {
            let output = self.command(&["--json", "status"]).output().await.unwrap();
            let status: Value = serde_json::from_slice(&output.stdout).ok()?;
            (status["running"] == true).then(|| status["connections"][0].clone())
        };
        self.until_some(answer).await
    }

    /// Runs a command to its end, and looks at its exit code and its words.
    pub async fn check(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let said = self.ask(arguments).await;
        assert_eq!(said.code, code, "{arguments:?}: {}", said.words);
        assert_words(&arguments.join(" "), &said.words, words);
    }

    /// Runs a command to its end.
    pub async fn ask(&self, arguments: &[&str]) -> Said {
        hear(&tokio::time::timeout(LIMIT, self.command(arguments).output()).await.unwrap().unwrap())
    }

    /// A person allows the app: opens the address that is shown, and pastes where the browser was sent.
    pub async fn allow(&self) {
        let mut command = self.command(&["auth", "acme", "--paste"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
        let address = loop {
            let line = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
            if let Some(path) = line.trim().strip_prefix(&self.address) {
                break format!("{}{path}", self.address);
            }
        };
        let browser =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let sent = browser.get(address).send().await.unwrap();
        let location = sent.headers()["location"].to_str().unwrap();
        child.stdin.take().unwrap().write_all(format!("{location}\n").as_bytes()).await.unwrap();
        let said = hear(&child.wait_with_output().await.unwrap());
        assert_eq!(said.code, 0, "{}", said.words);
    }

    /// An administrator does something to the org.
    pub fn administer(&self, act: AdminAct) {
        self.sandbox.administer(act);
    }

    /// Somebody opens a deal now.
    pub fn add_deal(&self) {
        let stage = match self.crm {
            Crm::HubSpot => "appointmentscheduled",
            Crm::Salesforce => "Prospecting",
        };
        let properties = [
            ("dealname", "Rollout"),
            ("pipeline", "default"),
            ("amount", "60000"),
            ("dealstage", stage),
            ("hubspot_owner_id", ANNA),
        ];
        let properties: Properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        self.sandbox.edit(&Edit::CreateDeal { handle: "deal".to_owned(), properties, by: ANNA.to_owned() }).unwrap();
    }

    /// How many tasks there ever were, deleted ones included.
    pub fn reminders(&self) -> usize {
        let tasks = match self.crm {
            Crm::HubSpot => "tasks",
            Crm::Salesforce => "Task",
        };
        self.sandbox.dump().records.get(tasks).map_or(0, Vec::len)
    }

    /// How often a token was asked for.
    pub fn logins(&self) -> u64 {
        let endpoint = match self.crm {
            Crm::HubSpot => "POST /oauth/token",
            Crm::Salesforce => "sf.token",
        };
        self.sandbox.calls().calls.get(endpoint).copied().unwrap_or_default()
    }

    /// Changes the configuration.
    pub fn change_config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("dealclock.toml")).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.path("dealclock.toml"), text.replacen(from, to, 1)).unwrap();
    }

    /// Puts a rule in the place of the one that is there.
    pub fn set_rule(&self, rule: &str) {
        std::fs::write(self.path("rules/proposal.toml"), rule).unwrap();
    }

    /// Sends a call of the CRM's control interface that has no counterpart in this process.
    pub fn control(&self, command: &str) {
        let request = http::Request::post(format!("/sandbox/{command}")).body(Bytes::from("{}")).unwrap();
        assert!(self.sandbox.handle(request).unwrap().status().is_success());
    }

    /// Everything that the daemon has logged.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Looks until something has come about.
    async fn until_some<T, F: Future<Output = Option<T>>>(&self, mut look: impl FnMut() -> F) -> T {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let seen = async {
            loop {
                looks.tick().await;
                if let Some(found) = look().await {
                    return found;
                }
            }
        };
        tokio::time::timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("no daemon answers: {}", self.logged()))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dealclock"));
        command.env_clear().stdin(Stdio::null()).kill_on_drop(true).current_dir(self.directory.path()).args(arguments);
        command
    }

    /// A file of the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn hear(output: &Output) -> Said {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let words = text.replace(['│', '┆', '|'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    for secret in [TOKEN, "7C1A55E2B0", "7c3ce02c-0f0c", "AR8AQ", "5Aep861"] {
        assert!(!words.contains(secret), "{words}");
    }
    Said { code: output.status.code().unwrap(), words }
}

fn assert_words(who: &str, told: &str, words: &[&str]) {
    for word in words {
        assert!(told.contains(word), "{who} does not say `{word}`: {told}");
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
