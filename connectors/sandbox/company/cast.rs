//! Who works in the company: reps in teams, their managers, and the director above them.

use chrono_tz::Tz;
use rand::Rng;

use super::ACCOUNT_ZONE;
use crate::edit::NewPerson;

/// Somebody who works in the company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is, as the CRM knows them.
    pub person: NewPerson,
    /// The place among the members of the one whom they report to.
    reports_to: Option<usize>,
    /// Whether they leave the company in a run that is long enough.
    pub(super) leaves: bool,
}

impl Member {
    /// The zone in which they live: their own, else the account's.
    pub fn zone(&self) -> Tz {
        let zone = self.person.zone.as_deref().unwrap_or(ACCOUNT_ZONE);
        zone.parse().expect("the cast's zones are in the time zone database")
    }

    /// The owner id.
    pub fn owner(&self) -> &str {
        &self.person.owner_id
    }

    /// The user id.
    pub fn user(&self) -> &str {
        &self.person.user_id
    }
}

/// Everybody who works in the company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    members: Vec<Member>,
}

struct Team {
    name: &'static str,
    /// The manager's zone, which most of the team share.
    zone: &'static str,
    /// The zones of the reps in turn; `None` for a rep who never set one.
    reps: [Option<&'static str>; 3],
}

const TEAMS: [Team; 3] = [
    Team {
        name: "EMEA",
        zone: "Europe/Berlin",
        reps: [Some("Europe/Berlin"), Some("Europe/London"), Some("Europe/Berlin")],
    },
    Team {
        name: "Americas",
        zone: "America/New_York",
        reps: [Some("America/New_York"), Some("America/Los_Angeles"), None],
    },
    Team { name: "APAC", zone: "Asia/Tokyo", reps: [Some("Asia/Tokyo"), Some("Asia/Kolkata"), Some("Asia/Tokyo")] },
];

const FIRST_NAMES: [&str; 24] = [
    "Anna", "Ben", "Clara", "Daniel", "Emi", "Felix", "Grace", "Hiro", "Ines", "Jonas", "Kenji", "Lena", "Maya",
    "Noah", "Olga", "Paul", "Quinn", "Rosa", "Sam", "Tara", "Uwe", "Vera", "Wes", "Yuki",
];

const LAST_NAMES: [&str; 23] = [
    "Abe", "Brandt", "Castillo", "Dietz", "Evans", "Fischer", "Garcia", "Hoffmann", "Ito", "Jensen", "Keller", "Lopez",
    "Mori", "Novak", "Okafor", "Park", "Quist", "Reyes", "Sato", "Tanaka", "Ueda", "Vogel", "Weber",
];

impl Cast {
    pub(super) fn new(reps: u32, rng: &mut impl Rng) -> Cast {
        let mut cast = Cast { members: Vec::new() };
        let mut names = Names { first: rng.random_range(0..24), last: rng.random_range(0..23), given: 0 };
        // The director is also the fallback recipient, and lives where the account does.
        cast.hire(&mut names, "Sales director", None, Some("America/New_York"), None);
        for team in &TEAMS {
            cast.hire(&mut names, "Sales manager", Some(team.name), Some(team.zone), Some(0));
        }
        for index in 0..reps.max(3) as usize {
            let (team, turn) = (index % TEAMS.len(), index / TEAMS.len());
            let Team { name, reps, .. } = &TEAMS[team];
            cast.hire(&mut names, "Account executive", Some(name), reps[turn % reps.len()], Some(1 + team));
        }
        cast.choose_leaver();
        cast
    }

    fn hire(
        &mut self,
        names: &mut Names,
        job_title: &str,
        team: Option<&str>,
        zone: Option<&str>,
        reports_to: Option<usize>,
    ) {
        let index = self.members.len();
        let (first_name, last_name) = names.next();
        let email = format!("{first_name}.{last_name}{index}@sandbox.example").to_lowercase();
        let person = NewPerson {
            // Owner and user ids differ as in most accounts, so that mixing them up is found here and not there.
            owner_id: (41_629_700 + 13 * index).to_string(),
            user_id: (9_586_500 + 7 * index).to_string(),
            first_name,
            last_name,
            email,
            job_title: job_title.to_owned(),
            team: team.map(str::to_owned),
            zone: zone.map(str::to_owned),
        };
        self.members.push(Member { person, reports_to, leaves: false });
    }

    /// The last rep whose zone is the manager's leaves: the handed-over tasks then keep their times.
    fn choose_leaver(&mut self) {
        let zone_of_manager = |member: &Member| self.manager_of(member).and_then(|manager| manager.person.zone.clone());
        let leaver = self.members.iter().rposition(|member| member.person.zone == zone_of_manager(member));
        if let Some(leaver) = leaver {
            self.members[leaver].leaves = true;
        }
    }

    /// Everybody: the director, the managers, the reps.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter()
    }

    /// The director, who gets what has no other recipient.
    pub fn director(&self) -> &Member {
        &self.members[0]
    }

    /// The reps.
    pub fn reps(&self) -> &[Member] {
        &self.members[1 + TEAMS.len()..]
    }

    /// The one whom a member reports to.
    pub fn manager_of(&self, member: &Member) -> Option<&Member> {
        member.reports_to.map(|index| &self.members[index])
    }
}

/// Hands out names of people, no two alike among the first 24 times 23.
struct Names {
    first: usize,
    last: usize,
    given: usize,
}

impl Names {
    fn next(&mut self) -> (String, String) {
        // 24 and 23 have no common divisor: stepping through both at once meets every pair before any repeats.
        let first = FIRST_NAMES[(self.first + self.given) % FIRST_NAMES.len()];
        let last = LAST_NAMES[(self.last + self.given) % LAST_NAMES.len()];
        self.given += 1;
        (first.to_owned(), last.to_owned())
    }
}
