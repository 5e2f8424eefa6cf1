//! Reading of `[rule.NAME.extension]`: the way out of a rule.

use std::ops::Range;

use dealclock_model::ApprovalKey;
use dealclock_model::fault::Fault;
use dealclock_model::time::Span;

use super::checked::Ground;
use super::section::{Placed, Section};
use super::{known, order, wanted};
use crate::rules::{AfterRefusal, Extension};

const KEYS: [&str; 7] = ["requested_by", "granted_as", "wanted_until", "grants", "grace", "refused", "approval"];
const REQUIRED: [(&str, &str); 4] = [
    ("requested_by", "requested_by = \"complex\""),
    ("granted_as", "granted_as = \"request_approved\""),
    ("grants", "grants = \"10d\""),
    ("approval", "approval = \"more-time\""),
];
const REFUSED: [(&str, AfterRefusal); 2] = [("clear", AfterRefusal::Clear), ("leave", AfterRefusal::Leave)];

/// An extension with the places that are needed to check it against other sections.
pub(super) struct Read {
    pub extension: Extension,
    /// Every span of time.
    pub spans: Vec<Placed<Span>>,
    /// Where `granted_as` stands.
    pub granted_as: Range<usize>,
    /// Where the approval is named.
    pub approval: Range<usize>,
}

/// Reads the way out of a rule.
pub(super) fn read<'n>(
    rule: &Section<'_>,
    deadline: Option<Span>,
    ground: &Ground<'_>,
    approvals: impl Iterator<Item = &'n str> + Clone,
    faults: &mut Vec<Fault>,
) -> Option<Read> {
    let section = rule.section("extension", faults)?;
    section.allow(&KEYS, faults);
    for (key, example) in REQUIRED {
        section.require(key, example, faults);
    }
    let requested_by = ground.field(&section, "requested_by", &wanted::ASKING_BOX, faults);
    let granted_as = ground.field(&section, "granted_as", &wanted::GRANTED_BOX, faults);
    let wanted_until = ground.field(&section, "wanted_until", &wanted::DATE, faults);
    let grants = section.duration("grants", "grants = \"10d\"", faults);
    let grace = section.duration("grace", "grace = \"1d\"", faults);
    let refused = section.choice("refused", &REFUSED, faults).unwrap_or_default();
    let approval = known::approval(&section, approvals, faults);
    if let (Some(asks), Some(granted)) = (&requested_by, &granted_as)
        && asks.value == granted.value
    {
        let message = format!("`{}` would both ask and grant", granted.value);
        let help = "the checkbox that only the approval ticks is another one than the rep's";
        faults.push(section.fault(granted.span.clone(), message).help(help));
    }
    if let (Some(grants), Some(deadline)) = (&grants, deadline)
        && order::is_no_longer(grants.value, deadline)
    {
        let message = format!("`{}` grants no more than the deadline of `{deadline}`", grants.value);
        let help = "both are counted from the clock's zero; grant more than the deadline";
        faults.push(section.fault(grants.span.clone(), message).help(help));
    }
    let spans = grants.iter().chain(&grace).cloned().collect();
    let (granted_as, approval) = (granted_as?, approval?);
    let extension = Extension {
        requested_by: requested_by?.value,
        granted_as: granted_as.value,
        wanted_until: wanted_until.map(|field| field.value),
        grants: grants?.value,
        grace: grace.map_or(Span::days(1), |grace| grace.value),
        refused,
        approval: ApprovalKey::from(approval.value),
    };
    Some(Read { extension, spans, granted_as: granted_as.span, approval: approval.span })
}
