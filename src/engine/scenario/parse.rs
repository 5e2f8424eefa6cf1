//! Reading of `[[test]]` blocks; whatever does not fit is a fault at its place.

use std::ops::Range;
use std::str::FromStr;

use chrono::{Duration, NaiveDate, NaiveDateTime, Weekday};
use chrono_tz::Tz;
use dealclock_model::event::StormAnswer;
use dealclock_model::fault::Fault;
use dealclock_model::record::field;
use dealclock_model::time::{DailyRange, DateRange, WorkingHours};
use dealclock_model::{
    Catalog, ConnectionId, Instant, Object, People, Person, PersonId, Profile, RecordId, RuleKey, Value, ValueType,
    What,
};
use rust_decimal::Decimal;

use super::script::{Deed, Expected, Moment, PersonEdit, Script, Wanted};
use crate::read::Catalogs;
use crate::read::section::{Section, read_time};
use crate::time::resolve;

/// The record that a moment is about unless it names another.
const RECORD: &str = "A";

const TEST_KEYS: &[&str] = &[
    "name",
    "zone",
    "send_time",
    "quiet_hours",
    "fallback",
    "max_per_person_per_day",
    "storm_above",
    "holidays",
    "people",
    "history",
    "started",
    "timeline",
    "expect",
    "until",
];
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
];
const WANTED: &[&str] = &["task", "mail", "done", "moved", "handed_over", "taken_back", "list", "says"];
const PERSON_KEYS: &[&str] = &["manager", "zone", "active", "deputy", "absent", "hours"];

/// Reads one block; `None` when it cannot be run.
pub(super) fn read(block: &Section<'_>, catalogs: &Catalogs, faults: &mut Vec<Fault>) -> Option<Script> {
    block.allow(TEST_KEYS, faults);
    for (key, example) in [("name", "name = \"...\""), ("timeline", "timeline = [...]"), ("expect", "expect = [...]")] {
        block.require(key, example, faults);
    }
    let name = block.text("name", "name = \"Two reminders\"", faults)?.value.to_owned();
    let zone = zone(block, faults).unwrap_or(Tz::UTC);
    let reader = Reader { zone, catalog: catalog(catalogs) };
    let people = reader.people(block, connection(catalogs), faults);
    let started = reader.instant(block, "started", faults);
    let history = block.flag("history", faults).unwrap_or(true);
    let mut timeline: Vec<Moment> = Vec::new();
    for section in block.tables("timeline", faults) {
        timeline.extend(reader.moment(&section, faults));
    }
    timeline.sort_by_key(|moment| moment.at);
    let mut expect: Vec<Expected> = Vec::new();
    for section in block.tables("expect", faults) {
        reader.expect(&section, &mut expect, faults);
    }
    expect.sort_by_key(|expected| expected.at);
    let last = timeline.last().map(|moment| moment.at.max(moment.seen)).max(expect.last().map(|expected| expected.at));
    // To the end of the minute, since times are written in minutes.
    let until = reader.instant(block, "until", faults).max(last)? + Duration::seconds(59);
    Some(Script { name, zone, people, history, started, timeline, expect, until })
}

/// The connection that tests run on.
fn connection(catalogs: &Catalogs) -> ConnectionId {
    catalogs.keys().next().cloned().unwrap_or_else(|| ConnectionId::from("test"))
}

/// The fields that tests may set.
fn catalog(catalogs: &Catalogs) -> Catalog {
    let of_connection = catalogs.values().next().and_then(|objects| objects.get(&Object::Opportunity));
    of_connection.cloned().unwrap_or_else(|| {
        field::WELL_KNOWN.iter().fold(Catalog::opportunity(), |catalog, (name, kind)| catalog.with(name, *kind))
    })
}

fn zone(section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Tz> {
    let text = section.text("zone", "zone = \"Europe/Berlin\"", faults)?;
    let zone = Tz::from_str(text.value).ok();
    if zone.is_none() {
        let fault = section.fault(text.span, format!("`{}` is no time zone", text.value));
        faults.push(fault.help("write a name of the time zone database, such as Europe/Berlin"));
    }
    zone
}

/// Reads times in the test's zone and values by the catalogue.
struct Reader {
    zone: Tz,
    catalog: Catalog,
}

impl Reader {
    fn instant(&self, section: &Section<'_>, key: &str, faults: &mut Vec<Fault>) -> Option<Instant> {
        let example = format!("{key} = \"2026-06-01 10:00\"");
        let text = section.text(key, &example, faults)?;
        let instant = self.read_instant(text.value);
        if instant.is_none() {
            faults.push(
                section.fault(text.span, format!("`{}` is no time", text.value)).help(format!("write `{example}`")),
            );
        }
        instant
    }

    fn read_instant(&self, text: &str) -> Option<Instant> {
        let formats = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"];
        let local = formats.into_iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
        local.map(|local| resolve(local.date(), local.time(), self.zone)).or_else(|| text.parse().ok())
    }

    fn people(&self, block: &Section<'_>, connection: ConnectionId, faults: &mut Vec<Fault>) -> People {
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

    fn person(&self, section: &Section<'_>, faults: &mut Vec<Fault>) -> PersonEdit {
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

    fn moment(&self, section: &Section<'_>, faults: &mut Vec<Fault>) -> Option<Moment> {
        let also = ["at", "seen", "record", "records", "change", "rule"];
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
            _ => Deed::LoseStore,
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

    fn expect(&self, section: &Section<'_>, expected: &mut Vec<Expected>, faults: &mut Vec<Fault>) {
        let also = ["at", "record", "to", "due", "step", "why"];
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
}

impl PersonEdit {
    /// Changes what the edit names.
    pub(super) fn apply(&self, person: &mut Person) {
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

fn word<'a>(section: &Section<'a>, key: &str, faults: &mut Vec<Fault>) -> Option<&'a str> {
    section.text(key, &format!("{key} = \"...\""), faults).map(|text| text.value)
}

fn count(section: &Section<'_>, key: &str, faults: &mut Vec<Fault>) -> Option<u32> {
    let item = section.item(key)?;
    let number = item.as_integer().and_then(|number| u32::try_from(number).ok()).filter(|number| *number <= 10_000);
    if number.is_none() {
        let span: Range<usize> = section.key_span(key);
        faults.push(
            section.fault(span, format!("`{key}` is no number from 0 to 10000")).help(format!("write `{key} = 20`")),
        );
    }
    number
}

fn date(section: &Section<'_>, key: &str, faults: &mut Vec<Fault>) -> Option<NaiveDate> {
    let text = section.text(key, "due = \"2026-06-06\"", faults)?;
    let date = text.value.parse().ok();
    if date.is_none() {
        faults.push(
            section.fault(text.span, format!("`{}` is no date", text.value)).help("write `due = \"2026-06-06\"`"),
        );
    }
    date
}

/// Dates in order.
fn dates(section: &Section<'_>, key: &str, faults: &mut Vec<Fault>) -> Vec<NaiveDate> {
    if !section.has(key) {
        return Vec::new();
    }
    let mut dates = Vec::new();
    for text in section.texts(key, "holidays = [\"2026-12-25\"]", faults).unwrap_or_default() {
        match text.value.parse() {
            Ok(date) => dates.push(date),
            Err(_) => faults.push(section.fault(text.span, format!("`{}` is no date", text.value))),
        }
    }
    dates.sort_unstable();
    dates
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
