//! Fills an org with plausible people and opportunities.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value};

use super::Org;
use super::errors::Failure;
use super::id::Id;
use super::kind::Kind;
use super::row::{Author, Via};
use crate::portal::instant::{DAY, Millis, iso_date};
use crate::seed::{OLDEST, PEOPLE, amount, name, person, spread};

/// The course of an opportunity through the stages that a fresh org has, and how it may end.
const COURSE: [&str; 6] =
    ["Prospecting", "Qualification", "Needs Analysis", "Proposal/Price Quote", "Negotiation/Review", "Closed Won"];

impl Org {
    /// Adds ten reps, two managers and as many opportunities; the same seed makes the same ones.
    pub(crate) fn seed(&mut self, deals: usize, seed: u64) {
        let mut chance = SmallRng::seed_from_u64(seed);
        for colleague in PEOPLE {
            self.invite(&person(colleague));
        }
        for (owner, .., zone, is_manager) in PEOPLE {
            let american = zone.is_none_or(|zone| zone.starts_with("America/"));
            let manager = self.user_id(if american { "64492912" } else { "64492911" });
            if let Some(manager) = manager.filter(|_| !is_manager) {
                self.set_user(owner, "ManagerId", manager.to_string().into()).expect("both users are there");
            }
        }
        let reps = PEOPLE.iter().filter(|colleague| !colleague.5);
        let reps: Vec<Id> = reps.filter_map(|rep| self.user_id(rep.0)).collect();
        let now = self.now;
        // Ids grow with time, so the opportunities are made in the order of their age.
        for number in 0..deals {
            let created = now - OLDEST + spread(OLDEST, number, deals);
            let added = self.seed_deal(created, now, &reps, &mut chance);
            added.expect("the stages of the table are there, and all values fit");
        }
        self.now = now;
    }

    fn seed_deal(&mut self, created: Millis, now: Millis, reps: &[Id], chance: &mut SmallRng) -> Result<(), Failure> {
        let rep = reps.choose(chance).copied().unwrap_or(self.admin);
        let by = Author { user: rep, via: Via::Page };
        let close = created + chance.random_range(20..120) * DAY;
        let mut values: Map<String, Value> = Map::new();
        values.insert("Name".to_owned(), name(chance).into());
        values.insert("StageName".to_owned(), COURSE[0].into());
        values.insert("CloseDate".to_owned(), iso_date(close).into());
        if chance.random_ratio(95, 100) {
            values.insert("Amount".to_owned(), amount(chance).into());
        }
        self.now = created;
        let id = self.create(Kind::Opportunity, &values, by)?;
        let stage = chance.random_range(0..COURSE.len());
        if stage > 0 {
            self.now = chance.random_range(created..=now);
            let values = Map::from_iter([("StageName".to_owned(), COURSE[stage].into())]);
            self.update(Kind::Opportunity, id, &values, by)?;
        }
        Ok(())
    }
}
