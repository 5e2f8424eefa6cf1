//! Reading of `[[test]]` blocks; whatever does not fit is a fault at its place.

mod deed;
mod expect;
mod people;

use std::ops::Range;
use std::str::FromStr;

use chrono::{Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use dealclock_model::fault::Fault;
use dealclock_model::record::field;
use dealclock_model::{Catalog, ConnectionId, Instant, Object};

use super::script::{Expected, Moment, Script};
use crate::read::Catalogs;
use crate::read::section::Section;
use crate::time::resolve;

const TEST_KEYS: &[&str] = &[
    "name",
    "zone",
    "send_time",
    "quiet_hours",
    "fallback",
    "max_per_person_per_day",
    "storm_above",
    "holidays",
    "roles",
    "people",
    "history",
    "started",
    "timeline",
    "expect",
    "until",
];

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
