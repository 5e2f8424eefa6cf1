//! The configuration and the rule file of the demo, written as an administrator would write them.

use std::fmt::Write;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dealclock_sandbox::company::{COMPLEX, Company};

/// The name of the configuration file.
pub const CONFIG: &str = "dealclock.toml";

/// The running example, with tasks only: the demo has no mail server.
const RULES: &str = r#"# A proposal within five days, for every opportunity of 50,000 and more.

[rule.proposal]
title = "Proposal within 5 days"
object = "opportunity"
when = 'amount >= 50000 && stage == "Open"'
start = "stage_entered_at"
until = "proposal_sent_at != null"
deadline = "5d"
silenced_while = "complex"

[[rule.proposal.remind]]
at = "1d"
subject = "Prepare a proposal for {{ record.name }}"

[[rule.proposal.remind]]
at = "4d"
subject = "Proposal for {{ record.name }} is due {{ due | date }}"
"#;

/// Writes everything that `dealclock run` needs into a directory.
pub fn write(directory: &Path, company: &Company, address: &str, token: &str) -> io::Result<()> {
    std::fs::create_dir_all(directory.join("rules"))?;
    std::fs::write(directory.join("rules/proposal.toml"), RULES)?;
    let mut secret = std::fs::OpenOptions::new();
    let mut secret = secret.write(true).create(true).truncate(true).mode(0o600).open(directory.join("token"))?;
    io::Write::write_all(&mut secret, token.as_bytes())?;
    std::fs::write(directory.join(CONFIG), config(company, address))
}

fn config(company: &Company, address: &str) -> String {
    let fallback = &company.cast.director().person.email;
    let mut text = format!(
        r#"# Made by `dealclock demo`.

[store]
path = "store"

[log]
level = "error"

[clock]
follow = "{address}"

[connection.acme]
kind = "hubspot"
token = {{ file = "token" }}
base_url = "{address}"
allow_local = true
poll = "5m"
fallback = "{fallback}"

[connection.acme.fields.opportunity]
complex = {{ field = "{COMPLEX}" }}
proposal_sent_at = {{ stage_entered = "Proposal sent" }}

[connection.acme.stages]
"#
    );
    for (name, ids) in company.stages() {
        let _ = writeln!(text, "{name:?} = {ids:?}");
    }
    text.push_str("\n[connection.acme.managers]\n");
    for (person, manager) in company.managers() {
        let _ = writeln!(text, "{person:?} = {manager:?}");
    }
    text
}
