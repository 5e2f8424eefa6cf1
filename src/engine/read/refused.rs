//! The sections of the grammar that this version does not carry out: each is refused by name, never ignored.

use dealclock_model::fault::Fault;

use super::section::Section;

/// Sections at the top of a file, with what they are about.
const SECTIONS: [(&str, &str); 3] = [("cadence", "cadences"), ("update", "updates"), ("score", "scores")];

/// The names of the sections that are refused.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    SECTIONS.iter().map(|(name, _)| *name)
}

/// Refuses `[cadence.NAME]` and its like, each where it stands.
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
