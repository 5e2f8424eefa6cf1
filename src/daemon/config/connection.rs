//! One account in one CRM, as configured.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::NaiveTime;
use chrono_tz::Tz;
use dealclock_connector::{FieldSource, Mapping};
use dealclock_model::record::field;
use dealclock_model::time::{DailyRange, DateRange};
use dealclock_model::{ConnectionId, Fault, FieldName, Object, PersonId, Profile};
use serde::Deserialize;

use super::build::Building;
use super::places::Place;
use super::{Credentials, Secret, absences, cannot_be_read, kind, layers};

/// One account in one CRM, as configured.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its name.
    pub id: ConnectionId,
    /// The kind of CRM; one of the program's connectors.
    pub kind: String,
    /// What lets calls in.
    pub credentials: Credentials,
    /// What the CRM signs its webhooks with.
    pub webhook_secret: Option<Secret>,
    /// The program that speaks to the CRM, with its arguments, where the connector is one.
    pub command: Vec<String>,
    /// What that program finds in its environment.
    pub env: BTreeMap<String, Secret>,
    /// An address that stands in for the CRM's own.
    pub base_url: Option<String>,
    /// Authorities to trust beside the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP and addresses of this machine or network are allowed.
    pub allow_local: bool,
    /// How often changes are read.
    pub poll: Duration,
    /// How often everything is compared.
    pub reconcile: Duration,
    /// How often people, stages and fields are read anew.
    pub refresh: Duration,
    /// Our part of the account's limits.
    pub share: f64,
    /// Our part of the account's calls in a day.
    pub daily_share: f64,
    /// Whether a log of changes that the CRM keeps is read, where it keeps one.
    pub feed: bool,
    /// Which holidays count beside those of the rule files.
    pub holidays: Holidays,
    /// The zone for people without one; the account's when absent.
    pub zone: Option<Tz>,
    /// When reminders counted in days go out.
    pub send_time: NaiveTime,
    /// When no reminder goes out.
    pub quiet_hours: Option<DailyRange>,
    /// Who gets what has no other recipient: a mail address or an id.
    pub fallback: Option<String>,
    /// The most reminders for one person on one day.
    pub max_per_person_per_day: u32,
    /// More records than this entering a rule at once are held.
    pub storm_above: u32,
    /// How long a due reminder waits for fresh data.
    pub max_wait: Duration,
    /// Fields, stages and managers.
    pub mapping: Mapping,
    /// Who holds a role that rules name as `role:NAME`: mail addresses or ids.
    pub roles: BTreeMap<String, Vec<String>>,
    /// What is configured about people, by mail address or id.
    pub people: BTreeMap<String, PersonEntry>,
    /// Whether the configuration itself says that the log of changes is to be followed.
    pub wants_feed: bool,
    places: BTreeMap<&'static str, Place>,
}

/// Which holidays count beside those of the rule files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holidays {
    /// None.
    None,
    /// Those that the CRM knows.
    Crm,
}

/// What is configured about one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonEntry {
    /// Days away, from the list and the calendar file together.
    pub absences: Vec<DateRange>,
    /// Who acts meanwhile: a mail address or an id.
    pub deputy: Option<String>,
}

/// The keys whose faults are found out only when the connection is opened; the first stands for the whole section.
const OPENED: [&str; 5] = ["kind", "base_url", "command", "ca_file", "feed"];

impl Connection {
    /// A fault at the key that the message begins with, in backticks or before a colon; else at the section's kind.
    pub(crate) fn fault(&self, message: String) -> Fault {
        let key = message.trim_start_matches('`').split(['`', ':']).next().unwrap_or_default();
        let place = self.places.get(key).or_else(|| self.places.get(OPENED[0]));
        place.expect("the kind has its place from the start").fault(message)
    }

