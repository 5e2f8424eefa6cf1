//! The files of an administrator: a configuration of some connections, their tokens, and one rule.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::account::{MARTINA, TOKEN};

/// A proposal within five days, with one reminder.
pub const RULE: &str = r#"[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
start = "stage_entered_at"
until = 'stage == "Contract Sent"'
deadline = "5d"
silenced_while = "complex"

[[rule.proposal.remind]]
at = "1d"
subject = "Prepare a proposal for {{ record.name }}"
"#;

/// A directory with everything that a daemon needs.
pub struct Files {
    directory: TempDir,
}

impl Files {
    /// The files for connections, each with the address of its CRM.
    pub fn new(connections: &[(&str, &str)]) -> Files {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("rules")).unwrap();
        let mut config = String::new();
        for (name, address) in connections {
            writeln!(
                config,
                r#"[connection.{name}]
kind = "hubspot"
token = {{ file = "{name}.token" }}
base_url = "{address}"
allow_local = true
poll = "20m"
fallback = "{MARTINA}"

[connection.{name}.fields.opportunity]
complex = {{ field = "complex" }}

[connection.{name}.stages]
Open = ["appointmentscheduled"]
"#
            )
            .unwrap();
        }
        let files = Files { directory };
        fs::write(files.config(), config).unwrap();
        files.set_rule(RULE);
        for (name, _) in connections {
            files.set_token(name, TOKEN);
        }
        files
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path().join("dealclock.toml")
    }

    /// Changes the configuration.
    pub fn change_config(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    /// Puts a rule in the place of the one that is there.
    pub fn set_rule(&self, text: &str) {
        fs::write(self.path().join("rules/proposal.toml"), text).unwrap();
    }

    /// Puts a token in the place of a connection's own.
    pub fn set_token(&self, connection: &str, token: &str) {
        let file = self.path().join(format!("{connection}.token"));
        fs::write(&file, token).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
