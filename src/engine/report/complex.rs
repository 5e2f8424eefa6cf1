//! The Complex share of each rep, with what looks odd beside it.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_model::case::RecordCase;
use dealclock_model::fact::Spell;
use dealclock_model::{Fact, Happened, Instant, PersonId, RecordId, RecordRef};

use super::{Bar, Bars, Cell, Marked, Order, Section, Share, Sheet};

const COLUMNS: [(&str, &str); 7] = [
    ("name", "Name"),
    ("all", "All"),
    ("complex", "Complex"),
    ("share", "Share"),
    ("low", "95 % interval from"),
    ("high", "to"),
    ("marked", "At the mark"),
];
const NOTE: &str = "All: opportunities that the rep owned while open at any time in the period. Complex: those of them on \
                    which Complex was ticked at any time in it while the rep owned them, also if cleared since. The interval \
                    is Wilson's.";
const ODD_COLUMNS: [(&str, &str); 4] = [
    ("name", "Name"),
    ("complex_late", "Complex ticked within the last day before a deadline"),
    ("lowered_under", "Amount lowered to just under the criterion"),
    ("out_and_back", "Left the rule and came back"),
];
const ODD_NOTE: &str = "Each may have a good reason. They are counted for whoever owned the opportunity then.";

/// What is counted.
#[derive(Default)]
pub(super) struct Tally {
    /// Which records somebody owned while open.
    all: BTreeMap<Option<PersonId>, BTreeSet<RecordId>>,
    /// On which Complex was ticked while they owned them.
    ticked: BTreeMap<Option<PersonId>, BTreeSet<RecordId>>,
    odd: BTreeMap<Option<PersonId>, [u64; 3]>,
}

impl Tally {
    pub(super) fn look(&mut self, order: &Order<'_>, id: &RecordRef, case: &RecordCase) {
        if let Some(spell) = &case.spell {
            self.take(order, id, spell, order.now.max(spell.since));
        }
    }

    pub(super) fn note(&mut self, order: &Order<'_>, id: &RecordRef, fact: &Fact) {
        let odd = match &fact.what {
            Happened::Held(spell) => return self.take(order, id, spell, fact.at),
            Happened::ComplexLate => 0,
            Happened::LoweredUnder { .. } => 1,
            Happened::Wiggled => 2,
            Happened::Started { .. }
            | Happened::Met { .. }
            | Happened::MetLate { .. }
            | Happened::Violated { .. }
            | Happened::Withdrawn
            | Happened::Void
            | Happened::Requested { .. }
            | Happened::RequestClosed { .. }
            | Happened::StepDecided { .. }
            | Happened::ReasonGiven(_)
            | Happened::Tampered
            | Happened::DigestSent
            | Happened::ReportMade => return,
        };
        if order.period.contains(fact.at) {
            self.odd.entry(fact.owner.clone()).or_default()[odd] += 1;
        }
    }

    /// Takes a spell in that lasted until an instant, if any of it lies in the period.
    fn take(&mut self, order: &Order<'_>, id: &RecordRef, spell: &Spell, until: Instant) {
        let (start, end) = (order.period.start(), order.period.end());
        if spell.since >= end || (until <= start && spell.since < start) {
            return;
        }
        if spell.open {
            self.all.entry(spell.owner.clone()).or_default().insert(id.id.clone());
        }
        if spell.complex {
            self.ticked.entry(spell.owner.clone()).or_default().insert(id.id.clone());
        }
    }

