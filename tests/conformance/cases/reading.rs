//! Reading: every record is seen, and no change is missed.

use std::collections::BTreeSet;

use dealclock_connector::{Cursor, ErrorKind, Next};
use dealclock_model::ChangeState;
use serde_json::json;

use super::Listed;
use crate::world::{World, name, reference};

pub const CASES: &[Listed] = &[
    ("reading", "first read", |world| Box::pin(first_read(world))),
    ("reading", "page ends", |world| Box::pin(page_ends(world))),
    ("reading", "repeated pages", |world| Box::pin(repeated_pages(world))),
    ("reading", "restart between pages", |world| Box::pin(restart_between_pages(world))),
    ("reading", "equal timestamps", |world| Box::pin(equal_timestamps(world))),
    ("reading", "late-visible rows", |world| Box::pin(late_visible_rows(world))),
    ("reading", "idle poll", |world| Box::pin(idle_poll(world))),
    ("reading", "foreign cursor", |world| Box::pin(foreign_cursor(world))),
    ("reading", "delete", |world| Box::pin(delete(world))),
    ("reading", "undelete", |world| Box::pin(undelete(world))),
    ("reading", "merge", |world| Box::pin(merge(world))),
    ("reading", "unknown record", |world| Box::pin(unknown_record(world))),
    ("reading", "Unicode", |world| Box::pin(unicode(world))),
    ("reading", "text of 1 MB", |world| Box::pin(long_text(world))),
];

fn texts(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(String::as_str).collect()
}

async fn first_read(world: &World) {
    assert_eq!(world.read(None).await.ids(), BTreeSet::new());
    let ids = world.add(3);
    let read = world.read(None).await;
    assert_eq!(read.ids(), texts(&ids));
    let owner = world.subject.owner();
    for state in read.states().into_values() {
        let ChangeState::Present(record) = state else { panic!("not present") };
        assert_eq!(record.owner.as_ref(), Some(&owner));
        assert!(name(record).starts_with("Deal "), "{record:?}");
        assert_eq!(record.parked, None);
    }
}

async fn page_ends(world: &World) {
    let (page, _) = world.subject.pages();
    let mut ids = world.add(page - 1);
    for expected in [page - 1, page, page + 1] {
        let read = world.read(None).await;
        assert_eq!((read.ids().len(), read.ids() == texts(&ids)), (expected, true));
        assert!(read.pages <= expected / page + 2, "{} pages", read.pages);
        world.subject.pass(1);
        ids.extend(world.add(1));
    }
}

async fn repeated_pages(world: &World) {
    let cursor = world.settle().await;
    let ids = world.add(5);
    world.subject.pass(60);
    let once = world.read(Some(&cursor)).await;
    let again = world.read(Some(&cursor)).await;
    assert!(once.ids().is_superset(&texts(&ids)));
    assert!(again.ids().is_superset(&texts(&ids)), "a cursor may be used again");
}

async fn restart_between_pages(world: &mut World) {
    let (page, _) = world.subject.pages();
    let ids = world.add(page + 1);
    let first = world.page(None).await.unwrap();
    let Next::More(cursor) = &first.next else { panic!("one page holds them all") };
    let stored: Cursor = serde_json::from_str(&serde_json::to_string(cursor).unwrap()).unwrap();
    world.restart();
    let rest = world.read(Some(&stored)).await;
    let mut seen = rest.ids();
    seen.extend(first.changes.iter().map(|change| change.record.id.as_str()));
    assert_eq!(seen, texts(&ids));
}

async fn equal_timestamps(world: &World) {
    let cursor = world.settle().await;
    let (_, page) = world.subject.pages();
    let ids = world.add(page + 50);
    world.subject.pass(5);
    assert!(
        world.read(Some(&cursor)).await.ids().is_superset(&texts(&ids)),
        "more share one instant than a page holds"
    );
}

async fn late_visible_rows(world: &World) {
    let ids = world.add(2);
    let cursor = world.settle().await;
    world.subject.hide(&ids[0], 100);
    world.subject.rename(&ids[0], "late");
    world.subject.pass(5);
    world.subject.rename(&ids[1], "soon");
    world.subject.pass(5);
    let names = |read: &crate::world::Read, id: &str| match read.states().get(id) {
        Some(ChangeState::Present(record)) => name(record).to_owned(),
        Some(_) | None => String::new(),
    };
    let early = world.read(Some(&cursor)).await;
    assert_eq!(names(&early, &ids[1]), "soon");
    assert_ne!(names(&early, &ids[0]), "late", "the case needs a row that is not visible yet");
    world.subject.pass(120);
    let later = world.read(Some(&early.cursor)).await;
    assert_eq!(names(&later, &ids[0]), "late", "what became visible behind the cursor is seen");
}

