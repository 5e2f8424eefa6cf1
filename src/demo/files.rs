//! The configuration and the rule file of the demo, written as an administrator would write them.

use std::fmt::Write;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dealclock_sandbox::Crm;
use dealclock_sandbox::company::{
    COMPLEX, Company, DELAY_REASON, DELAY_REASON_TEXT, DISCOUNT, DISCOUNT_APPROVED, MANAGER_DECISION, REQUEST_APPROVED,
    WANTED_UNTIL,
};

/// The name of the configuration file.
pub const CONFIG: &str = "dealclock.toml";

/// The running example, with tasks only: the demo has no mail server. It names no CRM, so it holds for every one.
const RULES: &str = include_str!("rules.toml");

/// The fields that the rules name, with the names that they have in HubSpot and in Salesforce.
const FIELDS: [(&str, [&str; 2]); 8] = [
    ("complex", [COMPLEX, "Complex__c"]),
    ("request_approved", [REQUEST_APPROVED, "Request_Approved__c"]),
    ("delay_reason", [DELAY_REASON, "Delay_Reason__c"]),
    ("delay_reason_text", [DELAY_REASON_TEXT, "Delay_Reason_Text__c"]),
    ("wanted_until", [WANTED_UNTIL, "Wanted_Until__c"]),
    ("manager_decision", [MANAGER_DECISION, "Manager_Decision__c"]),
    ("discount_percent", [DISCOUNT, "Discount_Percent__c"]),
    ("discount_approved", [DISCOUNT_APPROVED, "Discount_Approved__c"]),
];

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
    let kind = match crm {
        Crm::HubSpot => "hubspot",
        Crm::Salesforce => "salesforce",
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
[connection.{name}.roles]
sales-director = ["{fallback}"]

[connection.{name}.fields.opportunity]
proposal_sent_at = {{ stage_entered = "Proposal sent" }}
"#
    );
    for (field, [hubspot, salesforce]) in FIELDS {
        let crm_name = match crm {
            Crm::HubSpot => hubspot,
            Crm::Salesforce => salesforce,
        };
        let _ = writeln!(text, "{field} = {{ field = \"{crm_name}\" }}");
    }
    let _ = writeln!(text, "\n[connection.{name}.stages]");
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
