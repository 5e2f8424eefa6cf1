//! Names that one section of a rule file uses and another defines: connections, calendars, digests, approvals.

use dealclock_model::ConnectionId;
use dealclock_model::fault::Fault;
use dealclock_model::time::Span;

use super::section::{Placed, Section};
use crate::suggest;

/// Reads `connections`.
pub(super) fn connections<'c>(
    section: &Section<'_>,
    known: impl Iterator<Item = &'c ConnectionId> + Clone,
    faults: &mut Vec<Fault>,
) -> Option<Vec<ConnectionId>> {
    let list = section.texts("connections", "connections = [\"acme\"]", faults)?;
    let anything_known = known.clone().next().is_some();
    for name in &list {
        if anything_known && !known.clone().any(|known| known.as_str() == name.value) {
            let known = known.clone().map(ConnectionId::as_str);
            let help = suggest::instead_of(name.value, known, "the connections are");
            faults.push(section.fault(name.span.clone(), format!("no connection `{}`", name.value)).help(help));
        }
    }
    Some(list.iter().map(|name| ConnectionId::from(name.value)).collect())
}

/// Reads `calendar`.
pub(super) fn calendar<'a, 'c>(
    section: &Section<'a>,
    known: impl Iterator<Item = &'c str> + Clone,
    faults: &mut Vec<Fault>,
) -> Option<Placed<&'a str>> {
    named(section, "calendar", "office", known, faults)
}

/// Reads `digest`.
pub(super) fn digest<'a, 'c>(
    section: &Section<'a>,
    known: impl Iterator<Item = &'c str> + Clone,
    faults: &mut Vec<Fault>,
) -> Option<Placed<&'a str>> {
    named(section, "digest", "managers", known, faults)
}

/// Reads `approval`.
pub(super) fn approval<'a, 'c>(
    section: &Section<'a>,
    known: impl Iterator<Item = &'c str> + Clone,
    faults: &mut Vec<Fault>,
) -> Option<Placed<&'a str>> {
    named(section, "approval", "more-time", known, faults)
}

/// Reads the name of something that a section of its own defines.
fn named<'a, 'c>(
    section: &Section<'a>,
    what: &str,
    example: &str,
    known: impl Iterator<Item = &'c str> + Clone,
    faults: &mut Vec<Fault>,
) -> Option<Placed<&'a str>> {
    let name = section.text(what, &format!("{what} = \"{example}\""), faults)?;
    if known.clone().any(|known| known == name.value) {
        return Some(name);
    }
    let help = match known.clone().next() {
        Some(_) => suggest::instead_of(name.value, known, &format!("the {what}s are")),
        None => format!("define it: `[{what}.{}]`", name.value),
    };
    faults.push(section.fault(name.span, format!("no {what} `{}`", name.value)).help(help));
    None
}

/// Working days and hours need a calendar to count them.
pub(super) fn require_calendar<'s>(
    section: &Section<'_>,
    what: &str,
    spans: impl Iterator<Item = &'s Placed<Span>>,
    known: impl Iterator<Item = &'s str>,
    faults: &mut Vec<Fault>,
) {
    if section.has("calendar") {
        return;
    }
    let name = known.into_iter().next().unwrap_or("office");
    for span in spans.filter(|span| span.value.unit.needs_calendar()) {
        let message = format!("`{}` counts working time, and the {what} has no calendar", span.value);
        faults.push(section.fault(span.span.clone(), message).help(format!("add `calendar = \"{name}\"`")));
    }
}
