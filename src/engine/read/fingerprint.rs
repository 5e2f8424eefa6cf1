//! Fingerprints of rules, approvals and digests: another one means that what is under way is planned anew.

use sha2::{Digest as _, Sha256};

use crate::rules::{Approval, Calendar, Digest, Extension, Mode, Rule};

/// The fingerprint of what changes a rule's planning, whatever the file's spacing, comments and order of keys. Titles and texts
/// do not enter: a new wording moves no step.
pub(super) fn of_rule(rule: &Rule, calendar: Option<&Calendar>) -> u64 {
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
    parts.extend(rule.extension.as_ref().map(meaning_of_extension));
    // What a trial asked and sent reached nobody: a rule that becomes live begins that anew.
    parts.extend((rule.mode == Mode::Shadow).then(|| "shadow".to_owned()));
    hash_of(parts)
}

/// Who decides is the approval's own fingerprint to tell.
fn meaning_of_extension(extension: &Extension) -> String {
    let Extension { requested_by, granted_as, wanted_until: _, grants, grace, refused, approval } = extension;
    format!("{requested_by} {granted_as} {grants} {grace} {refused:?} {approval}")
}

/// The fingerprint of what changes how requests go on.
pub(super) fn of_approval(approval: &Approval, calendar: Option<&Calendar>) -> u64 {
    let mut parts = vec![
        approval.asking.as_ref().map_or_else(String::new, |asking| {
            format!("{} {} {:?}", asking.object, asking.when.meaning(), asking.granted_as)
        }),
        format!("{:?} {:?} {:?}", approval.via, approval.decision, approval.native),
        format!("{:?}", approval.reopens_when),
        format!("{calendar:?}"),
    ];
    parts.extend(approval.steps.iter().map(|step| {
        let when = step.when.as_ref().map(|condition| condition.meaning());
        format!(
            "{} {:?} {:?} {when:?} {:?} {:?} {:?}",
            step.name, step.approvers, step.need, step.remind, step.escalate, step.timeout
        )
    }));
    hash_of(parts)
}

/// The fingerprint of when a digest comes and to whom.
pub(super) fn of_digest(digest: &Digest) -> u64 {
    hash_of(vec![digest.to.name(), digest.every.as_str().to_owned(), format!("{:?}", digest.via)])
}

fn hash_of(parts: Vec<String>) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(hash.finalize());
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
