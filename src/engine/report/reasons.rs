//! The reasons that were given for violations and requests, and the violations without one.

use std::collections::{BTreeMap, BTreeSet};

use dealclock_model::{Fact, Happened, PersonId, RecordId, RecordRef, RuleKey};

use super::sheet::OWN_WORDS;
use super::{Bar, Bars, Cell, Order, Section, Share, Sheet};

const COLUMNS: [(&str, &str); 3] = [("name", "Reason"), ("violations", "Of violations"), ("requests", "Of requests")];
const NOTE: &str = "The last reason that was given for each violation of the period, and for each request without a \
                    violation, by the value of the picklist.";
const SILENT_COLUMNS: [(&str, &str); 5] = [
    ("name", "Name"),
    ("violations", "Violations"),
    ("with_reason", "With a reason"),
    ("without_reason", "Without"),
    ("share", "Share with a reason"),
];
const REP_NOTE: &str = "Violations of the period, of rules that ask for a reason, for whoever owned the record at that moment; withdrawn ones \
     are not counted.";
const RULE_NOTE: &str = "The same violations, by the rule that was violated.";

/// What is counted.
#[derive(Default)]
pub(super) struct Tally {
    episodes: BTreeMap<(RecordId, RuleKey, u32), Episode>,
}

#[derive(Default)]
struct Episode {
    owner: Option<PersonId>,
    violated: bool,
    /// The reason, and whether it was given in the period.
    reason: Option<(String, bool)>,
}

#[derive(Default)]
struct Group {
    violations: u64,
    with_reason: u64,
}

impl Tally {
    /// Reasons are often given after the period, for violations in it.
    pub(super) fn note(&mut self, order: &Order<'_>, id: &RecordRef, fact: &Fact) {
        let Some(rule) = &fact.rule else { return };
        let inside = order.period.contains(fact.at);
        let key = (id.id.clone(), rule.clone(), fact.episode);
        match &fact.what {
            Happened::Violated { enforceable: true, .. } if inside => {
                let episode = self.episodes.entry(key).or_default();
                episode.violated = true;
                episode.owner.clone_from(&fact.owner);
            }
            Happened::Withdrawn if inside => self.episodes.entry(key).or_default().violated = false,
            Happened::ReasonGiven(reason) => {
                let value = reason.picklist.clone().unwrap_or_else(|| OWN_WORDS.to_owned());
                self.episodes.entry(key).or_default().reason = Some((value, inside));
            }
            Happened::Violated { .. }
            | Happened::Withdrawn
            | Happened::Started { .. }
            | Happened::Met { .. }
            | Happened::MetLate { .. }
            | Happened::Void
            | Happened::Requested { .. }
            | Happened::RequestClosed { .. }
            | Happened::StepDecided { .. }
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
        let asking = self.asking(order);
        let mut reasons: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        let mut reps: BTreeMap<&Option<PersonId>, Group> = BTreeMap::new();
        let mut rules: BTreeMap<&RuleKey, Group> = BTreeMap::new();
        for ((_, rule, _), episode) in &self.episodes {
            match &episode.reason {
                Some((reason, _)) if episode.violated => reasons.entry(reason).or_default()[0] += 1,
                Some((reason, true)) => reasons.entry(reason).or_default()[1] += 1,
                Some((_, false)) | None => {}
            }
            if episode.violated && asking.contains(rule) {
                for group in [reps.entry(&episode.owner).or_default(), rules.entry(rule).or_default()] {
                    group.violations += 1;
                    group.with_reason += u64::from(episode.reason.is_some());
                }
            }
        }
        let whole = rules.values().fold(Share::default(), |sum, group| Share {
            part: sum.part + group.with_reason,
            whole: sum.whole + group.violations,
        });
        let reps = reps.into_iter().map(|(rep, group)| (order.person(rep.as_ref()), group));
        let rules = rules.into_iter().map(|(rule, group)| (order.rule(rule), group));
        let sections = vec![
            by_value(reasons),
            silent("reps", "By rep", REP_NOTE, reps),
            silent("rules", "By rule", RULE_NOTE, rules),
        ];
        let summary = vec![format!(
            "{} of {} violations of rules that ask for a reason have one ({}); {} have none.",
            whole.part,
            whole.whole,
            whole.percent(),
            whole.whole - whole.part
        )];
        order.sheet(summary, sections)
    }

    /// The rules that ask for a reason: nobody owes one to the others. What a rule that is gone asked for is seen by the
    /// reasons alone that were given.
    fn asking(&self, order: &Order<'_>) -> BTreeSet<&RuleKey> {
        let asks = |(rule, episode): (&RuleKey, &Episode)| match order.rules.by_key.get(rule) {
            Some(rule) => rule.violation.reason.is_some(),
            None => episode.reason.is_some(),
        };
        let told = self.episodes.iter().map(|((_, rule, _), episode)| (rule, episode));
        told.filter(|one| asks(*one)).map(|(rule, _)| rule).collect()
    }
}

fn by_value(reasons: BTreeMap<&str, [u64; 2]>) -> Section {
    let mut section = Section::new("reasons", "By reason", NOTE, &COLUMNS);
    let mut rows: Vec<_> = reasons.into_iter().collect();
    rows.sort_by_key(|(_, [violations, requests])| std::cmp::Reverse(violations + requests));
    let whole = rows.iter().map(|(_, counts)| counts.iter().sum::<u64>()).sum();
    let mut bars = Vec::new();
    for (reason, [violations, requests]) in rows {
        let share = Share { part: violations + requests, whole };
        let value = format!("{} ({})", share.part, share.percent());
        bars.push(Bar { label: reason.to_owned(), share, value, marked: false });
        section.rows.push(vec![Cell::Text(reason.to_owned()), Cell::Count(violations), Cell::Count(requests)]);
    }
    section.bars = (!bars.is_empty()).then(|| Bars { title: "Reasons that were given".to_owned(), bars, line: None });
    section
}

fn silent(
    key: &'static str,
    title: &'static str,
    note: &'static str,
    groups: impl Iterator<Item = (String, Group)>,
) -> Section {
    let mut section = Section::new(key, title, note, &SILENT_COLUMNS);
    for (name, Group { violations, with_reason }) in groups {
        section.rows.push(vec![
            Cell::Text(name),
            Cell::Count(violations),
            Cell::Count(with_reason),
            Cell::Count(violations - with_reason),
            Cell::Share(Share { part: with_reason, whole: violations }),
        ]);
    }
    section
}