async fn idle_poll(world: &World) {
    world.add(3);
    let mut cursor = world.settle().await;
    let before = world.subject.calls();
    for _ in 0..5 {
        world.subject.pass(60);
        let read = world.read(Some(&cursor)).await;
        assert_eq!(read.pages, 1);
        cursor = read.cursor;
    }
    let calls = world.subject.calls() - before;
    assert!(calls <= 5, "{calls} calls for five idle polls");
}

async fn foreign_cursor(world: &World) {
    let cursor = Cursor(json!({ "somebody": "else's" }));
    let error = world.page(Some(&cursor)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Rejected, "{error}");
}

async fn delete(world: &World) {
    let ids = world.add(2);
    let cursor = world.settle().await;
    world.subject.delete(&ids[0]);
    world.subject.pass(60);
    assert_eq!(world.state(&ids[0]).await, ChangeState::Deleted);
    assert!(matches!(world.state(&ids[1]).await, ChangeState::Present(_)));
    let read = world.read(Some(&cursor)).await;
    assert!(!read.ids().contains(ids[0].as_str()), "a poll shows nothing that is gone");
    assert_eq!(world.read(None).await.ids(), BTreeSet::from([ids[1].as_str()]));
}

async fn undelete(world: &World) {
    let ids = world.add(1);
    let mut cursor = world.settle().await;
    world.subject.delete(&ids[0]);
    world.subject.pass(60);
    cursor = world.read(Some(&cursor)).await.cursor;
    assert_eq!(world.state(&ids[0]).await, ChangeState::Deleted);
    world.subject.restore(&ids[0]);
    world.subject.pass(60);
    world.read(Some(&cursor)).await;
    assert!(matches!(world.state(&ids[0]).await, ChangeState::Present(_)));
    assert_eq!(world.read(None).await.ids(), texts(&ids));
}

async fn merge(world: &World) {
    let ids = world.add(2);
    world.settle().await;
    world.subject.merge(&ids[0], &ids[1]);
    world.subject.pass(60);
    assert_eq!(world.state(&ids[1]).await, ChangeState::Merged { into: ids[0].as_str().into() });
    assert!(matches!(world.state(&ids[0]).await, ChangeState::Present(_)));
    assert_eq!(world.read(None).await.ids(), BTreeSet::from([ids[0].as_str()]));
}

async fn unknown_record(world: &World) {
    let ids = world.add(1);
    world.settle().await;
    // An id of the right shape that no record has any more.
    world.subject.delete(&ids[0]);
    world.subject.pass(60);
    let asked = [reference(&ids[0]), reference(&ids[0])];
    let states = world.crm.fetch(&asked).await.unwrap();
    assert_eq!(states.iter().map(|change| &change.record).collect::<Vec<_>>(), asked.iter().collect::<Vec<_>>());
    assert_eq!(world.crm.fetch(&[]).await.unwrap(), []);
}

async fn unicode(world: &World) {
    let names = ["Größe 5 > 3 & \"so\"", "日本の商談 🚀", "e\u{301}\u{200d}عقد", "tab\tinside"].map(str::to_owned);
    let ids = world.subject.add(&names);
    world.settle().await;
    for (id, wanted) in ids.iter().zip(&names) {
        assert_eq!(name(&world.record(id).await), wanted);
    }
}

async fn long_text(world: &World) {
    let ids = world.subject.add(&[long_name(), "short".to_owned()]);
    let read = world.read(None).await;
    assert_eq!(read.ids(), texts(&ids));
    let record = world.record(&ids[0]).await;
    assert_eq!(name(&record).len(), LONG, "nothing is cut");
    assert_eq!(name(&world.record(&ids[1]).await), "short");
}

/// A megabyte.
const LONG: usize = 1 << 20;

/// A subject whose CRM takes no such name puts it into the answers in the place of this mark.
pub const MARK: &str = "MEGABYTE";

fn long_name() -> String {
    MARK.to_owned()
}

/// What the mark stands for.
pub fn megabyte() -> String {
    "x".repeat(LONG)
}
