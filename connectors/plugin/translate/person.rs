//! What the program says of people into people, with the managers that the mapping names.

use std::collections::BTreeMap;

use dealclock_connector::Mapping;
use dealclock_model::time::WorkingHours;
use dealclock_model::{Person, PersonId};

use crate::wire;

/// Everybody. A manager comes from the mapping by person, then from the program, then from the mapping by team.
pub fn people(sent: Vec<wire::Person>, mapping: &Mapping) -> Vec<Person> {
    let by_name = names(&sent);
    let resolve = |name: &String| by_name.get(name).or_else(|| by_name.get(&name.to_lowercase())).cloned();
    sent.into_iter()
        .map(|person| {
            let is_named = |name: &str| {
                name == person.id || person.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(name))
            };
            let by_person = mapping.managers.iter().find(|(name, _)| is_named(name)).map(|(_, manager)| manager);
            let by_team = || {
                let managers = person.teams.iter().filter_map(|team| mapping.team_managers.get(team));
                // Whoever manages a team is usually a member of it, and nobody manages themselves.
                managers.filter_map(resolve).find(|manager| manager.as_str() != person.id)
            };
            let manager = match by_person {
                Some(manager) => resolve(manager),
                None => person.manager.as_deref().filter(|id| !id.is_empty()).map(PersonId::from).or_else(by_team),
            };
            Person {
                id: PersonId::from(&person.id),
                zone: person.zone.and_then(|zone| zone.parse().ok()),
                active: person.active,
                manager,
                hours: hours(&person.hours),
                absences: person.absences,
                deputy: person.deputy.filter(|id| !id.is_empty()).map(PersonId::from),
                name: person.name,
                email: person.email.filter(|email| !email.is_empty()),
            }
        })
        .collect()
}

/// People by id and by mail address; an active one wins over another with the same address.
fn names(people: &[wire::Person]) -> BTreeMap<String, PersonId> {
    let mut names = BTreeMap::new();
    let inactive_first = people.iter().filter(|one| !one.active).chain(people.iter().filter(|one| one.active));
    for person in inactive_first {
        let id = PersonId::from(&person.id);
        if let Some(email) = person.email.as_ref().filter(|email| !email.is_empty()) {
            names.insert(email.to_lowercase(), id.clone());
        }
        names.insert(person.id.clone(), id);
    }
    names
}

fn hours(sent: &[wire::Hours]) -> Option<WorkingHours> {
    let ranges: Vec<_> = sent.iter().map(|hours| (hours.day, hours.from, hours.to)).collect();
    (!ranges.is_empty()).then_some(WorkingHours { ranges })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manager_comes_from_the_mapping_then_the_program_then_the_team() {
        let sent: Vec<wire::Person> = serde_json::from_str(
            r#"[{"id":"1","name":"Ada","email":"Ada@acme.example","active":true,"manager":"2","zone":"Europe/Berlin",
                 "hours":[{"day":"Mon","from":"09:00:00","to":"17:00:00"}]},
                {"id":"2","name":"Bo","email":"bo@acme.example","active":true,"teams":["North"]},
                {"id":"3","name":"Cy","active":true,"teams":["North"],"zone":"nowhere"},
                {"id":"4","name":"Di","email":"bo@acme.example","active":false,"manager":"1"}]"#,
        )
        .unwrap();
        let mut mapping = Mapping::default();
        mapping.managers.insert("ada@acme.example".into(), "3".into());
        mapping.team_managers.insert("North".into(), "BO@acme.example".into());
        let people = people(sent, &mapping);
        let managers: Vec<_> = people.iter().map(|one| one.manager.as_ref().map(PersonId::as_str)).collect();
        assert_eq!(managers, [Some("3"), None, Some("2"), Some("1")]);
        assert_eq!(people[0].hours.as_ref().map(|hours| hours.ranges.len()), Some(1));
        assert_eq!((people[0].zone.is_some(), people[2].zone), (true, None));
    }
}
