//! What this binary can do: its connectors, its sandbox and its demo.

use std::collections::BTreeMap;

use dealclock_daemon::cli::{BOTH, Exit, Failure};
use dealclock_daemon::kit::{Kind, Kit};
use dealclock_sandbox::Crm;

const HUBSPOT: &str = "hubspot";
const SALESFORCE: &str = "salesforce";

/// The CRM of a kind that the sandbox speaks like.
pub fn crm(kind: &str) -> Result<Crm, Failure> {
    match kind {
        HUBSPOT => Ok(Crm::HubSpot),
        SALESFORCE => Ok(Crm::Salesforce),
        other => Err(Failure::new(Exit::Usage, format!("there is no sandbox for `{other}`"))),
    }
}

/// One CRM, or all of them.
pub fn crms(kind: &str) -> Result<Vec<Crm>, Failure> {
    if kind == BOTH { Ok(vec![Crm::HubSpot, Crm::Salesforce]) } else { Ok(vec![crm(kind)?]) }
}

/// Everything that the daemon gets from the binary.
pub fn kit() -> Kit {
    let hubspot = Kind {
        open: dealclock_hubspot::connect,
        hosts: dealclock_hubspot::HOSTS,
        auth: Some(&dealclock_hubspot::auth::DIALECT),
    };
    let salesforce = Kind {
        open: dealclock_salesforce::connect,
        hosts: dealclock_salesforce::HOSTS,
        auth: Some(&dealclock_salesforce::auth::DIALECT),
    };
    let plugin = Kind { open: dealclock_plugin::connect, hosts: dealclock_plugin::HOSTS, auth: None };
    Kit {
        connectors: BTreeMap::from([(HUBSPOT, hubspot), (SALESFORCE, salesforce), (dealclock_plugin::KIND, plugin)]),
        sandboxes: &[HUBSPOT, SALESFORCE],
        demo: |args, output| Box::pin(crate::demo::run(args, output)),
        sandbox: |args, output| Box::pin(crate::sandbox::run(args, output)),
    }
}