    pub(super) fn finish(self, order: &Order<'_>) -> Sheet {
        let nothing = BTreeSet::new();
        let mut reps: Vec<(&Option<PersonId>, Share)> = Vec::new();
        let mut by_team: BTreeMap<Option<PersonId>, Share> = BTreeMap::new();
        for (owner, all) in &self.all {
            let ticked = self.ticked.get(owner).unwrap_or(&nothing);
            let share = Share { part: count(all.intersection(ticked)), whole: count(all.iter()) };
            let team = by_team.entry(order.team(owner.as_ref()).cloned()).or_default();
            *team = Share { part: team.part + share.part, whole: team.whole + share.whole };
            reps.push((owner, share));
        }
        // The largest shares first; of equal ones those with more cases.
        reps.sort_by(|(a, left), (b, right)| {
            let by_share = right.ratio().cmp(&left.ratio());
            by_share.then(right.whole.cmp(&left.whole)).then_with(|| a.cmp(b))
        });
        // Whoever is nobody is asked nothing.
        let marks = |owner: &Option<PersonId>, share| owner.is_some() && is_marked(order, share);
        let rows = reps.iter().map(|(owner, share)| (order.person(owner.as_ref()), *share, marks(owner, *share)));
        let reps_section = section("reps", "By rep", NOTE, rows, order, true);
        let team_rows = by_team.iter().map(|(team, share)| (order.team_name(team.as_ref()), *share, false));
        let note =
            "The cases of the team's reps together; one that two of them owned counts for both. Teams are not marked.";
        let teams = section("teams", "By team", note, team_rows, order, false);
        let marked: Vec<Marked> = reps
            .iter()
            .filter(|(owner, share)| marks(owner, *share))
            .filter_map(|(owner, share)| Some(Marked { person: (*owner).clone()?, share: *share }))
            .collect();
        let people = reps.iter().filter(|(owner, _)| owner.is_some()).count();
        let summary = summary(order, people, &marked);
        let odd = odd(order, self.odd);
        Sheet { marked, ..order.sheet(summary, vec![reps_section, teams, odd]) }
    }
}

pub(super) fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count, _| count + 1)
}

fn is_marked(order: &Order<'_>, share: Share) -> bool {
    share.whole >= order.min_cases.into() && share.reaches(order.mark)
}

fn section(
    key: &'static str,
    title: &'static str,
    note: &'static str,
    rows: impl Iterator<Item = (String, Share, bool)>,
    order: &Order<'_>,
    marks: bool,
) -> Section {
    let mut section = Section::new(key, title, note, &COLUMNS);
    let mut bars = Vec::new();
    for (name, share, marked) in rows {
        let (low, high) = share
            .interval()
            .map_or((Cell::Empty, Cell::Empty), |(low, high)| (Cell::Fraction(low), Cell::Fraction(high)));
        let value = format!("{} ({} of {})", share.percent(), share.part, share.whole);
        bars.push(Bar { label: name.clone(), share, value, marked });
        section.rows.push(vec![
            Cell::Text(name),
            Cell::Count(share.whole),
            Cell::Count(share.part),
            Cell::Share(share),
            low,
            high,
            Cell::Flag(marked),
        ]);
    }
    let title = format!("Complex share, {}", title.to_lowercase());
    section.bars = (!bars.is_empty()).then(|| Bars { title, bars, line: marks.then_some(order.mark) });
    section
}

fn odd(order: &Order<'_>, odd: BTreeMap<Option<PersonId>, [u64; 3]>) -> Section {
    let mut section = Section::new("facts", "Facts without a verdict", ODD_NOTE, &ODD_COLUMNS);
    for (owner, counts) in odd {
        let name = Cell::Text(order.person(owner.as_ref()));
        section.rows.push([name].into_iter().chain(counts.map(Cell::Count)).collect());
    }
    section
}

fn summary(order: &Order<'_>, reps: usize, marked: &[Marked]) -> Vec<String> {
    let mark = (order.mark * rust_decimal::Decimal::ONE_HUNDRED).normalize();
    let mut lines =
        vec![format!("{} of {reps} reps with open opportunities are at the mark of {mark} %.", marked.len())];
    lines.extend(marked.iter().take(10).map(|Marked { person, share }| {
        format!("{}: {} ({} of {})", order.person(Some(person)), share.percent(), share.part, share.whole)
    }));
    if marked.len() > 10 {
        lines.push(format!("... and {} more.", marked.len() - 10));
    }
    lines
}
