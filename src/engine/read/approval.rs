//! Reading of `[approval.NAME]`: who decides a request, step by step.

use std::sync::Arc;

use dealclock_model::effect::Channel;
use dealclock_model::fault::Fault;
use dealclock_model::{ApprovalKey, DigestKey, Object};

use super::checked::Ground;
use super::links::Grant;
use super::section::{Placed, Section};
use super::step::{self, Scope};
use super::who::{self, Roster};
use super::{Reading, fingerprint, known, reason, wanted};
use crate::rules::{Approval, Asking, DecisionField, Direction, Material, Native};
use crate::suggest;

const KEYS: [&str; 13] = [
    "title",
    "object",
    "connections",
    "when",
    "granted_as",
    "via",
    "decision",
    "native",
    "reason",
    "reopens_when",
    "digest",
    "calendar",
    "step",
];
const REOPENS: &str = "reopens_when = [\"amount up\"]";
const DIRECTIONS: [(&str, Direction); 2] = [("up", Direction::Up), ("down", Direction::Down)];

/// Reads one approval; `None` when it has a fault. `is_used` says whether a rule asks by it.
pub(super) fn read(key: &str, section: &Section<'_>, is_used: bool, reading: &mut Reading<'_>) -> Option<Approval> {
    // Taken apart so that each can be lent out on its own.
    let Reading { catalogs, roles, faults, calendars, digests, layout, grants, .. } = reading;
    let before = faults.len();
    section.allow(&KEYS, faults);
    check_use(key, section, is_used, faults);

    let title = section.text("title", "title = \"More time\"", faults);
    let connections = known::connections(section, catalogs.keys(), faults);
    let object = section.choice("object", &Object::ALL.map(|object| (object.as_str(), object)), faults);
    let object = object.unwrap_or(Object::Opportunity);
    let ground = Ground::new(object, connections.as_deref(), catalogs);
    let when = ground.condition(section, "when", layout, faults);
    let granted_as = ground.field(section, "granted_as", &wanted::GRANTED_BOX, faults);
    let via = who::channels(section, faults);
    let decision = read_decision(section, &ground, faults);
    let native = read_native(section, faults);
    let reason = reason::read(section, &ground, faults);
    let reopens_when = read_reopens(section, &ground, faults);
    let digest = known::digest(section, digests.names(), faults);
    let calendar = known::calendar(section, calendars.names(), faults);
    let roles = roles.map_or(Roster::Unknown, |roles| Roster::OnEvery(roles, connections.as_deref()));
    let (steps, spans) = step::read(section, &Scope { ground: &ground, roles }, layout, faults);
    known::require_calendar(section, "approval", spans.iter(), calendars.names(), faults);
    if faults.len() > before {
        return None;
    }
    let asking =
        when.map(|when| Asking { object, when, granted_as: granted_as.as_ref().map(|field| field.value.clone()) });
    let calendar = calendar.map(|calendar| calendar.value.to_owned());
    let mut approval = Approval {
        key: ApprovalKey::from(key),
        title: title.map_or(key, |title| title.value).to_owned(),
        connections,
        asking,
        steps,
        via: via.unwrap_or_else(|| vec![Channel::Task, Channel::Email]),
        decision,
        native,
        reason,
        reopens_when,
        digest: digest.map(|digest| DigestKey::from(digest.value)),
        calendar,
        version: 0,
    };
    let days = approval.calendar.as_ref().and_then(|name| calendars.get(name));
    approval.version = fingerprint::of_approval(&approval, days);
    grants.extend(granted_as.map(|field| Grant {
        path: section.path.clone(),
        source: Arc::clone(section.source),
        span: field.span,
        granted_as: field.value,
        requested_by: None,
        approval: approval.key.clone(),
        asks_at: None,
        connections: approval.connections.clone(),
    }));
    Some(approval)
}

