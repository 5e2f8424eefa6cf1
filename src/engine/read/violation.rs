//! Reading of `[rule.NAME.violation]`: the digest that a violation joins, which are urgent, and where the reason stands.

use dealclock_model::DigestKey;
use dealclock_model::fault::Fault;

use super::checked::Ground;
use super::section::Section;
use super::{known, reason};
use crate::condition::Layout;
use crate::rules::Breach;

const KEYS: [&str; 3] = ["digest", "urgent", "reason"];

/// Reads what a violation does beside being counted.
pub(super) fn read<'d>(
    rule: &Section<'_>,
    ground: &Ground<'_>,
    digests: impl Iterator<Item = &'d str> + Clone,
    layout: &mut Layout,
    faults: &mut Vec<Fault>,
) -> Breach {
    let Some(section) = rule.section("violation", faults) else { return Breach::default() };
    section.allow(&KEYS, faults);
    if section.has("urgent") && !section.has("digest") {
        let fault = section.fault(section.key_span("urgent"), "`urgent` without a digest: nobody is told");
        faults.push(fault.help("add `digest = \"managers\"`; its readers get the urgent ones at once"));
    }
    let digest = known::digest(&section, digests, faults);
    Breach {
        digest: digest.map(|name| DigestKey::from(name.value)),
        urgent: ground.condition(&section, "urgent", layout, faults),
        reason: reason::read(&section, ground, faults),
    }
}
