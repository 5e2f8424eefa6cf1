//! Reports: what the facts and cases of a connection say about a number of days.
//!
//! A report is counted in one pass: first the cases, then the facts in the order of their instants, from the first day of
//! the period to the last fact there is. Numbers about people come with their cases and the period, and what looks odd is
//! told as a fact: a mark is a suspicion, never a verdict. A rule on trial reminds nobody, and so says nothing about
//! people: it is counted among the rules alone.
//!
//! # The JSON form
//!
//! | field | meaning |
//! |---|---|
//! | `kind`, `title`, `connection` | what the report is about |
//! | `from`, `to`, `zone` | local dates, both included |
//! | `made_at` | when it was counted, UTC |
//! | `note` | that a mark is no verdict |
//! | `summary` | sentences |
//! | `sections` | by key, each a list of objects: a row with its columns |
//!
//! Shares are fractions with four places, durations seconds (their columns end in `_secs`), what cannot be told is `null`.
//! Columns keep their names: new ones may come, none changes its meaning. The sections and their columns:
//!
//! - `compliance`: `rules`, `teams`, `reps`, `stages` and `times`, each with `name`, `started`, `met`, `met_late`, `violated`,
//!   `not_enforceable`, `share` (met of met and violated), `cases`, `took_median_secs`, `took_p90_secs`.
//! - `complex-share`: `reps` and `teams` with `name`, `all`, `complex`, `share`, `low`, `high` (Wilson, 95 %), `marked`; `facts`
//!   with `name`, `complex_late`, `lowered_under`, `out_and_back`.
//! - `requests`: `rules` and `reps` with `name`, `asked`, `granted`, `refused`, `timed_out`, `withdrawn`, `not_needed`,
//!   `taken_back`, `waiting`, `waited_median_secs`, `waited_p90_secs`; `approvers` with `name`, `decided`,
//!   `took_median_secs`, `took_p90_secs`, `waiting`, `oldest_secs`.
//! - `reasons`: `reasons` with `name`, `violations`, `requests`; `reps` and `rules`, of rules that ask for a reason, with `name`,
//!   `violations`, `with_reason`, `without_reason`, `share`.

mod complex;
mod compliance;
pub mod figures;
mod period;
mod reasons;
mod requests;
mod sheet;
#[cfg(test)]
mod tests;

use dealclock_model::case::RecordCase;
use dealclock_model::{CaseId, Fact, Instant, People, PersonId, RecordRef, RuleKey};
use rust_decimal::Decimal;

use crate::rules::{Mode, Report, ReportKind, Rules};

pub use figures::Share;
pub use period::Period;
pub use sheet::{Bar, Bars, Cell, Column, Marked, Section, Sheet};

/// What every page of a report says.
pub const NO_VERDICT: &str = "A mark is a suspicion to be looked into, never a verdict. Numbers about people stand with \
                              the number of cases and the period; few cases say little.";

/// A report to be counted.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The rules, for their titles.
    pub rules: &'a Rules,
    /// The people of the connection.
    pub people: &'a People,
    /// What it is about.
    pub kind: ReportKind,
    /// What people call it.
    pub title: String,
    /// The days it is about.
    pub period: Period,
    /// The share from which a rep is marked.
    pub mark: Decimal,
    /// Reps with fewer cases are not marked.
    pub min_cases: u32,
    /// The present instant.
    pub now: Instant,
}

