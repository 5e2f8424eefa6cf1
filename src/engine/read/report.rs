//! Reading of `[report.NAME]`: a report that is made on a schedule.

use dealclock_model::ReportKey;
use dealclock_model::effect::Channel;
use dealclock_model::fault::Fault;
use rust_decimal::Decimal;

use super::section::Section;
use super::who::{self, Roster};
use super::{Reading, known, plan};
use crate::rules::{Report, ReportKind, Who};

const KEYS: [&str; 8] = ["title", "kind", "connections", "every", "to", "via", "mark", "min_cases"];
const TO: &str = "to = [\"role:sales-director\"]";
const KIND: &str = "kind = \"complex-share\"";

/// Reads one report; `None` when it has a fault.
pub(super) fn read(key: &str, section: &Section<'_>, reading: &mut Reading<'_>) -> Option<Report> {
    let Reading { catalogs, roles, faults, .. } = reading;
    let before = faults.len();
    section.allow(&KEYS, faults);
    section.require("kind", KIND, faults);
    section.require("to", TO, faults);
    let title = section.text("title", "title = \"Complex share\"", faults);
    let kind = section.choice("kind", &ReportKind::ALL.map(|kind| (kind.as_str(), kind)), faults);
    let connections = known::connections(section, catalogs.keys(), faults);
    let every = plan::read(section, "every = \"0 8 1 * *\"", faults);
    let roles = roles.map_or(Roster::Unknown, |roles| Roster::OnEvery(roles, connections.as_deref()));
    let to = read_readers(section, roles, faults);
    let via = who::channels(section, faults);
    let mark = section.share("mark", "mark = 0.40", faults);
    let min_cases = section.count("min_cases", 1, 1_000_000, faults);
    if let Some(kind) = kind.filter(|kind| *kind != ReportKind::ComplexShare) {
        for key in ["mark", "min_cases"].into_iter().filter(|key| section.has(key)) {
            let message = format!("`{key}` is of no use to a report of kind `{}`", kind.as_str());
            faults.push(section.fault(section.key_span(key), message).help(format!("remove it, or write `{KIND}`")));
        }
    }
    if faults.len() > before {
        return None;
    }
    Some(Report {
        key: ReportKey::from(key),
        title: title.map_or(key, |title| title.value).to_owned(),
        kind: kind?,
        connections,
        every: every?,
        to,
        via: via.unwrap_or_else(|| vec![Channel::Email]),
        mark: mark.unwrap_or(Decimal::new(40, 2)),
        min_cases: min_cases.unwrap_or(1),
    })
}

/// A report is about many records, so that no owner leads to its readers.
fn read_readers(section: &Section<'_>, roles: Roster<'_>, faults: &mut Vec<Fault>) -> Vec<Who> {
    let mut readers = Vec::new();
    for text in section.texts("to", TO, faults).unwrap_or_default() {
        match who::read(section, &text, roles, faults) {
            Some(Who::Slot(_)) => {
                let message = format!("a report is about many records, and has no `{}`", text.value);
                faults.push(section.fault(text.span, message).help(format!("name a role: `{TO}`")));
            }
            Some(reader) if readers.contains(&reader) => {
                faults.push(section.fault(text.span, format!("`{}` stands twice in `to`", text.value)));
            }
            Some(reader) => readers.push(reader),
            None => {}
        }
    }
    readers
}
