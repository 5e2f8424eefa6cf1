//! How the rules are followed: by rule, team, rep, stage and time.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use dealclock_model::case::RecordCase;
use dealclock_model::record::field;
use dealclock_model::{Fact, Happened, Instant, PersonId, RecordId, RecordRef, RuleKey, Value};

use super::figures::{duration, median, percentile};
use super::sheet::UNKNOWN_STAGE;
use super::{Bar, Bars, Cell, Order, Section, Share, Sheet};
use crate::time::local_date;

const COLUMNS: [(&str, &str); 10] = [
    ("name", "Name"),
    ("started", "Started"),
    ("met", "Met"),
    ("met_late", "Done late"),
    ("violated", "Violated"),
    ("not_enforceable", "Not enforceable"),
    ("share", "In time"),
    ("cases", "Cases"),
    ("took_median_secs", "Time to done, median"),
    ("took_p90_secs", "90 % done within"),
];
const NOTE: &str = "In time: met, of met and violated. A violation that no reminder preceded is not enforceable and \
                    counted apart; one that was withdrawn is not counted. What a rule on trial (shadow) counted \
                    stands by itself, and in no other number.";
const TEAM_NOTE: &str = "Counted as by rule, without rules on trial. A team is whoever has this manager now.";
const REP_NOTE: &str = "Counted as by rule, without rules on trial, for whoever owned the record at that moment.";
const STAGE_NOTE: &str = "By the stage in which each record stands now.";
/// A period of more days than this is told by months, a shorter one by weeks.
const MANY_DAYS: i64 = 62;

/// What is counted.
#[derive(Default)]
pub(super) struct Tally {
    stages: BTreeMap<RecordId, String>,
    episodes: BTreeMap<(RecordId, RuleKey, u32), Episode>,
}

/// What became of an episode in the period.
#[derive(Default)]
struct Episode {
    started: Option<Part>,
    met: Option<(Part, i64)>,
    met_late: Option<(Part, i64)>,
    violated: Option<(Part, bool)>,
    /// A part of it, at least, was on trial: reminders that nobody got are no measure of people.
    on_trial: bool,
}

/// Whose it was, and when.
#[derive(Clone)]
struct Part {
    owner: Option<PersonId>,
    at: Instant,
}

/// One thing to count.
#[derive(Clone, Copy)]
struct Mark<'a> {
    record: &'a RecordId,
    rule: &'a RuleKey,
    part: &'a Part,
    on_trial: bool,
    what: Counted,
}

#[derive(Clone, Copy)]
enum Counted {
    Started,
    Met(i64),
    MetLate(i64),
    Violated,
    NotEnforceable,
}

/// A row.
#[derive(Default)]
struct Group {
    started: u64,
    met: u64,
    met_late: u64,
    violated: u64,
    not_enforceable: u64,
    took: Vec<i64>,
}

impl Tally {
    pub(super) fn look(&mut self, id: &RecordRef, case: &RecordCase) {
        let stage = case.record.as_ref().map(|record| record.get(field::STAGE));
        if let (Some(Value::Text(stage)), false) = (stage, case.clocks.is_empty()) {
            self.stages.insert(id.id.clone(), stage.to_string());
        }
    }

    pub(super) fn note(&mut self, order: &Order<'_>, id: &RecordRef, fact: &Fact) {
        let Some(rule) = fact.rule.as_ref().filter(|_| order.period.contains(fact.at)) else { return };
        let key = (id.id.clone(), rule.clone(), fact.episode);
        let part = Part { owner: fact.owner.clone(), at: fact.at };
        if fact.in_shadow {
            self.episodes.entry(key.clone()).or_default().on_trial = true;
        }
        match &fact.what {
            Happened::Started { .. } => self.episodes.entry(key).or_default().started = Some(part),
            Happened::Met { took_secs } => self.episodes.entry(key).or_default().met = Some((part, *took_secs)),
            Happened::MetLate { took_secs } => {
                self.episodes.entry(key).or_default().met_late = Some((part, *took_secs));
            }
            Happened::Violated { enforceable, .. } => {
                self.episodes.entry(key).or_default().violated = Some((part, *enforceable));
            }
            Happened::Withdrawn => self.episodes.entry(key).or_default().violated = None,
            Happened::Void
            | Happened::Requested { .. }
            | Happened::RequestClosed { .. }
            | Happened::StepDecided { .. }
            | Happened::ReasonGiven(_)
            | Happened::Tampered
            | Happened::ComplexLate
            | Happened::LoweredUnder { .. }
            | Happened::Wiggled
            | Happened::Held(_)
            | Happened::DigestSent
            | Happened::ReportMade => {}
        }
    }

