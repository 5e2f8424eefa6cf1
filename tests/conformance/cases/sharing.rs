//! Sharing: the account has other users, and our logs have other readers.

use dealclock_connector::ErrorKind;
use dealclock_model::Object;

use super::Listed;
use crate::subject::{Step, Trouble};
use crate::world::World;

/// The case whose account is limited as its CRM limits it; the others see no limits.
pub const LIMITED: &str = "our share of the limits kept";

pub const CASES: &[Listed] = &[
    ("sharing", LIMITED, |world| Box::pin(share(world))),
    ("sharing", "secrets absent from logs and errors", |world| Box::pin(secrets(world))),
];

async fn share(world: &World) {
    world.add(1);
    let start = world.now();
    let mut cursor = world.settle().await;
    let (mut answered, mut held) = (0, 0);
    for _ in 0..600 {
        match world.crm.changes(Object::Opportunity, Some(&cursor)).await {
            Ok(page) => {
                answered += 1;
                cursor = page.next.cursor().clone();
            }
            Err(error) => {
                assert!(matches!(error.kind, ErrorKind::Throttled { .. }), "{error}");
                held += 1;
                world.subject.pass(1);
            }
        }
    }
    assert!(answered > 0 && held > 0, "{answered} answered, {held} held back");
    let (calls, share) = (world.subject.calls(), world.subject.share((world.now() - start).num_seconds()));
    assert!(calls <= share, "{calls} calls of {share}");
    assert_eq!(world.subject.refusals(), 0, "the CRM never had to refuse");
}

async fn secrets(world: &World) {
    let ids = world.add(1);
    let cursor = world.settle().await;
    // After every case of the suite logs and errors are looked through; here they are made on purpose.
    for trouble in [Trouble::WebPage, Trouble::Truncated, Trouble::LostAfter, Trouble::Throttled(None)] {
        for step in [Step::Poll, Step::Create] {
            world.subject.befall(step, trouble);
            match step {
                Step::Poll | Step::List => drop(world.crm.changes(Object::Opportunity, Some(&cursor)).await),
                Step::HandIn => panic!("no case hands anything in here"),
                Step::Create => drop(world.apply(&world.reminders(&ids[0], 2)).await),
            }
            world.subject.heal();
            world.subject.pass(120);
        }
    }
    assert!(!world.subject.secrets().is_empty());
}
