//! Users into people, with zones, managers, deputies and the org's hours.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use dealclock_connector::Mapping;
use dealclock_model::time::WorkingHours;
use dealclock_model::{Person, PersonId};

use crate::wire::Row;

/// The fields of users that are asked for.
pub const FIELDS: &str =
    "Id, Name, Email, IsActive, ManagerId, DelegatedApproverId, TimeZoneSidKey, UserType, SystemModstamp";

/// One user, before managers are named.
#[derive(Clone, Debug)]
pub struct User {
    person: Person,
}

/// Reads a row of `User`; the manager that the mapping names comes with [`people`].
pub fn user(row: &Row<'_>) -> Option<User> {
    let id = row.text("Id")?;
    let name = row.text("Name").or(row.text("Email")).unwrap_or(id);
    Some(User {
        person: Person {
            id: PersonId::from(id),
            name: name.to_owned(),
            email: row.text("Email").map(str::to_owned),
            zone: row.text("TimeZoneSidKey").and_then(|zone| zone.parse::<Tz>().ok()),
            active: row.flag("IsActive"),
            manager: row.text("ManagerId").map(PersonId::from),
            hours: None,
            absences: Vec::new(),
            deputy: row.text("DelegatedApproverId").map(PersonId::from),
        },
    })
}

/// The people of an org. A manager comes from the mapping, else from the user; the hours are the org's.
pub fn people(users: Vec<User>, hours: Option<&WorkingHours>, mapping: &Mapping) -> Vec<Person> {
    let by_name = names(&users);
    let manager_of = |person: &Person| -> Option<PersonId> {
        let is_meant = |name: &str| {
            name == person.id.as_str() || person.email.as_deref().is_some_and(|email| email.eq_ignore_ascii_case(name))
        };
        let named = mapping.managers.iter().find(|(name, _)| is_meant(name)).map(|(_, manager)| manager);
        match named {
            Some(manager) => by_name.get(manager).or_else(|| by_name.get(&manager.to_lowercase())).cloned(),
            // Whoever stands as their own manager has none.
            None => person.manager.clone().filter(|manager| *manager != person.id),
        }
    };
    users
        .iter()
        .map(|user| Person {
            manager: manager_of(&user.person),
            deputy: user.person.deputy.clone().filter(|deputy| *deputy != user.person.id),
            hours: hours.cloned(),
            ..user.person.clone()
        })
        .collect()
}

/// Users by id and by mail address; an active one wins over a deactivated one with the same address.
fn names(users: &[User]) -> BTreeMap<String, PersonId> {
    let mut names = BTreeMap::new();
    let of = |is_active: bool| users.iter().map(|user| &user.person).filter(move |person| person.active == is_active);
    for person in of(false).chain(of(true)) {
        if let Some(email) = &person.email {
            names.insert(email.to_lowercase(), person.id.clone());
        }
        names.insert(person.id.as_str().to_owned(), person.id.clone());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Vec<User> {
        let rows: Vec<Row<'_>> = serde_json::from_str(
            r#"[{"Id":"005A","Name":"Ada","Email":"ada@acme.example","IsActive":true,"ManagerId":"005B","DelegatedApproverId":"005C",
                 "TimeZoneSidKey":"Europe/Berlin"},
                {"Id":"005B","Name":"Bo","Email":"bo@acme.example","IsActive":true,"ManagerId":"005B","TimeZoneSidKey":"Nowhere/Land"},
                {"Id":"005C","Email":"BO@acme.example","IsActive":false,"ManagerId":null},
                {"Name":"without an id"}]"#,
        )
        .unwrap();
        rows.iter().filter_map(user).collect()
    }

    #[test]
    fn users_become_people_with_manager_deputy_and_zone() {
        let people = people(users(), None, &Mapping::default());
        assert_eq!(people.len(), 3);
        assert_eq!(
            (people[0].manager.as_ref(), people[0].deputy.as_ref()),
            (Some(&"005B".into()), Some(&"005C".into()))
        );
        assert_eq!((people[0].zone, people[1].zone), (Some(chrono_tz::Europe::Berlin), None));
        assert_eq!(people[1].manager, None, "nobody is their own manager");
        assert_eq!((people[2].name.as_str(), people[2].active), ("BO@acme.example", false));
    }

    #[test]
    fn the_mapping_names_managers_before_the_org_does() {
        let of = |manager: &str| {
            let mapping = Mapping {
                managers: [("Ada@acme.example".to_owned(), manager.to_owned())].into(),
                ..Mapping::default()
            };
            people(users(), None, &mapping)[0].manager.clone()
        };
        assert_eq!(of("005C"), Some("005C".into()));
        assert_eq!(of("bo@ACME.example"), Some("005B".into()), "an active user wins over a deactivated one");
        assert_eq!(of("nobody@acme.example"), None);
    }
}