impl<'a> Order<'a> {
    /// A report on demand: with the title and the mark of the first one of its kind that the rules define, else the usual.
    pub fn on_demand(
        rules: &'a Rules,
        defined: Option<&Report>,
        people: &'a People,
        kind: ReportKind,
        period: Period,
        now: Instant,
    ) -> Order<'a> {
        Order {
            rules,
            people,
            kind,
            title: defined.map_or_else(|| usual_title(kind).to_owned(), |report| report.title.clone()),
            period,
            mark: defined.map_or(Decimal::new(40, 2), |report| report.mark),
            min_cases: defined.map_or(1, |report| report.min_cases),
            now,
        }
    }

    /// A person's name, or that there is none.
    fn person(&self, id: Option<&PersonId>) -> String {
        let Some(id) = id else { return sheet::NOBODY.to_owned() };
        let name = self.people.get(id).map(|person| person.name.as_str()).filter(|name| !name.is_empty());
        name.unwrap_or(id.as_str()).to_owned()
    }

    /// The manager whose team a person is in.
    fn team(&self, id: Option<&PersonId>) -> Option<&PersonId> {
        id.and_then(|id| self.people.get(id)).and_then(|person| person.manager.as_ref())
    }

    fn team_name(&self, manager: Option<&PersonId>) -> String {
        manager
            .map_or_else(|| sheet::NO_MANAGER.to_owned(), |manager| format!("Team of {}", self.person(Some(manager))))
    }

    /// Whether a rule is on trial now: nobody is asked by it, so that it says nothing about people.
    fn is_on_trial(&self, key: &RuleKey) -> bool {
        self.rules.by_key.get(key).is_some_and(|rule| rule.mode == Mode::Shadow)
    }

    /// What people call a rule, or an approval that asks by itself.
    fn rule(&self, key: &RuleKey) -> String {
        if let Some(rule) = self.rules.by_key.get(key) {
            return rule.title.clone();
        }
        let approval = self.rules.approvals.values().find(|approval| approval.request_key() == *key);
        approval.map_or_else(|| key.to_string(), |approval| approval.title.clone())
    }

    fn sheet(&self, summary: Vec<String>, sections: Vec<Section>) -> Sheet {
        Sheet {
            kind: self.kind,
            title: self.title.clone(),
            connection: self.people.profile.connection.clone(),
            period: self.period,
            made_at: self.now,
            summary,
            sections,
            marked: Vec::new(),
        }
    }
}

fn usual_title(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Compliance => "How the rules are followed",
        ReportKind::ComplexShare => "Complex share",
        ReportKind::Requests => "Requests and decisions",
        ReportKind::Reasons => "Reasons for delays",
    }
}

/// A report that is being counted.
pub struct Counting<'a> {
    order: Order<'a>,
    tally: Tally,
}

enum Tally {
    Compliance(compliance::Tally),
    Complex(complex::Tally),
    Requests(requests::Tally),
    Reasons(reasons::Tally),
}

impl<'a> Counting<'a> {
    /// Nothing is counted yet.
    pub fn new(order: Order<'a>) -> Counting<'a> {
        let tally = match order.kind {
            ReportKind::Compliance => Tally::Compliance(Default::default()),
            ReportKind::ComplexShare => Tally::Complex(Default::default()),
            ReportKind::Requests => Tally::Requests(Default::default()),
            ReportKind::Reasons => Tally::Reasons(Default::default()),
        };
        Counting { order, tally }
    }

    /// From when on facts are of interest.
    pub fn from(&self) -> Instant {
        self.order.period.start()
    }

    /// Looks at a record's case; every case comes before the first fact.
    pub fn look(&mut self, id: &RecordRef, case: &RecordCase) {
        match &mut self.tally {
            Tally::Compliance(tally) => tally.look(id, case),
            Tally::Complex(tally) => tally.look(&self.order, id, case),
            Tally::Requests(tally) => tally.look(&self.order, case),
            Tally::Reasons(_) => {}
        }
    }

    /// Takes the next fact in.
    pub fn note(&mut self, case: &CaseId, fact: &Fact) {
        let Some(record) = case.record() else { return };
        match &mut self.tally {
            Tally::Compliance(tally) => tally.note(&self.order, record, fact),
            Tally::Complex(_) | Tally::Requests(_) | Tally::Reasons(_) if fact.in_shadow => {}
            Tally::Complex(tally) => tally.note(&self.order, record, fact),
            Tally::Requests(tally) => tally.note(&self.order, fact),
            Tally::Reasons(tally) => tally.note(&self.order, record, fact),
        }
    }

    /// The finished report.
    pub fn finish(self) -> Sheet {
        match self.tally {
            Tally::Compliance(tally) => tally.finish(&self.order),
            Tally::Complex(tally) => tally.finish(&self.order),
            Tally::Requests(tally) => tally.finish(&self.order),
            Tally::Reasons(tally) => tally.finish(&self.order),
        }
    }
}
