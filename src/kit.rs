//! What this binary can do: its connectors, its sandbox and its demo.

use std::collections::BTreeMap;

use dealclock_daemon::kit::{Kind, Kit};

/// The kind of CRM that the sandbox speaks like.
pub const HUBSPOT: &str = "hubspot";

/// Everything that the daemon gets from the binary.
pub fn kit() -> Kit {
    Kit {
        connectors: BTreeMap::from([
            (HUBSPOT, Kind { open: dealclock_hubspot::connect, hosts: dealclock_hubspot::HOSTS, auth: None }),
            (dealclock_plugin::KIND, Kind { open: dealclock_plugin::connect, hosts: dealclock_plugin::HOSTS }),
        ]),
        sandboxes: &[HUBSPOT],
        demo: |args, output| Box::pin(crate::demo::run(args, output)),
        sandbox: |args, output| Box::pin(crate::sandbox::run(args, output)),
    }
}
