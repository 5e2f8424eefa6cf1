//! The people of a connection, and what holds for the connection as a whole.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::time::{DailyRange, DateRange, WorkingHours};
use crate::{ConnectionId, PersonId};

/// A CRM user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The id by which records name the person as owner.
    pub id: PersonId,
    /// The name to show.
    pub name: String,
    /// The mail address; never logged.
    pub email: Option<String>,
    /// The person's zone; the connection's when absent.
    pub zone: Option<Tz>,
    /// Whether the account can still log in and see tasks.
    pub active: bool,
    /// The manager, from the CRM, a team, or the configuration.
    pub manager: Option<PersonId>,
    /// Working hours where the CRM has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<WorkingHours>,
    /// Days away, in the person's zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absences: Vec<DateRange>,
    /// Who acts while the person is away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deputy: Option<PersonId>,
}

/// What holds for every rule on one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The connection.
    pub connection: ConnectionId,
    /// The zone used where a person has none.
    pub zone: Tz,
    /// When day reminders go out, in the recipient's zone. Default 09:00.
    pub send_time: NaiveTime,
    /// No reminder goes out in this range of the recipient's local time.
    pub quiet_hours: Option<DailyRange>,
    /// Who gets what has no other recipient.
    pub fallback: Option<PersonId>,
    /// At most so many reminders reach one person on one local date; the rest become one task. Default 20.
    pub max_per_person_per_day: u32,
    /// More records than this entering a rule within ten minutes are held. Default 50.
    pub storm_above: u32,
    /// How long a due reminder waits for fresh data, in seconds. Default 300.
    pub max_wait_secs: u32,
    /// Holidays that the CRM knows, sorted; they count beside those of every calendar.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<NaiveDate>,
    /// Who holds a role that rule files name as `role:NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Vec<PersonId>>,
}

impl Profile {
    /// A profile with every default, in the given zone.
    pub fn new(connection: ConnectionId, zone: Tz) -> Profile {
        Profile {
            connection,
            zone,
            send_time: NaiveTime::from_hms_opt(9, 0, 0).expect("09:00 is a time of day"),
            quiet_hours: None,
            fallback: None,
            max_per_person_per_day: 20,
            storm_above: 50,
            max_wait_secs: 300,
            holidays: Vec::new(),
            roles: BTreeMap::new(),
        }
    }
}

/// The people of one connection with its profile; what `decide` knows beside the case itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// What holds for the connection.
    pub profile: Profile,
    /// Every known person, active or not.
    pub persons: BTreeMap<PersonId, Person>,
}

impl People {
    /// A connection without people yet.
    pub fn new(profile: Profile) -> People {
        People { profile, persons: BTreeMap::new() }
    }

    /// Looks a person up.
    pub fn get(&self, id: &PersonId) -> Option<&Person> {
        self.persons.get(id)
    }

    /// A person's zone, or the connection's.
    pub fn zone_of(&self, id: Option<&PersonId>) -> Tz {
        id.and_then(|id| self.get(id)).and_then(|person| person.zone).unwrap_or(self.profile.zone)
    }
}
