//! The people of a connection: what the CRM tells of them, and what the configuration adds.

use std::collections::BTreeMap;

use dealclock_connector::{Account, Discovery};
use dealclock_model::{People, Person, PersonId};

use crate::config::{Connection, Holidays};

/// Finds people by the names that a configuration uses: mail addresses or ids of the CRM.
struct Directory<'a> {
    by_id: BTreeMap<&'a str, &'a Person>,
    by_email: BTreeMap<String, &'a Person>,
}

impl<'a> Directory<'a> {
    /// Of two people with one address the active one counts: a colleague who came back has a new account.
    fn new(people: &'a [Person]) -> Directory<'a> {
        let mut by_email: BTreeMap<String, &Person> = BTreeMap::new();
        for person in people {
            let Some(email) = &person.email else { continue };
            let known = by_email.entry(email.to_lowercase()).or_insert(person);
            if person.active && !known.active {
                *known = person;
            }
        }
        Directory { by_id: people.iter().map(|person| (person.id.as_str(), person)).collect(), by_email }
    }

    fn find(&self, name: &str) -> Option<&'a Person> {
        let name = name.trim();
        self.by_id.get(name).or_else(|| self.by_email.get(&name.to_lowercase())).copied()
    }

    fn id(&self, name: &str) -> Option<PersonId> {
        self.find(name).map(|person| person.id.clone())
    }
}

/// Puts the people of a connection together. Names that lead to nobody are left out; [`unknown_names`] tells them.
pub fn assemble(connection: &Connection, account: &Account, discovery: &Discovery) -> People {
    let directory = Directory::new(&discovery.people);
    let fallback = connection.fallback.as_deref().and_then(|name| directory.id(name));
    let mut people = People::new(connection.profile(account.zone, fallback));
    people.profile.roles = roles(connection, &directory);
    people.profile.holidays = match connection.holidays {
        Holidays::Crm => discovery.holidays.clone(),
        Holidays::None => Vec::new(),
    };
    people.persons = discovery.people.iter().map(|person| (person.id.clone(), person.clone())).collect();
    for (name, entry) in &connection.people {
        let Some(person) = directory.id(name).and_then(|id| people.persons.get_mut(&id)) else { continue };
        person.absences.extend(&entry.absences);
        person.absences.sort_by_key(|range| (range.from, range.to));
        person.absences.dedup();
        // Nobody acts for themselves.
        let deputy = entry.deputy.as_deref().and_then(|name| directory.id(name));
        person.deputy = deputy.filter(|deputy| *deputy != person.id).or(person.deputy.take());
    }
    people
}

/// Who holds each role; holders that nobody knows are left out.
fn roles(connection: &Connection, directory: &Directory<'_>) -> BTreeMap<String, Vec<PersonId>> {
    let holders = |names: &[String]| {
        let mut ids: Vec<PersonId> = names.iter().filter_map(|name| directory.id(name)).collect();
        ids.sort();
        ids.dedup();
        ids
    };
    connection.roles.iter().map(|(role, names)| (role.clone(), holders(names))).collect()
}

/// A name in the configuration that leads to nobody in the CRM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The keys that it stands under, each once.
    pub keys: Vec<&'static str>,
    /// The name, a mail address shortened so that it can stand in a log.
    pub name: String,
    /// The person is known and can no longer log in.
    pub inactive: bool,
}

/// Every name in the configuration that leads to nobody, or to somebody who is gone but should act; each name once.
pub fn unknown_names(connection: &Connection, discovery: &Discovery) -> Vec<UnknownName> {
    let directory = Directory::new(&discovery.people);
    let mapping = &connection.mapping;
    let named = mapping.managers.keys().map(|name| ("managers", name, false));
    let acting = (connection.fallback.iter().map(|name| ("fallback", name)))
        .chain(mapping.managers.values().map(|name| ("managers", name)))
        .chain(mapping.team_managers.values().map(|name| ("team_managers", name)))
        .chain(connection.roles.values().flatten().map(|name| ("roles", name)))
        .chain(connection.people.values().filter_map(|entry| entry.deputy.as_ref()).map(|name| ("people", name)))
        .map(|(key, name)| (key, name, true));
    let mut unknown: Vec<(&str, UnknownName)> = Vec::new();
    for (key, name, acts) in named.chain(connection.people.keys().map(|name| ("people", name, false))).chain(acting) {
        let inactive = match directory.find(name) {
            None => false,
            Some(person) if acts && !person.active => true,
            Some(_) => continue,
        };
        match unknown.iter_mut().find(|(known, _)| *known == name.as_str()) {
            Some((_, told)) if told.keys.contains(&key) => {}
            Some((_, told)) => told.keys.push(key),
            None => unknown.push((name, UnknownName { keys: vec![key], name: shorten(name), inactive })),
        }
    }
    unknown.into_iter().map(|(_, unknown)| unknown).collect()
}

