//! What a kill switch stands for, and the names by which a command means it.

use std::collections::BTreeSet;
use std::fmt;

use dealclock_engine::Ruleset;
use dealclock_engine::rules::{Approval, Rule};
use dealclock_model::{ConnectionId, RuleKey};

use super::Stopped;
use crate::config::nearest;

/// The word that stands for everything.
const EVERYTHING: &str = "all";
/// What the key of an approval's requests begins with; no rule's key does.
const APPROVAL: &str = "approval/";

/// What can be stopped and started.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Switch {
    /// Everything.
    All,
    /// One connection.
    Connection(ConnectionId),
    /// One rule, or one approval that asks by its own condition, as `approval/<key>`.
    Rule(RuleKey),
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Switch::All => f.write_str("everything"),
            Switch::Connection(connection) => write!(f, "connection `{connection}`"),
            Switch::Rule(key) => match key.as_str().strip_prefix(APPROVAL) {
                Some(approval) => write!(f, "approval `{approval}`"),
                None => write!(f, "rule `{key}`"),
            },
        }
    }
}

/// A name that nothing has which can be stopped, or more than one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSwitch {
    /// Nothing has it.
    #[error("there is no rule, approval or connection `{name}`\n  help: {help}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What it may have meant.
        help: String,
    },
    /// It is something that does nothing by itself, or that stands still with its connection only.
    #[error("{what} `{name}` cannot be stopped by itself\n  help: {help}")]
    NotAlone {
        /// An approval, a digest or a report.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// What can be stopped instead.
        help: String,
    },
    /// Several have it.
    #[error("`{name}` is more than one thing\n  help: write {}", arguments(.switches))]
    Several {
        /// What was asked for.
        name: String,
        /// What has the name.
        switches: Vec<Switch>,
    },
}

impl Switch {
    /// What a name stands for, among the rules in force, the connections, and whatever is stopped already.
    pub fn find(
        name: &str,
        ruleset: &Ruleset,
        connections: &[ConnectionId],
        stopped: &Stopped,
    ) -> Result<Switch, NoSwitch> {
        if name == EVERYTHING {
            return Ok(Switch::All);
        }
        let asking = ruleset.rules.approvals.values().filter(|approval| approval.asking.is_some());
        let rules = ruleset.rules.by_key.keys().cloned().chain(asking.map(Approval::request_key));
        let connections = connections.iter().chain(stopped.connections.keys()).cloned();
        let known = rules.chain(stopped.rules.keys().cloned()).map(Switch::Rule);
        let known: BTreeSet<Switch> = known.chain(connections.map(Switch::Connection)).collect();
        let mut found: Vec<Switch> = known.iter().filter(|switch| switch.is_named(name)).cloned().collect();
        match found.len() {
            0 => Err(part(name, ruleset).unwrap_or_else(|| unknown(name, &known))),
            1 => Ok(found.remove(0)),
            _ => Err(NoSwitch::Several { name: name.to_owned(), switches: found }),
        }
    }

    /// What a command names it by, without any doubt.
    pub fn argument(&self) -> String {
        match self {
            Switch::All => EVERYTHING.to_owned(),
            Switch::Connection(connection) => format!("connection:{connection}"),
            Switch::Rule(key) if key.as_str().starts_with(APPROVAL) => key.to_string(),
            Switch::Rule(key) => format!("rule:{key}"),
        }
    }

    /// The name by itself, as it stands in the files.
    fn name(&self) -> &str {
        match self {
            Switch::All => EVERYTHING,
            Switch::Connection(connection) => connection.as_str(),
            Switch::Rule(key) => key.as_str().strip_prefix(APPROVAL).unwrap_or(key.as_str()),
        }
    }

    fn is_named(&self, name: &str) -> bool {
        let as_key = name.strip_prefix("approval:").map(|name| format!("{APPROVAL}{name}"));
        name == self.name() || as_key.as_deref().unwrap_or(name) == self.argument()
    }
}

fn arguments(switches: &[Switch]) -> String {
    switches.iter().map(|switch| format!("`{}`", switch.argument())).collect::<Vec<_>>().join(" or ")
}

/// Something of the rule files that has no switch of its own.
fn part(name: &str, ruleset: &Ruleset) -> Option<NoSwitch> {
    let with_connection =
        || format!("stop its connection, or `{EVERYTHING}`; or take its section out of the rule file");
    let (what, help) = if ruleset.rules.approvals.contains_key(name) {
        let asks = |rule: &&Rule| rule.extension.as_ref().is_some_and(|extension| extension.approval.as_str() == name);
        let rules: Vec<&str> = ruleset.rules.by_key.values().filter(asks).map(|rule| rule.key.as_str()).collect();
        let help = match &rules[..] {
            [] => "nothing asks for it".to_owned(),
            rules => format!("stop what asks for it: {}", rules.join(", ")),
        };
        ("approval", help)
    } else if ruleset.rules.digests.contains_key(name) {
        ("digest", with_connection())
    } else if ruleset.reports.contains_key(name) {
        ("report", with_connection())
    } else {
        return None;
    };
    Some(NoSwitch::NotAlone { what, name: name.to_owned(), help })
}

fn unknown(name: &str, known: &BTreeSet<Switch>) -> NoSwitch {
    let names: Vec<&str> = known.iter().map(Switch::name).chain([EVERYTHING]).collect();
    let asked = name.split_once(':').map_or(name, |(_, name)| name);
    let meant = nearest(asked, names.iter().copied());
    let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
    let all = known.iter().map(|switch| switch.to_string().replace('`', "")).chain([EVERYTHING.to_owned()]);
    NoSwitch::Unknown {
        name: name.to_owned(),
        help: format!("{meant}there are: {}", all.collect::<Vec<_>>().join(", ")),
    }
}
