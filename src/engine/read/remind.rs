//! Reading of `[[rule.NAME.remind]]`: the reminders of one rule.

use std::ops::Range;

use dealclock_model::StepName;
use dealclock_model::effect::Channel;
use dealclock_model::fault::Fault;
use dealclock_model::time::Span;

use super::checked::Ground;
use super::section::{Placed, Section};
use super::{order, who};
use crate::rules::{Remind, Slot};
use crate::template::{Shape, Template};

const KEYS: [&str; 6] = ["name", "at", "to", "via", "subject", "body"];
/// The subject of a reminder that has none of its own.
const SUBJECT: &str = "{{ rule.title }}: {{ record.name }}";

/// The reminders of a rule, in order of their nominal times, with the place of each `at`.
pub(super) fn read(
    rule: &Section<'_>,
    deadline: Option<Span>,
    ground: &Ground<'_>,
    faults: &mut Vec<Fault>,
) -> Vec<(Remind, Placed<Span>)> {
    let mut all: Vec<(Remind, Placed<Span>)> = Vec::new();
    for section in rule.tables("remind", faults) {
        let Some((remind, at, name_span)) = read_one(&section, ground, faults) else { continue };
        if let Some(deadline) = deadline.filter(|deadline| order::is_too_late(at.value, *deadline)) {
            let message = format!("a reminder at `{}` comes too late for the deadline of `{deadline}`", at.value);
            faults.push(section.fault(at.span.clone(), message).help("remind before the deadline"));
        }
        if all.iter().any(|(other, _)| other.name == remind.name) {
            let fault = section.fault(name_span, format!("the rule has two steps named `{}`", remind.name));
            faults.push(fault.help("give each a `name` of its own; without one, a step is named by its `at`"));
        }
        all.push((remind, at));
    }
    all.sort_by_key(|(remind, _)| order::usual_minutes(remind.at));
    all
}

fn read_one(
    section: &Section<'_>,
    ground: &Ground<'_>,
    faults: &mut Vec<Fault>,
) -> Option<(Remind, Placed<Span>, Range<usize>)> {
    section.allow(&KEYS, faults);
    section.require("at", "at = \"1d\"", faults);
    let at = section.duration("at", "at = \"1d\"", faults);
    let name = read_name(section, faults);
    let to = section.choices("to", &who::SLOTS.map(|slot| (slot.as_str(), slot)), faults);
    let via = who::channels(section, faults);
    let subject = read_subject(section, ground, faults);
    let body = ground.template(section, "body", Shape::Body, faults);
    let at = at?;
    let name = name.unwrap_or_else(|| Placed { value: StepName::from(at.value.to_string()), span: at.span.clone() });
    let remind = Remind {
        name: name.value,
        at: at.value,
        to: to.unwrap_or_else(|| vec![Slot::Owner]),
        via: via.unwrap_or_else(|| vec![Channel::Task]),
        subject,
        body,
    };
    Some((remind, at, name.span))
}

/// Reads a step's `name`, which enters effect ids together with what is done to its task, behind a slash.
pub(super) fn read_name(section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Placed<StepName>> {
    let name = section.text("name", "name = \"first\"", faults)?;
    if name.value.is_empty() || name.value.len() > 64 || name.value.contains(|c: char| c == '/' || c.is_control()) {
        let fault = section.fault(name.span, format!("{:?} cannot be the name of a step", name.value));
        faults.push(fault.help("use at most 64 characters without a slash"));
        return None;
    }
    // Under these names requests and asks for reasons have effects of their own, whose ids would be the same.
    let taken = ["told", "decided", "submit"].contains(&name.value) || name.value.starts_with("reason-");
    if taken {
        let fault =
            section.fault(name.span, format!("the name `{}` is taken: requests and reasons use it", name.value));
        faults.push(fault.help("give the step another name"));
        return None;
    }
    Some(Placed { value: StepName::from(name.value), span: name.span })
}

fn read_subject(section: &Section<'_>, ground: &Ground<'_>, faults: &mut Vec<Fault>) -> Template {
    if section.has("subject") {
        ground.template(section, "subject", Shape::Line, faults).unwrap_or_default()
    } else {
        ground.standard(SUBJECT)
    }
}
