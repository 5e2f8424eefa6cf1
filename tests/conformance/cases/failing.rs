//! Failing: whatever goes wrong on the way, reading loses nothing and writing doubles nothing.

use dealclock_connector::ErrorKind;
use dealclock_model::Object;

use super::Listed;
use crate::subject::{Step, Trouble};
use crate::world::{World, again_at, is_transient};

pub const CASES: &[Listed] = &[
    ("failing", "throttled with Retry-After", |world| Box::pin(throttled(world))),
    ("failing", "throttled without Retry-After", |world| Box::pin(throttled_vaguely(world))),
    ("failing", "token expires amid a batch", |world| Box::pin(token_expires(world))),
    ("failing", "token revoked amid a batch", |world| Box::pin(token_revoked(world))),
    ("failing", "success status with errors inside", |world| Box::pin(errors_inside(world))),
    ("failing", "time-out after apply, then find", |world| Box::pin(lost_after(world))),
    ("failing", "time-out before apply, then find", |world| Box::pin(lost_before(world))),
    ("failing", "reset before send", |world| Box::pin(not_sent(world))),
    ("failing", "truncated body", |world| Box::pin(truncated(world))),
    ("failing", "HTML in place of an answer", |world| Box::pin(web_page(world))),
    ("failing", "redirect", |world| Box::pin(redirected(world))),
    ("failing", "paging link to another host", |world| Box::pin(foreign_link(world))),
];

/// A poll that fails: what it says of it, and that the change is seen afterwards nevertheless.
async fn poll_through(world: &mut World, trouble: Trouble) -> ErrorKind {
    let ids = world.add(1);
    let cursor = world.settle().await;
    world.subject.rename(&ids[0], "changed");
    world.subject.pass(60);
    strike(world, Step::Poll, trouble);
    let error = world.crm.changes(Object::Opportunity, Some(&cursor)).await.unwrap_err();
    assert!(!error.message.is_empty());
    world.subject.heal();
    world.subject.pass(120);
    assert!(world.read(Some(&cursor)).await.ids().contains(ids[0].as_str()), "the change is not lost");
    error.kind
}

/// Creations that meet a trouble: what is said of each, and that each appears once in the end.
async fn write_through(world: &mut World, trouble: Trouble, count: usize) -> Vec<Option<ErrorKind>> {
    let ids = world.add(1);
    world.settle().await;
    let writes = world.reminders(&ids[0], count);
    strike(world, Step::Create, trouble);
    let kinds: Vec<_> = world.apply(&writes).await.into_iter().map(Result::err).collect();
    world.subject.heal();
    world.subject.pass(120);
    let open: Vec<_> = writes.iter().zip(&kinds).filter(|(_, kind)| kind.is_some()).collect();
    for (kind, made) in kinds.iter().zip(world.made(&writes)) {
        match kind {
            None => assert_eq!(made, 1, "success means that it is there"),
            Some(ErrorKind::Unknown) => {}
            Some(kind) => assert_eq!(made, 0, "{kind:?} means that nothing was written"),
        }
    }
    // As the daemon goes on: what is open is looked up, then tried again.
    let open: Vec<_> = open.into_iter().map(|(write, _)| write.clone()).collect();
    let found = world.crm.find(&open).await.unwrap();
    let is_found: Vec<bool> = found.iter().map(Option::is_some).collect();
    let is_made: Vec<bool> = world.made(&open).into_iter().map(|made| made == 1).collect();
    assert_eq!(is_found, is_made, "find says what is so");
    let missing: Vec<_> = open.into_iter().zip(is_found).filter(|(_, found)| !found).map(|(write, _)| write).collect();
    world.deliver(&missing).await;
    world.assert_once(&writes);
    kinds
}

/// Lets a trouble befall a step. What does not leave meets a connection that does not stand yet.
fn strike(world: &mut World, step: Step, trouble: Trouble) {
    if trouble == Trouble::NotSent {
        world.restart();
    }
    world.subject.befall(step, trouble);
}

