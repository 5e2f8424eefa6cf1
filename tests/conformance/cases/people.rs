//! People: who is there, who left, and whose a record is.

use dealclock_model::PersonId;

use super::Listed;
use crate::world::World;

pub const CASES: &[Listed] = &[
    ("people", "discovery", |world| Box::pin(discovery(world))),
    ("people", "owner deactivated", |world| Box::pin(owner_deactivated(world))),
    ("people", "account", |world| Box::pin(account(world))),
];

async fn active(world: &World, id: &PersonId) -> Option<bool> {
    let people = world.crm.discover().await.unwrap().people;
    people.iter().find(|person| person.id == *id).map(|person| person.active)
}

async fn discovery(world: &World) {
    world.add(1);
    let discovery = world.crm.discover().await.unwrap();
    let owner = world.subject.owner();
    let person = discovery.people.iter().find(|person| person.id == owner).unwrap();
    assert!(person.active && person.zone.is_some() && person.email.is_some(), "{person:?}");
    assert!(discovery.pipelines.iter().any(|pipeline| !pipeline.stages.is_empty()));
    assert!(discovery.fields.values().any(|fields| !fields.is_empty()));
}

async fn owner_deactivated(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    let owner = world.subject.owner();
    assert_eq!(active(world, &owner).await, Some(true));
    world.subject.deactivate_owner();
    world.subject.pass(60);
    assert_eq!(active(world, &owner).await, Some(false), "who left stays known, for records still name them");
    assert_eq!(world.record(&ids[0]).await.owner, Some(owner));
}

async fn account(world: &mut World) {
    let before = world.crm.check().await.unwrap();
    assert!(before.problems.iter().all(|problem| !problem.fatal), "{:?}", before.problems);
    assert_eq!(before.once, dealclock_connector::Once::Exactly);
    world.restart();
    assert_eq!(world.crm.check().await.unwrap().id, before.id, "an account keeps its id");
}
