//! The configuration of a connection to either CRM, as an administrator writes it, with the daemon on the account's time.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use dealclock_sandbox::{App, Crm, HubSpotApp};

use crate::account::TOKEN;
use crate::files::RULE;

/// What lets the daemon in.
#[derive(Clone, Copy, Debug)]
pub enum Entrance {
    /// A token that stays.
    Token,
    /// The app's own id and secret.
    App,
    /// A person, who allows the app.
    Person,
}

/// Writes the configuration, its rule and its secret, for an account at an address.
pub fn write(directory: &Path, crm: Crm, entrance: Entrance, address: &str) {
    std::fs::create_dir(directory.join("rules")).unwrap();
    std::fs::write(directory.join("rules/proposal.toml"), RULE).unwrap();
    let (kind, complex, stages, id, app_secret) = match crm {
        Crm::HubSpot => {
            let app = HubSpotApp::default();
            ("hubspot", "complex", ["appointmentscheduled", "contractsent"], app.client_id, app.client_secret)
        }
        Crm::Salesforce => {
            let app = App::default();
            ("salesforce", "Complex__c", ["Prospecting", "Negotiation/Review"], app.client_id, app.client_secret)
        }
    };
    let login = |grant: &str| {
        format!(
            "[connection.acme.auth]\ngrant = \"{grant}\"\nclient_id = \"{id}\"\n\
             client_secret = {{ file = \"secret\" }}\n"
        )
    };
    let (token, auth, secret) = match entrance {
        Entrance::Token => ("token = { file = \"secret\" }\n", String::new(), TOKEN),
        Entrance::App => ("", login("client_credentials"), app_secret.as_str()),
        Entrance::Person => ("", login("authorization_code"), app_secret.as_str()),
    };
    let (port, [open, sent]) = (free_port(), stages);
    let config = format!(
        r#"[clock]
follow = "{address}"

[web]
listen = "127.0.0.1:{port}"

[connection.acme]
kind = "{kind}"
{token}base_url = "{address}"
allow_local = true
poll = "1h"

{auth}
[connection.acme.fields.opportunity]
complex = {{ field = "{complex}" }}

[connection.acme.stages]
Open = ["{open}"]
"Contract Sent" = ["{sent}"]
"#
    );
    std::fs::write(directory.join("dealclock.toml"), config).unwrap();
    let mut file = OpenOptions::new();
    let mut file = file.write(true).create_new(true).mode(0o600).open(directory.join("secret")).unwrap();
    std::io::Write::write_all(&mut file, secret.as_bytes()).unwrap();
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
