//! A company that lives in the sandbox: reps, managers and opportunities, and what people do with them over days.

mod cast;
mod course;
mod fields;
mod moment;
mod office;
mod plot;
mod stage;
mod title;

pub use cast::{Cast, Member};
#[cfg(test)]
pub(crate) use fields::made_by_setup;
pub use fields::{
    COMPLEX, DELAY_REASON, DELAY_REASON_TEXT, DISCOUNT, DISCOUNT_APPROVED, MANAGER_DECISION, OUTCOME, REQUEST_APPROVED,
    WANTED_UNTIL,
};
pub use stage::{Stage, StageIds};

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, TimeZone, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::edit::{Edit, TimedEdit};
use crate::options::Crm;

/// The account's time zone, under the legacy name by which real accounts still have it.
pub const ACCOUNT_ZONE: &str = "US/Eastern";

/// How a company is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompanyOptions {
    /// The instant from which the company is watched; what happened before is its past.
    pub start: DateTime<Utc>,
    /// How many days are played, from `start`.
    pub days: u32,
    /// How many reps there are, at least three; each team also has a manager.
    pub reps: u32,
    /// How many opportunities there are at the start.
    pub standing: u32,
    /// How many opportunities are opened on a working day; a quarter of that at the weekend.
    pub deals_per_day: u32,
    /// Whether managers decide about more time in the CRM's own approval process, where it has one; some complete the task
    /// that asks first. A deal is locked while it waits there: nobody decides in its fields.
    pub has_process: bool,
}

impl Default for CompanyOptions {
    /// Ten days from Monday 2026-03-02; a run of 60 days sees the clocks change in America and in Europe.
    fn default() -> CompanyOptions {
        let start = Utc.with_ymd_and_hms(2026, 3, 2, 6, 0, 0).single().expect("UTC has no gaps");
        CompanyOptions { start, days: 10, reps: 9, standing: 36, deals_per_day: 12, has_process: false }
    }
}

/// A company with its whole past and future, as far as people make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    /// The instant at which the account is set up; a sandbox for this company starts here.
    pub founded: DateTime<Utc>,
    /// The instant from which the company is watched.
    pub start: DateTime<Utc>,
    /// The instant at which the play ends.
    pub end: DateTime<Utc>,
    /// Who works there.
    pub cast: Cast,
    /// Whether more time is decided about in the CRM's own approval process.
    pub has_process: bool,
    /// Everything that people do, in order of time; what lies before `start` is the past.
    pub timeline: Vec<TimedEdit>,
}

impl Company {
    /// Makes a company; a pure function of its arguments.
    pub fn new(seed: u64, options: &CompanyOptions) -> Company {
        let mut rng = StdRng::seed_from_u64(seed);
        let founded = options.start - Duration::days(plot::PAST_DAYS);
        let end = options.start + Duration::days(i64::from(options.days));
        let cast = Cast::new(options.reps, &mut rng);
        let mut timeline = found(founded, &cast);
        timeline.extend(plot::play(options, &cast, &mut rng));
        timeline.retain(|edit| edit.at < end);
        timeline.sort_by_key(|edit| edit.at);
        Company { founded, start: options.start, end, cast, has_process: options.has_process, timeline }
    }

    /// The canonical stage names with the ids that mean them in a CRM, as a connection's configuration maps them.
    pub fn stages(&self, crm: Crm) -> BTreeMap<&'static str, Vec<&'static str>> {
        let ids = |stage: &Stage| match crm {
            Crm::HubSpot => stage.ids(),
            // One list of stages, by name, serves all opportunities.
            Crm::Salesforce => vec![stage.label()],
        };
        Stage::ALL.iter().map(|stage| (stage.label(), ids(stage))).collect()
    }

    /// The managers by their people, both as mail addresses, as a connection's configuration maps them.
    pub fn managers(&self) -> BTreeMap<&str, &str> {
        let with_manager = |member| self.cast.manager_of(member).map(|manager| (member, manager));
        let pairs = self.cast.members().filter_map(with_manager);
        pairs.map(|(member, manager)| (member.person.email.as_str(), manager.person.email.as_str())).collect()
    }
}

/// What an administrator does on the first day: users and who reports to whom, pipelines, fields of the company's own and
/// the hours.
fn found(at: DateTime<Utc>, cast: &Cast) -> Vec<TimedEdit> {
    let people = cast.members().map(|member| Edit::AddPerson(member.person.clone()));
    let pipelines = stage::pipelines().into_iter().map(Edit::AddPipeline);
    let office_hours = Edit::SetOfficeHours { start_minute: 9 * 60, end_minute: 17 * 60 };
    let with_manager = cast.members().filter_map(|member| Some((member, cast.manager_of(member)?)));
    let managers = with_manager.map(|(member, manager)| Edit::SetManager {
        owner: member.owner().to_owned(),
        manager: Some(manager.owner().to_owned()),
    });
    let edits = people.chain(managers).chain(pipelines).chain(fields::own()).chain([office_hours]);
    edits.map(|edit| TimedEdit { at, edit }).collect()
}

#[cfg(test)]
mod tests;
