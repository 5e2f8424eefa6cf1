//! Owners and users into people, with zones, working hours and managers.

use std::collections::{BTreeMap, HashMap};

use chrono::{NaiveTime, Weekday};
use chrono_tz::Tz;
use dealclock_connector::Mapping;
use dealclock_model::time::WorkingHours;
use dealclock_model::{Person, PersonId};

use crate::api::user;
use crate::wire;

/// Joins owners with their users. A manager comes from the mapping by person, else by team, else there is none:
/// HubSpot has no such field.
pub fn people(owners: &[wire::Owner], users: &[wire::Object], mapping: &Mapping) -> Vec<Person> {
    let users: HashMap<&str, &wire::Object> =
        users.iter().filter_map(|found| Some((found.get(user::ID)?, found))).collect();
    let by_name = names(owners);
    owners
        .iter()
        .filter(|owner| owner.id.as_str().is_some())
        .map(|owner| {
            // The owner's id is not the user's, though in small accounts they may be equal.
            let user_id = owner.user_id.as_str().or(owner.user_id_including_inactive.as_str());
            let user = user_id.and_then(|id| users.get(id));
            Person {
                id: PersonId::from(owner.id.text()),
                name: name(owner),
                email: owner.email.as_str().map(str::to_owned),
                zone: user.and_then(|user| user.get(user::ZONE)).and_then(|zone| zone.parse::<Tz>().ok()),
                active: !owner.archived && owner.user_id.as_str().is_some() && owner.owner_type.text() != "QUEUE",
                manager: manager(owner, &by_name, mapping),
                hours: user.and_then(|user| user.get(user::HOURS)).and_then(working_hours),
                absences: Vec::new(),
                deputy: None,
            }
        })
        .collect()
}

fn name(owner: &wire::Owner) -> String {
    let parts: Vec<&str> = [&owner.first_name, &owner.last_name].into_iter().filter_map(wire::Loose::as_str).collect();
    if parts.is_empty() { owner.email.as_str().unwrap_or(owner.id.text()).to_owned() } else { parts.join(" ") }
}

/// Owners by id and by mail address; an active one wins over an archived one with the same address.
fn names(owners: &[wire::Owner]) -> BTreeMap<String, PersonId> {
    let mut names = BTreeMap::new();
    let archived_first =
        owners.iter().filter(|owner| owner.archived).chain(owners.iter().filter(|owner| !owner.archived));
    for owner in archived_first.filter(|owner| owner.id.as_str().is_some()) {
        let id = PersonId::from(owner.id.text());
        if let Some(email) = owner.email.as_str() {
            names.insert(email.to_lowercase(), id.clone());
        }
        names.insert(owner.id.text().to_owned(), id);
    }
    names
}

fn manager(owner: &wire::Owner, by_name: &BTreeMap<String, PersonId>, mapping: &Mapping) -> Option<PersonId> {
    let id = owner.id.text();
    let is_owner =
        |name: &str| name == id || owner.email.as_str().is_some_and(|email| email.eq_ignore_ascii_case(name));
    let by_person = mapping.managers.iter().find(|(person, _)| is_owner(person)).map(|(_, manager)| manager);
    let mut teams: Vec<&wire::Team> = owner.teams.iter().collect();
    teams.sort_by_key(|team| !team.primary);
    let mut by_team = teams.into_iter().filter_map(|team| {
        [&team.id, &team.name]
            .into_iter()
            .filter_map(wire::Loose::as_str)
            .find_map(|name| mapping.team_managers.get(name))
    });
    let resolve = |manager: &String| by_name.get(manager).or_else(|| by_name.get(&manager.to_lowercase())).cloned();
    match by_person {
        Some(manager) => resolve(manager),
        // Whoever manages a team is usually a member of it, and nobody manages themselves.
        None => by_team.find_map(|manager| resolve(manager).filter(|manager| manager.as_str() != id)),
    }
}

/// Working hours from the JSON inside the property; `None` when any of it is not understood.
fn working_hours(text: &str) -> Option<WorkingHours> {
    let mut ranges = Vec::new();
    for hours in wire::hours(text)? {
        let (from, to) = (time(hours.start_minute)?, time(hours.end_minute)?);
        for day in weekdays(&hours.days)? {
            if from < to || to == NaiveTime::MIN {
                ranges.push((day, from, to));
            } else {
                // Over midnight: the rest belongs to the next day.
                ranges.push((day, from, NaiveTime::MIN));
                ranges.push((day.succ(), NaiveTime::MIN, to));
            }
        }
    }
    (!ranges.is_empty()).then_some(WorkingHours { ranges })
}

