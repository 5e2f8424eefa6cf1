//! Who was there when, in which zone, and who gets a reminder.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::hours::Hours;
use super::rule::AuditedRule;
use super::words::Words;
use crate::dump::{Dump, OwnerDump, RecordDump};

/// The people of the account over time.
#[derive(Debug)]
pub(super) struct People<'a> {
    rule: &'a AuditedRule,
    words: &'static Words,
    owners: BTreeMap<&'a str, (&'a OwnerDump, Option<&'a RecordDump>)>,
    /// The hours of everybody, where the CRM keeps them so.
    office: Option<&'a RecordDump>,
}

impl<'a> People<'a> {
    pub(super) fn read(dump: &'a Dump, rule: &'a AuditedRule, words: &'static Words) -> People<'a> {
        let users = dump.records.get(words.people).map_or(&[][..], Vec::as_slice);
        let users: BTreeMap<&str, &RecordDump> = users.iter().map(|user| (user.id.as_str(), user)).collect();
        let with_user =
            |owner: &'a OwnerDump| (owner.id.as_str(), (owner, users.get(owner.user_record.as_str()).copied()));
        let office = words.office_hours.and_then(|kind| dump.records.get(kind)).and_then(|records| {
            let is_default = |record: &&RecordDump| record.value("IsDefault") == Some("true");
            records.iter().find(is_default)
        });
        People { rule, words, owners: dump.owners.iter().map(with_user).collect(), office }
    }

    /// The zone that holds for an owner: their own, else the account's.
    pub(super) fn zone_at(&self, owner: Option<&str>, at: DateTime<Utc>) -> Tz {
        let known = owner.and_then(|owner| self.owners.get(owner));
        let zone = known.and_then(|(owner, user)| match user {
            Some(user) => user.value_at(self.words.zone, at),
            None => owner.zone.as_deref(),
        });
        zone.and_then(|zone| zone.parse().ok()).unwrap_or(self.rule.zone)
    }

    /// The working hours of a person, where the CRM has any.
    pub(super) fn hours_at(&self, owner: &str, at: DateTime<Utc>) -> Option<Hours> {
        let (_, user) = self.owners.get(owner)?;
        if let Some(office) = self.office {
            return Hours::of_office(office, at, self.zone_at(Some(owner), at));
        }
        Hours::read(user.as_ref()?.value_at(self.words.hours, at), self.zone_at(Some(owner), at))
    }

    /// Who gets a reminder about a deal of this owner: the owner, else the first one there up the line of managers, else
    /// the fallback recipient.
    pub(super) fn recipient_at(&self, owner: Option<&str>, at: DateTime<Utc>) -> Option<&'a str> {
        let line = std::iter::successors(owner, |person| self.rule.managers.get(*person).map(String::as_str));
        // A circle of managers ends where it began: nobody's line is longer than there are people.
        let mut candidates = line.take(self.owners.len()).chain(self.rule.fallback.as_deref());
        candidates.find_map(|candidate| self.active(candidate, at))
    }

    /// The owner's id when they are there at an instant.
    fn active(&self, owner: &str, at: DateTime<Utc>) -> Option<&'a str> {
        let (id, (owner, _)) = self.owners.get_key_value(owner)?;
        owner.archived_at.is_none_or(|archived| at < archived).then_some(*id)
    }

    /// Every instant at which somebody left, or changed their zone or hours, in order.
    pub(super) fn changes(&self) -> Vec<DateTime<Utc>> {
        let left = self.owners.values().filter_map(|(owner, _)| owner.archived_at);
        let users = self.owners.values().filter_map(|(_, user)| *user);
        let settings =
            users.flat_map(|user| [self.words.zone, self.words.hours].map(|property| user.history.get(property)));
        let settings = settings.flatten().flatten().map(|version| version.at);
        let mut changes: Vec<DateTime<Utc>> = left.chain(settings).collect();
        changes.sort_unstable();
        changes.dedup();
        changes
    }

    /// A person's name to show.
    pub(super) fn name(&self, owner: Option<&str>) -> String {
        let Some(owner) = owner else { return "nobody".to_owned() };
        match self.owners.get(owner) {
            Some((owner, _)) => format!("{} {}", owner.first_name, owner.last_name),
            None => format!("owner {owner}"),
        }
    }
}
