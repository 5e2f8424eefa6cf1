//! What must come of a scenario.

use dealclock_model::effect::Channel;
use dealclock_model::fault::Fault;
use dealclock_model::{Value, What};

use super::{Reader, date, word};
use crate::read::section::Section;
use crate::scenario::script::{Expected, Wanted};

const WANTED: &[&str] = &[
    "task",
    "mail",
    "done",
    "moved",
    "handed_over",
    "taken_back",
    "list",
    "digest",
    "urgent",
    "field",
    "handed_in",
    "notified",
    "says",
];

impl Reader {
    pub(super) fn expect(&self, section: &Section<'_>, expected: &mut Vec<Expected>, faults: &mut Vec<Fault>) {
        let also = ["at", "record", "to", "due", "step", "why", "value", "has", "hasnt", "via"];
        let known: Vec<&str> = also.into_iter().chain(WANTED.iter().copied()).collect();
        section.allow(&known, faults);
        section.require("at", "at = \"2026-06-01 10:00\"", faults);
        let Some(at) = self.instant(section, "at", faults) else { return };
        let record = word(section, "record", faults).map(str::to_owned);
        let mut add = |what| expected.push(Expected { at, record: record.clone(), what });
        let mut any = false;
        for wanted in WANTED.iter().filter(|wanted| section.has(wanted)) {
            any = true;
            if let Some(what) = self.wanted(section, wanted, faults) {
                add(what);
            }
        }
        if !any {
            let fault = section.fault(section.head.clone(), "nothing is expected here");
            faults.push(fault.help(format!("expect one of: {}", WANTED.join(", "))));
        }
    }

    fn wanted(&self, section: &Section<'_>, wanted: &str, faults: &mut Vec<Fault>) -> Option<Wanted> {
        let value = word(section, wanted, faults)?.to_owned();
        let to = word(section, "to", faults).map(str::to_owned);
        Some(match wanted {
            "task" => Wanted::Task { step: value, to, due: date(section, "due", faults) },
            "mail" => Wanted::Mail { step: value, to },
            "done" => Wanted::Done { step: value },
            "moved" => Wanted::Moved { step: value, due: date(section, "due", faults) },
            "handed_over" => Wanted::HandedOver { step: value, to },
            "taken_back" => Wanted::TakenBack { step: value },
            "list" => Wanted::List { to: value },
            "digest" | "urgent" => {
                let channels = [Channel::Task, Channel::Email, Channel::Notification, Channel::CrmEmail];
                let via = section.choice("via", &channels.map(|channel| (channel.as_str(), channel)), faults);
                let texts = |key, faults: &mut Vec<Fault>| -> Vec<String> {
                    let list = section.texts(key, "has = [\"Proposal\"]", faults).unwrap_or_default();
                    list.into_iter().map(|text| text.value.to_owned()).collect()
                };
                let (has, hasnt) = (texts("has", faults), texts("hasnt", faults));
                Wanted::Digest { to: value, urgent: wanted == "urgent", via, has, hasnt }
            }
            "field" => Wanted::Field { field: value, value: self.field_value(section, faults)? },
            "handed_in" => Wanted::HandedIn { to: Some(value).filter(|to| to != "anybody") },
            "notified" => Wanted::Notified { to: value },
            _ => {
                let words: Vec<_> = What::ALL.into_iter().map(|what| (what.as_str(), what)).collect();
                Wanted::Said {
                    what: section.choice(wanted, &words, faults)?,
                    step: word(section, "step", faults).map(str::to_owned),
                    why: word(section, "why", faults).map(str::to_owned),
                }
            }
        })
    }

    /// The value that Dealclock writes into a field, of whatever type.
    fn field_value(&self, section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Value> {
        section.require("value", "value = true", faults);
        let item = section.item("value")?;
        let value = match (item.as_bool(), item.as_str()) {
            (Some(flag), _) => Some(Value::Bool(flag)),
            (None, Some("")) => Some(Value::Null),
            (None, Some(text)) => Some(Value::text(text)),
            (None, None) => None,
        };
        if value.is_none() {
            let fault = section.fault(section.key_span("value"), "`value` is no switch and no text");
            faults.push(fault.help("write `value = true`, or \"\" for an emptied field"));
        }
        value
    }
}
