//! Exit codes: a promise to scripts, shown by `dealclock --help`.

use std::fmt;

use dealclock_connector::{Error as CrmError, ErrorKind};
use dealclock_model::ConnectionId;
use dealclock_store::StoreError;
use serde::Serialize;

use crate::config::{Config, Faults};
use crate::connect::ConnectError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// The command worked, and what it looked at is not right: a failed test, a doubled reminder, an unknown record,
    /// rule, approval or connection.
    Found = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration or a rule file has faults.
    Faulty = 3,
    /// The store is in use, damaged, of a newer version, or the disk refuses.
    Store = 4,
    /// The CRM cannot be reached or refuses us.
    Crm = 5,
    /// No daemon runs on this store, or it did not answer.
    NoDaemon = 6,
    /// Something else went wrong.
    Broken = 7,
}

/// The table for `--help`.
pub(super) const TABLE: &str = "\
Exit codes:
  0  all is well
  1  it worked, and what it looked at is not right: a failed test, a doubled or missing reminder, an unknown record,
     rule, approval or connection
  2  the command line is wrong
  3  the configuration or a rule file has faults
  4  the store is in use, damaged, or of a newer version, or the disk refuses
  5  the CRM cannot be reached or refuses us
  6  no daemon runs on this store, or it did not answer
  7  something else went wrong: a file cannot be written, a port is taken";

/// What an error names that says itself what to do; another way out beside it would lead astray.
const WAYS_OUT: [&str; 3] = ["`dealclock ", "`ca_file`", "`command`"];

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}

/// Why a command could not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// Files have faults.
    Faulty(Faults),
    /// Anything else.
    Other {
        /// The exit code.
        exit: Exit,
        /// What went wrong and the way out, for a person.
        message: String,
    },
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure::Other { exit, message: message.into() }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Faulty(_) => Exit::Faulty,
            Failure::Other { exit, .. } => *exit,
        }
    }

    /// A connection that is not configured.
    pub(super) fn no_connection(name: &str, config: &Config) -> Failure {
        let known: Vec<&str> = config.connections.keys().map(ConnectionId::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Failure::new(Exit::Found, format!("there is no connection `{name}`; configured: {known}"))
    }

    /// An error of a CRM, with what was attempted on which connection, and the way out where it does not name one itself.
    pub fn crm(connection: &str, error: &CrmError) -> Failure {
        if WAYS_OUT.iter().any(|way_out| error.message.contains(way_out)) {
            return Failure::new(Exit::Crm, format!("connection `{connection}`: {error}"));
        }
        let way_out = match error.kind {
            ErrorKind::Unauthorized => "check the token or the login, and its rights",
            ErrorKind::Transient { .. } => "check the network and the CRM's status page, then try again",
            ErrorKind::Throttled { .. } => {
                "try again later; `share` and `daily_share` say how much of the limits is ours"
            }
            ErrorKind::Conflict | ErrorKind::Unknown => "try again",
            ErrorKind::Locked => "the record is locked by an approval; try again when it has ended",
            ErrorKind::Rejected => "the CRM will not take it as it is",
        };
        Failure::new(Exit::Crm, format!("connection `{connection}`: {error}\n  help: {way_out}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Faulty(faults) => fmt::Display::fmt(faults, f),
            Failure::Other { message, .. } => f.write_str(message),
        }
    }
}

impl From<Faults> for Failure {
    fn from(faults: Faults) -> Failure {
        Failure::Faulty(faults)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::new(Exit::Store, chain(&error))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Failure {
        match error {
            ConnectError::Faulty(fault) => Failure::Faulty(Faults::from(fault)),
            ConnectError::NoSuchKind(_) => Failure::new(Exit::Faulty, error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::new(Exit::Broken, error.to_string())
    }
}

/// An error with its causes on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code_once() {
        let all =
            [Exit::Ok, Exit::Found, Exit::Usage, Exit::Faulty, Exit::Store, Exit::Crm, Exit::NoDaemon, Exit::Broken];
        let codes: Vec<String> = TABLE
            .lines()
            .skip(1)
            .filter(|line| !line.starts_with("   "))
            .map(|line| line.trim()[..1].to_owned())
            .collect();
        assert_eq!(codes, all.map(|exit| (exit as u8).to_string()));
    }

    #[test]
    fn an_error_that_names_its_way_out_gets_no_other() {
        for (message, has_help) in [
            ("nobody has allowed access yet; run `dealclock auth acme`", false),
            ("check: the program of `command` cannot be started: the program ended", false),
            ("invalid peer certificate: UnknownIssuer; name its authority as `ca_file` if you trust it", false),
            ("timed out", true),
        ] {
            let failure = Failure::crm("acme", &CrmError::transient(message)).to_string();
            assert_eq!(failure.contains("help: "), has_help, "{failure}");
        }
    }
}
