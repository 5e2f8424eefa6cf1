//! Reading of `[[approval.NAME.step]]`: who is asked, when they are reminded, and what happens when nobody decides.

use dealclock_model::fault::Fault;
use dealclock_model::time::Span;
use dealclock_model::{Ruling, StepName};

use super::checked::Ground;
use super::order;
use super::remind::read_name;
use super::section::{Placed, Section};
use super::who::{self, Roster};
use crate::condition::Layout;
use crate::rules::{ApprovalStep, Escalation, Required, Slot, Timeout, Who};

const KEYS: [&str; 7] = ["name", "approver", "need", "when", "remind", "escalate", "timeout"];
const APPROVER: &str = "approver = \"owner.manager\"";
const NEED: [(&str, Required); 2] = [("any", Required::Any), ("all", Required::All)];
const OUTCOME: [(&str, Ruling); 2] = [("refuse", Ruling::Reject), ("grant", Ruling::Approve)];
/// How long a step waits, unless said otherwise.
const TIMEOUT: Span = Span::days(5);

/// What the steps of one approval are read with.
pub(super) struct Scope<'a, 'g> {
    pub ground: &'a Ground<'g>,
    pub roles: Roster<'a>,
}

/// The steps of an approval in order, with the place of each of their spans.
pub(super) fn read(
    approval: &Section<'_>,
    scope: &Scope<'_, '_>,
    layout: &mut Layout,
    faults: &mut Vec<Fault>,
) -> (Vec<ApprovalStep>, Vec<Placed<Span>>) {
    let (mut steps, mut spans): (Vec<ApprovalStep>, _) = (Vec::new(), Vec::new());
    if !approval.has("step") {
        let fault =
            approval.fault(approval.head.clone(), format!("`[{}]` has no step: nobody is asked", approval.path));
        faults.push(fault.help(format!("add `[[{}.step]]` with `{APPROVER}`", approval.path)));
    }
    for (place, section) in approval.tables("step", faults).iter().enumerate() {
        let name = match read_name(section, faults) {
            Some(name) => name,
            None => Placed { value: StepName::from(format!("step-{}", place + 1)), span: section.head.clone() },
        };
        if steps.iter().any(|other| other.name == name.value) {
            let message = format!("the approval has two steps named `{}`", name.value);
            let help = "give each a `name` of its own; without one, a step is named by its place: `step-2`";
            faults.push(section.fault(name.span, message).help(help));
        }
        let (step, own) = read_one(name.value, section, scope, layout, faults);
        steps.push(step);
        spans.extend(own);
    }
    (steps, spans)
}

fn read_one(
    name: StepName,
    section: &Section<'_>,
    scope: &Scope<'_, '_>,
    layout: &mut Layout,
    faults: &mut Vec<Fault>,
) -> (ApprovalStep, Vec<Placed<Span>>) {
    section.allow(&KEYS, faults);
    section.require("approver", APPROVER, faults);
    let approvers = read_approvers(section, scope.roles, faults);
    let when = scope.ground.condition(section, "when", layout, faults);
    let remind = section.durations("remind", "remind = [\"1d\"]", faults);
    let escalate = read_escalation(section, scope.roles, &approvers, faults);
    let timeout = read_timeout(section, faults);
    let ends = timeout.as_ref().map_or(TIMEOUT, |(_, after)| after.value);
    for at in &remind {
        if at.value.count == 0 {
            let fault = section.fault(at.span.clone(), "a reminder that comes together with the question");
            faults.push(fault.help("write at least one: `remind = [\"1d\"]`"));
        }
        check_order(section, "a reminder", at, ends, faults);
    }
    if let Some((_, after)) = &escalate {
        check_order(section, "an escalation", after, ends, faults);
    }
    let spans = (remind.iter().cloned())
        .chain(escalate.as_ref().map(|(_, after)| after.clone()))
        .chain(timeout.as_ref().map(|(_, after)| after.clone()));
    let spans = spans.collect();
    let mut remind: Vec<Span> = remind.into_iter().map(|at| at.value).collect();
    remind.sort_by_key(|at| order::usual_minutes(*at));
    remind.dedup();
    let step = ApprovalStep {
        name,
        approvers,
        need: section.choice("need", &NEED, faults).unwrap_or_default(),
        when,
        remind,
        escalate: escalate.and_then(|(to, after)| Some(Escalation { after: after.value, to: to? })),
        timeout: Timeout { after: ends, outcome: timeout.map_or(Ruling::Reject, |(outcome, _)| outcome) },
    };
    (step, spans)
}

