//! Fills an account with plausible people, pipelines and deals.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

use crate::edit::{NewPerson, NewPipeline, NewStage};
use crate::portal::Portal;
use crate::portal::instant::{DAY, Millis, iso};
use crate::portal::kind::Kind;
use crate::portal::record::{Record, Source, Version};
use crate::portal::schema::PropertyId;
use crate::refusal::Refusal;

/// Seeded deals are at most this old.
pub(crate) const OLDEST: Millis = 180 * DAY;

/// Owner id, user id, first name, last name, zone, whether a manager.
pub(crate) type Colleague = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>, bool);

pub(crate) const PEOPLE: [Colleague; 12] = [
    ("64492901", "28604201", "Anna", "Becker", Some("Europe/Berlin"), false),
    ("64492902", "28604202", "Jonas", "Wolf", Some("Europe/Berlin"), false),
    ("64492903", "28604203", "Claire", "Martin", Some("Europe/Paris"), false),
    ("64492904", "28604204", "Oliver", "Hughes", Some("Europe/London"), false),
    ("64492905", "28604205", "Grace", "Miller", Some("America/New_York"), false),
    ("64492906", "28604206", "Diego", "Ramirez", Some("America/New_York"), false),
    ("64492907", "28604207", "Emily", "Chen", Some("America/Los_Angeles"), false),
    ("64492908", "28604208", "Haruto", "Sato", Some("Asia/Tokyo"), false),
    ("64492909", "28604209", "Priya", "Nair", Some("Asia/Kolkata"), false),
    ("64492910", "28604210", "Noah", "Williams", None, false),
    ("64492911", "28604211", "Martina", "Keller", Some("Europe/Berlin"), true),
    ("64492912", "28604212", "Robert", "Jackson", Some("America/New_York"), true),
];

const CUSTOMERS: [&str; 12] = [
    "Nordlicht",
    "Acme",
    "Globex",
    "Initech",
    "Umbra",
    "Kestrel",
    "Blue Harbor",
    "Tanaka Works",
    "Solaris",
    "Veridian",
    "Café Müller",
    "Østerbro",
];
const FORMS: [&str; 6] = ["GmbH", "Inc.", "Ltd", "S.A.", "KK", "Group"];
const GOODS: [&str; 8] =
    ["licences", "support renewal", "pilot", "rollout", "training", "data migration", "platform", "add-on seats"];

impl Portal {
    /// Adds ten reps, two managers, a second pipeline, and as many deals; the same seed makes the same deals.
    pub(crate) fn seed(&mut self, deals: usize, seed: u64) {
        let mut chance = SmallRng::seed_from_u64(seed);
        for colleague in PEOPLE {
            let added: Result<(), Refusal> = self.add_person(&person(colleague));
            added.expect("the people of the table have numeric ids and valid values");
        }
        self.add_pipeline(&renewals());
        let words = Words::new(self);
        // Ids grow with time, so the deals are made in the order of their age.
        for number in 0..deals {
            let created = self.now - OLDEST + spread(OLDEST, number, deals);
            self.seed_deal(created, &words, &mut chance);
        }
    }

    fn seed_deal(&mut self, created: Millis, words: &Words, chance: &mut SmallRng) {
        let (pipeline, stages) = words.pipelines.choose(chance).expect("there are two pipelines");
        let owner = words.owners.choose(chance).expect("there are ten reps");
        let user: u64 = owner.1;
        let stage = chance.random_range(0..stages.len());
        let moved = created + chance.random_range(0..=(self.now - created).max(1));
        let close = created + chance.random_range(20..120) * DAY;
        let known = self.known;
        let id = self.next_id();
        let mut deal = Record::new(id, created, Source::Person(user));
        let mut set = |at: Millis, property: PropertyId, value: Arc<str>| {
            deal.set(Version { at: at.max(created), property, source: Source::Person(user), value: Some(value) });
        };
        set(created, known.deal_name, name(chance).into());
        set(created, known.deal_pipeline, Arc::clone(pipeline));
        set(created, known.deal_stage, Arc::clone(&stages[0]));
        set(created, known.deal_close_date, iso(close).into());
        if chance.random_ratio(95, 100) {
            set(created, known.deal_amount, amount(chance).into());
        }
        if chance.random_ratio(97, 100) {
            set(created, known.deal_owner, Arc::clone(&owner.0));
        }
        if stage > 0 {
            set(moved.min(self.now), known.deal_stage, Arc::clone(&stages[stage]));
        }
        deal.shrink();
        self.insert(Kind::Deal, deal);
    }
}

/// The texts that many deals share.
struct Words {
    owners: Vec<(Arc<str>, u64)>,
    pipelines: Vec<(Arc<str>, Vec<Arc<str>>)>,
}

impl Words {
    fn new(portal: &mut Portal) -> Words {
        let reps = PEOPLE.iter().filter(|colleague| !colleague.5);
        let owners = reps.map(|rep| (portal.shared_text(rep.0), rep.1.parse().unwrap_or(0))).collect();
        let pipelines = portal.pipelines.clone();
        let mut shared = |text: &str| portal.shared_text(text);
        let pipelines = pipelines.iter().filter(|pipeline| !pipeline.stages.is_empty()).map(|pipeline| {
            let stages = pipeline.stages.iter().map(|stage| shared(&stage.id)).collect();
            (shared(&pipeline.id), stages)
        });
        Words { owners, pipelines: pipelines.collect() }
    }
}

/// A colleague as an administrator invites them.
pub(crate) fn person((owner_id, user_id, first_name, last_name, zone, manager): Colleague) -> NewPerson {
    NewPerson {
        owner_id: owner_id.to_owned(),
        user_id: user_id.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        email: format!("{}.{}@example.com", first_name.to_lowercase(), last_name.to_lowercase()),
        job_title: if manager { "Sales manager" } else { "Account executive" }.to_owned(),
        team: Some("Sales".to_owned()),
        zone: zone.map(str::to_owned),
    }
}

fn renewals() -> NewPipeline {
    let stages = [
        ("1054301", "Renewal due", 50, false),
        ("1054302", "Offer sent", 75, false),
        ("1054303", "Renewed", 100, true),
        ("1054304", "Churned", 0, true),
    ];
    let stages = stages.map(|(id, label, percent, closed)| NewStage {
        id: id.to_owned(),
        label: label.to_owned(),
        percent,
        closed,
    });
    NewPipeline { id: "1054300".to_owned(), label: "Renewals".to_owned(), stages: stages.into() }
}

/// What an opportunity may be called.
pub(crate) fn name(chance: &mut SmallRng) -> String {
    let mut word = |words: &[&'static str]| words.choose(chance).copied().unwrap_or_default();
    format!("{} {}: {}", word(&CUSTOMERS), word(&FORMS), word(&GOODS))
}

/// What one may be worth.
pub(crate) fn amount(chance: &mut SmallRng) -> String {
    let hundreds: u32 = chance.random_range(5..2_000);
    format!("{}.00", hundreds * 100)
}

/// The place of one of many numbers in a length of time.
pub(crate) fn spread(length: Millis, number: usize, of: usize) -> Millis {
    let share = |number: usize| i128::try_from(number).unwrap_or(0);
    let place = i128::from(length) * share(number) / share(of).max(1);
    Millis::try_from(place).unwrap_or(length)
}