/// A mail address that its owner recognises and nobody else can write to.
fn shorten(name: &str) -> String {
    match name.split_once('@') {
        Some((local, domain)) => format!("{}…@{domain}", local.chars().take(2).collect::<String>()),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono_tz::Tz;
    use dealclock_connector::Once;

    use super::*;
    use crate::config::{Config, Environment};

    fn person(id: &str, email: &str, active: bool) -> Person {
        Person {
            id: id.into(),
            name: id.to_owned(),
            email: Some(email.to_owned()),
            zone: None,
            active,
            manager: None,
            hours: None,
            absences: Vec::new(),
            deputy: None,
        }
    }

    fn connection(keys: &str) -> Connection {
        let text = format!("[connection.acme]\nkind = \"k\"\ntoken = {{ env = \"T\" }}\n{keys}");
        let config = Config::read("my.toml", &text, Path::new(""), &Environment::default(), &["k"]).unwrap();
        config.connections["acme"].clone()
    }

    fn discovery() -> Discovery {
        let people = vec![
            person("1", "Rep@x.example", true),
            person("2", "boss@x.example", true),
            person("3", "gone@x.example", false),
        ];
        Discovery { people, ..Discovery::default() }
    }

    #[test]
    fn the_configuration_adds_absences_deputies_and_the_fallback() {
        let connection = connection(
            "fallback = \"BOSS@x.example\"\n[connection.acme.people.\"rep@x.example\"]\nabsent = [\"2026-12-24\"]\ndeputy = \"2\"\n\
             [connection.acme.people.2]\ndeputy = \"2\"",
        );
        let account = Account {
            id: "7".into(),
            zone: Tz::Europe__Berlin,
            currency: "EUR".into(),
            once: Once::Exactly,
            problems: Vec::new(),
        };
        let people = assemble(&connection, &account, &discovery());
        assert_eq!(people.profile.fallback, Some("2".into()));
        assert_eq!(people.profile.zone, Tz::Europe__Berlin);
        let rep = &people.persons["1"];
        assert_eq!((rep.absences.len(), rep.deputy.clone()), (1, Some("2".into())));
        assert_eq!(people.persons["2"].deputy, None);
    }

    #[test]
    fn holidays_of_the_crm_count_where_the_configuration_says_so() {
        let account = Account {
            id: "7".into(),
            zone: Tz::UTC,
            currency: "EUR".into(),
            once: Once::Exactly,
            problems: Vec::new(),
        };
        let holidays = vec![chrono::NaiveDate::from_ymd_opt(2026, 12, 25).unwrap()];
        let discovery = Discovery { holidays: holidays.clone(), ..discovery() };
        let counted = |keys| assemble(&connection(keys), &account, &discovery).profile.holidays;
        assert_eq!(counted("holidays = \"crm\""), holidays);
        assert_eq!(counted(""), []);
    }

    #[test]
    fn a_role_is_held_by_everybody_whom_the_configuration_names_and_the_crm_knows() {
        let connection = connection(
            "[connection.acme.roles]\ndirector = [\"boss@x.example\", \"2\", \"1\"]\ndesk = [\"nobody@x.example\"]",
        );
        let account = Account {
            id: "7".into(),
            zone: Tz::UTC,
            currency: "EUR".into(),
            once: Once::Exactly,
            problems: Vec::new(),
        };
        let roles = assemble(&connection, &account, &discovery()).profile.roles;
        assert_eq!(roles["director"], ["1".into(), "2".into()]);
        assert_eq!(roles["desk"], []);
        let unknown = unknown_names(&connection, &discovery());
        assert_eq!(unknown, [UnknownName { keys: vec!["roles"], name: "no…@x.example".into(), inactive: false }]);
    }

    #[test]
    fn names_that_lead_to_nobody_are_told_without_their_address() {
        let connection = connection(
            "fallback = \"gone@x.example\"\n[connection.acme.managers]\n\"rep@x.example\" = \"nobody@x.example\"\n\"gone@x.example\" = \"2\"\n\
             \"2\" = \"nobody@x.example\"\n[connection.acme.roles]\ndesk = [\"nobody@x.example\"]",
        );
        let told: Vec<String> = unknown_names(&connection, &discovery())
            .into_iter()
            .map(|name| format!("{} {} {}", name.keys.join("+"), name.name, name.inactive))
            .collect();
        assert_eq!(told, ["fallback go…@x.example true", "managers+roles no…@x.example false"]);
    }
}
