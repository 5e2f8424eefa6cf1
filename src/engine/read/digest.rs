//! Reading of `[digest.NAME]`: many notices in one message to one reader.

use dealclock_model::DigestKey;
use dealclock_model::effect::Channel;
use dealclock_model::fault::Fault;

use super::section::Section;
use super::who::{self, Roster};
use super::{fingerprint, plan};
use crate::rules::Digest;

const KEYS: [&str; 5] = ["title", "to", "every", "via", "top"];
const TO: &str = "to = \"owner.manager\"";
const EVERY: &str = "every = \"0 8 * * MON-FRI\"";
/// How many notices of one kind are listed, unless said otherwise.
const TOP: u32 = 20;

/// Reads one digest; `None` when it has a fault.
pub(super) fn read(key: &str, section: &Section<'_>, roles: Roster<'_>, faults: &mut Vec<Fault>) -> Option<Digest> {
    let before = faults.len();
    section.allow(&KEYS, faults);
    section.require("to", TO, faults);
    let title = section.text("title", "title = \"Overdue proposals\"", faults);
    let to = section.text("to", TO, faults).and_then(|text| who::read(section, &text, roles, faults));
    let every = plan::read(section, EVERY, faults);
    let via = who::channels(section, faults);
    let top = section.count("top", 1, 1000, faults);
    if faults.len() > before {
        return None;
    }
    let mut digest = Digest {
        key: DigestKey::from(key),
        title: title.map_or(key, |title| title.value).to_owned(),
        to: to?,
        every: every?,
        via: via.unwrap_or_else(|| vec![Channel::Task, Channel::Email]),
        top: top.unwrap_or(TOP),
        version: 0,
    };
    digest.version = fingerprint::of_digest(&digest);
    Some(digest)
}