/// What comes when the step has timed out already never comes.
fn check_order(section: &Section<'_>, what: &str, at: &Placed<Span>, ends: Span, faults: &mut Vec<Fault>) {
    if order::is_too_late(at.value, ends) {
        let message = format!("{what} after `{}`, when the step has timed out after `{ends}`", at.value);
        let help = "write an earlier one, or a later `timeout = { after = \"10d\" }`";
        faults.push(section.fault(at.span.clone(), message).help(help));
    }
}

fn read_approvers(section: &Section<'_>, roles: Roster<'_>, faults: &mut Vec<Fault>) -> Vec<Who> {
    let mut approvers = Vec::new();
    for text in section.text_or_texts("approver", APPROVER, faults).unwrap_or_default() {
        let Some(approver) = read_asked(section, &text, roles, faults) else { continue };
        if approvers.contains(&approver) {
            faults.push(section.fault(text.span, format!("`{}` stands twice in `approver`", text.value)));
        } else {
            approvers.push(approver);
        }
    }
    approvers
}

/// Somebody who may decide: never whoever asks.
fn read_asked(section: &Section<'_>, text: &Placed<&str>, roles: Roster<'_>, faults: &mut Vec<Fault>) -> Option<Who> {
    let who = who::read(section, text, roles, faults)?;
    if who == Who::Slot(Slot::Owner) {
        let fault = section.fault(text.span.clone(), "the owner asks, and nobody approves their own request");
        faults.push(fault.help(format!("write `{APPROVER}`, or a role")));
        return None;
    }
    Some(who)
}

fn read_escalation(
    step: &Section<'_>,
    roles: Roster<'_>,
    approvers: &[Who],
    faults: &mut Vec<Fault>,
) -> Option<(Option<Who>, Placed<Span>)> {
    let section = step.section("escalate", faults)?;
    section.allow(&["after", "to"], faults);
    let (after, to) = ("after = \"2d\"", "to = \"owner.manager.manager\"");
    section.require("after", after, faults);
    section.require("to", to, faults);
    let after = section.duration("after", after, faults);
    let text = section.text("to", to, faults);
    let to = text.as_ref().and_then(|text| read_asked(&section, text, roles, faults));
    if let (Some(text), Some(to)) = (&text, &to)
        && approvers.contains(to)
    {
        let fault = section.fault(text.span.clone(), format!("`{}` is asked by the step already", text.value));
        faults.push(fault.help("escalate to somebody else, such as `owner.manager.manager`"));
    }
    Some((to, after?))
}

fn read_timeout(step: &Section<'_>, faults: &mut Vec<Fault>) -> Option<(Ruling, Placed<Span>)> {
    let section = step.section("timeout", faults)?;
    section.allow(&["after", "outcome"], faults);
    let example = "after = \"5d\"";
    section.require("after", example, faults);
    let outcome = section.choice("outcome", &OUTCOME, faults).unwrap_or(Ruling::Reject);
    let after = section.duration("after", example, faults)?;
    if after.value.count == 0 {
        let fault = section.fault(after.span, "a time-out that leaves no time to decide");
        faults.push(fault.help(format!("write at least one: `{example}`")));
        return None;
    }
    Some((outcome, after))
}
