//! The reminder tasks that exist or ever existed, read from the CRM alone.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::rule::AuditedRule;
use super::words::Words;
use crate::dump::{Dump, LifeEvent, RecordDump, VersionDump};
use crate::edit::ASKING_SUBJECT;

/// A task that carries a reminder's key.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) record: &'a RecordDump,
    words: &'static Words,
    pub(super) key: &'a str,
    /// Which step of the rule its subject tells of; `None` for a subject of another kind, such as a list of reminders.
    pub(super) step: Option<usize>,
    /// The ids of the deals that it may be about: the one it hangs on, and those which that one absorbed.
    pub(super) deals: Vec<&'a str>,
}

/// Every task with a key, in the order of their creation, deleted ones included.
pub(super) fn read<'a>(dump: &'a Dump, rule: &AuditedRule) -> Vec<Task<'a>> {
    let words = Words::of(dump.crm);
    let links = links(dump, words);
    let absorbed = absorbed(dump, words);
    let tasks = dump.records.get(words.tasks).map_or(&[][..], Vec::as_slice);
    let mut tasks: Vec<Task<'a>> = tasks
        .iter()
        .filter_map(|record| {
            let key = key_of(record, rule, words)?;
            let linked = links.get(record.id.as_str()).map_or(&[][..], Vec::as_slice);
            let mut deals = linked.to_vec();
            let mut next = 0;
            while let Some(deal) = deals.get(next).copied() {
                deals.extend(absorbed.get(deal).into_iter().flatten());
                next += 1;
            }
            Some(Task { record, words, key, step: step_of(record, rule, words), deals })
        })
        .collect();
    tasks.sort_by_key(|task| task.record.created_at);
    tasks
}

/// The tasks that ask somebody to decide, by the deal that they are about.
pub(super) fn asking<'t, 'a>(tasks: &'t [Task<'a>]) -> BTreeMap<&'a str, Vec<&'t Task<'a>>> {
    let mut asking: BTreeMap<&str, Vec<&Task<'_>>> = BTreeMap::new();
    for task in tasks.iter().filter(|task| task.asks()) {
        for deal in &task.deals {
            asking.entry(deal).or_default().push(task);
        }
    }
    asking
}

impl<'a> Task<'a> {
    pub(super) fn created_at(&self) -> DateTime<Utc> {
        self.record.created_at
    }

    pub(super) fn subject(&self) -> &'a str {
        self.first(self.words.subject).unwrap_or_default()
    }

    /// Whose task it was at first.
    pub(super) fn first_owner(&self) -> Option<&'a str> {
        self.first(self.words.owner)
    }

    /// When it was due at first, with or without a time of day.
    pub(super) fn first_due(&self) -> Option<&'a str> {
        self.first(self.words.due)
    }

    /// When a person first had a hand in a property, or deleted the task.
    pub(super) fn touched_by_person(&self, property: &str) -> Option<DateTime<Utc>> {
        let edited = self.versions(property).iter().find(|version| self.by_hand(version)).map(|version| version.at);
        let deleted = self.record.life.iter().find(|life| life.event == LifeEvent::Deleted).map(|life| life.at);
        [edited, deleted].into_iter().flatten().min()
    }

    /// When somebody, or something, completed it for the first time.
    pub(super) fn completed(&self) -> Option<&'a VersionDump> {
        let completed = Some(self.words.completed);
        self.versions(self.words.status).iter().find(|version| version.value.as_deref() == completed)
    }

    /// When a person did.
    pub(super) fn completed_by_person(&self) -> Option<&'a VersionDump> {
        self.completed().filter(|version| self.by_hand(version))
    }

    /// When the daemon completed it.
    pub(super) fn completed_by_daemon_at(&self) -> Option<DateTime<Utc>> {
        self.completed().filter(|version| !self.by_hand(version)).map(|version| version.at)
    }

    /// Whether it asks somebody to decide.
    pub(super) fn asks(&self) -> bool {
        self.subject().starts_with(ASKING_SUBJECT)
    }

    /// The part of the key that all tasks of one rule or approval on one deal share.
    pub(super) fn family(&self) -> &'a str {
        self.key.split('-').next().unwrap_or_default()
    }

    /// When a person gave a property this value for the first time.
    pub(super) fn set_by_person(&self, property: &str, value: &str) -> Option<DateTime<Utc>> {
        let versions = self.versions(property).iter();
        let mut set = versions.filter(|version| self.by_hand(version) && version.value.as_deref() == Some(value));
        set.next().map(|version| version.at)
    }

    fn by_hand(&self, version: &VersionDump) -> bool {
        version.source == self.words.by_hand
    }

    fn first(&self, property: &str) -> Option<&'a str> {
        self.versions(property).first()?.value.as_deref()
    }

    fn versions(&self, property: &str) -> &'a [VersionDump] {
        self.record.history.get(property).map_or(&[], Vec::as_slice)
    }
}

/// The deals that each task hangs on.
fn links<'a>(dump: &'a Dump, words: &Words) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut links: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for link in &dump.associations {
        let (from, to) = (link.from_type.as_str(), link.to_type.as_str());
        let (task, deal) = if (from, to) == (words.tasks, words.deals) {
            (&link.from, &link.to)
        } else if (from, to) == (words.deals, words.tasks) {
            (&link.to, &link.from)
        } else {
            continue;
        };
        let deals = links.entry(task).or_default();
        if !deals.contains(&deal.as_str()) {
            deals.push(deal);
        }
    }
    links
}

/// The deals that each deal absorbed.
fn absorbed<'a>(dump: &'a Dump, words: &Words) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut absorbed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for deal in dump.records.get(words.deals).into_iter().flatten() {
        if let Some(survivor) = &deal.merged_into {
            absorbed.entry(survivor).or_default().push(&deal.id);
        }
    }
    absorbed
}

/// The key in its property, or in the text where the CRM has no such property.
fn key_of<'a>(record: &'a RecordDump, rule: &AuditedRule, words: &Words) -> Option<&'a str> {
    let first = |property: &str| record.history.get(property)?.first()?.value.as_deref();
    first(&rule.key_property).filter(|key| is_key(key)).or_else(|| {
        let body = first(words.body)?;
        body.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').find(|word| is_key(word))
    })
}

/// Whether a text has the shape `<20 hex>-e<number>-r<number>-<12 hex>`.
fn is_key(text: &str) -> bool {
    let hex = |part: &str, length| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = |part: &str, prefix| part.strip_prefix(prefix).is_some_and(|digits| digits.parse::<u32>().is_ok());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [clock, episode, round, step] => hex(clock, 20) && number(episode, 'e') && number(round, 'r') && hex(step, 12),
        _ => false,
    }
}

fn step_of(record: &RecordDump, rule: &AuditedRule, words: &Words) -> Option<usize> {
    let subject = record.history.get(words.subject)?.first()?.value.as_deref()?;
    rule.steps.iter().position(|step| subject.starts_with(&step.subject))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_shape() {
        assert!(is_key("b613f36e3cbcb3146043-e2-r3-f849bd2dc48b"));
        for text in ["", "b613f36e3cbcb3146043-e2-r3", "b613f36e3cbcb3146043-2-3-f849bd2dc48b", "x-e1-r0-y"] {
            assert!(!is_key(text), "{text}");
        }
    }
}