    pub(super) fn finish(self, order: &Order<'_>) -> Sheet {
        let marks: Vec<Mark<'_>> = self.episodes.iter().flat_map(|(key, episode)| episode.marks(key)).collect();
        // A rule on trial stands by itself among the rules, and in no sum.
        let rules = group(&marks, |mark| {
            let trial = if mark.on_trial { " (shadow)" } else { "" };
            ((mark.rule.clone(), mark.on_trial), format!("{}{trial}", order.rule(mark.rule)))
        });
        let marks: Vec<Mark<'_>> = marks.into_iter().filter(|mark| !mark.on_trial).collect();
        let whole = group(&marks, |_| ((), String::new())).into_values().next().map(|(_, group)| group);
        let teams = group(&marks, |mark| {
            let manager = order.team(mark.part.owner.as_ref());
            (manager.cloned(), order.team_name(manager))
        });
        let reps = group(&marks, |mark| (mark.part.owner.clone(), order.person(mark.part.owner.as_ref())));
        let stages = group(&marks, |mark| {
            let stage = self.stages.get(mark.record).cloned().unwrap_or_else(|| UNKNOWN_STAGE.to_owned());
            (stage.clone(), stage)
        });
        let times = group(&marks, |mark| {
            let date = part_of_period(order, mark.part.at);
            (date, date.to_string())
        });
        let sections = vec![
            section("rules", "By rule", NOTE, rules, true),
            section("teams", "By team", TEAM_NOTE, teams, true),
            section("reps", "By rep", REP_NOTE, reps, false),
            section("stages", "By stage", STAGE_NOTE, stages, false),
            section("times", "Over time", "Weeks begin on Monday; a long period is told by months.", times, true),
        ];
        order.sheet(summary(whole.unwrap_or_default()), sections)
    }
}

impl Episode {
    fn marks<'a>(&'a self, key: &'a (RecordId, RuleKey, u32)) -> impl Iterator<Item = Mark<'a>> {
        let (record, rule, _) = key;
        let started = self.started.as_ref().map(|part| (part, Counted::Started));
        let violated = self
            .violated
            .as_ref()
            .map(|(part, enforceable)| (part, if *enforceable { Counted::Violated } else { Counted::NotEnforceable }));
        // Done in time and undone again, the work was violated in the end; done late and found to be in time, it was met.
        let met = self.met.as_ref().filter(|_| violated.is_none()).map(|(part, took)| (part, Counted::Met(*took)));
        let late = self.met_late.as_ref().filter(|_| met.is_none());
        let late = late.map(|(part, took)| (part, Counted::MetLate(*took)));
        let all = [started, met, late, violated].into_iter().flatten();
        all.map(move |(part, what)| Mark { record, rule, part, on_trial: self.on_trial, what })
    }
}

impl Group {
    fn count(&mut self, what: Counted) {
        match what {
            Counted::Started => self.started += 1,
            Counted::Met(took) => {
                self.met += 1;
                self.took.push(took);
            }
            Counted::MetLate(took) => {
                self.met_late += 1;
                self.took.push(took);
            }
            Counted::Violated => self.violated += 1,
            Counted::NotEnforceable => self.not_enforceable += 1,
        }
    }

    fn share(&self) -> Share {
        Share { part: self.met, whole: self.met + self.violated }
    }
}

/// The groups by key, each with its name.
fn group<K: Ord>(marks: &[Mark<'_>], key: impl Fn(&Mark<'_>) -> (K, String)) -> BTreeMap<K, (String, Group)> {
    let mut groups: BTreeMap<K, (String, Group)> = BTreeMap::new();
    for mark in marks {
        let (key, name) = key(mark);
        groups.entry(key).or_insert_with(|| (name, Group::default())).1.count(mark.what);
    }
    for (_, group) in groups.values_mut() {
        group.took.sort_unstable();
    }
    groups
}

/// The week or month of an instant, by its first day.
fn part_of_period(order: &Order<'_>, at: Instant) -> NaiveDate {
    let date = local_date(at, order.period.zone);
    let first = if order.period.days() > MANY_DAYS {
        date.with_day(1)
    } else {
        date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into()))
    };
    first.unwrap_or(date).max(order.period.from)
}

fn section<K: Ord>(
    key: &'static str,
    title: &'static str,
    note: &'static str,
    groups: BTreeMap<K, (String, Group)>,
    bars: bool,
) -> Section {
    let mut section = Section::new(key, title, note, &COLUMNS);
    let mut drawn = Vec::new();
    for (name, group) in groups.into_values() {
        let share = group.share();
        let value = format!("{} of {}", share.percent(), share.whole);
        if share.whole > 0 {
            drawn.push(Bar { label: name.clone(), share, value, marked: false });
        }
        section.rows.push(vec![
            Cell::Text(name),
            Cell::Count(group.started),
            Cell::Count(group.met),
            Cell::Count(group.met_late),
            Cell::Count(group.violated),
            Cell::Count(group.not_enforceable),
            Cell::Share(share),
            Cell::Count(share.whole),
            median(&group.took).into(),
            percentile(&group.took, 90).into(),
        ]);
    }
    section.bars = (bars && !drawn.is_empty()).then(|| Bars {
        title: format!("In time, {}", title.to_lowercase()),
        bars: drawn,
        line: None,
    });
    section
}

fn summary(whole: Group) -> Vec<String> {
    let share = whole.share();
    if share.whole == 0 && whole.not_enforceable == 0 {
        return vec![format!("{} clocks started, and none came to a result in these days.", whole.started)];
    }
    let mut lines = vec![format!(
        "Of {} cases with a result {} were met in time ({}), {} violated; {} more are not enforceable.",
        share.whole,
        whole.met,
        share.percent(),
        whole.violated,
        whole.not_enforceable
    )];
    if let (Some(middle), Some(most)) = (median(&whole.took), percentile(&whole.took, 90)) {
        lines.push(format!("Time to done: median {}, 90 % within {}.", duration(middle), duration(most)));
    }
    lines
}
