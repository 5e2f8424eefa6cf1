//! The configuration: layered, typed, and checked as a whole before anything runs.
//!
//! Three layers, the upper one winning key by key: the shipped `config/dealclock.toml`, the person's file, and the
//! environment (`DEALCLOCK__SECTION__KEY`). Secrets are never part of it, only references to where they stand.

mod absences;
mod auth;
mod build;
mod connection;
mod env;
mod faults;
mod kind;
mod layers;
mod load;
mod places;
mod redact;
mod schema;
mod secret;
mod walk;
mod web;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use dealclock_model::{ConnectionId, Fault};
use lettre::message::Mailbox;
use reqwest::Url;
use serde::Deserialize;

pub use auth::{Auth, Credentials, GrantKeys};
use build::Built;
pub use connection::{Connection, Holidays, PersonEntry};
pub use env::Environment;
pub use faults::Faults;
pub(crate) use kind::nearest;
pub use load::{Loaded, catalogs, read_rules, rule_sources};
pub(crate) use load::{load_calendar, read_rules_against};
pub use secret::{Secret, SecretRef};
pub use web::Web;

/// The shipped configuration: every key with its default, and the lowest layer.
pub const DEFAULTS: &str = include_str!("../../../config/dealclock.toml");

/// Everything that a person configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where state is kept.
    pub store: Store,
    /// What is logged.
    pub log: Log,
    /// Which rule files are read.
    pub rules: RuleFiles,
    /// The directory that reports on a schedule are written to.
    pub reports: PathBuf,
    /// The mail server; `None` while mail is not enabled.
    pub mail: Option<Mail>,
    /// Where CRMs call us; `None` while nobody is to listen.
    pub web: Option<Web>,
    /// The socket on which the running daemon answers.
    pub socket: PathBuf,
    /// The sandbox whose virtual clock is followed, instead of the machine's.
    pub follow: Option<Url>,
    /// The connections; at least one.
    pub connections: BTreeMap<ConnectionId, Connection>,
}

/// Where state is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    /// The store's directory.
    pub path: PathBuf,
    /// Memory for reading, in bytes.
    pub cache_bytes: u64,
    /// Compact at start when the store is this many times the size of what it holds.
    pub compact_at: f64,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Levels by part, as `tracing` reads them.
    pub level: String,
    /// For people or for programs.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which rule files are read.
#[derive(Clone, Debug)]
pub struct RuleFiles {
    /// Paths and patterns.
    pub patterns: Vec<PathBuf>,
    place: places::Place,
}

impl RuleFiles {
    /// A fault at the key that names the rule files.
    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        self.place.fault(message)
    }
}

/// The mail server and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: MailTls,
    /// The sender.
    pub from: Mailbox,
    /// The user and password, when the server wants them.
    pub login: Option<(String, Secret)>,
    /// What is done when the answer to a mail was lost.
    pub on_unknown: OnUnknown,
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// It begins in clear and must become encrypted before anything is said.
    Starttls,
    /// It is encrypted from the first byte.
    Implicit,
    /// It is not; only to a server on this machine or network.
    None,
}

/// What is done when it is unknown whether a mail was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// It is sent again with the same Message-ID.
    Again,
    /// It is not sent again.
    Drop,
}

impl Config {
    /// Reads the configuration: the shipped defaults, the file when one is given, and the environment above both.
    ///
    /// `kinds` are the connectors that this program has. The faults of all layers come together.
    pub fn load(path: Option<&Path>, environment: &Environment, kinds: &[&str]) -> Result<Config, Faults> {
        Config::open(path, environment, kinds)?.whole()
    }

    /// Reads the configuration from a file's text; its relative paths start at `directory`.
    pub fn read(
        name: &str,
        text: &str,
        directory: &Path,
        environment: &Environment,
        kinds: &[&str],
    ) -> Result<Config, Faults> {
        build::build(name, text, directory, environment, kinds).whole()
    }

    /// Reads as much as can be read; a file that cannot be opened ends it.
    fn open(path: Option<&Path>, environment: &Environment, kinds: &[&str]) -> Result<Built, Faults> {
        let (name, text) = match path {
            Some(path) => (path.display().to_string(), read(path)?),
            None => ("(no configuration file)".to_owned(), String::new()),
        };
        let directory = path.and_then(Path::parent).unwrap_or(Path::new(""));
        Ok(build::build(&name, &text, directory, environment, kinds))
    }

    /// Every secret that the configuration names and that cannot be read now.
    pub fn missing_secrets(&self, environment: &Environment) -> Vec<Fault> {
        let password = self.mail.iter().filter_map(|mail| mail.login.as_ref()).map(|(_, secret)| secret);
        let secrets = self.connections.values().flat_map(Connection::secrets);
        secrets.chain(password).filter_map(|secret| secret.read(environment).err()).collect()
    }
}

fn read(path: &Path) -> Result<String, Faults> {
    std::fs::read_to_string(path).map_err(|error| {
        let source = dealclock_model::fault::Source::new(path.display().to_string(), "");
        let fault = Fault::new(&source, 0..0, cannot_be_read(&error));
        Faults::from(fault.help("name the configuration with --config FILE"))
    })
}

/// That a file cannot be read, and why.
pub(crate) fn cannot_be_read(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "cannot be read: there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "cannot be read: this user may not read it".to_owned(),
        io::ErrorKind::IsADirectory => "cannot be read: it is a directory".to_owned(),
        other => format!("cannot be read: {other}"),
    }
}

#[cfg(test)]
mod tests;
