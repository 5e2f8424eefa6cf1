//! What happens in a scenario: one deed a moment.

use std::str::FromStr;

use dealclock_model::event::StormAnswer;
use dealclock_model::fault::Fault;
use dealclock_model::{Instant, PersonId, RecordId, RuleKey, Ruling, Value, ValueType, Way};
use rust_decimal::Decimal;

use super::people::PERSON_KEYS;
use super::{Reader, count, word};
use crate::read::section::Section;
use crate::scenario::script::{Deed, Moment};

/// The record that a moment is about unless it names another.
const RECORD: &str = "A";

const DEEDS: &[&str] = &[
    "set",
    "delete",
    "restore",
    "merge_into",
    "complete",
    "person",
    "rules",
    "remove_rule",
    "down_until",
    "crm_down_until",
    "answer",
    "lose_store",
    "decide",
    "stop",
    "start",
    "mail_refused_until",
    "no_approval_process",
];

impl Reader {
    pub(super) fn moment(&self, section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Moment> {
        let also = ["at", "seen", "record", "records", "change", "rule", "by", "ruling", "way", "comment"];
        let known: Vec<&str> = also.into_iter().chain(DEEDS.iter().copied()).collect();
        section.allow(&known, faults);
        section.require("at", "at = \"2026-06-01 10:00\"", faults);
        let at = self.instant(section, "at", faults)?;
        let seen = self.instant(section, "seen", faults).map_or(at, |seen| seen.max(at));
        let record = RecordId::from(word(section, "record", faults).unwrap_or(RECORD));
        let mut named = DEEDS.iter().filter(|deed| section.has(deed));
        let (Some(deed), None) = (named.next(), named.next()) else {
            let fault = section.fault(section.head.clone(), "a moment has exactly one deed");
            faults.push(fault.help(format!("the deeds are: {}", DEEDS.join(", "))));
            return None;
        };
        let deed = self.deed(section, deed, record, at, faults)?;
        Some(Moment { at, seen, deed })
    }

    fn deed(
        &self,
        section: &Section<'_>,
        deed: &str,
        record: RecordId,
        at: Instant,
        faults: &mut Vec<Fault>,
    ) -> Option<Deed> {
        Some(match deed {
            "set" => self.set(section, record, at, faults)?,
            "delete" => Deed::Delete(record),
            "restore" => Deed::Restore(record),
            "merge_into" => Deed::Merge(record, RecordId::from(word(section, deed, faults)?)),
            "complete" => Deed::Complete(record, word(section, deed, faults)?.to_owned()),
            "person" => {
                let change = section.section("change", faults)?;
                change.allow(PERSON_KEYS, faults);
                Deed::Person(PersonId::from(word(section, deed, faults)?), self.person(&change, faults))
            }
            "rules" => {
                let rules = section.section(deed, faults)?.sections(faults);
                let edits = rules.into_iter().flat_map(|(name, keys)| {
                    let values: Vec<_> = keys.keys().filter_map(|key| Some((key, keys.item(key)?.clone()))).collect();
                    values.into_iter().map(move |(key, item)| (name.to_owned(), key.to_owned(), item))
                });
                Deed::EditRules(edits.collect())
            }
            "remove_rule" => Deed::RemoveRule(word(section, deed, faults)?.to_owned()),
            "down_until" => Deed::Down(self.instant(section, deed, faults)?),
            "crm_down_until" => Deed::CrmDown(self.instant(section, deed, faults)?),
            "answer" => {
                let answers =
                    [("start", StormAnswer::Start), ("spread", StormAnswer::Spread), ("ignore", StormAnswer::Ignore)];
                section.require("rule", "rule = \"proposal\"", faults);
                let answer = section.choice(deed, &answers, faults)?;
                Deed::Answer(RuleKey::from(word(section, "rule", faults)?), answer)
            }
            "decide" => self.ruling(section, record, faults)?,
            "stop" => Deed::Stop(RuleKey::from(word(section, deed, faults)?)),
            "start" => Deed::Start(RuleKey::from(word(section, deed, faults)?)),
            "mail_refused_until" => Deed::MailRefused(self.instant(section, deed, faults)?),
            "no_approval_process" => Deed::NoApprovalProcess(section.flag(deed, faults)?),
            _ => Deed::LoseStore,
        })
    }

    /// Somebody decides a request: `decide = "proposal", by = "boss", ruling = "approve", way = "task"`.
    fn ruling(&self, section: &Section<'_>, record: RecordId, faults: &mut Vec<Fault>) -> Option<Deed> {
        let rulings = [("approve", Some(Ruling::Approve)), ("reject", Some(Ruling::Reject)), ("none", None)];
        let ways = [("link", Way::Link), ("desk", Way::Desk), ("task", Way::Task), ("native", Way::Native)];
        for (key, example) in [("by", "by = \"boss\""), ("ruling", "ruling = \"approve\"")] {
            section.require(key, example, faults);
        }
        Some(Deed::Rule {
            record,
            request: RuleKey::from(word(section, "decide", faults)?),
            by: PersonId::from(word(section, "by", faults)?),
            ruling: section.choice("ruling", &rulings, faults)?,
            way: if section.has("way") { section.choice("way", &ways, faults)? } else { Way::Link },
            comment: word(section, "comment", faults).map(str::to_owned),
        })
    }

    fn set(&self, section: &Section<'_>, record: RecordId, at: Instant, faults: &mut Vec<Fault>) -> Option<Deed> {
        let table = section.section("set", faults)?;
        let records = match count(section, "records", faults) {
            Some(many) => (1..=many).map(|n| RecordId::from(format!("{record}-{n:03}"))).collect(),
            None => vec![record],
        };
        let mut values = Vec::new();
        let mut owner = None;
        for key in table.keys() {
            if key == "owner" {
                let name = word(&table, key, faults)?;
                owner = Some(Some(name).filter(|name| !name.is_empty()).map(PersonId::from));
                continue;
            }
            let Some(spec) = self.catalog.fields.get(key) else {
                let fault = section.fault(table.key_span(key), format!("unknown field `{key}`"));
                faults.push(fault.help("set a field of the record, or `owner`"));
                continue;
            };
            match table.item(key).and_then(|item| self.value(item, spec.value_type, at)) {
                Some(value) => values.push((key.to_owned(), value)),
                None => {
                    let fault =
                        section.fault(table.key_span(key), format!("`{key}` is not of type {}", spec.value_type));
                    faults.push(fault.help("write \"\" for an empty field, and \"now\" for the moment's own time"));
                }
            }
        }
        Some(Deed::Set { records, values, owner })
    }

    /// A value by its field's type; empty text is an empty field.
    fn value(&self, item: &toml_edit::Item, kind: ValueType, at: Instant) -> Option<Value> {
        let text = item.as_str();
        if text == Some("") {
            return Some(Value::Null);
        }
        match kind {
            ValueType::Bool => item.as_bool().map(Value::Bool),
            ValueType::Number => match (item.as_integer(), item.as_float()) {
                (Some(number), _) => Some(Value::Number(Decimal::from(number))),
                (None, Some(number)) => Decimal::from_str(&number.to_string()).ok().map(Value::Number),
                (None, None) => None,
            },
            ValueType::Text => text.map(Value::text),
            ValueType::Time if text == Some("now") => Some(Value::Time(at)),
            ValueType::Time => text.and_then(|text| self.read_instant(text)).map(Value::Time),
            ValueType::Date => text.and_then(|text| text.parse().ok()).map(Value::Date),
        }
    }
}
