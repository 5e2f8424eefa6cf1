//! The sections of the grammar that this version does not carry out: each is refused by name, never ignored.

use dealclock_model::fault::Fault;

use super::section::Section;

/// Sections at the top of a file, with what they are about.
const SECTIONS: [(&str, &str); 6] = [
    ("approval", "approvals"),
    ("digest", "digests"),
    ("report", "reports"),
    ("cadence", "cadences"),
    ("update", "updates"),
    ("score", "scores"),
];

/// Keys of `[rule.NAME.violation]`, with what they need.
pub(super) const VIOLATION_KEYS: [(&str, &str); 3] =
    [("digest", "digests"), ("urgent", "urgent notices"), ("reason", "reasons for a delay")];

/// The names of the sections that are refused.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(name, _)| *name)
}

/// Refuses `[approval.NAME]` and its like, each where it stands.
pub(super) fn refuse_sections(root: &Section<'_>, faults: &mut Vec<Fault>) {
    for (name, what) in SECTIONS {
        let Some(all) = root.section(name, faults) else { continue };
        let refuse = |section: &Section<'_>| {
            let message = format!("`[{}]`: {what} are not carried out by this version", section.path);
            section.fault(section.head.clone(), message).help("remove the section")
        };
        let below = all.sections(faults);
        if below.is_empty() {
            faults.push(refuse(&all));
        }
        faults.extend(below.iter().map(|(_, section)| refuse(section)));
    }
}

/// Refuses `[rule.NAME.extension]`.
pub(super) fn refuse_extension(rule: &Section<'_>, faults: &mut Vec<Fault>) {
    if rule.has("extension") {
        let message = format!("`[{}.extension]`: extensions are not carried out by this version", rule.path);
        faults.push(rule.fault(rule.key_span("extension"), message).help("remove the section"));
    }
}

/// Reads `[rule.NAME.violation]`, of which only the empty table is carried out: a violation is counted and journalled.
pub(super) fn read_violation(rule: &Section<'_>, faults: &mut Vec<Fault>) {
    let Some(section) = rule.section("violation", faults) else { return };
    section.allow(&VIOLATION_KEYS.map(|(key, _)| key), faults);
    for (key, what) in VIOLATION_KEYS.into_iter().filter(|(key, _)| section.has(key)) {
        let message = format!("`{key}` in `[{}]`: {what} are not carried out by this version", section.path);
        let help = "remove the key; a violation is counted and journalled without it";
        faults.push(section.fault(section.key_span(key), message).help(help));
    }
}

/// Reads `mode`, of which only `live` is carried out.
pub(super) fn read_mode(rule: &Section<'_>, faults: &mut Vec<Fault>) {
    let Some(mode) = rule.text("mode", "mode = \"live\"", faults) else { return };
    if mode.value == "shadow" {
        let fault = rule.fault(mode.span, "`mode = \"shadow\"` is not carried out by this version");
        faults.push(fault.help("remove the key, or disable the rule by `enabled = false`"));
    } else {
        rule.choice("mode", &[("live", ())], faults);
    }
}
