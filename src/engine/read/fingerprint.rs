//! The fingerprint of a rule: another one means that its running clocks are planned anew.

use sha2::{Digest, Sha256};

use crate::rules::{Calendar, Rule};

/// The fingerprint of what changes planning, whatever the file's spacing, comments and order of keys. Titles and texts
/// do not enter: a new wording moves no step.
pub(super) fn of(rule: &Rule, calendar: Option<&Calendar>) -> u64 {
    let mut parts = vec![
        rule.object.to_string(),
        rule.when.meaning(),
        format!("{:?}", rule.start),
        rule.until.meaning(),
        rule.deadline.to_string(),
        format!("{:?}", rule.deadline_time),
        format!("{calendar:?}"),
        rule.silenced_while.as_ref().map(|condition| condition.meaning()).unwrap_or_default(),
        format!("{:?} {}", rule.reopen, rule.reopen_window),
        format!("{:?} {:?} {:?}", rule.backlog, rule.missed, rule.absence),
    ];
    parts.extend(rule.remind.iter().flat_map(|remind| {
        [remind.name.to_string(), remind.at.to_string(), format!("{:?} {:?}", remind.to, remind.via)]
    }));
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