async fn throttled(world: &mut World) {
    let until = world.now() + chrono::Duration::seconds(60 + 60 + 30);
    let kind = poll_through(world, Trouble::Throttled(Some(30))).await;
    assert_eq!(again_at(kind), Some(until), "{kind:?}");
    let asked = world.now() + chrono::Duration::seconds(60 + 30);
    for kind in write_through(world, Trouble::Throttled(Some(30)), 3).await {
        assert_eq!(kind.and_then(again_at), Some(asked), "{kind:?}");
    }
}

async fn throttled_vaguely(world: &mut World) {
    let asked = world.now() + chrono::Duration::seconds(60 + 60);
    let kind = poll_through(world, Trouble::Throttled(None)).await;
    assert!(again_at(kind).is_some_and(|until| until > asked), "{kind:?}: it is asked later, not at once");
    let asked = world.now() + chrono::Duration::seconds(60);
    for kind in write_through(world, Trouble::Throttled(None), 3).await {
        assert!(kind.and_then(again_at).is_some_and(|until| until > asked), "{kind:?}");
    }
}

async fn token_expires(world: &mut World) {
    let count = world.subject.batch() + 10;
    let kinds = write_through(world, Trouble::Expired, count).await;
    assert!(kinds.iter().all(Option::is_none), "another access is fetched, and the call repeated");
}

async fn token_revoked(world: &mut World) {
    let count = world.subject.batch() + 10;
    let kinds = write_through(world, Trouble::Revoked, count).await;
    let refused = kinds.iter().filter(|kind| **kind == Some(ErrorKind::Unauthorized)).count();
    assert_eq!((refused, kinds.iter().filter(|kind| kind.is_none()).count()), (10, count - 10));
}

async fn errors_inside(world: &mut World) {
    let kinds = write_through(world, Trouble::ErrorsInside, 4).await;
    let failed: Vec<bool> = kinds.iter().map(Option::is_some).collect();
    assert_eq!(failed.iter().filter(|failed| **failed).count(), 2, "{kinds:?}");
}

async fn lost_after(world: &mut World) {
    let kinds = write_through(world, Trouble::LostAfter, 3).await;
    assert_eq!(kinds, [Some(ErrorKind::Unknown); 3]);
}

async fn lost_before(world: &mut World) {
    assert!(is_transient(poll_through(world, Trouble::LostBefore).await));
    let kinds = write_through(world, Trouble::LostBefore, 3).await;
    assert_eq!(kinds, [Some(ErrorKind::Unknown); 3]);
}

async fn not_sent(world: &mut World) {
    assert!(is_transient(poll_through(world, Trouble::NotSent).await));
    for kind in write_through(world, Trouble::NotSent, 3).await {
        assert!(kind.is_some_and(is_transient), "{kind:?}: what did not leave was not written");
    }
}

async fn truncated(world: &mut World) {
    assert!(is_transient(poll_through(world, Trouble::Truncated).await));
    assert_eq!(write_through(world, Trouble::Truncated, 3).await, [Some(ErrorKind::Unknown); 3]);
}

async fn web_page(world: &mut World) {
    assert!(is_transient(poll_through(world, Trouble::WebPage).await));
    assert_eq!(write_through(world, Trouble::WebPage, 3).await, [Some(ErrorKind::Unknown); 3]);
}

async fn redirected(world: &mut World) {
    assert!(is_transient(poll_through(world, Trouble::Redirected).await));
    let kinds = write_through(world, Trouble::Redirected, 3).await;
    assert!(kinds.iter().all(Option::is_some), "{kinds:?}");
}

async fn foreign_link(world: &mut World) {
    let (page, _) = world.subject.pages();
    let ids = world.add(page + 1);
    world.subject.befall(Step::List, Trouble::ForeignLink);
    // It may be followed on its own host, or refused; it is never followed to the other one.
    if let Ok(first) = world.page(None).await {
        let _ = world.page(Some(first.next.cursor())).await;
    }
    assert_eq!(world.subject.strangers(), Vec::<String>::new());
    world.subject.heal();
    assert_eq!(world.read(None).await.ids().len(), ids.len());
}
