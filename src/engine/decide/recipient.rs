//! Who gets a step: the role's holder, or whoever stands in for them.

use std::collections::BTreeSet;

use dealclock_model::{People, Person, PersonId};

use super::matter::Matter;
use crate::rules::{Absence, Slot};
use crate::time::local_date;

/// Who gets a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    /// The person.
    pub(super) person: PersonId,
    /// Why it is not the one whom the slot names, when it is not.
    pub(super) instead: Option<&'static str>,
}

impl Matter<'_> {
    /// The person whom a slot means now; `None` when nobody can receive anything.
    pub(super) fn recipient(&self, slot: Slot) -> Option<Recipient> {
        let found = whoever(self.desk.people, self.record.owner.as_ref(), slot)?;
        Some(match self.rule.absence {
            Absence::Delegate => self.deputise(found),
            Absence::Ignore | Absence::Extend => found,
        })
    }

    /// The deputy of somebody who is away today, when there is one.
    fn deputise(&self, found: Recipient) -> Recipient {
        let people = self.desk.people;
        let today = local_date(self.desk.now, people.zone_of(Some(&found.person)));
        let away = people.get(&found.person).filter(|person| person.absences.iter().any(|days| days.contains(today)));
        match away
            .and_then(|person| person.deputy.as_ref())
            .filter(|deputy| standing(people, deputy) == Standing::Active)
        {
            Some(deputy) => Recipient { person: deputy.clone(), instead: Some("is away, and this is the deputy") },
            None => found,
        }
    }
}

/// The person whom a slot means by its place to an owner, or whoever stands in; `None` when nobody can receive anything.
pub(super) fn whoever(people: &People, owner: Option<&PersonId>, slot: Slot) -> Option<Recipient> {
    match (holder(people, owner, slot), slot) {
        (Some(person), _) => match standing(people, &person) {
            Standing::Active => Some(Recipient { person, instead: None }),
            Standing::Inactive => stand_in(people, &person, "is inactive"),
            // Without a stand-in the CRM is asked: it may know somebody who is newer than our directory.
            Standing::Unknown => Some(
                stand_in(people, &person, "is not among the people of the CRM")
                    .unwrap_or(Recipient { person, instead: None }),
            ),
        },
        (None, Slot::Owner) => fallback(people, "the record has no owner"),
        (None, Slot::Manager | Slot::ManagersManager) => match owner {
            Some(_) => fallback(people, "there is no manager"),
            None => fallback(people, "the record has no owner"),
        },
    }
}

/// What the directory says of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// They can receive something.
    Active,
    /// They cannot.
    Inactive,
    /// Nobody of this id is in the directory: somebody new, or a mistake in the record.
    Unknown,
}

/// What the directory says of a person.
pub(super) fn standing(people: &People, person: &PersonId) -> Standing {
    match people.get(person) {
        Some(person) if person.active => Standing::Active,
        Some(_) => Standing::Inactive,
        None => Standing::Unknown,
    }
}

pub(super) fn manager(people: &People, person: &PersonId) -> Option<PersonId> {
    people.get(person).and_then(|person| person.manager.clone())
}

pub(super) fn holder(people: &People, owner: Option<&PersonId>, slot: Slot) -> Option<PersonId> {
    let owner = owner?;
    match slot {
        Slot::Owner => Some(owner.clone()),
        Slot::Manager => manager(people, owner),
        Slot::ManagersManager => manager(people, owner).and_then(|boss| manager(people, &boss)),
    }
}

/// The first active person up the chain of managers, else the fallback; a circle in the chain ends at the fallback.
pub(super) fn stand_in(people: &People, person: &PersonId, why: &'static str) -> Option<Recipient> {
    let mut passed = BTreeSet::from([person.clone()]);
    let mut next = manager(people, person);
    while let Some(boss) = next {
        if standing(people, &boss) == Standing::Active {
            return Some(Recipient { person: boss, instead: Some(why) });
        }
        next = manager(people, &boss).filter(|next| !passed.contains(next));
        passed.insert(boss);
    }
    fallback(people, why)
}

pub(super) fn fallback(people: &People, why: &'static str) -> Option<Recipient> {
    let person = people.profile.fallback.clone().filter(|person| standing(people, person) != Standing::Inactive)?;
    Some(Recipient { person, instead: Some(why) })
}

/// A person's name for the journal, or the id where the directory has no name.
pub(super) fn name<'a>(people: &'a People, person: &'a PersonId) -> &'a str {
    match people.get(person) {
        Some(Person { name, .. }) if !name.is_empty() => name,
        Some(_) | None => person.as_str(),
    }
}