    /// What holds for every rule on this connection, in the account's zone unless another is configured.
    pub fn profile(&self, account_zone: Tz, fallback: Option<PersonId>) -> Profile {
        Profile {
            connection: self.id.clone(),
            zone: self.zone.unwrap_or(account_zone),
            send_time: self.send_time,
            quiet_hours: self.quiet_hours,
            fallback,
            max_per_person_per_day: self.max_per_person_per_day,
            storm_above: self.storm_above,
            max_wait_secs: u32::try_from(self.max_wait.as_secs()).unwrap_or(u32::MAX),
            holidays: Vec::new(),
            roles: BTreeMap::new(),
        }
    }

    /// Whether both connections lead to one account, as far as the configuration tells.
    pub(super) fn is_same_account(&self, other: &Connection) -> bool {
        self.kind == other.kind
            && self.base_url == other.base_url
            && self.credentials.leads_to_the_account_of(&other.credentials)
    }

    /// Every secret that it names, but the key of the tokens, which may be made later.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.credentials.secrets().into_iter().chain(&self.webhook_secret).chain(self.env.values())
    }
}

impl Building<'_> {
    /// Builds one connection; `None` when it cannot be, with the faults added.
    pub(super) fn connection(&mut self, name: &str, keys: layers::Connection) -> Option<Connection> {
        let section = ["connection", name];
        let at = |key: &'static str| ["connection", name, key];
        if keys.kind.is_none() {
            let help = format!(
                "add one of: {}",
                self.kinds.iter().map(|kind| format!("kind = {kind:?}")).collect::<Vec<_>>().join(", ")
            );
            self.missing(&section, "kind", "", &help);
        }
        if let Some(kind) = &keys.kind {
            self.kind(name, kind);
        }
        if let Some(address) = &keys.base_url {
            self.reach(&at("base_url"), address, keys.allow_local);
        }
        let credentials = self.credentials(name, &keys);
        let webhook_secret = keys.webhook_secret.as_ref().and_then(|key| self.secret(&at("webhook_secret"), key));
        let command = self.command(name, &keys.command);
        let env = keys.env.iter().filter_map(|(variable, reference)| {
            Some((variable.clone(), self.secret(&["connection", name, "env", variable], reference)?))
        });
        let env = env.collect();
        let zone = keys.zone.as_deref().and_then(|text| self.parse(&at("zone"), text, kind::zone));
        let quiet_hours =
            keys.quiet_hours.as_deref().and_then(|text| self.parse(&at("quiet_hours"), text, kind::daily_range));
        let poll = self.parse(&at("poll"), &keys.poll, kind::duration);
        let reconcile = self.parse(&at("reconcile"), &keys.reconcile, kind::duration);
        let refresh = self.parse(&at("refresh"), &keys.refresh, kind::duration);
        let send_time = self.parse(&at("send_time"), &keys.send_time, kind::time_of_day);
        let max_wait = self.parse(&at("max_wait"), &keys.max_wait, kind::duration);
        let mapping = self.mapping(name, &keys);
        self.roles(name, &keys.roles);
        let people = keys.people.iter().map(|(who, person)| (who.clone(), self.person(name, who, person))).collect();
        let mut places = BTreeMap::from(OPENED.map(|key| (key, self.places.of(&at(key)))));
        places.insert("login_url", self.places.of(&["connection", name, "auth", "login_url"]));
        Some(Connection {
            id: ConnectionId::from(name),
            kind: keys.kind?,
            credentials: credentials?,
            webhook_secret,
            command,
            env,
            ca_file: keys.ca_file.as_deref().map(|file| self.path(&at("ca_file"), file)),
            base_url: keys.base_url,
            allow_local: keys.allow_local,
            poll: poll?,
            reconcile: reconcile?,
            refresh: refresh?,
            share: keys.share,
            daily_share: keys.daily_share,
            feed: keys.feed,
            holidays: keys.holidays,
            zone,
            send_time: send_time?,
            quiet_hours,
            fallback: keys.fallback,
            max_per_person_per_day: keys.max_per_person_per_day,
            storm_above: keys.storm_above,
            max_wait: max_wait?,
            mapping,
            roles: keys.roles,
            people,
            places,
            wants_feed: keys.feed && self.places.stands(&at("feed")),
        })
    }

    /// The program and its arguments; a program named by a path starts at the file's directory.
    fn command(&self, name: &str, command: &layers::Texts) -> Vec<String> {
        let mut words: Vec<String> = command.list().into_iter().map(str::to_owned).collect();
        if let Some(program) = words.first_mut().filter(|program| program.contains('/')) {
            *program = self.path(&["connection", name, "command"], program).display().to_string();
        }
        words
    }

    fn mapping(&mut self, name: &str, keys: &layers::Connection) -> Mapping {
        let mut fields = BTreeMap::new();
        for (field, source) in &keys.fields.opportunity {
            if let Some(source) = self.field(name, field, source) {
                fields.insert(FieldName::from(field), source);
            }
        }
        self.stages(name, &keys.stages);
        Mapping {
            fields: BTreeMap::from([(Object::Opportunity, fields)]),
            stages: keys.stages.clone(),
            managers: keys.managers.clone(),
            team_managers: keys.team_managers.clone(),
        }
    }

    fn field(&mut self, name: &str, field: &str, source: &layers::Field) -> Option<FieldSource> {
        if let Some(stage) = &source.stage_entered {
            return Some(FieldSource::StageEntered { stage: stage.clone() });
        }
        let own = Mapping::well_known(field);
        let value_type = source.value_type.or(own)?;
        if let Some((_, canonical)) = field::OPPORTUNITY.iter().find(|(known, _)| *known == field)
            && *canonical != value_type
        {
            let path = ["connection", name, "fields", "opportunity", field];
            let help = format!("write type = {:?}, or choose another name", canonical.as_str());
            self.fault(&path, format!("`{field}` is always a {canonical}, not a {value_type}"), help);
        }
        Some(FieldSource::Field { name: source.field.clone()?, value_type })
    }

    /// One stage of the CRM has one name.
    fn stages(&mut self, name: &str, stages: &BTreeMap<String, Vec<String>>) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (canonical, meant) in stages {
            for stage in meant {
                match seen.insert(stage, canonical) {
                    Some(other) if other != canonical => {
                        let message = format!("`{stage}` already means `{other}`");
                        let path = ["connection", name, "stages", canonical];
                        self.fault(&path, message, "a stage has one name; remove it from one of the two lists");
                    }
                    Some(_) | None => {}
                }
            }
        }
    }

    /// A role has holders, each of them once.
    fn roles(&mut self, name: &str, roles: &BTreeMap<String, Vec<String>>) {
        for (role, holders) in roles {
            let path = ["connection", name, "roles", role];
            if holders.is_empty() && !self.places.is_bad(&path) {
                let help = format!("write who does: {role} = [\"somebody@example.com\"], or remove the role");
                self.fault(&path, format!("nobody holds the role `{role}`"), help);
            }
            let mut seen = BTreeSet::new();
            if let Some(twice) = holders.iter().find(|holder| !seen.insert(holder.trim().to_lowercase())) {
                self.fault(&path, format!("`{twice}` stands twice in `{role}`"), "remove one of the two");
            }
        }
    }

    fn person(&mut self, name: &str, who: &str, person: &layers::Person) -> PersonEntry {
        let path = ["connection", name, "people", who, "absent"];
        let mut absences: Vec<DateRange> =
            person.absent.iter().filter_map(|text| self.parse(&path, text, kind::date_range)).collect();
        if let Some(file) = &person.absences_ics {
            let path = ["connection", name, "people", who, "absences_ics"];
            let file: PathBuf = self.path(&path, file);
            match read_calendar(&file) {
                Ok(days) => absences.extend(days),
                Err(reason) => {
                    let help = "name an iCalendar file; its all-day events are the days away";
                    self.fault(&path, format!("`absences_ics` {reason}"), help);
                }
            }
        }
        PersonEntry { absences, deputy: person.deputy.clone() }
    }
}

fn read_calendar(file: &Path) -> Result<Vec<DateRange>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| cannot_be_read(&error))?;
    absences::read(&text)
}
