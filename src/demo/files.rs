//! The configuration and the rule file of the demo, written as an administrator would write them.

use std::fmt::Write;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dealclock_sandbox::Crm;
use dealclock_sandbox::company::{COMPLEX, Company};

/// The name of the configuration file.
pub const CONFIG: &str = "dealclock.toml";

/// The running example, with tasks only: the demo has no mail server. It names no CRM, so it holds for every one.
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

/// A connection to be configured.
pub struct Link<'a> {
    /// Its name.
    pub name: &'a str,
    /// The CRM at the other end.
    pub crm: Crm,
    /// Who works there.
    pub company: &'a Company,
    /// Where it is.
    pub address: &'a str,
    /// What lets the daemon in.
    pub entrance: Entrance<'a>,
}

/// What lets the daemon in.
#[derive(Clone, Copy)]
pub enum Entrance<'a> {
    /// A token that stays.
    Token(&'a str),
    /// The id and the secret of an app, which fetches tokens itself.
    #[allow(dead_code, reason = "the simulation, which shares this file, has tokens only")]
    App {
        /// The app's id.
        id: &'a str,
        /// Its secret.
        secret: &'a str,
    },
}

/// Writes everything that `dealclock run` needs into a directory; the daemon follows the time of the first link.
pub fn write(directory: &Path, links: &[Link<'_>]) -> io::Result<()> {
    std::fs::create_dir_all(directory.join("rules"))?;
    std::fs::write(directory.join("rules/proposal.toml"), RULES)?;
    for link in links {
        let (Entrance::Token(secret) | Entrance::App { secret, .. }) = link.entrance;
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create(true).truncate(true).mode(0o600).open(directory.join(secret_file(link)))?;
        io::Write::write_all(&mut { file }, secret.as_bytes())?;
    }
    let follow = links.first().map_or("", |link| link.address);
    let head = format!(
        r#"# Made by `dealclock demo`.

[store]
path = "store"

[log]
level = "error"

[clock]
follow = "{follow}"
"#
    );
    let text = links.iter().map(connection).fold(head, |text, connection| text + &connection);
    std::fs::write(directory.join(CONFIG), text)
}

fn secret_file(link: &Link<'_>) -> String {
    match link.entrance {
        Entrance::Token(_) => format!("{}.token", link.name),
        Entrance::App { .. } => format!("{}.secret", link.name),
    }
}

fn connection(link: &Link<'_>) -> String {
    let Link { name, crm, company, address, entrance } = link;
    let fallback = &company.cast.director().person.email;
    let (kind, complex) = match crm {
        Crm::HubSpot => ("hubspot", COMPLEX),
        Crm::Salesforce => ("salesforce", "Complex__c"),
    };
    let file = secret_file(link);
    let token = match entrance {
        Entrance::Token(_) => format!("token = {{ file = \"{file}\" }}\n"),
        Entrance::App { .. } => String::new(),
    };
    let mut text = format!(
        r#"
[connection.{name}]
kind = "{kind}"
{token}base_url = "{address}"
allow_local = true
poll = "5m"
fallback = "{fallback}"
"#
    );
    if let Entrance::App { id, .. } = entrance {
        let _ = write!(
            text,
            "\n[connection.{name}.auth]\ngrant = \"client_credentials\"\nclient_id = \"{id}\"\n\
             client_secret = {{ file = \"{file}\" }}\n"
        );
    }
    let _ = write!(
        text,
        r#"
[connection.{name}.fields.opportunity]
complex = {{ field = "{complex}" }}
proposal_sent_at = {{ stage_entered = "Proposal sent" }}

[connection.{name}.stages]
"#
    );
    for (stage, ids) in company.stages(*crm) {
        let _ = writeln!(text, "{stage:?} = {ids:?}");
    }
    match crm {
        Crm::HubSpot => {
            let _ = writeln!(text, "\n[connection.{name}.managers]");
            for (person, manager) in company.managers() {
                let _ = writeln!(text, "{person:?} = {manager:?}");
            }
        }
        // Users know their managers here.
        Crm::Salesforce => {}
    }
    text
}
