//! Who is asked, told or sent something, and how: `owner.manager`, `role:sales-director`; `task`, `email`.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_model::ConnectionId;
use dealclock_model::effect::Channel;
use dealclock_model::fault::Fault;

use super::section::{Placed, Section};
use crate::rules::{Slot, Who};
use crate::suggest;

/// The places to a record's owner.
pub(super) const SLOTS: [Slot; 3] = [Slot::Owner, Slot::Manager, Slot::ManagersManager];
/// The channels that a rule file may name.
const CHANNELS: [Channel; 4] = [Channel::Task, Channel::Email, Channel::Notification, Channel::CrmEmail];
/// What stands before the name of a role.
const ROLE: &str = "role:";

/// The roles of each connection, by name.
pub type Roles = BTreeMap<ConnectionId, BTreeSet<String>>;

/// Where a role has to be known.
#[derive(Clone, Copy)]
pub(super) enum Roster<'a> {
    /// Nobody knows which roles there are.
    Unknown,
    /// On every one of these connections, `None` for all.
    OnEvery(&'a Roles, Option<&'a [ConnectionId]>),
    /// On any connection.
    OnAny(&'a Roles),
}

/// The channels of `via`.
pub(super) fn channels(section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Vec<Channel>> {
    section.choices("via", &CHANNELS.map(|channel| (channel.as_str(), channel)), faults)
}

/// Reads one place or role.
pub(super) fn read(
    section: &Section<'_>,
    text: &Placed<&str>,
    known: Roster<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Who> {
    if let Some(slot) = SLOTS.into_iter().find(|slot| slot.as_str() == text.value) {
        return Some(Who::Slot(slot));
    }
    let Some(role) = text.value.strip_prefix(ROLE).filter(|role| !role.is_empty()) else {
        let words = SLOTS.iter().map(|slot| slot.as_str());
        let help = suggest::instead_of(text.value, words, "write a role as `role:NAME`, or one of");
        faults.push(section.fault(text.span.clone(), format!("nobody is `{}`", text.value)).help(help));
        return None;
    };
    match known.lacks(role) {
        None => Some(Who::Role(role.to_owned())),
        Some((place, help)) => {
            faults.push(section.fault(text.span.clone(), format!("no role `{role}` {place}")).help(help));
            None
        }
    }
}

impl Roster<'_> {
    /// Where the role is missing, and what would be right.
    fn lacks(&self, role: &str) -> Option<(String, String)> {
        match self {
            Roster::Unknown => None,
            Roster::OnEvery(roles, connections) => {
                let (connection, names) = roles
                    .iter()
                    .filter(|(name, _)| connections.is_none_or(|list| list.contains(name)))
                    .find(|(_, names)| !names.contains(role))?;
                let help = help(role, names, connection.as_str());
                let others = roles.values().any(|names| names.contains(role));
                let help = if others { format!("{help}, or name the `connections` that have it") } else { help };
                Some((format!("on connection `{connection}`"), help))
            }
            Roster::OnAny(roles) => {
                if roles.values().any(|names| names.contains(role)) {
                    return None;
                }
                let names = roles.values().flatten().cloned().collect();
                let connection = roles.keys().next().map_or("NAME", ConnectionId::as_str);
                Some(("on any connection".to_owned(), help(role, &names, connection)))
            }
        }
    }
}

fn help(role: &str, names: &BTreeSet<String>, connection: &str) -> String {
    let define = format!("write who holds it in `[connection.{connection}.roles]` of the configuration");
    match suggest::nearest(role, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `role:{near}`? or {define}"),
        None => define,
    }
}