/// A time of day; minute 1440 is the end of the day, written 00:00.
fn time(minute: u32) -> Option<NaiveTime> {
    (minute <= 24 * 60).then(|| NaiveTime::from_hms_opt(minute / 60 % 24, minute % 60, 0)).flatten()
}

fn weekdays(days: &str) -> Option<Vec<Weekday>> {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let days = match days {
        "MONDAY_TO_FRIDAY" => vec![Mon, Tue, Wed, Thu, Fri],
        "SATURDAY_SUNDAY" => vec![Sat, Sun],
        "EVERY_DAY" => vec![Mon, Tue, Wed, Thu, Fri, Sat, Sun],
        "MONDAY" => vec![Mon],
        "TUESDAY" => vec![Tue],
        "WEDNESDAY" => vec![Wed],
        "THURSDAY" => vec![Thu],
        "FRIDAY" => vec![Fri],
        "SATURDAY" => vec![Sat],
        "SUNDAY" => vec![Sun],
        _ => return None,
    };
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners() -> Vec<wire::Owner> {
        serde_json::from_str(
            r#"[{"id":"10","email":"Ada@Acme.example","type":"PERSON","firstName":"Ada","lastName":"Berg","userId":900,
                 "archived":false,"teams":[{"id":"t1","name":"North","primary":false},{"id":"t2","name":"South","primary":true}]},
                {"id":"11","email":"boss@acme.example","type":"PERSON","firstName":"Bo","userId":901,"archived":false,
                 "teams":[{"id":"t2","name":"South","primary":true}]},
                {"id":"9","email":"boss@acme.example","type":"PERSON","userId":null,"userIdIncludingInactive":899,"archived":true},
                {"id":"12","type":"QUEUE","userId":null,"archived":false}]"#,
        )
        .unwrap()
    }

    fn users() -> Vec<wire::Object> {
        serde_json::from_str(
            r#"[{"id":"1","properties":{"hs_internal_user_id":"900","hs_standard_time_zone":"US/Eastern",
                 "hs_working_hours":"[{\"days\":\"MONDAY_TO_FRIDAY\",\"startMinute\":540,\"endMinute\":1020}]"}},
                {"id":"2","properties":{"hs_internal_user_id":"10","hs_standard_time_zone":"Asia/Tokyo"}}]"#,
        )
        .unwrap()
    }

    #[test]
    fn owners_are_joined_with_users_by_the_user_id_and_not_by_the_owner_id() {
        let people = people(&owners(), &users(), &Mapping::default());
        assert_eq!(people[0].zone, Some(chrono_tz::US::Eastern));
        assert_eq!(people[0].hours.as_ref().unwrap().ranges.len(), 5);
        assert_eq!((people[0].name.as_str(), people[1].name.as_str()), ("Ada Berg", "Bo"));
        assert_eq!(people.iter().map(|person| person.active).collect::<Vec<_>>(), [true, true, false, false]);
        assert_eq!(people[0].manager, None);
    }

    #[test]
    fn a_manager_comes_by_person_else_by_the_main_team_and_is_never_oneself() {
        let manager_of = |mapping: &Mapping, index: usize| {
            people(&owners(), &[], mapping)[index].manager.as_ref().map(|id| id.as_str().to_owned())
        };
        let by_team = Mapping {
            team_managers: [("South".to_owned(), "BOSS@acme.example".to_owned()), ("t1".to_owned(), "12".to_owned())]
                .into(),
            ..Mapping::default()
        };
        assert_eq!(manager_of(&by_team, 0), Some("11".to_owned()));
        assert_eq!(manager_of(&by_team, 1), None);
        let by_person = Mapping { managers: [("ada@acme.example".to_owned(), "12".to_owned())].into(), ..by_team };
        assert_eq!(manager_of(&by_person, 0), Some("12".to_owned()));
    }

    #[test]
    fn hours_over_midnight_are_cut_at_midnight_and_unknown_days_are_no_hours() {
        let at = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let check = |json: &str, expected: Option<Vec<(Weekday, NaiveTime, NaiveTime)>>| {
            assert_eq!(working_hours(json).map(|hours| hours.ranges), expected, "{json}");
        };
        check(r#"[{"days":"FRIDAY","startMinute":540,"endMinute":1440}]"#, Some(vec![(Weekday::Fri, at(9), at(0))]));
        check(
            r#"[{"days":"SUNDAY","startMinute":1320,"endMinute":360}]"#,
            Some(vec![(Weekday::Sun, at(22), at(0)), (Weekday::Mon, at(0), at(6))]),
        );
        check(r#"[{"days":"SOMEDAY","startMinute":540,"endMinute":600}]"#, None);
        check(r#"[{"days":"MONDAY","startMinute":540,"endMinute":2000}]"#, None);
        check("[]", None);
        check("nonsense", None);
    }
}
