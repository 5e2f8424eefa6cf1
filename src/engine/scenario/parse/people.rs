//! The people of a scenario, and the settings of its connection.

use chrono::Weekday;
use dealclock_model::fault::Fault;
use dealclock_model::time::{DailyRange, DateRange, WorkingHours};
use dealclock_model::{ConnectionId, People, Person, PersonId, Profile};
use std::collections::BTreeMap;

use super::{Reader, count, dates, word, zone};
use crate::read::section::{Section, read_time};
use crate::scenario::script::PersonEdit;

/// What may be said of a person.
pub(super) const PERSON_KEYS: &[&str] = &["manager", "zone", "active", "deputy", "absent", "hours"];

impl Reader {
    pub(super) fn people(&self, block: &Section<'_>, connection: ConnectionId, faults: &mut Vec<Fault>) -> People {
        let mut profile = Profile::new(connection, self.zone);
        if let Some(time) = block.time("send_time", faults) {
            profile.send_time = time.value;
        }
        profile.quiet_hours = self.range(block, "quiet_hours", faults);
        profile.fallback = word(block, "fallback", faults).map(PersonId::from);
        if let Some(most) = count(block, "max_per_person_per_day", faults) {
            profile.max_per_person_per_day = most;
        }
        if let Some(most) = count(block, "storm_above", faults) {
            profile.storm_above = most;
        }
        profile.holidays = dates(block, "holidays", faults);
        profile.roles = roles(block, faults);
        let mut people = People::new(profile);
        let sections = block.section("people", faults).map(|people| people.sections(faults)).unwrap_or_default();
        for (name, section) in sections {
            section.allow(PERSON_KEYS, faults);
            let edit = self.person(&section, faults);
            let id = PersonId::from(name);
            let mut person = Person {
                id: id.clone(),
                name: name.to_owned(),
                email: None,
                zone: None,
                active: true,
                manager: None,
                hours: None,
                absences: Vec::new(),
                deputy: None,
            };
            edit.apply(&mut person);
            people.persons.insert(id, person);
        }
        people
    }

    pub(super) fn person(&self, section: &Section<'_>, faults: &mut Vec<Fault>) -> PersonEdit {
        let absent = section.has("absent").then(|| {
            let texts = section.texts("absent", "absent = [\"2026-06-01..2026-06-05\"]", faults).unwrap_or_default();
            let mut ranges = Vec::new();
            for text in texts {
                match days(text.value) {
                    Some(range) => ranges.push(range),
                    None => faults.push(
                        section
                            .fault(text.span, format!("`{}` is no range of days", text.value))
                            .help("write two dates: 2026-06-01..2026-06-05"),
                    ),
                }
            }
            ranges
        });
        PersonEdit {
            active: section.flag("active", faults),
            zone: if section.has("zone") { zone(section, faults) } else { None },
            manager: word(section, "manager", faults).map(PersonId::from),
            deputy: word(section, "deputy", faults).map(PersonId::from),
            absent,
            hours: self.range(section, "hours", faults).map(every_weekday),
        }
    }

    fn range(&self, section: &Section<'_>, key: &str, faults: &mut Vec<Fault>) -> Option<DailyRange> {
        let text = section.text(key, "\"20:00-07:00\"", faults)?;
        let range = text
            .value
            .split_once('-')
            .and_then(|(from, to)| Some(DailyRange { from: read_time(from.trim())?, to: read_time(to.trim())? }));
        if range.is_none() {
            let fault = section.fault(text.span, format!("`{}` is no range of times", text.value));
            faults.push(fault.help(format!("write `{key} = \"20:00-07:00\"`")));
        }
        range
    }
}

impl PersonEdit {
    /// Changes what the edit names.
    pub(in crate::scenario) fn apply(&self, person: &mut Person) {
        person.active = self.active.unwrap_or(person.active);
        person.zone = self.zone.or(person.zone);
        person.manager = self.manager.clone().or(person.manager.take());
        person.deputy = self.deputy.clone().or(person.deputy.take());
        if let Some(absent) = &self.absent {
            person.absences = absent.clone();
        }
        person.hours = self.hours.clone().or(person.hours.take());
    }
}

fn days(text: &str) -> Option<DateRange> {
    let (from, to) = text.split_once("..")?;
    Some(DateRange { from: from.trim().parse().ok()?, to: to.trim().parse().ok()? })
}

/// The same hours from Monday to Friday.
fn every_weekday(range: DailyRange) -> WorkingHours {
    let week = [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
    WorkingHours { ranges: week.map(|day| (day, range.from, range.to)).to_vec() }
}

/// Who holds which role: `roles = { sales-director = ["dir"] }`.
fn roles(block: &Section<'_>, faults: &mut Vec<Fault>) -> BTreeMap<String, Vec<PersonId>> {
    let Some(section) = block.section("roles", faults) else { return BTreeMap::new() };
    let mut roles = BTreeMap::new();
    for role in section.keys() {
        let holders = section.texts(role, &format!("{role} = [\"dir\"]"), faults).unwrap_or_default();
        roles.insert(role.to_owned(), holders.into_iter().map(|holder| PersonId::from(holder.value)).collect());
    }
    roles
}