/// An approval asks by its own condition, or a rule asks by it; a kind of record belongs to the former.
fn check_use(key: &str, section: &Section<'_>, is_used: bool, faults: &mut Vec<Fault>) {
    if section.has("when") {
        let example = "object = \"opportunity\"";
        section.require("object", example, faults);
        return;
    }
    if section.has("granted_as") {
        let fault = section
            .fault(section.key_span("granted_as"), "`granted_as` without `when`: the rule that asks has its own");
        faults.push(fault.help("remove it, or add `when` so that the approval asks by itself"));
    }
    if !is_used {
        let fault = section.fault(section.head.clone(), format!("nothing asks for `[{}]`", section.path));
        let help = format!("name it in a rule's extension, `approval = \"{key}\"`, or add `when`; or remove it");
        faults.push(fault.help(help));
    }
}

fn read_decision(section: &Section<'_>, ground: &Ground<'_>, faults: &mut Vec<Fault>) -> Option<DecisionField> {
    let section = section.section("decision", faults)?;
    section.allow(&["field", "granted", "refused"], faults);
    let examples = [
        ("field", "field = \"manager_decision\""),
        ("granted", "granted = \"Approved\""),
        ("refused", "refused = \"Rejected\""),
    ];
    for (key, example) in examples {
        section.require(key, example, faults);
    }
    let field = ground.field(&section, "field", &wanted::DECISION, faults);
    let granted = section.text("granted", "granted = \"Approved\"", faults);
    let refused = section.text("refused", "refused = \"Rejected\"", faults);
    if let Some(field) = &field {
        for value in granted.iter().chain(&refused) {
            ground.option(&section, value, &field.value, faults);
        }
    }
    let (field, granted, refused) = (field?, granted?, refused?);
    if granted.value.to_lowercase() == refused.value.to_lowercase() {
        let fault = section.fault(refused.span, format!("{:?} would both grant and refuse", refused.value));
        faults.push(fault.help("name two values of the field"));
    }
    Some(DecisionField { field: field.value, granted: granted.value.to_owned(), refused: refused.value.to_owned() })
}

/// `native = true`, or the name of a process.
fn read_native(section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Native> {
    let Some(name) = section.text_if_text("native") else {
        return section.flag("native", faults)?.then_some(Native { process: None });
    };
    if name.value.trim().is_empty() {
        let fault = section.fault(name.span, "`native` names no approval process");
        faults.push(fault.help("write the process's name, or `native = true` for the one that the CRM chooses"));
        return None;
    }
    Some(Native { process: Some(name.value.to_owned()) })
}

fn read_reopens(section: &Section<'_>, ground: &Ground<'_>, faults: &mut Vec<Fault>) -> Vec<Material> {
    let mut all: Vec<Material> = Vec::new();
    for text in section.texts("reopens_when", REOPENS, faults).unwrap_or_default() {
        let Some(material) = read_material(section, &text, ground, faults) else { continue };
        if all.iter().any(|other| other.field == material.field) {
            faults.push(section.fault(text.span, format!("`{}` stands twice in `reopens_when`", material.field)));
        } else {
            all.push(material);
        }
    }
    all
}

/// `amount up`, `close_date down`, or a field alone for any change.
fn read_material(
    section: &Section<'_>,
    text: &Placed<&str>,
    ground: &Ground<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Material> {
    let (name, word) = match text.value.trim().split_once(char::is_whitespace) {
        Some((name, word)) => (name, Some(word.trim_start())),
        None => (text.value.trim(), None),
    };
    let (direction, wanted) = match word {
        None => (Direction::Any, &wanted::ANY),
        Some(word) => match DIRECTIONS.into_iter().find(|(known, _)| *known == word) {
            Some((_, direction)) => (direction, &wanted::ORDERED),
            None => {
                let words = DIRECTIONS.iter().map(|(known, _)| *known);
                let help = suggest::instead_of(word, words, "write a field alone for any change, or with one of");
                let message = format!("`{name}` changes in no direction `{word}`");
                faults.push(section.fault(text.span.clone(), message).help(help));
                return None;
            }
        },
    };
    let field = ground.field_named(section, &Placed { value: name, span: text.span.clone() }, wanted, faults)?;
    Some(Material { field: field.value, direction })
}
